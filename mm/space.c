// SPDX-License-Identifier: MIT
/* Address spaces: the life of one, and the calls that change what is mapped.
 *
 * A space is two things: a tree of areas (area.c), which is the truth about what ought to be where,
 * and page tables, which are only a cache of it. Changing the areas is cheap and touches no memory;
 * page faults (fault.c) fill the tables from them; whatever takes rights away empties the tables
 * again (unmap.c) and lets faults refill them.
 *
 *                 map, unmap, protect, brk           fault                  truncate, writeback,
 *                 reclaim
 *                          |                           |                              |
 *                     [areas: tree] ---------> [page tables] <--------------- [areas of an object]
 *
 * Locks: space->lock for writing around changes of areas, for reading around faults; table_lock
 * around entries. The memory calls are all-or-nothing as far as POSIX asks: what may fail
 * (splitting areas) is done before anything is removed. */
#include "mm/space.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/slab.h"
#include "mm/space_internal.h"
#include "mm/swap.h"

SLAB_CACHE(space_cache, struct space, NULL);

#define AREA_RIGHTS (AREA_READ | AREA_WRITE | AREA_EXEC)

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
    list_init(&space->dead_areas);
    list_init(&space->swap_node);
    spin_init(&space->table_lock, LOCK_RANK_PAGE_TABLE, "page_table");
    refcount_init(&space->refs, 1);
    space->limit_address_space_bytes = UINT64_MAX;
    space->limit_stack_bytes = UINT64_MAX;
    space->limit_data_bytes = UINT64_MAX;
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

