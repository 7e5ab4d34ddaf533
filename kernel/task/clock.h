// SPDX-License-Identifier: MIT
/* The clocks of clock_gettime(2), and deadlines on them. */
#ifndef CAIRN_TASK_CLOCK_H
#define CAIRN_TASK_CLOCK_H

#include "kernel/base/types.h"

/** A clock's time. Returns 0 or -EINVAL for one that is not there. Context: any task. */
int must_check clock_read(int clock, uint64_t *time_ns);

/** Whether one can sleep on it, or have a timer. */
bool clock_is_sleepable(int clock);

/** What port_block() takes: the monotonic time of `time_ns` from now, or of the clock's reaching
 *  it. */
uint64_t clock_deadline(int clock, uint64_t time_ns, bool is_absolute);

#endif
