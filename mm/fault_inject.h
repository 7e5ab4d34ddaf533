// SPDX-License-Identifier: MIT
/* Allocations that fail on demand, so that tests can show that every caller survives a NULL.
 * Theory in fault_inject.c.
 *
 * Without CAIRN_FAULT_INJECT, as in the kernel that is shipped, the question is a constant and the
 * compiler removes it. The host's tests and $(O)/cairn-faults define it. */
#ifndef CAIRN_MM_FAULT_INJECT_H
#define CAIRN_MM_FAULT_INJECT_H

#include "kernel/base/types.h"

struct task;

enum fault_site {
    FAULT_FRAMES = 1u << 0,  /* frames_alloc, frames_alloc_bulk */
    FAULT_OBJECTS = 1u << 1, /* slab_alloc, and so kmalloc */
};

#ifdef CAIRN_FAULT_INJECT

/** Let the nth allocation (1: the next) at one of `sites` fail, whoever asks.
 *  @and_all_after: it and every later one, until fault_inject_disarm(). Context: any. */
void fault_inject_arm(unsigned sites, uint64_t nth, bool and_all_after);

/** Stop. Returns how many allocations failed since it was armed: 0 means that n was beyond the
 *  last one. */
uint64_t fault_inject_disarm(void);

/** Let the nth allocation of one task fail (0: disarm), as /proc/PID/fail-nth does. Returns 0, or
 *  -EAGAIN when too many tasks are armed already. Context: any. */
int must_check fault_inject_arm_task(struct task *task, uint64_t nth);

/** How many allocations the task is away from the one that fails; 0: it has failed, or the task was
 *  never armed. Context: any. */
uint64_t fault_inject_task_left(struct task *task);

/** Between these the running task's allocations are not counted: faults of the program itself, and
 *  whoever only looks. Nest. */
void fault_inject_pause(void);
void fault_inject_resume(void);

/** Asked by the allocators: must this allocation fail? Context: any. */
bool fault_inject_now(enum fault_site site);

#else

static inline void fault_inject_arm(unsigned sites, uint64_t nth, bool and_all_after)
{
}

static inline uint64_t fault_inject_disarm(void)
{
    return 0;
}

static inline int fault_inject_arm_task(struct task *task, uint64_t nth)
{
    return 0;
}

static inline void fault_inject_pause(void)
{
}

static inline void fault_inject_resume(void)
{
}

static inline bool fault_inject_now(enum fault_site site)
{
    return false;
}

#endif
#endif