int space_remove_range(struct space *space, uint64_t start, uint64_t end)
{
    int error = area_split(space, start);

    if (error == 0) {
        error = area_split(space, end);
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

static bool is_user_range(uint64_t start, uint64_t len_bytes)
{
    return len_bytes <= USER_END && start <= USER_END - len_bytes;
}

/* Whether the limits allow len_bytes more. */
static bool is_within_limits(struct space *space, uint64_t len_bytes, uint32_t flags)
{
    uint64_t mapped = atomic_load_explicit(&space->nr_mapped_pages, memory_order_relaxed)
                      << PAGE_SHIFT;
    uint64_t limit = space->limit_address_space_bytes;

    return len_bytes <= limit && mapped <= limit - len_bytes;
}

/* Where the request goes: the exact address, the hint if it is free, or a free place. 0: none. */
static int choose_address(struct space *space, const struct space_map_request *request,
                          uint64_t len, uint64_t *address)
{
    uint64_t hint = request->address;

    if (request->is_fixed || request->is_fixed_noreplace) {
        if ((hint & PAGE_MASK) != 0 || !is_user_range(hint, len)) {
            return (hint & PAGE_MASK) != 0 ? -EINVAL : -ENOMEM;
        }
        if (request->is_fixed_noreplace && !is_range_free(space, hint, hint + len)) {
            return -EEXIST;
        }
        *address = hint;
        return 0;
    }
    hint = align_down(hint, PAGE_SIZE);
    if (hint != 0 && is_user_range(hint, len) && is_range_free(space, hint, hint + len)) {
        *address = hint;
        return 0;
    }
    *address = area_find_room(space, len);
    return *address != 0 ? 0 : -ENOMEM;
}

static int map_locked(struct space *space, const struct space_map_request *request, uint64_t len,
                      uint64_t *address)
{
    struct area *area;
    uint64_t start;
    int error = choose_address(space, request, len, &start);

    if (error != 0) {
        return error;
    }
    if (!is_within_limits(space, len, request->flags)) {
        return -ENOMEM;
    }
    area = area_new(space, start, start + len, request->flags & ~(uint32_t)AREA_POPULATE,
                    request->object, request->object_index, request->file);
    if (area == NULL) {
        return -ENOMEM;
    }
    error = request->is_fixed ? space_remove_range(space, start, start + len) : 0;
    if (error != 0) {
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
    }
    return error;
}

int space_unmap(struct space *space, uint64_t address, uint64_t len_bytes)
{
    int error;

    if ((address & PAGE_MASK) != 0 || len_bytes == 0 || !is_user_range(address, len_bytes)) {
        return -EINVAL;
    }
    rwlock_write_lock(&space->lock);
    error = space_remove_range(space, address, align_up(address + len_bytes, PAGE_SIZE));
    space_write_unlock(space);
    return error;
}

/* ---- mprotect -------------------------------------------------------------------------------- */

/* Give present entries the new rights. Writing is never added here: the next store faults, and the
 * fault knows whether the page must be copied first or made writable. An accessed or dirty mark that
 * the hardware sets meanwhile may be lost, which nobody looks at; an entry that it has in hand is not
 * brought back, for it compares before it stores. Caller: table_lock. */
static void protect_entries(struct pte_slot slot, unsigned nr, uint32_t flags, uint32_t kept)
{
    for (unsigned i = 0; i < nr; i++) {
        struct pte_slot here = pte_slot_plus(slot, i);
        struct pte pte = pte_slot_get(here);

        if (pte.is_present) {
            pte_slot_set(here, pte.frame, flags | (pte.flags & kept));
        }
    }
}

static void protect_area(struct area *area, uint32_t rights)
{
    struct space *space = area->space;
    uint32_t kept = (rights & AREA_WRITE) != 0 ? PTE_FLAG_WRITE | PTE_FLAG_DIRTY : 0;
    uint64_t at = area->start;
    struct pte_slot slot = {0};
    unsigned nr;

    area->flags = (area->flags & ~(uint32_t)AREA_RIGHTS) | rights;
    do {
        spin_lock(&space->table_lock);
        nr = pagetable_next_run(&space->table, &at, area->end, &slot);
        protect_entries(slot, nr, area_pte_flags(area, false), kept);
        spin_unlock(&space->table_lock);
        at += (uint64_t)nr << PAGE_SHIFT;
    } while (nr != 0);
    pagetable_flush(&space->table, area->start, area->end);
    if ((rights & AREA_EXEC) != 0) {
        pagetable_sync_icache(); /* code that was just written there as data */
    }
}

/* Whether areas cover the range without a gap, and all may get the rights. */
static int check_protect(struct space *space, uint64_t start, uint64_t end, uint32_t rights)
{
    for (struct area *area = area_find(space, start); start < end; area = area_next(area)) {
        if (!area_contains(area, start)) {
            return -ENOMEM;
        }
        if ((rights & AREA_WRITE) != 0 && (area->flags & AREA_SHARED) != 0 &&
            (area->flags & AREA_MAY_WRITE) == 0) {
            return -EACCES;
        }
        start = area->end;
    }
    return 0;
}

static int protect_locked(struct space *space, uint64_t start, uint64_t end, uint32_t rights)
{
    struct area *area;
    int error = check_protect(space, start, end, rights);

    if (error == 0) {
        error = area_split(space, start);
    }
    if (error == 0) {
        error = area_split(space, end);
    }
    if (error != 0) {
        return error;
    }
    area = area_find(space, start);
    while (area != NULL && area->start < end) {
        protect_area(area, rights);
        area = area_next(area_merge(area));
    }
    return 0;
}

int space_protect(struct space *space, uint64_t address, uint64_t len_bytes, uint32_t flags)
{
    int error;

    if ((address & PAGE_MASK) != 0) {
        return -EINVAL;
    }
    if (len_bytes == 0) {
        return 0;
    }
    if (!is_user_range(address, len_bytes)) {
        return -ENOMEM;
    }
    rwlock_write_lock(&space->lock);
    error = protect_locked(space, address, align_up(address + len_bytes, PAGE_SIZE),
                           flags & AREA_RIGHTS);
    space_write_unlock(space);
    return error;
}

/* ---- Heap, stack, advice --------------------------------------------------------------------- */

static int move_brk(struct space *space, uint64_t old_end, uint64_t new_end)
{
    struct area *area;

    if (new_end < old_end) {
        return space_remove_range(space, new_end, old_end);
    }
    if (!is_range_free(space, old_end, new_end) ||
        !is_within_limits(space, new_end - old_end, AREA_WRITE)) {
        return -ENOMEM;
    }
    area = area_new(space, old_end, new_end, AREA_READ | AREA_WRITE | AREA_MAY_WRITE | AREA_HEAP,
                    NULL, 0, NULL);
    if (area == NULL) {
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
    return new_end;
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
               area->end - start <= space->limit_stack_bytes &&
               is_within_limits(space, area->start - start, area->flags)) {
        below = area_prev(area);
        if (below == NULL || below->end + PAGE_SIZE <= start) {
            area_resize(area, start, area->end);
            error = 0;
        }
    }
    space_write_unlock(space);
    return error;
}

/* Whether areas cover [start, end) without a gap. */
static int check_covered(struct space *space, uint64_t start, uint64_t end)
{
    for (struct area *area = area_find(space, start); start < end; area = area_next(area)) {
        if (!area_contains(area, start)) {
            return -ENOMEM;
        }
        start = area->end;
    }
    return 0;
}

int space_discard(struct space *space, uint64_t address, uint64_t len_bytes)
{
    uint64_t end;
    int error;

    if ((address & PAGE_MASK) != 0 || !is_user_range(address, len_bytes)) {
        return -EINVAL;
    }
    end = align_up(address + len_bytes, PAGE_SIZE);
    rwlock_read_lock(&space->lock);
    space_unmap_pages(space, address, end, UNMAP_ALL);
    error = check_covered(space, address,
                          end); /* what is mapped is discarded all the same, as on Linux */
    rwlock_read_unlock(&space->lock);
    return error;
}

int space_sync(struct space *space, uint64_t address, uint64_t len_bytes)
{
    uint64_t end;
    int error;

    if ((address & PAGE_MASK) != 0) {
        return -EINVAL;
    }
    if (!is_user_range(address, len_bytes)) {
        return -ENOMEM;
    }
    end = align_up(address + len_bytes, PAGE_SIZE);
    rwlock_read_lock(&space->lock);
    error = check_covered(space, address, end);
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
    uint64_t end = 0, nr_pages = 0;
    struct area *area;

    rwlock_read_lock(&space->lock);
    assert(rbtree_check(&space->areas, NULL) >= 0);
    rb_for_each (area, &space->areas, node) {
        assert(area->space == space && area->start >= end && area->start < area->end);
        assert(((area->start | area->end) & PAGE_MASK) == 0 && area->end <= USER_END);
        assert((area->object != NULL) == list_is_linked(&area->object_node));
        assert((load_relaxed(&area->family) != NULL) == list_is_linked(&area->anon_node));
        end = area->end;
        nr_pages += (area->end - area->start) >> PAGE_SHIFT;
    }
    assert(nr_pages == atomic_load(&space->nr_mapped_pages));
    rwlock_read_unlock(&space->lock);
}
