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
 * The state. There is one list of free blocks for each type (below) and order, and one `struct page`
 * a frame. The first page of a free block has kind PAGE_FREE, and its order with the mark
 * PAGE_ORDER_FREE. The first page of an allocated block has its order without the mark. All other
 * pages of a block are PAGE_TAIL (while the block is a slab, its owner marks them all). Splitting and joining change first pages only, so both directions
 * take at most BUDDY_MAX_ORDER steps of constant time, whatever the state of memory. As every frame
 * says what it is, freeing twice, freeing the middle of a block, freeing with the wrong order or
 * freeing what never was ours is seen at once and refused.
 *
 * Grouping by mobility. One frame that stays for ever spoils every larger block around it. User
 * memory can be moved out of the way (compact.c), the kernel's own objects cannot; so the two are
 * kept apart. Memory is divided into page blocks of 2^9 frames, each of one type, and a request is
 * served from the lists of its type:
 *
 *     page block   |   0 movable   |  1 unmovable  |   2 movable   |   3 movable   |
 *                  | u u . u . u . | t s s . t . s | u . u u . . u | . . . . . . . |
 *
 * A type that has run out takes the other's largest block. Users' pages only borrow it. The
 * kernel's claim the whole page block when half of it is free: what is left of it then serves
 * the next requests of that type, so that few page blocks are spoilt, and those thoroughly. A page
 * block that becomes wholly free has no history: it is movable again.
 *
 * Invariants (buddy_check walks them):
 *   1. a block of order k begins at a multiple of 2^k and lies in the region;
 *   2. two free buddies of the same order do not exist (they would have been joined), but at the
 *      highest order, and where one of them is isolated;
 *   3. the pages with the mark are exactly those on the lists, each on the list of its order and
 *      of its page block's type; free blocks of a page block or more are movable (or isolated);
 *   4. nr_free is the sum of 2^k over all free blocks that are not isolated, nr_isolated over the
 *      others; each page block's nr_free is the number of its frames in free blocks;
 *   5. a free frame's tag is 0: its last owner saw to that.
 *
 * Locks. buddy->lock guards lists, counts, page blocks and every page's `order`. A neighbour is
 * told by its order alone, since the kind of an allocated frame is its owner's to change without
 * the lock.
 *
 * Source: Knowlton, "A fast storage allocator" (1965); Knuth, The Art of Computer Programming,
 * vol. 1, 2.5; for the grouping, Gorman and Whitcroft, "The what, the why and the where to of
 * anti-fragmentation" (2006). */
#include "mm/buddy.h"

#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "mm/buddy_internal.h"

static uint64_t count_page_blocks(uint64_t first_frame, uint64_t nr_frames)
{
    return nr_frames == 0 ? 0
                          : ((first_frame + nr_frames - 1) >> PAGE_BLOCK_ORDER) -
                                (first_frame >> PAGE_BLOCK_ORDER) + 1;
}

size_t buddy_meta_bytes(uint64_t first_frame, uint64_t nr_frames)
{
    return nr_frames * (sizeof(struct page) + sizeof(uint8_t)) +
           count_page_blocks(first_frame, nr_frames) * sizeof(struct page_block);
}

void buddy_init(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames, void *meta)
{
    buddy->first_frame = first_frame;
    buddy->nr_frames = nr_frames;
    buddy->address = (uint64_t)phys_to_virt(phys(first_frame << PAGE_SHIFT));
    buddy->pages = meta;
    buddy->blocks = (struct page_block *)(buddy->pages + nr_frames);
    buddy->nr_page_blocks = count_page_blocks(first_frame, nr_frames);
    buddy->tags = (uint8_t *)(buddy->blocks + buddy->nr_page_blocks);
    spin_init(&buddy->lock, LOCK_RANK_BUDDY, "buddy");
    for (unsigned type = 0; type < FRAMES_NR_TYPES; type++) {
        for (unsigned order = 0; order < BUDDY_NR_ORDERS; order++) {
            list_init(&buddy->free[type][order]);
            atomic_init(&buddy->nr_blocks[type][order], 0);
        }
    }
    for (uint64_t i = 0; i < buddy->nr_page_blocks; i++) {
        buddy->blocks[i].type = FRAMES_MOVABLE;
    }
    atomic_init(&buddy->nr_free, 0);
    atomic_init(&buddy->nr_isolated, 0);
    atomic_init(&buddy->nr_managed, 0);
}

