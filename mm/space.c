// SPDX-License-Identifier: MIT
/* Address spaces: the life of one, and the calls that change what is mapped.
 *
 * A space is two things: a tree of areas (area.c), which is the truth about what ought to be where,
 * and page tables, which are only a cache of it. Changing the areas is cheap and touches no memory;
 * page faults (fault.c) fill the tables from them; whatever takes rights away empties the tables
 * again (unmap.c) and lets faults refill them.
 *
 *      map, unmap,                                     truncate, writeback,
 *      protect, brk              fault                 reclaim
 *           |                      |                          |
 *     [areas: tree] -------> [page tables] <-------- [areas of an object]
 *
 * Locks: space->lock for writing around changes of areas, for reading around faults; table_lock
 * around entries. The memory calls are all-or-nothing as far as POSIX asks: what may fail
 * (splitting areas) is done before anything is removed. */
#include "mm/space.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/commit.h"
#include "mm/slab.h"
#include "mm/space_internal.h"
#include "mm/swap.h"

SLAB_CACHE(space_cache, struct space, NULL);

struct space *space_create(void)
{
    struct space *space = slab_alloc(&space_cache, ALLOC_KERNEL | ALLOC_ZERO);

    if (space == NULL) {
        return NULL;
    }
    if (pagetable_init(&space->table) != 0) {
        slab_free(&space_cache, space);
        return NULL;
    }
    rwlock_init(&space->lock, LOCK_RANK_SPACE, "space");
    space->areas = (struct rb_tree)RB_TREE_INIT_AUGMENTED(area_sum_up);
    list_init(&space->dead_areas);
    list_init(&space->swap_node);
    spin_init(&space->table_lock, LOCK_RANK_PAGE_TABLE, "page_table");
    refcount_init(&space->refs, 1);
    space->limit_address_space_bytes = UINT64_MAX;
    space->limit_stack_bytes = UINT64_MAX;
    space->limit_data_bytes = UINT64_MAX;
    space->limit_locked_bytes = UINT64_MAX;
    space->mmap_top = USER_END - (1ul << 30); /* leaves the stack room to grow above */
    return space;
}

void space_get(struct space *space)
{
    refcount_get(&space->refs);
}

/* Unmap and remove whole areas from `area` on that end at or below `end`. */
static void destroy_areas(struct area *area, uint64_t end)
{
    while (area != NULL && area->end <= end) {
        struct area *next = area_next(area);

        space_unmap_pages(area->space, area->start, area->end, UNMAP_ALL);
        area_destroy(area);
        area = next;
    }
}

void space_clear(struct space *space)
{
    rwlock_write_lock(&space->lock);
    destroy_areas(area_find(space, 0), USER_END);
    space->brk_start = 0;
    space->brk_end = 0;
    space_write_unlock(space);
}

void space_put(struct space *space)
{
    if (space == NULL || !refcount_put(&space->refs)) {
        return;
    }
    space_clear(space);
    swap_forget_space(space);
    debug_assert(atomic_load(&space->nr_swap_pages) == 0);
    debug_assert(atomic_load(&space->nr_anon_pages) == 0 &&
                 atomic_load(&space->nr_object_pages) == 0);
    pagetable_destroy(&space->table);
    slab_free(&space_cache, space);
}

/* Only what is taken out of the middle of an area leaves one more than there were. */
int space_remove_range(struct space *space, uint64_t start, uint64_t end)
{
    const struct area *area = area_find(space, start);
    int error;

    if (area != NULL && area->start < start && end < area->end && !space_may_add_area(space)) {
        return -ENOMEM;
    }
    error = area_split_always(space, start);
    if (error == 0) {
        error = area_split_always(space, end);
    }
    if (error == 0) {
        destroy_areas(area_find(space, start), end);
    }
    return error;
}

static bool is_range_free(struct space *space, uint64_t start, uint64_t end)
{
    struct area *area = area_find(space, start);

    return area == NULL || area->start >= end;
}

/* What is replaced when something is mapped at [start, end). */
struct replaced {
    uint64_t nr_pages, nr_charged;
};

static struct replaced count_replaced(struct space *space, uint64_t start, uint64_t end)
{
    struct replaced replaced = {0, 0};

    for (struct area *area = area_find(space, start); area != NULL && area->start < end;
         area = area_next(area)) {
        uint64_t nr = (min_of(area->end, end) - max_of(area->start, start)) >> PAGE_SHIFT;

        replaced.nr_pages += nr;
        replaced.nr_charged += (area->flags & AREA_ACCOUNT) != 0 ? nr : 0;
    }
    return replaced;
}

/* The new area needs a charge only for what goes beyond the charge of those that it replaces. But
 * theirs ends with them: until then it is entered twice, so that nobody else is promised it. */
