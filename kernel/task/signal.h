// SPDX-License-Identifier: MIT
/* Signals: sending, blocking, taking. Theory in signal.c. */
#ifndef CAIRN_TASK_SIGNAL_H
#define CAIRN_TASK_SIGNAL_H

#include "kernel/task/process.h"
#include "kernel/task/task.h"

#define SIGNAL_UNBLOCKABLE (signal_bit(ABI_SIGKILL) | signal_bit(ABI_SIGSTOP))

/* ---- Sending --------------------------------------------------------------------------------- */

/** Send to a process (any of its threads), or to one thread. Permissions are the caller's
 *  business. Returns 0, -ESRCH when it has ended, or -EAGAIN (a queued signal above the limit).
 *  Context: any. */
int signal_send_process(struct process *process, const struct abi_siginfo *info);
int signal_send_task(struct task *task, const struct abi_siginfo *info);

/** The same with signal_lock of the process held; target NULL: any thread. */
int signal_send_locked(struct process *process, struct task *target,
                       const struct abi_siginfo *info);

/** Send a signal that is not to be ignored or blocked (faults): both would loop for ever, so the
 *  action becomes default. */
void signal_force(struct task *task, const struct abi_siginfo *info);

/** Details of a signal sent by the running task, or by the kernel. */
struct abi_siginfo signal_info_user(int signal, int code);
struct abi_siginfo signal_info_kernel(int signal);

/** Send a kernel's signal to every process of a group; the caller has task_tree_lock or not, as
 *  the name says. Returns whether there was any. */
bool signal_send_group(pid_t group, int signal);
bool signal_send_group_locked(struct pid *group, int signal);

/** May the running task send this signal to that process? 0 or -EPERM. Caller: task_tree_lock. */
int must_check signal_check_permission(const struct process *process, int signal);

/* ---- Looking --------------------------------------------------------------------------------- */

/** Whether signal_deliver() would find something for the task. Context: any. */
static inline bool signal_is_pending(const struct task *task)
{
    return atomic_load_explicit(&task->has_signal, memory_order_relaxed);
}

/** Whether the task is to end. Context: any. */
static inline bool signal_is_fatal_pending(const struct task *task)
{
    return signal_is_pending(task) && (task->pending.set & signal_bit(ABI_SIGKILL)) != 0;
}

/** Recompute task->has_signal. Caller: signal_lock. */
void signal_recompute(struct task *task);

/** Set the running task's blocked signals. Context: any task. */
void signal_set_blocked(uint64_t blocked);

/** Block `mask` for the length of a call (ppoll, pselect, sigsuspend): signal_restore_blocked()
 *  at its end unless a handler is to run, in which case the frame restores it. */
void signal_swap_blocked(uint64_t mask);
void signal_restore_blocked(void);

/* ---- Taking ---------------------------------------------------------------------------------- */

/** Handle every pending signal of the running task; called on the way to user mode, interrupts
 *  on. signal_deliver.c */
void signal_deliver(struct trap_frame *frame);

/** rt_sigreturn(2). Returns what goes into a0. signal_frame.c */
int64_t signal_return(struct trap_frame *frame);

/** Make a handler run: build its frame, from which rt_sigreturn restores the blocked signals.
 *  Returns 0 or -EFAULT. signal_frame.c */
int must_check signal_build_frame(struct trap_frame *frame, const struct abi_siginfo *info,
                                  const struct abi_sigaction *action, uint64_t old_blocked);

/** Take one of the wanted signals, waiting until the deadline: sigtimedwait(2). Returns it,
 *  -EAGAIN or -EINTR. */
int must_check signal_wait(uint64_t wanted, uint64_t deadline_ns, struct abi_siginfo *info);

/* ---- Stopping -------------------------------------------------------------------------------- */

/** Stop the process because of a stop signal. Caller: signal_lock. stop.c */
void signal_begin_stop(struct process *process, int signal);

/** Stay stopped until continued or killed. Context: may sleep. stop.c */
void signal_stay_stopped(struct task *task);

/** End every thread of the process with this status. Caller: signal_lock. */
void signal_begin_exit(struct process *process, int status);

#endif
