// SPDX-License-Identifier: MIT
/* Hot runs: each hart's store of freed runs of frames. The theory stands in hot_run.c. */
#ifndef CAIRN_MM_HOT_RUN_H
#define CAIRN_MM_HOT_RUN_H

#include "mm/page.h"

/** The run of so many frames that this hart was given back last, or NULL: it keeps none. The page's kind
 *  is PAGE_USED; the content is anything. Context: any. */
struct page *must_check hot_run_take(uint64_t nr_frames);

/** Keep a run for its next use, or give it back to its buddy when it is too long for that. It consists of
 *  allocated blocks, one for each binary digit of nr_frames, the largest first, that all have kind PAGE_USED.
 *  @caller: who frees, remembered for a report. Context: any. */
void hot_run_put(struct page *page, uint64_t nr_frames, const void *caller);

/** Give all runs back to the buddies: those of all harts, or those of the caller's. Context: any. */
void hot_run_drain_all(void);
void hot_run_drain_here(void);

/** Frames in all stores. Context: any. */
uint64_t hot_run_count_frames(void);

/** Forget what is kept, without a look at it, and decide how much a hart may keep of so many frames: only for
 *  frames_init(). */
void hot_run_start(uint64_t nr_total);

#endif
