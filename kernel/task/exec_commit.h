// SPDX-License-Identifier: MIT
/* The second half of execve: from a finished address space to a running program. */
#ifndef CAIRN_TASK_EXEC_COMMIT_H
#define CAIRN_TASK_EXEC_COMMIT_H

#include "fs/vfs/cred.h"

struct file;
struct space;

struct exec_start {
    struct space *space; /* complete; on success the task's */
    struct file *file;   /* the program's file; a further reference is taken */
    const char *name;    /* the task's new name */
    struct cred cred;
    uint64_t pc, sp;
};

/** End the other threads, then become the new program. Returns 0, or -errno with nothing changed
 *  (-ENOMEM), or with the task about to be killed (-EINTR). Context: may sleep. */
int must_check exec_commit(const struct exec_start *start);

#endif
