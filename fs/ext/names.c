// SPDX-License-Identifier: MIT
/* What names can be made to do: the inode operations of directories.
 *
 * Each is one operation of the journal, too (operation.c): begun before anything is changed, ended with the inodes
 * that were changed. An inode that has lost its last link goes onto the list of orphans in the same
 * operation; its last user frees it in others. Putting an inode can free it, and so comes after the end.
 *
 * Each operation allocates what it needs first, then changes the directory, then counts; what
 * can fail comes before what shows. Link counts change under the locks that the VFS holds
 * (inode_ops in fs/vfs/inode.h). A new inode is complete before its name appears; a removed name
 * is gone before its inode is. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

/* A directory has two links of its own (its name and "."), and one more for each directory in
 * it. */
static void change_links(struct inode *inode, int change)
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

/* The end of an operation, with all inodes that it may have changed. */
static void end_names(struct ext_fs *fs, struct inode *first, struct inode *second,
                      struct inode *third, struct inode *fourth)
{
    struct inode *inodes[] = {first, second, third, fourth};

    for (size_t i = 0; i < array_size(inodes); i++) {
        if (inodes[i] != NULL && inodes[i]->nr_links == 0) {
            ext_orphan_add(inodes[i]);
        }
    }
    ext_log_inodes(inodes, array_size(inodes));
    ext_end(fs, EXT_NAME_BLOCKS);
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
    struct ext_fs *fs = ext_fs(dir->super);
    struct inode *inode = NULL;
    int error = ext_begin(fs, EXT_NAME_BLOCKS);

    if (error != 0) {
        return error;
    }
    error = ext_inode_create(dir, mode, dev_number, uid, gid, &inode);
    if (error == 0) {
        error = add_name(dir, name, len, inode);
    }
    end_names(fs, dir, inode, NULL, NULL);
    return give_new(error, inode, out);
}

/* An orphan from the start: after a power cut it is nobody's. */
static int ext_tmpfile(struct inode *dir, uint32_t mode, uid_t uid, gid_t gid, struct inode **out)
{
    struct ext_fs *fs = ext_fs(dir->super);
    struct inode *inode = NULL;
    int error = ext_begin(fs, EXT_NAME_BLOCKS);

    if (error != 0) {
        return error;
    }
    error = ext_inode_create(dir, mode, 0, uid, gid, &inode);
    if (error == 0) {
        ext_inode_discard(inode);
    }
    end_names(fs, inode, NULL, NULL, NULL);
    return give_new(error, inode, out);
}

static int make_symlink(struct inode *dir, const char *name, size_t len, const char *target,
                        uid_t uid, gid_t gid, struct inode **inode)
{
    int error = ext_inode_create(dir, S_IFLNK | 0777, 0, uid, gid, inode);

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
    struct inode *inode = NULL;
    int error;

    if (strlen(target) >= fs->block_bytes) {
        return -ENAMETOOLONG;
    }
    error = ext_begin(fs, EXT_NAME_BLOCKS);
    if (error != 0) {
        return error;
    }
    error = make_symlink(dir, name, len, target, uid, gid, &inode);
    end_names(fs, dir, inode, NULL, NULL);
    return give_new(error, inode, out);
}

static int make_dir(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                    gid_t gid, struct inode **inode)
{
    int error = ext_inode_create(dir, S_IFDIR | (mode & ~S_IFMT), 0, uid, gid, inode);

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
        change_links(dir, 1); /* the new directory's ".." */
    }
    return error;
}

static int ext_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, uid_t uid,
                     gid_t gid, struct inode **out)
{
    struct ext_fs *fs = ext_fs(dir->super);
    struct inode *inode = NULL;
    int error;

    if (dir->nr_links >= EXT_MAX_LINKS) {
        return -EMLINK;
    }
    error = ext_begin(fs, EXT_NAME_BLOCKS);
    if (error != 0) {
        return error;
    }
    error = make_dir(dir, name, len, mode, uid, gid, &inode);
    end_names(fs, dir, inode, NULL, NULL);
    return give_new(error, inode, out);
}

