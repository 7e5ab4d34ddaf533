// SPDX-License-Identifier: MIT
/* The block map: from a block of a file to a block of the disk.
 *
 * The inode holds 15 pointers. Twelve name the first blocks directly; the others name an indirect
 * block, which is an array of pointers, or an array of arrays, or an array of those:
 *
 *     pointers[0..11] ─────────────────────────> data
 *     pointers[12] ──> [ … ] ──────────────────> data
 *     pointers[13] ──> [ … ] ──> [ … ] ────────> data
 *     pointers[14] ──> [ … ] ──> [ … ] ──> [ … ] data
 *
 * A pointer of 0 is a hole. A question is answered for as many blocks as follow one another in the
 * last array, so that contiguous files are read and written in long requests.
 *
 * When blocks are created, missing indirect blocks are filled with zeros before the pointer to them
 * is set, and data blocks are allocated behind the file's previous block. A block of a directory begins as one unused
 * record. What a block held before must not be seen by whoever finds it after a power cut: where no journal takes
 * care of that, the new content is on the disk before the pointer (settle.c). Each pointer that comes
 * from the disk is checked before it is used: one that leads outside the file system, or into its
 * metadata, is damage.
 *
 * Lock: map_lock for reading to look, for writing to create; the allocator's lock is taken
 * inside. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"

const struct mapping_ops ext_mapping_ops = {
    .map_blocks = ext_map_blocks,
    .begin_allocate = ext_begin_allocate,
    .end_allocate = ext_end_allocate,
};

static uint32_t pointers_per_block(const struct ext_fs *fs)
{
    return fs->block_bytes / (uint32_t)sizeof(struct le32);
}

int ext_map_path(const struct ext_fs *fs, uint64_t block, struct ext_map_path *path)
{
    uint64_t per_block = pointers_per_block(fs);
    uint64_t span = 1;

    if (block < EXT_NR_DIRECT) {
        path->depth = 1;
        path->offsets[0] = (uint32_t)block;
        path->nr_left = EXT_NR_DIRECT - block;
        return 0;
    }
    block -= EXT_NR_DIRECT;
    for (unsigned depth = 2; depth <= EXT_MAX_DEPTH; depth++) {
        span *= per_block;
        if (block < span) {
            path->depth = depth;
            path->offsets[0] = EXT_NR_DIRECT + depth - 2;
            for (unsigned level = 1; level < depth; level++) {
                span /= per_block;
                path->offsets[level] = (uint32_t)(block / span);
                block %= span;
            }
            path->nr_left = per_block - path->offsets[depth - 1];
            return 0;
        }
        block -= span;
    }
    return -EFBIG;
}

uint64_t ext_max_file_bytes(const struct ext_fs *fs)
{
    uint64_t per_block = pointers_per_block(fs);
    uint64_t nr_blocks = EXT_NR_DIRECT + per_block + per_block * per_block +
                         per_block * per_block * per_block;
    /* i_blocks counts 512-byte sectors in 32 bits, indirect blocks included: keep well below. */
    uint64_t sector_limit = (uint64_t)UINT32_MAX * 512 / 100 * 99;

    return min_of(nr_blocks << fs->block_shift,
                  fs->has_large_files ? sector_limit : (uint64_t)INT32_MAX);
}

static int bad_pointer(struct inode *inode, uint64_t block, uint32_t pointer)
{
    return super_damaged(inode->super, "inode %llu: block %llu: pointer %u %s",
                         (unsigned long long)inode->number, (unsigned long long)block, pointer,
                         pointer < ext_fs(inode->super)->nr_blocks ? "inside metadata"
                                                                   : "outside the file system");
}

/* Where a walk along a path has come to. */
struct map_walk {
    struct inode *inode;
    uint64_t block; /* of the file */
    struct ext_map_path path;
    struct meta_block meta; /* the indirect block at hand; page NULL: the inode's own array */
};

static uint32_t read_pointer(const struct map_walk *walk, uint32_t offset)
{
    if (walk->meta.page == NULL) {
        return ext_inode(walk->inode)->pointers[offset];
    }
    return le32_get(((const struct le32 *)walk->meta.data)[offset]);
}

