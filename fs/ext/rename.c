// SPDX-License-Identifier: MIT
/* Names that move: rename, and two names that change places.
 *
 * Within a directory an entry gets its new name where it stands, if that fits there: one step. Else the new name is
 * entered before the old one is removed, and without a journal it is durable before that (settle.c). What fails half-way
 * is undone. A directory that comes to another parent has its ".." changed, and both parents
 * count it. Two names change places entry by entry: with a journal that is one step all the same, without one a power cut
 * may come between them.
 *
 * Locks: those of all directories and inodes concerned are held by the VFS (inode_ops in fs/vfs/inode.h). */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"

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
        ext_change_links(new_dir, -1);
    } else {
        ext_change_links(replaced, -1);
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
        ext_change_links(new_dir, 1);
        ext_change_links(old_dir, -1);
    }
    return error;
}

static int move_entry(struct inode *old_dir, const char *old_name, size_t old_len,
                      struct inode *new_dir, const char *new_name, size_t new_len,
                      struct inode *source, struct inode *replaced)
{
    int error = -ENOSPC;

    if (old_dir == new_dir && replaced == NULL) {
        error = ext_dir_rename(old_dir, old_name, old_len, new_name, new_len);
    }
    if (error != -ENOSPC) {
        return error;
    }
    error = enter_new_name(new_dir, new_name, new_len, source, replaced);
    if (error != 0) {
        return error;
    }
    error = ext_settle_name(new_dir, source);
    if (error == 0) {
        error = ext_dir_remove(old_dir, old_name, old_len);
    }
    if (error != 0) {
        leave_new_name(new_dir, new_name, new_len, replaced);
    }
    return error;
}

static int move_name(struct inode *old_dir, const char *old_name, size_t old_len,
                     struct inode *new_dir, const char *new_name, size_t new_len,
                     struct inode *source, struct inode *replaced)
{
    int error = move_entry(old_dir, old_name, old_len, new_dir, new_name, new_len, source,
                           replaced);

    if (error != 0) {
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

int ext_rename(struct inode *old_dir, const char *old_name, size_t old_len, struct inode *new_dir,
               const char *new_name, size_t new_len, struct inode *source, struct inode *replaced)
{
    struct ext_name_change change;
    bool is_dir = inode_is(source, S_IFDIR);
    int error = 0;

    if (replaced != NULL && is_dir) {
        error = ext_dir_check_empty(replaced);
    } else if (is_dir && old_dir != new_dir && new_dir->nr_links >= EXT_MAX_LINKS) {
        error = -EMLINK;
    }
    if (error == 0) {
        error = ext_begin_names(&change, ext_fs(old_dir->super), old_dir, new_dir, source,
                                replaced);
    }
    if (error != 0) {
        return error;
    }
    error = move_name(old_dir, old_name, old_len, new_dir, new_name, new_len, source, replaced);
    ext_end_names(&change);
    return error;
}

/* ---- Two names change places ------------------------------------------------------------------- */

/* A name of `dir` now stands for `inode`, and no more for `was`. */
static void count_exchanged(struct inode *dir, const struct inode *inode, const struct inode *was)
{
    int change = (inode_is(inode, S_IFDIR) ? 1 : 0) - (inode_is(was, S_IFDIR) ? 1 : 0);

    if (change != 0) {
        ext_change_links(dir, change);
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

int ext_exchange(struct inode *old_dir, const char *old_name, size_t old_len, struct inode *new_dir,
                 const char *new_name, size_t new_len, struct inode *source, struct inode *target)
{
    struct ext_name_change change;
    int error;

    if (old_dir != new_dir &&
        (!has_room_for(new_dir, source, target) || !has_room_for(old_dir, target, source))) {
        return -EMLINK;
    }
    error = ext_begin_names(&change, ext_fs(old_dir->super), old_dir, new_dir, source, target);
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
    ext_end_names(&change);
    return error;
}
