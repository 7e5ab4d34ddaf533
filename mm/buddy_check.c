// SPDX-License-Identifier: MIT
/* Judging what is given back to a buddy system, and walking all of it.
 *
 * A frame says what it is, so a wrong free is told from a right one by a look at its page: the
 * verdict names the mistake. The walk checks the invariants that stand at the top of buddy.c. */
#include "kernel/base/assert.h"
#include "mm/buddy_internal.h"

enum buddy_verdict buddy_judge(const struct buddy *buddy, const struct page *page, unsigned order)
{
    if (page < buddy->pages || page >= buddy->pages + buddy->nr_frames || order > BUDDY_MAX_ORDER) {
        return BUDDY_FOREIGN;
    }
    if ((frame_number(buddy, page) & (frames_of(order) - 1)) != 0) {
        return BUDDY_MISALIGNED;
    }
    switch (page->kind) {
    case PAGE_RESERVED: return BUDDY_RESERVED;
    case PAGE_FREE:
    case PAGE_HOT: return BUDDY_DOUBLE;
    case PAGE_TAIL: return BUDDY_NOT_FIRST;
    case PAGE_SLAB: return BUDDY_IN_SLAB;
    default: return page_order(page) == order ? BUDDY_OK : BUDDY_WRONG_ORDER;
    }
}

/* A block of 2^k frames begins at a multiple of 2^k: there are few places to look at. */
const struct page *buddy_find_holder(const struct buddy *buddy, const struct page *page)
{
    for (unsigned order = 0; order <= BUDDY_MAX_ORDER; order++) {
        uint64_t distance = frame_number(buddy, page) & (frames_of(order) - 1);
        const struct page *first = page - distance;

        if (distance > (uint64_t)(page - buddy->pages)) { /* before the region */
            break;
        }
        if (first->kind >= PAGE_SLAB && distance < frames_of(page_order(first))) {
            return first;
        }
    }
    return NULL;
}

const char *buddy_verdict_text(enum buddy_verdict verdict)
{
    switch (verdict) {
    case BUDDY_OK: return "freed";
    case BUDDY_FOREIGN: return "not a frame that the allocator knows";
    case BUDDY_MISALIGNED: return "no block of this order begins there";
    case BUDDY_DOUBLE: return "already free";
    case BUDDY_NOT_FIRST: return "not the first frame of an allocated block";
    case BUDDY_WRONG_ORDER: return "allocated with another order";
    case BUDDY_RESERVED: return "reserved, never allocated";
    case BUDDY_IN_SLAB: return "holds objects of a cache";
    }
    return "unknown";
}

/* ---- The walk -------------------------------------------------------------------------------- */

/* Invariants 1 to 3 for one listed block. */
static void check_block(struct buddy *buddy, const struct page *page, unsigned order, unsigned type)
{
    uint64_t frame = frame_number(buddy, page);
    uint64_t other = frame ^ frames_of(order);

    assert(page >= buddy->pages && page + frames_of(order) <= buddy->pages + buddy->nr_frames);
    assert((frame & (frames_of(order) - 1)) == 0);
    assert(page->kind == PAGE_FREE && page->order == (PAGE_ORDER_FREE | order));
    assert(block_of(buddy, frame)->type == type);
    assert(order < PAGE_BLOCK_ORDER || type != FRAMES_UNMOVABLE);
    for (uint64_t i = 1; i < frames_of(order); i++) {
        assert(page[i].kind == PAGE_TAIL && page[i].order == 0);
    }
    if (order < BUDDY_MAX_ORDER && other - buddy->first_frame < buddy->nr_frames &&
        page_of(buddy, other)->order == (PAGE_ORDER_FREE | order)) {
        assert(order >= PAGE_BLOCK_ORDER &&
               (type == FRAMES_ISOLATED || block_of(buddy, other)->type == FRAMES_ISOLATED));
    }
}

/* Returns the free frames on the type's lists. */
static uint64_t check_lists(struct buddy *buddy, unsigned type, uint64_t *nr_listed)
{
    uint64_t nr_free = 0;

    for (unsigned order = 0; order <= BUDDY_MAX_ORDER; order++) {
        uint64_t length = 0;
        struct page *page;
        list_for_each (page, &buddy->free[type][order], free.node) {
            check_block(buddy, page, order, type);
            length++;
        }
        assert(length == load_relaxed(&buddy->nr_blocks[type][order]));
        *nr_listed += length;
        nr_free += length << order;
    }
    return nr_free;
}

/* Invariants 4 for the page blocks, and 5. Returns the number of pages with the mark. */
static uint64_t check_page_blocks(struct buddy *buddy)
{
    uint64_t nr_marked = 0;
    uint64_t free_end = 0; /* of the free block met last: it may be larger than a page block */

    for (uint64_t block = 0; block < buddy->nr_page_blocks; block++) {
        uint64_t nr_free = 0;
        for (uint64_t frame = block_first(buddy, block); frame < block_end(buddy, block); frame++) {
            const struct page *page = page_of(buddy, frame);
            if (is_free_block(page)) {
                nr_marked++;
                free_end = frame + frames_of(free_block_order(page));
            }
            assert(frame >= free_end || buddy->tags[page - buddy->pages] == 0);
            nr_free += frame < free_end;
        }
        assert(nr_free == buddy->blocks[block].nr_free);
        assert(buddy->blocks[block].type < FRAMES_NR_TYPES);
    }
    return nr_marked;
}

void buddy_check(struct buddy *buddy)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    uint64_t nr_listed = 0;
    uint64_t nr_marked;
    uint64_t nr_free = check_lists(buddy, FRAMES_UNMOVABLE, &nr_listed);

    nr_free += check_lists(buddy, FRAMES_MOVABLE, &nr_listed);
    assert(nr_free == load_relaxed(&buddy->nr_free));
    assert(check_lists(buddy, FRAMES_ISOLATED, &nr_listed) == load_relaxed(&buddy->nr_isolated));
    nr_marked = check_page_blocks(buddy);
    assert(nr_marked == nr_listed);
    assert(nr_free <= load_relaxed(&buddy->nr_managed));
    spin_unlock_irqrestore(&buddy->lock, state);
}
