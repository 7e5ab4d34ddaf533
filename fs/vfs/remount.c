// SPDX-License-Identifier: MIT
/* Changing a file system in use: between read-only and writable, and its options.
 *
 * To become read-only is to close a door and to see who is still inside. The flag is the door. Behind it are
 *
 *     calls that change names, attributes or     will be out soon: they are waited for
 *     the content of a file
 *     files that are open for writing            nobody knows for how long: -EBUSY
 *     files without a name that are in use       their last close deletes them, which is a change: -EBUSY
 *
 * Whoever comes counts himself first and looks at the door then; the remount closes it first and counts then. So one of
 * both sees the other. (Without this, a name that was half made would be finished on a disk that is marked as clean.)
 * Where -EBUSY is certain the door is not touched, so that nobody is refused who writes to a file that he has open.
 *
 * When the machine goes down nobody is asked: the door is closed, and files that are open cannot be written any more.
 *
 * What fails leaves the door as it was, and what errors= says. Only damage shuts it for good: a remount never opens what
 * damage.c has closed.
 *
 * Lock: super->inode_lock where the flags are opened, against damage that is found at that moment. */
#include "fs/vfs/super.h"
#include "drivers/block.h"
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/sync/waitq.h"

/* Remounts wait here for changes. One queue for all file systems: whoever has ended a change touches nothing of his. */
static struct waitq changes_waitq = WAITQ_INIT(changes_waitq);

/* ---- Those who are inside --------------------------------------------------------------------- */

int super_begin_change(struct super *super)
{
    atomic_fetch_add_explicit(&super->nr_changes, 1, memory_order_seq_cst);
    if ((__atomic_load_n(&super->flags, __ATOMIC_SEQ_CST) & SUPER_RDONLY) != 0) {
        super_end_change(super);
        return -EROFS;
    }
    return 0;
}

void super_end_change(struct super *super)
{
    if (atomic_fetch_sub_explicit(&super->nr_changes, 1, memory_order_seq_cst) == 1 &&
        (__atomic_load_n(&super->flags, __ATOMIC_SEQ_CST) & SUPER_RDONLY) != 0) {
        waitq_wake_all(&changes_waitq);
    }
}

static bool has_no_changes(struct super *super)
{
    return atomic_load_explicit(&super->nr_changes, memory_order_seq_cst) == 0;
}

/* ---- The door --------------------------------------------------------------------------------- */

/* Put flags in force, but for what damage has closed. */
static void set_flags(struct super *super, uint32_t flags)
{
    spin_lock(&super->inode_lock);
    if (super_is_damaged(super) && super->errors != SUPER_ERRORS_CONTINUE) {
        flags |= SUPER_RDONLY;
    }
    __atomic_store_n(&super->flags, flags, __ATOMIC_SEQ_CST);
    spin_unlock(&super->inode_lock);
}

static bool is_in_use(struct super *super)
{
    return atomic_load_explicit(&super->nr_write_opens, memory_order_seq_cst) != 0 ||
           atomic_load_explicit(&super->nr_unlinked, memory_order_seq_cst) != 0;
}

void super_close_door(struct super *super)
{
    __atomic_fetch_or(&super->flags, SUPER_RDONLY, __ATOMIC_SEQ_CST);
    waitq_wait_event(&changes_waitq, has_no_changes(super));
}

/* Nobody is inside when it returns 0. */
static int try_to_close(struct super *super)
{
    if (is_in_use(super)) {
        return -EBUSY;
    }
    super_close_door(super);
    return is_in_use(super) ? -EBUSY : 0;
}

/* Everything is written, and the type has done what it does. */
static int change(struct super *super, uint32_t old, uint32_t wanted, const char *options)
{
    bool is_closing = (old & SUPER_RDONLY) == 0 && (wanted & SUPER_RDONLY) != 0;
    int error = 0;

    if (is_closing) {
        error = try_to_close(super);
        if (error == 0) {
            error = vfs_sync_super(super);
        }
    }
    if (error == 0 && super->ops->remount != NULL) {
        error = super->ops->remount(super, wanted, options != NULL ? options : "");
    }
    if (error == 0 && is_closing) {
        error = vfs_sync_super(super);
    }
    return error;
}

int super_remount(struct super *super, uint32_t flags, const char *options)
{
    uint32_t old = super_flags(super);
    uint32_t wanted = (old & ~SUPER_OWN_FLAGS) | (flags & SUPER_OWN_FLAGS);
    enum super_errors policy = __atomic_load_n(&super->errors, __ATOMIC_RELAXED);
    int error;

    if ((old & SUPER_RDONLY) != 0 && (wanted & SUPER_RDONLY) == 0 && super->device != NULL &&
        super->device->is_read_only) {
        return -EROFS;
    }
    error = super_set_policy(super, options);
    if (error == 0) {
        error = change(super, old, wanted, options);
    }
    if (error != 0) {
        __atomic_store_n(&super->errors, policy, __ATOMIC_RELAXED);
    }
    set_flags(super, error == 0 ? wanted : old);
    if (error == 0 && (super_flags(super) & ~wanted & SUPER_RDONLY) != 0) {
        error = -EROFS; /* damage was found on the way */
    }
    return error;
}
