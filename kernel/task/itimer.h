// SPDX-License-Identifier: MIT
/* setitimer(2): one timer on real time and two on processor time for each process; and
 * RLIMIT_CPU. */
#ifndef CAIRN_TASK_ITIMER_H
#define CAIRN_TASK_ITIMER_H

#include "kernel/task/process.h"

void itimer_init(struct process *process);

/** The last thread ends: nothing fires any more. Context: may wait, no locks held. */
void itimer_destroy(struct process *process);

/** Set and read a timer of the running process: times to go and intervals in ns, 0: off. */
void itimer_set(int which, const struct interval_timer *next, struct interval_timer *old);
void itimer_get(int which, struct interval_timer *current);

/** The tick has met a thread. Interrupt context. */
void itimer_tick(struct task *task, bool is_user, uint64_t tick_ns);

#endif
