// SPDX-License-Identifier: MIT
/* A file system of one file for the tests of the page cache: its block map is an array, its
 * allocator hands out blocks in order or scattered, and both notice what must never happen: a read
 * or a write of a block that belongs to nobody. What lies on the disk where nobody has written is
 * 0xee, so that it can be told from zeros. */
#ifndef CAIRN_FS_CACHE_TEST_CACHE_WORLD_H
#define CAIRN_FS_CACHE_TEST_CACHE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pthread.h>

#include "fs/cache/mapping.h"
#include "fs/cache/writeback.h"
#include "fs/vfs/inode.h"
#include "kernel/abi/errno.h"
#include "kernel/base/iter.h"
#include "kernel/base/test_point.h"
#include "mm/test/machine.h"
#include "tools/host/disk.h"

#define MIB         (1ul << 20)
#define STALE       0xee
#define FIRST_BLOCK 8u
#define MAX_BLOCKS  4096u

static struct host_random source;

static struct world {
    struct host_disk *disk;
    struct super super;
    struct inode inode;
    uint32_t block_shift;
    pthread_mutex_t lock;         /* over the following */
    uint32_t map[MAX_BLOCKS];     /* block of the file → of the disk; 0: a hole */
    bool is_used[2 * MAX_BLOCKS]; /* block of the disk */
    uint32_t next;                /* where the allocator goes on */
    uint32_t stride;              /* 1: neighbours follow one another */
    unsigned nr_free;             /* blocks left to hand out */
    int map_error;                /* what map_blocks says from now on */
    unsigned nr_creates, nr_trims;
    void (*mapped)(
        void); /* called once, when map_blocks has answered and before the answer is used */
    /* [disk->lock] what the disk was asked */
    unsigned nr_reads, nr_writes, nr_foreign;
    uint64_t nr_sectors_read, nr_sectors_written;
    uint32_t smallest_read, largest_read;
    int read_error, write_error;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- The disk's side --------------------------------------------------------------------------- */

static bool is_block_used(uint64_t sector)
{
    uint64_t block = sector >> (world.block_shift - SECTOR_SHIFT);
    bool result;

    pthread_mutex_lock(&world.lock);
    result = block < array_size(world.is_used) && world.is_used[block];
    pthread_mutex_unlock(&world.lock);
    return result;
}

static int watch(struct host_disk *disk, const struct block_request *request)
{
    if (request->op == BLOCK_FLUSH) {
        return 0;
    }
    if (request->op == BLOCK_READ) {
        world.nr_reads++;
        world.nr_sectors_read += request->nr_sectors;
        world.smallest_read = min_of(world.smallest_read, request->nr_sectors);
        world.largest_read = max_of(world.largest_read, request->nr_sectors);
        return world.read_error;
    }
    world.nr_writes++;
    world.nr_sectors_written += request->nr_sectors;
    for (uint32_t i = 0; i < request->nr_sectors; i++) {
        world.nr_foreign += is_block_used(request->sector + i) ? 0 : 1;
    }
    return world.write_error;
}

static inline void forget_counts(void)
{
    world.nr_reads = world.nr_writes = 0;
    world.nr_sectors_read = world.nr_sectors_written = 0;
    world.smallest_read = UINT32_MAX;
    world.largest_read = 0;
}

/* ---- The file system's side -------------------------------------------------------------------- */

static int allocate_block(uint64_t block)
{
    uint32_t disk_block = world.next;

    if (world.nr_free == 0) {
        return -ENOSPC;
    }
    while (world.is_used[disk_block]) {
        disk_block = disk_block + 1 < 2 * MAX_BLOCKS ? disk_block + 1 : FIRST_BLOCK;
    }
    world.nr_free--;
    world.is_used[disk_block] = true;
    world.map[block] = disk_block;
    world.next = disk_block + world.stride;
    if (world.next >= 2 * MAX_BLOCKS) {
        world.next = FIRST_BLOCK + world.next % 7;
    }
    return 0;
}

static int world_map(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                     struct block_extent *extent)
{
    int error;

    pthread_mutex_lock(&world.lock);
    error = world.map_error;
    if (error == 0 && block >= MAX_BLOCKS) {
        error = -EFBIG;
    }
    if (error == 0) {
        bool is_hole = world.map[block] == 0;

        *extent = (struct block_extent){.nr_blocks = 1};
        if (is_hole && create) {
            world.nr_creates++;
            extent->is_new = true;
            error = allocate_block(block);
            is_hole = false;
        }
        extent->is_hole = is_hole;
        extent->disk_block = world.map[block];
        while (!extent->is_new && extent->nr_blocks < max_blocks &&
               block + extent->nr_blocks < MAX_BLOCKS &&
               world.map[block + extent->nr_blocks] ==
                   (is_hole ? 0 : extent->disk_block + extent->nr_blocks)) {
            extent->nr_blocks++;
        }
    }
    pthread_mutex_unlock(&world.lock);
    if (world.mapped != NULL) {
        void (*mapped)(void) = world.mapped;

        world.mapped = NULL;
        mapped();
    }
    return error;
}

static uint64_t blocks_up(uint64_t nr_bytes)
{
    return (nr_bytes + (1u << world.block_shift) - 1) >> world.block_shift;
}

/* Free blocks [first, end) of the file. Their content is what it is: nobody may see it again. */
static void free_file_blocks(uint64_t first, uint64_t end)
{
    pthread_mutex_lock(&world.lock);
    for (uint64_t i = first; i < end; i++) {
        if (world.map[i] != 0) {
            world.is_used[world.map[i]] = false;
            world.map[i] = 0;
            world.nr_free++;
        }
    }
    pthread_mutex_unlock(&world.lock);
}

static void world_trim(struct inode *inode)
{
    world.nr_trims++;
    free_file_blocks(blocks_up(inode_size(inode)), MAX_BLOCKS);
}

static int world_begin_allocate(struct inode *inode, struct meta_block *held)
{
    return 0;
}

static void world_end_allocate(struct inode *inode, struct meta_block *held, bool has_excess)
{
    if (has_excess) {
        world_trim(inode);
    }
}

static const struct mapping_ops world_mapping_ops = {
    .map_blocks = world_map,
    .begin_allocate = world_begin_allocate,
    .end_allocate = world_end_allocate,
};

static int world_write_inode(struct inode *inode)
{
    return 0;
}

static const struct super_ops world_super_ops = {.write_inode = world_write_inode};

/* ---- Beginning and end ------------------------------------------------------------------------- */

static struct mapping *file_mapping(void)
{
    return &world.inode.mapping;
}

static inline void world_begin(uint32_t block_shift, uint32_t stride)
{
    struct super *super = &world.super;

    world.block_shift = block_shift;
    world.disk = host_disk_new((2ull * MAX_BLOCKS) << (block_shift - SECTOR_SHIFT));
    memset(world.disk->bytes, STALE, world.disk->device.nr_sectors * SECTOR_SIZE);
    world.disk->filter = watch;
    memset(super, 0, sizeof(*super));
    super->ops = &world_super_ops;
    super->device = &world.disk->device;
    super->max_file_bytes = (uint64_t)MAX_BLOCKS << block_shift;
    super->times = time_format_of(1, INT64_MIN, INT64_MAX);
    spin_init(&super->inode_lock, LOCK_RANK_INODE_HASH, "inodes");
    waitq_init(&super->inode_waitq);
    list_init(&super->dirty_inodes);
    list_init(&super->unused_inodes);
    if (bdev_mapping(super->device, &super->metadata) != 0) {
        panic("no cache");
    }
    inode_init_fields(&world.inode);
    world.inode.super = super;
    world.inode.mode = S_IFREG | 0644;
    world.inode.nr_links = 1;
    mapping_init(file_mapping(), &world.inode, super->device, &world_mapping_ops, block_shift);
    memset(world.map, 0, sizeof(world.map));
    memset(world.is_used, 0, sizeof(world.is_used));
    world.next = FIRST_BLOCK;
    world.stride = stride;
    world.nr_free = 2 * MAX_BLOCKS - FIRST_BLOCK - 64;
    world.map_error = world.read_error = world.write_error = 0;
    world.nr_creates = world.nr_trims = world.nr_foreign = 0;
    forget_counts();
}

static inline void world_end(void)
{
    world.map_error = world.read_error = world.write_error = 0;
    mapping_destroy(file_mapping());
    assert_int_equal(world.nr_foreign, 0);
    host_disk_free(world.disk);
}

/* The content of the file as it lies on the disk, block by block. */
static inline void make_file(uint64_t size_bytes, uint8_t (*byte_at)(uint64_t position))
{
    for (uint64_t block = 0; block << world.block_shift < size_bytes; block++) {
        uint8_t *at;

        if (allocate_block(block) != 0) {
            panic("the disk is full");
        }
        at = world.disk->bytes + ((uint64_t)world.map[block] << world.block_shift);
        for (uint64_t i = 0; i < 1ull << world.block_shift; i++) {
            at[i] = byte_at((block << world.block_shift) + i);
        }
    }
    inode_set_size(&world.inode, size_bytes);
}

/* ---- What programs do -------------------------------------------------------------------------- */

static inline ssize_t file_write(const void *bytes, size_t len, uint64_t position)
{
    struct iter iter;
    ssize_t result;

    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)bytes), len);
    rwlock_write_lock(&world.inode.lock);
    result = mapping_write_iter(&world.inode, &iter, position);
    rwlock_write_unlock(&world.inode.lock);
    return result;
}

