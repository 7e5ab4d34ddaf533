// SPDX-License-Identifier: MIT
/* A pool with a reserve that always serves.
 *
 * Writing pages out is how memory is had back, so what it needs must not depend on memory that may
 * not be there. A mempool asks its backing first, an ordinary allocator, and falls back to a
 * reserve that was set aside at the beginning:
 *
 *     1. the backing, which must neither reclaim nor wait here     usual
 *     2. the reserve                                               when memory is short
 *     3. sleep until somebody gives a block back, then 1           with ALLOC_WAIT only
 *
 * Why does step 3 end? A block of the reserve is with somebody who gives it back without needing
 * another one: that is the promise of mempool_is_reserved(), which its users keep. So a wait is as
 * long as the longest use of a block, and no longer. A block of the backing that comes back wakes
 * a waiter too, since the backing may serve again. Blocks of the reserve go back to the reserve,
 * known by their address.
 *
 * The order in allocating is "look, go on the queue, look again, sleep" and in freeing "give back,
 * then wake" (waitq.h), so no wake-up is lost.
 *
 * Locks: those of the wait queue and of the backing.
 * Source: the idea of Linux's mempool (I. Molnar, 2001), with a reserve known by address. */
#include "mm/alloc/mempool.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"

void mempool_init(struct mempool *pool, struct allocator backing, struct fixed_pool *reserve)
{
    *pool = (struct mempool){.backing = backing, .reserve = reserve};
    waitq_init(&pool->waiters);
}

/* Never sleeps: a waiter looks while it is prepared to block. */
static void *try_both(struct mempool *pool, struct layout layout, enum alloc_flags flags)
{
    struct allocator reserve = fixed_pool_allocator(pool->reserve);
    void *memory = allocator_allocate(pool->backing, layout,
                                      (flags & ~(unsigned)ALLOC_WAIT) | ALLOC_QUIET);

    if (memory == NULL) {
        memory = allocator_allocate(reserve, layout, ALLOC_ATOMIC);
        if (memory != NULL) {
            atomic_fetch_add_explicit(&pool->nr_reserve, 1, memory_order_relaxed);
        }
    }
    return memory;
}

static bool can_serve(const struct mempool *pool, struct layout layout)
{
    return layout.size_bytes <= pool->reserve->block.size_bytes &&
           layout.align_bytes <= pool->reserve->block.align_bytes;
}

static void *pool_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct mempool *pool = object;
    void *memory;

    debug_assert((flags & ALLOC_WAIT) == 0 || port_may_sleep());
    if (!can_serve(pool, layout)) {
        return NULL; /* to wait for it would be to wait for ever */
    }
    memory = try_both(pool, layout, flags);
    if (memory == NULL && (flags & ALLOC_WAIT) != 0) {
        atomic_fetch_add_explicit(&pool->nr_waits, 1, memory_order_relaxed);
        waitq_wait_event(&pool->waiters, (memory = try_both(pool, layout, flags)) != NULL);
    }
    return memory;
}

static bool pool_owns(void *object, const void *memory)
{
    const struct mempool *pool = object;

    return fixed_pool_owns(pool->reserve, memory) || allocator_owns(pool->backing, memory);
}

static int pool_deallocate(void *object, void *memory, struct layout layout)
{
    struct mempool *pool = object;
    struct allocator owner = mempool_is_reserved(pool, memory) ? fixed_pool_allocator(pool->reserve)
                                                               : pool->backing;
    int error = owner.ops->deallocate(owner.object, memory, layout);

    waitq_wake_one(&pool->waiters);
    return error;
}

/* What the backing could make larger might later not fit the reserve: a block stays a block. */
static bool pool_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    struct mempool *pool = object;
    struct allocator owner = mempool_is_reserved(pool, memory) ? fixed_pool_allocator(pool->reserve)
                                                               : pool->backing;

    return owner.ops->resize(owner.object, memory, layout, new_size_bytes);
}

static void pool_check(void *object)
{
    mempool_check(object);
}

static const struct allocator_ops pool_ops = {
    .allocate = pool_allocate,
    .deallocate = pool_deallocate,
    .resize = pool_resize,
    .owns = pool_owns,
    .check = pool_check,
};

struct allocator mempool_allocator(struct mempool *pool)
{
    return (struct allocator){&pool_ops, pool, "mempool"};
}

void mempool_check(const struct mempool *pool)
{
    fixed_pool_check(pool->reserve);
    allocator_check(pool->backing);
}
