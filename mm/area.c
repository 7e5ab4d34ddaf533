// SPDX-License-Identifier: MIT
/* Areas: what a process has mapped where.
 *
 * The areas of a space never overlap and stand in a red-black tree by start. An area that maps an
 * object also stands on the object's list of mappers, which truncation and writeback walk from the
 * other side; whoever changes the bounds of such an area therefore holds two locks, space->lock for
 * writing and then object->lock. Everything else here is arithmetic.
 *
 * Areas that continue each other (same rights, same object, next offset) are joined, so that a
 * heap that grows by small steps of mmap or mprotect stays one area. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/test_point.h"
#include "mm/slab.h"
#include "mm/space_internal.h"

SLAB_CACHE(area_cache, struct area, NULL);

static const struct area_file_ops *file_ops;

void space_set_file_ops(const struct area_file_ops *ops)
{
    file_ops = ops;
}

static struct area *area_of(struct rb_node *node)
{
    return node != NULL ? rb_entry(node, struct area, node) : NULL;
}

/* Orders areas that end at or below the address before it. */
static int compare_end(const struct rb_node *node, const void *key)
{
    const struct area *area = rb_entry(node, const struct area, node);

    return area->end <= *(const uint64_t *)key ? -1 : 1;
}

static int compare_areas(const struct rb_node *a, const struct rb_node *b)
{
    uint64_t start_a = rb_entry(a, const struct area, node)->start;
    uint64_t start_b = rb_entry(b, const struct area, node)->start;

    return start_a < start_b ? -1 : start_a > start_b;
}

struct area *area_find(struct space *space, uint64_t address)
{
    return area_of(rbtree_lower_bound(&space->areas, &address, compare_end));
}

struct area *area_next(struct area *area)
{
    return area_of(rbtree_next(&area->node));
}

struct area *area_prev(struct area *area)
{
    return area_of(rbtree_prev(&area->node));
}

struct area *area_new(struct space *space, uint64_t start, uint64_t end, uint32_t flags,
                      struct map_object *object, uint64_t object_index, void *file)
{
    struct area *area = slab_alloc(&area_cache, ALLOC_KERNEL);

    if (area == NULL) {
        return NULL;
    }
    *area = (struct area){
        .space = space,
        .start = start,
        .end = end,
        .flags = flags,
        .object = object,
        .object_index = object_index,
        .file = file,
    };
    list_init(&area->object_node);
    if (object != NULL) {
        object->ops->get(object);
    }
    if (file != NULL) {
        file_ops->get(file);
    }
    return area;
}

static void count_mapped(struct area *area, int64_t change_bytes)
{
    atomic_fetch_add_explicit(&area->space->nr_mapped_pages,
                              (uint64_t)(change_bytes / (int64_t)PAGE_SIZE), memory_order_relaxed);
}

/* The object's list and the bounds of the areas on it change under the object's lock, in one
 * hold for each step that a walker may see: between two holds every page that is mapped lies
 * inside the bounds of an area on the list. */
static void lock_object(struct area *area)
{
    if (area->object != NULL) {
        mutex_lock(&area->object->lock);
    }
}

static void unlock_object(struct area *area)
{
    if (area->object != NULL) {
        mutex_unlock(&area->object->lock);
    }
}

/* The following three: caller holds space->lock for writing, and the object's lock. */
static void enter(struct area *area)
{
    struct rb_node *twin;

    debug_assert(rwlock_is_write_held(&area->space->lock));
    twin = rbtree_insert_unique(&area->space->areas, &area->node, compare_areas);
    assert(twin == NULL);
    if (area->object != NULL) {
        list_push_back(&area->object->areas, &area->object_node);
    }
    count_mapped(area, (int64_t)(area->end - area->start));
}

static void leave(struct area *area)
{
    debug_assert(rwlock_is_write_held(&area->space->lock));
    count_mapped(area, -(int64_t)(area->end - area->start));
    rbtree_erase(&area->space->areas, &area->node);
    if (area->object != NULL) {
        list_remove(&area->object_node);
    }
}

