// SPDX-License-Identifier: MIT
/* Binary buddies: one contiguous region of frames, given out in naturally aligned blocks of
 * 2^order frames, those that can be moved apart from those that cannot. The theory stands in
 * buddy.c; ranges of any length and evacuation in buddy_range.c. */
#ifndef CAIRN_MM_BUDDY_H
#define CAIRN_MM_BUDDY_H

#include "kernel/sync/spinlock.h"
#include "mm/page.h"

#define BUDDY_MAX_ORDER 10
#define BUDDY_NR_ORDERS (BUDDY_MAX_ORDER + 1)

/* A page block: the frames that one large leaf of a page table maps (2 MiB), aligned. */
#define PAGE_BLOCK_ORDER  9
#define PAGE_BLOCK_FRAMES (1u << PAGE_BLOCK_ORDER)

/* What the frames of a page block are given out for. */
enum frame_type {
    FRAMES_UNMOVABLE = 0, /* the kernel's own: somebody knows their addresses */
    FRAMES_MOVABLE,       /* users' and files' pages: content and users can be moved elsewhere */
    FRAMES_ISOLATED,      /* being evacuated: nothing of it is given out */
    FRAMES_NR_TYPES,
};

struct page_block {     /* eight bytes for 2 MiB */
    uint8_t type;       /* [lock] enum frame_type: whose lists its free blocks are on */
    uint8_t home_type;  /* [lock] while isolated: the type it had */
    uint16_t nr_free;   /* [lock] frames of it that lie in free blocks */
    uint32_t failed_at; /* [lock] the number of the attempt that could not evacuate it; 0: none */
};