static int ext_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int error;

    if (target->nr_links >= EXT_MAX_LINKS) {
        return -EMLINK;
    }
    error = ext_begin(ext_fs(dir->super), EXT_NAME_BLOCKS);
    if (error != 0) {
        return error;
    }
    change_links(target, 1);
    error = ext_dir_add(dir, name, len, (uint32_t)target->number, target->mode);
    if (error == 0) { /* one that had no name may be an orphan */
        error = ext_orphan_remove(target);
    } else {
        change_links(target, -1);
    }
    end_names(ext_fs(dir->super), dir, target, NULL, NULL);
    return error;
}

static int ext_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int error = ext_begin(ext_fs(dir->super), EXT_NAME_BLOCKS);

    if (error != 0) {
        return error;
    }
    error = ext_dir_remove(dir, name, len);
    if (error == 0) {
        change_links(target, -1);
    }
    end_names(ext_fs(dir->super), dir, target, NULL, NULL);
    return error;
}

static int ext_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int error = ext_dir_check_empty(target);

    if (error == 0) {
        error = ext_begin(ext_fs(dir->super), EXT_NAME_BLOCKS);
    }
    if (error != 0) {
        return error;
    }
    error = ext_dir_remove(dir, name, len);
    if (error == 0) {
        target->nr_links = 0;
        inode_touch_changed(target);
        change_links(dir, -1);
    }
    end_names(ext_fs(dir->super), dir, target, NULL, NULL);
    return error;
}

/* The name at its new place. */
static int enter_new_name(struct inode *dir, const char *name, size_t len, struct inode *source,
                          struct inode *replaced)
{
    if (replaced != NULL) {
        return ext_dir_replace(dir, name, len, (uint32_t)source->number, source->mode);
    }
    return ext_dir_add(dir, name, len, (uint32_t)source->number, source->mode);
}

/* The old name could not be removed: the new place is again what it was. */
static void leave_new_name(struct inode *dir, const char *name, size_t len, struct inode *replaced)
{
    if (replaced != NULL) {
        (void)!ext_dir_replace(dir, name, len, (uint32_t)replaced->number, replaced->mode);
    } else {
        (void)!ext_dir_remove(dir, name, len);
    }
}

/* The replaced inode has lost its name. */
static void drop_replaced(struct inode *new_dir, struct inode *replaced)
{
    if (inode_is(replaced, S_IFDIR)) {
        replaced->nr_links = 0;
        inode_touch_changed(replaced);
        change_links(new_dir, -1);
    } else {
        change_links(replaced, -1);
    }
}

/* A directory moves to another parent: its ".." follows, and both parents' link counts. */
static int move_parent(struct inode *old_dir, struct inode *new_dir, struct inode *source)
{
    int error = ext_dir_replace(source, "..", 2, (uint32_t)new_dir->number, S_IFDIR);

    if (error == -ENOENT) {
        error = super_damaged(source->super, "directory %llu: has no \"..\"",
                              (unsigned long long)source->number);
    }
    if (error == 0) {
        change_links(new_dir, 1);
        change_links(old_dir, -1);
    }
    return error;
}

static int move_name(struct inode *old_dir, const char *old_name, size_t old_len,
                     struct inode *new_dir, const char *new_name, size_t new_len,
                     struct inode *source, struct inode *replaced)
{
    int error = enter_new_name(new_dir, new_name, new_len, source, replaced);

    if (error != 0) {
        return error;
    }
    error = ext_settle_name(new_dir, source);
    if (error == 0) {
        error = ext_dir_remove(old_dir, old_name, old_len);
    }
    if (error != 0) {
        leave_new_name(new_dir, new_name, new_len, replaced);
        return error;
    }
    if (inode_is(source, S_IFDIR) && old_dir != new_dir) {
        error = move_parent(old_dir, new_dir, source);
    }
    if (replaced != NULL) {
        drop_replaced(new_dir, replaced);
    }
    inode_touch_changed(source);
    return error;
}

static int ext_rename(struct inode *old_dir, const char *old_name, size_t old_len,
                      struct inode *new_dir, const char *new_name, size_t new_len,
                      struct inode *source, struct inode *replaced)
{
    struct ext_fs *fs = ext_fs(old_dir->super);
    bool is_dir = inode_is(source, S_IFDIR);
    int error = 0;

