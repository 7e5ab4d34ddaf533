// SPDX-License-Identifier: MIT
/* Stopping and continuing whole processes.
 *
 * The thread that takes a stop signal marks the process; every thread then comes to
 * signal_deliver(), counts itself, and sleeps in state STOPPED. The last one to stop tells the
 * parent. SIGCONT (signal.c) takes the mark away and wakes all; the first that runs again tells
 * the parent.
 *
 * Locks: the tree's lock is outside signal_lock, so the parent is told after signal_lock has
 * been dropped. */
#include "kernel/base/atomic.h"
#include "kernel/task/notify.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"

void signal_begin_stop(struct process *process, int signal)
{
    struct task *task;

    spin_assert_held(&process->signal_lock);
    if (process->is_stopped || process->is_exiting) {
        return;
    }
    process->is_stopped = true;
    process->stop_signal = signal;
    list_for_each (task, &process->threads, thread_node) {
        atomic_store_explicit(&task->has_signal, true, memory_order_relaxed);
        if (task != task_current()) {
            sched_notify(task);
            (void)sched_wake(task, TASK_INTERRUPTIBLE);
        }
    }
}

/** Count the running thread as stopped. Returns whether the process is now stopped as a whole. */
static bool count_stopped(struct task *self)
{
    struct process *process = self->process;

    self->is_stopped = true;
    process->nr_stopped++;
    if (process->nr_stopped != process->nr_threads) {
        return false;
    }
    process->news = PROCESS_NEWS_STOPPED;
    return true;
}

static bool may_go_on(struct task *self)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool may = !process->is_stopped || process->is_exiting ||
               (self->pending.set & signal_bit(ABI_SIGKILL)) != 0;

    if (may) {
        self->is_stopped = false;
        process->nr_stopped--;
        signal_recompute(self);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return may;
}

void signal_stay_stopped(struct task *self)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool is_whole;

    if (!process->is_stopped || process->is_exiting) {
        spin_unlock_irqrestore(&process->signal_lock, irq_state);
        return;
    }
    is_whole = count_stopped(self);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (is_whole) {
        notify_parent_stopped(process);
    }
    for (;;) {
        atomic_store_explicit(&self->state, TASK_STOPPED, memory_order_relaxed);
        fence_full();
        if (may_go_on(self)) {
            break;
        }
        schedule();
    }
    atomic_store_explicit(&self->state, TASK_RUNNABLE, memory_order_relaxed);
}
