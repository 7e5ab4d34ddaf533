// SPDX-License-Identifier: MIT
/* Slab caches: objects of one type, kept ready.
 *
 * Three ideas, one above the other.
 *
 * 1. A cache holds objects of one type (Bonwick 1994). Frames come in slabs: a few contiguous
 *    frames cut into objects of one size. Nothing is searched for and nothing fragments: any free
 *    object is as good as any other, and a slab whose objects are all free can be given back. A
 *    constructor runs once for each object, when its slab is made; objects are freed in their
 *    constructed state, so that locks and lists in them are set up only once.
 *
 * 2. Each hart has a stack of free objects of its own, the magazine (Bonwick & Adams 2001).
 *    Allocation pops, freeing pushes, with interrupts off and no lock and no atomic operation. Two
 *    magazines a hart, loaded and previous, are exchanged when the loaded one runs out or over, so
 *    that a load around the boundary doesn't go further.
 *
 * 3. Behind the harts a depot keeps whole magazines, full and empty ones. A hart that needs a full
 *    magazine brings its empty one, and the other way round: one exchange moves dozens of objects
 *    between harts. Here the depot is a pair of bounded lock-free rings (depot.c). A
 *    ring may say "empty" when it is not quite; then the slabs serve, and nobody waits.
 *
 *        slab_alloc / slab_free
 *               |                       hart 0                hart 1            no lock, no atomics
 *        [loaded][previous]       [loaded][previous]    [loaded][previous]
 *               |                         \                   /
 *        ( ring of full magazines )   ( ring of empty magazines )               lock-free
 *               |
 *        partial slabs, whole slabs                                             cache->lock
 *               |
 *        frames_alloc / frames_free
 *
 * A cache is a static that initialises itself on first use. Before that, its harts are all zero: they
 * have no magazine, which to the fast path is one that holds nothing and has room for nothing; so it
 * asks no question about initialisation: it fails, and the slow path runs the once cell. Initialisation
 * runs with interrupts off and never sleeps: nobody on this hart can come to the cell meanwhile,
 * and other harts spin for the microseconds that it takes.
 *
 * Magazines and depots (the cells of a cache's rings) are objects of caches too. These caches are
 * SLAB_PLAIN: their harts never get a magazine. So nothing
 * depends on itself, and there is no bootstrap order: whichever cache is used first sets up what it
 * needs.
 *
 * Invariants: an object is in exactly one place: with a caller, in one magazine, or free in its
 * slab. To its slab, an object in a magazine is in use. Magazines in the full ring are full, those
 * in the empty ring are empty.
 *
 * Locks: interrupts off for the hart's magazines; cache->lock (LOCK_RANK_SLAB) for the slabs.
 * Frames are allocated and constructors run with neither.
 *
 * Sources: J. Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory Allocator", USENIX
 * 1994; J. Bonwick and J. Adams, "Magazines and Vmem: Extending the Slab Allocator to Many CPUs
 * and Arbitrary Resources", USENIX 2001. The depot of lock-free rings is ours. */
#include "mm/slab.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/debug/guard_pool.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/slab_debug.h"
#include "mm/path_latency.h"
#include "mm/reclaim.h"
#include "mm/slab_fast.h"
#include "mm/slab_internal.h"

static int initialise(void *arg)
{
    struct slab_cache *cache = arg;
    int error = slab_pages_plan(cache);

    if (error != 0) {
        pr_err("slab: cache %s: impossible size %u or alignment %u", cache->name, cache->size_bytes,
               cache->align_bytes);
        return error;
    }
    spin_init(&cache->lock, LOCK_RANK_SLAB, "slab");
    list_init(&cache->partial);
    list_init(&cache->whole);
    list_init(&cache->used_up);
    if ((cache->flags & SLAB_PLAIN) == 0) {
        error = magazine_setup(cache);
        if (error != 0) {
            return error;
        }
    }
    slab_register(cache);
    return 0;
}

int slab_ready(struct slab_cache *cache, enum alloc_flags flags)
{
    for (unsigned attempt = 0;; attempt++) {
        uint64_t state = port_irq_save();
        int error = once_get(&cache->once, initialise, cache);
        port_irq_restore(state);
        if (error != -ENOMEM ||
            reclaim_for_allocation(0, flags, attempt, __builtin_return_address(0)) !=
                RECLAIM_TRY_AGAIN) {
            return error;
        }
    }
}

void *slab_zero_object(const struct slab_cache *cache, void *object)
{
    debug_assert(cache->construct == NULL);
    return memset(object, 0, cache->size_bytes);
}

