// SPDX-License-Identifier: MIT
/* Signals: how they are taken, by the thread itself on its way to user mode.
 *
 * One signal after another is taken from the queues, the thread's own first. Ignored ones
 * vanish, default actions are done here; at the first with a handler, a frame is built so that
 * user mode goes on in the handler, and the rest waits for the next way out.
 *
 * A system call that a signal has interrupted returns one of four errors that user mode never
 * sees; what becomes of it depends on what the signal did:
 *
 *                          no handler runs     handler with SA_RESTART   handler without
 *   ERESTARTNOINTR         restart             restart                   restart
 *   ERESTARTSYS            restart             restart                   EINTR
 *   ERESTARTNOHAND         restart             EINTR                     EINTR
 *   ERESTART_RESTARTBLOCK  restart_syscall     EINTR                     EINTR
 *
 * Restarting is to step back over the ecall with the first argument restored. */
#include "kernel/abi/errno.h"
#include "kernel/abi/syscall_nr.h"
#include "kernel/abi/wait.h"
#include "kernel/task/actions.h"
#include "kernel/task/exit.h"
#include "kernel/task/notify.h"
#include "kernel/task/signal.h"

#define NO_SYSCALL   UINT64_MAX
#define ECALL_LENGTH 4
enum { REG_A0 = 10, REG_A7 = 17 };

struct taken {
    int signal; /* 0: none */
    struct abi_siginfo info;
    struct abi_sigaction action;
    uint64_t old_blocked; /* what the handler's end restores */
};

static void step_back(struct trap_frame *frame)
{
    frame->regs[REG_A0] = frame->orig_a0;
    frame->pc -= ECALL_LENGTH;
}

/** What an interrupted call does when a handler is about to run. */
static void settle_call_for_handler(struct trap_frame *frame, const struct abi_sigaction *action)
{
    if (frame->syscall == NO_SYSCALL) {
        return;
    }
    switch (-(int64_t)frame->regs[REG_A0]) {
    case ERESTARTNOHAND:
    case ERESTART_RESTARTBLOCK: frame->regs[REG_A0] = (uint64_t)-EINTR; break;
    case ERESTARTSYS:
        if ((action->flags & ABI_SA_RESTART) == 0) {
            frame->regs[REG_A0] = (uint64_t)-EINTR;
            break;
        }
        step_back(frame);
        break;
    case ERESTARTNOINTR: step_back(frame); break;
    default: break;
    }
    frame->syscall = NO_SYSCALL;
}

static void settle_call_without_handler(struct trap_frame *frame)
{
    if (frame->syscall == NO_SYSCALL) {
        return;
    }
    switch (-(int64_t)frame->regs[REG_A0]) {
    case ERESTARTNOHAND:
    case ERESTARTSYS:
    case ERESTARTNOINTR: step_back(frame); break;
    case ERESTART_RESTARTBLOCK:
        frame->regs[REG_A7] = NR_restart_syscall;
        frame->pc -= ECALL_LENGTH;
        break;
    default: break;
    }
    frame->syscall = NO_SYSCALL;
}

static void reset_one_shot(struct process *process, int signal)
{
    spin_lock_nested(&process->actions->lock);
    process->actions->actions[signal - 1].handler = ABI_SIG_DFL;
    spin_unlock(&process->actions->lock);
}

/** A handler is to run: block what it wants blocked. Caller: signal_lock. */
static void block_for_handler(struct task *self, struct taken *taken)
{
    taken->old_blocked = self->restores_blocked ? self->saved_blocked : self->blocked;
    self->restores_blocked = false;
    self->blocked |= taken->action.mask & ~SIGNAL_UNBLOCKABLE;
    if ((taken->action.flags & ABI_SA_NODEFER) == 0) {
        self->blocked |= signal_bit(taken->signal);
    }
}

