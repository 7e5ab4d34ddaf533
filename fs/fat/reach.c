// SPDX-License-Identifier: MIT
/* How far an entry reaches: its first cluster and its size, and when they may change.
 *
 * The cache may write the sectors of directories and tables whenever it likes, in any order, and the power may fail
 * between any two of them. So whatever is put into a cached sector must be right with any selection of the other
 * changes missing. For an entry this means:
 *
 *     it grows    only after what it will reach is durable: the data, and the chain in the table;
 *     it shrinks  at once; but what it no longer reaches stays in the table until the shorter entry is durable (free.c).
 *
 * Growing goes in two turns, so that one flush of the disk serves many files:
 *
 *     1. prepare   the reach of now is taken down; the data up to there is written and waited for: `ready`
 *     2. settle    the table is written, and the disk flushed: everything that was ready before is now `settled`
 *     3. store     a ready reach that is settled goes into the entry
 *
 * write_inode() takes whichever step can be taken: it stores what is settled, prepares the rest, and leaves the inode
 * dirty until nothing is left. sync(2) has a pass over all inodes, settles, and makes a second pass. In the background
 * the second visit is five seconds after the first; the first inode that is met then settles for all the others.
 *
 * Settlings are numbered: what was ready before number n was begun is settled when n has ended.
 *
 * Locks: map_lock over what is ready; entry_lock over what is stored. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"

#define NOT_READY UINT64_MAX

static bool is_same(struct fat_reach a, struct fat_reach b)
{
    return a.start == b.start && a.size_bytes == b.size_bytes;
}

/* An entry of size 0 that led to clusters would be a fault to fsck.fat. */
static struct fat_reach reach_of(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);

    mutex_assert_held(&fat->map_lock);
    if (inode_is(inode, S_IFDIR)) {
        return (struct fat_reach){.start = fat->start};
    }
    uint32_t size = (uint32_t)inode_size(inode);

    return (struct fat_reach){.start = size != 0 ? fat->start : 0, .size_bytes = size};
}

struct fat_reach fat_reach_now(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);
    struct fat_reach reach;

    mutex_lock(&fat->map_lock);
    reach = reach_of(inode);
    mutex_unlock(&fat->map_lock);
    return reach;
}

struct fat_reach fat_reach_stored(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_reach reach;

    mutex_lock(&fs->entry_lock);
    reach = fat_inode(inode)->stored;
    mutex_unlock(&fs->entry_lock);
    return reach;
}

/* Where an entry reached once is not where the disk's reaches when it comes back to that: in between, another may have
 * been written. So it is counted. */
void fat_reach_note(struct fat_inode *fat, struct fat_reach reach, bool is_other)
{
    if (is_other || !is_same(fat->stored, reach)) {
        fat->stored = reach;
        fat->nr_stored++;
    }
}

/* ---- Settling ---------------------------------------------------------------------------------- */

int fat_settle(struct fat_fs *fs)
{
    const struct fat_layout *layout = &fs->layout;
    uint32_t shift = PAGE_SHIFT - SECTOR_SHIFT;
    uint64_t number = 1 + atomic_fetch_add_explicit(&fs->nr_settlings, 1, memory_order_seq_cst);
    int error = mapping_write_and_wait(fs->super->metadata, layout->table_sector >> shift,
                                       (layout->root_sector - 1) >> shift);

    if (error == 0) {
        error = block_flush(fs->super->device);
    }
    if (error == 0) {
        uint64_t settled = load_relaxed(&fs->settled);

        while (settled < number &&
               !atomic_compare_exchange_weak_explicit(&fs->settled, &settled, number,
                                                      memory_order_seq_cst, memory_order_relaxed)) {
        }
    }
    return error;
}

/* Whether a settling has ended that was begun after the reach was ready. */
static bool is_settled(struct fat_fs *fs, uint64_t ready_at)
{
    return ready_at != NOT_READY &&
           atomic_load_explicit(&fs->settled, memory_order_seq_cst) > ready_at;
}

/* ---- Preparing --------------------------------------------------------------------------------- */

void fat_reach_init(struct inode *inode)
{
    fat_inode(inode)->ready_at = NOT_READY;
}

void fat_reach_forget(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);

    mutex_assert_held(&fat->map_lock);
    fat->ready_at = NOT_READY;
    fat->nr_cuts++;
}

