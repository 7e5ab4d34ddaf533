// SPDX-License-Identifier: MIT
/* tmpfs: what the VFS does to directories. The entries themselves are kept by tmpfs_entry.c. */
#include "fs/tmpfs/tmpfs_internal.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

/* ---- Operations ------------------------------------------------------------------------------ */

/* Give a fresh inode a name; its one reference becomes the entry's, a further one the caller's. */
static int add_named(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
    struct tmpfs_entry *entry = tmpfs_entry_make(name, len, inode);
    int error = 0;

    if (entry == NULL) {
        error = -ENOMEM;
    } else if (!tmpfs_entry_insert(tmpfs_inode_of(dir), entry)) {
        error = -EEXIST;
    }
    if (error != 0) {
        kfree(entry);
        inode->nr_links = 0;
        inode_put(inode);
        return error;
    }
    if (inode_is(inode, S_IFDIR)) {
        dir->nr_links++;
    }
    inode_hold(inode);
    inode_touch_modified(dir);
    return 0;
}

static int tmpfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
                        uint32_t dev_number, uid_t uid, gid_t gid, struct inode **out)
{
    struct inode *inode;
    int error = tmpfs_inode_create(dir->super, mode, dev_number, uid, gid, &inode);

    if (error == 0) {
        error = add_named(dir, name, len, inode);
    }
    if (error == 0) {
        *out = inode;
    }
    return error;
}

static int tmpfs_tmpfile(struct inode *dir, uint32_t mode, uid_t uid, gid_t gid, struct inode **out)
{
    int error = tmpfs_inode_create(dir->super, mode, 0, uid, gid, out);

    if (error == 0) {
        (*out)->nr_links = 0;
    }
    return error;
}

static int tmpfs_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                       gid_t gid, struct inode **out)
{
    return tmpfs_create(dir, name, len, S_IFDIR | (mode & 07777), 0, uid, gid, out);
}

static int tmpfs_symlink(struct inode *dir, const char *name, size_t len, const char *target,
                         uid_t uid, gid_t gid, struct inode **out)
{
    char *copy = kstrdup(target, ALLOC_KERNEL);
    struct inode *inode;
    int error;

    if (copy == NULL) {
        return -ENOMEM;
    }
    error = tmpfs_inode_create(dir->super, S_IFLNK | 0777, 0, uid, gid, &inode);
    if (error != 0) {
        kfree(copy);
        return error;
    }
    tmpfs_inode_of(inode)->target = copy;
    inode_set_size(inode, strlen(copy));
    error = add_named(dir, name, len, inode);
    if (error == 0) {
        *out = inode;
    }
    return error;
}

static int tmpfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct tmpfs_entry *entry = tmpfs_entry_make(name, len, target);

    if (entry == NULL) {
        return -ENOMEM;
    }
    inode_hold(target);
    if (!tmpfs_entry_insert(tmpfs_inode_of(dir), entry)) {
        tmpfs_entry_free(entry);
        return -EEXIST;
    }
    target->nr_links++;
    inode_touch_changed(target);
    inode_touch_modified(dir);
    return 0;
}

static int tmpfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct tmpfs_entry *entry = tmpfs_entry_remove(tmpfs_inode_of(dir), name, len);

    if (entry == NULL) {
        return -ENOENT;
    }
    target->nr_links--;
    inode_touch_changed(target);
    inode_touch_modified(dir);
    tmpfs_entry_free(entry);
    return 0;
}

static int tmpfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct tmpfs_entry *entry;

    if (!tmpfs_dir_is_empty(target)) {
        return -ENOTEMPTY;
    }
    entry = tmpfs_entry_remove(tmpfs_inode_of(dir), name, len);
    if (entry == NULL) {
        return -ENOENT;
    }
    target->nr_links = 0;
    dir->nr_links--;
    inode_touch_changed(target);
    inode_touch_modified(dir);
    tmpfs_entry_free(entry);
    return 0;
}

static int tmpfs_rename(struct inode *old_dir, const char *old_name, size_t old_len,
                        struct inode *new_dir, const char *new_name, size_t new_len,
                        struct inode *source, struct inode *replaced)
{
    bool is_dir = inode_is(source, S_IFDIR);
    struct tmpfs_entry *fresh;
    struct tmpfs_entry *old;
    struct tmpfs_entry *gone = NULL;

