// SPDX-License-Identifier: MIT
/* From a page to those who map it.
 *
 * Truncation must take pages away from every process that maps them, and writeback must notice
 * later stores. Both start from the object and go over the list of areas that map it: address =
 * area start + (index - area's first index). This is the reverse map of file pages; that of
 * anonymous pages is anon.c.
 *
 * Locks: object->lock over the list and the bounds of its areas, then one page-table lock at a
 * time. */
#include "mm/space_internal.h"

void map_object_init(struct map_object *object, const struct map_object_ops *ops)
{
    object->ops = ops;
    mutex_init(&object->lock, LOCK_RANK_MAP_OBJECT, "map_object");
    list_init(&object->areas);
}

/* The part of the area that shows pages [first, first + nr). Returns whether there is any. */
static bool overlap(const struct area *area, uint64_t first, uint64_t nr, uint64_t *start,
                    uint64_t *end)
{
    uint64_t area_first = area->object_index;
    uint64_t area_end = area_first + ((area->end - area->start) >> PAGE_SHIFT);
    uint64_t last_end = nr > UINT64_MAX - first ? UINT64_MAX : first + nr;
    uint64_t from = max_of(first, area_first);
    uint64_t to = min_of(last_end, area_end);

    if (from >= to) {
        return false;
    }
    *start = area->start + ((from - area_first) << PAGE_SHIFT);
    *end = area->start + ((to - area_first) << PAGE_SHIFT);
    return true;
}

void map_object_unmap(struct map_object *object, uint64_t first, uint64_t nr, bool also_private)
{
    struct area *area;
    uint64_t start, end;

    mutex_lock(&object->lock);
    list_for_each (area, &object->areas, object_node) {
        if (overlap(area, first, nr, &start, &end)) {
            space_unmap_pages(area->space, start, end,
                              also_private ? UNMAP_ALL : UNMAP_OBJECT_PAGES);
        }
    }
    mutex_unlock(&object->lock);
}

/* Make one entry read-only. Returns whether it had been writable. */
static bool clean_entry(struct space *space, uint64_t address)
{
    bool was_writable = false;
    struct pte pte;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address);
    if (pte.is_present && (pte.flags & PTE_FLAG_WRITE) != 0) {
        pte = pagetable_clear(&space->table, address);
        pagetable_set(&space->table, address, pte.frame,
                      pte.flags & ~(uint32_t)(PTE_FLAG_WRITE | PTE_FLAG_DIRTY));
        was_writable = true;
    }
    spin_unlock(&space->table_lock);
    if (was_writable) {
        pagetable_flush(&space->table, address, address + PAGE_SIZE);
    }
    return was_writable;
}

bool map_object_clean(struct map_object *object, uint64_t index)
{
    struct area *area;
    uint64_t start, end;
    bool was_writable = false;

    mutex_lock(&object->lock);
    list_for_each (area, &object->areas, object_node) {
        if ((area->flags & AREA_SHARED) != 0 && overlap(area, index, 1, &start, &end)) {
            was_writable |= clean_entry(area->space, start);
        }
    }
    mutex_unlock(&object->lock);
    return was_writable;
}

/* Whether an area that shows the page keeps its pages in memory. Caller: object->lock. */
static bool is_locked_by_any(struct map_object *object, uint64_t index)
{
    struct area *area;
    uint64_t start, end;

    list_for_each (area, &object->areas, object_node) {
        if ((area->flags & AREA_LOCKED) != 0 && overlap(area, index, 1, &start, &end)) {
            return true;
        }
    }
    return false;
}

bool map_object_unmap_page(struct map_object *object, struct page *page)
{
    struct area *area;
    uint64_t start, end;

    /* Reclaim may run with any lock held, this one too: then the page stays. */
    if (!mutex_trylock(&object->lock)) {
        return false;
    }
    if (is_locked_by_any(object, page->cache.index)) {
        mutex_unlock(&object->lock);
        return false;
    }
    list_for_each (area, &object->areas, object_node) {
        if (overlap(area, page->cache.index, 1, &start, &end)) {
            space_unmap_pages(area->space, start, end, UNMAP_OBJECT_PAGES);
        }
    }
    mutex_unlock(&object->lock);
    return atomic_load_explicit(&page->maps, memory_order_acquire) == 0;
}
