// SPDX-License-Identifier: MIT
/* Telling a parent what became of its child: SIGCHLD, and waking its wait(). */
#ifndef CAIRN_TASK_NOTIFY_H
#define CAIRN_TASK_NOTIFY_H

#include "kernel/task/process.h"

/** Context: any task, without locks. */
void notify_parent_stopped(struct process *process);
void notify_parent_continued(struct process *process);

/** The process has become a zombie. Returns whether it is to be reaped at once, since its parent
 *  ignores its children.
 *  Caller: task_tree_lock. */
bool must_check notify_parent_exited(struct process *process);

#endif
