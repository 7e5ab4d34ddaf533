// SPDX-License-Identifier: MIT
/* An allocator that measures how long the one below it takes. As many users at once as that one
 * bears. */
#ifndef CAIRN_MM_ALLOC_LATENCY_H
#define CAIRN_MM_ALLOC_LATENCY_H

#include "mm/alloc/allocator.h"
#include "mm/alloc/histogram.h"

struct latency {
    struct allocator below;       /* [I] */
    struct histogram allocations; /* nanoseconds: successful or not */
    struct histogram frees;       /* nanoseconds */
};

/** The wrapper behind the interface; it and what is below outlive its use. */
struct allocator latency_allocator(struct latency *latency);

void latency_check(struct latency *latency);

#endif