static inline ssize_t file_read(void *bytes, size_t len, uint64_t position,
                                struct readahead *readahead)
{
    struct iter iter;

    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)bytes), len);
    return mapping_read_iter(&world.inode, &iter, position, readahead);
}

/* As inode_resize() in fs/vfs does. */
static inline int file_resize(uint64_t size)
{
    uint64_t old_size;
    int error = 0;

    rwlock_write_lock(&world.inode.lock);
    old_size = inode_size(&world.inode);
    if (size < old_size) {
        mapping_cut_begin(file_mapping(), size);
    } else {
        error = mapping_zero_rest(file_mapping(), old_size);
    }
    if (error == 0) {
        inode_set_size(&world.inode, size);
        world_trim(&world.inode);
    }
    if (size < old_size) {
        mapping_cut_end(file_mapping());
    } else if (error == 0) {
        mapping_extended(file_mapping(), old_size);
    }
    rwlock_write_unlock(&world.inode.lock);
    return error;
}

/* As generic_fallocate() in fs/vfs does. */
static inline int file_punch(uint64_t start, uint64_t end)
{
    int error;

    rwlock_write_lock(&world.inode.lock);
    end = min_of(end, align_up(inode_size(&world.inode), PAGE_SIZE));
    error = start < end ? mapping_punch_begin(file_mapping(), start, end) : 0;
    if (error == 0 && start < end) {
        free_file_blocks(blocks_up(start), end >> world.block_shift);
    }
    mapping_punch_end(file_mapping());
    rwlock_write_unlock(&world.inode.lock);
    return error;
}

static inline int file_fill(uint64_t start, uint64_t end)
{
    int error;

    rwlock_write_lock(&world.inode.lock);
    end = min_of(end, inode_size(&world.inode));
    error = start < end ? mapping_fill(file_mapping(), start, end) : 0;
    rwlock_write_unlock(&world.inode.lock);
    return error;
}

static inline int file_sync(void)
{
    return mapping_write_and_wait(file_mapping(), 0, UINT64_MAX);
}

/* Everything from now on comes from the disk. */
static inline void file_forget(void)
{
    assert_int_equal(file_sync(), 0);
    mapping_drop_clean(file_mapping());
    assert_int_equal(file_mapping()->nr_pages, 0);
}

#endif
