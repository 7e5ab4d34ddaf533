// SPDX-License-Identifier: MIT
/* Freeing a file's blocks from some point on.
 *
 * The tree of pointers is cut from the right: each of the inode's four subtrees is visited, and in it only what lies at or
 * behind the first block to go. An indirect block that keeps nothing is freed itself, after what it named. Runs of neighbours
 * are freed together. Pointers that are damaged are skipped with a log line, so that a bad file can still be deleted. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"

struct cut {
    struct inode *inode;
    struct ext_fs *fs;
    uint32_t run_first, run_nr; /* collected, not yet freed */
    int error;                  /* the first that was met */
};

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
    }
}

static void free_block(struct cut *cut, uint32_t block)
{
    if (!ext_is_data_range(cut->fs, block, 1)) {
        note_error(cut, super_damaged(cut->inode->super,
                                      "inode %llu: pointer %u cannot be a file's block: skipped",
                                      (unsigned long long)cut->inode->number, block));
        return;
    }
    if (cut->run_nr != 0 && block == cut->run_first + cut->run_nr) {
        cut->run_nr++;
        return;
    }
    free_run(cut);
    cut->run_first = block;
    cut->run_nr = 1;
}

/* Free what pointer `block` leads to, `depth` arrays deep, from the first-th data block of it on.
 * Returns whether nothing of it is left, so that the pointer is to be cleared. */
static bool cut_subtree(struct cut *cut, uint32_t block, unsigned depth, uint64_t first)
{
    uint32_t per_block = cut->fs->block_bytes / (uint32_t)sizeof(struct le32);
    uint64_t span = 1;
    struct meta_block meta;
    struct le32 *pointers;
    bool is_changed = false;

    if (depth == 0) {
        free_block(cut, block);
        return true;
    }
    for (unsigned i = 1; i < depth; i++) {
        span *= per_block;
    }
    if (!ext_is_data_range(cut->fs, block, 1) ||
        meta_read(cut->inode->super, block, cut->fs->block_bytes, &meta) != 0) {
        note_error(cut, super_damaged(cut->inode->super,
                                      "inode %llu: indirect block %u cannot be read: skipped",
                                      (unsigned long long)cut->inode->number, block));
        return first == 0;
    }
    pointers = meta.data;
    for (uint32_t i = (uint32_t)(first / span); i < per_block; i++) {
        uint64_t first_below = i == first / span ? first % span : 0;
        uint32_t pointer = le32_get(pointers[i]);

        if (pointer != 0 && pointer != block && cut_subtree(cut, pointer, depth - 1, first_below)) {
            pointers[i] = le32_of(0);
            is_changed = true;
        }
    }
    if (is_changed && first != 0) {
        meta_mark_dirty(&meta);
    }
    meta_put(&meta);
    if (first == 0) {
        free_run(cut);
        meta_forget(cut->inode->super, block, 1, cut->fs->block_bytes);
        free_block(cut, block);
    }
    return first == 0;
}

static void cut_inode(struct cut *cut, uint64_t first)
{
    struct ext_inode *ext = ext_inode(cut->inode);
    uint64_t per_block = cut->fs->block_bytes / sizeof(struct le32);
    uint64_t subtree_first = EXT_NR_DIRECT;
    uint64_t span = 1;

    for (uint64_t i = first; i < EXT_NR_DIRECT; i++) {
        if (ext->pointers[i] != 0) {
            free_block(cut, ext->pointers[i]);
            ext->pointers[i] = 0;
        }
    }
    for (unsigned depth = 1; depth < EXT_MAX_DEPTH; depth++) {
        uint32_t *pointer = &ext->pointers[EXT_NR_DIRECT + depth - 1];

        span *= per_block;
        if (*pointer != 0 && first < subtree_first + span) {
            uint64_t first_below = first > subtree_first ? first - subtree_first : 0;

            if (cut_subtree(cut, *pointer, depth, first_below)) {
                *pointer = 0;
            }
        }
        subtree_first += span;
    }
    free_run(cut);
    ext->next_goal = 0;
}

int ext_truncate_blocks(struct inode *inode, uint64_t size_bytes)
{
    struct cut cut = {.inode = inode, .fs = ext_fs(inode->super)};
    uint64_t first = (size_bytes + cut.fs->block_bytes - 1) >> cut.fs->block_shift;

    rwlock_write_lock(&ext_inode(inode)->map_lock);
    cut_inode(&cut, first);
    rwlock_write_unlock(&ext_inode(inode)->map_lock);
    inode_mark_dirty(inode);
    return cut.error;
}
