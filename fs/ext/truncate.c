// SPDX-License-Identifier: MIT
/* Freeing a file's blocks from some point on, or between two.
 *
 * Each of the inode's four subtrees of pointers is visited, and in it only what lies in the range that is to
 * go. An indirect block that keeps nothing is freed itself, after what it named. Runs of neighbours are freed
 * together.
 *
 * With a journal that is done in steps, each an operation of few blocks: a step ends when its share is used up, and
 * the next one begins with what the tree still has. A file that needs more than one stands on the list of
 * orphans meanwhile. Blocks that were metadata (directories, arrays of pointers) are revoked.
 *
 * A pointer is cleared only when nothing can keep its block from being freed, or the block would be lost: so the
 * walk holds the bitmap of the group that it is in.
 *
 * The first error ends the walk; what the tree still names stays its own, and the file is as long as it was, with
 * holes in it: blocks behind its end would be seen by whoever lets it grow again. To go on after damage
 * would be dangerous (blocks that are named twice would be freed under their other owner) and,
 * where every pointer of three levels leads to the same block, a matter of days. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"

struct cut {
    struct inode *inode;
    struct ext_fs *fs;
    bool is_metadata;           /* what the tree leads to: directories, symbolic links */
    uint32_t run_first, run_nr; /* collected, not yet freed; in one group */
    uint32_t group;             /* the one that is held */
    struct meta_block bitmap;   /* of that group; page NULL: none yet */
    uint32_t nr_left;           /* blocks of metadata that the step may still change */
    bool is_full;               /* the step ends here, and there is more to do */
    int error;                  /* the first that was met */
};

#define RUN_BLOCKS   2u /* that freeing a run changes: a bitmap, a block of descriptors */
/* Of nr_left, for what a step does when it ends: the last run, three arrays of pointers, the inode, and the list of
 * orphans. (The one that was spent last may have gone RUN_BLOCKS below it.) */
#define STEP_RESERVE 16u

static bool must_stop(const struct cut *cut)
{
    return cut->error != 0 || cut->is_full;
}

static void spend(struct cut *cut, uint32_t nr_blocks)
{
    cut->nr_left -= min_of(nr_blocks, cut->nr_left);
    cut->is_full |= cut->nr_left < STEP_RESERVE;
}

static void note_error(struct cut *cut, int error)
{
    if (cut->error == 0) {
        cut->error = error;
    }
}

static void free_run(struct cut *cut)
{
    if (cut->run_nr != 0) {
        int error = ext_free_blocks(cut->fs, cut->run_first, cut->run_nr);

        if (error != 0) {
            note_error(cut, error);
        }
        ext_count_sectors(cut->inode, -(int64_t)cut->run_nr * (cut->fs->block_bytes / 512));
        cut->run_nr = 0;
        spend(cut, RUN_BLOCKS);
    }
}

/* From now on freeing blocks of this group cannot fail. */
static int hold_bitmap(struct cut *cut, uint32_t group)
{
    struct meta_block bitmap;
    int error = 0;

    if (cut->bitmap.page == NULL || cut->group != group) {
        error = ext_read_block_bitmap(cut->fs, group, &bitmap);
        if (error == 0) {
            meta_put(&cut->bitmap);
            cut->bitmap = bitmap;
            cut->group = group;
        }
    }
    return error;
}

/* Returns whether the block will be freed, so that the pointer to it is to be cleared. */
static bool free_block(struct cut *cut, uint32_t block)
{
    uint32_t group;
    int error;

    if (!ext_is_data_range(cut->fs, block, 1)) {
        note_error(cut, super_damaged(cut->inode->super,
                                      "inode %llu: pointer %u cannot be a file's block",
                                      (unsigned long long)cut->inode->number, block));
        return false;
    }
    group = ext_group_of(cut->fs, block);
    if (cut->run_nr != 0 && block == cut->run_first + cut->run_nr && group == cut->group) {
        cut->run_nr++;
        return true;
    }
    free_run(cut);
    error = hold_bitmap(cut, group);
    if (error != 0) {
        note_error(cut, error);
        return false;
    }
    cut->run_first = block;
    cut->run_nr = 1;
    return true;
}

