// SPDX-License-Identifier: MIT
/* Taking pages out of address spaces.
 *
 * The order is what matters: the entry is cleared, then every hart that may have cached it forgets
 * it, and only then is the page's reference dropped, because from that moment the frame may belong
 * to somebody else. Entries are collected in batches, so that a large range costs few flushes and
 * no lock is held for long.
 *
 * A space's peak is not looked for at each fault: what is resident only falls here and in swap_out.c, so
 * noting it before pages are taken misses none.
 *
 * Each entry that maps a page holds one reference to it (the shared page of zeros excepted). */
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/huge.h"
#include "mm/space_internal.h"
#include "mm/swap.h"

uint64_t space_nr_resident(struct space *space)
{
    return load_relaxed(&space->nr_anon_pages) + load_relaxed(&space->nr_object_pages);
}

uint64_t space_nr_peak_resident(struct space *space)
{
    return max_of(load_relaxed(&space->nr_peak_resident_pages), space_nr_resident(space));
}

void space_note_peak(struct space *space)
{
    uint64_t nr = space_nr_resident(space);

    if (nr > load_relaxed(&space->nr_peak_resident_pages)) {
        store_relaxed(&space->nr_peak_resident_pages,
                      nr); /* of two at once one counts: both are near */
    }
}

struct unmap_batch {
    struct space *space;
    enum unmap_what what;
    unsigned nr_cleared;
    unsigned nr; /* of them, those that hold a reference */
    struct page *pages[SPACE_BATCH];
};

/* Clear entries of one run until the batch is full. Returns how many were looked at. Caller:
 * table_lock. */
static unsigned clear_entries(struct unmap_batch *batch, struct pte_slot slot, unsigned nr)
{
    unsigned i;

    for (i = 0; i < nr && batch->nr_cleared < SPACE_BATCH; i++) {
        struct pte_slot here = pte_slot_plus(slot, i);
        struct pte pte = pte_slot_get(here);
        struct page *page;

        if (pte.is_swapped && batch->what == UNMAP_ALL) { /* in no hart's TLB */
            (void)pte_slot_clear(here);
            swap_slot_put(pte_swap_slot(pte));
            swap_count_entry(batch->space, -1);
        }
        if (!pte.is_present) {
            continue;
        }
        page = page_from_phys(pte.frame);
        if (batch->what == UNMAP_OBJECT_PAGES && page->kind != PAGE_CACHE) {
            continue;
        }
        (void)pte_slot_clear(here);
        batch->nr_cleared++;
        if (!is_zero_page(page)) {
            space_count_page(batch->space, page, -1);
            batch->pages[batch->nr++] = page;
        }
    }
    return i;
}

void space_unmap_pages(struct space *space, uint64_t start, uint64_t end, enum unmap_what what)
{
    struct unmap_batch batch = {.space = space, .what = what};
    uint64_t flush_from = start;
    uint64_t at = start;
    struct pte_slot slot = {0};
    unsigned nr;

    space_note_peak(space);
    if (what == UNMAP_ALL && end - start >= PAGETABLE_SPAN_BYTES) {
        huge_unmap(space, start, end);
    }
    do {
        spin_lock(&space->table_lock);
        nr = pagetable_next_run(&space->table, &at, end, &slot);
        if (batch.nr_cleared == 0) {
            flush_from = at;
        }
        at += (uint64_t)clear_entries(&batch, slot, nr) << PAGE_SHIFT;
        spin_unlock(&space->table_lock);
        /* A batch goes on over runs, so that a few pages here and there cost one flush. */
        if (batch.nr_cleared == SPACE_BATCH || (nr == 0 && batch.nr_cleared != 0)) {
            pagetable_flush(&space->table, flush_from, at);
            page_put_bulk(batch.pages, batch.nr);
            batch.nr = 0;
            batch.nr_cleared = 0;
        }
    } while (nr != 0);
}