struct buddy {
    uint64_t first_frame;      /* [I] physical frame number of the region's first frame */
    uint64_t nr_frames;        /* [I] frames in the region, with those that are reserved */
    struct page *pages;        /* [I] their pages */
    uint8_t *tags;             /* [owner of each frame] a byte a frame, side by side: kmalloc.c */
    uint64_t address;          /* [I] of the first frame, in the direct map */
    struct page_block *blocks; /* [I] the page blocks that the region touches, whole or not */
    uint64_t nr_page_blocks;   /* [I] */
    struct spinlock lock;      /* LOCK_RANK_BUDDY */
    struct list free[FRAMES_NR_TYPES][BUDDY_NR_ORDERS]; /* [lock] first pages of the free blocks */
    _Atomic uint64_t
        nr_blocks[FRAMES_NR_TYPES][BUDDY_NR_ORDERS]; /* [lock to write] lengths of the lists */
    _Atomic uint64_t nr_free;     /* [lock to write] frames that can be given out */
    _Atomic uint64_t nr_isolated; /* [lock to write] free frames that cannot */
    _Atomic uint64_t nr_managed;  /* [lock to write] frames ever added */
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

/** How many bytes of records a region needs: its pages, its page blocks, its tags. */
size_t buddy_meta_bytes(uint64_t first_frame, uint64_t nr_frames);

/** Prepare an object for the region; every frame is reserved until buddy_add_range() adds it.
 *  @meta: buddy_meta_bytes() zeroed bytes, aligned to 64, the caller's, in use as long as the
 *  object is; struct page of every frame come first. */
void buddy_init(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames, void *meta);

/** Add reserved frames of the region as free memory, exactly those. Context: any; takes the
 *  lock. */
void buddy_add_range(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames);

/** Take a block of 2^order pages.
 *  @order: log2 of the page count, 0..BUDDY_MAX_ORDER.
 *  @type: FRAMES_MOVABLE or FRAMES_UNMOVABLE: from whose page blocks, if they have any.
 *  Returns its first page, kind PAGE_USED, or NULL when no block is large enough. Context: any;
 *  takes the lock.
 *  Source: Knuth, TAOCP vol. 1, 2.5. */
struct page *must_check buddy_alloc_block(struct buddy *buddy, unsigned order,
                                          enum frame_type type);

/** Give a block back. Anything but an allocated block with its own order is refused, and nothing is
 *  changed.
 *  @caller: who frees, remembered for a report. Context: any; takes the lock. */
enum buddy_verdict must_check buddy_free_block(struct buddy *buddy, struct page *page,
                                               unsigned order, const void *caller);

/** What buddy_free_block would say, without the lock: enough for a frame that its owner gives
 *  back. */
enum buddy_verdict buddy_judge(const struct buddy *buddy, const struct page *page, unsigned order);

/** The first page of the block in use that a frame lies in, or NULL: for reports, without the lock. */
const struct page *buddy_find_holder(const struct buddy *buddy, const struct page *page);

/** The verdict in words. */
const char *buddy_verdict_text(enum buddy_verdict verdict);

/** Single frames, many at a time under one hold of the lock; their kind becomes PAGE_HOT, and must
 *  be it when they come back. Returns how many. Context: any; takes the lock. */
unsigned must_check buddy_take_hot(struct buddy *buddy, struct page **pages, unsigned nr,
                                   enum frame_type type);
void buddy_return_hot(struct buddy *buddy, struct page **pages, unsigned nr);

/** Give back a run of nr frames that consists of allocated blocks of kind PAGE_HOT, one for each binary digit
 *  of nr, the largest first. Context: any; takes the lock. */
void buddy_return_run(struct buddy *buddy, struct page *page, uint64_t nr);

/* ---- buddy_range.c: frames by the range ------------------------------------------------------- */

/** Keep the first nr_frames of an allocated block and free the others. What is kept are allocated
 *  blocks of their own: one for each binary digit of nr_frames, the largest first. Context: any;
 *  takes the lock. */
void buddy_trim_block(struct buddy *buddy, struct page *page, uint64_t nr_frames);

/** Make an allocated block 2^order allocated single frames of kind PAGE_USED. Context: any; takes
 *  the lock. */
void buddy_split_block(struct buddy *buddy, struct page *page, unsigned order,
                       enum frame_type type);

/** Give back nr frames from page on, all of them allocated single frames. If one is not, nothing is
 *  changed, and its index is stored.
 *  Context: any; takes the lock. */
enum buddy_verdict must_check buddy_free_range(struct buddy *buddy, struct page *page, uint64_t nr,
                                               const void *caller, uint64_t *bad_index);

/** Give back all frames of a page block, which are allocated single frames that nobody refers to
 *  any more (the caller knows), as one block. Context: any; takes the lock. */
void buddy_free_page_block(struct buddy *buddy, struct page *page, const void *caller);

/** Of a page block's frames, which are all allocated single frames: make the first 2^order an
 *  allocated block, and free the others. Returns the block. Context: any; takes the lock. */
struct page *buddy_join_single(struct buddy *buddy, struct page *page, unsigned order,
                               enum frame_type type);

/** Withdraw the page block with this index: its free frames, and those freed from now on, are not
 *  given out. Returns false when it is isolated already. Context: any; takes the lock. */
bool must_check buddy_isolate(struct buddy *buddy, uint64_t block);

/** Undo buddy_isolate(). */
void buddy_end_isolation(struct buddy *buddy, uint64_t block);

/** Take nr frames, all of them free and in isolated page blocks, as allocated single frames of kind
 *  PAGE_USED. Returns false, and takes none, when one of them is not free. Context: any; takes the
 *  lock. */
bool must_check buddy_take_range(struct buddy *buddy, uint64_t first_frame, uint64_t nr_frames);

/** Allocated frames of [*first, end), up to nr of them; *first moves behind the last one looked at.
 *  Their kinds and owners may change at any moment. Context: any; takes the lock. */
unsigned must_check buddy_gather_used(struct buddy *buddy, uint64_t *first, uint64_t end,
                                      struct page **pages, unsigned nr);

/** The whole page block that is the cheapest to evacuate: that with the most free frames, movable
 *  ones first, none isolated or failed after attempt `since`. Returns its index, or UINT64_MAX.
 *  Context: any; takes the lock. */
uint64_t must_check buddy_cheapest_block(struct buddy *buddy, uint32_t since);

/** How many page blocks are of the type. Context: any; takes the lock. */
uint64_t buddy_count_page_blocks(struct buddy *buddy, enum frame_type type);

/** Attempt number `attempt` could not evacuate the block: not again soon. */
void buddy_note_failure(struct buddy *buddy, uint64_t block, uint32_t attempt);

/** The first frame of a page block of the region. */
static inline uint64_t buddy_block_start(const struct buddy *buddy, uint64_t block)
{
    return ((buddy->first_frame >> PAGE_BLOCK_ORDER) + block) << PAGE_BLOCK_ORDER;
}

/* ---- buddy_check.c --------------------------------------------------------------------------- */

/** Walk lists, pages and page blocks, and panic when they disagree. For tests and debug builds. */
void buddy_check(struct buddy *buddy);

#endif
