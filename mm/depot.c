// SPDX-License-Identifier: MIT
/* The depot: where harts exchange whole magazines, and where these come from. The idea stands in
 * slab.c; who comes here, and when, in magazine.c.
 *
 *     full   [m][m]     empty   [m][m]       for every cache
 *     annex  [m][m][m][m] ... 32 cells      full ones, for caches that are used much
 *
 * How much should rest here? What lies in a depot is free, and no use to anybody else. But objects that
 * find no room go back to the slabs one by one, and come from there one by one, which costs several times
 * as much. Most caches wander around one size, and a few magazines take that up. So the two rings are
 * small, and a full magazine that finds no cell is emptied into the slabs.
 *
 * How large should a magazine be? That depends on how many objects a hart takes before it gives some back.
 * Neither is known beforehand, so it is measured. Magazines begin with 8 KiB of objects and at most 30;
 * when a hart comes for a full one, or with one, more often than 64 times in a millisecond, new ones are of
 * the next size, until the objects in one are 64 KiB or a 512th of memory, or 1,022; the first time, the
 * depot gets its annex. Those of the former size go on serving, and are freed when they come to the depot empty.
 * Reaping empties all three rings, and makes the next magazines small again.
 *
 * No ring is ever waited for. One that is full, or whose cell a slow peer still sits in, does not take a
 * magazine, and then the slabs take the objects; one that says "empty" gives none, and then the slabs
 * serve. Magazines, the rings' cells and annexes are objects of SLAB_PLAIN caches.
 *
 * Invariants: magazines in `full` and in the annex are full, those in `empty` are empty. A cache has at
 * most two magazines for each hart and one for each cell.
 *
 * A hart that exchanges a magazine has interrupts off; who empties a depot need not. No lock is taken but
 * those of the slabs below.
 *
 * Source: Bonwick & Adams 2001, section 3. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/slab_internal.h"

/* Sizes of magazines: 32 to 8,192 bytes. */
#define CLASS_ROUNDS(class) ((uint32_t)(4u << (class)) - 2)
#define NR_CLASSES          9u

static_assert(CLASS_ROUNDS(NR_CLASSES - 1) == MAGAZINE_MAX_ROUNDS, "the largest class");

#define NR_CELLS       2u /* of the two rings that every depot has */
#define NR_ANNEX_CELLS 32u

/* When this many visits to the depot took less than this time, magazines grow. */
#define ADAPT_EXCHANGES 64u
#define ADAPT_NS        1000000u

/* Magazines begin with this many bytes of objects, and this many objects, at most. */
#define MAGAZINE_FIRST        8192u
#define MAGAZINE_FIRST_ROUNDS 30u

/* All objects in one magazine are at most this part of memory, and this many bytes. */
#define MAGAZINE_PART 512u
#define MAGAZINE_MOST 65536u

struct slab_depot {
    struct ring_cell full[NR_CELLS];
    struct ring_cell empty[NR_CELLS];
};

struct slab_annex {
    struct ring full;
    struct ring_cell cells[NR_ANNEX_CELLS];
};

#define PLAIN_CACHE(cache_name, size)                                   \
    {                                                                   \
        .name = (cache_name), .size_bytes = (size), .align_bytes = 16,  \
        .once = ONCE_INIT(cache_name, ONCE_RETRY), .flags = SLAB_PLAIN, \
    }
