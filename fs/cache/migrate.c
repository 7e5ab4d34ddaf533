// SPDX-License-Identifier: MIT
/* Moving a cached page to another frame, for compaction (mm/migrate.c).
 *
 * A page that nobody uses can be replaced as if it had been dropped and read in again, without the
 * reading: under mapping->lock, where every reference to a cached page is made, its content is
 * copied and the new page takes its place in the tree, whose tags (dirty) stay. Who comes later finds
 * the new page; who holds the old one (reclaim, which finds pages by its list) sees that it belongs
 * to nothing any more, as after truncation, and lets go.
 *
 * Whether somebody uses it is told as reclaim does it: removed from all address spaces, there must be
 * no references but the cache's and ours. A page under writeback stays.
 *
 * Any frame may be asked about. It is a cached page if it is on the list of lru.c, which is looked
 * at, and a reference taken, under that list's lock.
 *
 * Locks: the page's (a try-lock), then mapping->lock. The copy is made with interrupts off; that is
 * the longest such section here, some thousand instructions. */
#include "mm/migrate.h"

#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

/* What a page is, and not what is being done with it. The new frame's instructions are no hart's
 * yet, so PAGE_ICACHE is not among them. */
#define KEPT_FLAGS \
    (PAGE_UPTODATE | PAGE_DIRTY | PAGE_ERROR | PAGE_REFERENCED | PAGE_READAHEAD | PAGE_MAPPED)

static void copy_page(struct page *fresh, struct page *old, struct mapping *mapping)
{
    fresh->kind = PAGE_CACHE;
    fresh->cache.mapping = mapping;
    fresh->cache.index = old->cache.index;
    list_init(&fresh->cache.lru);
    store_relaxed(&fresh->dirty_sectors, load_relaxed(&old->dirty_sectors));
    store_relaxed(&fresh->flags, PAGE_LOCKED | (load_relaxed(&old->flags) & KEPT_FLAGS));
    memcpy(page_address(fresh), page_address(old), PAGE_SIZE);
}

/* The page is locked and belongs to the mapping. */
static bool replace_page(struct mapping *mapping, struct page *old, struct page *fresh)
{
    bool is_mapped = atomic_load_explicit(&old->maps, memory_order_acquire) != 0;
    bool is_unused;
    uint64_t irq;

    if (is_mapped && !map_object_unmap_page(&mapping->object, old)) {
        return false;
    }
    irq = spin_lock_irqsave(&mapping->lock);
    is_unused = page_refs(old) == 2 && page_has(old, PAGE_UPTODATE) &&
                !page_has(old, PAGE_WRITEBACK);
    if (is_unused) {
        copy_page(fresh, old, mapping);
        (void)radix_replace(&mapping->pages, old->cache.index, fresh);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    return is_unused;
}

/* The old page leaves; all that was counted of it counts for the new one. */
static void retire_page(struct page *old, struct page *fresh)
{
    lru_replace(old, fresh);
    page_clear(old, KEPT_FLAGS);
    __atomic_store_n(&old->cache.mapping, NULL, __ATOMIC_RELAXED);
    page_put(old); /* the cache's */
}

int cache_migrate_page(struct page *old, struct page *fresh)
{
    struct mapping *mapping;
    bool is_moved = false;

    if (!lru_get(old)) {
        return -EBUSY;
    }
    if (page_trylock(old)) {
        mapping = page_mapping(old); /* while the page is locked and has one, it is alive */
        if (mapping != NULL && replace_page(mapping, old, fresh)) {
            retire_page(old, fresh);
            page_unlock(fresh);
            is_moved = true;
        }
        page_unlock(old);
    }
    page_put(old);
    return is_moved ? 0 : -EBUSY;
}
