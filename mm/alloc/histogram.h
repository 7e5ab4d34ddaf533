// SPDX-License-Identifier: MIT
/* How long something takes: a histogram of durations by powers of two, and the longest. Any number
 * of users at once, in any context. Theory in histogram.c. */
#ifndef CAIRN_MM_ALLOC_HISTOGRAM_H
#define CAIRN_MM_ALLOC_HISTOGRAM_H

#include <stdatomic.h>

#include "kernel/base/types.h"

#define HISTOGRAM_BUCKETS 40u

struct histogram {
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS]; /* [a] 0: nothing; b: 2^(b-1) .. 2^b - 1; the last:
                                                  *     all from there on */
    _Atomic uint64_t sum;                        /* [a] */
    _Atomic uint64_t worst;                      /* [a] */
};

/** Record one value. Context: any. */
void histogram_record(struct histogram *histogram, uint64_t value);

/** Forget all values. What is recorded meanwhile may be forgotten in part. Context: any. */
void histogram_clear(struct histogram *histogram);

/** How many values were recorded. */
uint64_t histogram_count(const struct histogram *histogram);

/** Walk it; panics when its numbers contradict one another. Exact while nobody records. */
void histogram_check(const struct histogram *histogram);

#endif
