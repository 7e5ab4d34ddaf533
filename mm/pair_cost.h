// SPDX-License-Identifier: MIT
/* What pairs of allocating and freeing cost in the running kernel, for /proc/pair_cost and the
 * self-tests. */
#ifndef CAIRN_MM_PAIR_COST_H
#define CAIRN_MM_PAIR_COST_H

#include "kernel/base/types.h"

struct pair_cost {
    const char *name;
    uint64_t cost_ns;
};

enum { NR_PAIR_COSTS = 7 };

/** Measure all of them; some milliseconds. Returns 0, or -ENOMEM. Context: may sleep. */
int must_check pair_cost_measure(struct pair_cost costs[NR_PAIR_COSTS]);

#endif
