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
 * Step 1 is taken much more often than the others, whenever the number of objects wanders across the
 * boundary. So the hart's line has the bounds of both magazines, and the exchange touches nothing else.
 *
 * How large a magazine should be is not known beforehand: it depends on how many objects a hart takes
 * before it gives some back. So it is measured. Magazines begin with 8 KiB of objects; when a hart comes
 * for one more often than 64 times in a millisecond, new ones are of the next size, until the objects in
 * one are 64 KiB or a 512th of memory. Those of the former size go on serving, and are freed when they
 * come to the depot empty. Reaping makes the next ones small again.
 *
 * A cache makes no more magazines than each ring of its depot has cells, so a push fails only when
 * a slow peer still sits in a cell of the ring; then the objects go to the slabs and the magazine
 * is freed. Magazines are objects of SLAB_PLAIN caches, one for each size.
 *
 * Everything here runs with interrupts off on the hart whose magazines it changes. Another hart
 * only reads their counts. A reap asks all harts to empty their magazines by raising
 * slab_reap_count; a hart sees it the next time it comes here.
 *
 * Source: Bonwick & Adams 2001, section 3. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/slab_internal.h"

/* Sizes of magazines: 32 to 8,192 bytes. */
#define CLASS_ROUNDS(class) ((uint32_t)(4u << (class)) - 2)
#define NR_CLASSES          9u

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

/* When this many visits to the depot and the slabs took less than this time, magazines grow. */
#define ADAPT_EXCHANGES 64u
#define ADAPT_NS        1000000u

/* Magazines begin with this many bytes of objects. */
#define MAGAZINE_FIRST        8192u
#define MAGAZINE_FIRST_ROUNDS 62u

/* All objects in one magazine are at most this part of memory, and this many bytes. */
#define MAGAZINE_PART 512u
#define MAGAZINE_MOST 65536u

_Atomic uint32_t slab_reap_count; /* [a] */

static inline struct slab_hart *this_hart(struct slab_cache *cache)
{
    return &cache->harts[port_hart_id()];
}

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

int magazine_setup(struct slab_cache *cache)
{
    struct slab_depot *depot = slab_alloc(&depot_cache, ALLOC_QUIET);

    if (depot == NULL) {
        return -ENOMEM;
    }
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        cache->harts[hart].reap_seen = load_relaxed(&slab_reap_count);
    }
    if (ring_init(&cache->full, depot->full, SLAB_DEPOT_CELLS) != 0 ||
        ring_init(&cache->empty, depot->empty, SLAB_DEPOT_CELLS) != 0) {
        panic("slab: the depot's rings have an impossible size");
    }
    store_relaxed(&cache->magazine_class, first_class(cache->stride_bytes));
    cache->max_magazine_class = last_class(cache->stride_bytes);
    cache->depot = depot;
    return 0;
}

/* ---- The depot ------------------------------------------------------------------------------- */

/* An empty magazine, from the depot or new; NULL when the cache has as many as it may. */
static struct magazine *get_empty(struct slab_cache *cache)
{
    uint32_t class = load_relaxed(&cache->magazine_class);
    struct magazine *magazine;
    uint64_t value;

    if (ring_pop(&cache->empty, &value)) {
        return (struct magazine *)value;
    }
    if (atomic_fetch_add_explicit(&cache->nr_magazines, 1, memory_order_relaxed) <
        SLAB_DEPOT_CELLS) {
        magazine = slab_alloc(&magazine_caches[class], ALLOC_QUIET);
        if (magazine != NULL) {
            magazine->nr = 0;
            magazine->nr_max = CLASS_ROUNDS(class);
            magazine->class = class;
            return magazine;
        }
    }
    atomic_fetch_sub_explicit(&cache->nr_magazines, 1, memory_order_relaxed);
    return NULL;
}

