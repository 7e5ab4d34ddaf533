// SPDX-License-Identifier: MIT
/* Calls about scheduling: policies, niceness, affinity. */
#include "kernel/task/sched.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/sched.h"
#include "kernel/abi/resource.h"
#include "kernel/base/string.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/times.h"
#include "kernel/task/pid.h"
#include "kernel/task/process.h"

#define RR_INTERVAL_NS   100000000ull
#define FAIR_INTERVAL_NS 4000000ull
#define NICE_MIN         (-20)
#define NICE_MAX         19
#define RT_PRIORITY_MAX  99

/** The thread a call names (0: the caller), with a reference. */
static struct task *get_task(pid_t tid)
{
    if (tid == 0) {
        task_get(task_current());
        return task_current();
    }
    return tid < 0 ? NULL : task_find(tid);
}

static bool is_real_time(uint32_t policy)
{
    return policy == ABI_SCHED_FIFO || policy == ABI_SCHED_RR;
}

static bool may_change(const struct task *task)
{
    const struct cred *mine = &task_current()->cred;

    return mine->euid == 0 || mine->euid == task->cred.euid || mine->euid == task->cred.uid;
}

static int check_policy(const struct task *task, uint32_t policy, int32_t priority)
{
    switch (policy) {
    case ABI_SCHED_OTHER:
    case ABI_SCHED_BATCH:
    case ABI_SCHED_IDLE:
        if (priority != 0) {
            return -EINVAL;
        }
        break;
    case ABI_SCHED_FIFO:
    case ABI_SCHED_RR:
        if (priority < 1 || priority > RT_PRIORITY_MAX) {
            return -EINVAL;
        }
        if (task_current()->cred.euid != 0 && (uint64_t)priority > task_rlimit(ABI_RLIMIT_RTPRIO)) {
            return -EPERM;
        }
        break;
    default: return -EINVAL;
    }
    return may_change(task) ? 0 : -EPERM;
}

static int64_t set_scheduler(pid_t tid, int64_t policy, uint64_t param_address)
{
    struct abi_sched_param param;
    struct task *task;
    int error;

    if (tid < 0 || param_address == 0) {
        return -EINVAL;
    }
    error = copy_from_user(&param, param_address, sizeof(param));
    if (error != 0) {
        return error;
    }
    task = get_task(tid);
    if (task == NULL) {
        return -ESRCH;
    }
    if (policy < 0) {
        policy = task->sched.policy;
    }
    error = check_policy(task, (uint32_t)policy, param.priority);
    if (error == 0) {
        sched_set_policy(task, (uint32_t)policy, (uint32_t)param.priority, task->sched.nice);
    }
    task_put(task);
    return error;
}

int64_t sys_sched_setscheduler(const struct syscall_args *args)
{
    int policy = (int)args->a[1];

    if (policy < 0) {
        return -EINVAL;
    }
    return set_scheduler((pid_t)args->a[0], policy & ~ABI_SCHED_RESET_ON_FORK, args->a[2]);
}

int64_t sys_sched_setparam(const struct syscall_args *args)
{
    return set_scheduler((pid_t)args->a[0], -1, args->a[1]);
}

int64_t sys_sched_getscheduler(const struct syscall_args *args)
{
    struct task *task = get_task((pid_t)args->a[0]);
    int64_t policy;

    if (task == NULL) {
        return (pid_t)args->a[0] < 0 ? -EINVAL : -ESRCH;
    }
    policy = task->sched.policy;
    task_put(task);
    return policy;
}

int64_t sys_sched_getparam(const struct syscall_args *args)
{
    struct task *task;
    struct abi_sched_param param;

    if ((pid_t)args->a[0] < 0 || args->a[1] == 0) {
        return -EINVAL;
    }
    task = get_task((pid_t)args->a[0]);
    if (task == NULL) {
        return -ESRCH;
    }
    param.priority = is_real_time(task->sched.policy) ? (int32_t)task->sched.rt_priority : 0;
    task_put(task);
    return copy_to_user(args->a[1], &param, sizeof(param));
}

int64_t sys_sched_get_priority_max(const struct syscall_args *args)
{
    uint32_t policy = (uint32_t)args->a[0];

    if (is_real_time(policy)) {
        return RT_PRIORITY_MAX;
    }
    return policy == ABI_SCHED_OTHER || policy == ABI_SCHED_BATCH || policy == ABI_SCHED_IDLE
               ? 0
               : -EINVAL;
}

