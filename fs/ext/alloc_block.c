// SPDX-License-Identifier: MIT
/* Allocating blocks.
 *
 * Files are fast when their blocks are neighbours, so the caller names a goal (behind the file's
 * last block, or the group of its inode) and gets the first free run at or behind it, at most as
 * long as wanted; when the goal's group is full, the other groups are tried in order. What is kept for files
 * that grow (window.c) is passed over. Bitmaps are metadata pages changed in place; group and file-system counts
 * follow them.
 *
 * Blocks that were freed are frozen until that is durable: free in the bitmap, which says what will be so
 * after the transaction, and marked in a bitmap of the group for each of the two transactions that can be
 * under way; without a journal, for each of two settlings (settle.c).
 *
 * Nothing is allocated once damage was found and the file system is read-only: a wrong bitmap must
 * not be used to write.
 *
 * Nothing on the disk is believed: a bitmap that says that metadata is free is damage, and so is
 * freeing what is free. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "mm/kmalloc.h"

struct ext_request {
    struct ext_fs *fs;
    struct inode *owner;
    uint32_t wanted; /* blocks */
};

/* The free run at or behind `from` in a group's bitmap, at most `wanted` long; 0: there is none. */
static uint32_t find_run(const struct ext_group *group, const uint64_t *bitmap, uint32_t nr_bits,
                         uint32_t from, uint32_t wanted, uint32_t *start)
{
    size_t first = ext_find_usable(bitmap, group->frozen, nr_bits, from, true);

    if (first >= nr_bits) {
        return 0;
    }
    *start = (uint32_t)first;
    nr_bits = (uint32_t)min_of((size_t)nr_bits, first + wanted);
    return (uint32_t)(ext_find_usable(bitmap, group->frozen, nr_bits, first, false) - first);
}

int ext_find_free_run(struct ext_fs *fs, uint32_t group, uint32_t from, uint32_t nr_bits,
                      uint32_t *start, uint32_t *nr)
{
    struct meta_block bitmap;
    int error = meta_read(fs->super, fs->groups[group].block_bitmap, fs->block_bytes, &bitmap);

    mutex_assert_held(&fs->alloc_lock);
    if (error == 0) {
        *nr = find_run(&fs->groups[group], bitmap.data, nr_bits, from, UINT32_MAX, start);
        meta_put(&bitmap);
    }
    return error;
}

static int take_run(struct ext_fs *fs, uint32_t group, struct meta_block *bitmap, uint32_t start,
                    uint32_t nr)
{
    uint32_t first = ext_group_first_block(fs, group) + start;

    if (!ext_is_data_range(fs, first, nr)) {
        return super_damaged(fs->super,
                             "group %u: its block bitmap says that metadata blocks %u+%u are free",
                             group, first, nr);
    }
    bitmap_set_range(bitmap->data, start, nr);
    ext_dirty(fs, bitmap);
    fs->groups[group].nr_free_blocks -= min_of(nr, fs->groups[group].nr_free_blocks);
    fs->nr_free_blocks -= min_of((uint64_t)nr, fs->nr_free_blocks);
    return ext_group_store(fs, group);
}

/* The same without what is in others' windows. */
static uint32_t find_own_run(const struct ext_request *request, uint32_t group,
                             const uint64_t *bitmap, uint32_t from, uint32_t wanted,
                             uint32_t *start)
{
    struct ext_fs *fs = request->fs;
    uint32_t base = ext_group_first_block(fs, group);
    uint32_t nr_bits = ext_group_nr_blocks(fs, group);
    uint32_t nr;

    do {
        nr = find_run(&fs->groups[group], bitmap, nr_bits, from, wanted, start);
        if (nr == 0) {
            return 0;
        }
        from = ext_window_clip(fs, request->owner, base + *start, &nr) - base;
    } while (nr == 0 && from < nr_bits);
    return nr;
}