/** Take the next signal. Caller: signal_lock. */
static void take_next(struct task *self, struct taken *taken)
{
    struct process *process = self->process;
    uint64_t wanted = ~self->blocked;

    taken->signal = signal_queue_take(&self->pending, wanted, &taken->info,
                                      &process->nr_queued_signals);
    if (taken->signal == 0) {
        taken->signal = signal_queue_take(&process->pending, wanted, &taken->info,
                                          &process->nr_queued_signals);
    }
    if (taken->signal != 0) {
        taken->action = signal_actions_read(process, taken->signal);
        if (taken->action.handler > ABI_SIG_IGN) {
            if ((taken->action.flags & ABI_SA_RESETHAND) != 0) {
                reset_one_shot(process, taken->signal);
            }
            block_for_handler(self, taken);
        }
    }
    signal_recompute(self);
}

static bool is_current_group_orphaned(const struct process *process)
{
    bool is_orphaned;

    spin_lock(&task_tree_lock);
    is_orphaned = group_is_orphaned(process->group, NULL);
    spin_unlock(&task_tree_lock);
    return is_orphaned;
}

static void stop_by(struct task *self, int signal)
{
    struct process *process = self->process;
    uint64_t irq_state;

    /* Nobody would be there to continue an orphaned group; SIGSTOP stops it all the same. */
    if (signal != ABI_SIGSTOP && is_current_group_orphaned(process)) {
        return;
    }
    irq_state = spin_lock_irqsave(&process->signal_lock);
    /* A SIGCONT that came meanwhile has the last word. */
    if ((process->pending.set & signal_bit(ABI_SIGCONT)) == 0) {
        signal_begin_stop(process, signal);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    signal_stay_stopped(self);
}

static void do_default(struct task *self, int signal)
{
    switch (signal_default_of(signal)) {
    case SIGNAL_IGNORED:
    case SIGNAL_CONTINUES: return;
    case SIGNAL_STOPS:
        if (!self->process->is_init) {
            stop_by(self, signal);
        }
        return;
    case SIGNAL_TERMINATES:
        if (!self->process->is_init) {
            process_exit(ABI_STATUS_KILLED(signal));
        }
        return;
    }
}

/** What is not a signal comes first: the end of the process, an execve by another thread, stop
 *  and continue. Caller: signal_lock. */
static bool has_process_news(const struct task *self)
{
    const struct process *process = self->process;

    return process->is_exiting || process->is_stopped || process->must_tell_continued ||
           (self->pending.set & signal_bit(ABI_SIGKILL)) != 0;
}

static void handle_process_news(struct task *self)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool is_over = process->is_exiting || (self->pending.set & signal_bit(ABI_SIGKILL)) != 0;
    bool must_stop = process->is_stopped;
    bool must_tell = process->must_tell_continued;
    int status = process->exit_status;

    process->must_tell_continued = false;
    signal_recompute(self);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (is_over) {
        task_exit(status);
    }
    if (must_tell) {
        notify_parent_continued(process);
    }
    if (must_stop) {
        signal_stay_stopped(self);
    }
}

static void run_handler(struct task *self, struct trap_frame *frame, const struct taken *taken)
{
    settle_call_for_handler(frame, &taken->action);
    if (signal_build_frame(frame, &taken->info, &taken->action, taken->old_blocked) != 0) {
        struct abi_siginfo info = signal_info_kernel(ABI_SIGSEGV);

        if (taken->signal == ABI_SIGSEGV) {
            process_exit(ABI_STATUS_KILLED(ABI_SIGSEGV));
        }
        signal_force(self, &info);
    }
    if (signal_is_pending(self)) {
        __atomic_store_n(&self->thread.work, 1,
                         __ATOMIC_RELAXED); /* one frame at a time: come again for the next */
    }
}

void signal_deliver(struct trap_frame *frame)
{
    struct task *self = task_current();
    struct process *process = self->process;
    struct taken taken;

    while (signal_is_pending(self)) {
        uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
        bool has_news = has_process_news(self);

        if (!has_news) {
            take_next(self, &taken);
        }
        spin_unlock_irqrestore(&process->signal_lock, irq_state);
        if (has_news) {
            handle_process_news(self);
            continue;
        }
        if (taken.signal == 0 || taken.action.handler == ABI_SIG_IGN) {
            continue;
        }
        if (taken.action.handler != ABI_SIG_DFL) {
            run_handler(self, frame, &taken);
            return;
        }
        do_default(self, taken.signal);
    }
    settle_call_without_handler(frame);
    signal_restore_blocked();
}
