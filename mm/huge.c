// SPDX-License-Identifier: MIT
/* Transparent large pages: anonymous memory by 2 MiB.
 *
 * A process that touches 100 MiB takes 25,600 faults, and its working set does not fit a TLB. Where
 * an area covers an aligned 2 MiB and nothing of it is there yet, one fault can bring all of it, and
 * one entry of the page table map it.
 *
 * The large page is only that entry. The memory behind is a block of the buddy system, cut at once
 * into 512 single frames, each an anonymous page with its own reference, family and index:
 *
 *     page table    | … | LEAF | … |            after a split   | … | table | … |
 *                         |                                           |
 *     frames        [p0][p1][p2] … [p511]                         [p0][p1][p2] … [p511]
 *
 * So nothing has to be done to the pages when the entry is split (pagetable_large.c), which happens
 * whenever somebody changes a part of it: mprotect, mremap, fork, swapping, moving a page. All that
 * code handles single pages and never hears of large ones. Only two things are done to them as a
 * whole, since they are what makes them worth having: the fault that brings one, and the unmapping,
 * which gives 512 frames back to the buddy as the one block that they were.
 *
 * When. A program that touches one byte of 2 MiB gets, and pays the zeroing of, all. So by default
 * (transparent_hugepage=always) large pages are given only while free memory is ample: at least
 * AMPLE_BLOCKS of them free, and a quarter of all memory; a machine of 64 MiB has none.
 * madvise(MADV_HUGEPAGE) asks for more: any free block above the watermark, and if there is none,
 * compaction, but never reclaim. MADV_NOHUGEPAGE, and mmap's MAP_STACK, ask for none. A fault that
 * finds no block brings one page, and with it a table, and the 2 MiB around it are of single pages
 * until they are unmapped with their process.
 *
 * Locks: as a fault's; the page-table lock around the entry. */
#include "mm/huge.h"

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/compact.h"
#include "mm/frames_internal.h"
#include "mm/sanitize.h"
#include "mm/vmstat.h"

#define AMPLE_BLOCKS 32u /* 64 MiB */

static_assert(PAGETABLE_SPAN_BYTES == PAGE_BLOCK_FRAMES * PAGE_SIZE,
              "a large page is a page block");

static _Atomic uint32_t mode = HUGE_ALWAYS; /* [a] enum huge_mode */

int huge_set_mode(const char *name)
{
    static const char *const names[] = {"never", "madvise", "always"};

    for (uint32_t i = 0; i < array_size(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            store_relaxed(&mode, i);
            return 0;
        }
    }
    return -EINVAL;
}

/* ---- The fault ------------------------------------------------------------------------------- */

static bool is_ample(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    return stats.nr_free >= AMPLE_BLOCKS * (uint64_t)PAGE_BLOCK_FRAMES &&
           stats.nr_free >= stats.nr_total / 4;
}

static bool is_wanted(const struct area *area)
{
    uint32_t now = load_relaxed(&mode);

    if (now == HUGE_NEVER || (area->flags & AREA_NO_HUGE) != 0 ||
        (area->flags & (AREA_READ | AREA_WRITE)) == 0) {
        return false;
    }
    return (area->flags & AREA_HUGE) != 0 || (now == HUGE_ALWAYS && is_ample());
}

/* Frames enough that single pages need not be reclaimed for this one. */
static bool is_above_low(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    return stats.nr_free > stats.nr_low + PAGE_BLOCK_FRAMES;
}

static struct page *alloc_block(const struct area *area)
{
    enum alloc_flags flags = ALLOC_USER | ALLOC_MOVABLE | ALLOC_QUIET;
    struct page *page;

    if (!is_above_low()) {
        return NULL;
    }
    page = frames_alloc(PAGE_BLOCK_ORDER, flags);
    if (page == NULL && (area->flags & AREA_HUGE) != 0) {
        page = compact_for_allocation(PAGE_BLOCK_ORDER, flags | ALLOC_WAIT);
    }
    return page;
}

/* Cut the block into zeroed anonymous pages of the area, from `start` on. */
static void make_pages(struct page *page, const struct area *area, uint64_t start)
{
    char *bytes = page_address(page);
    uint64_t index = area->anon_index + ((start - area->start) >> PAGE_SHIFT);

    buddy_split_block(&frame_regions[page->region], page, PAGE_BLOCK_ORDER, FRAMES_MOVABLE);
    sanitize_allow(bytes, PAGETABLE_SPAN_BYTES);
    for (uint64_t i = 0; i < PAGE_BLOCK_FRAMES; i++) {
        page[i].kind = PAGE_ANON;
        store_relaxed(&page[i].flags, 0);
        store_relaxed(&page[i].refs, 1);
        store_relaxed(&page[i].dirty_sectors, 0);
        store_relaxed(&page[i].maps, 0);
        page[i].anon.family = load_relaxed(&area->family);
        page[i].anon.index = index + i;
        page_zero(bytes + i * PAGE_SIZE);
    }
}

