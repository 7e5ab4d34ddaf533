// SPDX-License-Identifier: MIT
/* A sampled guard-page pool: now and then an object gets a page to itself, between pages that
 * fault. Always on. The theory stands in guard_pool.c. */
#ifndef CAIRN_MM_DEBUG_GUARD_POOL_H
#define CAIRN_MM_DEBUG_GUARD_POOL_H

#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "mm/alloc_flags.h"
#include "port/memory.h"

#define GUARD_POOL_SLOTS       32u
#define GUARD_POOL_BYTES       ((2ul * GUARD_POOL_SLOTS + 1) * PAGE_SIZE)
#define GUARD_POOL_BASE        (VMALLOC_BASE + VMALLOC_SIZE - GUARD_POOL_BYTES)
#define GUARD_POOL_INTERVAL_MS 100u

struct slab_cache;

/** Begin to sample. @interval_ms: the least time between two samples; 0: never (kernel argument
 *  guard_pool=). Returns 0 or -ENOMEM. Context: boot; may sleep. */
int must_check guard_pool_start(unsigned interval_ms);

/* [a] */
extern _Atomic uint64_t guard_pool_next_ns;

/** Whether it is time for a sample: asked in slow paths only. */
static inline bool guard_pool_is_due(void)
{
    return unlikely(port_clock_ns() >= load_relaxed(&guard_pool_next_ns));
}

/** Have the next allocation that can be sampled be one: for tests. */
void guard_pool_sample_next(void);

/** An object for a cache from the pool, constructed and not zeroed; NULL when there is no slot, or
 *  the cache or the flags don't allow it. Context: any. */
void *must_check guard_pool_alloc(struct slab_cache *cache, enum alloc_flags flags);

/** Whether an address lies in the pool, guard pages included. */
static inline bool guard_pool_has(const void *address)
{
    return (uint64_t)address - GUARD_POOL_BASE < GUARD_POOL_BYTES;
}

/** Take an object back, or report why not. Caller: guard_pool_has(object). Context: any. */
void guard_pool_free(struct slab_cache *cache, const void *object);

/** The cache of the object that an address in the pool belongs to, live or last freed; or NULL. */
struct slab_cache *guard_pool_cache_of(const void *address);

/** A cache that has no objects goes away. */
void guard_pool_forget(const struct slab_cache *cache);

/** How many objects of a cache are in the pool. */
unsigned guard_pool_count(const struct slab_cache *cache);

/** The kernel has touched an address that guard_pool_has(), and faulted.
 *  @calls: where: the instruction, its caller, and so on. Returns whether the access may be tried
 *  again: always, after a report; unless the pool is off. Context: a trap, interrupts off. */
bool guard_pool_fault(uint64_t address, bool is_write, const void *const *calls, unsigned nr_calls);

struct guard_pool_stats {
    unsigned nr_live;
    uint64_t nr_sampled; /* since boot */
    uint64_t nr_missed;  /* samples for which there was no slot */
    uint64_t nr_reports;
};

void guard_pool_get_stats(struct guard_pool_stats *stats);

#endif
