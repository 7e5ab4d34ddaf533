// SPDX-License-Identifier: MIT
/* Freezing: what was freed is not given to anybody before that is durable.
 *
 * A power cut could bring the old owner back, with somebody else's content. So blocks that were freed are free
 * in the bitmap, which says what will be so after the transaction, and also marked in a bitmap in memory, that
 * of the transaction that frees them. Two transactions can be under way, the running and the committing one: so
 * each group has two such bitmaps, for even and for odd numbers. Without a journal the same is done for
 * settlings (settle.c), and for inodes, too: under another name a number would be there with both. (With a
 * journal the transaction has all or nothing of an inode.)
 *
 * Freeing must not fail, for the caller has cleared the last pointer. When there is no memory for a bitmap, all
 * that is free in the group is frozen, which needs none.
 *
 * Lock: alloc_lock. */
#include "fs/ext/ext_internal.h"
#include "kernel/base/bits.h"
#include "mm/kmalloc.h"

static uint32_t number_now(struct ext_fs *fs)
{
    mutex_assert_held(&fs->alloc_lock);
    return fs->journal != NULL ? journal_number(fs->journal) : fs->next_settling;
}

/* Returns whether [start, start + nr) alone is frozen; else with all that the group has free. */
static bool freeze(struct ext_frozen *frozen, unsigned parity, uint32_t bitmap_bytes,
                   uint32_t start, uint32_t nr)
{
    if (frozen->bits[parity] == NULL && !frozen->is_all[parity]) {
        frozen->bits[parity] = kzalloc(bitmap_bytes, ALLOC_KERNEL);
    }
    if (frozen->bits[parity] == NULL) {
        frozen->is_all[parity] = true;
        return false;
    }
    bitmap_set_range(frozen->bits[parity], start, nr);
    return true;
}

void ext_freeze_blocks(struct ext_fs *fs, uint32_t group, uint32_t start, uint32_t nr)
{
    unsigned parity = number_now(fs) % 2;
    bool is_alone = freeze(&fs->groups[group].frozen_blocks, parity, fs->block_bytes, start, nr);

    fs->nr_frozen_blocks[parity] += nr + (is_alone ? 0 : fs->groups[group].nr_free_blocks);
}

void ext_freeze_inode(struct ext_fs *fs, uint32_t group, uint32_t index)
{
    unsigned parity = number_now(fs) % 2;
    bool is_alone;

    if (fs->journal == NULL) {
        is_alone = freeze(&fs->groups[group].frozen_inodes, parity, fs->block_bytes, index, 1);
        fs->nr_frozen_inodes[parity] += 1 + (is_alone ? 0 : fs->groups[group].nr_free_inodes);
    }
}

bool ext_is_frozen(const struct ext_frozen *frozen)
{
    return frozen->bits[0] != NULL || frozen->bits[1] != NULL || frozen->is_all[0] ||
           frozen->is_all[1];
}

bool ext_has_frozen(struct ext_fs *fs)
{
    mutex_assert_held(&fs->alloc_lock);
    return fs->nr_frozen_blocks[0] + fs->nr_frozen_blocks[1] + fs->nr_frozen_inodes[0] +
               fs->nr_frozen_inodes[1] !=
           0;
}

static void thaw(struct ext_frozen *frozen, unsigned parity)
{
    kfree(frozen->bits[parity]);
    frozen->bits[parity] = NULL;
    frozen->is_all[parity] = false;
}

void ext_thaw(struct ext_fs *fs, uint32_t number)
{
    unsigned parity = number % 2;

    mutex_lock(&fs->alloc_lock);
    for (uint32_t i = 0;
         i < fs->nr_groups && fs->nr_frozen_blocks[parity] + fs->nr_frozen_inodes[parity] != 0;
         i++) {
        thaw(&fs->groups[i].frozen_blocks, parity);
        thaw(&fs->groups[i].frozen_inodes, parity);
    }
    fs->nr_frozen_blocks[parity] = 0;
    fs->nr_frozen_inodes[parity] = 0;
    mutex_unlock(&fs->alloc_lock);
}

size_t ext_find_usable(const uint64_t *bitmap, const struct ext_frozen *frozen, size_t nr_bits,
                       size_t from, bool is_usable)
{
    uint64_t mask = ~0ull << from % BITMAP_WORD_BITS; /* what lies before does not count */

    if (frozen->is_all[0] || frozen->is_all[1]) {
        return is_usable ? nr_bits : from;
    }
    for (size_t i = from / BITMAP_WORD_BITS; i * BITMAP_WORD_BITS < nr_bits; i++) {
        uint64_t word = bitmap[i];

        word |= frozen->bits[0] != NULL ? frozen->bits[0][i] : 0;
        word |= frozen->bits[1] != NULL ? frozen->bits[1][i] : 0;
        word = (is_usable ? ~word : word) & mask;
        if (word != 0) {
            return min_of(nr_bits, i * BITMAP_WORD_BITS + (size_t)__builtin_ctzll(word));
        }
        mask = ~0ull;
    }
    return nr_bits;
}
