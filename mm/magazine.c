// SPDX-License-Identifier: MIT
/* Magazines: the hart's own stacks of free objects. The idea stands in slab.c, the depot behind them in
 * depot.c.
 *
 * Allocation, when the loaded one is empty:      Freeing, when the loaded one is full:
 *   1. previous has rounds: exchange the two,      1. previous has room: exchange the two
 *      or, if it is more than half full, take
 *      the hotter half of them
 *   2. a full one from the depot; previous,        2. an empty one from the depot, or a new one;
 *      which is empty, goes there for it              previous, which is full, goes there for it
 *   3. fill half of it from the slabs              3. empty previous into the slabs, exchange
 *
 * Step 1 is what makes two magazines better than one: just after an exchange with the depot the
 * hart has one full and one empty magazine, and at least as many operations as a magazine has
 * rounds before the next exchange.
 *
 * Step 1 is taken much more often than the others, whenever the number of objects wanders across the
 * boundary. So the hart's line has the bounds of both magazines, and the exchange touches nothing else. But
 * after an exchange of a full one for an empty one the next free would lead straight back, and in a load of
 * short random walks every fiftieth operation would come here. Halves stop that: a full previous one leaves
 * half a magazine of stock and half a magazine of room, whichever way the walk goes on.
 *
 * Everything here runs with interrupts off on the hart whose magazines it changes. Another hart
 * only reads their counts. A reap asks all harts to empty their magazines by raising
 * slab_reap_count; a hart sees it the next time it comes here.
 *
 * Source: Bonwick & Adams 2001, section 3. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/string.h"
#include "mm/slab_internal.h"

_Atomic uint32_t slab_reap_count; /* [a] */

static inline struct slab_hart *this_hart(struct slab_cache *cache)
{
    return &cache->harts[port_hart_id()];
}

int magazine_setup(struct slab_cache *cache)
{
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        cache->harts[hart].reap_seen = load_relaxed(&slab_reap_count);
    }
    return depot_setup(cache);
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

static inline uint32_t capacity(const struct slab_rounds *rounds)
{
    return (uint32_t)(rounds->end - load_relaxed(&rounds->bottom));
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

/* The loaded magazine is empty, the previous is not. */
static void restock(struct slab_hart *hart)
{
    uint32_t nr = min_of(count(&hart->previous) / 2, capacity(&hart->loaded));
    void **from = load_relaxed(&hart->previous.top) - nr;
    void **to = load_relaxed(&hart->loaded.bottom);

    if (nr == 0 || count(&hart->previous) <= capacity(&hart->previous) / 2) {
        exchange(hart);
        return;
    }
    memcpy(to, from, nr * sizeof(void *));
    store_relaxed(&hart->loaded.top, to + nr);
    store_relaxed(&hart->previous.top, from);
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
        nr_frames = depot_unload(cache, magazine);
        depot_discard(magazine);
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
        restock(hart);
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
        magazine = depot_get_empty(cache);
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
    magazine = depot_get_full(cache);
    if (magazine != NULL) {
        struct magazine *out = load(hart, magazine);
        depot_note_visit(cache, hart);
        if (out != NULL) {
            depot_put_empty(cache, out);
        }
        return pop(&hart->loaded);
    }
    return fill_from_slabs(cache, hart);
}

/* Both of the hart's magazines are full, or it has none. Make room, if there is any to be had. */
static void make_room(struct slab_cache *cache, struct slab_hart *hart)
{
    struct magazine *magazine;
    struct magazine *out;

    depot_note_visit(cache, hart);
    magazine = depot_get_empty(cache);
    if (magazine == NULL) {
        magazine = close_magazine(&hart->previous);
        if (magazine == NULL) {
            return;
        }
        (void)depot_unload(cache, magazine);
    }
    out = load(hart, magazine);
    if (out != NULL) {
        depot_put_full(cache, out);
    }
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
    return (cache->flags & SLAB_PLAIN) != 0 ? 0 : depot_flush(cache);
}

void magazine_teardown(struct slab_cache *cache)
{
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        (void)strip_hart(cache, &cache->harts[hart]);
    }
    (void)magazine_flush_depot(cache);
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* Another hart may change its magazines between the two looks at one: then that says anything. */
static uint32_t count_sensibly(const struct slab_rounds *rounds)
{
    uint32_t nr = count(rounds);

    return nr <= MAGAZINE_MAX_ROUNDS ? nr : 0;
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
