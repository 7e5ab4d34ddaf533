// SPDX-License-Identifier: MIT
/* A window of addresses, given out in page-aligned pieces. The theory stands in window.c. */
#ifndef CAIRN_MM_WINDOW_H
#define CAIRN_MM_WINDOW_H

#include "kernel/base/rbtree.h"
#include "kernel/sync/spinlock.h"

struct window_area {
    struct rb_node node; /* [window->lock] */
    uint64_t start;      /* [I] while in the window; page-aligned */
    uint64_t len_bytes;  /* [I] of the area proper; a guard page follows it */
    uint64_t gap_bytes;  /* [window->lock] unused addresses before it */
    uint64_t max_gap;    /* [window->lock] the largest gap_bytes in its subtree */
};

struct window {
    struct spinlock lock; /* LOCK_RANK_VMALLOC */
    struct rb_tree areas; /* [lock] by start */
    uint64_t start;       /* [I] */
    uint64_t end;         /* [I] */
    uint64_t last_end;    /* [lock] where the last area and its guard end */
};

void window_init(struct window *window, uint64_t start, uint64_t len_bytes);

/** Find room for an area and its guard page at the lowest address there is.
 *  @area: the caller's, kept until window_free(). @align_bytes: a power of two, at least a page.
 *  Returns 0, -EINVAL (no size, or one that overflows) or -ENOMEM. Context: any; takes the lock. */
int must_check window_alloc(struct window *window, uint64_t len_bytes, uint64_t align_bytes,
                            struct window_area *area);
void window_free(struct window *window, struct window_area *area);

/** The area that an address lies in (its guard page is not part of it), or NULL. Context: any;
 *  takes the lock. */
struct window_area *window_find(struct window *window, uint64_t address);

/** The first area that begins at or behind an address, or NULL. Context: as above. */
struct window_area *window_next(struct window *window, uint64_t address);

/** Walk the tree and panic on damage. For tests and debug builds. */
void window_check(struct window *window);

#endif
