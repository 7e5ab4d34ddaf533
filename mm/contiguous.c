// SPDX-License-Identifier: MIT
/* Frames side by side, any number of them: for devices that cannot gather.
 *
 * What fits a block of the buddy system is one, cut into single frames, and what is too much goes
 * back. What doesn't (larger than the largest block, or memory is in pieces) is a range of frames
 * that can become free: all of them are free now or hold pages that can be moved. The search goes
 * over the region in steps of the alignment and jumps behind each frame that is in the way, so it
 * looks at each frame about once; the range found is evacuated (compact.c). Pages that move meanwhile
 * can make that fail: then the search goes on behind it.
 *
 * Locks: none of its own. */
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/compact.h"
#include "mm/fault_inject.h"
#include "mm/frames_internal.h"
#include "mm/migrate.h"
#include "mm/sanitize.h"

#define MAX_RANGES 64u /* tried before the search is given up */

/* Single frames of kind PAGE_USED from the buddy: their new owner's. */
static struct page *hand_out_range(struct page *page, uint64_t nr, enum alloc_flags flags,
                                   const void *caller)
{
    for (uint64_t i = 0; i < nr; i++) {
        store_relaxed(&page[i].flags, 0);
        store_relaxed(&page[i].refs, 1);
        store_relaxed(&page[i].dirty_sectors, 0);
        store_relaxed(&page[i].maps, 0);
        page[i].used.private = 0;
        page[i].used.taken_by = caller;
        sanitize_allow(page_address(&page[i]), PAGE_SIZE);
        if ((flags & ALLOC_ZERO) != 0) {
            page_zero(page_address(&page[i]));
        }
    }
    return page;
}

static struct page *take_from_block(uint64_t nr, unsigned order, enum alloc_flags flags)
{
    struct page *page = frames_alloc(order, (flags & ~ALLOC_ZERO) | ALLOC_QUIET);
    struct buddy *region;

    if (page == NULL) {
        return NULL;
    }
    region = &frame_regions[page->region];
    buddy_split_block(region, page, order,
                      (flags & ALLOC_MOVABLE) != 0 ? FRAMES_MOVABLE : FRAMES_UNMOVABLE);
    frames_free_contiguous(page + nr, (1ull << order) - nr);
    return page;
}

/* Whether a frame lies in an allocated block of several, and is not its first: such a frame says no more
 * than that it is a tail, as it would in a free block. A look without locks. */
static bool is_inside_taken_block(const struct buddy *region, uint64_t frame)
{
    for (unsigned order = 1; order <= BUDDY_MAX_ORDER; order++) {
        uint64_t first = align_down(frame, 1ull << order);
        const struct page *head;

        if (first < region->first_frame) {
            return false;
        }
        head = &region->pages[first - region->first_frame];
        if (first != frame && head->kind >= PAGE_USED && page_order(head) >= order) {
            return true;
        }
    }
    return false;
}

/* Where a range may begin, at or after `from`; UINT64_MAX: nowhere. */
static uint64_t find_range(const struct buddy *region, uint64_t from, uint64_t nr, uint64_t align)
{
    uint64_t end = region->first_frame + region->nr_frames;
    uint64_t first = align_up(from, align);
    uint64_t frame = first;

    while (first < end && nr <= end - first && frame < first + nr) {
        if (page_looks_movable(&region->pages[frame - region->first_frame]) &&
            (frame != first || !is_inside_taken_block(region, frame))) {
            frame++;
        } else {
            first = align_up(frame + 1, align);
            frame = first;
        }
    }
    return first < end && nr <= end - first ? first : UINT64_MAX;
}

static struct page *take_from_region(struct buddy *region, uint64_t nr, uint64_t align)
{
    uint64_t first = region->first_frame;

    for (unsigned i = 0; i < MAX_RANGES; i++) {
        first = find_range(region, first, nr, align);
        if (first == UINT64_MAX) {
            break;
        }
        if (compact_take_range(first, nr) == 0) {
            return &region->pages[first - region->first_frame];
        }
        first += max_of(align, (uint64_t)PAGE_BLOCK_FRAMES); /* another page block may do */
    }
    return NULL;
}

struct page *frames_alloc_contiguous(uint64_t nr, uint64_t align, enum alloc_flags flags)
{
    bool may_wait = (flags & ALLOC_WAIT) != 0 && port_may_sleep();
    struct page *page = NULL;

    if (nr == 0 || nr > UINT64_MAX / 2 || !is_power_of_two(align) ||
        fault_inject_now(FAULT_FRAMES)) {
        return NULL;
    }
    if (max_of(nr, align) <= 1ull << BUDDY_MAX_ORDER) {
        page = take_from_block(nr, log2_ceil(max_of(nr, align)), flags);
    }
    for (unsigned i = 0; i < nr_frame_regions && page == NULL && may_wait; i++) {
        page = take_from_region(&frame_regions[i], nr, align);
    }
    if (page == NULL && may_wait && (flags & ALLOC_QUIET) == 0) {
        pr_warn("frames: no %llu frames side by side for %pS", (unsigned long long)nr,
                __builtin_return_address(0));
    }
    return page != NULL ? hand_out_range(page, nr, flags, __builtin_return_address(0)) : NULL;
}

void frames_free_contiguous(struct page *page, uint64_t nr)
{
    struct buddy *region = region_of_page(page);
    enum buddy_verdict verdict = BUDDY_FOREIGN;
    uint64_t bad = 0;

    if (nr == 0) {
        return;
    }
    if (region != NULL) {
        for (uint64_t i = 0; i < nr && buddy_judge(region, page + i, 0) == BUDDY_OK; i++) {
            sanitize_forbid(page_address(page + i), PAGE_SIZE);
            store_relaxed(&page[i].refs, 0);
        }
        verdict = buddy_free_range(region, page, nr, __builtin_return_address(0), &bad);
    }
    if (verdict != BUDDY_OK) {
        pr_err("frames: bad free of %llu frames at page %p by %pS: number %llu: %s",
               (unsigned long long)nr, (void *)page, __builtin_return_address(0),
               (unsigned long long)bad, buddy_verdict_text(verdict));
    }
}
