// SPDX-License-Identifier: MIT
/* Calls about numbers: of threads, processes, groups, sessions. */
#include "kernel/abi/errno.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/job.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"

#define ROBUST_LIST_HEAD_SIZE 24

int64_t sys_getpid(const struct syscall_args *args)
{
    (void)args;
    return task_current()->process->id;
}

int64_t sys_gettid(const struct syscall_args *args)
{
    (void)args;
    return task_current()->tid;
}

int64_t sys_getppid(const struct syscall_args *args)
{
    struct process *parent;
    pid_t id;

    (void)args;
    spin_lock(&task_tree_lock);
    parent = task_current()->process->parent;
    id = parent != NULL ? parent->id : 0;
    spin_unlock(&task_tree_lock);
    return id;
}

int64_t sys_setpgid(const struct syscall_args *args)
{
    return job_set_group((pid_t)args->a[0], (pid_t)args->a[1]);
}

int64_t sys_getpgid(const struct syscall_args *args)
{
    return job_get_group((pid_t)args->a[0]);
}

int64_t sys_getsid(const struct syscall_args *args)
{
    return job_get_session((pid_t)args->a[0]);
}

int64_t sys_setsid(const struct syscall_args *args)
{
    (void)args;
    return job_start_session();
}

int64_t sys_set_tid_address(const struct syscall_args *args)
{
    task_current()->clear_child_tid = args->a[0];
    return task_current()->tid;
}

int64_t sys_set_robust_list(const struct syscall_args *args)
{
    if (args->a[1] != ROBUST_LIST_HEAD_SIZE) {
        return -EINVAL;
    }
    task_current()->robust_list = args->a[0];
    return 0;
}

int64_t sys_get_robust_list(const struct syscall_args *args)
{
    pid_t tid = (pid_t)args->a[0];
    struct task *self = task_current();
    struct task *task = tid == 0 ? self : task_find(tid);
    uint64_t head;
    uint64_t size_bytes = ROBUST_LIST_HEAD_SIZE;
    int error = 0;

    if (task == NULL) {
        return -ESRCH;
    }
    if (self->cred.euid != 0 && self->cred.euid != task->cred.uid) {
        error = -EPERM;
    }
    head = task->robust_list;
    if (tid != 0) {
        task_put(task);
    }
    if (error == 0) {
        error = copy_to_user(args->a[2], &size_bytes, sizeof(size_bytes));
    }
    return error != 0 ? error : copy_to_user(args->a[1], &head, sizeof(head));
}