static void write_pointer(struct map_walk *walk, uint32_t offset, uint32_t pointer)
{
    if (walk->meta.page == NULL) {
        ext_inode(walk->inode)->pointers[offset] = pointer;
        inode_mark_dirty(walk->inode);
        return;
    }
    ((struct le32 *)walk->meta.data)[offset] = le32_of(pointer);
    ext_dirty(ext_fs(walk->inode->super), &walk->meta);
}

/* Where a new block had best be: behind its predecessor, else in the inode's own group. */
static uint32_t choose_goal(struct map_walk *walk)
{
    struct ext_fs *fs = ext_fs(walk->inode->super);
    uint32_t offset = walk->path.offsets[walk->path.depth - 1];

    if (walk->path.depth == 1 || walk->meta.page != NULL) {
        uint32_t before = offset != 0 ? read_pointer(walk, offset - 1) : 0;

        if (before != 0) {
            return before + 1;
        }
    }
    if (ext_inode(walk->inode)->next_goal != 0) {
        return ext_inode(walk->inode)->next_goal;
    }
    return ext_group_first_block(fs, (uint32_t)(walk->inode->number - 1) / fs->inodes_per_group);
}

/* Blocks for the hole that the walk has come to. Where something leads there that may be on the disk before their
 * content (settle.c), they hold zeros. */
static int alloc_blocks(struct map_walk *walk, uint32_t wanted, bool is_array, struct ext_run *run)
{
    struct inode *inode = walk->inode;
    bool is_promised = inode_is(inode, S_IFREG) && ext_is_promised(inode, walk->block);

    if (ext_fs(inode->super)->journal == NULL && (is_promised || is_array)) {
        return ext_alloc_clear_blocks(inode, choose_goal(walk), wanted, is_promised, run);
    }
    return ext_alloc_blocks(inode, choose_goal(walk), wanted, run);
}

/* Step into the indirect block that pointer `offset` names, making it if `create`. Returns 0,
 * -ENOENT for a hole. */
static int descend(struct map_walk *walk, uint32_t offset, bool create)
{
    struct ext_fs *fs = ext_fs(walk->inode->super);
    uint32_t pointer = read_pointer(walk, offset);
    struct meta_block next;
    int error;

    if (pointer == 0) {
        struct ext_run run;

        if (!create) {
            return -ENOENT;
        }
        error = alloc_blocks(walk, 1, true, &run);
        if (error != 0) {
            return error;
        }
        error = meta_new(fs->super, run.first, fs->block_bytes, &next);
        if (error != 0) {
            (void)!ext_free_blocks(fs, run.first, 1);
            return error;
        }
        ext_dirty(fs, &next);
        ext_count_sectors(walk->inode, fs->block_bytes / 512);
        write_pointer(walk, offset, run.first);
        ext_inode(walk->inode)->next_goal = run.first + 1;
    } else {
        if (!ext_is_data_range(fs, pointer, 1)) {
            return bad_pointer(walk->inode, walk->block, pointer);
        }
        error = meta_read(fs->super, pointer, fs->block_bytes, &next);
        if (error != 0) {
            return error;
        }
    }
    meta_put(&walk->meta);
    walk->meta = next;
    return 0;
}

/* How many blocks lie from this one on in what a pointer of the path at `level` leads to. */
static uint64_t blocks_below(const struct map_walk *walk, unsigned level)
{
    uint64_t per_block = pointers_per_block(ext_fs(walk->inode->super));
    uint64_t before = 0, span = 1;

    for (unsigned i = walk->path.depth - 1; i > level; i--) {
        before += walk->path.offsets[i] * span;
        span *= per_block;
    }
    return span - before;
}

/* How many pointers from the path's last on continue one another: all holes, or disk blocks in
 * sequence. */
static uint64_t count_run(const struct map_walk *walk, uint64_t max_blocks)
{
    uint32_t offset = walk->path.offsets[walk->path.depth - 1];
    uint32_t first = read_pointer(walk, offset);
    uint64_t limit = min_of(max_blocks, walk->path.nr_left);
    uint64_t nr = 1;

    while (nr < limit &&
           read_pointer(walk, offset + (uint32_t)nr) == (first == 0 ? 0 : first + (uint32_t)nr)) {
        nr++;
    }
    return nr;
}

/* A new block of a directory or a symbolic link begins with this content. The pointer to it may be in the inode, which
 * waits for it (settle.c); an array of pointers does not. */
