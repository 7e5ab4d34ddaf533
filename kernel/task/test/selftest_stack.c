// SPDX-License-Identifier: MIT
/* Kernel stacks of tasks that have ended: what reclaim is told to have got of them is free. */
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "kernel/task/stack.h"
#include "mm/frames.h"
#include "mm/reclaim.h"
#include "port/memory.h"

#define NR_STACKS    16u
#define STACK_FRAMES (KERNEL_STACK_SIZE / PAGE_SIZE)

SELFTEST(stacks_that_are_kept_come_back_when_memory_is_short)
{
    void *stacks[NR_STACKS];
    uint64_t before, given;

    (void)reclaim_frames(UINT64_MAX, ALLOC_WAIT);
    for (unsigned i = 0; i < NR_STACKS; i++) {
        stacks[i] = stack_alloc();
        CHECK(stacks[i] != NULL);
    }
    for (unsigned i = 0; i < NR_STACKS; i++) {
        if (stacks[i] != NULL) {
            stack_free(stacks[i]);
        }
    }
    before = frames_nr_free();
    given = reclaim_frames(UINT64_MAX, ALLOC_WAIT);
    CHECK(given >= NR_STACKS * STACK_FRAMES);
    /* Others may take a few meanwhile. */
    CHECK(frames_nr_free() - before + 2 * STACK_FRAMES >= given);
}
