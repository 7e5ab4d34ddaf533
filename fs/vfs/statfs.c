// SPDX-License-Identifier: MIT
/* statfs: how full a file system is. And drop_caches (/proc/sys/vm): what the caches hold and could
 * have again is given up, pages that are clean and unmapped (1), names and inodes that are unused (2). */
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/super.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"

int vfs_statfs(const struct path *path, struct super_stats *stats, uint32_t *flags)
{
    struct super *super = path->dentry->super;
    int error = 0;

    *stats = (struct super_stats){.block_size_bytes = super->block_size_bytes,
                                  .name_max = NAME_MAX};
    if (super->ops->statfs != NULL) {
        error = super->ops->statfs(super, stats);
    }
    if (stats->fsid == 0) {
        stats->fsid = super->dev_number;
    }
    *flags = mount_flags(path->mount, super) &
             (SUPER_RDONLY | SUPER_NOSUID | SUPER_NODEV | SUPER_NOEXEC | SUPER_SYNCHRONOUS |
              SUPER_NOATIME | SUPER_NODIRATIME | SUPER_RELATIME);
    return error;
}

static bool drop_names(struct super *super, void *arg)
{
    inode_evict_unused(super, super->nr_inodes, false);
    return true;
}

static void drop_inode_pages(struct inode *inode, void *arg)
{
    if (inode->mapping.nr_pages != 0) {
        mapping_drop_clean(&inode->mapping);
    }
}

static bool drop_pages(struct super *super, void *arg)
{
    inode_for_each(super, drop_inode_pages, NULL);
    if (super->metadata != NULL) {
        mapping_drop_clean(super->metadata);
    }
    return true;
}

void vfs_drop_caches(unsigned what)
{
    if ((what & 1) != 0) {
        super_for_each(drop_pages, NULL);
    }
    if ((what & 2) != 0) {
        dentry_shrink(UINT64_MAX / 2);
        super_for_each(drop_names, NULL);
    }
}