int64_t sys_sched_get_priority_min(const struct syscall_args *args)
{
    int64_t most = sys_sched_get_priority_max(args);

    return most > 0 ? 1 : most;
}

int64_t sys_sched_rr_get_interval(const struct syscall_args *args)
{
    struct task *task;
    uint64_t interval_ns = FAIR_INTERVAL_NS;

    if ((pid_t)args->a[0] < 0) {
        return -EINVAL;
    }
    task = get_task((pid_t)args->a[0]);
    if (task == NULL) {
        return -ESRCH;
    }
    if (task->sched.policy == ABI_SCHED_RR) {
        interval_ns = RR_INTERVAL_NS;
    } else if (task->sched.policy == ABI_SCHED_FIFO) {
        interval_ns = 0;
    }
    task_put(task);
    return times_timespec_to_user(args->a[1], interval_ns);
}

int64_t sys_sched_yield(const struct syscall_args *args)
{
    (void)args;
    port_yield();
    return 0;
}

int64_t sys_sched_setaffinity(const struct syscall_args *args)
{
    uint64_t mask = 0;
    struct task *task;
    int error = copy_from_user(&mask, args->a[2], min_of(args->a[1], sizeof(mask)));

    if (error != 0) {
        return error;
    }
    task = get_task((pid_t)args->a[0]);
    if (task == NULL) {
        return -ESRCH;
    }
    error = may_change(task) ? sched_set_affinity(task, mask) : -EPERM;
    task_put(task);
    return error;
}

int64_t sys_sched_getaffinity(const struct syscall_args *args)
{
    struct task *task;
    uint64_t mask;
    int error;

    if (args->a[1] < sizeof(mask) || args->a[1] % sizeof(mask) != 0) {
        return -EINVAL;
    }
    task = get_task((pid_t)args->a[0]);
    if (task == NULL) {
        return -ESRCH;
    }
    mask = task->sched.affinity & sched_online_harts();
    task_put(task);
    error = copy_to_user(args->a[2], &mask, sizeof(mask));
    return error != 0 ? error : (int64_t)sizeof(mask);
}

int64_t sys_getcpu(const struct syscall_args *args)
{
    uint32_t hart = port_hart_id();
    uint32_t node = 0;
    int error = 0;

    if (args->a[0] != 0) {
        error = copy_to_user(args->a[0], &hart, sizeof(hart));
    }
    if (error == 0 && args->a[1] != 0) {
        error = copy_to_user(args->a[1], &node, sizeof(node));
    }
    return error;
}

/* ---- Niceness -------------------------------------------------------------------------------- */

static bool is_meant(const struct process *process, int which, uint32_t who)
{
    const struct process *self = task_current()->process;

    if (process->leader == NULL) {
        return false;
    }
    switch (which) {
    case ABI_PRIO_PROCESS:
        return process == (who == 0 ? self : process) && (who == 0 || process->id == (pid_t)who);
    case ABI_PRIO_PGRP:
        return process->group->number == (who == 0 ? self->group->number : (pid_t)who);
    default: return process->leader->cred.uid == (who == 0 ? task_current()->cred.uid : who);
    }
}

static int set_nice(struct task *task, int nice)
{
    if (!may_change(task)) {
        return -EPERM;
    }
    if (nice < task->sched.nice && task_current()->cred.euid != 0 &&
        (uint64_t)(20 - nice) > task_rlimit(ABI_RLIMIT_NICE)) {
        return -EACCES;
    }
    sched_set_policy(task, task->sched.policy, task->sched.rt_priority, nice);
    return 0;
}

int64_t sys_setpriority(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    int nice = (int)args->a[2];
    struct process *process;
    struct task *task;
    int result = -ESRCH;

    if (which < ABI_PRIO_PROCESS || which > ABI_PRIO_USER) {
        return -EINVAL;
    }
    nice = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        if (!is_meant(process, which, (uint32_t)args->a[1])) {
            continue;
        }
        list_for_each (task, &process->threads, thread_node) {
            int error = set_nice(task, nice);

            result = result == -ESRCH || error != 0 ? error : result;
        }
    }
    spin_unlock(&task_tree_lock);
    return result;
}

int64_t sys_getpriority(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    struct process *process;
    int64_t result = -ESRCH;

    if (which < ABI_PRIO_PROCESS || which > ABI_PRIO_USER) {
        return -EINVAL;
    }
    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        if (is_meant(process, which, (uint32_t)args->a[1])) {
            result = max_of(result, (int64_t)(20 - process->leader->sched.nice));
        }
    }
    spin_unlock(&task_tree_lock);
    return result;
}
