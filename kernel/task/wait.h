// SPDX-License-Identifier: MIT
/* Waiting for children: wait4(2) and waitid(2). */
#ifndef CAIRN_TASK_WAIT_H
#define CAIRN_TASK_WAIT_H

#include "kernel/task/process.h"

struct wait_request {
    int type;         /* ABI_P_* */
    pid_t id;         /* a process or a group */
    uint32_t options; /* ABI_W* */
};

struct wait_result {
    pid_t id; /* 0: WNOHANG, and nobody has news */
    uint32_t uid;
    int status; /* as in wait4's status word */
    struct cpu_usage usage;
};

/** Returns 0 and the result, -ECHILD, or -ERESTARTSYS. Context: may sleep. */
int must_check process_wait(const struct wait_request *request, struct wait_result *result);

#endif