/* The file was given nr blocks from the group's block `start` on: keep some of those behind for it. */
static void move_window(const struct ext_request *request, uint32_t group, const uint64_t *bitmap,
                        uint32_t start, uint32_t nr)
{
    struct ext_fs *fs = request->fs;
    struct ext_inode *ext = ext_inode(request->owner);
    uint32_t end = ext_group_first_block(fs, group) + start + nr;
    uint32_t wanted, window_start;
    uint32_t window_nr = 0;

    if (!inode_is(request->owner, S_IFREG)) {
        return;
    }
    if (end > ext->window_first && end < ext->window_end) {
        ext->window_first = end; /* it goes on inside its window */
        return;
    }
    ext_window_set(fs, request->owner, 0, 0);
    wanted = ext_window_wanted(fs, request->owner, group);
    if (wanted != 0) {
        window_nr = find_own_run(request, group, bitmap, start + nr, wanted, &window_start);
    }
    if (window_nr != 0 && window_start == start + nr) {
        ext_window_set(fs, request->owner, end, window_nr);
    }
}

/* Try one group. Returns 0 with *nr 0 when it has nothing. */
static int alloc_in_group(const struct ext_request *request, uint32_t group, uint32_t from,
                          uint32_t *first, uint32_t *nr)
{
    struct ext_fs *fs = request->fs;
    uint32_t wanted = request->wanted;
    struct meta_block bitmap;
    uint32_t start = 0;
    int error;

    *nr = 0;
    if (fs->groups[group].nr_free_blocks == 0) {
        return 0;
    }
    error = meta_read(fs->super, fs->groups[group].block_bitmap, fs->block_bytes, &bitmap);
    if (error != 0) {
        return error;
    }
    *nr = find_own_run(request, group, bitmap.data, from, wanted, &start);
    if (*nr == 0 && from != 0) {
        *nr = find_own_run(request, group, bitmap.data, 0, wanted, &start);
    }
    if (*nr != 0) {
        error = take_run(fs, group, &bitmap, start, *nr);
        *first = ext_group_first_block(fs, group) + start;
        move_window(request, group, bitmap.data, start, *nr);
    } else if (fs->groups[group].frozen[0] == NULL && fs->groups[group].frozen[1] == NULL &&
               fs->nr_windows == 0) {
        /* The count was wrong: e2fsck would say so, and it must not be tried again and again. */
        fs->groups[group].nr_free_blocks = 0;
    }
    meta_put(&bitmap);
    return error;
}

/* All groups in turn, from that of the goal on. Returns 0 with *nr 0 when there is nothing. */
static int alloc_anywhere(const struct ext_request *request, uint32_t goal, uint32_t *first,
                          uint32_t *nr)
{
    struct ext_fs *fs = request->fs;
    uint32_t group = (goal - fs->first_data_block) / fs->blocks_per_group;
    uint32_t from = (goal - fs->first_data_block) % fs->blocks_per_group;
    int error = 0;

    *nr = 0;
    for (uint32_t i = 0; i < fs->nr_groups && *nr == 0 && error == 0; i++) {
        error = alloc_in_group(request, group, from, first, nr);
        group = (group + 1) % fs->nr_groups;
        from = 0;
    }
    return error;
}

int ext_alloc_blocks(struct inode *owner, uint32_t goal, uint32_t wanted, uint32_t *first,
                     uint32_t *nr)
{
    struct ext_fs *fs = ext_fs(owner->super);
    struct ext_request request = {.fs = fs, .owner = owner};
    int error;

    if (ext_is_read_only(fs)) {
        return -EROFS;
    }
    if (goal < fs->first_data_block || goal >= fs->nr_blocks) {
        goal = fs->first_data_block;
    }
    *nr = 0;
    mutex_lock(&fs->alloc_lock);
    request.wanted = ext_cut_to_reserve(fs, wanted);
    error = request.wanted != 0 ? alloc_anywhere(&request, goal, first, nr) : -ENOSPC;
    if (error == 0 && *nr == 0 && ext_windows_drop_all(fs)) {
        error = alloc_anywhere(&request, goal, first, nr);
    }
    mutex_unlock(&fs->alloc_lock);
    if (error != 0) {
        return error;
    }
    return *nr != 0 ? 0 : -ENOSPC;
}

