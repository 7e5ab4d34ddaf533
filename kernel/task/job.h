// SPDX-License-Identifier: MIT
/* Process groups, sessions and controlling terminals. Theory in job.c. */
#ifndef CAIRN_TASK_JOB_H
#define CAIRN_TASK_JOB_H

#include "kernel/base/types.h"

struct file;
struct process;

/** Tell terminals whom to ask, and make /dev/tty. Called once at boot. */
void job_init(void);

/** setpgid, setsid, getpgid, getsid: ids as in the calls; each returns a number or -errno.
 *  Context: any task. */
int64_t job_set_group(pid_t id, pid_t group);
int64_t job_start_session(void);
int64_t job_get_group(pid_t id);
int64_t job_get_session(pid_t id);

/** A file was opened by the running task: a session leader without a terminal gets this one, if
 *  it is one and is nobody's. open_flags: O_NOCTTY and the access mode count. */
void job_file_opened(struct file *file, uint32_t open_flags);

/** The ioctl commands about sessions and groups of terminals. Returns whether it was one; then
 *  *result is the call's. */
bool must_check job_ioctl(struct file *file, uint32_t command, uint64_t argument, int *result);

/** The last thread of the process ends: a session leader's terminal is hung up for the rest of
 *  the session. */
void job_leave_session(struct process *process);

/** Device number and foreground group of the controlling terminal, for /proc/PID/stat; 0 and -1
 *  without one. */
void job_describe_terminal(struct process *process, uint32_t *dev_number, pid_t *group);

#endif