static void discard(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine != NULL) {
        slab_free(&magazine_caches[magazine->class], magazine);
        atomic_fetch_sub_explicit(&cache->nr_magazines, 1, memory_order_relaxed);
    }
}

/* One of another size than the cache's present one is not kept. */
static void put_empty(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine != NULL && (magazine->class != load_relaxed(&cache->magazine_class) ||
                             !ring_push(&cache->empty, (uint64_t)magazine))) {
        discard(cache, magazine);
    }
}

static struct magazine *get_full(struct slab_cache *cache)
{
    struct magazine *magazine;
    uint64_t value;

    if (!ring_pop(&cache->full, &value)) {
        return NULL;
    }
    magazine = (struct magazine *)value;
    atomic_fetch_sub_explicit(&cache->nr_in_depot, magazine->nr_max, memory_order_relaxed);
    return magazine;
}

/* Give all rounds of a magazine to the slabs. Returns the frames that this freed. */
static uint64_t unload(struct slab_cache *cache, struct magazine *magazine)
{
    uint32_t nr = magazine->nr;

    magazine->nr = 0;
    return slab_pages_put(cache, magazine->objects, nr);
}

static void put_full(struct slab_cache *cache, struct magazine *magazine)
{
    if (magazine == NULL) {
        return;
    }
    atomic_fetch_add_explicit(&cache->nr_in_depot, magazine->nr_max, memory_order_relaxed);
    if (!ring_push(&cache->full, (uint64_t)magazine)) {
        atomic_fetch_sub_explicit(&cache->nr_in_depot, magazine->nr_max, memory_order_relaxed);
        (void)unload(cache, magazine);
        put_empty(cache, magazine);
    }
}

/* A hart has come to the depot for a full magazine, or with one. If harts come too often, magazines are too small
 * for how they use the cache. (Two harts that both decide this let them grow by one size or by two.) */
static void note_exchange(struct slab_cache *cache, struct slab_hart *hart)
{
    uint32_t class = load_relaxed(&cache->magazine_class);
    uint64_t now;

    if (class == cache->max_magazine_class || ++hart->nr_exchanges < ADAPT_EXCHANGES) {
        return;
    }
    now = port_clock_ns();
    if (now - hart->exchanges_since_ns < ADAPT_NS) {
        store_relaxed(&cache->magazine_class, class + 1);
    }
    hart->nr_exchanges = 0;
    hart->exchanges_since_ns = now;
}

/* ---- The hart -------------------------------------------------------------------------------- */

static inline bool is_empty(const struct slab_rounds *rounds)
{
    return load_relaxed(&rounds->top) == load_relaxed(&rounds->bottom);
}

static inline bool is_full(const struct slab_rounds *rounds)
{
    return load_relaxed(&rounds->top) == rounds->end;
}

static inline uint32_t count(const struct slab_rounds *rounds)
{
    return (uint32_t)(load_relaxed(&rounds->top) - load_relaxed(&rounds->bottom));
}

/* Caller: not empty, or not full. */
static inline void *pop(struct slab_rounds *rounds)
{
    void **top = load_relaxed(&rounds->top) - 1;

    store_relaxed(&rounds->top, top);
    return *top;
}

static inline void push(struct slab_rounds *rounds, void *object)
{
    void **top = load_relaxed(&rounds->top);

    *top = object;
    store_relaxed(&rounds->top, top + 1);
}

/* While a hart uses a magazine, its count is `top`. */
static void open_magazine(struct slab_rounds *rounds, struct magazine *magazine)
{
    store_relaxed(&rounds->bottom, magazine->objects);
    store_relaxed(&rounds->top, magazine->objects + magazine->nr);
    rounds->end = magazine->objects + magazine->nr_max;
}

/* Returns the magazine, or NULL if there is none; it is the hart's no longer. */
static struct magazine *close_magazine(struct slab_rounds *rounds)
{
    void **bottom = load_relaxed(&rounds->bottom);
    struct magazine *magazine = NULL;

