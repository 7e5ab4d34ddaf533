// SPDX-License-Identifier: MIT
/* Which cached pages go first when memory is short.
 *
 * One list in order of arrival, and a second chance: a page used since reclaim last came by carries
 * REFERENCED, loses it, and goes to the young end; one without it is given up. (The clock
 * algorithm: Corbató 1968.) Using a page therefore costs one bit and no lock.
 *
 * Clean pages are dropped at once; for dirty ones the writeback thread is woken, and their turn
 * comes when they are clean. Mapped pages are first removed from every address space. Only
 * try-locks are used: whoever needs memory may hold locks.
 *
 * The last pages are not given up: they are the programs that run just now. Taken away they would be
 * read back at once, and a machine that is out of memory would be busy with that for minutes, every
 * allocation a success, instead of swapping or saying so. So below a floor of 1/32 of memory
 * (cache_set_floor) this shrinker has nothing to give.
 *
 * Pages of tmpfs stand on a list of their own, which nobody takes from: being on one of the two is
 * how compaction knows a frame for a cached page (lru_get).
 *
 * Lock: lru_lock guards the lists and ON_LRU; it is a leaf, and mapping->lock is never taken
 * inside it. */
#include "fs/cache/cache_internal.h"
#include "fs/cache/writeback.h"
#include "kernel/base/once.h"
#include "kernel/base/port.h"
#include "kernel/sync/spinlock.h"
#include "mm/migrate.h"
#include "mm/reclaim.h"
#include "mm/vmstat.h"

#define MAX_WAIT_NS 2000000000ull /* for pages to become clean */

static struct spinlock lru_lock = SPINLOCK_INIT(LOCK_RANK_LRU, "page_lru");
static struct list lru_pages = LIST_INIT(lru_pages);   /* [lru_lock] the oldest first */
static struct list kept_pages = LIST_INIT(kept_pages); /* [lru_lock] pages without a disk */
static _Atomic uint64_t floor_pages;                   /* [a] */
static _Atomic uint64_t lru_count;                     /* [lru_lock to change, a] */

static uint64_t shrink_pages(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags);

static struct shrinker page_shrinker = {
    .name = "page cache", .shrink = shrink_pages, .order = RECLAIM_PAGES};
static struct once shrinker_once = ONCE_INIT("page_shrinker", ONCE_RETRY);

static int register_shrinker(void *arg)
{
    shrinker_register(&page_shrinker);
    migrate_set_cache_mover(cache_migrate_page);
    return 0;
}

/* Pages of tmpfs have no other place than memory. */
static bool is_kept(const struct page *page)
{
    return page_mapping(page)->device == NULL;
}

static void count(const struct page *page, uint64_t change)
{
    if (!is_kept(page)) {
        store_relaxed(&lru_count, load_relaxed(&lru_count) + change);
    }
}

void lru_add(struct page *page)
{
    (void)!once_get(&shrinker_once, register_shrinker, NULL);
    uint64_t irq = spin_lock_irqsave(&lru_lock);

    if ((page_set(page, PAGE_ON_LRU) & PAGE_ON_LRU) == 0) {
        list_push_back(is_kept(page) ? &kept_pages : &lru_pages, &page->cache.lru);
        count(page, 1);
    }
    spin_unlock_irqrestore(&lru_lock, irq);
}

void lru_remove(struct page *page)
{
    uint64_t irq = spin_lock_irqsave(&lru_lock);

    if ((page_clear(page, PAGE_ON_LRU) & PAGE_ON_LRU) != 0) {
        list_remove(&page->cache.lru);
        count(page, UINT64_MAX);
    }
    spin_unlock_irqrestore(&lru_lock, irq);
}

void lru_replace(struct page *old, struct page *fresh)
{
    uint64_t irq = spin_lock_irqsave(&lru_lock);

    if ((page_clear(old, PAGE_ON_LRU) & PAGE_ON_LRU) != 0) {
        page_set(fresh, PAGE_ON_LRU);
        list_push_front(&old->cache.lru, &fresh->cache.lru); /* right behind it */
        list_remove(&old->cache.lru);
    }
    spin_unlock_irqrestore(&lru_lock, irq);
}

