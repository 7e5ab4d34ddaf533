// SPDX-License-Identifier: MIT
/* What names can be made to do: the inode operations of directories, but for rename (rename.c).
 *
 * FAT has files and directories, and one name for each: no links, symlinks, devices, FIFOs (EPERM).
 *
 * Order. What an entry leads to is complete before the entry is made: a new directory's cluster
 * and its place in the table are durable. What an entry led to is freed after the entry is gone
 * (free.c). */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

static int fat_lookup(struct inode *dir, const char *name, size_t len, struct inode **inode)
{
    struct fat_found found;
    int error = fat_dir_find(dir, name, len, &found);

    return error != 0 ? error : fat_inode_get(dir, &found, inode);
}

/* Add an entry and make its inode. */
static int add_entry(struct inode *dir, const char *name, size_t len, struct fat_disk_entry *entry,
                     struct inode **out)
{
    struct fat_found found;
    struct fat_place place;
    int error = fat_dir_add(dir, name, len, entry, &place);

    if (error != 0) {
        return error;
    }
    found.entry = *entry;
    found.position = place.position;
    found.slot = place.slot;
    found.nr_long = place.nr_long;
    error = fat_inode_get(dir, &found, out);
    if (error != 0) {
        (void)!fat_dir_erase(dir, &place); /* it was there a moment ago */
    }
    return error;
}

static int fat_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
                      uint32_t dev_number, uid_t uid, gid_t gid, struct inode **out)
{
    struct fat_disk_entry entry;

    if ((mode & S_IFMT) != S_IFREG) {
        return -EPERM;
    }
    fat_inode_new_entry(dir->super, FAT_ATTR_ARCHIVE, 0, &entry);
    return add_entry(dir, name, len, &entry, out);
}

static int fat_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                     gid_t gid, struct inode **out)
{
    struct fat_fs *fs = fat_fs(dir->super);
    struct fat_disk_entry entry;
    uint32_t start = 0, nr = 0;
    int error = fat_alloc(fs, 0, 1, &start, &nr);

    if (error != 0) {
        return error;
    }
    fat_inode_new_entry(dir->super, FAT_ATTR_DIRECTORY, start, &entry);
    error = fat_dir_init(fs, &entry, nr, fat_dir_start(dir));
    if (error == 0) {
        error = add_entry(dir, name, len, &entry, out);
    }
    if (error != 0) {
        (void)!fat_free_chain(fs, start);
        return error;
    }
    dir->nr_links++;
    inode_touch_changed(dir);
    return 0;
}

/* Take the entry away from the inode, and then from the directory. */
static int remove_entry(struct inode *dir, struct inode *target)
{
    struct fat_place place = fat_place_of(target);
    int error;

    fat_place_set(target, NULL);
    error = fat_dir_erase(dir, &place);
    if (error != 0) {
        fat_place_set(target, &place);
    }
    return error;
}

static int fat_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int error = remove_entry(dir, target);

    if (error == 0) {
        target->nr_links = 0;
        inode_touch_changed(target);
    }
    return error;
}

static int fat_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int error = fat_dir_check_empty(target);

    if (error == 0) {
        error = remove_entry(dir, target);
    }
    if (error == 0) {
        target->nr_links = 0;
        inode_touch_changed(target);
        dir->nr_links--;
        inode_touch_changed(dir);
    }
    return error;
}

const struct inode_ops fat_dir_ops = {
    .lookup = fat_lookup,
    .create = fat_create,
    .mkdir = fat_mkdir,
    .unlink = fat_unlink,
    .rmdir = fat_rmdir,
    .rename = fat_rename,
    .setattr = fat_setattr,
};

const struct inode_ops fat_file_ops = {
    .setattr = fat_setattr,
    .fallocate = fat_fallocate,
};