/* From the depot, or the slabs. */
static void *take_object(struct slab_cache *cache)
{
    uint64_t state = port_irq_save();
    void *object = magazine_alloc(cache);

    port_irq_restore(state);
    return object;
}

static void *grow_and_take(struct slab_cache *cache, enum alloc_flags flags)
{
    uint64_t start_ns = port_clock_ns();
    void *object = NULL;

    /* Somebody else may take what we add before we come back: then once more. */
    while (object == NULL && slab_pages_grow(cache, flags)) {
        object = take_object(cache);
    }
    path_latency_record(ALLOC_SLAB_GROW, start_ns);
    return object;
}

/* From the depot or the slabs, or a sampled object. */
static __attribute__((noinline)) void *alloc_from_afar(struct slab_cache *cache,
                                                       enum alloc_flags flags)
{
    void *object;

    if (slab_ready(cache, flags) != 0) {
        return NULL;
    }
    if (guard_pool_is_due() && (object = guard_pool_alloc(cache, flags)) != NULL) {
        return object;
    }
    object = take_object(cache);
    if (object == NULL) {
        object = grow_and_take(cache, flags);
    }
    if (object == NULL) {
        return NULL;
    }
    slab_allow(cache, object, cache->size_bytes);
    if (slab_is_debugged(cache)) {
        slab_debug_alloc(cache, object);
    }
    return object;
}

void *slab_alloc_slow(struct slab_cache *cache, enum alloc_flags flags)
{
    uint64_t state = port_irq_save();
    void *object = magazine_alloc_near(cache);

    port_irq_restore(state);
    if (likely(object != NULL)) {
        slab_allow(cache, object, cache->size_bytes);
    } else {
        object = alloc_from_afar(cache, flags);
    }
    return (flags & ALLOC_ZERO) == 0 || object == NULL ? object : slab_zero_object(cache, object);
}

SLAB_NO_FRAME void *slab_alloc(struct slab_cache *cache, enum alloc_flags flags)
{
    return slab_alloc_fast(cache, flags);
}

void slab_free_slow(struct slab_cache *cache, void *object)
{
    uint64_t state = port_irq_save();
    bool is_done = magazine_free_near(cache, object);

    port_irq_restore(state);
    if (likely(is_done)) {
        return;
    }
    if (load_acquire(&cache->once.state) != ONCE_DONE) {
        /* a cache that has never given anything out */
        slab_report(cache, object, SLAB_FOREIGN, mistake_caller());
        return;
    }
    if (slab_is_debugged(cache) && !slab_debug_free(cache, object)) {
        return;
    }
    slab_forbid(cache, object, cache->size_bytes);
    state = port_irq_save();
    magazine_free(cache, object);
    port_irq_restore(state);
}

/* What isn't in the direct map is no object of a slab: nothing, a sampled one, or a mistake. */
static __attribute__((noinline)) void free_indirect(struct slab_cache *cache, void *object)
{
    if (guard_pool_has(object)) {
        guard_pool_free(cache, object);
    } else if (object != NULL) {
        slab_report(cache, object, SLAB_FOREIGN, mistake_caller());
    }
}

bool slab_may_free(struct slab_cache *cache, const void *object, const void *caller)
{
    enum slab_verdict verdict;
    uint64_t state;

    if (slab_is_debugged(cache)) { /* checked by slab_debug_free(), which knows more */
        return true;
    }
    verdict = slab_pages_judge(cache, object);
    state = port_irq_save();
    if (verdict == SLAB_OK && magazine_has(cache, object)) {
        verdict = SLAB_DOUBLE;
    }
    port_irq_restore(state);
    if (verdict != SLAB_OK) {
        slab_report(cache, object, verdict, caller);
    }
    return verdict == SLAB_OK;
}

SLAB_NO_FRAME void slab_free(struct slab_cache *cache, void *object)
{
    if (likely(is_direct_pointer(object))) {
        slab_free_fast(cache, object, __builtin_return_address(0));
    } else {
        free_indirect(cache, object);
    }
}

struct slab_cache *slab_cache_of(const void *object)
{
    struct page *page = page_of_pointer(object);
    struct slab_cache *cache;

    if (page == NULL || page->kind != PAGE_SLAB) {
        return guard_pool_cache_of(object);
    }
    cache = page->slab.cache;
    return slab_pages_judge(cache, object) == SLAB_OK ? cache : NULL;
}

void slab_check(struct slab_cache *cache)
{
    if (load_acquire(&cache->once.state) == ONCE_DONE) {
        slab_pages_check(cache);
    }
}
