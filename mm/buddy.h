// SPDX-License-Identifier: MIT
/* Binary buddies: one contiguous region of frames, given out in naturally aligned blocks of
 * 2^order frames. The theory stands in buddy.c. */
#ifndef CAIRN_MM_BUDDY_H
#define CAIRN_MM_BUDDY_H

#include "kernel/sync/spinlock.h"
#include "mm/page.h"

#define BUDDY_MAX_ORDER 10
#define BUDDY_NR_ORDERS (BUDDY_MAX_ORDER + 1)

struct buddy {
    uint64_t first_frame;              /* [I] physical frame number of the region's first frame */
    uint64_t nr_frames;                /* [I] frames in the region, with those that are reserved */
    struct page *pages;                /* [I] their pages */
    struct spinlock lock;              /* LOCK_RANK_BUDDY */
    struct list free[BUDDY_NR_ORDERS]; /* [lock] first pages of the free blocks of each order */
    _Atomic uint64_t nr_blocks[BUDDY_NR_ORDERS]; /* [lock to write] lengths of the lists */
    _Atomic uint64_t nr_free;                    /* [lock to write] frames in all of them */
    _Atomic uint64_t nr_managed;                 /* [lock to write] frames ever added */
};

/* Why a free was refused. */
enum buddy_verdict {
    BUDDY_OK = 0,
    BUDDY_FOREIGN,     /* not a frame of this region */
    BUDDY_MISALIGNED,  /* no block of that order can begin there */
    BUDDY_DOUBLE,      /* it is free already */
    BUDDY_NOT_FIRST,   /* inside a block, free or allocated */
    BUDDY_WRONG_ORDER, /* it was allocated with another order */
    BUDDY_RESERVED,    /* it was never the allocator's */
    BUDDY_IN_SLAB,     /* it holds objects of a cache */
};

/** Prepare an object for the region; every frame is reserved until buddy_add_range() adds it.
 *  @pages: nr_frames zeroed pages, the caller's, in use as long as the object is. */
void buddy_init(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames, struct page *pages);

/** Add reserved frames of the region as free memory, exactly those. Context: any; takes the
 *  lock. */
void buddy_add_range(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames);

/** Take a block of 2^order pages.
 *  @order: log2 of the page count, 0..BUDDY_MAX_ORDER.
 *  Returns its first page, kind PAGE_USED, or NULL when no block is large enough. Context: any;
 *  takes the lock.
 *  Source: Knuth, TAOCP vol. 1, 2.5. */
struct page *must_check buddy_alloc_block(struct buddy *buddy, unsigned order);

/** Give a block back. Anything but an allocated block with its own order is refused, and nothing is
 *  changed.
 *  @caller: who frees, remembered for a report. Context: any; takes the lock. */
enum buddy_verdict must_check buddy_free_block(struct buddy *buddy, struct page *page,
                                               unsigned order, const void *caller);

/** What buddy_free_block would say, without the lock: enough for a frame that its owner gives
 *  back. */
enum buddy_verdict buddy_judge(const struct buddy *buddy, const struct page *page, unsigned order);

/** The verdict in words. */
const char *buddy_verdict_text(enum buddy_verdict verdict);

/** Single frames, many at a time under one hold of the lock; their kind becomes PAGE_HOT, and must
 *  be it when they come back. Returns how many. Context: any; takes the lock. */
unsigned must_check buddy_take_hot(struct buddy *buddy, struct page **pages, unsigned nr);
void buddy_return_hot(struct buddy *buddy, struct page **pages, unsigned nr);

/** Walk lists and pages, and panic when they disagree. For tests and debug builds. */
void buddy_check(struct buddy *buddy);

#endif