#define MAGAZINE_CACHE(rounds) \
    PLAIN_CACHE("magazine-" #rounds, sizeof(struct magazine) + (rounds)*8)

static struct slab_cache magazine_caches[NR_CLASSES] SLAB_CACHES = {
    MAGAZINE_CACHE(2),   MAGAZINE_CACHE(6),   MAGAZINE_CACHE(14),
    MAGAZINE_CACHE(30),  MAGAZINE_CACHE(62),  MAGAZINE_CACHE(126),
    MAGAZINE_CACHE(254), MAGAZINE_CACHE(510), MAGAZINE_CACHE(1022),
};
static struct slab_cache depot_cache SLAB_CACHES = PLAIN_CACHE("slab-depot",
                                                               sizeof(struct slab_depot));
static struct slab_cache annex_cache SLAB_CACHES = PLAIN_CACHE("slab-annex",
                                                               sizeof(struct slab_annex));

/* ---- Set-up ---------------------------------------------------------------------------------- */

/* The largest class of at most nr_rounds_max rounds and most_bytes of objects; the smallest at least. */
static uint32_t class_within(uint32_t stride_bytes, uint32_t nr_rounds_max, uint64_t most_bytes)
{
    uint32_t class = 0;

    while (class + 1 < NR_CLASSES && CLASS_ROUNDS(class + 1) <= nr_rounds_max &&
           CLASS_ROUNDS(class + 1) * stride_bytes <= most_bytes) {
        class ++;
    }
    return class;
}

/* What a cache begins with, and returns to when memory is short. */
static uint32_t first_class(uint32_t stride_bytes)
{
    return class_within(stride_bytes, MAGAZINE_FIRST_ROUNDS, MAGAZINE_FIRST);
}

static uint32_t last_class(uint32_t stride_bytes)
{
    uint64_t most_bytes = 0;

    for (unsigned i = 0; i < nr_frame_regions; i++) {
        most_bytes += load_relaxed(&frame_regions[i].nr_managed) * PAGE_SIZE / MAGAZINE_PART;
    }
    return max_of(
        first_class(stride_bytes),
        class_within(stride_bytes, UINT32_MAX, min_of(most_bytes, (uint64_t)MAGAZINE_MOST)));
}

static void set_up_ring(struct ring *ring, struct ring_cell *cells, uint64_t nr_cells)
{
    if (ring_init(ring, cells, nr_cells) != 0) {
        panic("slab: a depot's ring has an impossible size");
    }
}

int depot_setup(struct slab_cache *cache)
{
    struct slab_depot *depot = slab_alloc(&depot_cache, ALLOC_QUIET);

    if (depot == NULL) {
        return -ENOMEM;
    }
    set_up_ring(&cache->full, depot->full, NR_CELLS);
    set_up_ring(&cache->empty, depot->empty, NR_CELLS);
    store_relaxed(&cache->magazine_class, first_class(cache->stride_bytes));
    cache->max_magazine_class = last_class(cache->stride_bytes);
    cache->depot = depot;
    return 0;
}

/* Harts may want to do it at once: the first annex stays. Without memory there is none before magazines
 * grow again. */
static void build_annex(struct slab_cache *cache)
{
    struct slab_annex *none = NULL;
    struct slab_annex *annex;

    if (load_relaxed(&cache->annex) != NULL) {
        return;
    }
    annex = slab_alloc(&annex_cache, ALLOC_QUIET);
    if (annex == NULL) {
        return;
    }
    set_up_ring(&annex->full, annex->cells, NR_ANNEX_CELLS);
    /* Release: who finds the annex finds its ring set up. */
    if (!atomic_compare_exchange_strong_explicit(&cache->annex, &none, annex, memory_order_release,
                                                 memory_order_relaxed)) {
        slab_free(&annex_cache, annex);
    }
}

/* ---- Empty magazines ------------------------------------------------------------------------- */

struct magazine *depot_get_empty(struct slab_cache *cache)
{
    uint32_t class = load_relaxed(&cache->magazine_class);
    struct magazine *magazine;
    uint64_t value;

    if (ring_pop(&cache->empty, &value)) {
        return (struct magazine *)value;
    }
    magazine = slab_alloc(&magazine_caches[class], ALLOC_QUIET);
    if (magazine != NULL) {
        magazine->nr = 0;
        magazine->nr_max = CLASS_ROUNDS(class);
        magazine->class = class;
    }
    return magazine;
}

void depot_discard(struct magazine *magazine)
{
    slab_free(&magazine_caches[magazine->class], magazine);
}

void depot_put_empty(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine->class != load_relaxed(&cache->magazine_class) ||
        !ring_push(&cache->empty, (uint64_t)magazine)) {
        depot_discard(magazine);
    }
}

/* ---- Full magazines -------------------------------------------------------------------------- */

/* Those that came last lie in the small ring: it is asked first. */
static bool pop_full(struct slab_cache *cache, uint64_t *value)
{
    struct slab_annex *annex = load_acquire(&cache->annex);

    return ring_pop(&cache->full, value) || (annex != NULL && ring_pop(&annex->full, value));
}

static bool push_full(struct slab_cache *cache, struct magazine *magazine)
{
    struct slab_annex *annex = load_acquire(&cache->annex);

    return ring_push(&cache->full, (uint64_t)magazine) ||
           (annex != NULL && ring_push(&annex->full, (uint64_t)magazine));
}

struct magazine *depot_get_full(struct slab_cache *cache)
{
    struct magazine *magazine;
    uint64_t value;

    if (!pop_full(cache, &value)) {
        return NULL;
    }
    magazine = (struct magazine *)value;
    atomic_fetch_sub_explicit(&cache->nr_in_depot, magazine->nr_max, memory_order_relaxed);
    return magazine;
}

uint64_t depot_unload(struct slab_cache *cache, struct magazine *magazine)
{
    uint32_t nr = magazine->nr;

    magazine->nr = 0;
    return slab_pages_put(cache, magazine->objects, nr);
}

void depot_put_full(struct slab_cache *cache, struct magazine *magazine)
{
    atomic_fetch_add_explicit(&cache->nr_in_depot, magazine->nr_max, memory_order_relaxed);
    if (!push_full(cache, magazine)) {
        atomic_fetch_sub_explicit(&cache->nr_in_depot, magazine->nr_max, memory_order_relaxed);
        (void)depot_unload(cache, magazine);
        depot_put_empty(cache, magazine);
    }
}

/* Two harts that both decide to let magazines grow let them grow by one size or by two. */
void depot_note_visit(struct slab_cache *cache, struct slab_hart *hart)
{
    uint32_t class = load_relaxed(&cache->magazine_class);
    uint64_t now;

    if (class == cache->max_magazine_class || ++hart->nr_exchanges < ADAPT_EXCHANGES) {
        return;
    }
    now = port_clock_ns();
    if (now - hart->exchanges_since_ns < ADAPT_NS) {
        store_relaxed(&cache->magazine_class, class + 1);
        build_annex(cache);
    }
    hart->nr_exchanges = 0;
    hart->exchanges_since_ns = now;
}

/* ---- Emptying -------------------------------------------------------------------------------- */

uint64_t depot_flush(struct slab_cache *cache)
{
    struct magazine *magazine;
    uint64_t nr_frames = 0;
    uint64_t value;

    store_relaxed(&cache->magazine_class, first_class(cache->stride_bytes));
    while ((magazine = depot_get_full(cache)) != NULL) {
        nr_frames += depot_unload(cache, magazine);
        depot_discard(magazine);
    }
    while (ring_pop(&cache->empty, &value)) {
        depot_discard((struct magazine *)value);
    }
    return nr_frames;
}

void depot_release(struct slab_cache *cache)
{
    if (cache->depot != NULL) {
        slab_free(&depot_cache, cache->depot);
    }
    if (load_relaxed(&cache->annex) != NULL) {
        slab_free(&annex_cache, load_relaxed(&cache->annex));
    }
}
