// SPDX-License-Identifier: MIT
/* An allocator that fails as planned, in front of one that does not. As many users at once as the
 * one below bears. */
#ifndef CAIRN_MM_ALLOC_FAILING_H
#define CAIRN_MM_ALLOC_FAILING_H

#include "mm/alloc/allocator.h"
#include "mm/alloc/fail_plan.h"

struct failing {
    struct allocator below; /* [I] */
    struct fail_plan plan;
};

/** The wrapper behind the interface; it and what is below outlive its use. */
struct allocator failing_allocator(struct failing *failing);

void failing_check(struct failing *failing);

#endif
