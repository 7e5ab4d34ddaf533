// SPDX-License-Identifier: MIT
/* A pool that always serves: an allocator, and a reserve for when it has nothing. Theory in
 * mempool.c. Any number of users at once. */
#ifndef CAIRN_MM_ALLOC_MEMPOOL_H
#define CAIRN_MM_ALLOC_MEMPOOL_H

#include "kernel/sync/waitq.h"
#include "mm/alloc/fixed_pool.h"

struct mempool {
    struct allocator backing;    /* [I] asked first, without waiting */
    struct fixed_pool *reserve;  /* [I] asked second */
    struct waitq waiters;        /* those who found both empty */
    _Atomic uint64_t nr_reserve; /* [a] how often the reserve served */
    _Atomic uint64_t nr_waits;   /* [a] how often somebody had to wait */
};

/* clang-format off */
/* A static one, ready for use: its backing is an initialiser of an allocator. */
#define MEMPOOL_INIT(pool, backing_init, reserve_pool)                                           \
    {.backing = backing_init, .reserve = &(reserve_pool), .waiters = WAITQ_INIT((pool).waiters)}
/* clang-format on */

/** Make one.
 *  @backing: may fail; @reserve: its block is what the pool serves at most. Both outlive it. */
void mempool_init(struct mempool *pool, struct allocator backing, struct fixed_pool *reserve);

/** The pool behind the interface. With ALLOC_WAIT an allocation that fits a block of the reserve
 *  never fails: it waits until somebody gives one back. Without, it is NULL when the backing
 *  fails and the reserve is empty. */
struct allocator mempool_allocator(struct mempool *pool);

/** Whether the memory is a block of the reserve. Its holder does what gives it back before he
 *  waits for anything, another of this pool included: else holders could wait for one another. */
static inline bool mempool_is_reserved(const struct mempool *pool, const void *memory)
{
    return fixed_pool_owns(pool->reserve, memory);
}

void mempool_check(const struct mempool *pool);

#endif
