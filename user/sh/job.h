// SPDX-License-Identifier: MIT
// Jobs: every fork of the shell, and job control.
#ifndef CAIRN_USER_SH_JOB_H
#define CAIRN_USER_SH_JOB_H

#include <stdbool.h>
#include <sys/types.h>

struct job;

enum job_place { JOB_FOREGROUND, JOB_BACKGROUND };

/** A new job without processes, named by its source text. */
struct job *job_create(const char *text);

/** Fork a process of a job.
 *  Returns 0 in the child, which is a subshell in the right process group with default signals;
 *  the pid in the parent; -1 with a message. */
pid_t job_fork(struct job *job, enum job_place place);

/** Wait until every process of a job has ended or one has stopped, with the terminal lent to it.
 *  A job that ended is forgotten. Returns its status: that of the last process. */
int job_wait_foreground(struct job *job);

/** Number a job and let it go on. */
void job_put_background(struct job *job);

/** Fork a process that belongs to no job: a substitution, the writer of a here-document. Returns as
 *  fork does. */
pid_t job_fork_helper(void);
int job_wait_helper(pid_t pid);

/** Turn job control on or off (set -m); on needs a terminal. Returns false where there is none. */
bool job_control_enable(bool on);

/** Tell what has changed since the last time. */
void job_notify(void);

/** True if stopped jobs exist: an interactive shell warns before it leaves them. */
bool job_any_stopped(void);

/** The terminal goes back to whom it belonged, when the shell ends. */
void job_finish(void);

int builtin_jobs(int argc, char **argv);
int builtin_fg(int argc, char **argv);
int builtin_bg(int argc, char **argv);
int builtin_wait(int argc, char **argv);
int builtin_kill(int argc, char **argv);

#endif
