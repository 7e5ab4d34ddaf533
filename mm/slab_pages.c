// SPDX-License-Identifier: MIT
/* Slabs: blocks of frames cut into objects, and which of these are free.
 *
 *     frames    | obj 0 | obj 1 | obj 2 |  ...  | obj n-1 | rest or map |
 *               ^ colour: the first object may begin a few cache lines in, differently from slab
 *                 to slab, so that the first objects of many don't share the same lines of a cache
 *
 * Which objects are free is told by one bit each, outside the objects: a free object keeps its
 * constructed state to the last byte, and freeing twice or freeing what is no object is seen at
 * once. Up to 64 objects, the bits stand in the slab's `struct page`; with more (and so small)
 * objects they take a few words at the slab's end. Every frame of a slab has kind PAGE_SLAB and
 * names cache and first page, so that any object's slab is one look-up away. If it is kmalloc's, its
 * tag says so, too.
 *
 * A slab is on one of three lists: used_up (no free object), partial, whole (no used object).
 * Objects come from partial slabs first, so that whole ones stay whole; more than SLAB_KEPT_WHOLE
 * of these go back to the frames.
 *
 * The order of a slab is the lowest that gives four objects and wastes at most 1/32 (orders 0 and 1), 1/16
 * (2 and 3) or 1/8. In a slab of the highest, SLAB_MAX_ORDER, the largest objects there may be waste less than
 * that. Under pressure a slab may be smaller: nr_objects and order belong to each slab.
 *
 * Invariants (slab_pages_check): nr_used + free bits = nr_objects for each slab; each stands on the
 * list that nr_used says; the sums are the cache's counts; all frames of a slab name its cache.
 *
 * Locks: cache->lock for lists, bits and counts. Frames are taken, constructed and freed without
 * it. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/slab_debug.h"
#include "mm/frames.h"
#include "mm/slab_internal.h"

#define CACHE_LINE_BYTES 64u
#define MIN_STRIDE       8u

/* ---- Geometry -------------------------------------------------------------------------------- */

static uint32_t map_bytes(uint32_t nr_objects)
{
    return nr_objects <= 64 ? 0 : BITMAP_NR_WORDS(nr_objects) * 8;
}

static uint32_t objects_in(const struct slab_cache *cache, uint32_t order)
{
    uint32_t slab_bytes = (uint32_t)PAGE_SIZE << order;
    uint32_t lead_bytes = slab_debug_lead(cache);
    uint32_t nr = slab_bytes / cache->stride_bytes;

    while (nr != 0 && lead_bytes + nr * cache->stride_bytes + map_bytes(nr) > slab_bytes) {
        nr--;
    }
    return nr;
}

/* The lowest order that wastes little enough: the higher the order, the more may be wasted. */
static uint32_t choose_order(const struct slab_cache *cache)
{
    static const uint8_t most_waste[SLAB_MAX_ORDER] = {32, 32, 16, 16, 8, 8}; /* one in so many */

    for (uint32_t order = 0; order < SLAB_MAX_ORDER; order++) {
        uint32_t slab_bytes = (uint32_t)PAGE_SIZE << order;
        uint32_t nr = objects_in(cache, order);
        uint32_t waste = slab_bytes - nr * cache->stride_bytes;
        if (nr >= SLAB_WANTED_OBJECTS && waste <= slab_bytes / most_waste[order]) {
            return order;
        }
    }
    return SLAB_MAX_ORDER;
}

int slab_pages_plan(struct slab_cache *cache)
{
    uint32_t align = max_of(cache->align_bytes, MIN_STRIDE);

    if (cache->size_bytes == 0 || cache->size_bytes > SLAB_MAX_SIZE || !is_power_of_two(align) ||
        align > PAGE_SIZE) {
        return -EINVAL;
    }
    cache->stride_bytes = slab_debug_plan(cache, align);
    cache->colour_step_bytes = max_of(align, CACHE_LINE_BYTES);
    cache->slab_order = choose_order(cache);
    cache->nr_per_slab = objects_in(cache, cache->slab_order);
    return 0;
}

