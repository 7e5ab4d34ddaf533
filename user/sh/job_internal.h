// SPDX-License-Identifier: MIT
// Between job.c (processes and the terminal) and job_builtins.c (what users say about jobs).
#ifndef CAIRN_USER_SH_JOB_INTERNAL_H
#define CAIRN_USER_SH_JOB_INTERNAL_H

#include "user/sh/job.h"

#include <stdio.h>

enum process_state { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ENDED };

struct process {
    pid_t pid;
    int status; // as waitpid gave it
    enum process_state state;
};

struct job {
    struct job *next;
    int id; // the number in [1]; 0 while it is in the foreground
    pid_t group;
    char *text;
    struct process *processes;
    int nr;
    bool changed;   // since users were told
    bool inherited; // of our parent: not ours to wait for
};

extern struct job *job_list;

enum job_format { JOB_SHORT, JOB_LONG, JOB_GROUPS };

void job_free(struct job *job);
enum process_state job_state(const struct job *job);
int job_status(const struct job *job);

/** Wait for, or look for, one child that changed. Returns false if there was none. */
bool job_take_status(bool block);

/** Let a stopped job go on. */
void job_resume(struct job *job, enum job_place place);

int job_next_id(void);
void job_print(const struct job *job, FILE *out, enum job_format format);

#endif