    if (replaced != NULL && is_dir) {
        error = ext_dir_check_empty(replaced);
    } else if (is_dir && old_dir != new_dir && new_dir->nr_links >= EXT_MAX_LINKS) {
        error = -EMLINK;
    }
    if (error == 0) {
        error = ext_begin(fs, EXT_NAME_BLOCKS);
    }
    if (error != 0) {
        return error;
    }
    error = move_name(old_dir, old_name, old_len, new_dir, new_name, new_len, source, replaced);
    end_names(fs, old_dir, new_dir, source, replaced);
    return error;
}

/* ---- Two names change places ------------------------------------------------------------------- */

/* A name of `dir` now stands for `inode`, and no more for `was`. */
static void count_exchanged(struct inode *dir, const struct inode *inode, const struct inode *was)
{
    int change = (inode_is(inode, S_IFDIR) ? 1 : 0) - (inode_is(was, S_IFDIR) ? 1 : 0);

    if (change != 0) {
        change_links(dir, change);
    }
}

static int point_up(struct inode *inode, const struct inode *dir)
{
    return inode_is(inode, S_IFDIR)
               ? ext_dir_replace(inode, "..", 2, (uint32_t)dir->number, S_IFDIR)
               : 0;
}

/* The directories among the two have each other's parents. A first step that was done is undone. */
static int exchange_parents(struct inode *old_dir, struct inode *new_dir, struct inode *source,
                            struct inode *target)
{
    int error = point_up(source, new_dir);

    if (error == 0) {
        error = point_up(target, old_dir);
        if (error != 0) {
            (void)!point_up(source, old_dir);
        }
    }
    if (error == -ENOENT) {
        error = super_damaged(source->super, "directory %llu or %llu: has no \"..\"",
                              (unsigned long long)source->number,
                              (unsigned long long)target->number);
    }
    return error;
}

static int exchange_names(struct inode *old_dir, const char *old_name, size_t old_len,
                          struct inode *new_dir, const char *new_name, size_t new_len,
                          struct inode *source, struct inode *target)
{
    int error = exchange_parents(old_dir, new_dir, source, target);

    if (error == 0) {
        error = ext_dir_replace(new_dir, new_name, new_len, (uint32_t)source->number, source->mode);
        if (error == 0) {
            error = ext_dir_replace(old_dir, old_name, old_len, (uint32_t)target->number,
                                    target->mode);
            if (error != 0) {
                (void)!ext_dir_replace(new_dir, new_name, new_len, (uint32_t)target->number,
                                       target->mode);
            }
        }
        if (error != 0) {
            (void)!exchange_parents(new_dir, old_dir, source, target);
        }
    }
    return error;
}

static bool has_room_for(const struct inode *dir, const struct inode *inode,
                         const struct inode *was)
{
    return !inode_is(inode, S_IFDIR) || inode_is(was, S_IFDIR) || dir->nr_links < EXT_MAX_LINKS;
}

static int ext_exchange(struct inode *old_dir, const char *old_name, size_t old_len,
                        struct inode *new_dir, const char *new_name, size_t new_len,
                        struct inode *source, struct inode *target)
{
    struct ext_fs *fs = ext_fs(old_dir->super);
    int error;

    if (old_dir != new_dir &&
        (!has_room_for(new_dir, source, target) || !has_room_for(old_dir, target, source))) {
        return -EMLINK;
    }
    error = ext_begin(fs, EXT_NAME_BLOCKS);
    if (error != 0) {
        return error;
    }
    error = exchange_names(old_dir, old_name, old_len, new_dir, new_name, new_len, source, target);
    if (error == 0) {
        if (old_dir != new_dir) {
            count_exchanged(new_dir, source, target);
            count_exchanged(old_dir, target, source);
        }
        inode_touch_changed(source);
        inode_touch_changed(target);
    }
    end_names(fs, old_dir, new_dir, source, target);
    return error;
}

int ext_setattr(struct inode *inode, const struct attr_change *change)
{
    int error = 0;

    if ((change->valid & ATTR_SIZE) != 0) {
        if (change->size_bytes > ext_max_file_bytes(ext_fs(inode->super))) {
            return -EFBIG;
        }
        inode_set_size(inode, change->size_bytes);
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
