// SPDX-License-Identifier: MIT
/* Scheduling policies. */
#ifndef CAIRN_ABI_SCHED_H
#define CAIRN_ABI_SCHED_H

#include <stdint.h>

enum abi_sched_policy {
    ABI_SCHED_OTHER = 0,
    ABI_SCHED_FIFO = 1,
    ABI_SCHED_RR = 2,
    ABI_SCHED_BATCH = 3,
    ABI_SCHED_IDLE = 5,
};
#define ABI_SCHED_RESET_ON_FORK 0x40000000

struct abi_sched_param {
    int32_t priority;
};

#endif
