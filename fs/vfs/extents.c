// SPDX-License-Identifier: MIT
/* Where files lie on their disk: the block map as extents, for FIEMAP and FIBMAP; and trimming.
 *
 * map_blocks() answers for as many blocks as it can see at once, an array of pointers at most. What continues on
 * the disk is put together here, so that an extent ends only where the disk's blocks do. */
#include "fs/vfs/extents.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"

static int map_at(struct inode *inode, uint64_t block, uint64_t end, struct block_extent *extent)
{
    return inode->mapping.ops->map_blocks(inode, block, end - block, false, extent);
}

static int next_locked(struct inode *inode, uint64_t position, struct file_extent *out)
{
    uint32_t shift = inode->mapping.block_shift;
    uint64_t size = inode_size(inode);
    uint64_t end = (size + (1u << shift) - 1) >> shift;
    uint64_t block = position >> shift;
    struct block_extent extent = {.is_hole = true}, more;
    int error = 0;

    for (; block < end; block += extent.nr_blocks) {
        error = map_at(inode, block, end, &extent);
        if (error != 0 || !extent.is_hole) {
            break;
        }
    }
    if (error != 0 || block >= end) {
        return error != 0 ? error : -ENXIO;
    }
    while (block + extent.nr_blocks < end) {
        error = map_at(inode, block + extent.nr_blocks, end, &more);
        if (error != 0 || more.is_hole || more.disk_block != extent.disk_block + extent.nr_blocks) {
            break;
        }
        extent.nr_blocks += more.nr_blocks;
    }
    *out = (struct file_extent){block << shift, extent.disk_block << shift,
                                extent.nr_blocks << shift};
    return error;
}

int vfs_next_extent(struct inode *inode, uint64_t position, struct file_extent *extent)
{
    int error;

    if (!inode_is(inode, S_IFREG) || inode->mapping.device == NULL || inode->mapping.ops == NULL) {
        return -EOPNOTSUPP;
    }
    rwlock_read_lock(&inode->lock);
    error = next_locked(inode, position, extent);
    rwlock_read_unlock(&inode->lock);
    return error;
}

int vfs_trim(struct super *super, struct trim_range *range)
{
    if (super->ops->trim == NULL) {
        return -EOPNOTSUPP;
    }
    if ((super_flags(super) & SUPER_RDONLY) != 0) {
        return -EROFS;
    }
    return super->ops->trim(super, range);
}
