// SPDX-License-Identifier: MIT
/* Walks over all frames.
 *
 * The first page of an allocated block has a kind of its owner's and the block's order; the others
 * are PAGE_TAIL (or PAGE_SLAB, which every frame of a slab has). A block begins at a multiple of
 * its size, so from a page in its middle there is one candidate for each order. */
#include "mm/frames_visit.h"

#include "mm/frames_internal.h"

void frames_visit_blocks(void (*visit)(struct page *page, void *arg), void *arg)
{
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        const struct buddy *region = &frame_regions[i];
        uint64_t at = 0;
        while (at < region->nr_frames) {
            struct page *page = &region->pages[at];
            bool is_allocated = page->kind > PAGE_TAIL && page_order(page) <= BUDDY_MAX_ORDER;
            at += is_allocated ? 1ull << page_order(page) : 1;
            if (is_allocated) {
                visit(page, arg);
            }
        }
    }
}

struct page *frames_block_of(struct page *page)
{
    const struct buddy *region = &frame_regions[page->region];
    uint64_t index = (uint64_t)(page - region->pages);
    uint64_t frame = region->first_frame + index;

    if (page->kind != PAGE_TAIL) {
        return page->kind > PAGE_TAIL ? page : NULL;
    }
    for (unsigned order = 1; order <= BUDDY_MAX_ORDER; order++) {
        uint64_t distance = frame & ((1ull << order) - 1);
        if (distance > index) {
            return NULL;
        }
        if (page[-(int64_t)distance].kind > PAGE_TAIL) {
            return page_order(&page[-(int64_t)distance]) >= order ? &page[-(int64_t)distance]
                                                                  : NULL;
        }
    }
    return NULL;
}
