// SPDX-License-Identifier: MIT
/* Getting memory back: who holds memory that can be given up registers a shrinker; the allocator
 * calls them, outside every lock, when free frames fall below a watermark; when all of them
 * fail, the out-of-memory killer. */
#ifndef CAIRN_MM_RECLAIM_H
#define CAIRN_MM_RECLAIM_H

#include "kernel/base/list.h"
#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

struct shrinker {
    const char *name;
    /** Give up about nr frames' worth, the least recently used first. Returns the frames freed.
     *  With ALLOC_NOFS in flags it must not take file-system locks. Waits have a limit.
     *  Context: may sleep. */
    uint64_t (*shrink)(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags);
    int order;           /* lower is asked first: slabs 0, names and inodes 1, pages 2, dirty 3 */
    struct list node;    /* [registry lock] */
    uint32_t nr_running; /* [registry lock] calls of shrink under way */
    bool is_leaving;     /* [registry lock] being unregistered: not called any more */
};

/** Context: any. */
void shrinker_register(struct shrinker *shrinker);

/** Returns when no call of it is under way. Context: may sleep; not from a shrinker. */
void shrinker_unregister(struct shrinker *shrinker);

/** Free at least nr frames if possible, on behalf of an allocation. Returns the frames freed.
 *  Context: may sleep. */
uint64_t reclaim_frames(uint64_t nr_frames, enum alloc_flags flags);

/** Whether the running task is the background task. Context: any. */
bool reclaim_is_background(void);

/** Whether a frame allocation that failed may be tried again: reclaims, waits for a victim of the
 *  out-of-memory killer, or gives up, as flags and context allow. Called by frames.c.
 *  @attempt: 0 for the first failure, then 1, 2, … */
bool must_check reclaim_for_allocation(unsigned order, enum alloc_flags flags, unsigned attempt);

/** Free frames fell below the low watermark: wake the background task. Context: any. */
void reclaim_wake(void);

/** Start the background task that keeps free frames above the low watermark. Called once the
 *  scheduler runs. */
int must_check reclaim_start(void);

/** What to do when nothing can be reclaimed: kernel/task registers the function that picks a
 *  process, logs why and kills it. It returns true when it found a victim, so that the allocation
 *  may be tried again. */
void reclaim_set_oom_handler(bool (*handler)(void));

#endif