/* ---- Making frames free ---------------------------------------------------------------------- */

/* The page of the free block that a free block could be joined with, or NULL. */
static struct page *free_buddy(struct buddy *buddy, uint64_t frame, unsigned order)
{
    uint64_t other = frame ^ frames_of(order);
    uint64_t index = other - buddy->first_frame; /* wraps below the region */
    struct page *page;

    if (index >= buddy->nr_frames) {
        return NULL;
    }
    page = &buddy->pages[index];
    if (page->order != (PAGE_ORDER_FREE | order)) {
        return NULL;
    }
    /* Whole page blocks join unless one of them is isolated. */
    return order < PAGE_BLOCK_ORDER || block_of(buddy, frame)->type == block_of(buddy, other)->type
               ? page
               : NULL;
}

/* A page block that is wholly free is movable again. */
static void forget_type(struct buddy *buddy, uint64_t frame, unsigned order)
{
    struct page_block *block = block_of(buddy, frame);

    for (unsigned i = 0; i < 1u << (order - PAGE_BLOCK_ORDER); i++) {
        if (block[i].type != FRAMES_ISOLATED) {
            block[i].type = FRAMES_MOVABLE;
        }
    }
}

static bool is_isolated(const struct buddy *buddy, uint64_t frame)
{
    return block_of(buddy, frame)->type == FRAMES_ISOLATED;
}

void buddy_release_block(struct buddy *buddy, uint64_t frame, unsigned order)
{
    if (unlikely(order > PAGE_BLOCK_ORDER) &&
        is_isolated(buddy, frame) != is_isolated(buddy, frame + PAGE_BLOCK_FRAMES)) {
        buddy_release_block(buddy, frame, PAGE_BLOCK_ORDER); /* half of it is being evacuated */
        buddy_release_block(buddy, frame + PAGE_BLOCK_FRAMES, PAGE_BLOCK_ORDER);
        return;
    }
    buddy_count_block(buddy, frame, order, 1);
    while (order < BUDDY_MAX_ORDER) {
        struct page *other;

        if (order >= PAGE_BLOCK_ORDER) {
            forget_type(buddy, frame, order);
        }
        other = free_buddy(buddy, frame, order);
        if (other == NULL) {
            break;
        }
        buddy_unlist_block(buddy, other, order);
        frame &= ~frames_of(order);
        order++;
    }
    if (order == BUDDY_MAX_ORDER) {
        forget_type(buddy, frame, order);
    }
    buddy_list_block(buddy, page_of(buddy, frame), order);
}

void buddy_release_run(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames)
{
    uint64_t end = first_frame + nr_frames;

    while (first_frame < end) {
        /* The largest block that both begins here, being aligned, and fits. */
        unsigned order = 0;

        while (order < BUDDY_MAX_ORDER && (first_frame & frames_of(order)) == 0 &&
               frames_of(order + 1) <= end - first_frame) {
            order++;
        }
        buddy_release_block(buddy, first_frame, order);
        first_frame += frames_of(order);
    }
}

void buddy_add_range(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames)
{
    uint64_t end = first_frame + nr_frames;
    uint64_t state;

    assert(first_frame >= buddy->first_frame && end >= first_frame &&
           end <= buddy->first_frame + buddy->nr_frames);
    state = spin_lock_irqsave(&buddy->lock);
    for (uint64_t frame = first_frame; frame < end; frame++) {
        struct page *page = page_of(buddy, frame);
        assert(page->kind == PAGE_RESERVED);
        page->kind = PAGE_TAIL;
    }
    buddy_release_run(buddy, first_frame, nr_frames);
    count_add(&buddy->nr_managed, nr_frames);
    spin_unlock_irqrestore(&buddy->lock, state);
}

/* ---- Types ----------------------------------------------------------------------------------- */

