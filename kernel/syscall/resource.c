// SPDX-License-Identifier: MIT
/* Calls about resource limits. */
#include "kernel/abi/errno.h"
#include "kernel/abi/resource.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"
#include "mm/space.h"

#define MAX_OPEN_FILES (1u << 20)

/** The limits that mm obeys are kept in the space, too. */
static void pass_to_space(struct task *task, unsigned index, uint64_t soft)
{
    struct space *space = task_get_space(task);

    if (space == NULL) {
        return;
    }
    switch (index) {
    case ABI_RLIMIT_AS: space->limit_address_space_bytes = soft; break;
    case ABI_RLIMIT_STACK: space->limit_stack_bytes = soft; break;
    case ABI_RLIMIT_DATA: space->limit_data_bytes = soft; break;
    case ABI_RLIMIT_MEMLOCK: space->limit_locked_bytes = soft; break;
    default: break;
    }
    space_put(space);
}

static int check_limit(const struct process *process, unsigned index, const struct abi_rlimit *next)
{
    if (next->soft > next->hard) {
        return -EINVAL;
    }
    if (next->hard > process->limits[index].hard && task_current()->cred.euid != 0) {
        return -EPERM;
    }
    if (index == ABI_RLIMIT_NOFILE && next->hard > MAX_OPEN_FILES) {
        return -EPERM;
    }
    return 0;
}

/** Read, then set, one limit of a process; either may be left out. */
static int change(struct task *task, unsigned index, const struct abi_rlimit *next,
                  struct abi_rlimit *old)
{
    struct process *process = task->process;
    uint64_t irq_state;
    int error = 0;

    irq_state = spin_lock_irqsave(&process->signal_lock);
    *old = process->limits[index];
    if (next != NULL) {
        error = check_limit(process, index, next);
        if (error == 0) {
            process->limits[index] = *next;
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (error == 0 && next != NULL) {
        pass_to_space(task, index, next->soft);
    }
    return error;
}

static bool may_change(const struct task *task)
{
    const struct cred *mine = &task_current()->cred;
    const struct cred *theirs = &task->cred;

    return mine->euid == 0 ||
           (mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
            mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid);
}

static int64_t limit_call(pid_t id, unsigned index, uint64_t next_address, uint64_t old_address)
{
    struct task *self = task_current();
    struct task *task = self;
    struct abi_rlimit next;
    struct abi_rlimit old;
    int error = 0;

    if (index >= ABI_NR_RLIMITS) {
        return -EINVAL;
    }
    if (next_address != 0) {
        error = copy_from_user(&next, next_address, sizeof(next));
        if (error != 0) {
            return error;
        }
    }
    if (id != 0 && id != self->tid) {
        task = task_find(id);
        if (task == NULL) {
            return -ESRCH;
        }
        error = may_change(task) ? 0 : -EPERM;
    }
    if (error == 0) {
        error = change(task, index, next_address != 0 ? &next : NULL, &old);
    }
    if (task != self) {
        task_put(task);
    }
    if (error == 0 && old_address != 0) {
        error = copy_to_user(old_address, &old, sizeof(old));
    }
    return error;
}

int64_t sys_prlimit64(const struct syscall_args *args)
{
    return limit_call((pid_t)args->a[0], (unsigned)args->a[1], args->a[2], args->a[3]);
}

int64_t sys_getrlimit(const struct syscall_args *args)
{
    return limit_call(0, (unsigned)args->a[0], 0, args->a[1]);
}

int64_t sys_setrlimit(const struct syscall_args *args)
{
    return args->a[1] == 0 ? -EFAULT : limit_call(0, (unsigned)args->a[0], args->a[1], 0);
}
