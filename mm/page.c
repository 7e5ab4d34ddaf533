// SPDX-License-Identifier: MIT
/* From addresses to pages and back, and reference counts.
 *
 * The regions are few and fixed after boot, so a look-up is one subtraction and one comparison
 * each. Reference counts follow the usual rule: who takes one has one, or holds the lock of the
 * structure that has; a count that reached zero never rises again, which is why page_try_get()
 * must be used by whoever finds a page without a lock. */
#include "mm/page.h"

#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/frames_internal.h"
#include "mm/vmstat.h"

uint64_t page_origins[FRAMES_MAX_REGIONS];

struct page *page_of_frame_beyond(uint64_t frame)
{
    for (unsigned i = 1; i < nr_frame_regions; i++) {
        uint64_t index = frame - frame_regions[i].first_frame;
        if (index < frame_regions[i].nr_frames) {
            return frame_regions[i].pages + index;
        }
    }
    return NULL;
}

struct buddy *region_of_page_beyond(const struct page *page)
{
    for (unsigned i = 1; i < nr_frame_regions; i++) {
        if (region_has_page(&frame_regions[i], page)) {
            return &frame_regions[i];
        }
    }
    return NULL;
}

struct page *page_from_phys(phys_t address)
{
    return page_of_frame(address.addr >> PAGE_SHIFT);
}

struct page *page_from_virt(const void *pointer)
{
    return page_of_pointer(pointer);
}

bool page_try_get(struct page *page)
{
    uint32_t refs = load_relaxed(&page->refs);

    do {
        if (refs == 0) {
            return false;
        }
        /* Acquire: what the holder before us did to the page is seen by whoever found it anew. */
    } while (!atomic_compare_exchange_weak_explicit(&page->refs, &refs, refs + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

/* Drop references. Returns whether the last one was among them, and the frame is to be freed. */
static inline bool drop(struct page *page, unsigned nr)
{
    /* Release: our accesses come before the freeing; acquire: the others' come before it, too. */
    uint32_t before = atomic_fetch_sub_explicit(&page->refs, nr, memory_order_acq_rel);

    assert(before >= nr && before != 0);
    return before == nr;
}

void page_put_refs(struct page *page, unsigned nr)
{
    if (drop(page, nr)) {
        if (page->kind == PAGE_ANON) {
            vm_count_many(VM_NR_ANON_PAGES, -1);
        }
        frames_free(page, 0);
    }
}

void page_put(struct page *page)
{
    page_put_refs(page, 1);
}

void page_put_bulk(struct page **pages, unsigned nr)
{
    unsigned nr_freed = 0;
    int64_t nr_anon = 0;

    for (unsigned i = 0; i < nr; i++) {
        if (drop(pages[i], 1)) {
            nr_anon += pages[i]->kind == PAGE_ANON;
            pages[nr_freed++] = pages[i];
        }
    }
    vm_count_many(VM_NR_ANON_PAGES, -nr_anon);
    frames_free_bulk(pages, nr_freed);
}