    if (bottom != NULL) {
        magazine = (struct magazine *)((char *)bottom - offsetof(struct magazine, objects));
        magazine->nr = count(rounds);
    }
    store_relaxed(&rounds->bottom, NULL);
    store_relaxed(&rounds->top, NULL);
    rounds->end = NULL;
    return magazine;
}

static inline void move_rounds(struct slab_rounds *to, const struct slab_rounds *from)
{
    store_relaxed(&to->bottom, load_relaxed(&from->bottom));
    store_relaxed(&to->top, load_relaxed(&from->top));
    to->end = from->end;
}

static inline void exchange(struct slab_hart *hart)
{
    struct slab_rounds loaded;

    move_rounds(&loaded, &hart->loaded);
    move_rounds(&hart->loaded, &hart->previous);
    move_rounds(&hart->previous, &loaded);
}

/* Make `magazine` the loaded one, and the loaded one previous. Returns the one that was previous. */
static struct magazine *load(struct slab_hart *hart, struct magazine *magazine)
{
    struct magazine *out = close_magazine(&hart->previous);

    move_rounds(&hart->previous, &hart->loaded);
    open_magazine(&hart->loaded, magazine);
    return out;
}

/* Give what a hart's magazine holds to the slabs, and free it. Returns the frames that this freed. */
static uint64_t strip(struct slab_cache *cache, struct slab_rounds *rounds)
{
    struct magazine *magazine = close_magazine(rounds);
    uint64_t nr_frames = 0;

    if (magazine != NULL) {
        nr_frames = unload(cache, magazine);
        discard(cache, magazine);
    }
    return nr_frames;
}

static uint64_t strip_hart(struct slab_cache *cache, struct slab_hart *hart)
{
    hart->reap_seen = load_relaxed(&slab_reap_count);
    return strip(cache, &hart->loaded) + strip(cache, &hart->previous);
}

static inline bool must_reap(const struct slab_hart *hart)
{
    return unlikely(hart->reap_seen != load_relaxed(&slab_reap_count));
}

void *magazine_alloc_near(struct slab_cache *cache)
{
    struct slab_hart *hart = this_hart(cache);

    if (is_empty(&hart->loaded)) {
        if (is_empty(&hart->previous) || must_reap(hart)) {
            return NULL;
        }
        exchange(hart);
    }
    return pop(&hart->loaded);
}

bool magazine_free_near(struct slab_cache *cache, void *object)
{
    struct slab_hart *hart = this_hart(cache);

    if (is_full(&hart->loaded)) {
        if (is_full(&hart->previous) || must_reap(hart)) {
            return false;
        }
        exchange(hart);
    }
    slab_forbid(cache, object, cache->size_bytes);
    push(&hart->loaded, object);
    return true;
}

/* Objects from the slabs: half a magazine, so that frees right after find room. */
static void *fill_from_slabs(struct slab_cache *cache, struct slab_hart *hart)
{
    struct magazine *magazine = close_magazine(&hart->loaded);
    void *object;

    if (magazine == NULL) {
        magazine = get_empty(cache);
    }
    if (magazine == NULL) {
        return slab_pages_take(cache, &object, 1) == 1 ? object : NULL;
    }
    magazine->nr = slab_pages_take(cache, magazine->objects, (magazine->nr_max + 1) / 2);
    open_magazine(&hart->loaded, magazine);
    return is_empty(&hart->loaded) ? NULL : pop(&hart->loaded);
}

void *magazine_alloc(struct slab_cache *cache)
{
    struct slab_hart *hart = this_hart(cache);
    struct magazine *magazine;
    void *object;

    if ((cache->flags & SLAB_PLAIN) != 0) {
        return slab_pages_take(cache, &object, 1) == 1 ? object : NULL;
    }
    if (must_reap(hart)) {
        (void)strip_hart(cache, hart);
    }
    object = magazine_alloc_near(cache); /* since the caller looked, it may have changed harts */
    if (object != NULL) {
        return object;
    }
    magazine = get_full(cache);
    if (magazine != NULL) {
        note_exchange(cache, hart);
        put_empty(cache, load(hart, magazine));
        return pop(&hart->loaded);
    }
    return fill_from_slabs(cache, hart);
}

