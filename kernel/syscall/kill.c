// SPDX-License-Identifier: MIT
/* Calls that send signals: to a process, a group, everybody, or one thread. */
#include "kernel/abi/errno.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/pid.h"
#include "kernel/task/signal.h"

static bool is_signal(int signal)
{
    return signal >= 0 && signal <= ABI_NSIG;
}

/** Send to one process, if permitted; signal 0 only asks. Caller: task_tree_lock. */
static int send_checked(struct process *process, const struct abi_siginfo *info)
{
    int error = signal_check_permission(process, info->si_signo);

    if (error == 0 && info->si_signo != 0) {
        error = signal_send_process(process, info);
        if (error == -ESRCH) {
            error = 0; /* a zombie: it is there, and past caring */
        }
    }
    return error;
}

static int send_to_group(pid_t number, const struct abi_siginfo *info)
{
    struct pid *group = pid_lookup(number);
    struct process *process;
    int result = -ESRCH;

    if (group == NULL) {
        return -ESRCH;
    }
    list_for_each (process, &group->group, group_node) {
        int error = send_checked(process, info);

        if (error == 0 || result == -ESRCH) {
            result = result == 0 ? 0 : error;
        }
    }
    return result;
}

/** Everybody but the caller and init. */
static int send_to_all(const struct abi_siginfo *info)
{
    struct process *process;
    int result = -ESRCH;

    list_for_each (process, &process_list, all_node) {
        int error;

        if (process->is_init || process == task_current()->process) {
            continue;
        }
        error = send_checked(process, info);
        if (error != -EPERM && result != 0) {
            result = error;
        }
    }
    return result;
}

static int send_to_process(pid_t number, const struct abi_siginfo *info)
{
    struct pid *pid = pid_lookup(number);
    struct process *process = NULL;

    if (pid != NULL) {
        process = pid->process != NULL ? pid->process
                  : pid->task != NULL  ? pid->task->process
                                       : NULL;
    }
    return process != NULL ? send_checked(process, info) : -ESRCH;
}

int64_t sys_kill(const struct syscall_args *args)
{
    pid_t id = (pid_t)args->a[0];
    struct abi_siginfo info = signal_info_user((int)args->a[1], ABI_SI_USER);
    int error;

    if (!is_signal(info.si_signo)) {
        return -EINVAL;
    }
    spin_lock(&task_tree_lock);
    if (id > 0) {
        error = send_to_process(id, &info);
    } else if (id == 0) {
        error = send_to_group(task_current()->process->group->number, &info);
    } else if (id == -1) {
        error = send_to_all(&info);
    } else {
        error = id == INT32_MIN ? -ESRCH : send_to_group(-id, &info);
    }
    spin_unlock(&task_tree_lock);
    return error;
}

static int send_to_thread(pid_t group, pid_t tid, const struct abi_siginfo *info)
{
    struct task *task;
    int error;

    if (!is_signal(info->si_signo) || tid <= 0) {
        return -EINVAL;
    }
    task = task_find(tid);
    if (task == NULL) {
        return -ESRCH;
    }
    if (group > 0 && task->process->id != group) {
        error = -ESRCH;
    } else {
        spin_lock(&task_tree_lock);
        error = signal_check_permission(task->process, info->si_signo);
        spin_unlock(&task_tree_lock);
    }
    if (error == 0 && info->si_signo != 0) {
        error = signal_send_task(task, info);
    }
    task_put(task);
    return error;
}

int64_t sys_tkill(const struct syscall_args *args)
{
    struct abi_siginfo info = signal_info_user((int)args->a[1], ABI_SI_TKILL);

    return send_to_thread(0, (pid_t)args->a[0], &info);
}

int64_t sys_tgkill(const struct syscall_args *args)
{
    struct abi_siginfo info = signal_info_user((int)args->a[2], ABI_SI_TKILL);

    if ((pid_t)args->a[0] <= 0) {
        return -EINVAL;
    }
    return send_to_thread((pid_t)args->a[0], (pid_t)args->a[1], &info);
}

/** A siginfo of the caller's own making: it may not pretend to be the kernel's or kill's, except
 *  to itself. */
static int get_siginfo(uint64_t address, int signal, pid_t target, struct abi_siginfo *info)
{
    int error = copy_from_user(info, address, sizeof(*info));

    if (error != 0) {
        return error;
    }
    info->si_signo = signal;
    if ((info->si_code >= 0 || info->si_code == ABI_SI_TKILL) &&
        target != task_current()->process->id) {
        return -EPERM;
    }
    return 0;
}

int64_t sys_rt_sigqueueinfo(const struct syscall_args *args)
{
    pid_t id = (pid_t)args->a[0];
    struct abi_siginfo info;
    int error = get_siginfo(args->a[2], (int)args->a[1], id, &info);

    if (error != 0) {
        return error;
    }
    if (!is_signal(info.si_signo)) {
        return -EINVAL;
    }
    spin_lock(&task_tree_lock);
    error = send_to_process(id, &info);
    spin_unlock(&task_tree_lock);
    return error;
}

int64_t sys_rt_tgsigqueueinfo(const struct syscall_args *args)
{
    struct abi_siginfo info;
    int error;

    if ((pid_t)args->a[0] <= 0) {
        return -EINVAL;
    }
    error = get_siginfo(args->a[3], (int)args->a[2], (pid_t)args->a[0], &info);
    return error != 0 ? error : send_to_thread((pid_t)args->a[0], (pid_t)args->a[1], &info);
}