static int begin_block(struct map_walk *walk, uint32_t block)
{
    struct ext_fs *fs = ext_fs(walk->inode->super);
    struct meta_block meta;
    int error = meta_new(fs->super, block, fs->block_bytes, &meta);

    if (error != 0) {
        return error;
    }
    if (inode_is(walk->inode, S_IFDIR)) {
        ext_dir_init_block(fs, meta.data);
    }
    ext_dirty(fs, &meta);
    if (fs->journal == NULL && walk->meta.page != NULL) {
        error = ext_settle_block(fs, &meta);
    }
    meta_put(&meta);
    return error;
}

/* Prepare blocks that were allocated for what the pointers will lead to. */
static int begin_blocks(struct map_walk *walk, const struct ext_run *run)
{
    struct ext_fs *fs = ext_fs(walk->inode->super);
    bool is_file = inode_is(walk->inode, S_IFREG);
    int error = 0;

    for (uint32_t i = 0; i < run->nr && error == 0 && !is_file; i++) {
        error = begin_block(walk, run->first + i);
    }
    if (is_file || error != 0) {
        meta_forget(fs->super, run->first, run->nr, fs->block_bytes);
    } else if (fs->journal == NULL) {
        ext_note_new_block(walk->inode);
    }
    return error;
}

/* Allocate data blocks for the hole that the walk has come to. */
static int fill_hole(struct map_walk *walk, uint64_t nr_holes, struct block_extent *extent)
{
    struct ext_fs *fs = ext_fs(walk->inode->super);
    uint32_t offset = walk->path.offsets[walk->path.depth - 1];
    struct ext_run run;
    int error = alloc_blocks(walk, (uint32_t)nr_holes, false, &run);

    if (error != 0) {
        return error;
    }
    error = begin_blocks(walk, &run);
    if (error != 0) {
        (void)!ext_free_blocks(fs, run.first, run.nr);
        return error;
    }
    for (uint32_t i = 0; i < run.nr; i++) {
        write_pointer(walk, offset + i, run.first + i);
    }
    ext_count_sectors(walk->inode, (int64_t)run.nr * (fs->block_bytes / 512));
    ext_inode(walk->inode)->next_goal = run.first + run.nr;
    *extent = (struct block_extent){.disk_block = run.first, .nr_blocks = run.nr, .is_new = true};
    return 0;
}

static int map_locked(struct map_walk *walk, uint64_t max_blocks, bool create,
                      struct block_extent *extent)
{
    struct ext_fs *fs = ext_fs(walk->inode->super);
    uint32_t pointer;
    uint64_t nr;

    for (unsigned level = 0; level + 1 < walk->path.depth; level++) {
        int error = descend(walk, walk->path.offsets[level], create);

        if (error == -ENOENT) { /* a whole array is missing: a hole up to its end at least */
            *extent = (struct block_extent){
                .nr_blocks = min_of(max_blocks, blocks_below(walk, level)), .is_hole = true};
            return 0;
        }
        if (error != 0) {
            return error;
        }
    }
    pointer = read_pointer(walk, walk->path.offsets[walk->path.depth - 1]);
    nr = count_run(walk, max_blocks);
    if (pointer == 0 && create) {
        return fill_hole(walk, nr, extent);
    }
    if (pointer != 0 && !ext_is_data_range(fs, pointer, nr)) {
        return bad_pointer(walk->inode, walk->block, pointer);
    }
    *extent =
        (struct block_extent){.disk_block = pointer, .nr_blocks = nr, .is_hole = pointer == 0};
    return 0;
}

int ext_map_blocks(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                   struct block_extent *extent)
{
    struct ext_inode *ext = ext_inode(inode);
    struct map_walk walk = {.inode = inode, .block = block};
    int error = ext_map_path(ext_fs(inode->super), block, &walk.path);

    if (error != 0) {
        return error;
    }
    rwlock_read_lock(&ext->map_lock);
    error = map_locked(&walk, max_blocks, false, extent);
    rwlock_read_unlock(&ext->map_lock);
    meta_put(&walk.meta);
    if (error == 0 && create && extent->is_hole) {
        rwlock_write_lock(&ext->map_lock);
        error = map_locked(&walk, max_blocks, true, extent);
        rwlock_write_unlock(&ext->map_lock);
        meta_put(&walk.meta);
    }
    return error;
}
