// SPDX-License-Identifier: MIT
/* Large blocks: runs of frames.
 *
 * The buddies give blocks of 2^k frames. A caller who wants nine frames gets a block of sixteen, and
 * would waste nearly half of it; so what lies behind the ninth goes back at once. What remains are
 * blocks of their own to the buddies, in the order of the binary digits of the number of frames:
 *
 *      order 4   |        block of 16          |      large_alloc(9 frames)
 *                |  order 3   |0| 1 | order 2  |      9 = 8 + 1; freed: one of 2, one of 4, one frame
 *                 \__ the run __/
 *
 * Freeing walks the same digits. The first frame's page says how many frames there are; kind
 * PAGE_LARGE is only on it, so that a pointer into the middle of a run is not taken for a block.
 *
 * A freed run rests with its hart, and serves the next request for its length (hot_run.c).
 *
 * Locks: those of hot runs and of the buddies. */
#include "mm/kmalloc_large.h"

#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "mm/buddy.h"
#include "mm/debug/leak.h"
#include "mm/fault_inject.h"
#include "mm/frames.h"
#include "mm/hot_run.h"
#include "mm/sanitize.h"

static struct page *cut_from_block(uint64_t nr_frames, unsigned order, enum alloc_flags flags)
{
    struct page *page = frames_alloc(order, flags);

    if (page != NULL) {
        frames_trim(page, nr_frames);
    }
    return page;
}

/* A run that rests with this hart, or one from the buddies: either is a request for frames that can be made to
 * fail. */
static struct page *find_run(uint64_t nr_frames, uint64_t align_frames, enum alloc_flags flags)
{
    struct page *page = align_frames <= 1 ? hot_run_take(nr_frames) : NULL;

    if (page == NULL) {
        return cut_from_block(nr_frames, log2_ceil(max_of(nr_frames, align_frames)), flags);
    }
    if (fault_inject_now(FAULT_FRAMES)) {
        hot_run_put(page, nr_frames, NULL);
        return NULL;
    }
    for (uint64_t i = 0; i < nr_frames && (flags & ALLOC_ZERO) != 0; i++) {
        page_zero(page_address(page + i));
    }
    return page;
}

void *large_alloc(size_t size_bytes, size_t align_bytes, enum alloc_flags flags)
{
    uint64_t nr_frames;
    struct page *page;

    if (size_bytes > PAGE_SIZE << BUDDY_MAX_ORDER || align_bytes > PAGE_SIZE << BUDDY_MAX_ORDER) {
        return NULL;
    }
    nr_frames = div_round_up(size_bytes, PAGE_SIZE);
    page = find_run(nr_frames, align_bytes / PAGE_SIZE, flags);
    if (page == NULL) {
        return NULL;
    }
    page->kind = PAGE_LARGE;
    page->large.nr_frames = nr_frames;
    leak_track(&page->large.owner);
    sanitize_forbid((char *)page_address(page) + size_bytes, nr_frames * PAGE_SIZE - size_bytes);
    return page_address(page);
}

void large_free(struct page *page, const void *caller)
{
    page->kind = PAGE_USED;
    hot_run_put(page, page->large.nr_frames, caller);
}

size_t large_size(const struct page *page)
{
    return page->large.nr_frames * PAGE_SIZE;
}
