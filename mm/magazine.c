// SPDX-License-Identifier: MIT
/* Magazines: the hart's own stacks of free objects, and the depot where harts exchange them. The
 * idea stands in slab.c.
 *
 * Allocation, when the loaded one is empty:      Freeing, when the loaded one is full:
 *   1. previous has rounds: exchange the two       1. previous has room: exchange the two
 *   2. a full one from the depot; previous,        2. an empty one from the depot, or a new one;
 *      which is empty, goes there for it              previous, which is full, goes there for it
 *   3. fill half of it from the slabs              3. empty previous into the slabs, exchange
 *
 * Step 1 is what makes two magazines better than one: just after an exchange with the depot the
 * hart has one full and one empty magazine, and at least as many operations as a magazine has
 * rounds before the next exchange.
 *
 * A cache makes no more magazines than each ring of its depot has cells, so a push fails only when
 * a slow peer still sits in a cell of the ring; then the objects go to the slabs and the magazine
 * is freed. Magazines are objects of SLAB_PLAIN caches, one for each size. Big objects get small
 * magazines, so that what rests in them stays bounded.
 *
 * Everything here runs with interrupts off on the hart whose magazines it changes. Another hart
 * only reads their counts. A reap asks all harts to empty their magazines by raising
 * slab_reap_count; a hart sees it the next time it comes here.
 *
 * Source: Bonwick & Adams 2001, section 3. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/slab_internal.h"

/* Sizes of magazines: 32 to 512 bytes. */
#define CLASS_ROUNDS(class) ((size_t)(4 << (class)) - 2)
#define NR_CLASSES          5

#define MAGAZINE_CACHE(rounds)                                                           \
    {                                                                                    \
        .name = "magazine-" #rounds, .size_bytes = sizeof(struct magazine) + (rounds)*8, \
        .align_bytes = 16, .once = ONCE_INIT("magazine-" #rounds, ONCE_RETRY),           \
        .flags = SLAB_PLAIN, .harts = slab_harts_none                                    \
    }

static struct slab_cache magazine_caches[NR_CLASSES] = {
    MAGAZINE_CACHE(2),  MAGAZINE_CACHE(6),  MAGAZINE_CACHE(14),
    MAGAZINE_CACHE(30), MAGAZINE_CACHE(62),
};

static struct slab_cache core_cache = {
    .name = "slab-core",
    .size_bytes = sizeof(struct slab_core),
    .align_bytes = _Alignof(struct slab_core),
    .once = ONCE_INIT("slab-core", ONCE_RETRY),
    .flags = SLAB_PLAIN,
    .harts = slab_harts_none,
};

/* Full and empty at once, in every hart that has no magazine. Never written. */
static struct magazine none = {.nr = 0, .nr_max = 0};

#define NO_HART                            \
    {                                      \
        .loaded = &none, .previous = &none \
    }
struct slab_hart slab_harts_none[MAX_HARTS] = {NO_HART, NO_HART, NO_HART, NO_HART,
                                               NO_HART, NO_HART, NO_HART, NO_HART};
static_assert(MAX_HARTS == 8, "an initialiser for each hart");

_Atomic uint64_t slab_reap_count; /* [a] */

static inline struct slab_hart *this_hart(struct slab_cache *cache)
{
    return &load_dependent(&cache->harts)[port_hart_id()];
}

static inline void *pop(struct magazine *magazine)
{
    uint64_t nr = load_relaxed(&magazine->nr) - 1;

    store_relaxed(&magazine->nr, nr);
    return magazine->objects[nr];
}

static inline void push(struct magazine *magazine, void *object)
{
    uint64_t nr = load_relaxed(&magazine->nr);

    magazine->objects[nr] = object;
    store_relaxed(&magazine->nr, nr + 1);
}

static inline bool is_empty(const struct magazine *magazine)
{
    return load_relaxed(&magazine->nr) == 0;
}

static inline bool is_full(const struct magazine *magazine)
{
    return load_relaxed(&magazine->nr) == magazine->nr_max;
}

/* ---- Set-up ---------------------------------------------------------------------------------- */

static uint32_t class_for(uint32_t stride_bytes)
{
    return stride_bytes <= 64     ? 4
           : stride_bytes <= 256  ? 3
           : stride_bytes <= 1024 ? 2
           : stride_bytes <= 4096 ? 1
                                  : 0;
}

int magazine_setup(struct slab_cache *cache, struct slab_hart **harts)
{
    struct slab_core *core = slab_alloc(&core_cache, ALLOC_QUIET);

    if (core == NULL) {
        return -ENOMEM;
    }
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        store_relaxed(&core->harts[hart].loaded, &none);
        store_relaxed(&core->harts[hart].previous, &none);
        core->harts[hart].reap_seen = load_relaxed(&slab_reap_count);
    }
    if (ring_init(&cache->full, core->full, SLAB_DEPOT_CELLS) != 0 ||
        ring_init(&cache->empty, core->empty, SLAB_DEPOT_CELLS) != 0) {
        panic("slab: the depot's rings have an impossible size");
    }
    store_relaxed(&cache->nr_magazines, 0);
    cache->magazine_class = class_for(cache->stride_bytes);
    cache->core = core;
    *harts = core->harts;
    return 0;
}

