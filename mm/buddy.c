// SPDX-License-Identifier: MIT
/* The buddy system: blocks of frames, cheap to split and cheap to join.
 *
 * The idea. Only blocks of 2^k frames exist, each beginning at a multiple of its size. Such a block
 * splits into two halves, which are each other's buddies: their frame numbers differ in bit k-1
 * alone. So from a block's number and order its buddy is one exclusive-or away, and no search is
 * ever needed to join what belongs together.
 *
 *     order 2   |       0..3        |      alloc:    split 0..3 into 0..1 and 2..3,
 *     order 1   |  0..1   |  2..3   |                split 0..1 into 0 and 1, give out 0
 *     order 0   | 0  | 1  |                free(0):  1 is free: join; 2..3 is free: join
 *
 * The state. There is one list of free blocks an order, and one `struct page` a frame. The first
 * page of a free block has kind PAGE_FREE, and its order with the mark PAGE_ORDER_FREE. The first
 * page of an allocated block has its order without the mark. All other pages of a block are
 * PAGE_TAIL. Splitting and joining change first pages only, so both directions take at most
 * BUDDY_MAX_ORDER steps of constant time, whatever the state of memory. As every frame says what it
 * is, freeing twice, freeing the middle of a block, freeing with the wrong order or freeing what
 * never was ours is seen at once and refused.
 *
 * Invariants (buddy_check walks them):
 *   1. a block of order k begins at a multiple of 2^k and lies in the region;
 *   2. two free buddies of the same order do not exist (they would have been joined), but at the
 *      highest order;
 *   3. the pages with the mark are exactly those on the lists, each on the list of its order;
 *   4. nr_free is the sum of 2^k over all free blocks.
 *
 * Locks. buddy->lock guards lists, counts and every page's `order`. A neighbour is told by its
 * order alone, since the kind of an allocated frame is its owner's to change without the lock.
 *
 * Source: Knowlton, "A fast storage allocator" (1965); Knuth, The Art of Computer Programming,
 * vol. 1, 2.5. */
#include "mm/buddy.h"

#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"

#define frames_of(order) (1ull << (order))

static inline uint64_t frame_number(const struct buddy *buddy, const struct page *page)
{
    return buddy->first_frame + (uint64_t)(page - buddy->pages);
}

/* Counts are written under the lock, so a plain add is enough; they are read without it. */
static inline void count_add(_Atomic uint64_t *count, uint64_t change)
{
    store_relaxed(count, load_relaxed(count) + change);
}

static inline uint64_t count_read(const _Atomic uint64_t *count)
{
    return load_relaxed(count);
}

void buddy_init(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames, struct page *pages)
{
    buddy->first_frame = first_frame;
    buddy->nr_frames = nr_frames;
    buddy->pages = pages;
    spin_init(&buddy->lock, LOCK_RANK_BUDDY, "buddy");
    for (unsigned order = 0; order < BUDDY_NR_ORDERS; order++) {
        list_init(&buddy->free[order]);
        atomic_init(&buddy->nr_blocks[order], 0);
    }
    atomic_init(&buddy->nr_free, 0);
    atomic_init(&buddy->nr_managed, 0);
}

static void list_block(struct buddy *buddy, struct page *page, unsigned order)
{
    page->kind = PAGE_FREE;
    page->order = (uint8_t)(PAGE_ORDER_FREE | order);
    list_push_front(&buddy->free[order], &page->free.node);
    count_add(&buddy->nr_blocks[order], 1);
}

/* Off its list, and for the moment no first page of anything. */
static void unlist_block(struct buddy *buddy, struct page *page, unsigned order)
{
    list_remove(&page->free.node);
    count_add(&buddy->nr_blocks[order], (uint64_t)-1);
    page->kind = PAGE_TAIL;
    page->order = 0;
}

/* The page of the free block that a free block could be joined with, or NULL. */
static struct page *free_buddy(struct buddy *buddy, uint64_t frame, unsigned order)
{
    uint64_t index = (frame ^ frames_of(order)) - buddy->first_frame; /* wraps below the region */
    struct page *page;

    if (index >= buddy->nr_frames) {
        return NULL;
    }
    page = &buddy->pages[index];
    return page->order == (PAGE_ORDER_FREE | order) ? page : NULL;
}

/* Make a block free, joined as far as it goes. Its first page is a tail when this begins. */
static void release_block(struct buddy *buddy, uint64_t frame, unsigned order)
{
    count_add(&buddy->nr_free, frames_of(order));
    while (order < BUDDY_MAX_ORDER) {
        struct page *other = free_buddy(buddy, frame, order);
        if (other == NULL) {
            break;
        }
        unlist_block(buddy, other, order);
        frame &= ~frames_of(order);
        order++;
    }
    list_block(buddy, &buddy->pages[frame - buddy->first_frame], order);
}

/* Take a block off the lists and split it down to the order wanted; the upper halves stay free. */
static struct page *claim_block(struct buddy *buddy, unsigned order)
{
    unsigned have = order;
    struct page *page;

