// SPDX-License-Identifier: MIT
/* timer_create(2) and its family: any number of timers for each process. */
#ifndef CAIRN_TASK_POSIX_TIMER_H
#define CAIRN_TASK_POSIX_TIMER_H

#include "kernel/abi/signal.h"
#include "kernel/base/types.h"

struct process;

/** event NULL: SIGALRM to the process. Returns 0 and the id, -EINVAL, -EAGAIN, -ENOMEM. Context:
 *  may sleep, as all here. */
int must_check posix_timer_create(int clock, const struct abi_sigevent *event, int *id);
int must_check posix_timer_delete(int id);

struct posix_timer_setting {
    uint64_t value_ns;    /* time to go, or with is_absolute the clock's time; 0: off */
    uint64_t interval_ns; /* 0: once */
};

int must_check posix_timer_set(int id, bool is_absolute, const struct posix_timer_setting *next,
                               struct posix_timer_setting *old);
int must_check posix_timer_get(int id, struct posix_timer_setting *current);
int must_check posix_timer_overrun(int id);

/** execve and exit: delete all. */
void posix_timers_destroy(struct process *process);

#endif