    if (replaced != NULL && is_dir && !tmpfs_dir_is_empty(replaced)) {
        return -ENOTEMPTY;
    }
    fresh = tmpfs_entry_make(new_name, new_len, source);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    inode_hold(source);
    old = tmpfs_entry_move(old_dir, old_name, old_len, new_dir, fresh, &gone);
    if (old == NULL) {
        tmpfs_entry_free(fresh);
        return -ENOENT;
    }
    if (is_dir) {
        old_dir->nr_links--;
        new_dir->nr_links++;
    }
    if (replaced != NULL) {
        replaced->nr_links = is_dir ? 0 : replaced->nr_links - 1;
        new_dir->nr_links -= is_dir;
        inode_touch_changed(replaced);
    }
    inode_touch_changed(source);
    inode_touch_modified(old_dir);
    inode_touch_modified(new_dir);
    tmpfs_entry_free(old);
    if (gone != NULL) {
        tmpfs_entry_free(gone);
    }
    return 0;
}

static int tmpfs_exchange(struct inode *old_dir, const char *old_name, size_t old_len,
                          struct inode *new_dir, const char *new_name, size_t new_len,
                          struct inode *source, struct inode *target)
{
    int error = tmpfs_entry_exchange(old_dir, old_name, old_len, new_dir, new_name, new_len);
    uint32_t is_source_dir = inode_is(source, S_IFDIR), is_target_dir = inode_is(target, S_IFDIR);

    if (error != 0) {
        return error;
    }
    old_dir->nr_links += is_target_dir - is_source_dir;
    new_dir->nr_links += is_source_dir - is_target_dir;
    inode_touch_changed(source);
    inode_touch_changed(target);
    inode_touch_modified(old_dir);
    inode_touch_modified(new_dir);
    return 0;
}

const struct inode_ops tmpfs_dir_ops = {
    .lookup = tmpfs_find,
    .create = tmpfs_create,
    .tmpfile = tmpfs_tmpfile,
    .mkdir = tmpfs_mkdir,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = tmpfs_unlink,
    .rmdir = tmpfs_rmdir,
    .rename = tmpfs_rename,
    .exchange = tmpfs_exchange,
    .setattr = tmpfs_setattr,
    .getattr = tmpfs_getattr,
};

int tmpfs_add(struct inode *dir, const char *name, uint32_t mode, uint32_t dev_number,
              const char *target)
{
    struct inode *inode;
    int error;

    if (target != NULL) {
        error = tmpfs_symlink(dir, name, strlen(name), target, 0, 0, &inode);
    } else {
        error = tmpfs_create(dir, name, strlen(name), mode, dev_number, 0, 0, &inode);
    }
    if (error == 0) {
        inode_put(inode);
    }
    return error;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int tmpfs_readdir(struct file *file, struct dir_context *context)
{
    struct tmpfs_inode *dir = tmpfs_inode_of(file->inode);
    struct tmpfs_found_entry found;

    while (context->position < 2) {
        struct dir_entry dot = {.name = "..",
                                .name_len = context->position + 1,
                                .next_position = context->position + 1,
                                .type = DT_DIR};

        dot.inode_number = context->position == 0 ? dir->inode.number : tmpfs_parent_number(dir);
        if (!context->emit(context, &dot)) {
            return 0;
        }
        context->position++;
    }
    while (tmpfs_entry_next(dir, context->position, &found)) {
        struct dir_entry entry = {.name = found.name,
                                  .name_len = found.len,
                                  .inode_number = found.number,
                                  .next_position = found.cookie + 1,
                                  .type = (uint8_t)((found.mode & S_IFMT) >> 12)};

        if (!context->emit(context, &entry)) {
            break;
        }
        context->position = found.cookie + 1;
    }
    return 0;
}

static int tmpfs_dir_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync)
{
    return 0;
}

const struct file_ops tmpfs_dir_file_ops = {
    .readdir = tmpfs_readdir,
    .fsync = tmpfs_dir_fsync,
};
