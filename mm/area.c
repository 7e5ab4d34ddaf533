// SPDX-License-Identifier: MIT
/* Areas: what a process has mapped where.
 *
 * The areas of a space never overlap and stand in a red-black tree by start. An area that maps an
 * object also stands on the object's list of mappers, which truncation and writeback walk from the
 * other side, and one with anonymous pages on the list of its family (anon.c); whoever changes the
 * bounds of such an area therefore holds two or three locks, space->lock for writing and then
 * object->lock and family->lock. Everything else here is arithmetic.
 *
 * Areas that continue each other (same rights, same object, next offset) are joined, so that a
 * heap that grows by small steps of mmap or mprotect stays one area. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/test_point.h"
#include "mm/slab.h"
#include "mm/space_internal.h"
#include "mm/vmstat.h"

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
    list_init(&area->anon_node);
    if (object != NULL) {
        object->ops->get(object);
    }
    if (file != NULL) {
        file_ops->get(file);
    }
    return area;
}

/* The counts change under space->lock; others look at them without. */
static void add_to(_Atomic uint64_t *count, uint64_t change)
{
    store_relaxed(count, load_relaxed(count) + change);
}

/* Pages that the area begins (or, with a negative number, ceases) to have in the tree. */
static void count_pages(const struct area *area, int64_t change_bytes)
{
    uint64_t change = (uint64_t)(change_bytes / (int64_t)PAGE_SIZE);
    struct space *space = area->space;

    add_to(&space->nr_mapped_pages, change);
    if (load_relaxed(&space->nr_mapped_pages) > load_relaxed(&space->nr_peak_mapped_pages)) {
        store_relaxed(&space->nr_peak_mapped_pages, load_relaxed(&space->nr_mapped_pages));
    }
    if (area_is_data(area->flags)) {
        add_to(&space->nr_data_pages, change);
    }
    if ((area->flags & AREA_LOCKED) != 0) {
        add_to(&space->nr_locked_pages, change);
        vm_count_many(VM_NR_MLOCK, (int64_t)change);
    }
}

static int64_t size_of(const struct area *area)
{
    return (int64_t)(area->end - area->start);
}

void area_set_flags(struct area *area, uint32_t flags)
{
    debug_assert(rwlock_is_write_held(&area->space->lock));
    count_pages(area, -size_of(area));
    area->flags = flags;
    count_pages(area, size_of(area));
}

struct area *area_new_like(const struct area *from, uint64_t skipped_bytes, struct space *space,
                           uint64_t start, uint64_t end)
{
    struct area *area = area_new(space, start, end, from->flags, from->object,
                                 from->object_index + (skipped_bytes >> PAGE_SHIFT), from->file);

    if (area != NULL) {
        store_relaxed(&area->family, load_relaxed(&from->family));
        area->anon_index = from->anon_index + (skipped_bytes >> PAGE_SHIFT);
    }
    return area;
}

/* The lists that an area stands on, and its bounds, change under the locks of its object and its
 * family, in one hold for each step that a walker may see: between two holds every page that is
 * mapped lies inside the bounds of an area on the list. */
static void lock_lists(struct area *area, struct anon_family *family)
{
    if (area->object != NULL) {
        mutex_lock(&area->object->lock);
    }
    if (family != NULL) {
        mutex_lock(&family->lock);
    }
}

static void unlock_lists(struct area *area, struct anon_family *family)
{
    if (family != NULL) {
        mutex_unlock(&family->lock);
    }
    if (area->object != NULL) {
        mutex_unlock(&area->object->lock);
    }
}

void area_lock_lists(struct area *area)
{
    lock_lists(area, load_relaxed(&area->family));
}

void area_unlock_lists(struct area *area)
{
    unlock_lists(area, load_relaxed(&area->family));
}

/* The following three: caller holds space->lock for writing, and the lists' locks. */
static void enter(struct area *area)
{
    struct rb_node *twin;

    debug_assert(rwlock_is_write_held(&area->space->lock));
    twin = rbtree_insert_unique(&area->space->areas, &area->node, compare_areas);
    assert(twin == NULL);
    area->space->nr_areas++;
    if (area->object != NULL) {
        list_push_back(&area->object->areas, &area->object_node);
    }
    anon_enter(area);
    count_pages(area, size_of(area));
}

/* Returns the family if it is left without an area. */
static struct anon_family *leave(struct area *area)
{
    debug_assert(rwlock_is_write_held(&area->space->lock));
    if (load_relaxed(&area->space->hint) == area) {
        store_relaxed(&area->space->hint, NULL);
    }
    count_pages(area, -size_of(area));
    rbtree_erase(&area->space->areas, &area->node);
    area->space->nr_areas--;
    if (area->object != NULL) {
        list_remove(&area->object_node);
    }
    return anon_leave(area);
}

