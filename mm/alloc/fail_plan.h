// SPDX-License-Identifier: MIT
/* Which of many allocations shall fail: the n-th, every n-th, some by chance. Theory in
 * fail_plan.c. Any number of users at once, in any context. */
#ifndef CAIRN_MM_ALLOC_FAIL_PLAN_H
#define CAIRN_MM_ALLOC_FAIL_PLAN_H

#include <stdatomic.h>

#include "kernel/base/types.h"

/* All conditions that are not 0 hold, each by itself. A plan of zeros lets everything succeed. */
struct fail_plan {
    uint64_t nth;               /* [I] this one fails (1: the first) */
    bool and_all_after;         /* [I] and every one after it */
    uint64_t every;             /* [I] each whose number is a multiple of this fails */
    uint32_t permille;          /* [I] so many of a thousand fail, by chance */
    uint64_t seed;              /* [I] of chance: the same seed, the same failures */
    _Atomic uint64_t nr_asked;  /* [a] */
    _Atomic uint64_t nr_failed; /* [a] */
};

/** Must this one fail? Counts it. Context: any. */
bool must_check fail_plan_next(struct fail_plan *plan);

/** How many have failed so far: 0 with nth set means that n was beyond the last one. */
static inline uint64_t fail_plan_nr_failed(struct fail_plan *plan)
{
    return atomic_load_explicit(&plan->nr_failed, memory_order_relaxed);
}

#endif