/* Write the data up to the end of now. If the file is cut meanwhile nothing is ready. */
static int prepare(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    struct fat_reach reach;
    uint32_t nr_cuts;
    int error;

    mutex_lock(&fat->map_lock);
    reach = reach_of(inode);
    nr_cuts = fat->nr_cuts;
    mutex_unlock(&fat->map_lock);
    error = mapping_write_and_wait(&inode->mapping, 0, UINT64_MAX);
    if (error != 0) {
        return error;
    }
    mutex_lock(&fat->map_lock);
    if (fat->nr_cuts == nr_cuts) {
        fat->ready = reach;
        fat->ready_at = atomic_load_explicit(&fs->nr_settlings, memory_order_seq_cst);
    }
    mutex_unlock(&fat->map_lock);
    return 0;
}

/* ---- Storing ----------------------------------------------------------------------------------- */

/* Put the inode into its entry, if it has one. */
static int store(struct inode *inode, struct fat_reach reach)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    struct meta_block meta;
    int error = 0;

    mutex_assert_held(&fat->map_lock); /* the file is not cut meanwhile */
    mutex_lock(&fs->entry_lock);
    if (fat->place.position != FAT_NO_POSITION) {
        error = meta_read(fs->super, fat->place.position / FAT_SLOTS_PER_SECTOR, FAT_SECTOR_BYTES,
                          &meta);
        if (error == 0) {
            struct fat_disk_entry *entry = (struct fat_disk_entry *)meta.data +
                                           fat->place.position % FAT_SLOTS_PER_SECTOR;

            fat_begin_change(&meta);
            fat_inode_fill_entry(inode, reach, entry);
            fat_end_change(&meta);
            fat_reach_note(fat, reach, false);
            meta_put(&meta);
        }
    }
    mutex_unlock(&fs->entry_lock);
    return error;
}

/* Store what is settled, or else only times and attributes. Returns what is left to be done in *is_behind. */
static int store_settled(struct inode *inode, bool *is_behind)
{
    struct fat_inode *fat = fat_inode(inode);
    struct fat_reach reach, now;
    int error;

    mutex_lock(&fat->map_lock);
    now = reach_of(inode);
    reach = fat_reach_stored(inode);
    if (is_settled(fat_fs(inode->super), fat->ready_at)) {
        reach = fat->ready;
        fat->ready_at = NOT_READY;
    }
    error = store(inode, reach);
    *is_behind = !is_same(reach, now);
    mutex_unlock(&fat->map_lock);
    return error;
}

/* Whether a reach is ready and only lacks a settling. */
static bool is_waiting(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);
    bool result;

    mutex_lock(&fat->map_lock);
    result = fat->ready_at != NOT_READY && !is_settled(fat_fs(inode->super), fat->ready_at);
    mutex_unlock(&fat->map_lock);
    return result;
}

int fat_write_inode(struct inode *inode)
{
    bool is_behind = false;
    int error = 0;

    if (!fat_has_entry(inode)) {
        return 0;
    }
    if (is_waiting(inode)) {
        error = fat_settle(fat_fs(inode->super));
    }
    if (error == 0) {
        error = store_settled(inode, &is_behind);
    }
    if (error == 0 && is_behind) {
        inode_mark_dirty(inode);
        error = prepare(inode);
    }
    return error;
}

/* What was there when fat_reach_store() was called is what counts; who goes on writing is not waited for. A cut meanwhile
 * undoes what was prepared: then it is done again. */
int fat_reach_store(struct inode *inode)
{
    uint64_t wanted = inode_size(inode);
    bool is_behind = false;
    int error = fat_has_entry(inode) ? store_settled(inode, &is_behind) : 0;

    while (error == 0 && is_behind) {
        error = prepare(inode);
        if (error == 0) {
            error = fat_settle(fat_fs(inode->super));
        }
        if (error == 0) {
            error = store_settled(inode, &is_behind);
        }
        if (is_behind) {
            inode_mark_dirty(inode);
            is_behind = fat_reach_stored(inode).size_bytes < min_of(wanted, inode_size(inode)) &&
                        fat_has_entry(inode);
        }
    }
    return error;
}

int fat_reach_finish(struct inode *inode)
{
    return is_same(fat_reach_stored(inode), fat_reach_now(inode)) ? 0 : fat_reach_store(inode);
}

int fat_reach_shrink(struct inode *inode, uint32_t size_bytes)
{
    struct fat_reach reach = fat_reach_stored(inode);

    fat_reach_forget(inode);
    if (reach.size_bytes <= size_bytes) {
        return 0;
    }
    return store(inode, (struct fat_reach){.start = size_bytes != 0 ? reach.start : 0,
                                           .size_bytes = size_bytes});
}
