// SPDX-License-Identifier: MIT
/* What a task holds, given up together: at its end, or when it could not be finished. */
#ifndef CAIRN_TASK_RESOURCES_H
#define CAIRN_TASK_RESOURCES_H

#include "kernel/base/types.h"

struct file;
struct process;
struct task;

/** Drop space, files, fs context and an unlinked pid. For the running task the space is switched
 *  away first.
 *  Context: may sleep. */
void resources_release(struct task *task);

/** A running program cannot be written to: -ETXTBSY when it is open for writing. */
int must_check resources_deny_writes(struct file *file);
void resources_allow_writes(struct file *file);

/** The program's own file, for /proc/PID/exe: with a reference, or NULL. */
struct file *resources_get_executable(struct process *process);

/** Set it; takes over the caller's reference and its denial of writes (NULL: none any more). */
void resources_set_executable(struct process *process, struct file *file);
void resources_share_executable(struct process *from, struct process *to);

#endif
