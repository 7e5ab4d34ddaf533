// SPDX-License-Identifier: MIT
/* Sleeping and waking, as everybody below knows them: port.h's port_block_prepare(),
 * port_block(), port_wake().
 *
 * The state of the task is the whole protocol (see sched.c). Signals are a second way to be
 * woken: who sends one first makes it pending and then wakes; who blocks first stores its state
 * and then looks whether one is pending. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"
#include "kernel/task/timer.h"

struct block_timer {
    struct timer timer;
    struct task *task;
};

static uint32_t state_of(enum port_block_mode mode)
{
    switch (mode) {
    case PORT_BLOCK_KILLABLE: return TASK_KILLABLE;
    case PORT_BLOCK_INTERRUPTIBLE: return TASK_INTERRUPTIBLE;
    case PORT_BLOCK_UNINTERRUPTIBLE: break;
    }
    return TASK_UNINTERRUPTIBLE;
}

void port_block_prepare(enum port_block_mode mode)
{
    atomic_store_explicit(&task_current()->state, state_of(mode), memory_order_relaxed);
    fence_full();
}

void port_block_cancel(void)
{
    atomic_store_explicit(&task_current()->state, TASK_RUNNABLE, memory_order_relaxed);
}

static void wake_sleeper(struct timer *timer)
{
    (void)port_wake(container_of(timer, struct block_timer, timer)->task);
}

static void sleep_until(struct task *self, uint64_t deadline_ns)
{
    struct block_timer sleep = {.task = self};

    if (deadline_ns == PORT_NO_DEADLINE) {
        schedule();
        return;
    }
    timer_init(&sleep.timer, wake_sleeper);
    timer_start(&sleep.timer, deadline_ns);
    schedule();
    timer_stop_sync(&sleep.timer);
}

static bool is_interrupted(const struct task *self, uint32_t state)
{
    return (state == TASK_INTERRUPTIBLE && signal_is_pending(self)) ||
           (state == TASK_KILLABLE && signal_is_fatal_pending(self));
}

int port_block(uint64_t deadline_ns)
{
    struct task *self = task_current();
    uint32_t state = atomic_load_explicit(&self->state, memory_order_relaxed);

    assert(port_may_sleep());
    if (is_interrupted(self, state)) {
        port_block_cancel();
        return -ERESTARTSYS;
    }
    if (deadline_ns != PORT_NO_DEADLINE && port_clock_ns() >= deadline_ns) {
        port_block_cancel();
        return -ETIMEDOUT;
    }
    if (state == TASK_RUNNABLE) {
        return 0;
    }
    sleep_until(self, deadline_ns);
    if (is_interrupted(self, state)) {
        return -ERESTARTSYS;
    }
    return deadline_ns != PORT_NO_DEADLINE && port_clock_ns() >= deadline_ns ? -ETIMEDOUT : 0;
}

bool port_wake(struct task *task)
{
    return sched_wake(task, TASK_BLOCKED);
}

void port_yield(void)
{
    schedule();
}
