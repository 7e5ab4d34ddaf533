// SPDX-License-Identifier: MIT
/* How threads and processes end. */
#ifndef CAIRN_TASK_EXIT_H
#define CAIRN_TASK_EXIT_H

#include "kernel/task/process.h"

/** The running thread ends; the process with it if it was the last. status: as wait() gives it. */
_Noreturn void task_exit(int status);

/** Every thread of the running process ends with this status. */
_Noreturn void process_exit(int status);

/** Remove a zombie from the tree for good, its reference too. Adds its usage to the parent's.
 *  Caller: task_tree_lock. */
void process_reap(struct process *process);

/** A process group without a member whose parent is in the same session but another group:
 *  nobody could continue it.
 *  Caller: task_tree_lock. */
bool group_is_orphaned(const struct pid *group, const struct process *except);

#endif
