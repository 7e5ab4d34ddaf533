// SPDX-License-Identifier: MIT
/* Extended attributes, as far as a driver must know them that offers none: an inode that goes must
 * let go of its block of them.
 *
 * Files with the same attributes share one block, which counts them. (Those inside an inode
 * stay there until its place is another's: ext_write_inode.) Lock: alloc_lock over the count,
 * since the inodes that share a block share nothing else. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"

/* One inode less. Returns 0 and whether it was the last one, or the damage found. */
static int drop_share(struct inode *inode, struct meta_block *meta, bool *is_last)
{
    struct ext_disk_attributes *disk = meta->data;
    uint32_t nr_inodes = le32_get(disk->nr_inodes);

    if (le32_get(disk->magic) != EXT_ATTRIBUTES_MAGIC || nr_inodes == 0) {
        return super_damaged(inode->super, "inode %llu: block %u holds no attributes",
                             (unsigned long long)inode->number, ext_inode(inode)->file_acl);
    }
    *is_last = nr_inodes == 1;
    if (!*is_last) {
        disk->nr_inodes = le32_of(nr_inodes - 1);
        ext_dirty(ext_fs(inode->super), meta);
    }
    return 0;
}

int ext_attributes_release(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    uint32_t block = ext_inode(inode)->file_acl;
    struct meta_block meta, bitmap;
    bool is_last = false;
    int error;

    if (block == 0) {
        return 0;
    }
    if (!ext_is_data_range(fs, block, 1)) {
        return super_damaged(inode->super, "inode %llu: its attributes cannot be in block %u",
                             (unsigned long long)inode->number, block);
    }
    error = meta_read(fs->super, block, fs->block_bytes, &meta);
    if (error != 0) {
        return error;
    }
    error = ext_read_block_bitmap(fs, ext_group_of(fs, block), &bitmap); /* freeing will not fail */
    if (error != 0) {
        meta_put(&meta);
        return error;
    }
    mutex_lock(&fs->alloc_lock);
    error = drop_share(inode, &meta, &is_last);
    mutex_unlock(&fs->alloc_lock);
    meta_put(&meta);
    if (error == 0 && is_last) {
        ext_forget(fs, block);
        error = ext_free_blocks(fs, block, 1);
    }
    meta_put(&bitmap);
    if (error == 0) {
        ext_inode(inode)->file_acl = 0;
        ext_count_sectors(inode, -(int64_t)(fs->block_bytes / 512));
    }
    return error;
}
