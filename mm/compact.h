// SPDX-License-Identifier: MIT
/* Compaction: large blocks out of fragmented memory. Theory in compact.c. */
#ifndef CAIRN_MM_COMPACT_H
#define CAIRN_MM_COMPACT_H

#include "mm/alloc_flags.h"
#include "mm/page.h"

/** Try to make a block of this order by moving pages away, for an allocation that found none.
 *  Returns the block, allocated as buddy_alloc_block() does, or NULL. Context: may sleep; the holds
 *  of the caller may be those of any allocation with ALLOC_WAIT. */
struct page *must_check compact_for_allocation(unsigned order, enum alloc_flags flags);

/** Blocks of this order ran out: have the background task make some. Context: any. */
void compact_wake(unsigned order);

/** Move everything out of [first_frame, first_frame + nr_frames), which lies in one region, and
 *  allocate it as single frames of kind PAGE_USED. Returns 0, -EBUSY when something in it cannot be
 *  moved, -EAGAIN when it could not just now, -ENOMEM when there is no room to move it to. Context: may sleep. */
int must_check compact_take_range(uint64_t first_frame, uint64_t nr_frames);

/** Start the background task. Returns 0 or -ENOMEM. Context: may sleep. */
int must_check compact_start(void);

#endif
