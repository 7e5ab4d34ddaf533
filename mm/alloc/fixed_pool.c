// SPDX-License-Identifier: MIT
/* A fixed pool: memory that cannot be missing.
 *
 * Some must not fail when memory is short, because they are how memory is had back. They set a few
 * blocks aside beforehand. Which are in use is told by a bitmap beside the blocks:
 *
 *     memory   | block 0 | block 1 | block 2 | block 3 | …
 *     map           1         0         1         1          1: in use
 *
 * To allocate is to find a bit that is 0 and to set it; when another hart was faster, the word is
 * looked at again. To free is to clear it. Both are one atomic operation on a word, so no lock is
 * needed, interrupt handlers may take part, and whoever stops in between stops nobody. The bit
 * also tells a double free at once, and the address a foreign or a crooked pointer.
 *
 * Searching is linear in the words: a pool is small, 64 blocks a word.
 *
 * Invariants: bits beyond nr_blocks are 0.
 * Order: setting a bit is an acquire, clearing it a release, so that what the old owner wrote into
 * a block comes before what the new one does with it. */
#include "mm/alloc/fixed_pool.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/sanitize.h"

int fixed_pool_init(struct fixed_pool *pool, struct layout block, void *memory,
                    _Atomic uint64_t *map, size_t nr_blocks)
{
    struct layout all;

    block.size_bytes = max_of(block.size_bytes, 1ul);
    if (nr_blocks == 0 || layout_make_array(nr_blocks, block, &all) != 0 ||
        (uint64_t)memory % block.align_bytes != 0) {
        return -EINVAL;
    }
    block.size_bytes = align_up(block.size_bytes, block.align_bytes);
    *pool = (struct fixed_pool){memory, map, block, nr_blocks};
    for (size_t i = 0; i < BITMAP_NR_WORDS(nr_blocks); i++) {
        atomic_store_explicit(&map[i], 0, memory_order_relaxed);
    }
    sanitize_forbid(memory, all.size_bytes);
    return 0;
}

bool fixed_pool_owns(const struct fixed_pool *pool, const void *memory)
{
    return (uint64_t)memory - (uint64_t)pool->memory < pool->nr_blocks * pool->block.size_bytes;
}

static bool fits(const struct fixed_pool *pool, size_t size_bytes, size_t align_bytes)
{
    return size_bytes <= pool->block.size_bytes && align_bytes <= pool->block.align_bytes;
}

/* ---- Behind the interface -------------------------------------------------------------------- */

/* The bits of a word that stand for blocks. */
static uint64_t blocks_of_word(const struct fixed_pool *pool, size_t word)
{
    size_t left = pool->nr_blocks - word * BITMAP_WORD_BITS;

    return left >= BITMAP_WORD_BITS ? ~0ull : BIT(left) - 1;
}

static void *pool_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct fixed_pool *pool = object;

    if (!fits(pool, layout.size_bytes, layout.align_bytes)) {
        return NULL;
    }
    for (size_t word = 0; word < BITMAP_NR_WORDS(pool->nr_blocks); word++) {
        uint64_t mask = blocks_of_word(pool, word);
        uint64_t idle;

        while ((idle = ~atomic_load_explicit(&pool->map[word], memory_order_relaxed) & mask) != 0) {
            size_t index = word * BITMAP_WORD_BITS + bit_first(idle);
            char *block = pool->memory + index * pool->block.size_bytes;

            if (!bitmap_test_and_set_atomic(pool->map, index)) {
                sanitize_allow(block, layout.size_bytes);
                return block;
            }
        }
    }
    return NULL;
}

static bool pool_owns(void *object, const void *memory)
{
    return fixed_pool_owns(object, memory);
}

static int pool_deallocate(void *object, void *memory, struct layout layout)
{
    struct fixed_pool *pool = object;
    size_t offset_bytes = (size_t)((char *)memory - pool->memory);
    size_t index = offset_bytes / pool->block.size_bytes;

    if (!fixed_pool_owns(pool, memory) || offset_bytes % pool->block.size_bytes != 0 ||
        !bitmap_test_atomic(pool->map, index)) {
        return -EINVAL;
    }
    sanitize_forbid(memory, pool->block.size_bytes); /* before another may have it */
    return bitmap_test_and_clear_atomic(pool->map, index) ? 0 : -EINVAL;
}

static bool pool_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    const struct fixed_pool *pool = object;

    if (!fits(pool, new_size_bytes, layout.align_bytes)) {
        return false;
    }
    sanitize_forbid(memory, pool->block.size_bytes);
    sanitize_allow(memory, new_size_bytes);
    return true;
}

static void pool_ops_check(void *object)
{
    fixed_pool_check(object);
}

static const struct allocator_ops pool_ops = {
    .allocate = pool_allocate,
    .deallocate = pool_deallocate,
    .resize = pool_resize,
    .owns = pool_owns,
    .check = pool_ops_check,
};

struct allocator fixed_pool_allocator(struct fixed_pool *pool)
{
    return (struct allocator){&pool_ops, pool, "fixed pool"};
}

/* ---- Looking --------------------------------------------------------------------------------- */

size_t fixed_pool_nr_used(const struct fixed_pool *pool)
{
    size_t nr = 0;

    for (size_t word = 0; word < BITMAP_NR_WORDS(pool->nr_blocks); word++) {
        nr += bit_count(atomic_load_explicit(&pool->map[word], memory_order_relaxed));
    }
    return nr;
}

void fixed_pool_check(const struct fixed_pool *pool)
{
    assert(layout_is_valid(pool->block));
    assert(pool->block.size_bytes % pool->block.align_bytes == 0);
    assert((uint64_t)pool->memory % pool->block.align_bytes == 0);
    for (size_t word = 0; word < BITMAP_NR_WORDS(pool->nr_blocks); word++) {
        assert((atomic_load_explicit(&pool->map[word], memory_order_relaxed) &
                ~blocks_of_word(pool, word)) == 0);
    }
}
