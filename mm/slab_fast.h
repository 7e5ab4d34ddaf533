// SPDX-License-Identifier: MIT
/* The two operations in which nearly every allocation and every free ends: pop from the hart's loaded
 * magazine, push to it. They are inlined into slab_alloc() and slab_free(), and into kmalloc() and
 * kfree(), and everything else is a call in the last position: so these functions need no stack frame.
 *
 * Interrupts are off for a dozen instructions, and that is all the exclusion there is: no other hart
 * touches the magazine, and no handler of this one can be there. */
#ifndef CAIRN_MM_SLAB_FAST_H
#define CAIRN_MM_SLAB_FAST_H

#include "kernel/base/atomic.h"
#include "mm/fault_inject.h"
#include "mm/slab_internal.h"

/* For the four of them. The kernel is compiled with frame pointers, which GCC sets up even where there
 * is no frame; whatever these functions call stands in for them, so that no backtrace misses it. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(CAIRN_KASAN) /* where they do more */
#define SLAB_NO_FRAME __attribute__((optimize("omit-frame-pointer")))
#else
#define SLAB_NO_FRAME
#endif

/* Signed: a 32-bit load extends the sign by itself on riscv64, and nothing else. */
static inline struct slab_hart *slab_this_hart(struct slab_cache *cache)
{
    return cache->harts + (int)port_hart_id();
}

static inline __attribute__((always_inline)) void *slab_alloc_fast(struct slab_cache *cache,
                                                                   enum alloc_flags flags)
{
    struct slab_hart *hart;
    uint64_t state;
    void **top;

    if (fault_inject_now(FAULT_OBJECTS)) {
        return NULL;
    }
    state = port_irq_save();
    hart = slab_this_hart(cache);
    top = load_relaxed(&hart->loaded.top);
    if (likely(top != load_relaxed(&hart->loaded.bottom))) {
        void *object = *--top;
        store_relaxed(&hart->loaded.top, top);
        /* The next object has likely left the processor's cache, and who gets it will write to it: its
         * line may come meanwhile. (Below the last object stands the magazine's head; to ask for a
         * meaningless address does no harm.) RISC-V without Zicbop: no instruction. */
        __builtin_prefetch(top[-1], 1);
        port_irq_restore(state);
        slab_allow(cache, object, cache->size_bytes);
        return likely((flags & ALLOC_ZERO) == 0) ? object : slab_zero_object(cache, object);
    }
    port_irq_restore(state);
    return slab_alloc_slow(cache, flags);
}

/* An object freed twice by two harts is found when their magazines go back to the slabs. */
static inline __attribute__((always_inline)) void slab_free_fast(struct slab_cache *cache,
                                                                 void *object, const void *caller)
{
    struct slab_hart *hart;
    uint64_t state;
    void **top;

#if defined(CAIRN_DEBUG) || defined(CAIRN_KASAN)
    if (!slab_may_free(cache, object, caller)) {
        return;
    }
#else
    (void)caller;
#endif
    state = port_irq_save();
    hart = slab_this_hart(cache);
    top = load_relaxed(&hart->loaded.top);
    if (likely(top != hart->loaded.end)) {
        slab_forbid(cache, object, cache->size_bytes);
        *top = object;
        store_relaxed(&hart->loaded.top, top + 1);
        port_irq_restore(state);
        return;
    }
    port_irq_restore(state);
    slab_free_slow(cache, object);
}

#endif