/* The same for a block of metadata, whose content is nobody's business any more. */
static bool free_metadata_block(struct cut *cut, uint32_t block)
{
    bool result = free_block(cut, block);

    if (result) {
        ext_forget(cut->fs, block);
        spend(cut, 1);
    }
    return result;
}

/* Blocks [first, end) of what a pointer leads to, counted from there. */
struct cut_range {
    uint64_t first, end;
};

/* The part of a range that lies in [start, start + span), counted from its start. */
static struct cut_range range_below(struct cut_range range, uint64_t start, uint64_t span)
{
    return (struct cut_range){
        .first = range.first > start ? range.first - start : 0,
        .end = range.end > start ? min_of(range.end - start, span) : 0,
    };
}

static bool cut_subtree(struct cut *cut, uint32_t block, unsigned depth, struct cut_range range);

/* Cut what the pointers of an indirect block lead to. Returns whether one of them was cleared. */
static bool cut_pointers(struct cut *cut, struct le32 *pointers, unsigned depth,
                         struct cut_range range)
{
    uint32_t per_block = cut->fs->block_bytes / (uint32_t)sizeof(struct le32);
    uint64_t span = 1;
    bool is_changed = false;

    for (unsigned i = 1; i < depth; i++) {
        span *= per_block;
    }
    for (uint32_t i = (uint32_t)(range.first / span);
         i < per_block && i * span < range.end && !must_stop(cut); i++) {
        uint32_t pointer = le32_get(pointers[i]);

        if (pointer != 0 &&
            cut_subtree(cut, pointer, depth - 1, range_below(range, i * span, span))) {
            pointers[i] = le32_of(0);
            is_changed = true;
        }
    }
    return is_changed;
}

