// SPDX-License-Identifier: MIT
/* Calls about signals: actions, masks, alternate stacks, waiting. Sending stands in kill.c. */
#include "kernel/abi/errno.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/times.h"
#include "kernel/task/actions.h"
#include "kernel/task/signal.h"

#define SIGSET_BYTES 8

int64_t sys_rt_sigaction(const struct syscall_args *args)
{
    int signal = (int)args->a[0];
    struct abi_sigaction next;
    struct abi_sigaction old;
    int error;

    if (args->a[3] != SIGSET_BYTES || signal < 1 || signal > ABI_NSIG ||
        (args->a[1] != 0 && (signal_bit(signal) & SIGNAL_UNBLOCKABLE) != 0)) {
        return -EINVAL;
    }
    if (args->a[1] != 0) {
        error = copy_from_user(&next, args->a[1], sizeof(next));
        if (error != 0) {
            return error;
        }
    }
    signal_set_action(task_current()->process, signal, args->a[1] != 0 ? &next : NULL, &old);
    return args->a[2] != 0 ? copy_to_user(args->a[2], &old, sizeof(old)) : 0;
}

int64_t sys_rt_sigprocmask(const struct syscall_args *args)
{
    uint64_t old = task_current()->blocked;
    uint64_t set;
    int error;

    if (args->a[3] != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (args->a[1] != 0) {
        error = copy_from_user(&set, args->a[1], sizeof(set));
        if (error != 0) {
            return error;
        }
        switch ((int)args->a[0]) {
        case ABI_SIG_BLOCK: signal_set_blocked(old | set); break;
        case ABI_SIG_UNBLOCK: signal_set_blocked(old & ~set); break;
        case ABI_SIG_SETMASK: signal_set_blocked(set); break;
        default: return -EINVAL;
        }
    }
    return args->a[2] != 0 ? copy_to_user(args->a[2], &old, sizeof(old)) : 0;
}

int64_t sys_rt_sigpending(const struct syscall_args *args)
{
    struct task *self = task_current();
    uint64_t irq_state;
    uint64_t set;

    if (args->a[1] > SIGSET_BYTES) {
        return -EINVAL;
    }
    irq_state = spin_lock_irqsave(&self->process->signal_lock);
    set = (self->pending.set | self->process->pending.set) & self->blocked;
    spin_unlock_irqrestore(&self->process->signal_lock, irq_state);
    return copy_to_user(args->a[0], &set, args->a[1]);
}

int64_t sys_rt_sigsuspend(const struct syscall_args *args)
{
    struct task *self = task_current();
    uint64_t mask;
    int error = 0;

    if (args->a[1] != SIGSET_BYTES) {
        return -EINVAL;
    }
    error = copy_from_user(&mask, args->a[0], sizeof(mask));
    if (error != 0) {
        return error;
    }
    signal_swap_blocked(mask);
    while (error == 0 && !signal_is_pending(self)) {
        port_block_prepare(PORT_BLOCK_INTERRUPTIBLE);
        error = port_block(PORT_NO_DEADLINE);
    }
    return -ERESTARTNOHAND;
}

int64_t sys_rt_sigtimedwait(const struct syscall_args *args)
{
    uint64_t deadline_ns = PORT_NO_DEADLINE;
    struct abi_siginfo info;
    uint64_t wanted;
    uint64_t timeout_ns;
    int signal;
    int error;

    if (args->a[3] != SIGSET_BYTES) {
        return -EINVAL;
    }
    error = copy_from_user(&wanted, args->a[0], sizeof(wanted));
    if (error == 0 && args->a[2] != 0) {
        error = times_timespec_from_user(args->a[2], &timeout_ns);
        if (error == 0 && __builtin_add_overflow(port_clock_ns(), timeout_ns, &deadline_ns)) {
            deadline_ns = PORT_NO_DEADLINE;
        }
    }
    if (error != 0) {
        return error;
    }
    signal = signal_wait(wanted, deadline_ns, &info);
    if (signal > 0 && args->a[1] != 0) {
        error = copy_to_user(args->a[1], &info, sizeof(info));
    }
    return error != 0 ? error : signal;
}

static bool is_on_alt_stack(const struct task *self)
{
    uint64_t sp = thread_user_frame(&self->thread)->regs[2];

    return self->alt_stack_size != 0 && (self->alt_stack_flags & ABI_SS_AUTODISARM) == 0 &&
           sp > self->alt_stack && sp - self->alt_stack <= self->alt_stack_size;
}

static int set_alt_stack(struct task *self, const struct abi_stack *stack)
{
    uint32_t flags = (uint32_t)stack->flags & ABI_SS_AUTODISARM;
    uint32_t mode = (uint32_t)stack->flags & ~ABI_SS_AUTODISARM;

    if (is_on_alt_stack(self)) {
        return -EPERM;
    }
    if (mode != 0 && mode != ABI_SS_DISABLE && mode != ABI_SS_ONSTACK) {
        return -EINVAL;
    }
    if (mode == ABI_SS_DISABLE) {
        self->alt_stack = 0;
        self->alt_stack_size = 0;
        self->alt_stack_flags = 0;
        return 0;
    }
    if (stack->size < ABI_MINSIGSTKSZ) {
        return -ENOMEM;
    }
    self->alt_stack = stack->sp;
    self->alt_stack_size = stack->size;
    self->alt_stack_flags = flags;
    return 0;
}

int64_t sys_sigaltstack(const struct syscall_args *args)
{
    struct task *self = task_current();
    struct abi_stack old = {
        .sp = self->alt_stack,
        .size = self->alt_stack_size,
        .flags = (int32_t)self->alt_stack_flags,
    };
    struct abi_stack next;
    int error = 0;

    if (self->alt_stack_size == 0) {
        old.flags = ABI_SS_DISABLE;
    } else if (is_on_alt_stack(self)) {
        old.flags |= ABI_SS_ONSTACK;
    }
    if (args->a[0] != 0) {
        error = copy_from_user(&next, args->a[0], sizeof(next));
        if (error == 0) {
            error = set_alt_stack(self, &next);
        }
    }
    if (error == 0 && args->a[1] != 0) {
        error = copy_to_user(args->a[1], &old, sizeof(old));
    }
    return error;
}

int64_t sys_rt_sigreturn(const struct syscall_args *args)
{
    (void)args;
    return signal_return(thread_user_frame(port_thread()));
}

int64_t sys_restart_syscall(const struct syscall_args *args)
{
    struct task *self = task_current();
    int64_t (*restart)(struct task * task) = self->restart;

    (void)args;
    self->restart = NULL;
    return restart != NULL ? restart(self) : -EINTR;
}
