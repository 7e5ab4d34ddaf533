// SPDX-License-Identifier: MIT
/* Allocating blocks.
 *
 * Files are fast when their blocks are neighbours, so the caller names a goal (behind the file's
 * last block, or the group of its inode) and gets the first free run at or behind it, at most as
 * long as wanted; when the goal's group is full, the other groups are tried in order. What is kept for files
 * that grow (window.c) is passed over. Bitmaps are metadata pages changed in place; group and file-system counts
 * follow them.
 *
 * Blocks that were freed are free in the bitmap at once, and given to nobody as long as they are frozen (freeze.c).
 * Who holds a group's bitmap while he clears the last pointer to a block can free it whatever happens: freeing asks
 * neither the disk nor the allocator for anything more.
 *
 * Nothing is allocated once damage was found and the file system is read-only: a wrong bitmap must
 * not be used to write.
 *
 * Nothing on the disk is believed: a bitmap that says that metadata is free is damage, and so is
 * freeing what is free. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"

struct ext_request {
    struct ext_fs *fs;
    struct inode *owner;
    uint32_t wanted;     /* blocks */
    struct ext_run *run; /* where the answer goes; nr 0: nothing yet */
};

/* The free run at or behind `from` in a group's bitmap, at most `wanted` long; 0: there is none. */
static uint32_t find_run(const struct ext_group *group, const uint64_t *bitmap, uint32_t nr_bits,
                         uint32_t from, uint32_t wanted, uint32_t *start)
{
    size_t first = ext_find_usable(bitmap, &group->frozen_blocks, nr_bits, from, true);

    if (first >= nr_bits) {
        return 0;
    }
    *start = (uint32_t)first;
    nr_bits = (uint32_t)min_of((size_t)nr_bits, first + wanted);
    return (uint32_t)(ext_find_usable(bitmap, &group->frozen_blocks, nr_bits, first, false) -
                      first);
}

int ext_read_block_bitmap(struct ext_fs *fs, uint32_t group, struct meta_block *bitmap)
{
    return meta_read(fs->super, fs->groups[group].block_bitmap, fs->block_bytes, bitmap);
}