static int charge_new(struct space *space, uint64_t start, uint64_t len, uint32_t flags)
{
    struct replaced replaced = count_replaced(space, start, start + len);
    uint64_t nr_pages = len >> PAGE_SHIFT;
    int error = space_check_limits(space, nr_pages, replaced.nr_pages, flags);

    if (error == 0 && (flags & AREA_ACCOUNT) != 0) {
        error = commit_charge(nr_pages - replaced.nr_charged);
        if (error == 0) {
            commit_charge_always(replaced.nr_charged);
        }
    }
    return error;
}

/* Where the request goes: the exact address, the hint if it is free, or a free place. 0: none. */
static int choose_address(struct space *space, const struct space_map_request *request,
                          uint64_t len, uint64_t *address)
{
    uint64_t hint = request->address;

    if (request->is_fixed || request->is_fixed_noreplace) {
        if ((hint & PAGE_MASK) != 0 || !space_is_user_range(hint, len)) {
            return (hint & PAGE_MASK) != 0 ? -EINVAL : -ENOMEM;
        }
        if (request->is_fixed_noreplace && !is_range_free(space, hint, hint + len)) {
            return -EEXIST;
        }
        *address = hint;
        return 0;
    }
    hint = align_down(hint, PAGE_SIZE);
    if (hint != 0 && space_is_user_range(hint, len) && is_range_free(space, hint, hint + len)) {
        *address = hint;
        return 0;
    }
    *address = area_find_room(space, len);
    return *address != 0 ? 0 : -ENOMEM;
}

static int map_locked(struct space *space, const struct space_map_request *request, uint64_t len,
                      uint64_t *address)
{
    uint32_t flags = request->flags & ~(uint32_t)AREA_POPULATE;
    struct area *area;
    uint64_t start;
    int error = choose_address(space, request, len, &start);

    if (error == 0 && !space_may_add_area(space)) {
        error = -ENOMEM;
    }
    if (error != 0) {
        return error;
    }
    flags |= space->future_lock;
    flags |= area_is_accountable(flags) ? AREA_ACCOUNT : 0;
    error = charge_new(space, start, len, flags);
    if (error != 0) {
        return error;
    }
    area = area_new(space, start, start + len, flags, request->object, request->object_index,
                    request->file);
    if (area == NULL) {
        space_uncharge(len >> PAGE_SHIFT, flags);
        return -ENOMEM;
    }
    error = request->is_fixed ? space_remove_range(space, start, start + len) : 0;
    if (error != 0) {
        space_uncharge(len >> PAGE_SHIFT, flags);
        area_discard(area);
        return error;
    }
    area_insert(area);
    (void)area_merge(area);
    *address = start;
    return 0;
}

int space_map(struct space *space, const struct space_map_request *request, uint64_t *address)
{
    uint64_t len;
    int error;

    if (request->len_bytes == 0) {
        return -EINVAL;
    }
    if (request->len_bytes > USER_END) {
        return -ENOMEM;
    }
    len = align_up(request->len_bytes, PAGE_SIZE);
    if (request->object_index > UINT64_MAX - (len >> PAGE_SHIFT)) {
        return -EOVERFLOW;
    }
    rwlock_write_lock(&space->lock);
    error = map_locked(space, request, len, address);
    space_write_unlock(space);
    if (error == 0 && (request->flags & AREA_POPULATE) != 0) {
        enum fault_access access = (request->flags & AREA_WRITE) != 0 ? FAULT_WRITE : FAULT_READ;

        (void)!space_fault_range(space, *address, len,
                                 access); /* as far as it goes: mmap succeeds all the same */
    } else if (error == 0) {
        (void)!space_bring_in_locked(space, *address, *address + len);
    }
    return error;
}

int space_unmap(struct space *space, uint64_t address, uint64_t len_bytes)
{
    int error;

    if ((address & PAGE_MASK) != 0 || len_bytes == 0 || !space_is_user_range(address, len_bytes)) {
        return -EINVAL;
    }
    rwlock_write_lock(&space->lock);
    error = space_remove_range(space, address, align_up(address + len_bytes, PAGE_SIZE));
    space_write_unlock(space);
    return error;
}

/* ---- Heap, stack, files --------------------------------------------------------------------- */

static int move_brk(struct space *space, uint64_t old_end, uint64_t new_end)
{
    uint32_t flags = AREA_READ | AREA_WRITE | AREA_MAY_WRITE | AREA_HEAP | AREA_ACCOUNT |
                     space->future_lock;
    uint64_t nr_pages = (new_end - old_end) >> PAGE_SHIFT;
    struct area *area;

    if (new_end < old_end) {
        return space_remove_range(space, new_end, old_end);
    }
    if (!is_range_free(space, old_end, new_end) || !space_may_add_area(space) ||
        space_charge(space, nr_pages, flags) != 0) {
        return -ENOMEM;
    }
    area = area_new(space, old_end, new_end, flags, NULL, 0, NULL);
    if (area == NULL) {
        space_uncharge(nr_pages, flags);
        return -ENOMEM;
    }
    area_insert(area);
    (void)area_merge(area);
    return 0;
}

