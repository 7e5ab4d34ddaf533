// SPDX-License-Identifier: MIT
/* execve(2). */
#ifndef CAIRN_TASK_EXEC_H
#define CAIRN_TASK_EXEC_H

#include "kernel/task/exec_args.h"

struct exec_request {
    int dirfd;
    const char *name;     /* kernel memory */
    unsigned walk_flags;  /* WALK_EMPTY_OK; WALK_NO_FOLLOW is is_link_refused */
    bool is_link_refused; /* AT_SYMLINK_NOFOLLOW: a link in the last place is -ELOOP */
    struct string_vector argv;
    struct string_vector envp;
};

/** Replace the running task's program. On success its user frame is that of the new program's
 *  first instruction; on failure nothing has changed (or the task has a fatal signal). Returns 0
 *  or -errno. Context: may sleep. */
int must_check exec_program(const struct exec_request *request);

#endif