/* ---- The depot ------------------------------------------------------------------------------- */

/* An empty magazine, from the depot or new; NULL when the cache has as many as it may. */
static struct magazine *get_empty(struct slab_cache *cache)
{
    struct magazine *magazine;
    uint64_t value;

    if (ring_pop(&cache->empty, &value)) {
        return (struct magazine *)value;
    }
    if (atomic_fetch_add_explicit(&cache->nr_magazines, 1, memory_order_relaxed) <
        SLAB_DEPOT_CELLS) {
        magazine = slab_alloc(&magazine_caches[cache->magazine_class], ALLOC_QUIET);
        if (magazine != NULL) {
            store_relaxed(&magazine->nr, 0);
            magazine->nr_max = CLASS_ROUNDS(cache->magazine_class);
            return magazine;
        }
    }
    atomic_fetch_sub_explicit(&cache->nr_magazines, 1, memory_order_relaxed);
    return NULL;
}

static void discard(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine != &none) {
        slab_free(&magazine_caches[cache->magazine_class], magazine);
        atomic_fetch_sub_explicit(&cache->nr_magazines, 1, memory_order_relaxed);
    }
}

static void put_empty(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine != &none && !ring_push(&cache->empty, (uint64_t)magazine)) {
        discard(cache, magazine);
    }
}

/* Give all rounds of a magazine to the slabs. Returns the frames that this freed. */
static uint64_t unload(struct slab_cache *cache, struct magazine *magazine)
{
    uint64_t nr = load_relaxed(&magazine->nr);

    if (nr == 0) {
        return 0;
    }
    store_relaxed(&magazine->nr, 0);
    return slab_pages_put(cache, magazine->objects, (unsigned)nr);
}

static void put_full(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine != &none && !ring_push(&cache->full, (uint64_t)magazine)) {
        (void)unload(cache, magazine);
        put_empty(cache, magazine);
    }
}

/* ---- The hart -------------------------------------------------------------------------------- */

/* Make `magazine` the loaded one, and the loaded one previous. Returns the one that was
 * previous. */
static struct magazine *load(struct slab_hart *hart, struct magazine *magazine)
{
    struct magazine *out = load_relaxed(&hart->previous);

    store_relaxed(&hart->previous, load_relaxed(&hart->loaded));
    store_relaxed(&hart->loaded, magazine);
    return out;
}

static uint64_t unload_hart(struct slab_cache *cache, struct slab_hart *hart)
{
    hart->reap_seen = load_relaxed(&slab_reap_count);
    return unload(cache, load_relaxed(&hart->loaded)) +
           unload(cache, load_relaxed(&hart->previous));
}

static inline void obey_reap(struct slab_cache *cache, struct slab_hart *hart)
{
    if (unlikely(hart->reap_seen != load_relaxed(&slab_reap_count))) {
        (void)unload_hart(cache, hart);
    }
}

/* Objects from the slabs: half a magazine, so that frees right after find room. */
static void *fill_from_slabs(struct slab_cache *cache, struct slab_hart *hart)
{
    struct magazine *magazine = load_relaxed(&hart->loaded);
    void *object;

    if (magazine == &none) {
        magazine = get_empty(cache);
        if (magazine != NULL) {
            store_relaxed(&hart->loaded, magazine);
        }
    }
    if (magazine == NULL) {
        return slab_pages_take(cache, &object, 1) == 1 ? object : NULL;
    }
    store_relaxed(&magazine->nr,
                  slab_pages_take(cache, magazine->objects, (unsigned)magazine->nr_max / 2));
    return is_empty(magazine) ? NULL : pop(magazine);
}

