// SPDX-License-Identifier: MIT
/* Signals: how they are sent.
 *
 * A signal is first made pending, for a thread or for its whole process, and then some thread is
 * made to notice: its has_signal flag ends interruptible sleeps, and its work flag leads it to
 * signal_deliver() before it goes on in user mode. Everything else happens there, in the
 * receiving thread's own context.
 *
 * Two kinds act at once, in the sender's context. SIGCONT wakes a stopped process, and it and
 * the stop signals cancel each other. A signal that will certainly kill puts SIGKILL into every
 * thread, so that killable sleeps end, too.
 *
 * Locks: the signal_lock of the receiving process (irqsave: timers send signals).
 * task->has_signal is what can be read without it; it may be stale for a moment in the direction
 * "true", which costs a look and no more. */
#include "kernel/task/signal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "kernel/task/actions.h"
#include "kernel/task/pid.h"
#include "kernel/task/sched.h"

#define STOP_SIGNALS                                                               \
    (signal_bit(ABI_SIGSTOP) | signal_bit(ABI_SIGTSTP) | signal_bit(ABI_SIGTTIN) | \
     signal_bit(ABI_SIGTTOU))

void signal_recompute(struct task *task)
{
    struct process *process = task->process;
    uint64_t set = (task->pending.set | process->pending.set) & ~task->blocked;
    bool has_work = set != 0 || (process->is_stopped && !task->is_stopped) || process->is_exiting ||
                    process->must_tell_continued;

    atomic_store_explicit(&task->has_signal, has_work, memory_order_relaxed);
}

/** Make a thread look at its signals. */
static void alert(struct task *task, uint32_t states)
{
    atomic_store_explicit(&task->has_signal, true, memory_order_relaxed);
    sched_notify(task);
    (void)sched_wake(task, states);
}

static void flush_everywhere(struct process *process, uint64_t set)
{
    struct task *task;

    process->nr_queued_signals -= signal_queue_flush(&process->pending, set);
    list_for_each (task, &process->threads, thread_node) {
        process->nr_queued_signals -= signal_queue_flush(&task->pending, set);
    }
}

static void continue_process(struct process *process)
{
    struct task *task;

    flush_everywhere(process, STOP_SIGNALS);
    if (!process->is_stopped) {
        return;
    }
    if (process->nr_stopped == process->nr_threads) {
        process->must_tell_continued = true;
        process->news = PROCESS_NEWS_CONTINUED;
    } else {
        process->news = PROCESS_NO_NEWS;
    }
    process->is_stopped = false;
    list_for_each (task, &process->threads, thread_node) {
        alert(task, TASK_STOPPED);
    }
}

void signal_begin_exit(struct process *process, int status)
{
    struct task *task;

    spin_assert_held(&process->signal_lock);
    if (process->is_exiting) {
        return;
    }
    process->is_exiting = true;
    process->exit_status = status;
    process->is_stopped = false;
    list_for_each (task, &process->threads, thread_node) {
        signal_queue_add(&task->pending, ABI_SIGKILL, NULL);
        alert(task, TASK_STOPPED | TASK_INTERRUPTIBLE | TASK_KILLABLE);
    }
}

/** Whether the thread keeps the signal for later, or for sigtimedwait(). */
static bool keeps(const struct task *task, int signal)
{
    return ((task->blocked | task->waited_for) & signal_bit(signal)) != 0;
}

/** Whether sending comes to nothing, because nobody would ever notice. */
static bool is_dropped(struct process *process, const struct task *target, int signal,
                       const struct abi_sigaction *action)
{
    enum signal_default fate = signal_default_of(signal);

    if (target != NULL && keeps(target, signal)) {
        return false;
    }
    if (target == NULL) { /* sigwait may want it though it is ignored by default */
        const struct task *task;

        list_for_each (task, &process->threads, thread_node) {
            if (keeps(task, signal)) {
                return false;
            }
        }
    }
    if (process->is_init && action->handler == ABI_SIG_DFL) {
        return true; /* init gets only what it asks for */
    }
    return action->handler == ABI_SIG_IGN ||
           (action->handler == ABI_SIG_DFL && (fate == SIGNAL_IGNORED || fate == SIGNAL_CONTINUES));
}

static bool wants(const struct task *task, int signal)
{
    return (task->blocked & signal_bit(signal)) == 0 && !task->is_exiting &&
           (signal == ABI_SIGKILL || !task->is_stopped);
}

/** The thread that shall take a signal sent to the process: the first that doesn't block it. */
static struct task *choose_thread(struct process *process, int signal)
{
    struct task *task;

    list_for_each (task, &process->threads, thread_node) {
        if (wants(task, signal)) {
            return task;
        }
    }
    return NULL;
}

static bool kills_for_sure(const struct process *process, const struct task *task, int signal,
                           const struct abi_sigaction *action)
{
    return action->handler == ABI_SIG_DFL && signal_default_of(signal) == SIGNAL_TERMINATES &&
           !keeps(task, signal) && !process->is_exiting;
}

/** Put the signal into a queue. Returns 0, or -EAGAIN for a queued one that there is no room
 *  for. */
