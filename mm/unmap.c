// SPDX-License-Identifier: MIT
/* Taking pages out of address spaces.
 *
 * The order is what matters: the entry is cleared, then every hart that may have cached it forgets
 * it, and only then is the page's reference dropped, because from that moment the frame may belong
 * to somebody else. Entries are collected in batches, so that a large range costs few flushes and
 * no lock is held for long.
 *
 * Each entry that maps a page holds one reference to it (the shared page of zeros excepted). */
#include "kernel/base/assert.h"
#include "mm/huge.h"
#include "mm/space_internal.h"
#include "mm/vmstat.h"

void space_count_page(struct space *space, struct page *page, int change)
{
    _Atomic uint64_t *counter = page->kind == PAGE_CACHE ? &space->nr_object_pages
                                                         : &space->nr_anon_pages;

    if (page->kind == PAGE_CACHE) {
        uint32_t before = atomic_fetch_add_explicit(&page->maps, (uint32_t)change,
                                                    memory_order_relaxed);

        if (before == 0 || before + (uint32_t)change == 0) { /* the first mapping, or the last */
            vm_count_many(VM_NR_MAPPED, change);
        }
    }
    atomic_fetch_add_explicit(counter, (uint64_t)(int64_t)change, memory_order_relaxed);
}

struct unmap_batch {
    struct space *space;
    enum unmap_what what;
    uint64_t next;  /* where the walk goes on */
    uint64_t first; /* of what was cleared, for the flush */
    unsigned nr_cleared;
    unsigned nr;
    struct page *pages[SPACE_BATCH];
};

static bool collect_entry(struct pte_slot slot, uint64_t address, struct pte pte, void *arg)
{
    struct unmap_batch *batch = arg;
    struct page *page = page_from_phys(pte.frame);

    batch->next = address + PAGE_SIZE;
    if (batch->what == UNMAP_OBJECT_PAGES && page->kind != PAGE_CACHE) {
        return true;
    }
    (void)pte_slot_clear(slot);
    if (batch->nr_cleared++ == 0) {
        batch->first = address;
    }
    if (!is_zero_page(page)) {
        space_count_page(batch->space, page, -1);
        batch->pages[batch->nr++] = page;
    }
    return batch->nr_cleared < SPACE_BATCH;
}

void space_unmap_pages(struct space *space, uint64_t start, uint64_t end, enum unmap_what what)
{
    struct unmap_batch batch = {.space = space, .what = what, .next = start};

    if (what == UNMAP_ALL && end - start >= PAGETABLE_SPAN_BYTES) {
        huge_unmap(space, start, end);
    }
    while (batch.next < end) {
        uint64_t from = batch.next;

        batch.nr = 0;
        batch.nr_cleared = 0;
        batch.next = end; /* unless the walk stops early */
        spin_lock(&space->table_lock);
        pagetable_walk(&space->table, from, end, collect_entry, &batch);
        spin_unlock(&space->table_lock);
        if (batch.nr_cleared == 0) {
            break;
        }
        pagetable_flush(&space->table, batch.first, batch.next);
        for (unsigned i = 0; i < batch.nr; i++) {
            page_put(batch.pages[i]);
        }
        if (batch.nr_cleared < SPACE_BATCH) {
            break;
        }
    }
}