void *magazine_alloc(struct slab_cache *cache)
{
    struct slab_hart *hart = this_hart(cache);
    uint64_t value;
    void *object;

    if ((cache->flags & SLAB_PLAIN) != 0) {
        return slab_pages_take(cache, &object, 1) == 1 ? object : NULL;
    }
    obey_reap(cache, hart);
    if (!is_empty(
            load_relaxed(&hart->loaded))) { /* filled since the caller looked, on another hart */
        return pop(load_relaxed(&hart->loaded));
    }
    if (!is_empty(load_relaxed(&hart->previous))) {
        (void)load(hart, load_relaxed(&hart->previous));
        return pop(load_relaxed(&hart->loaded));
    }
    if (ring_pop(&cache->full, &value)) {
        put_empty(cache, load(hart, (struct magazine *)value));
        return pop(load_relaxed(&hart->loaded));
    }
    return fill_from_slabs(cache, hart);
}

void magazine_free(struct slab_cache *cache, void *object)
{
    struct slab_hart *hart = this_hart(cache);
    struct magazine *magazine;

    if ((cache->flags & SLAB_PLAIN) != 0) {
        (void)slab_pages_put(cache, &object, 1);
        return;
    }
    obey_reap(cache, hart);
    if (is_full(load_relaxed(&hart->loaded))) {
        if (!is_full(load_relaxed(&hart->previous))) {
            (void)load(hart, load_relaxed(&hart->previous));
        } else {
            magazine = get_empty(cache);
            if (magazine != NULL) {
                put_full(cache, load(hart, magazine));
            } else {
                (void)unload(cache, load_relaxed(&hart->previous));
                (void)load(hart, load_relaxed(&hart->previous));
            }
        }
    }
    magazine = load_relaxed(&hart->loaded);
    if (is_full(magazine)) { /* this hart could get no magazine at all */
        (void)slab_pages_put(cache, &object, 1);
        return;
    }
    push(magazine, object);
}

/* ---- Emptying -------------------------------------------------------------------------------- */

uint64_t magazine_flush_hart(struct slab_cache *cache)
{
    uint64_t state = port_irq_save();
    uint64_t nr_frames = 0;

    if ((cache->flags & SLAB_PLAIN) == 0) {
        nr_frames = unload_hart(cache, this_hart(cache));
    }
    port_irq_restore(state);
    return nr_frames;
}

uint64_t magazine_flush_depot(struct slab_cache *cache)
{
    uint64_t nr_frames = 0;
    uint64_t value;

    if ((cache->flags & SLAB_PLAIN) != 0) {
        return 0;
    }
    while (ring_pop(&cache->full, &value)) {
        nr_frames += unload(cache, (struct magazine *)value);
        discard(cache, (struct magazine *)value);
    }
    while (ring_pop(&cache->empty, &value)) {
        discard(cache, (struct magazine *)value);
    }
    return nr_frames;
}

void magazine_teardown(struct slab_cache *cache)
{
    struct slab_hart *harts = load_relaxed(&cache->harts);

    if ((cache->flags & SLAB_PLAIN) != 0) {
        return;
    }
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        (void)unload_hart(cache, &harts[hart]);
        discard(cache, load_relaxed(&harts[hart].loaded));
        discard(cache, load_relaxed(&harts[hart].previous));
        store_relaxed(&harts[hart].loaded, &none);
        store_relaxed(&harts[hart].previous, &none);
    }
    (void)magazine_flush_depot(cache);
}

void magazine_release_core(struct slab_cache *cache)
{
    store_relaxed(&cache->harts, slab_harts_none);
    slab_free(&core_cache, cache->core);
}

/* ---- Looking --------------------------------------------------------------------------------- */

uint64_t magazine_count(struct slab_cache *cache)
{
    const struct slab_hart *harts = load_acquire(&cache->harts);
    uint64_t nr = 0;

    if ((cache->flags & SLAB_PLAIN) != 0) {
        return 0;
    }
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        nr += load_relaxed(&load_relaxed(&harts[hart].loaded)->nr);
        nr += load_relaxed(&load_relaxed(&harts[hart].previous)->nr);
    }
    return nr + ring_count(&cache->full) * CLASS_ROUNDS(cache->magazine_class);
}

static bool holds(const struct magazine *magazine, const void *object)
{
    for (uint64_t i = 0; i < load_relaxed(&magazine->nr); i++) {
        if (magazine->objects[i] == object) {
            return true;
        }
    }
    return false;
}

bool magazine_has(struct slab_cache *cache, const void *object)
{
    struct slab_hart *hart = this_hart(cache);

    return holds(load_relaxed(&hart->loaded), object) ||
           holds(load_relaxed(&hart->previous), object);
}
