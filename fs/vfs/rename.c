// SPDX-License-Identifier: MIT
/* rename(2).
 *
 * Two names, maybe in two directories, change at once, so two directories are locked, and every
 * thread must lock any two in the same order. Parents come before children; but which of the two
 * is the ancestor may change while one looks. So moves between directories are one at a time in
 * a file system (super->rename_lock): while it is held no directory changes its parent, and "is
 * an ancestor of" can be asked and relied on. Of two directories neither of which is below the
 * other, the one at the lower address is locked first. The files themselves (the source and what
 * it replaces) come last, again by address.
 *
 * The same question answers the two forbidden moves: a directory into itself or below itself
 * (EINVAL), and one over an ancestor (ENOTEMPTY): the next step from the upper directory down to
 * the lower one is a trap for both names.
 *
 * Renaming a name to another name of the same file does nothing, as POSIX wants.
 *
 * RENAME_EXCHANGE lets two names change places. The rules are the same, applied in both directions. FAT does not
 * offer it (EINVAL): two entries in two sectors cannot change in one step, and in between one of the files
 * would have no name, or two. */
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/names.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"

struct rename {
    struct walk from, to;
    struct dentry *source, *target; /* target may be negative */
    /* the step from the upper directory to the lower one, or NULL */
    struct dentry *trap;
    const struct cred *cred;
    unsigned flags;
};

/* ---- Locks ----------------------------------------------------------------------------------- */

static void lock_dirs(struct rename *rename)
{
    struct dentry *from = rename->from.path.dentry;
    struct dentry *to = rename->to.path.dentry;
    bool to_first;

    rename->trap = NULL;
    if (from->inode == to->inode) {
        rwlock_write_lock(&from->inode->lock);
        return;
    }
    mutex_lock(&from->super->rename_lock);
    rename->trap = dentry_step_below(to, from);
    to_first = false;
    if (rename->trap == NULL) {
        rename->trap = dentry_step_below(from, to);
        to_first = rename->trap != NULL || (uintptr_t)to->inode < (uintptr_t)from->inode;
    }
    rwlock_write_lock(to_first ? &to->inode->lock : &from->inode->lock);
    rwlock_write_lock_nested(to_first ? &from->inode->lock : &to->inode->lock);
}

static void unlock_dirs(struct rename *rename)
{
    struct dentry *from = rename->from.path.dentry;
    struct dentry *to = rename->to.path.dentry;

    rwlock_write_unlock(&from->inode->lock);
    if (from->inode != to->inode) {
        rwlock_write_unlock(&to->inode->lock);
        mutex_unlock(&from->super->rename_lock);
    }
}

static void lock_files(struct inode *a, struct inode *b)
{
    if (b != NULL && (uintptr_t)b < (uintptr_t)a) {
        struct inode *lower = b;

        b = a;
        a = lower;
    }
    rwlock_write_lock_nested(&a->lock);
    if (b != NULL) {
        rwlock_write_lock_nested(&b->lock);
    }
}

