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

void frames_visit_free(void (*visit)(struct page *page, uint64_t nr_frames))
{
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        for (uint64_t at = 0; at < frame_regions[i].nr_frames; at++) {
            struct page *page = &frame_regions[i].pages[at];
            if (page->kind == PAGE_FREE) {
                visit(page, 1ull << (page_order(page) & ~PAGE_ORDER_FREE));
            } else if (page->kind == PAGE_HOT) {
                visit(page, 1ull << page_order(page));
            }
        }
    }
}

const struct page *frames_large_of(const struct page *page)
{
    const struct page *first = frame_regions[page->region].pages;

    for (uint64_t i = 0; i < 1ull << BUDDY_MAX_ORDER && page - i >= first; i++) {
        const struct page *head = page - i;
        if (head->kind == PAGE_LARGE) {
            return head->large.nr_frames > i ? head : NULL;
        }
    }
    return NULL;
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
