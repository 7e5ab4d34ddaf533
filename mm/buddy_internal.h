// SPDX-License-Identifier: MIT
/* What the files of the buddy system share. Callers hold buddy->lock but for the arithmetic. */
#ifndef CAIRN_MM_BUDDY_INTERNAL_H
#define CAIRN_MM_BUDDY_INTERNAL_H

#include "kernel/base/atomic.h"
#include "mm/buddy.h"

#define frames_of(order) (1ull << (order))

/* Counts are written under the lock, so a plain add is enough; they are read without it. */
static inline void count_add(_Atomic uint64_t *count, uint64_t change)
{
    store_relaxed(count, load_relaxed(count) + change);
}

static inline uint64_t frame_number(const struct buddy *buddy, const struct page *page)
{
    return buddy->first_frame + (uint64_t)(page - buddy->pages);
}

static inline struct page *page_of(const struct buddy *buddy, uint64_t frame)
{
    return &buddy->pages[frame - buddy->first_frame];
}

static inline struct page_block *block_of(const struct buddy *buddy, uint64_t frame)
{
    return &buddy->blocks[(frame >> PAGE_BLOCK_ORDER) - (buddy->first_frame >> PAGE_BLOCK_ORDER)];
}

static inline bool is_free_block(const struct page *page)
{
    return (page->order & PAGE_ORDER_FREE) != 0;
}

static inline unsigned free_block_order(const struct page *page)
{
    return page->order & ~PAGE_ORDER_FREE;
}

/* The frames of a page block that lie in the region. */
static inline uint64_t block_first(const struct buddy *buddy, uint64_t block)
{
    return max_of(buddy_block_start(buddy, block), buddy->first_frame);
}

static inline uint64_t block_end(const struct buddy *buddy, uint64_t block)
{
    return min_of(buddy_block_start(buddy, block + 1), buddy->first_frame + buddy->nr_frames);
}

/* The three steps of which all else is made. Inline: a refill of a hot list out of scattered frames is
 * little else.
 *
 * Put a block on the list of its page block's type, and take it off; off it, it is for the moment
 * no first page of anything. */
static inline void buddy_list_block(struct buddy *buddy, struct page *page, unsigned order)
{
    unsigned type = block_of(buddy, frame_number(buddy, page))->type;

    page->kind = PAGE_FREE;
    page->order = (uint8_t)(PAGE_ORDER_FREE | order);
    list_push_front(&buddy->free[type][order], &page->free.node);
    count_add(&buddy->nr_blocks[type][order], 1);
}

static inline void buddy_unlist_block(struct buddy *buddy, struct page *page, unsigned order)
{
    unsigned type = block_of(buddy, frame_number(buddy, page))->type;

    list_remove(&page->free.node);
    count_add(&buddy->nr_blocks[type][order], (uint64_t)-1);
    page->kind = PAGE_TAIL;
    page->order = 0;
}

/* Count frames of a block as free (sign 1) or taken (-1). */
static inline void buddy_count_block(struct buddy *buddy, uint64_t frame, unsigned order, int sign)
{
    struct page_block *block = block_of(buddy, frame);
    uint64_t change = (uint64_t)((int64_t)frames_of(order) * sign);

    count_add(block->type == FRAMES_ISOLATED ? &buddy->nr_isolated : &buddy->nr_free, change);
    if (likely(order <= PAGE_BLOCK_ORDER)) {
        block->nr_free = (uint16_t)(block->nr_free + change);
        return;
    }
    for (unsigned i = 0; i < 1u << (order - PAGE_BLOCK_ORDER); i++) {
        block[i].nr_free = sign > 0 ? PAGE_BLOCK_FRAMES : 0;
    }
}

/* Make a block free, joined as far as it goes. Its first page is a tail when this begins. */
void buddy_release_block(struct buddy *buddy, uint64_t frame, unsigned order);

/* The same for frames that are tails, any number of them. */
void buddy_release_run(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames);

/* Move the free blocks of a page block to the lists of another type. */
void buddy_set_block_type(struct buddy *buddy, uint64_t block, enum frame_type type);

/* If the page block is part of a larger free block, cut that. */
void buddy_cut_free_block(struct buddy *buddy, uint64_t block);

#endif
