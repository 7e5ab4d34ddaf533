// SPDX-License-Identifier: MIT
/* How deep a kernel stack has been. Theory in stack_depth.c. */
#ifndef CAIRN_TASK_STACK_DEPTH_H
#define CAIRN_TASK_STACK_DEPTH_H

#include "kernel/base/types.h"

struct seq;
struct task;

/** Make a stack that nobody uses one that nobody has used. */
void stack_paint(void *stack);

/** The most bytes of it that were ever in use since then, to within a few dozen; it may be in use.
 *  @stack: its lowest address; it stays mapped meanwhile. Context: any. */
size_t stack_depth(const void *stack);

/** Log a task, once, that has used more than three quarters of its stack. Caller: it is the running
 *  task, or has ended and still has its stack. Context: any. */
void stack_check_depth(struct task *task);

/** /proc/PID/stack_depth. */
int stack_show_depth(struct seq *seq, pid_t id, bool is_group);

#endif
