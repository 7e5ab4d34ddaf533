// SPDX-License-Identifier: MIT
/* Clearing: blocks that hold zeros, durably, before anything leads to them. Without a journal only.
 *
 * A hole that was promised reads as zeros, and so does a new array of pointers; the block that is given to them holds what
 * its last owner left there. So its zeros are on the disk before the pointer can be (settle.c), which takes a write and a
 * flush. Whoever fills a hole of many blocks would wait for a flush with each. So with a block for a hole some of those
 * behind it are cleared, which the file's window keeps for it (window.c), and these are given as they are:
 *
 *     given │ cleared, and free │ free             │ free of others
 *           window_first        cleared_end        window_end
 *
 * How many: twice as many as the last time, up to a megabyte, if all of those were given; else few. So a hole that is filled
 * in any order costs a flush for each megabyte, and one that gets few blocks does not have many written. The data could
 * wait for one flush instead, and the pointers for the data; but then data that cannot be written would leave pointers
 * that must never get to the disk. Zeros that cannot be written are an error of the write that needs them.
 *
 * Nobody writes to what is free in a window but here. When it ends, so does what is known of it; a trim, which lets the
 * disk forget what is free, ends them all.
 *
 * Locks: the caller holds map_lock, so the owner's window can end meanwhile, but not move. alloc_lock while zeros are
 * written: else the window could end, and its blocks be somebody's, before they arrive. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"

#define MIN_AHEAD_BLOCKS 16u
#define MAX_AHEAD_BYTES  (1u << 20)

/* Where the blocks end that are to be cleared with a run that was given. */
static uint32_t choose_end(struct ext_fs *fs, struct ext_inode *ext, const struct ext_run *run)
{
    uint32_t end = run->first + run->nr;
    uint32_t ahead = max_of(ext->cleared_blocks * 2, MIN_AHEAD_BLOCKS);

    if (ext->window_first != end) {
        return end;
    }
    ext->cleared_blocks = min_of(ahead, MAX_AHEAD_BYTES >> fs->block_shift);
    return min_of(end + ext->cleared_blocks, ext->window_end);
}

static int write_zeros(struct ext_fs *fs, uint32_t first, uint32_t nr)
{
    uint32_t shift = fs->block_shift - SECTOR_SHIFT;

    /* What the cache has of them, as metadata of old, must not be written over the zeros. */
    meta_forget(fs->super, first, nr, fs->block_bytes);
    return block_write_zeros(fs->super->device, (uint64_t)first << shift, (uint64_t)nr << shift);
}

/* Clear a run that was given, and with is_ahead what is likely to be given next. */
static int clear(struct inode *inode, const struct ext_run *run, bool is_ahead)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);
    uint32_t end = run->first + run->nr;
    int error;

    mutex_lock(&fs->alloc_lock);
    if (is_ahead) {
        end = choose_end(fs, ext, run);
    }
    error = write_zeros(fs, run->first, end - run->first);
    mutex_unlock(&fs->alloc_lock);
    if (error == 0) {
        error = block_flush(fs->super->device);
    }
    if (error == 0 && is_ahead) {
        mutex_lock(&fs->alloc_lock);
        if (ext->window_first == run->first + run->nr) {
            ext->cleared_end = end;
        }
        mutex_unlock(&fs->alloc_lock);
    }
    return error;
}

int ext_alloc_clear_blocks(struct inode *owner, uint32_t goal, uint32_t wanted, bool is_ahead,
                           struct ext_run *run)
{
    int error = ext_alloc_blocks(owner, goal, wanted, run);

    if (error == 0 && !run->is_clear) {
        error = clear(owner, run, is_ahead);
        if (error != 0) {
            (void)!ext_free_blocks(ext_fs(owner->super), run->first, run->nr);
        }
    }
    return error;
}
