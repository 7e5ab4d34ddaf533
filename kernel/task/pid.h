// SPDX-License-Identifier: MIT
/* Numbers of threads, processes, groups and sessions. `struct pid` stands in process.h. */
#ifndef CAIRN_TASK_PID_H
#define CAIRN_TASK_PID_H

#include "kernel/task/process.h"

#define PID_MAX 32768

/** A new number, in use by nobody yet. Returns 0, -EAGAIN when all are taken, or -ENOMEM.
 *  Context: may sleep. */
int must_check pid_alloc(struct pid **pid);

/** Give the number back if it names nothing any more. Caller: task_tree_lock. */
void pid_release(struct pid *pid);

/** The number's entry, or NULL. Caller: task_tree_lock. */
struct pid *pid_lookup(pid_t number);

/** How many tasks were made since boot; the last number given: for /proc. */
uint64_t pid_nr_created(void);
pid_t pid_last(void);

#endif