uint64_t space_set_brk(struct space *space, uint64_t new_end)
{
    uint64_t old_page, new_page;

    rwlock_write_lock(&space->lock);
    old_page = align_up(space->brk_end, PAGE_SIZE);
    new_page = align_up(new_end, PAGE_SIZE);
    if (new_end >= space->brk_start && new_end < space->mmap_top &&
        new_end - space->brk_start <= space->limit_data_bytes &&
        (old_page == new_page || move_brk(space, old_page, new_page) == 0)) {
        space->brk_end = new_end;
    }
    new_end = space->brk_end;
    space_write_unlock(space);
    (void)!space_bring_in_locked(space, old_page, align_up(new_end, PAGE_SIZE));
    return new_end;
}

/* Whether a stack may begin at `start`: with a gap above what it could run into unseen. What cannot be accessed
 * is a guard already, and another stack keeps its own distance. */
static bool may_grow_above(const struct area *below, uint64_t start)
{
    bool is_guard;

    if (below == NULL) {
        return true;
    }
    is_guard = (below->flags & (AREA_READ | AREA_WRITE | AREA_EXEC)) == 0 ||
               (below->flags & AREA_GROWS_DOWN) != 0;
    return below->end + (is_guard ? 0 : STACK_GAP_BYTES) <= start;
}

int space_grow_stack(struct space *space, uint64_t address)
{
    struct area *area, *below;
    uint64_t start = align_down(address, PAGE_SIZE);
    int error = -EFAULT;

    rwlock_write_lock(&space->lock);
    area = area_find(space, address);
    if (area_contains(area, address)) {
        error = 0; /* another thread was faster */
    } else if (area != NULL && (area->flags & AREA_GROWS_DOWN) != 0 &&
               area->end - start <= space->limit_stack_bytes) {
        below = area_prev(area);
        if (may_grow_above(below, start) &&
            space_charge(space, (area->start - start) >> PAGE_SHIFT, area->flags) == 0) {
            area_resize(area, start, area->end);
            error = 0;
        }
    }
    space_write_unlock(space);
    return error;
}

int space_sync(struct space *space, uint64_t address, uint64_t len_bytes, bool is_invalidating)
{
    uint64_t end;
    int error;

    if ((address & PAGE_MASK) != 0) {
        return -EINVAL;
    }
    if (!space_is_user_range(address, len_bytes)) {
        return -ENOMEM;
    }
    end = align_up(address + len_bytes, PAGE_SIZE);
    rwlock_read_lock(&space->lock);
    error = space_check_covered(space, address, end);
    if (error == 0 && is_invalidating && space_is_any_locked(space, address, end)) {
        error = -EBUSY;
    }
    rwlock_read_unlock(&space->lock);
    return error;
}

void space_for_each_area(struct space *space, void (*visit)(const struct area *area, void *arg),
                         void *arg)
{
    struct area *area;

    rwlock_read_lock(&space->lock);
    rb_for_each (area, &space->areas, node) {
        visit(area, arg);
    }
    rwlock_read_unlock(&space->lock);
}

void space_check(struct space *space)
{
    uint64_t end = 0, nr_areas = 0, nr_pages = 0, nr_data = 0, nr_locked = 0;
    struct area *area;

    rwlock_read_lock(&space->lock);
    assert(rbtree_check(&space->areas, NULL) >= 0);
    rb_for_each (area, &space->areas, node) {
        assert(area->space == space && area->start >= end && area->start < area->end);
        assert(((area->start | area->end) & PAGE_MASK) == 0 && area->end <= USER_END);
        assert((area->object != NULL) == list_is_linked(&area->object_node));
        assert((load_relaxed(&area->family) != NULL) == list_is_linked(&area->anon_node));
        assert(area_is_summed_up(area));
        end = area->end;
        nr_areas++;
        nr_pages += area_nr_pages(area);
        nr_data += area_is_data(area->flags) ? area_nr_pages(area) : 0;
        nr_locked += (area->flags & AREA_LOCKED) != 0 ? area_nr_pages(area) : 0;
    }
    assert(nr_areas == space->nr_areas);
    assert(nr_pages == atomic_load(&space->nr_mapped_pages));
    assert(nr_data == atomic_load(&space->nr_data_pages));
    assert(nr_locked == atomic_load(&space->nr_locked_pages));
    rwlock_read_unlock(&space->lock);
}
