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
 * Locks: those of the buddies. */
#include "mm/kmalloc_large.h"

#include "kernel/base/bits.h"
#include "mm/buddy.h"
#include "mm/debug/leak.h"
#include "mm/frames.h"
#include "mm/sanitize.h"

void *large_alloc(size_t size_bytes, size_t align_bytes, enum alloc_flags flags)
{
    uint64_t nr_frames;
    struct page *page;
    unsigned order;

    if (size_bytes > PAGE_SIZE << BUDDY_MAX_ORDER || align_bytes > PAGE_SIZE << BUDDY_MAX_ORDER) {
        return NULL;
    }
    nr_frames = div_round_up(size_bytes, PAGE_SIZE);
    order = log2_ceil(max_of(nr_frames, align_bytes / PAGE_SIZE));
    page = frames_alloc(order, flags);
    if (page == NULL) {
        return NULL;
    }
    frames_trim(page, nr_frames);
    page->kind = PAGE_LARGE;
    page->large.nr_frames = nr_frames;
    leak_track(&page->large.owner);
    sanitize_forbid((char *)page_address(page) + size_bytes, nr_frames * PAGE_SIZE - size_bytes);
    return page_address(page);
}

void large_free(struct page *page)
{
    uint64_t nr_frames = page->large.nr_frames;

    page->used.private = 0;
    page->kind = PAGE_USED;
    while (nr_frames != 0) {
        unsigned order = bit_last(nr_frames);
        frames_free(page, order);
        page += 1ull << order;
        nr_frames -= 1ull << order;
    }
}

size_t large_size(const struct page *page)
{
    return page->large.nr_frames * PAGE_SIZE;
}
