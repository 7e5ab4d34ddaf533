// SPDX-License-Identifier: MIT
/* A fixed pool: blocks of one size in memory that was there before, and a bit for each. Any number
 * of users at once, in any context. Theory in fixed_pool.c. */
#ifndef CAIRN_MM_ALLOC_FIXED_POOL_H
#define CAIRN_MM_ALLOC_FIXED_POOL_H

#include "kernel/base/bits.h"
#include "mm/alloc/allocator.h"

struct fixed_pool {
    char *memory;          /* [I] nr_blocks blocks, one behind the other */
    _Atomic uint64_t *map; /* [a] one bit a block, 1: in use */
    struct layout block;   /* [I] its size is a multiple of its alignment */
    size_t nr_blocks;      /* [I] */
};

/* clang-format off */
/** Define a static pool of nr objects of a type, ready for use. */
#define FIXED_POOL(pool, type, nr)                                                               \
    static type pool##_memory[nr];                                                               \
    static _Atomic uint64_t pool##_map[BITMAP_NR_WORDS(nr)];                                     \
    static struct fixed_pool pool = {(char *)pool##_memory, pool##_map, LAYOUT_OF(type), (nr)}
/* clang-format on */

/** Make a pool in memory of the caller's, which outlives it.
 *  @memory: nr_blocks blocks, aligned as the block is; @map: BITMAP_NR_WORDS(nr_blocks) words.
 *  Returns 0, or -EINVAL: an impossible layout, no blocks, or memory that isn't aligned. */
int must_check fixed_pool_init(struct fixed_pool *pool, struct layout block, void *memory,
                               _Atomic uint64_t *map, size_t nr_blocks);

/** The pool behind the interface: serves layouts that fit into a block. */
struct allocator fixed_pool_allocator(struct fixed_pool *pool);

/** Whether the pointer lies in the pool's memory. Context: any. */
bool fixed_pool_owns(const struct fixed_pool *pool, const void *memory);

/** Blocks in use; exact while nobody allocates or frees. Context: any. */
size_t fixed_pool_nr_used(const struct fixed_pool *pool);

void fixed_pool_check(const struct fixed_pool *pool);

#endif
