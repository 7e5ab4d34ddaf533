// SPDX-License-Identifier: MIT
/* From blocks of a file to blocks of the disk, and changes of a file's size.
 *
 * FAT knows no holes: every cluster up to the end of the file exists, and must hold what a reader
 * is to see. So there is one invariant: all blocks before the end of the file, and the one that it
 * lies in, hold the file's content or zeros, on the disk or dirty in the page cache. Clusters may
 * reach further; what they hold there is nobody's.
 *
 * Who moves the end of the file makes it true for the blocks that are passed over: a write far
 * behind the end (here, when the page cache asks for the block that it wants to write) and
 * truncate(2) upwards. They are written with zeros straight to the disk, since no page of the cache
 * has them yet.
 *
 * fallocate(2) with KEEP_SIZE takes clusters behind the end. They are the file's as long as it is in memory, and go with
 * the next truncation, or when the inode is evicted: on the disk an entry reaches as far as its file, and a longer chain
 * would be cut back by fsck.fat.
 *
 * Lock: map_lock around everything that looks at the chain. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/string.h"

/* Zero blocks [block, end) of the file on the disk. The chain has them. */
static int zero_blocks(struct inode *inode, uint64_t block, uint64_t end)
{
    const struct fat_layout *layout = &fat_fs(inode->super)->layout;
    uint32_t per_cluster_shift = layout->cluster_shift - layout->block_shift;
    int error = 0;

    while (block < end && error == 0) {
        uint64_t within = block & ((1ull << per_cluster_shift) - 1);
        uint32_t index = (uint32_t)(block >> per_cluster_shift);
        uint32_t wanted = (uint32_t)((end - 1) >> per_cluster_shift) - index + 1;
        struct fat_run run;

        error = fat_chain_find(inode, index, wanted, &run);
        if (error == 0) {
            uint64_t nr = min_of(((uint64_t)run.nr << per_cluster_shift) - within, end - block);
            uint32_t shift = layout->block_shift - SECTOR_SHIFT;

            error = block_write_zeros(inode->super->device,
                                      fat_cluster_sector(fat_fs(inode->super), run.cluster) +
                                          (within << shift),
                                      nr << shift);
            block += nr;
        }
    }
    return error;
}

/* How many blocks hold a part of the file. */
static uint64_t blocks_of(const struct fat_layout *layout, uint64_t size_bytes)
{
    return (size_bytes + (1u << layout->block_shift) - 1) >> layout->block_shift;
}

/* Make sure that the chain has block `block`, and that all before it keep to the invariant. */
static int make_block(struct inode *inode, uint64_t block, uint64_t max_blocks)
{
    const struct fat_layout *layout = &fat_fs(inode->super)->layout;
    struct fat_inode *fat = fat_inode(inode);
    uint32_t per_cluster_shift = layout->cluster_shift - layout->block_shift;
    uint64_t needed = (block >> per_cluster_shift) + 1;
    uint64_t wanted = ((block + max_blocks - 1) >> per_cluster_shift) + 1;
    uint64_t first_stale;
    int error = 0;

    if (needed > layout->nr_clusters) {
        return -ENOSPC;
    }
    if (wanted > fat->nr_clusters) {
        error = fat_chain_grow(inode, (uint32_t)min_of(wanted, (uint64_t)layout->nr_clusters));
    }
    if (error == -ENOSPC && wanted > needed) { /* then not all that was asked for */
        error = needed > fat->nr_clusters ? fat_chain_grow(inode, (uint32_t)needed) : 0;
    }
    if (error != 0) {
        return error;
    }
    first_stale = max_of(blocks_of(layout, inode_size(inode)), fat->zeroed_end);
    error = zero_blocks(inode, first_stale, block);
    if (error == 0 && block > first_stale) {
        fat->zeroed_end = block;
    }
    return error;
}