/* A page that is on a list is cached, and stays so while the lock is held: it leaves the list before
 * it loses the cache's reference. The mark is only ever set on such pages; other frames, whatever
 * they are used for, don't have it. */
bool lru_get(struct page *page)
{
    uint64_t irq = spin_lock_irqsave(&lru_lock);
    bool is_got = page_has(page, PAGE_ON_LRU) && page_try_get(page);

    spin_unlock_irqrestore(&lru_lock, irq);
    return is_got;
}

uint64_t cache_nr_pages(void)
{
    return load_relaxed(&lru_count);
}

/* The oldest page, moved to the young end so that the next call gets another; with a reference. */
static struct page *next_candidate(void)
{
    uint64_t irq = spin_lock_irqsave(&lru_lock);
    struct page *page = NULL;

    if (!list_is_empty(&lru_pages)) {
        page = list_first(&lru_pages, struct page, cache.lru);
        list_remove(&page->cache.lru);
        list_push_back(&lru_pages, &page->cache.lru);
        if (!page_try_get(page)) {
            page = NULL;
        }
    }
    spin_unlock_irqrestore(&lru_lock, irq);
    return page;
}

/* Give up one page if nobody needs it. The caller has a reference. */
static bool try_to_free(struct page *page, bool *found_dirty)
{
    struct mapping *mapping;
    bool is_freed = false;

    if ((page_clear(page, PAGE_REFERENCED) & PAGE_REFERENCED) != 0) {
        return false;
    }
    if (page_has(page, PAGE_DIRTY | PAGE_WRITEBACK)) {
        *found_dirty = true;
        return false;
    }
    if (!page_trylock(page)) {
        return false;
    }
    mapping = page_mapping(page); /* while the page is locked and has one, it is alive */
    if (mapping != NULL) {
        bool is_mapped = atomic_load_explicit(&page->maps, memory_order_acquire) != 0;

        if (!is_mapped || map_object_unmap_page(&mapping->object, page)) {
            is_freed = mapping_remove_if_unused(mapping, page);
        }
    }
    page_unlock(page);
    return is_freed;
}

/* Go over the list until enough is freed. A long list may be all REFERENCED, so a round that frees
 * nothing goes twice around before it gives up: the first time takes the marks, the second
 * frees. */
static uint64_t scan_pages(uint64_t nr_frames, bool *found_dirty)
{
    uint64_t nr_max = 2 * cache_nr_pages();
    uint64_t nr_enough = max_of(nr_frames * 16, (uint64_t)256);
    uint64_t nr_freed = 0;
    uint64_t i;

    for (i = 0; i < nr_max && nr_freed < nr_frames && (i < nr_enough || nr_freed == 0); i++) {
        struct page *page = next_candidate();

        if (page == NULL) {
            continue;
        }
        if (try_to_free(page, found_dirty)) {
            nr_freed++;
        }
        page_put(page);
    }
    vm_count_many(reclaim_is_background() ? VM_PGSCAN_BACKGROUND : VM_PGSCAN_DIRECT, (int64_t)i);
    return nr_freed;
}

void cache_set_floor(uint64_t nr_pages)
{
    store_relaxed(&floor_pages, nr_pages);
}

static bool is_at_floor(void)
{
    return cache_nr_pages() <= load_relaxed(&floor_pages);
}

/* When all that is left is dirty, the caller waits for the disk rather than for the out-of-memory
 * killer; but not for ever, since he may hold what writeback needs. */
static uint64_t shrink_pages(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    uint64_t deadline = port_clock_ns() + MAX_WAIT_NS;
    bool found_dirty = false;
    uint64_t nr_freed;

    if (is_at_floor()) {
        return 0;
    }
    nr_freed = scan_pages(nr_frames, &found_dirty);
    while (nr_freed == 0 && found_dirty && (flags & ALLOC_WAIT) != 0 &&
           port_clock_ns() < deadline && writeback_wait_some()) {
        found_dirty = false;
        nr_freed = scan_pages(nr_frames, &found_dirty);
    }
    if (found_dirty && nr_freed < nr_frames) {
        writeback_wake();
    }
    return nr_freed;
}
