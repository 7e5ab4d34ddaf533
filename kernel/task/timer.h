// SPDX-License-Identifier: MIT
/* Timers: call a function at a time. Each hart keeps its own in a tree ordered by deadline;
 * theory in timer.c. */
#ifndef CAIRN_TASK_TIMER_H
#define CAIRN_TASK_TIMER_H

#include "kernel/base/rbtree.h"
#include "kernel/base/types.h"

struct timer {
    struct rb_node node;  /* [hart's timer lock] */
    uint64_t deadline_ns; /* [hart's timer lock] port_clock_ns() time */
    void (*fire)(
        struct timer *timer); /* [I] interrupt context, on any hart; may start the timer again */
    _Atomic uint32_t hart;    /* [a] whose tree it is, or was last, in */
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));

/** Let it fire at the deadline, at once if that is past; moves it when it was started already.
 *  Context: any. */
void timer_start(struct timer *timer, uint64_t deadline_ns);

/** Stop it. Returns whether it was pending. Its function may still be running on another hart.
 *  Context: any. */
bool timer_stop(struct timer *timer);

/** Stop it, and wait until its function is over: afterwards the memory may go. The function must
 *  not start it again.
 *  Context: any but the function itself, without locks that it takes. */
void timer_stop_sync(struct timer *timer);

#endif
