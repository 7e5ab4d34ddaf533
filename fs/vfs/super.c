// SPDX-License-Identifier: MIT
/* Super blocks: file systems in use, from mount() to the last reference.
 *
 * A super block is shared by all mounts of it (bind mounts, the same device mounted twice).
 * Mounts hold references; so do, for the length of a call, those who walk over all file systems
 * (sync, writeback, reclaim). The last reference takes it down: names are dropped, everything
 * dirty is written, all inodes are evicted, the file system writes its final state, the device
 * is flushed. Until that is done it stays in the registry, so that the same device is not opened
 * a second time meanwhile.
 *
 * Damage that is found meanwhile: damage.c. Changing between read-only and writable: remount.c.
 *
 * Locks. registry_lock guards the list of super blocks, and the step of refs to 0 is final: a
 * walker takes a reference only if they are not 0. */
#include "fs/vfs/super.h"
#include "drivers/block.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

static struct spinlock registry_lock = SPINLOCK_INIT(LOCK_RANK_LEAF, "file systems");
static struct list supers = LIST_INIT(supers); /* [registry_lock] */
static struct waitq gone_waitq = WAITQ_INIT(gone_waitq);
static _Atomic uint32_t last_dev_number; /* [a] */

/* ---- Making and finding ---------------------------------------------------------------------- */

uint32_t super_new_dev_number(void)
{
    uint32_t minor = atomic_fetch_add_explicit(&last_dev_number, 1, memory_order_relaxed) + 1;

    return (minor & 0xff) | (minor & 0xfff00) << 12; /* major 0 */
}

const char *super_name(const struct super *super)
{
    return super->device != NULL ? super->device->name : "none";
}

static struct super *super_alloc(struct fs_type *type, struct block_device *device, uint32_t flags)
{
    struct super *super = kzalloc(sizeof(*super), ALLOC_KERNEL);

    if (super == NULL) {
        return NULL;
    }
    super->type = type;
    super->device = device;
    super->flags = flags & (SUPER_OWN_FLAGS | SUPER_SILENT);
    super->block_size_bytes = PAGE_SIZE;
    super->max_file_bytes = INT64_MAX;
    super->dev_number = device != NULL ? device->dev_number : super_new_dev_number();
    super->times = time_format_of(1, INT64_MIN, INT64_MAX);
    refcount_init(&super->refs, 1);
    mutex_init(&super->rename_lock, LOCK_RANK_RENAME, "rename");
    mutex_init(&super->sync_lock, LOCK_RANK_SYNC, "sync");
    spin_init(&super->inode_lock, LOCK_RANK_INODE_HASH, "inodes");
    waitq_init(&super->inode_waitq);
    list_init(&super->dirty_inodes);
    list_init(&super->unused_inodes);
    list_init(&super->node);
    return super;
}

static void super_free(struct super *super)
{
    kfree(super->inode_hash);
    kfree(super);
}

struct super *super_create_internal(struct fs_type *type, const struct super_ops *ops)
{
    struct super *super = super_alloc(type, NULL, 0);

    if (super != NULL) {
        super->ops = ops;
    }
    return super;
}

static struct super *find_by_device(const struct block_device *device)
{
    struct super *super;

    spin_assert_held(&registry_lock);
    list_for_each (super, &supers, node) {
        if (super->device == device) {
            return super;
        }
    }
    return NULL;
}

static bool device_is_free(const struct block_device *device)
{
    struct super *super;
    bool result;

    spin_lock(&registry_lock);
    super = find_by_device(device);
    result = super == NULL || refcount_read(&super->refs) != 0;
    spin_unlock(&registry_lock);
    return result;
}

/* The super block that has the device, with a reference; NULL when none. One that is being taken
 * down is waited for. */
static struct super *super_find(const struct block_device *device)
{
    for (;;) {
        struct super *super;
        bool is_dying = false;

        spin_lock(&registry_lock);
        super = find_by_device(device);
        if (super != NULL && !refcount_get_unless_zero(&super->refs)) {
            is_dying = true;
        }
        spin_unlock(&registry_lock);
        if (!is_dying) {
            return super;
        }
        waitq_wait_event(&gone_waitq, device_is_free(device));
    }
}

/* A mount() that failed may have left inodes behind; its own state is gone, so they leave
 * without another operation. */
static void drop_failed_inodes(struct super *super)
{
    struct inode *inode;

    if (super->ops == NULL) {
        return;
    }
    spin_lock(&super->inode_lock);
    list_for_each (inode, &super->unused_inodes, lru_node) {
        inode_state_set(inode, INODE_BAD);
    }
    spin_unlock(&super->inode_lock);
    inode_evict_unused(super, UINT64_MAX, true);
}

