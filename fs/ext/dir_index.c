// SPDX-License-Identifier: MIT
/* What is remembered of a large directory, in memory, so that not every call reads all of it.
 *
 *   names: in which block the names with a given hash are (fs/vfs/name_index.c)
 *   room:  of each block, the longest record that may find room in it; never less than is true
 *
 * The first search in a directory of at least INDEX_BYTES walks over all of it and makes the index; from
 * then on searches read the blocks that it names, additions the first block that may have room, and each
 * change of the directory changes it too. It is at most twice as long as the directory, and one that would need more
 * than a small part of memory is not made, for how large a directory is says the disk. It goes with the inode. It is a memory of what the disk says,
 * and never more: when there is no memory for it, or the directory is damaged, it is dropped, and the
 * directory is walked over from its start to its end.
 *
 * `room` is a bound. A walk that found too little room in a block has measured it and says so
 * (ext_dir_index_note_room); a removal only says that anything may fit now.
 *
 * "." and ".." are not in it: nobody asks for them but a rename, which does not hold this directory's lock.
 *
 * Locking: inode.lock of the directory. Searches that hold it for reading may make the index at the same
 * time: the first one publishes its own. */
#include "fs/ext/dir_walk.h"
#include "kernel/abi/errno.h"
#include "kernel/base/hash.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"

#define INDEX_BYTES  (8u << 10)
#define ANYTHING     UINT16_MAX
#define LEAST_BYTES  12u /* of a record with a name */
#define MEMORY_SHARE 32u /* a directory is indexed up to this part of memory */
#define INDEX_FLAGS  (ALLOC_WAIT | ALLOC_NOFS | ALLOC_QUIET)

struct ext_dir_index {
    struct name_index names;
    uint16_t *room; /* of nr_blocks blocks */
    uint64_t nr_blocks;
};

static bool is_dots(const char *name, size_t len)
{
    return len <= 2 && name[0] == '.' && (len == 1 || name[1] == '.');
}

static uint32_t name_hash(const char *name, size_t len)
{
    return (uint32_t)hash_bytes(name, len);
}

static struct ext_dir_index *index_of(struct inode *dir)
{
    return atomic_load_explicit(&ext_inode(dir)->dir_index, memory_order_acquire);
}

static void index_free(struct ext_dir_index *index)
{
    if (index != NULL) {
        name_index_release(&index->names);
        kfree(index->room);
        kfree(index);
    }
}

void ext_dir_index_drop(struct ext_inode *ext)
{
    struct ext_dir_index *index = load_relaxed(&ext->dir_index);

    store_relaxed(&ext->dir_index, NULL);
    index_free(index);
}

/* ---- Making it ------------------------------------------------------------------------------- */

static int fill(struct ext_dir_index *index, struct inode *dir)
{
    struct dir_walk walk;
    int error;

    dir_walk_begin(&walk, dir, 0, index->nr_blocks);
    while ((error = dir_walk_next(&walk)) == 0) {
        const struct ext_disk_entry *entry = walk.entry;

        index->room[walk.block] = (uint16_t)max_of((uint32_t)index->room[walk.block],
                                                   dir_record_room(entry));
        if (le32_get(entry->inode) != 0 && !is_dots(entry->name, entry->name_len)) {
            error = name_index_add(&index->names, name_hash(entry->name, entry->name_len),
                                   (uint32_t)walk.block);
            if (error != 0) {
                break;
            }
        }
    }
    dir_walk_end(&walk);
    return error == -ENOENT ? 0 : error;
}

static struct ext_dir_index *make(struct inode *dir)
{
    uint64_t size = inode_size(dir);
    struct ext_dir_index *index;

    if (size >> PAGE_SHIFT > frames_nr_total() / MEMORY_SHARE) {
        return NULL;
    }
    index = kzalloc(sizeof(*index), INDEX_FLAGS);
    if (index == NULL) {
        return NULL;
    }
    index->nr_blocks = size >> ext_fs(dir->super)->block_shift;
    index->room = kcalloc(index->nr_blocks, sizeof(index->room[0]), INDEX_FLAGS);
    if (index->room == NULL || name_index_init(&index->names, size / LEAST_BYTES) != 0 ||
        fill(index, dir) != 0) {
        index_free(index);
        return NULL;
    }
    return index;
}

static struct ext_dir_index *get_or_make(struct inode *dir)
{
    struct ext_dir_index *index = index_of(dir);
    struct ext_dir_index *none = NULL;

    if (index != NULL || inode_size(dir) < INDEX_BYTES) {
        return index;
    }
    index = make(dir);
    if (index != NULL &&
        !atomic_compare_exchange_strong_explicit(&ext_inode(dir)->dir_index, &none, index,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        index_free(index);
        index = none; /* somebody else's, as good as ours */
    }
    return index;
}

/* ---- Using it -------------------------------------------------------------------------------- */

unsigned ext_dir_index_find(struct inode *dir, const char *name, size_t len,
                            uint32_t blocks[NAME_INDEX_PLACES])
{
    struct ext_dir_index *index = is_dots(name, len) ? NULL : get_or_make(dir);

    return index != NULL ? name_index_find(&index->names, name_hash(name, len), blocks)
                         : NAME_INDEX_PLACES + 1;
}

uint64_t ext_dir_index_next_room(struct inode *dir, uint64_t block, uint32_t bytes)
{
    const struct ext_dir_index *index = index_of(dir);

    while (index != NULL && block < index->nr_blocks && index->room[block] < bytes) {
        block++;
    }
    return block;
}

void ext_dir_index_note_room(struct inode *dir, uint64_t block, uint32_t bytes)
{
    struct ext_dir_index *index = index_of(dir);

    if (index != NULL && block < index->nr_blocks) {
        index->room[block] = (uint16_t)min_of(bytes, (uint32_t)ANYTHING);
    }
}

/* The directory has grown. */
static int cover(struct ext_dir_index *index, uint64_t nr_blocks)
{
    uint16_t *room;

    if (nr_blocks <= index->nr_blocks) {
        return 0;
    }
    room = krealloc_array(index->room, nr_blocks, sizeof(*room), INDEX_FLAGS);
    if (room == NULL) {
        return -ENOMEM;
    }
    for (uint64_t block = index->nr_blocks; block < nr_blocks; block++) {
        room[block] = ANYTHING;
    }
    index->room = room;
    index->nr_blocks = nr_blocks;
    return 0;
}

void ext_dir_index_add(struct inode *dir, const char *name, size_t len, uint64_t block)
{
    struct ext_dir_index *index = index_of(dir);

    if (index != NULL &&
        (cover(index, block + 1) != 0 ||
         name_index_add(&index->names, name_hash(name, len), (uint32_t)block) != 0)) {
        ext_dir_index_drop(ext_inode(dir));
    }
}

void ext_dir_index_remove(struct inode *dir, const char *name, size_t len, uint64_t block)
{
    struct ext_dir_index *index = index_of(dir);

    if (index != NULL && !name_index_remove(&index->names, name_hash(name, len), (uint32_t)block)) {
        ext_dir_index_drop(ext_inode(dir)); /* it should have been there */
        return;
    }
    ext_dir_index_note_room(dir, block, ANYTHING);
}
