// SPDX-License-Identifier: MIT
/* What names can be made to do: the inode operations of directories.
 *
 * Each is one operation of the journal, too (operation.c): begun before anything is changed, ended with the inodes
 * that were changed. An inode that has lost its last link goes onto the list of orphans in the same
 * operation; its last user frees it in others. Putting an inode can free it, and so comes after the end.
 *
 * Each operation allocates what it needs first, then changes the directory, then counts; what
 * can fail comes before what shows. So it holds the blocks of the table that the inodes stand in: at its end they can be
 * put there, whatever the disk and memory are like by then. Link counts change under the locks that the VFS holds
 * (inode_ops in fs/vfs/inode.h). A new inode is complete before its name appears; a removed name
 * is gone before its inode is. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

/* A directory has two links of its own (its name and "."), and one more for each directory in
 * it. */
void ext_change_links(struct inode *inode, int change)
{
    uint32_t least = inode_is(inode, S_IFDIR) ? 2 : 0;

    if (change < 0 && inode->nr_links <= least) {
        (void)super_damaged(inode->super, "inode %llu: has fewer links (%u) than names",
                            (unsigned long long)inode->number, inode->nr_links);
        return;
    }
    inode->nr_links = (uint32_t)((int)inode->nr_links + change);
    inode_touch_changed(inode);
}

static int hold_table(struct ext_name_change *change, unsigned index, struct inode *inode)
{
    struct ext_disk_inode *disk;

    change->inodes[index] = inode;
    return inode == NULL ? 0
                         : ext_inode_read_table(change->fs, (uint32_t)inode->number,
                                                &change->tables[index], &disk);
}

static void let_go(struct ext_name_change *change)
{
    for (size_t i = 0; i < array_size(change->tables); i++) {
        meta_put(&change->tables[i]);
    }
    ext_end(change->fs, EXT_NAME_BLOCKS);
}

int ext_begin_names(struct ext_name_change *change, struct ext_fs *fs, struct inode *first,
                    struct inode *second, struct inode *third, struct inode *fourth)
{
    struct inode *const inodes[] = {first, second, third, fourth};
    int error = ext_begin(fs, EXT_NAME_BLOCKS);

    if (error != 0) {
        return error;
    }
    *change = (struct ext_name_change){.fs = fs};
    for (unsigned i = 0; i < array_size(inodes) && error == 0; i++) {
        error = hold_table(change, i, inodes[i]);
    }
    if (error != 0) {
        let_go(change);
    }
    return error;
}

void ext_end_names(struct ext_name_change *change)
{
    for (size_t i = 0; i < array_size(change->inodes); i++) {
        struct inode *inode = change->inodes[i];

        if (inode != NULL && inode->nr_links == 0) {
            ext_orphan_add(inode);
            if (change->fs->journal == NULL) {
                (void)!ext_write_inode(inode); /* what e2fsck finds has no links, either */
            }
        }
    }
    ext_log_inodes(change->inodes, array_size(change->inodes));
    let_go(change);
}

/* A new inode becomes the caller's, or goes for want of a name. */
static int give_new(int error, struct inode *inode, struct inode **out)
{
    if (error != 0) {
        inode_put(inode);
    } else {
        *out = inode;
    }
    return error;
}

static int ext_lookup(struct inode *dir, const char *name, size_t len, struct inode **inode)
{
    uint32_t number;
    int error = ext_dir_find(dir, name, len, &number);

    return error != 0 ? error : ext_inode_get(dir->super, number, inode);
}

/* Give a new inode its name; on failure it goes, too. */
static int add_name(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
    int error = ext_dir_add(dir, name, len, (uint32_t)inode->number, inode->mode);

    if (error != 0) {
        ext_inode_discard(inode);
    }
    return error;
}

static int ext_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
                      uint32_t dev_number, uid_t uid, gid_t gid, struct inode **out)
{
    struct ext_name_change change;
    struct inode *inode = NULL;
    int error = ext_begin_names(&change, ext_fs(dir->super), dir, NULL, NULL, NULL);

    if (error != 0) {
        return error;
    }
    error = ext_inode_create(&change, dir, mode, dev_number, uid, gid, &inode);
    if (error == 0) {
        error = add_name(dir, name, len, inode);
    }
    ext_end_names(&change);
    return give_new(error, inode, out);
}

/* An orphan from the start: after a power cut it is nobody's. */
static int ext_tmpfile(struct inode *dir, uint32_t mode, uid_t uid, gid_t gid, struct inode **out)
{
    struct ext_name_change change;
    struct inode *inode = NULL;
    int error = ext_begin_names(&change, ext_fs(dir->super), NULL, NULL, NULL, NULL);

    if (error != 0) {
        return error;
    }
    error = ext_inode_create(&change, dir, mode, 0, uid, gid, &inode);
    if (error == 0) {
        ext_inode_discard(inode);
    }
    ext_end_names(&change);
    return give_new(error, inode, out);
}