void buddy_cut_free_block(struct buddy *buddy, uint64_t block)
{
    const unsigned order = BUDDY_MAX_ORDER; /* the only one above a page block's */
    uint64_t first = align_down(buddy_block_start(buddy, block), frames_of(order));
    struct page *page;

    static_assert(BUDDY_MAX_ORDER == PAGE_BLOCK_ORDER + 1, "one cut is enough");
    if (first < buddy->first_frame) {
        return; /* no block of that order */
    }
    page = page_of(buddy, first);
    if (page->order == (PAGE_ORDER_FREE | order)) {
        buddy_unlist_block(buddy, page, order);
        buddy_list_block(buddy, page + frames_of(order - 1), order - 1);
        buddy_list_block(buddy, page, order - 1);
    }
}

void buddy_set_block_type(struct buddy *buddy, uint64_t block, enum frame_type type)
{
    uint64_t end = block_end(buddy, block);
    uint64_t frame = block_first(buddy, block);
    struct page_block *record = &buddy->blocks[block];
    unsigned old = record->type;

    while (frame < end) {
        struct page *page = page_of(buddy, frame);
        unsigned order = is_free_block(page) ? free_block_order(page) : 0;

        if (is_free_block(page)) {
            record->type = (uint8_t)old;
            buddy_unlist_block(buddy, page, order);
            record->type = (uint8_t)type;
            buddy_list_block(buddy, page, order);
        }
        frame += frames_of(order);
    }
    record->type = (uint8_t)type;
}

/* The kernel takes its first frame of a page block of the other type. */
static void claim_page_block(struct buddy *buddy, uint64_t frame, unsigned order)
{
    uint64_t block = (uint64_t)(block_of(buddy, frame) - buddy->blocks);

    if (order > PAGE_BLOCK_ORDER) { /* taken whole, and given back whole */
        return;
    }
    buddy_cut_free_block(buddy, block);
    if (buddy->blocks[block].nr_free >= PAGE_BLOCK_FRAMES / 2) {
        buddy_set_block_type(buddy, block, FRAMES_UNMOVABLE);
    }
}

/* The smallest free block of the type that is large enough, or NULL. */
static struct page *find_smallest(struct buddy *buddy, unsigned order, enum frame_type type)
{
    for (; order <= BUDDY_MAX_ORDER; order++) {
        if (!list_is_empty(&buddy->free[type][order])) {
            return list_first(&buddy->free[type][order], struct page, free.node);
        }
    }
    return NULL;
}

/* The type has no block: the largest of the other, made ready to be taken from. */
static struct page *find_of_other(struct buddy *buddy, unsigned order, enum frame_type type)
{
    enum frame_type other = type == FRAMES_MOVABLE ? FRAMES_UNMOVABLE : FRAMES_MOVABLE;

    for (unsigned have = BUDDY_NR_ORDERS; have-- > order;) {
        if (!list_is_empty(&buddy->free[other][have])) {
            struct page *page = list_first(&buddy->free[other][have], struct page, free.node);
            if (type == FRAMES_UNMOVABLE) {
                claim_page_block(buddy, frame_number(buddy, page), order);
            }
            return page;
        }
    }
    return NULL;
}

/* ---- Allocation ------------------------------------------------------------------------------ */

/* Take a block off the lists: the smallest free one of at least `order`, split until it has at most
 * `max_frames`; the upper halves stay free. */
static inline struct page *claim_block(struct buddy *buddy, unsigned order, uint64_t max_frames,
                                       enum frame_type type)
{
    struct page *page = find_smallest(buddy, order, type);
    unsigned have;

    if (page == NULL) {
        page = find_of_other(buddy, order, type);
    }
    if (page == NULL) {
        return NULL;
    }
    have = free_block_order(page);
    buddy_unlist_block(buddy, page, have);
    while (frames_of(have) > max_frames) {
        have--;
        buddy_list_block(buddy, page + frames_of(have), have);
    }
    page->order = (uint8_t)have;
    buddy_count_block(buddy, frame_number(buddy, page), have, -1);
    return page;
}