bool ext_has_frozen(struct ext_fs *fs)
{
    mutex_assert_held(&fs->alloc_lock);
    return fs->nr_frozen_blocks[0] + fs->nr_frozen_blocks[1] + fs->nr_frozen_inodes[0] +
               fs->nr_frozen_inodes[1] !=
           0;
}

/* Without a journal e2fsck has the last word anyway: there, freeing does not fail for want of memory. */
static int freeze_blocks(struct ext_fs *fs, struct ext_group *group, uint32_t start, uint32_t nr)
{
    unsigned parity = ext_freeze_number(fs) % 2;

    if (group->frozen[parity] == NULL) {
        group->frozen[parity] = kzalloc(fs->block_bytes, ALLOC_KERNEL);
        if (group->frozen[parity] == NULL) {
            return fs->journal != NULL ? -ENOMEM : 0;
        }
    }
    bitmap_set_range(group->frozen[parity], start, nr);
    fs->nr_frozen_blocks[parity] += nr;
    return 0;
}

void ext_thaw(struct ext_fs *fs, uint32_t transaction)
{
    unsigned parity = transaction % 2;

    mutex_lock(&fs->alloc_lock);
    for (uint32_t i = 0;
         i < fs->nr_groups && fs->nr_frozen_blocks[parity] + fs->nr_frozen_inodes[parity] != 0;
         i++) {
        kfree(fs->groups[i].frozen[parity]);
        fs->groups[i].frozen[parity] = NULL;
        kfree(fs->groups[i].frozen_inodes[parity]);
        fs->groups[i].frozen_inodes[parity] = NULL;
    }
    fs->nr_frozen_blocks[parity] = 0;
    fs->nr_frozen_inodes[parity] = 0;
    mutex_unlock(&fs->alloc_lock);
}

/* Free the part of a range that lies in one group. */
static int free_in_group(struct ext_fs *fs, uint32_t group, uint32_t start, uint32_t nr)
{
    struct meta_block bitmap;
    size_t nr_used = 0;
    int error = meta_read(fs->super, fs->groups[group].block_bitmap, fs->block_bytes, &bitmap);

    if (error != 0) {
        return error;
    }
    error = freeze_blocks(fs, &fs->groups[group], start, nr);
    if (error != 0) {
        meta_put(&bitmap);
        return error;
    }
    for (uint32_t i = 0; i < nr; i++) {
        nr_used += bitmap_test(bitmap.data, start + i) ? 1 : 0;
    }
    bitmap_clear_range(bitmap.data, start, nr);
    ext_dirty(fs, &bitmap);
    meta_put(&bitmap);
    fs->groups[group].nr_free_blocks += (uint32_t)nr_used;
    fs->nr_free_blocks += nr_used;
    error = ext_group_store(fs, group);
    if (error == 0 && nr_used != nr) {
        error = super_damaged(fs->super,
                              "blocks %u+%u were freed, and %zu of them were free already",
                              ext_group_first_block(fs, group) + start, nr, nr - nr_used);
    }
    return error;
}

int ext_free_blocks(struct ext_fs *fs, uint32_t first, uint32_t nr)
{
    int error = 0;

    if (!ext_is_data_range(fs, first, nr)) {
        return super_damaged(fs->super, "blocks %u+%u cannot be a file's: not freed", first, nr);
    }
    mutex_lock(&fs->alloc_lock);
    while (nr != 0 && error == 0) {
        uint32_t group = (first - fs->first_data_block) / fs->blocks_per_group;
        uint32_t start = (first - fs->first_data_block) % fs->blocks_per_group;
        uint32_t part = min_of(nr, fs->blocks_per_group - start);

        error = free_in_group(fs, group, start, part);
        first += part;
        nr -= part;
    }
    mutex_unlock(&fs->alloc_lock);
    return error;
}