static uint64_t *free_map(struct page *slab)
{
    return slab->slab.nr_objects <= 64 ? &slab->slab.free_bits : slab->slab.free_map;
}

static char *first_object(const struct page *slab)
{
    return (char *)page_address(slab) + slab->slab.colour_bytes;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static struct list *list_of(struct slab_cache *cache, const struct page *slab)
{
    if (slab->slab.nr_used == 0) {
        return &cache->whole;
    }
    return slab->slab.nr_used == slab->slab.nr_objects ? &cache->used_up : &cache->partial;
}

/* nr_used has changed from `before`: move the slab where it belongs now. */
static void relist(struct slab_cache *cache, struct page *slab, uint32_t before)
{
    uint32_t now = slab->slab.nr_used;

    cache->nr_taken += now - (uint64_t)before;
    cache->nr_whole += (uint64_t)(now == 0) - (before == 0);
    if (now == 0 || before == 0 || now == slab->slab.nr_objects ||
        before == slab->slab.nr_objects) {
        list_remove(&slab->slab.node);
        list_push_front(list_of(cache, slab), &slab->slab.node);
    }
}

/* ---- Taking and putting ---------------------------------------------------------------------- */

static unsigned take_from(struct slab_cache *cache, struct page *slab, void **objects, unsigned nr)
{
    uint64_t *map = free_map(slab);
    char *first = first_object(slab);
    uint32_t before = slab->slab.nr_used;
    unsigned taken = 0;

    for (int word = 0; word < BITMAP_NR_WORDS(slab->slab.nr_objects); word++) {
        while (map[word] != 0 && taken < nr) {
            size_t index = (size_t)word * BITMAP_WORD_BITS + bit_first(map[word]);
            map[word] &= map[word] - 1;
            objects[taken++] = first + index * cache->stride_bytes;
        }
    }
    slab->slab.nr_used = (uint16_t)(before + taken);
    relist(cache, slab, before);
    return taken;
}

unsigned slab_pages_take(struct slab_cache *cache, void **objects, unsigned nr)
{
    uint64_t state = spin_lock_irqsave(&cache->lock);
    unsigned taken = 0;

    while (taken < nr) {
        struct list *from = list_is_empty(&cache->partial) ? &cache->whole : &cache->partial;
        if (list_is_empty(from)) {
            break;
        }
        taken += take_from(cache, list_first(from, struct page, slab.node), objects + taken,
                           nr - taken);
    }
    spin_unlock_irqrestore(&cache->lock, state);
    return taken;
}

/* The object's number in its slab; only the pointer is believed, not that it is an object. */
static enum slab_verdict find_object(const struct slab_cache *cache, const void *object,
                                     struct page **slab, uint32_t *index)
{
    struct page *page = page_of_pointer(object);
    uint64_t offset;

    if (page == NULL || page->kind != PAGE_SLAB || page->slab.cache != cache) {
        return SLAB_FOREIGN;
    }
    *slab = page->slab.head;
    offset = (uint64_t)object - (uint64_t)first_object(*slab); /* wraps before the first object */
    *index = (uint32_t)(offset / cache->stride_bytes);
    if (offset % cache->stride_bytes != 0 ||
        offset / cache->stride_bytes >= (*slab)->slab.nr_objects) {
        return SLAB_NOT_FIRST;
    }
    return SLAB_OK;
}

enum slab_verdict slab_pages_judge(struct slab_cache *cache, const void *object)
{
    struct page *slab;
    uint32_t index;
    enum slab_verdict verdict = find_object(cache, object, &slab, &index);
    uint64_t state;

    if (verdict == SLAB_OK) {
        state = spin_lock_irqsave(&cache->lock);
        if (bitmap_test(free_map(slab), index)) {
            verdict = SLAB_DOUBLE;
        }
        spin_unlock_irqrestore(&cache->lock, state);
    }
    return verdict;
}

void slab_report(const struct slab_cache *cache, const void *object, enum slab_verdict verdict,
                 const void *caller)
{
    const char *text = verdict == SLAB_FOREIGN     ? "not an object of this cache"
                       : verdict == SLAB_NOT_FIRST ? "not the beginning of an object"
                                                   : "already free";

    if (caller == NULL) {
        pr_err("slab: %s: bad free of %p, found when its magazine was emptied: %s", cache->name,
               object, text);
    } else {
        pr_err("slab: %s: bad free of %p by %pS: %s", cache->name, object, caller, text);
    }
}

static enum slab_verdict put_one(struct slab_cache *cache, const void *object)
{
    struct page *slab;
    uint32_t index;
    enum slab_verdict verdict = find_object(cache, object, &slab, &index);

    if (verdict != SLAB_OK) {
        return verdict;
    }
    if (bitmap_test(free_map(slab), index)) {
        return SLAB_DOUBLE;
    }
    bitmap_set(free_map(slab), index);
    slab->slab.nr_used--;
    relist(cache, slab, slab->slab.nr_used + 1u);
    return SLAB_OK;
}

/* Unlink whole slabs until only `kept` are left. Caller: cache->lock. */
static void unlink_whole(struct slab_cache *cache, uint64_t kept, struct list *doomed)
{
    if ((cache->flags & SLAB_TYPE_STABLE) != 0) {
        return;
    }
    while (cache->nr_whole > kept) {
        struct page *slab = list_last(&cache->whole, struct page, slab.node);
        list_remove(&slab->slab.node);
        list_push_back(doomed, &slab->slab.node);
        cache->nr_whole--;
        cache->nr_slabs--;
        cache->nr_objects -= slab->slab.nr_objects;
    }
}

/* A poisoned object was destructed when it was freed: mm/debug/slab_debug.c. */
static void destruct_objects(struct slab_cache *cache, struct page *slab)
{
    char *object = first_object(slab);

    if (cache->destruct == NULL || (cache->flags & SLAB_DEBUG_POISON) != 0) {
        return;
    }
    for (uint32_t i = 0; i < slab->slab.nr_objects; i++, object += cache->stride_bytes) {
        sanitize_allow(object, cache->size_bytes);
        cache->destruct(object);
    }
}

/* What each frame of a slab says of itself. */
static void mark_frame(struct page *page, struct page *slab, struct slab_cache *cache)
{
    page->slab = (__typeof__(page->slab)){.cache = cache, .head = slab};
    page->kind = PAGE_SLAB;
    *tag_of_page(page) = cache->frame_tag;
}

static void unmark_frame(struct page *page, struct page *slab)
{
    page->slab = (__typeof__(page->slab)){0};
    page->kind = page == slab ? PAGE_USED : PAGE_TAIL;
    *tag_of_page(page) = 0;
}

static uint64_t free_slabs(struct slab_cache *cache, struct list *doomed)
{
    uint64_t nr_frames = 0;

    while (!list_is_empty(doomed)) {
        struct page *slab = list_first(doomed, struct page, slab.node);
        unsigned order = slab->order;
        list_remove(&slab->slab.node);
        destruct_objects(cache, slab);
        for (uint64_t i = 0; i < 1ull << order; i++) {
            unmark_frame(&slab[i], slab);
        }
        frames_free(slab, order);
        nr_frames += 1ull << order;
    }
    return nr_frames;
}

uint64_t slab_pages_put(struct slab_cache *cache, void *const *objects, unsigned nr)
{
    struct list doomed = LIST_INIT(doomed);
    uint64_t state = spin_lock_irqsave(&cache->lock);

    for (unsigned i = 0; i < nr; i++) {
        enum slab_verdict verdict = put_one(cache, objects[i]);
        if (unlikely(verdict != SLAB_OK)) {
            slab_report(cache, objects[i], verdict, nr == 1 ? mistake_caller() : NULL);
        }
    }
    if (cache->nr_whole > SLAB_KEPT_WHOLE) {
        unlink_whole(cache, SLAB_KEPT_WHOLE, &doomed);
    }
    spin_unlock_irqrestore(&cache->lock, state);
    return free_slabs(cache, &doomed);
}

uint64_t slab_pages_shrink(struct slab_cache *cache)
{
    struct list doomed = LIST_INIT(doomed);
    uint64_t state = spin_lock_irqsave(&cache->lock);

    unlink_whole(cache, 0, &doomed);
    spin_unlock_irqrestore(&cache->lock, state);
    return free_slabs(cache, &doomed);
}

/* ---- Growing --------------------------------------------------------------------------------- */

/* The lowest order that holds an object at all. */
static uint32_t lowest_order(const struct slab_cache *cache)
{
    uint32_t order = 0;

    while (objects_in(cache, order) == 0) {
        order++;
    }
    return order;
}

/* The planned order if it is to be had, the lowest that will do otherwise. */
static struct page *alloc_slab_frames(const struct slab_cache *cache, enum alloc_flags flags)
{
    uint32_t lowest = lowest_order(cache);

    flags &= ~(unsigned)ALLOC_ZERO;
    if (cache->slab_order > lowest) {
        enum alloc_flags easily = (flags & ~(unsigned)ALLOC_WAIT) | ALLOC_QUIET;
        struct page *slab = frames_alloc(cache->slab_order, easily);
        if (slab != NULL) {
            return slab;
        }
    }
    return frames_alloc(lowest, flags);
}

static uint32_t pick_colour(struct slab_cache *cache, uint32_t rest_bytes)
{
    uint64_t state = spin_lock_irqsave(&cache->lock);
    uint32_t colour = cache->next_colour;

    if (colour > rest_bytes) {
        colour = 0;
    }
    cache->next_colour = colour + cache->colour_step_bytes;
    spin_unlock_irqrestore(&cache->lock, state);
    return colour;
}

/* Turn fresh frames into a slab with all objects free and constructed. */
static void format_slab(struct slab_cache *cache, struct page *slab)
{
    uint32_t order = slab->order;
    uint32_t slab_bytes = (uint32_t)PAGE_SIZE << order;
    uint32_t nr = objects_in(cache, order);
    uint32_t lead_bytes = slab_debug_lead(cache);
    uint32_t rest_bytes = slab_bytes - lead_bytes - nr * cache->stride_bytes - map_bytes(nr);
    char *object;

    for (uint64_t i = 0; i < 1ull << order; i++) {
        mark_frame(&slab[i], slab, cache);
    }
    slab->slab.nr_objects = (uint16_t)nr;
    slab->slab.colour_bytes = lead_bytes + pick_colour(cache, rest_bytes);
    if (nr > 64) {
        slab->slab.free_map = (void *)((char *)page_address(slab) + slab_bytes - map_bytes(nr));
        memset(slab->slab.free_map, 0, map_bytes(nr));
    }
    bitmap_set_range(free_map(slab), 0, nr);
    object = first_object(slab);
    sanitize_forbid(page_address(slab), slab->slab.colour_bytes);
    for (uint32_t i = 0; i < nr; i++, object += cache->stride_bytes) {
        if (slab_is_debugged(cache)) {
            slab_debug_format(cache, object);
            continue;
        }
        if (cache->construct != NULL) {
            cache->construct(object);
        }
        sanitize_forbid(object, cache->stride_bytes);
        if ((cache->flags & SLAB_TYPE_STABLE) != 0) {
            sanitize_allow(object, cache->size_bytes);
        }
    }
}

bool slab_pages_grow(struct slab_cache *cache, enum alloc_flags flags)
{
    struct page *slab = alloc_slab_frames(cache, flags);
    uint64_t state;

    if (slab == NULL) {
        return false;
    }
    format_slab(cache, slab);
    state = spin_lock_irqsave(&cache->lock);
    list_push_front(&cache->whole, &slab->slab.node);
    cache->nr_whole++;
    cache->nr_slabs++;
    cache->nr_objects += slab->slab.nr_objects;
    spin_unlock_irqrestore(&cache->lock, state);
    return true;
}

/* ---- Visiting --------------------------------------------------------------------------------- */

static bool visit_slab(struct slab_cache *cache, struct page *slab, slab_visitor visit, void *arg)
{
    char *object = first_object(slab);

    for (uint32_t i = 0; i < slab->slab.nr_objects; i++, object += cache->stride_bytes) {
        if (!visit(cache, object, bitmap_test(free_map(slab), i), arg)) {
            return false;
        }
    }
    return true;
}

void slab_pages_visit(struct slab_cache *cache, const void *object, slab_visitor visit, void *arg)
{
    struct list *const lists[] = {&cache->partial, &cache->used_up, &cache->whole};
    uint64_t state = spin_lock_irqsave(&cache->lock);
    bool goes_on = true;
    struct page *slab;

    if (object != NULL) {
        (void)visit_slab(cache, page_of_pointer(object)->slab.head, visit, arg);
        goes_on = false;
    }
    for (size_t i = 0; i < array_size(lists) && goes_on; i++) {
        list_for_each (slab, lists[i], slab.node) {
            goes_on = visit_slab(cache, slab, visit, arg);
            if (!goes_on) {
                break;
            }
        }
    }
    spin_unlock_irqrestore(&cache->lock, state);
}

struct slab_cache *slab_cache_at(const void *address)
{
    return page_of_pointer(address)->slab.cache;
}

void *slab_object_near(const void *address, struct slab_cache **cache)
{
    struct page *page = page_of_pointer(address);
    struct page *slab;
    uint64_t offset;

    if (page == NULL || page->kind != PAGE_SLAB) {
        return NULL;
    }
    slab = page->slab.head;
    *cache = page->slab.cache;
    offset = (uint64_t)address - (uint64_t)first_object(slab); /* wraps before the first object */
    if (offset / (*cache)->stride_bytes >= slab->slab.nr_objects) {
        return NULL;
    }
    return (void *)((uint64_t)address - offset % (*cache)->stride_bytes);
}

void *slab_object_at(const void *address, struct slab_cache **cache)
{
    char *object = slab_object_near(address, cache);

    if (object == NULL || (uint64_t)address - (uint64_t)object >= (*cache)->size_bytes) {
        return NULL;
    }
    return object;
}

/* ---- Checking -------------------------------------------------------------------------------- */

struct slab_sums {
    uint64_t nr_slabs, nr_objects, nr_used;
};

static void check_list(struct slab_cache *cache, struct list *head, struct slab_sums *sums)
{
    struct page *slab;

    list_for_each (slab, head, slab.node) {
        size_t nr_objects = slab->slab.nr_objects;
        assert(slab->slab.head == slab);
        for (uint64_t i = 0; i < 1ull << slab->order; i++) {
            assert(slab[i].kind == PAGE_SLAB && slab[i].slab.cache == cache);
            assert(*tag_of_page(&slab[i]) == cache->frame_tag);
        }
        assert(bitmap_count(free_map(slab), nr_objects) + slab->slab.nr_used == nr_objects);
        assert(list_of(cache, slab) == head);
        sums->nr_slabs++;
        sums->nr_objects += nr_objects;
        sums->nr_used += slab->slab.nr_used;
    }
}

void slab_pages_check(struct slab_cache *cache)
{
    uint64_t state = spin_lock_irqsave(&cache->lock);
    struct slab_sums sums = {0};

    check_list(cache, &cache->whole, &sums);
    assert(sums.nr_slabs == cache->nr_whole && sums.nr_used == 0);
    check_list(cache, &cache->partial, &sums);
    check_list(cache, &cache->used_up, &sums);
    assert(sums.nr_slabs == cache->nr_slabs);
    assert(sums.nr_objects == cache->nr_objects);
    assert(sums.nr_used == cache->nr_taken);
    spin_unlock_irqrestore(&cache->lock, state);
}