static void set_bounds(struct area *area, uint64_t start, uint64_t end)
{
    uint64_t nr_pages = (uint64_t)((int64_t)(start - area->start) >> PAGE_SHIFT);

    debug_assert(rwlock_is_write_held(&area->space->lock));
    count_pages(area, (int64_t)(end - start) - size_of(area));
    area->object_index += nr_pages;
    area->anon_index += nr_pages;
    area->start = start; /* order in the tree is kept: areas never overlap */
    area->end = end;
    rbtree_augment_path(&area->space->areas, &area->node);
}

void area_insert(struct area *area)
{
    area_lock_lists(area);
    enter(area);
    area_unlock_lists(area);
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
    struct anon_family *left;

    area_lock_lists(area);
    left = leave(area);
    area_unlock_lists(area);
    anon_free(left);
    space_uncharge(area_nr_pages(area), area->flags);
    area_discard(area);
}

void area_resize(struct area *area, uint64_t start, uint64_t end)
{
    area_lock_lists(area);
    set_bounds(area, start, end);
    area_unlock_lists(area);
}

static bool must_split(const struct area *area, uint64_t address)
{
    return area_contains(area, address) && area->start != address;
}

int area_split(struct space *space, uint64_t address)
{
    bool may_not = must_split(area_find(space, address), address) && !space_may_add_area(space);

    return may_not ? -ENOMEM : area_split_always(space, address);
}

int area_split_always(struct space *space, uint64_t address)
{
    struct area *area = area_find(space, address);
    struct area *upper;

    if (!must_split(area, address)) {
        return 0;
    }
    upper = area_new_like(area, address - area->start, space, address, area->end);
    if (upper == NULL) {
        return -ENOMEM;
    }
    area_lock_lists(area);
    set_bounds(area, area->start, address);
    TEST_POINT(TEST_AREA_CUT, area);
    enter(upper);
    area_unlock_lists(area);
    return 0;
}

/* Whether `upper` continues `lower` in what their anonymous pages are; an area without any
 * continues everything. */
static bool continues_family(const struct area *lower, const struct area *upper)
{
    struct anon_family *below = load_relaxed(&lower->family);
    struct anon_family *above = load_relaxed(&upper->family);

    return below == NULL || above == NULL ||
           (below == above && lower->anon_index + area_nr_pages(lower) == upper->anon_index);
}

/* Whether it does so in every respect. */
static bool continues(const struct area *lower, const struct area *upper)
{
    return lower->end == upper->start && lower->flags == upper->flags &&
           lower->object == upper->object && lower->file == upper->file &&
           (lower->flags & AREA_GROWS_DOWN) == 0 &&
           (lower->object == NULL || area_index(lower, lower->end) == upper->object_index) &&
           continues_family(lower, upper);
}

/* `lower` takes over what `upper` maps, and its family. */
static void join(struct area *lower, struct area *upper)
{
    struct anon_family *family = load_relaxed(&lower->family);
    bool takes_family = family == NULL;
    struct anon_family *left;

    if (takes_family) {
        family = load_relaxed(&upper->family);
    }
    lock_lists(lower, family);
    if (takes_family && family != NULL) {
        lower->anon_index = upper->anon_index - area_nr_pages(lower);
        store_relaxed(&lower->family, family);
        anon_enter(lower);
    }
    left = leave(upper);
    assert(left == NULL);
    set_bounds(lower, lower->start, upper->end);
    unlock_lists(lower, family);
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

void *space_next_shared_file(struct space *space, uint64_t *start, uint64_t end,
                             uint64_t *first_byte, uint64_t *last_byte)
{
    struct area *area;
    void *file = NULL;

    if (*start >= end) { /* what lies there may go on in the area that the range ended in */
        return NULL;
    }
    rwlock_read_lock(&space->lock);
    area = area_find(space, *start);
    while (area != NULL && area->start < end &&
           (area->file == NULL || (area->flags & AREA_SHARED) == 0)) {
        area = area_next(area);
    }
    if (area != NULL && area->start < end) {
        uint64_t from = max_of(*start, area->start);
        uint64_t behind = min_of(end, area->end);

        file = area->file;
        file_ops->get(file);
        *first_byte = (area->object_index << PAGE_SHIFT) + (from - area->start);
        *last_byte = *first_byte + (behind - from) - 1;
        *start = behind;
    }
    rwlock_read_unlock(&space->lock);
    return file;
}