    while (have <= BUDDY_MAX_ORDER && list_is_empty(&buddy->free[have])) {
        have++;
    }
    if (have > BUDDY_MAX_ORDER) {
        return NULL;
    }
    page = list_first(&buddy->free[have], struct page, free.node);
    unlist_block(buddy, page, have);
    while (have > order) {
        have--;
        list_block(buddy, page + frames_of(have), have);
    }
    page->order = (uint8_t)order;
    count_add(&buddy->nr_free, -frames_of(order));
    return page;
}

void buddy_add_range(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames)
{
    uint64_t end = first_frame + nr_frames;
    uint64_t state;

    assert(first_frame >= buddy->first_frame && end >= first_frame &&
           end <= buddy->first_frame + buddy->nr_frames);
    state = spin_lock_irqsave(&buddy->lock);
    for (uint64_t frame = first_frame; frame < end; frame++) {
        struct page *page = &buddy->pages[frame - buddy->first_frame];
        assert(page->kind == PAGE_RESERVED);
        page->kind = PAGE_TAIL;
    }
    while (first_frame < end) {
        /* The largest block that both begins here, being aligned, and fits. */
        unsigned order = min_of(log2_floor(end - first_frame), (unsigned)BUDDY_MAX_ORDER);
        if (first_frame != 0) {
            order = min_of(order, bit_first(first_frame));
        }
        release_block(buddy, first_frame, order);
        first_frame += frames_of(order);
    }
    count_add(&buddy->nr_managed, nr_frames);
    spin_unlock_irqrestore(&buddy->lock, state);
}

struct page *buddy_alloc_block(struct buddy *buddy, unsigned order)
{
    uint64_t state;
    struct page *page;

    if (order > BUDDY_MAX_ORDER) {
        return NULL;
    }
    state = spin_lock_irqsave(&buddy->lock);
    page = claim_block(buddy, order);
    if (page != NULL) {
        page->kind = PAGE_USED;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return page;
}

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
    default: return page->order == order ? BUDDY_OK : BUDDY_WRONG_ORDER;
    }
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

enum buddy_verdict buddy_free_block(struct buddy *buddy, struct page *page, unsigned order,
                                    const void *caller)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    enum buddy_verdict verdict = buddy_judge(buddy, page, order);

    if (verdict == BUDDY_OK) {
        page->kind = PAGE_TAIL;
        page->order = 0;
        page->free.freed_by = caller;
        release_block(buddy, frame_number(buddy, page), order);
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return verdict;
}

unsigned buddy_take_hot(struct buddy *buddy, struct page **pages, unsigned nr)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    unsigned taken = 0;

    while (taken < nr) {
        struct page *page = claim_block(buddy, 0);
        if (page == NULL) {
            break;
        }
        page->kind = PAGE_HOT;
        pages[taken++] = page;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return taken;
}

void buddy_return_hot(struct buddy *buddy, struct page **pages, unsigned nr)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);

    for (unsigned i = 0; i < nr; i++) {
        assert(pages[i]->kind == PAGE_HOT);
        pages[i]->kind = PAGE_TAIL;
        release_block(buddy, frame_number(buddy, pages[i]), 0);
    }
    spin_unlock_irqrestore(&buddy->lock, state);
}

/* Invariants 1 to 3 for one listed block. */
static void check_block(struct buddy *buddy, const struct page *page, unsigned order)
{
    uint64_t frame = frame_number(buddy, page);

    assert(page >= buddy->pages && page + frames_of(order) <= buddy->pages + buddy->nr_frames);
    assert((frame & (frames_of(order) - 1)) == 0);
    assert(page->kind == PAGE_FREE && page->order == (PAGE_ORDER_FREE | order));
    assert(order == BUDDY_MAX_ORDER || free_buddy(buddy, frame, order) == NULL);
    for (uint64_t i = 1; i < frames_of(order); i++) {
        assert(page[i].kind == PAGE_TAIL && page[i].order == 0);
    }
}

void buddy_check(struct buddy *buddy)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    uint64_t nr_listed = 0;
    uint64_t nr_marked = 0;
    uint64_t nr_free = 0;

    for (unsigned order = 0; order <= BUDDY_MAX_ORDER; order++) {
        uint64_t length = 0;
        struct page *page;
        list_for_each (page, &buddy->free[order], free.node) {
            check_block(buddy, page, order);
            length++;
        }
        assert(length == count_read(&buddy->nr_blocks[order]));
        nr_listed += length;
        nr_free += length << order;
    }
    for (uint64_t i = 0; i < buddy->nr_frames; i++) {
        nr_marked += (buddy->pages[i].order & PAGE_ORDER_FREE) != 0;
    }
    assert(nr_marked == nr_listed);
    assert(nr_free == count_read(&buddy->nr_free));
    assert(nr_free <= count_read(&buddy->nr_managed));
    spin_unlock_irqrestore(&buddy->lock, state);
}
