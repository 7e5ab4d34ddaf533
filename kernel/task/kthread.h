// SPDX-License-Identifier: MIT
/* Kernel threads; most callers want port_spawn(). */
#ifndef CAIRN_TASK_KTHREAD_H
#define CAIRN_TASK_KTHREAD_H

struct process;
struct task;

extern struct process kernel_process;

/** A kernel thread that runs when sched_start_task() lets it. NULL when memory is short.
 *  Context: may sleep. */
struct task *kthread_create(const char *name, void (*entry)(void *arg), void *arg);

#endif
