// SPDX-License-Identifier: MIT
/* The scheduler, as the rest of kernel/task sees it. Theory in sched.c. */
#ifndef CAIRN_TASK_SCHED_H
#define CAIRN_TASK_SCHED_H

#include "kernel/task/task.h"

/* ---- Boot ------------------------------------------------------------------------------------ */

/** Turn the boot context into a task (later hart 0's idle task) and make the run queues ready.
 *  Called once, with kmalloc and slabs at work. Afterwards port_spawn() works; what it spawns
 *  runs once sched_run() is called. */
void sched_init(void);

/** Start the other harts (harts_start) with idle tasks of ours. Returns how many run in all. */
unsigned sched_start_harts(void);

/** The boot hart's last call: it becomes idle, and runs what there is to run. */
_Noreturn void sched_run(void);

/* ---- Tasks ----------------------------------------------------------------------------------- */

/** The scheduling state of a new task: like its parent's, or the default without one. */
void sched_init_task(struct task *task, const struct task *parent);

/** Let a new task run for the first time. Context: any task. */
void sched_start_task(struct task *task);

/** Give the hart to another task; returns when it comes back. A task whose state is not
 *  TASK_RUNNABLE is taken from the run queue. Context: preemption enabled, no locks held,
 *  interrupts on or off. */
void schedule(void);

/** Make a task runnable if its state is one of `states`. Returns whether it was. Context: any. */
bool sched_wake(struct task *task, uint32_t states);

/** Look at signals and other work before the task goes on in user mode, wherever it runs.
 *  Context: any. */
void sched_notify(struct task *task);

/** The running task ends here; another one frees it. */
_Noreturn void sched_exit(void);

/** Switch the running task to another address space, or to none. The reference of the old one is
 *  the caller's again. */
struct space *must_check sched_set_space(struct space *space);

/** Free tasks that have ended, and their stacks. Context: may sleep. */
void sched_free_dead(void);

/* ---- Policy ---------------------------------------------------------------------------------- */

/** Set policy, real-time priority and niceness; checked by the caller. Context: any task. */
void sched_set_policy(struct task *task, uint32_t policy, uint32_t rt_priority, int nice);

/** Set the harts that a task may run on. Returns 0 or -EINVAL when none of them runs. Context:
 *  may sleep. */
int must_check sched_set_affinity(struct task *task, uint64_t affinity);

/** Harts that run, as bits. */
uint64_t sched_online_harts(void);

/* ---- Figures --------------------------------------------------------------------------------- */

/** Time that a task has run, up to now. Context: any task. */
uint64_t sched_run_time_ns(struct task *task);

/** The same, parted into user and system time in the proportion of the ticks that met either. */
void sched_cpu_times(struct task *task, uint64_t *user_ns, uint64_t *system_ns);

struct sched_hart_stats {
    uint64_t user_ns, system_ns, idle_ns, nr_switches;
};
void sched_get_hart_stats(unsigned hart, struct sched_hart_stats *stats);
unsigned sched_nr_runnable(void);

/** Load averages over 1, 5 and 15 minutes, scaled by 1 << LOAD_SHIFT. */
#define LOAD_SHIFT 11
void sched_get_load(uint64_t loads[3]);

#endif