int ext_find_free_run(struct ext_fs *fs, uint32_t group, uint32_t from, uint32_t nr_bits,
                      uint32_t *start, uint32_t *nr)
{
    struct meta_block bitmap;
    int error = ext_read_block_bitmap(fs, group, &bitmap);

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
    ext_group_store(fs, group);
    return 0;
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

/* The file was given a run, which ends before the group's block `behind`: keep some of those from there on for it. */
static void move_window(const struct ext_request *request, uint32_t group, const uint64_t *bitmap,
                        uint32_t behind)
{
    struct ext_fs *fs = request->fs;
    uint32_t end = ext_group_first_block(fs, group) + behind;
    uint32_t wanted, window_start;
    uint32_t window_nr = 0;

    if (!inode_is(request->owner, S_IFREG)) {
        return;
    }
    if (ext_window_advance(request->owner, end)) {
        return;
    }
    ext_window_set(fs, request->owner, 0, 0);
    wanted = ext_window_wanted(fs, request->owner, group);
    if (wanted != 0) {
        window_nr = find_own_run(request, group, bitmap, behind, wanted, &window_start);
    }
    if (window_nr != 0 && window_start == behind) {
        ext_window_set(fs, request->owner, end, window_nr);
    }
}

/* Try one group. */
static int alloc_in_group(const struct ext_request *request, uint32_t group, uint32_t from)
{
    struct ext_fs *fs = request->fs;
    struct ext_run *run = request->run;
    uint32_t wanted = request->wanted;
    struct meta_block bitmap;
    uint32_t start = 0;
    int error;

    if (fs->groups[group].nr_free_blocks == 0) {
        return 0;
    }
    error = ext_read_block_bitmap(fs, group, &bitmap);
    if (error != 0) {
        return error;
    }
    run->nr = find_own_run(request, group, bitmap.data, from, wanted, &start);
    if (run->nr == 0 && from != 0) {
        run->nr = find_own_run(request, group, bitmap.data, 0, wanted, &start);
    }
    if (run->nr != 0) {
        error = take_run(fs, group, &bitmap, start, run->nr);
        run->first = ext_group_first_block(fs, group) + start;
        run->is_clear = ext_window_is_clear(request->owner, run);
        move_window(request, group, bitmap.data, start + run->nr);
    } else if (!ext_is_frozen(&fs->groups[group].frozen_blocks) && fs->nr_windows == 0) {
        /* The count was wrong: e2fsck would say so, and it must not be tried again and again. */
        fs->groups[group].nr_free_blocks = 0;
    }
    meta_put(&bitmap);
    return error;
}

/* All groups in turn, from that of the goal on. */
static int alloc_anywhere(const struct ext_request *request, uint32_t goal)
{
    struct ext_fs *fs = request->fs;
    uint32_t group = ext_group_of(fs, goal);
    uint32_t from = (goal - fs->first_data_block) % fs->blocks_per_group;
    int error = 0;

    for (uint32_t i = 0; i < fs->nr_groups && request->run->nr == 0 && error == 0; i++) {
        error = alloc_in_group(request, group, from);
        group = (group + 1) % fs->nr_groups;
        from = 0;
    }
    return error;
}

int ext_alloc_blocks(struct inode *owner, uint32_t goal, uint32_t wanted, struct ext_run *run)
{
    struct ext_fs *fs = ext_fs(owner->super);
    struct ext_request request = {.fs = fs, .owner = owner, .run = run};
    int error;

    if (ext_is_read_only(fs)) {
        return -EROFS;
    }
    if (goal < fs->first_data_block || goal >= fs->nr_blocks) {
        goal = fs->first_data_block;
    }
    run->nr = 0;
    mutex_lock(&fs->alloc_lock);
    request.wanted = ext_cut_to_reserve(fs, wanted);
    error = request.wanted != 0 ? alloc_anywhere(&request, goal) : -ENOSPC;
    if (error == 0 && run->nr == 0 && ext_windows_drop_all(fs)) {
        error = alloc_anywhere(&request, goal);
    }
    mutex_unlock(&fs->alloc_lock);
    if (error != 0) {
        return error;
    }
    return run->nr != 0 ? 0 : -ENOSPC;
}

static int free_locked(struct ext_fs *fs, uint32_t group, uint32_t start, uint32_t nr)
{
    struct meta_block bitmap;
    size_t nr_used = 0;
    int error = ext_read_block_bitmap(fs, group, &bitmap);

    if (error != 0) {
        return error;
    }
    ext_freeze_blocks(fs, group, start, nr);
    for (uint32_t i = 0; i < nr; i++) {
        nr_used += bitmap_test(bitmap.data, start + i) ? 1 : 0;
    }
    bitmap_clear_range(bitmap.data, start, nr);
    ext_dirty(fs, &bitmap);
    meta_put(&bitmap);
    fs->groups[group].nr_free_blocks += (uint32_t)nr_used;
    fs->nr_free_blocks += nr_used;
    ext_group_store(fs, group);
    if (nr_used != nr) {
        error = super_damaged(fs->super,
                              "blocks %u+%u were freed, and %zu of them were free already",
                              ext_group_first_block(fs, group) + start, nr, nr - nr_used);
    }
    return error;
}

int ext_free_blocks(struct ext_fs *fs, uint32_t first, uint32_t nr)
{
    uint32_t group;
    int error;

    if (!ext_is_data_range(fs, first, nr)) {
        return super_damaged(fs->super, "blocks %u+%u cannot be a file's: not freed", first, nr);
    }
    group = ext_group_of(fs, first);
    assert(ext_group_of(fs, first + nr - 1) == group);
    mutex_lock(&fs->alloc_lock);
    error = free_locked(fs, group, first - ext_group_first_block(fs, group), nr);
    mutex_unlock(&fs->alloc_lock);
    return error;
}
