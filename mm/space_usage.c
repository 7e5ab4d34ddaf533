// SPDX-License-Identifier: MIT
/* Counting what an address space holds, entry by entry.
 *
 * Resident sizes add up to more than the machine has, since programs share their pages. The
 * proportional share (pss) does not: a page that n entries map counts as an n-th for each of them.
 * How many map a page: those of files carry that number (page->maps); a private page is held by its
 * entries only, so its references tell, but for a moment in which a fault holds one more.
 *
 * The page of zeros belongs to nobody and is not counted, as on Linux.
 *
 * Locks: the page-table lock, for SPACE_BATCH entries or a large page at a time; a space that changes
 * meanwhile is counted a bit of before and a bit of after. */
#include "mm/space_usage.h"

#include "kernel/base/string.h"
#include "mm/space_internal.h"
#include "mm/swap.h"

struct usage_walk {
    struct space_usage *usage; /* or NULL: */
    uint64_t *entries;         /* of pagemap, from the address `first` on */
    uint64_t first;
    uint64_t next; /* where the walk goes on */
    unsigned nr;   /* entries met under this hold of the lock */
};

static uint32_t nr_holders(const struct page *page)
{
    uint32_t nr = page->kind == PAGE_CACHE ? atomic_load_explicit(&page->maps, memory_order_relaxed)
                                           : page_refs(page);

    return max_of(nr, 1u);
}

static void add_page(struct space_usage *usage, const struct page *page, struct pte pte)
{
    bool is_anon = page->kind != PAGE_CACHE;
    bool is_dirty = is_anon || page_has(page, PAGE_DIRTY) || (pte.flags & PTE_FLAG_DIRTY) != 0;
    uint32_t nr = nr_holders(page);
    uint64_t share = (PAGE_SIZE << USAGE_PSS_SHIFT) / nr;

    usage->resident += PAGE_SIZE;
    usage->pss += share;
    usage->pss_dirty += is_dirty ? share : 0;
    usage->pss_anon += is_anon ? share : 0;
    usage->anonymous += is_anon ? PAGE_SIZE : 0;
    usage->referenced += (pte.flags & PTE_FLAG_ACCESSED) != 0 ? PAGE_SIZE : 0;
    if (nr > 1) {
        *(is_dirty ? &usage->shared_dirty : &usage->shared_clean) += PAGE_SIZE;
    } else {
        *(is_dirty ? &usage->private_dirty : &usage->private_clean) += PAGE_SIZE;
    }
}

static uint64_t pagemap_entry(const struct page *page, struct pte pte)
{
    uint64_t entry = PAGEMAP_PRESENT | pte.frame.addr >> PAGE_SHIFT;

    if (is_zero_page(page)) {
        return entry;
    }
    entry |= page->kind == PAGE_CACHE ? PAGEMAP_FILE : 0;
    entry |= nr_holders(page) == 1 ? PAGEMAP_EXCLUSIVE : 0;
    return entry;
}

static void visit_swapped(struct usage_walk *walk, uint64_t address, uint64_t slot)
{
    if (walk->entries != NULL) {
        walk->entries[(address - walk->first) >> PAGE_SHIFT] = PAGEMAP_SWAPPED;
    } else {
        walk->usage->swapped += PAGE_SIZE;
        walk->usage->swapped_pss += (PAGE_SIZE << USAGE_PSS_SHIFT) /
                                    max_of(swap_slot_count(slot), 1u);
    }
}

static bool visit_entry(struct pte_slot slot, uint64_t address, struct pte pte, void *arg)
{
    struct usage_walk *walk = arg;
    const struct page *page = pte.is_present ? page_from_phys(pte.frame) : NULL; /* swapped */

    (void)slot;
    walk->next = address + PAGE_SIZE;
    if (pte.is_swapped) {
        visit_swapped(walk, address, pte_swap_slot(pte));
    } else if (page != NULL && walk->entries != NULL) {
        walk->entries[(address - walk->first) >> PAGE_SHIFT] = pagemap_entry(page, pte);
    } else if (page != NULL && !is_zero_page(page)) {
        add_page(walk->usage, page, pte);
    }
    return ++walk->nr < SPACE_BATCH;
}

/* A large page is counted as the entries that it stands for: walking it would split it. */
static void visit_large(struct pte large, uint64_t end, struct usage_walk *walk)
{
    uint64_t base = align_down(walk->next, PAGETABLE_SPAN_BYTES);

    if (walk->usage != NULL) {
        walk->usage->large += end - walk->next;
    }
    while (walk->next < end) {
        struct pte pte = large;

        pte.frame = phys(large.frame.addr + (walk->next - base));
        (void)visit_entry((struct pte_slot){NULL}, walk->next, pte, walk);
    }
}

static void walk_in_turns(struct space *space, uint64_t end, struct usage_walk *walk)
{
    while (walk->next < end) {
        uint64_t from = walk->next;
        uint64_t span_end = min_of(align_down(from, PAGETABLE_SPAN_BYTES) + PAGETABLE_SPAN_BYTES,
                                   end);
        struct pte large;

        walk->nr = 0;
        spin_lock(&space->table_lock);
        large = pagetable_get_large(&space->table, from);
        if (large.is_present) {
            visit_large(large, span_end, walk);
        } else {
            walk->next = span_end; /* unless the walk stops early */
            pagetable_walk(&space->table, from, span_end, visit_entry, walk);
        }
        spin_unlock(&space->table_lock);
    }
}

void space_add_usage(struct space *space, uint64_t start, uint64_t end, struct space_usage *usage)
{
    struct usage_walk walk = {.usage = usage, .next = start};

    walk_in_turns(space, end, &walk);
}

void space_read_pagemap(struct space *space, uint64_t address, uint64_t *entries, size_t nr)
{
    struct usage_walk walk = {.entries = entries, .first = address, .next = address};

    memset(entries, 0, nr * sizeof(entries[0]));
    walk_in_turns(space, address + nr * PAGE_SIZE, &walk);
}
