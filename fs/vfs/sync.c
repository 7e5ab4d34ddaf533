// SPDX-License-Identifier: MIT
/* Writing everything: sync(2), syncfs(2), and the end of the machine.
 *
 * The order for one file system is that of generic_fsync(), for all inodes at once: data pages
 * and attributes, the file system's own state, the metadata pages that all of these went into,
 * and a flush of the device's cache last. At shutdown a file system is made read-only between
 * two such rounds, so that what it writes then (that it is clean) is the last word. */
#include "drivers/block.h"
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/super.h"
#include "fs/vfs/vfs.h"

int vfs_sync_super(struct super *super)
{
    int error = 0;
    int last;

    if (!super_has_storage(super)) {
        return 0;
    }
    error = super_write_inodes(super, UINT64_MAX, true);
    if (super->ops->sync != NULL) {
        last = super->ops->sync(super, false);
        error = error != 0 ? error : last;
    }
    if (super->device != NULL) {
        last = meta_write_all(super);
        error = error != 0 ? error : last;
        last = block_flush(super->device);
        error = error != 0 ? error : last;
    }
    return error;
}

static bool sync_one(struct super *super, void *arg)
{
    (void)!vfs_sync_super(super); /* errors are for fsync and syncfs */
    return true;
}

/* Block devices that were written as files are synced with their file systems; the others stand
 * alone. */
static void sync_devices(void)
{
    struct block_device *device;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        struct mapping *mapping = __atomic_load_n((struct mapping **)&device->cache,
                                                  __ATOMIC_ACQUIRE);

        if (mapping != NULL && mapping->nr_dirty != 0) {
            (void)!mapping_write_and_wait(mapping, 0, UINT64_MAX);
            (void)!block_flush(device);
        }
    }
}

void vfs_sync_all(void)
{
    super_for_each(sync_one, NULL);
    sync_devices();
}

/* A file without a name that somebody has open will not be deleted any more: so the disk is not marked as clean, and
 * whoever repairs or mounts it next does that. */
static bool make_read_only(struct super *super, void *arg)
{
    if (!super_has_storage(super) || (super_flags(super) & SUPER_RDONLY) != 0) {
        return true;
    }
    super_close_door(super);
    (void)!vfs_sync_super(super);
    if (atomic_load_explicit(&super->nr_unlinked, memory_order_seq_cst) != 0) {
        return true;
    }
    if (super->ops->remount != NULL) {
        (void)!super->ops->remount(super, super_flags(super) | SUPER_RDONLY, "");
    } else if (super->ops->sync != NULL) {
        (void)!super->ops->sync(super, true);
    }
    (void)!vfs_sync_super(super);
    return true;
}

void vfs_shutdown(void)
{
    vfs_sync_all();
    super_for_each(make_read_only, NULL);
}