static void set_bounds(struct area *area, uint64_t start, uint64_t end)
{
    debug_assert(rwlock_is_write_held(&area->space->lock));
    count_mapped(area, (int64_t)(end - start) - (int64_t)(area->end - area->start));
    area->object_index += (uint64_t)((int64_t)(start - area->start) >> PAGE_SHIFT);
    area->start = start; /* order in the tree is kept: areas never overlap */
    area->end = end;
}

void area_insert(struct area *area)
{
    lock_object(area);
    enter(area);
    unlock_object(area);
}

void area_discard(struct area *area)
{
    list_init(&area->object_node);
    list_push_back(&area->space->dead_areas, &area->object_node);
}

void space_write_unlock(struct space *space)
{
    struct list dead = LIST_INIT(dead);
    struct area *area, *after;

    list_splice_back(&dead, &space->dead_areas);
    rwlock_write_unlock(&space->lock);
    list_for_each_safe (area, after, &dead, object_node) {
        if (area->object != NULL) {
            area->object->ops->put(area->object);
        }
        if (area->file != NULL) {
            file_ops->put(area->file);
        }
        slab_free(&area_cache, area);
    }
}

void area_destroy(struct area *area)
{
    lock_object(area);
    leave(area);
    unlock_object(area);
    area_discard(area);
}

void area_resize(struct area *area, uint64_t start, uint64_t end)
{
    lock_object(area);
    set_bounds(area, start, end);
    unlock_object(area);
}

int area_split(struct space *space, uint64_t address)
{
    struct area *area = area_find(space, address);
    struct area *upper;

    if (!area_contains(area, address) || area->start == address) {
        return 0;
    }
    upper = area_new(space, address, area->end, area->flags, area->object,
                     area_index(area, address), area->file);
    if (upper == NULL) {
        return -ENOMEM;
    }
    lock_object(area);
    set_bounds(area, area->start, address);
    TEST_POINT(TEST_AREA_CUT, area);
    enter(upper);
    unlock_object(area);
    return 0;
}

/* Whether `upper` continues `lower` in every respect. */
static bool continues(const struct area *lower, const struct area *upper)
{
    return lower->end == upper->start && lower->flags == upper->flags &&
           lower->object == upper->object && lower->file == upper->file &&
           (lower->flags & AREA_GROWS_DOWN) == 0 &&
           (lower->object == NULL || area_index(lower, lower->end) == upper->object_index);
}

/* `lower` takes over what `upper` maps. */
static void join(struct area *lower, struct area *upper)
{
    lock_object(lower);
    leave(upper);
    set_bounds(lower, lower->start, upper->end);
    unlock_object(lower);
    area_discard(upper);
}

struct area *area_merge(struct area *area)
{
    struct area *neighbour = area_prev(area);

    if (neighbour != NULL && continues(neighbour, area)) {
        join(neighbour, area);
        area = neighbour;
    }
    neighbour = area_next(area);
    if (neighbour != NULL && continues(area, neighbour)) {
        join(area, neighbour);
    }
    return area;
}

/* Pages kept free below a stack that may grow, so that it does not run into its neighbour
 * unseen. */
#define STACK_GAP_BYTES (64 * PAGE_SIZE)

static uint64_t first_taken(const struct area *area)
{
    uint64_t gap = (area->flags & AREA_GROWS_DOWN) != 0 ? STACK_GAP_BYTES : 0;

    return area->start > gap ? area->start - gap : 0;
}

uint64_t area_find_room(struct space *space, uint64_t len_bytes)
{
    uint64_t ceiling = space->mmap_top;
    struct area *area = area_find(space, ceiling - 1);

    if (area != NULL && area->start >= ceiling) {
        area = area_prev(area);
    } else if (area == NULL) {
        area = area_of(rbtree_last(&space->areas));
    }
    for (; area != NULL; area = area_prev(area)) {
        if (area->end <= ceiling && ceiling - area->end >= len_bytes) {
            return ceiling - len_bytes;
        }
        ceiling = min_of(ceiling, first_taken(area));
    }
    /* The lowest pages are never handed out: a null pointer with an offset must fault. */
    return ceiling >= len_bytes + 16 * PAGE_SIZE ? ceiling - len_bytes : 0;
}