struct page *buddy_alloc_block(struct buddy *buddy, unsigned order, enum frame_type type)
{
    uint64_t state;
    struct page *page;

    if (order > BUDDY_MAX_ORDER) {
        return NULL;
    }
    state = spin_lock_irqsave(&buddy->lock);
    page = claim_block(buddy, order, frames_of(order), type);
    if (page != NULL) {
        page->kind = PAGE_USED;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return page;
}

/* ---- Freeing --------------------------------------------------------------------------------- */

enum buddy_verdict buddy_free_block(struct buddy *buddy, struct page *page, unsigned order,
                                    const void *caller)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    enum buddy_verdict verdict = buddy_judge(buddy, page, order);

    if (verdict == BUDDY_OK) {
        page->kind = PAGE_TAIL;
        page->order = 0;
        page->free.freed_by = caller;
        buddy_release_block(buddy, frame_number(buddy, page), order);
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return verdict;
}

/* Make a frame one for a hot list. */
static inline void mark_hot(struct page *page, enum frame_type type)
{
    page->kind = PAGE_HOT;
    page->order = type == FRAMES_MOVABLE ? PAGE_ORDER_MOVABLE : 0;
}

/* claim_block() for many free blocks that are single frames: there is nothing to split, their type is
 * their list's, and they leave it together. Where memory is in pieces most blocks are such. Returns how
 * many there were, at most nr. */
static inline unsigned claim_singles(struct buddy *buddy, struct page **pages, unsigned nr,
                                     enum frame_type type)
{
    struct list *list = &buddy->free[type][0];
    struct list *node = list->next;
    unsigned taken = 0;

    for (; taken < nr && node != list; node = node->next) {
        struct page *page = list_entry(node, struct page, free.node);

        block_of(buddy, frame_number(buddy, page))->nr_free--;
        mark_hot(page, type);
        pages[taken++] = page;
    }
    list_drop_before(list, node);
    count_add(&buddy->nr_blocks[type][0], -(uint64_t)taken);
    count_add(&buddy->nr_free, -(uint64_t)taken);
    return taken;
}

/* Whole small blocks as they are, so that a batch costs a few steps and not a few for each frame. */
unsigned buddy_take_hot(struct buddy *buddy, struct page **pages, unsigned nr, enum frame_type type)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);
    unsigned taken = claim_singles(buddy, pages, nr, type);

    while (taken < nr) {
        struct page *page = claim_block(buddy, 0, nr - taken, type);

        if (page == NULL) {
            break;
        }
        /* The last first: popped from the end, they come in the order of their addresses. */
        for (unsigned i = (unsigned)frames_of(page->order); i-- > 0;) {
            mark_hot(&page[i], type);
            pages[taken++] = &page[i];
        }
    }
    spin_unlock_irqrestore(&buddy->lock, state);
    return taken;
}

void buddy_return_hot(struct buddy *buddy, struct page **pages, unsigned nr)
{
    uint64_t state = spin_lock_irqsave(&buddy->lock);

    for (unsigned i = 0; i < nr;) {
        unsigned run = 0;

        do { /* neighbours go back as one */
            assert(pages[i + run]->kind == PAGE_HOT);
            pages[i + run]->kind = PAGE_TAIL;
            pages[i + run]->order = 0;
            run++;
        } while (i + run < nr && pages[i + run] == pages[i] + run);
        buddy_release_run(buddy, frame_number(buddy, pages[i]), run);
        i += run;
    }
    spin_unlock_irqrestore(&buddy->lock, state);
}

void buddy_return_run(struct buddy *buddy, struct page *page, uint64_t nr)
{
    uint64_t first = frame_number(buddy, page);
    uint64_t state = spin_lock_irqsave(&buddy->lock);

    for (uint64_t left = nr; left != 0; left -= frames_of(bit_last(left))) {
        struct page *block = page + (nr - left);

        assert(block->kind == PAGE_HOT && page_order(block) == bit_last(left));
        block->kind = PAGE_TAIL;
        block->order = 0;
    }
    buddy_release_run(buddy, first, nr);
    spin_unlock_irqrestore(&buddy->lock, state);
}
