// SPDX-License-Identifier: MIT
/* How long allocations take, by the path that they take: for /proc/alloc_latency. Theory in
 * path_latency.c. */
#ifndef CAIRN_MM_PATH_LATENCY_H
#define CAIRN_MM_PATH_LATENCY_H

#include "kernel/base/port.h"
#include "mm/alloc/histogram.h"

/* In the order of /proc/alloc_latency. */
enum alloc_path {
    ALLOC_FRAME_REFILL, /* one frame, the hart's hot list being empty */
    ALLOC_FRAME_BLOCK,  /* a block of several frames */
    ALLOC_SLAB_GROW,    /* an object for which its cache had to make a slab */
    ALLOC_COMPACT,      /* of the above, the time in which pages were moved */
    ALLOC_RECLAIM,      /* … and in which memory was looked for with others */
    ALLOC_NR_PATHS,
};

extern struct histogram path_latencies[ALLOC_NR_PATHS]; /* nanoseconds */

/** An allocation has gone a path from start_ns on. Context: any. */
static inline void path_latency_record(enum alloc_path path, uint64_t start_ns)
{
    histogram_record(&path_latencies[path], port_clock_ns() - start_ns);
}

/** Its name in /proc/alloc_latency. */
const char *path_latency_name(enum alloc_path path);

/** Forget what was recorded. Context: any. */
void path_latency_clear(void);

/** Make pairs of allocating and freeing now, which take the fast paths, and record them: how long one
 *  pair takes on the average of each round of them. Returns 0 or -ENOMEM. Context: may sleep. */
int must_check path_latency_try_fast(struct histogram *frames, struct histogram *objects);

#endif