static int map_locked(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                      struct block_extent *extent)
{
    struct fat_fs *fs = fat_fs(inode->super);
    const struct fat_layout *layout = &fs->layout;
    uint32_t per_cluster_shift = layout->cluster_shift - layout->block_shift;
    uint64_t within = block & ((1ull << per_cluster_shift) - 1);
    uint64_t index = block >> per_cluster_shift;
    struct fat_run run;
    int error = fat_chain_load(inode);

    if (error == 0 && create) {
        error = make_block(inode, block, max_blocks);
    }
    if (error != 0) {
        return error;
    }
    if (index >= fat_inode(inode)->nr_clusters) {
        *extent = (struct block_extent){.nr_blocks = 1, .is_hole = true}; /* behind the end */
        return 0;
    }
    error = fat_chain_find(inode, (uint32_t)index,
                           (uint32_t)((within + max_blocks - 1) >> per_cluster_shift) + 1, &run);
    if (error == 0) {
        *extent = (struct block_extent){
            .disk_block = (fat_cluster_sector(fs, run.cluster) >>
                           (layout->block_shift - SECTOR_SHIFT)) +
                          within,
            .nr_blocks = min_of(((uint64_t)run.nr << per_cluster_shift) - within, max_blocks),
        };
    }
    return error;
}

static int fat_map_blocks(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                          struct block_extent *extent)
{
    struct fat_inode *fat = fat_inode(inode);
    int error;

    mutex_lock(&fat->map_lock);
    error = map_locked(inode, block, max_blocks, create, extent);
    mutex_unlock(&fat->map_lock);
    return error;
}

const struct mapping_ops fat_mapping_ops = {.map_blocks = fat_map_blocks};

/* ---- Size ------------------------------------------------------------------------------------ */

/* Clusters first, then their zeros, then the size: if one fails the file is as before. */
static int extend(struct inode *inode, uint64_t size_bytes)
{
    const struct fat_layout *layout = &fat_fs(inode->super)->layout;
    struct fat_inode *fat = fat_inode(inode);
    uint32_t old = fat->nr_clusters;
    uint32_t wanted = fat_clusters_of(fat_fs(inode->super), size_bytes);
    int error = 0;

    if (wanted > layout->nr_clusters) {
        return -ENOSPC;
    }
    if (wanted > old) {
        error = fat_chain_grow(inode, wanted);
    }
    if (error == 0) {
        error = zero_blocks(inode, blocks_of(layout, inode_size(inode)),
                            blocks_of(layout, size_bytes));
        if (error != 0 && wanted > old) {
            (void)!fat_chain_cut(inode, old);
        }
    }
    if (error == 0) {
        inode_set_size(inode, size_bytes);
    }
    return error;
}

int fat_resize(struct inode *inode, uint64_t size_bytes)
{
    struct fat_inode *fat = fat_inode(inode);
    uint32_t wanted = fat_clusters_of(fat_fs(inode->super), size_bytes);
    int error;

    mutex_lock(&fat->map_lock);
    fat->zeroed_end = 0;
    error = fat_chain_load(inode);
    if (error == 0 && size_bytes > inode_size(inode)) {
        error = extend(inode, size_bytes);
    } else if (error == 0) {
        error = fat_reach_shrink(inode, (uint32_t)size_bytes);
        if (error == 0) {
            inode_set_size(inode, size_bytes);
            error = wanted < fat->nr_clusters ? fat_chain_cut(inode, wanted) : 0;
        }
    }
    mutex_unlock(&fat->map_lock);
    return error;
}

/* Clusters behind the end; without zeros, as nobody can read there. The invariant is for who moves the end. */
static int keep_clusters(struct inode *inode, uint64_t end)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    uint32_t wanted = fat_clusters_of(fs, end);
    int error;

    if (wanted > fs->layout.nr_clusters) {
        return -ENOSPC;
    }
    mutex_lock(&fat->map_lock);
    error = fat_chain_load(inode);
    if (error == 0 && wanted > fat->nr_clusters) {
        error = fat_chain_grow(inode, wanted);
    }
    mutex_unlock(&fat->map_lock);
    return error;
}

int fat_fallocate(struct inode *inode, unsigned mode, uint64_t start, uint64_t end,
                  const struct cred *cred)
{
    return mode == FALLOC_FL_KEEP_SIZE ? keep_clusters(inode, end)
                                       : generic_fallocate(inode, mode, start, end, cred);
}

void fat_trim(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);
    uint32_t needed = fat_clusters_of(fat_fs(inode->super), inode_size(inode));

    mutex_lock(&fat->map_lock);
    if (fat->chain == FAT_CHAIN_GOOD && fat->nr_clusters > needed) {
        (void)!fat_chain_cut(inode, needed); /* if it fails, fsck.fat will find them */
    }
    mutex_unlock(&fat->map_lock);
}
