// SPDX-License-Identifier: MIT
/* What parents are told, and how they can decline: SA_NOCLDSTOP (no signal for stops),
 * SA_NOCLDWAIT or an ignored SIGCHLD (no zombies). Source: POSIX.1-2017, sigaction() and
 * _exit(). */
#include "kernel/task/notify.h"
#include "kernel/abi/time.h"
#include "kernel/abi/wait.h"
#include "kernel/task/account.h"
#include "kernel/task/actions.h"
#include "kernel/task/signal.h"

static struct abi_siginfo child_info(struct process *process, int signal, int code, int status)
{
    struct abi_siginfo info = {.si_signo = signal, .si_code = code};
    struct cpu_usage usage;

    account_process(process, &usage);
    info.child.pid = process->id;
    info.child.uid = process->leader != NULL ? process->leader->cred.uid : 0;
    info.child.status = status;
    info.child.utime = (int64_t)(usage.user_ns / (1000000000u / ABI_USER_HZ));
    info.child.stime = (int64_t)(usage.system_ns / (1000000000u / ABI_USER_HZ));
    return info;
}

static void tell_stop_or_continue(struct process *process, int code, int status)
{
    struct abi_siginfo info;
    struct process *parent;
    struct abi_sigaction action;
    uint64_t irq_state;

    spin_lock(&task_tree_lock);
    parent = process->parent;
    if (parent != NULL) {
        info = child_info(process, ABI_SIGCHLD, code, status);
        irq_state = spin_lock_irqsave(&parent->signal_lock);
        action = signal_actions_read(parent, ABI_SIGCHLD);
        if ((action.flags & ABI_SA_NOCLDSTOP) == 0) {
            (void)signal_send_locked(parent, NULL, &info);
        }
        spin_unlock_irqrestore(&parent->signal_lock, irq_state);
        waitq_wake_all(&parent->wait_children);
    }
    spin_unlock(&task_tree_lock);
}

void notify_parent_stopped(struct process *process)
{
    tell_stop_or_continue(process, ABI_CLD_STOPPED, process->stop_signal);
}

void notify_parent_continued(struct process *process)
{
    tell_stop_or_continue(process, ABI_CLD_CONTINUED, ABI_SIGCONT);
}

bool notify_parent_exited(struct process *process)
{
    struct process *parent = process->parent;
    int signal = process->exit_signal;
    int killed_by = ABI_STATUS_KILLED(process->exit_status);
    struct abi_siginfo info;
    bool is_declined = false;
    uint64_t irq_state;

    spin_assert_held(&task_tree_lock);
    if (killed_by != 0) {
        info = child_info(process, signal, ABI_CLD_KILLED, killed_by);
    } else {
        info = child_info(process, signal, ABI_CLD_EXITED, process->exit_status >> 8 & 0xff);
    }
    irq_state = spin_lock_irqsave(&parent->signal_lock);
    if (signal == ABI_SIGCHLD && parent->actions != NULL) {
        struct abi_sigaction action = signal_actions_read(parent, ABI_SIGCHLD);

        is_declined = action.handler == ABI_SIG_IGN || (action.flags & ABI_SA_NOCLDWAIT) != 0;
        if (action.handler == ABI_SIG_IGN) {
            signal = 0;
        }
    }
    if (signal != 0) {
        (void)signal_send_locked(parent, NULL, &info);
    }
    spin_unlock_irqrestore(&parent->signal_lock, irq_state);
    waitq_wake_all(&parent->wait_children);
    return is_declined;
}