/* The end of a file system that nobody uses: everything is written, then its type lets go of it. */
static void super_end(struct super *super)
{
    int error = 0;

    inode_put(super->root);
    if (super_has_storage(super)) {
        /* While there are inodes: some types take several steps to write them. */
        error = vfs_sync_super(super);
        if (error != 0) { /* again: what waited for a write that has failed is not lost with it */
            (void)!vfs_sync_super(super);
        }
    }
    inode_evict_unused(super, UINT64_MAX, true);
    if (super->nr_inodes != 0) {
        pr_err("vfs: %s: %llu inodes are still in use at unmount", super_name(super),
               (unsigned long long)super->nr_inodes);
    }
    if (super->ops->sync != NULL) {
        int sync_error = super->ops->sync(super, true);

        error = error != 0 ? error : sync_error;
    }
    if (super->device != NULL) {
        int flush_error = meta_write_all(super);

        flush_error = flush_error != 0 ? flush_error : block_flush(super->device);
        error = error != 0 ? error : flush_error;
    }
    if (error != 0) {
        pr_err("vfs: %s: data was lost at unmount: error %d", super_name(super), error);
    }
    if (super->ops->destroy != NULL) {
        super->ops->destroy(super);
    }
}

/* Let the type look at the device and give the result its root name. */
static int super_fill(struct super *super, struct fs_type *type, const char *options)
{
    int error;

    if (super->device != NULL) {
        error = bdev_mapping(super->device, &super->metadata);
        if (error != 0) {
            return error;
        }
    }
    error = super_set_policy(super, options);
    if (error != 0) {
        return error;
    }
    error = type->mount(super, options);
    if (error != 0) {
        drop_failed_inodes(super);
        return error;
    }
    assert(super->ops != NULL && super->root != NULL);
    super->root_dentry = dentry_new_root(super, super->root);
    if (super->root_dentry == NULL) {
        super_end(super); /* it may have marked the disk as in use */
        return -ENOMEM;
    }
    return 0;
}

static int super_share(struct super *super, struct fs_type *type, uint32_t flags,
                       struct super **out)
{
    if (super->type != type || ((super_flags(super) ^ flags) & SUPER_RDONLY) != 0) {
        super_put(super);
        return -EBUSY;
    }
    *out = super;
    return 0;
}

int super_open(struct fs_type *type, struct block_device *device, uint32_t flags,
               const char *options, struct super **out)
{
    struct super *super;
    int error;

    if (device != NULL && (super = super_find(device)) != NULL) {
        return super_share(super, type, flags, out);
    }
    if (device != NULL && device->is_read_only && (flags & SUPER_RDONLY) == 0) {
        return -EROFS;
    }
    super = super_alloc(type, device, flags);
    if (super == NULL) {
        return -ENOMEM;
    }
    error = device != NULL ? block_claim(device) : 0;
    if (error != 0) {
        pr_err("vfs: %s is swap space, or has a partition that is in use", device->name);
        super_free(super);
        return error;
    }
    error = super_fill(super, type, options);
    if (error != 0) {
        if (device != NULL) {
            block_unclaim(device);
        }
        super_free(super);
        return error;
    }
    if (device != NULL) {
        atomic_fetch_add_explicit(&device->open_count, 1, memory_order_relaxed);
    }
    spin_lock(&registry_lock);
    list_push_back(&supers, &super->node);
    spin_unlock(&registry_lock);
    *out = super;
    return 0;
}

/* ---- The end --------------------------------------------------------------------------------- */

void super_get(struct super *super)
{
    refcount_get(&super->refs);
}

static void super_shutdown(struct super *super)
{
    dentry_drop_tree(super->root_dentry);
    super_end(super);
    if (super->device != NULL) {
        atomic_fetch_sub_explicit(&super->device->open_count, 1, memory_order_relaxed);
        block_unclaim(super->device);
    }
}

void super_put(struct super *super)
{
    if (!refcount_put(&super->refs)) {
        return;
    }
    super_shutdown(super);
    spin_lock(&registry_lock);
    list_remove(&super->node);
    spin_unlock(&registry_lock);
    waitq_wake_all(&gone_waitq);
    super_free(super);
}

static bool is_gone(const struct super *gone)
{
    struct super *super;
    bool result = true;

    spin_lock(&registry_lock);
    list_for_each (super, &supers, node) {
        if (super == gone) {
            result = false;
        }
    }
    spin_unlock(&registry_lock);
    return result;
}

void super_wait_gone(const struct super *super)
{
    waitq_wait_event(&gone_waitq, is_gone(super));
}

/* ---- All of them ----------------------------------------------------------------------------- */

void super_for_each(bool (*visit)(struct super *super, void *arg), void *arg)
{
    struct super *super = NULL;
    struct super *prev = NULL;
    struct list *at;
    bool go_on = true;

    while (go_on) {
        /* A held super block stays in the list: going on from it is safe. */
        spin_lock(&registry_lock);
        super = NULL;
        for (at = prev != NULL ? prev->node.next : supers.next; at != &supers; at = at->next) {
            struct super *candidate = list_entry(at, struct super, node);

            if (refcount_get_unless_zero(&candidate->refs)) {
                super = candidate;
                break;
            }
        }
        spin_unlock(&registry_lock);
        if (prev != NULL) {
            super_put(prev);
        }
        if (super == NULL) {
            return;
        }
        go_on = visit(super, arg);
        prev = super;
    }
    super_put(prev);
}