/* Give all pages of a block back, of which nobody but we may hold some. */
static void put_pages(struct page *page)
{
    bool is_whole = true;

    /* Nobody can find the pages any more: what one reference holds is ours alone. */
    for (unsigned i = 0; i < PAGE_BLOCK_FRAMES; i++) {
        is_whole &= page_refs(&page[i]) == 1;
    }
    for (unsigned i = 0; i < PAGE_BLOCK_FRAMES; i++) {
        if (is_whole) {
            store_relaxed(&page[i].refs, 0);
        } else {
            page_put(&page[i]);
        }
    }
    if (is_whole) {
        vm_count_many(VM_NR_ANON_PAGES, -(int64_t)PAGE_BLOCK_FRAMES);
        sanitize_forbid(page_address(page), PAGETABLE_SPAN_BYTES);
        buddy_free_page_block(&frame_regions[page->region], page, __builtin_return_address(0));
    }
}

static bool map_block(struct area *area, struct large_slot *slot, struct page *page)
{
    struct space *space = area->space;
    bool is_set;

    spin_lock(&space->table_lock);
    is_set = pagetable_set_large(&space->table, slot, page_to_phys(page),
                                 area_pte_flags(area, true));
    if (is_set) {
        atomic_fetch_add_explicit(&space->nr_anon_pages, PAGE_BLOCK_FRAMES, memory_order_relaxed);
    }
    spin_unlock(&space->table_lock);
    return is_set;
}

static bool fill_vacancy(struct area *area, uint64_t start)
{
    struct large_slot slot = {.spare = NULL};
    struct page *page = NULL;
    bool is_set = false;

    if (anon_join(area) == 0 && pagetable_prepare_large(&area->space->table, start,
                                                        ALLOC_ATOMIC | ALLOC_QUIET, &slot) == 0) {
        page = alloc_block(area);
    }
    if (page != NULL) {
        make_pages(page, area, start);
        vm_count_many(VM_NR_ANON_PAGES, PAGE_BLOCK_FRAMES);
        if ((area->flags & AREA_EXEC) != 0) {
            pagetable_sync_icache();
        }
        is_set = map_block(area, &slot, page);
        if (!is_set) { /* another thread was faster */
            put_pages(page);
        }
    }
    pagetable_end_large(&slot);
    vm_count(is_set ? VM_THP_FAULT_ALLOC : VM_THP_FAULT_FALLBACK);
    return is_set;
}

bool huge_fault_slow(struct area *area, uint64_t address)
{
    uint64_t start = align_down(address, PAGETABLE_SPAN_BYTES);
    struct pagetable *table = &area->space->table;

    if (!pagetable_is_vacant(table, start)) {
        /* A large page that another thread has just mapped grants all that the area does. */
        return pagetable_get_large(table, start).is_present;
    }
    return is_wanted(area) && fill_vacancy(area, start);
}

/* ---- Unmapping ------------------------------------------------------------------------------- */

void huge_unmap(struct space *space, uint64_t start, uint64_t end)
{
    for (;;) {
        struct pte pte;
        bool is_found;

        spin_lock(&space->table_lock);
        is_found = pagetable_clear_large(&space->table, start, end, &start, &pte);
        if (is_found) {
            atomic_fetch_sub_explicit(&space->nr_anon_pages, PAGE_BLOCK_FRAMES,
                                      memory_order_relaxed);
        }
        spin_unlock(&space->table_lock);
        if (!is_found) {
            return;
        }
        pagetable_flush(&space->table, start, start + PAGETABLE_SPAN_BYTES);
        put_pages(page_from_phys(pte.frame));
        start += PAGETABLE_SPAN_BYTES;
    }
}

uint64_t huge_count_bytes(const struct area *area)
{
    struct space *space = area->space;
    uint64_t start = align_up(area->start, PAGETABLE_SPAN_BYTES);
    uint64_t nr = 0;

    spin_lock(&space->table_lock);
    for (; start < area->end && area->end - start >= PAGETABLE_SPAN_BYTES;
         start += PAGETABLE_SPAN_BYTES) {
        nr += pagetable_get_large(&space->table, start).is_present;
    }
    spin_unlock(&space->table_lock);
    return nr * PAGETABLE_SPAN_BYTES;
}
