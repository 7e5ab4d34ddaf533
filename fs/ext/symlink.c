// SPDX-License-Identifier: MIT
/* Symbolic links: a target of up to 59 bytes stands in the inode, in place of the block
 * pointers; a longer one in a block. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define FAST_TARGET_BYTES (EXT_NR_POINTERS * sizeof(uint32_t))

/* A link whose only block, if it has one, is that of its attributes keeps the target inside. */
bool ext_symlink_is_fast(struct inode *inode)
{
    uint64_t attribute_sectors = ext_inode(inode)->file_acl != 0
                                     ? ext_fs(inode->super)->block_bytes / 512
                                     : 0;

    return inode->nr_sectors <= attribute_sectors;
}

int ext_symlink_store(struct inode *inode, const char *target, size_t len)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct block_extent extent;
    struct meta_block meta;
    int error;

    if (len < FAST_TARGET_BYTES) {
        memcpy(ext_inode(inode)->pointers, target, len);
        inode_set_size(inode, len);
        inode_mark_dirty(inode);
        return 0;
    }
    error = ext_map_blocks(inode, 0, 1, true, &extent);
    if (error != 0) {
        return error;
    }
    error = meta_new(inode->super, extent.disk_block, fs->block_bytes, &meta);
    if (error != 0) {
        return error;
    }
    memcpy(meta.data, target, len);
    ext_dirty(fs, &meta);
    meta_put(&meta);
    inode_set_size(inode, len);
    inode_mark_dirty(inode);
    return 0;
}

static ssize_t ext_readlink(struct inode *inode, char *buffer, size_t size_bytes)
{
    struct ext_fs *fs = ext_fs(inode->super);
    size_t len = min_of((size_t)inode_size(inode), size_bytes);
    struct block_extent extent;
    struct meta_block meta;
    int error;

    if (ext_symlink_is_fast(inode)) {
        if (inode_size(inode) >= FAST_TARGET_BYTES) {
            return super_damaged(
                inode->super, "inode %llu: a target of %llu bytes does not fit the inode",
                (unsigned long long)inode->number, (unsigned long long)inode_size(inode));
        }
        memcpy(buffer, ext_inode(inode)->pointers, len);
        return (ssize_t)len;
    }
    error = ext_map_blocks(inode, 0, 1, false, &extent);
    if (error != 0) {
        return error;
    }
    if (extent.is_hole) {
        return super_damaged(inode->super, "inode %llu: the symbolic link's block is missing",
                             (unsigned long long)inode->number);
    }
    error = meta_read(inode->super, extent.disk_block, fs->block_bytes, &meta);
    if (error != 0) {
        return error;
    }
    memcpy(buffer, meta.data, len);
    meta_put(&meta);
    return (ssize_t)len;
}

const struct inode_ops ext_symlink_ops = {
    .readlink = ext_readlink,
    .setattr = ext_setattr,
};