static int make_pending(struct process *process, struct signal_queue *queue,
                        const struct abi_siginfo *info)
{
    struct signal_info *detail = NULL;
    int signal = info->si_signo;
    bool is_over = process->nr_queued_signals >= process->limits[ABI_RLIMIT_SIGPENDING].soft;

    if (signal < ABI_SIGRTMIN && (queue->set & signal_bit(signal)) != 0) {
        return 0;
    }
    if (signal != ABI_SIGKILL && (!is_over || info->si_code >= 0)) {
        detail = signal_info_alloc();
    }
    if (detail == NULL && signal >= ABI_SIGRTMIN && info->si_code != ABI_SI_USER) {
        return -EAGAIN;
    }
    if (detail != NULL) {
        detail->info = *info;
        process->nr_queued_signals++;
    }
    signal_queue_add(queue, signal, detail);
    return 0;
}

int signal_send_locked(struct process *process, struct task *target, const struct abi_siginfo *info)
{
    int signal = info->si_signo;
    struct abi_sigaction action;
    struct task *task;
    int error;

    spin_assert_held(&process->signal_lock);
    if (process->nr_threads == 0 || process->actions == NULL ||
        (target != NULL && target->is_exiting)) {
        return -ESRCH;
    }
    action = signal_actions_read(process, signal);
    if (signal == ABI_SIGCONT) {
        continue_process(process);
    } else if ((signal_bit(signal) & STOP_SIGNALS) != 0) {
        flush_everywhere(process, signal_bit(ABI_SIGCONT));
    }
    if (is_dropped(process, target, signal, &action)) {
        return 0;
    }
    error = make_pending(process, target != NULL ? &target->pending : &process->pending, info);
    if (error != 0) {
        return error;
    }
    task = target != NULL ? target : choose_thread(process, signal);
    if (task == NULL || !wants(task, signal)) {
        return 0;
    }
    if (kills_for_sure(process, task, signal, &action)) {
        signal_begin_exit(process, signal);
    } else {
        alert(task, TASK_INTERRUPTIBLE);
    }
    return 0;
}

int signal_send_process(struct process *process, const struct abi_siginfo *info)
{
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    int error = signal_send_locked(process, NULL, info);

    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return error;
}

int signal_send_task(struct task *task, const struct abi_siginfo *info)
{
    struct process *process = task->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    int error = signal_send_locked(process, task, info);

    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return error;
}

void signal_force(struct task *task, const struct abi_siginfo *info)
{
    struct process *process = task->process;
    int signal = info->si_signo;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    struct abi_sigaction action = signal_actions_read(process, signal);

    if (action.handler == ABI_SIG_IGN || action.handler == ABI_SIG_DFL ||
        (task->blocked & signal_bit(signal)) != 0) {
        spin_lock_nested(&process->actions->lock);
        process->actions->actions[signal - 1].handler = ABI_SIG_DFL;
        spin_unlock(&process->actions->lock);
        task->blocked &= ~signal_bit(signal);
        /* Not by the usual way: init, too, dies of a fault. */
        if (!process->is_exiting) {
            signal_begin_exit(process, signal);
        }
    } else {
        (void)signal_send_locked(process, task, info);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}

struct abi_siginfo signal_info_user(int signal, int code)
{
    struct abi_siginfo info = {.si_signo = signal, .si_code = code};

    info.sender.pid = task_current()->process->id;
    info.sender.uid = task_current()->cred.uid;
    return info;
}

struct abi_siginfo signal_info_kernel(int signal)
{
    return (struct abi_siginfo){.si_signo = signal, .si_code = ABI_SI_KERNEL};
}

bool signal_send_group_locked(struct pid *group, int signal)
{
    struct abi_siginfo info = signal_info_kernel(signal);
    struct process *process;

    spin_assert_held(&task_tree_lock);
    list_for_each (process, &group->group, group_node) {
        (void)signal_send_process(process, &info);
    }
    return !list_is_empty(&group->group);
}

bool signal_send_group(pid_t group, int signal)
{
    struct pid *pid;
    bool was_sent = false;

    spin_lock(&task_tree_lock);
    pid = pid_lookup(group);
    if (pid != NULL) {
        was_sent = signal_send_group_locked(pid, signal);
    }
    spin_unlock(&task_tree_lock);
    return was_sent;
}

int signal_check_permission(const struct process *process, int signal)
{
    const struct cred *mine = &task_current()->cred;
    const struct cred *theirs;

    if (process == task_current()->process || mine->euid == 0 || process->leader == NULL) {
        return 0;
    }
    if (signal == ABI_SIGCONT && process->session == task_current()->process->session) {
        return 0;
    }
    theirs = &process->leader->cred;
    return mine->euid == theirs->suid || mine->euid == theirs->uid || mine->uid == theirs->suid ||
                   mine->uid == theirs->uid
               ? 0
               : -EPERM;
}

bool task_has_signal(void)
{
    return signal_is_pending(task_current());
}

void task_signal_self(int signal)
{
    struct abi_siginfo info = signal_info_user(signal, ABI_SI_USER);

    (void)signal_send_task(task_current(), &info);
}