/* Both of the hart's magazines are full, or it has none. Make room, if there is any to be had. */
static void make_room(struct slab_cache *cache, struct slab_hart *hart)
{
    struct magazine *magazine;

    note_exchange(cache, hart);
    magazine = get_empty(cache);
    if (magazine == NULL) {
        magazine = close_magazine(&hart->previous);
        if (magazine == NULL) {
            return;
        }
        (void)unload(cache, magazine);
    }
    put_full(cache, load(hart, magazine));
}

void magazine_free(struct slab_cache *cache, void *object)
{
    struct slab_hart *hart = this_hart(cache);

    if ((cache->flags & SLAB_PLAIN) != 0) {
        (void)slab_pages_put(cache, &object, 1);
        return;
    }
    if (must_reap(hart)) {
        (void)strip_hart(cache, hart);
    }
    if (magazine_free_near(cache, object)) {
        return;
    }
    make_room(cache, hart);
    if (is_full(&hart->loaded)) { /* this hart could get no magazine at all */
        (void)slab_pages_put(cache, &object, 1);
        return;
    }
    push(&hart->loaded, object);
}

/* ---- Emptying -------------------------------------------------------------------------------- */

uint64_t magazine_flush_hart(struct slab_cache *cache)
{
    uint64_t state = port_irq_save();
    uint64_t nr_frames = strip_hart(cache, this_hart(cache));

    port_irq_restore(state);
    return nr_frames;
}

uint64_t magazine_flush_depot(struct slab_cache *cache)
{
    struct magazine *magazine;
    uint64_t nr_frames = 0;
    uint64_t value;

    if ((cache->flags & SLAB_PLAIN) != 0) {
        return 0;
    }
    store_relaxed(&cache->magazine_class, first_class(cache->stride_bytes));
    while ((magazine = get_full(cache)) != NULL) {
        nr_frames += unload(cache, magazine);
        discard(cache, magazine);
    }
    while (ring_pop(&cache->empty, &value)) {
        discard(cache, (struct magazine *)value);
    }
    return nr_frames;
}

void magazine_teardown(struct slab_cache *cache)
{
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        (void)strip_hart(cache, &cache->harts[hart]);
    }
    (void)magazine_flush_depot(cache);
}

void magazine_release_depot(struct slab_cache *cache)
{
    if (cache->depot != NULL) {
        slab_free(&depot_cache, cache->depot);
    }
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* Another hart may change its magazines between the two looks at one: then that says anything. */
static uint32_t count_sensibly(const struct slab_rounds *rounds)
{
    uint32_t nr = count(rounds);

    return nr <= CLASS_ROUNDS(NR_CLASSES - 1) ? nr : 0;
}

uint64_t magazine_count(struct slab_cache *cache)
{
    uint64_t nr = load_relaxed(&cache->nr_in_depot);

    for (unsigned i = 0; i < MAX_HARTS; i++) {
        struct slab_hart *hart = &cache->harts[i];
        nr += count_sensibly(&hart->loaded) + count_sensibly(&hart->previous);
    }
    return nr;
}

static bool holds(const struct slab_rounds *rounds, const void *object)
{
    void **objects = load_relaxed(&rounds->bottom);

    for (uint32_t i = 0; i < count(rounds); i++) {
        if (objects[i] == object) {
            return true;
        }
    }
    return false;
}

bool magazine_has(struct slab_cache *cache, const void *object)
{
    struct slab_hart *hart = this_hart(cache);

    return holds(&hart->loaded, object) || holds(&hart->previous, object);
}
