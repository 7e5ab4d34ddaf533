// SPDX-License-Identifier: MIT
/* Blocked signals, and waiting for signals without handlers. */
#include "kernel/abi/errno.h"
#include "kernel/task/signal.h"

void signal_set_blocked(uint64_t blocked)
{
    struct task *self = task_current();
    uint64_t irq_state = spin_lock_irqsave(&self->process->signal_lock);

    self->blocked = blocked & ~SIGNAL_UNBLOCKABLE;
    signal_recompute(self);
    spin_unlock_irqrestore(&self->process->signal_lock, irq_state);
    if (signal_is_pending(self)) {
        __atomic_store_n(&self->thread.work, 1, __ATOMIC_RELAXED);
    }
}

void signal_swap_blocked(uint64_t mask)
{
    struct task *self = task_current();

    self->saved_blocked = self->blocked;
    self->restores_blocked = true;
    signal_set_blocked(mask);
}

void signal_restore_blocked(void)
{
    struct task *self = task_current();

    if (self->restores_blocked) {
        self->restores_blocked = false;
        signal_set_blocked(self->saved_blocked);
    }
}

static int take_wanted(struct task *self, uint64_t wanted, struct abi_siginfo *info)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    int signal = signal_queue_take(&self->pending, wanted, info, &process->nr_queued_signals);

    if (signal == 0) {
        signal = signal_queue_take(&process->pending, wanted, info, &process->nr_queued_signals);
    }
    signal_recompute(self);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return signal;
}

/** While it waits, the wanted signals are unblocked, so that sending one ends the sleep. */
static void begin_wait(struct task *self, uint64_t wanted)
{
    uint64_t irq_state = spin_lock_irqsave(&self->process->signal_lock);

    self->waited_for = wanted & self->blocked;
    self->blocked &= ~wanted;
    signal_recompute(self);
    spin_unlock_irqrestore(&self->process->signal_lock, irq_state);
}

static void end_wait(struct task *self, uint64_t blocked)
{
    uint64_t irq_state = spin_lock_irqsave(&self->process->signal_lock);

    self->waited_for = 0;
    self->blocked = blocked;
    signal_recompute(self);
    spin_unlock_irqrestore(&self->process->signal_lock, irq_state);
}

int signal_wait(uint64_t wanted, uint64_t deadline_ns, struct abi_siginfo *info)
{
    struct task *self = task_current();
    uint64_t blocked = self->blocked;
    int error = 0;
    int signal;

    wanted &= ~SIGNAL_UNBLOCKABLE;
    signal = take_wanted(self, wanted, info);
    if (signal != 0) {
        return signal;
    }
    begin_wait(self, wanted);
    while (signal == 0 && error == 0) {
        port_block_prepare(PORT_BLOCK_INTERRUPTIBLE);
        error = port_block(deadline_ns);
        signal = take_wanted(self, wanted, info);
    }
    end_wait(self, blocked);
    if (signal != 0) {
        return signal;
    }
    return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
}