static int make_symlink(struct ext_name_change *change, struct inode *dir, const char *name,
                        size_t len, const char *target, uid_t uid, gid_t gid, struct inode **inode)
{
    int error = ext_inode_create(change, dir, S_IFLNK | 0777, 0, uid, gid, inode);

    if (error != 0) {
        return error;
    }
    error = ext_symlink_store(*inode, target, strlen(target));
    if (error != 0) {
        ext_inode_discard(*inode);
        return error;
    }
    return add_name(dir, name, len, *inode);
}

static int ext_symlink(struct inode *dir, const char *name, size_t len, const char *target,
                       uid_t uid, gid_t gid, struct inode **out)
{
    struct ext_fs *fs = ext_fs(dir->super);
    struct ext_name_change change;
    struct inode *inode = NULL;
    int error;

    if (strlen(target) >= fs->block_bytes) {
        return -ENAMETOOLONG;
    }
    error = ext_begin_names(&change, fs, dir, NULL, NULL, NULL);
    if (error != 0) {
        return error;
    }
    error = make_symlink(&change, dir, name, len, target, uid, gid, &inode);
    ext_end_names(&change);
    return give_new(error, inode, out);
}

static int make_dir(struct ext_name_change *change, struct inode *dir, const char *name, size_t len,
                    uint32_t mode, uid_t uid, gid_t gid, struct inode **inode)
{
    int error = ext_inode_create(change, dir, S_IFDIR | (mode & ~S_IFMT), 0, uid, gid, inode);

    if (error != 0) {
        return error;
    }
    (*inode)->nr_links = 2; /* its name, and its own "." */
    error = ext_dir_init(*inode, (uint32_t)dir->number);
    if (error != 0) {
        ext_inode_discard(*inode);
        return error;
    }
    error = add_name(dir, name, len, *inode);
    if (error == 0) {
        ext_change_links(dir, 1); /* the new directory's ".." */
    }
    return error;
}

static int ext_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                     gid_t gid, struct inode **out)
{
    struct ext_name_change change;
    struct inode *inode = NULL;
    int error;

    if (dir->nr_links >= EXT_MAX_LINKS) {
        return -EMLINK;
    }
    error = ext_begin_names(&change, ext_fs(dir->super), dir, NULL, NULL, NULL);
    if (error != 0) {
        return error;
    }
    error = make_dir(&change, dir, name, len, mode, uid, gid, &inode);
    ext_end_names(&change);
    return give_new(error, inode, out);
}

static int ext_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct ext_name_change change;
    int error;

    if (target->nr_links >= EXT_MAX_LINKS) {
        return -EMLINK;
    }
    error = ext_begin_names(&change, ext_fs(dir->super), dir, target, NULL, NULL);
    if (error != 0) {
        return error;
    }
    error = ext_orphan_remove(target); /* one that had no name may be an orphan */
    if (error == 0) {
        ext_change_links(target, 1);
        error = ext_dir_add(dir, name, len, (uint32_t)target->number, target->mode);
        if (error != 0) {
            ext_change_links(target, -1); /* and is one again at the operation's end */
        }
    }
    ext_end_names(&change);
    return error;
}

static int ext_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct ext_name_change change;
    int error = ext_begin_names(&change, ext_fs(dir->super), dir, target, NULL, NULL);

    if (error != 0) {
        return error;
    }
    error = ext_dir_remove(dir, name, len);
    if (error == 0) {
        ext_change_links(target, -1);
    }
    ext_end_names(&change);
    return error;
}

static int ext_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct ext_name_change change;
    int error = ext_dir_check_empty(target);

    if (error == 0) {
        error = ext_begin_names(&change, ext_fs(dir->super), dir, target, NULL, NULL);
    }
    if (error != 0) {
        return error;
    }
    error = ext_dir_remove(dir, name, len);
    if (error == 0) {
        target->nr_links = 0;
        inode_touch_changed(target);
        ext_change_links(dir, -1);
    }
    ext_end_names(&change);
    return error;
}

int ext_setattr(struct inode *inode, const struct attr_change *change)
{
    int error = 0;

    if ((change->valid & ATTR_SIZE) != 0) {
        if (change->size_bytes > ext_max_file_bytes(ext_fs(inode->super))) {
            return -EFBIG;
        }
        error = ext_truncate_blocks(inode, change->size_bytes);
    }
    inode_store_attr(inode, change);
    return error;
}

const struct inode_ops ext_dir_ops = {
    .lookup = ext_lookup,
    .create = ext_create,
    .tmpfile = ext_tmpfile,
    .mkdir = ext_mkdir,
    .symlink = ext_symlink,
    .link = ext_link,
    .unlink = ext_unlink,
    .rmdir = ext_rmdir,
    .rename = ext_rename,
    .exchange = ext_exchange,
    .setattr = ext_setattr,
};

const struct inode_ops ext_file_ops = {
    .setattr = ext_setattr,
    .fallocate = generic_fallocate,
    .punch = ext_punch,
};