static bool has_no_pointers(const struct cut *cut, const struct le32 *pointers)
{
    for (uint32_t i = 0; i < cut->fs->block_bytes / sizeof(struct le32); i++) {
        if (le32_get(pointers[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Free a range of what pointer `block` leads to, `depth` arrays deep. Returns whether nothing of it is left, so that
 * the pointer is to be cleared. */
static bool cut_subtree(struct cut *cut, uint32_t block, unsigned depth, struct cut_range range)
{
    struct meta_block meta;
    bool is_changed, is_empty;
    int error;

    if (depth == 0) {
        return cut->is_metadata ? free_metadata_block(cut, block) : free_block(cut, block);
    }
    if (!ext_is_data_range(cut->fs, block, 1)) {
        note_error(cut, super_damaged(cut->inode->super,
                                      "inode %llu: pointer %u cannot be an indirect block",
                                      (unsigned long long)cut->inode->number, block));
        return false;
    }
    error = meta_read(cut->inode->super, block, cut->fs->block_bytes, &meta);
    if (error != 0) {
        note_error(cut, error);
        return false;
    }
    is_changed = cut_pointers(cut, meta.data, depth, range);
    is_empty = !must_stop(cut) && has_no_pointers(cut, meta.data) &&
               free_metadata_block(cut, block);
    if (is_changed && !is_empty) {
        ext_dirty(cut->fs, &meta);
        spend(cut, 1);
    }
    meta_put(&meta);
    return is_empty;
}

static void cut_inode(struct cut *cut, struct cut_range range)
{
    struct ext_inode *ext = ext_inode(cut->inode);
    uint64_t per_block = cut->fs->block_bytes / sizeof(struct le32);
    uint64_t subtree_first = EXT_NR_DIRECT;
    uint64_t span = 1;

    for (uint64_t i = range.first;
         i < min_of(range.end, (uint64_t)EXT_NR_DIRECT) && !must_stop(cut); i++) {
        if (ext->pointers[i] != 0 && cut_subtree(cut, ext->pointers[i], 0, range)) {
            ext->pointers[i] = 0;
        }
    }
    for (unsigned depth = 1; depth < EXT_MAX_DEPTH && !must_stop(cut); depth++) {
        uint32_t *pointer = &ext->pointers[EXT_NR_DIRECT + depth - 1];

        span *= per_block;
        if (*pointer != 0 && range.first < subtree_first + span && range.end > subtree_first &&
            cut_subtree(cut, *pointer, depth, range_below(range, subtree_first, span))) {
            *pointer = 0;
        }
        subtree_first += span;
    }
    free_run(cut);
    ext->next_goal = 0;
}

/* One step, inside an operation. Returns 0, -EAGAIN when there is more to do, or the first error. */
static int cut_step(struct inode *inode, struct cut_range range, uint32_t nr_blocks)
{
    struct cut cut = {
        .inode = inode,
        .fs = ext_fs(inode->super),
        .is_metadata = !inode_is(inode, S_IFREG),
        .nr_left = nr_blocks,
    };

    rwlock_write_lock(&ext_inode(inode)->map_lock);
    cut_inode(&cut, range);
    rwlock_write_unlock(&ext_inode(inode)->map_lock);
    meta_put(&cut.bitmap);
    inode_mark_dirty(inode);
    return cut.error != 0 || !cut.is_full ? cut.error : -EAGAIN;
}

static struct cut_range all_behind(const struct ext_fs *fs, uint64_t size_bytes)
{
    return (struct cut_range){(size_bytes + fs->block_bytes - 1) >> fs->block_shift, UINT64_MAX};
}

int ext_take_back_blocks(struct inode *inode, uint64_t size_bytes)
{
    return cut_step(inode, all_behind(ext_fs(inode->super), size_bytes), UINT32_MAX);
}

/* Each step leaves a file that is whole, so nothing need be finished after a power cut. */
int ext_punch(struct inode *inode, uint64_t start, uint64_t end)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct cut_range range = {(start + fs->block_bytes - 1) >> fs->block_shift,
                              end >> fs->block_shift};
    uint32_t nr_blocks = fs->journal != NULL ? EXT_CUT_BLOCKS : UINT32_MAX;
    struct meta_block table;
    int error = -EAGAIN;

    if (range.first >= range.end) {
        return 0;
    }
    while (error == -EAGAIN) {
        error = ext_begin_inode(inode, EXT_CUT_BLOCKS, &table);
        if (error != 0) {
            return error;
        }
        error = cut_step(inode, range, nr_blocks);
        ext_end_inode(inode, EXT_CUT_BLOCKS, &table);
    }
    return error;
}

/* Only a regular file's size says how far its blocks reach while it is being freed. */
static void set_size(struct inode *inode, uint64_t size_bytes)
{
    if (inode_is(inode, S_IFREG)) {
        inode_set_size(inode, size_bytes);
    }
}

/* One operation of a truncation. Returns 0, -EAGAIN when there is more to do, or why it failed. */
static int truncate_step(struct inode *inode, uint64_t size_bytes, uint64_t old_size_bytes,
                         bool was_orphan)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct meta_block table;
    int error = ext_begin_inode(inode, EXT_CUT_BLOCKS, &table);

    if (error != 0) {
        return error;
    }
    set_size(inode, size_bytes);
    error = cut_step(inode, all_behind(fs, size_bytes),
                     fs->journal != NULL ? EXT_CUT_BLOCKS : UINT32_MAX);
    if (error == -EAGAIN) {
        ext_orphan_add(inode);
    } else if (inode->nr_links != 0 && (error == 0 || !was_orphan)) {
        (void)!ext_orphan_remove(
            inode); /* if it stays there, a file that is whole is cut to its size */
    }
    if (error != 0 && error != -EAGAIN) {
        set_size(inode, old_size_bytes);
    }
    ext_end_inode(inode, EXT_CUT_BLOCKS, &table);
    return error;
}

int ext_truncate_blocks(struct inode *inode, uint64_t size_bytes)
{
    uint64_t old_size_bytes = inode_size(inode);
    bool was_orphan = ext_is_orphan(inode);
    int error;

    do {
        error = truncate_step(inode, size_bytes, old_size_bytes, was_orphan);
    } while (error == -EAGAIN);
    if (error != 0) {
        set_size(inode, old_size_bytes);
    }
    return error;
}