static void unlock_files(struct inode *a, struct inode *b)
{
    rwlock_write_unlock(&a->lock);
    if (b != NULL) {
        rwlock_write_unlock(&b->lock);
    }
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static int look_up_both(struct rename *rename)
{
    int error = walk_lookup_locked(rename->from.path.dentry, &rename->from.last, &rename->source);

    if (error != 0) {
        return error;
    }
    if (rename->source->inode == NULL) {
        return -ENOENT;
    }
    return walk_lookup_locked(rename->to.path.dentry, &rename->to.last, &rename->target);
}

static bool is_exchange(const struct rename *rename)
{
    return (rename->flags & RENAME_EXCHANGE) != 0;
}

static bool target_is_dir(const struct rename *rename)
{
    return rename->target->inode != NULL && inode_is(rename->target->inode, S_IFDIR);
}

/* What can be said without asking for permission. */
static int check_forms(const struct rename *rename, bool is_dir)
{
    if (rename->target->inode != NULL && (rename->flags & RENAME_NOREPLACE) != 0) {
        return -EEXIST;
    }
    if (is_exchange(rename)) {
        if (rename->target->inode == NULL) {
            return -ENOENT;
        }
        if (!target_is_dir(rename) && rename->to.has_slash) {
            return -ENOTDIR;
        }
    }
    if (!is_dir && (rename->from.has_slash || (rename->to.has_slash && !is_exchange(rename)))) {
        return -ENOTDIR;
    }
    if (rename->source == rename->trap) {
        return -EINVAL;
    }
    if (rename->target == rename->trap) {
        return is_exchange(rename) ? -EINVAL : -ENOTEMPTY;
    }
    return 0;
}

static int check_rules(struct rename *rename)
{
    struct inode *from = rename->from.path.dentry->inode;
    struct inode *to = rename->to.path.dentry->inode;
    bool is_dir = inode_is(rename->source->inode, S_IFDIR);
    int error;

    error = check_forms(rename, is_dir);
    if (error != 0 || rename->target->inode == rename->source->inode) {
        return error;
    }
    error = names_may_delete(from, rename->source, rename->cred, is_dir);
    if (error == 0) {
        error = rename->target->inode != NULL
                    ? names_may_delete(to, rename->target, rename->cred,
                                       is_exchange(rename) ? target_is_dir(rename) : is_dir)
                    : names_may_create(to, rename->cred);
    }
    /* A directory that moves has another "..". */
    if (error == 0 && is_dir && from != to) {
        error = walk_permission(rename->source->inode, rename->cred, ACCESS_WRITE);
    }
    if (error == 0 && is_exchange(rename) && target_is_dir(rename) && from != to) {
        error = walk_permission(rename->target->inode, rename->cred, ACCESS_WRITE);
    }
    return error;
}

static bool is_mount_point(const struct dentry *dentry)
{
    return (atomic_load_explicit(&dentry->flags, memory_order_relaxed) & DENTRY_MOUNT_POINT) != 0;
}

/* The file system does it, and the cache of names follows. */
static int move_locked(struct rename *rename, struct inode *from, struct inode *to)
{
    int error = from->ops->rename(from, rename->from.last.text, rename->from.last.len, to,
                                  rename->to.last.text, rename->to.last.len, rename->source->inode,
                                  rename->target->inode);

    if (error == 0) {
        if (rename->target->inode != NULL) {
            inode_note_links(rename->target->inode);
        }
        dentry_unhash(rename->target);
        /* Without memory for a long name the entry is only forgotten: the next lookup finds it
         * on the disk. */
        (void)!dentry_move(rename->source, rename->to.path.dentry, &rename->to.last);
    }
    return error;
}

static int exchange_locked(struct rename *rename, struct inode *from, struct inode *to)
{
    int error = from->ops->exchange(from, rename->from.last.text, rename->from.last.len, to,
                                    rename->to.last.text, rename->to.last.len,
                                    rename->source->inode, rename->target->inode);

    if (error == 0) {
        dentry_exchange(rename->source, rename->target);
    }
    return error;
}

static int move(struct rename *rename)
{
    struct inode *from = rename->from.path.dentry->inode;
    struct inode *to = rename->to.path.dentry->inode;
    struct inode *source = rename->source->inode;
    struct inode *replaced = rename->target->inode;
    int error;

    if (source == replaced) {
        return 0;
    }
    if (from->ops->rename == NULL) {
        return -EPERM;
    }
    if (is_exchange(rename) && from->ops->exchange == NULL) {
        return -EINVAL;
    }
    lock_files(source, replaced);
    if (is_mount_point(rename->source) || is_mount_point(rename->target)) {
        error = -EBUSY;
    } else if (source->has_pinned_names || (replaced != NULL && replaced->has_pinned_names)) {
        error = -EPERM;
    } else {
        error = is_exchange(rename) ? exchange_locked(rename, from, to)
                                    : move_locked(rename, from, to);
    }
    unlock_files(source, replaced);
    return error;
}

static int rename_at(struct rename *rename)
{
    int error;

    if (rename->from.path.mount != rename->to.path.mount) {
        return -EXDEV;
    }
    if (rename->from.last_type != LAST_NAME) {
        return -EBUSY;
    }
    if (rename->to.last_type != LAST_NAME) {
        return (rename->flags & RENAME_NOREPLACE) != 0 ? -EEXIST : -EBUSY;
    }
    error = path_begin_change(&rename->from.path);
    if (error != 0) {
        return error;
    }
    lock_dirs(rename);
    error = look_up_both(rename);
    if (error == 0) {
        error = check_rules(rename);
    }
    if (error == 0) {
        error = move(rename);
    }
    unlock_dirs(rename);
    if (error == 0 && !is_exchange(rename) && target_is_dir(rename)) {
        dentry_drop_children(rename->target);
    }
    dentry_put(rename->source);
    if (error == 0 && !is_exchange(rename) && rename->target->inode != NULL) {
        names_put_removed(rename->target);
    } else {
        dentry_put(rename->target);
    }
    path_end_change(&rename->from.path);
    return error;
}

int vfs_rename(const struct walk_context *old_context, const char *old_name,
               const struct walk_context *new_context, const char *new_name, unsigned flags)
{
    struct rename rename = {.cred = new_context->cred, .flags = flags};
    int error;

    if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        return -EINVAL;
    }
    error = walk_begin(&rename.from, old_context, old_name, false);
    if (error == 0) {
        error = walk_to_last(&rename.from);
    }
    if (error == 0) {
        error = walk_begin(&rename.to, new_context, new_name, false);
        if (error == 0) {
            error = walk_to_last(&rename.to);
        }
        if (error == 0) {
            error = rename_at(&rename);
        }
        walk_end(&rename.to);
    }
    walk_end(&rename.from);
    return error;
}
