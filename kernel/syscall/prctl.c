// SPDX-License-Identifier: MIT
/* prctl(2), personality(2), membarrier(2) and the riscv calls: small switches of one task. */
#include "kernel/abi/errno.h"
#include "kernel/abi/utsname.h"
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/process.h"
#include "kernel/task/sched.h"
#include "kernel/task/task.h"
#include "port/pagetable.h"

#define DEFAULT_TIMER_SLACK_NS 50000
#define PERSONALITY_QUERY      0xffffffffu

static int64_t set_name(uint64_t address)
{
    char name[TASK_NAME_SIZE];
    ssize_t len = port_string_from_user(name, user_ptr(address), sizeof(name));

    if (len == -EFAULT) {
        return -EFAULT;
    }
    name[TASK_NAME_SIZE - 1] = '\0'; /* a longer one is cut */
    task_set_name(task_current(), name);
    return 0;
}

static int64_t get_name(uint64_t address)
{
    char name[TASK_NAME_SIZE] = "";

    strlcpy(name, task_current()->name, sizeof(name));
    return copy_to_user(address, name, sizeof(name));
}

static int64_t put_int(uint64_t address, int value)
{
    return copy_to_user(address, &value, sizeof(value));
}

static int64_t capability_bounding(uint64_t capability)
{
    return capability > ABI_CAP_LAST ? -EINVAL : 1;
}

int64_t sys_prctl(const struct syscall_args *args)
{
    struct process *process = task_current()->process;
    uint64_t value = args->a[1];

    switch ((int)args->a[0]) {
    case ABI_PR_SET_NAME: return set_name(value);
    case ABI_PR_GET_NAME: return get_name(value);
    case ABI_PR_SET_PDEATHSIG:
        if (value > ABI_NSIG) {
            return -EINVAL;
        }
        process->parent_death_signal = (int)value;
        return 0;
    case ABI_PR_GET_PDEATHSIG: return put_int(value, process->parent_death_signal);
    case ABI_PR_SET_DUMPABLE:
        if (value > 1) {
            return -EINVAL;
        }
        process->is_dumpable = value != 0;
        return 0;
    case ABI_PR_GET_DUMPABLE: return process->is_dumpable;
    case ABI_PR_SET_KEEPCAPS:
        if (value > 1) {
            return -EINVAL;
        }
        process->keeps_capabilities = value != 0;
        return 0;
    case ABI_PR_GET_KEEPCAPS: return process->keeps_capabilities;
    case ABI_PR_SET_NO_NEW_PRIVS:
        if (value != 1 || (args->a[2] | args->a[3] | args->a[4]) != 0) {
            return -EINVAL;
        }
        process->has_no_new_privileges = true;
        return 0;
    case ABI_PR_GET_NO_NEW_PRIVS: return process->has_no_new_privileges;
    case ABI_PR_SET_CHILD_SUBREAPER:
        spin_lock(&task_tree_lock);
        process->is_subreaper = value != 0;
        spin_unlock(&task_tree_lock);
        return 0;
    case ABI_PR_GET_CHILD_SUBREAPER: return put_int(value, process->is_subreaper);
    case ABI_PR_SET_TIMERSLACK: return 0;
    case ABI_PR_GET_TIMERSLACK: return DEFAULT_TIMER_SLACK_NS;
    case ABI_PR_CAPBSET_READ: return capability_bounding(value);
    case ABI_PR_GET_SECUREBITS:
    case ABI_PR_GET_THP_DISABLE: return 0;
    default: return -EINVAL;
    }
}

int64_t sys_personality(const struct syscall_args *args)
{
    /* There is one: Linux. */
    return (uint32_t)args->a[0] == PERSONALITY_QUERY || args->a[0] == 0 ? 0 : -EINVAL;
}

/** A full barrier on every hart that runs a thread of a program. Each of them is interrupted,
 *  makes a full fence, and answers; a thread that does not run passed one when it was switched
 *  away, and will when it is switched to. */
static void barrier_everywhere(void)
{
    fence_full();
    pagetable_sync_icache();
    fence_full();
}

int64_t sys_membarrier(const struct syscall_args *args)
{
    if ((uint32_t)args->a[1] != 0) {
        return -EINVAL;
    }
    switch ((int)args->a[0]) {
    case ABI_MEMBARRIER_QUERY:
        return ABI_MEMBARRIER_GLOBAL | ABI_MEMBARRIER_PRIVATE_EXPEDITED |
               ABI_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED;
    case ABI_MEMBARRIER_GLOBAL:
    case ABI_MEMBARRIER_PRIVATE_EXPEDITED: barrier_everywhere(); return 0;
    case ABI_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED: return 0;
    default: return -EINVAL;
    }
}

int64_t sys_riscv_flush_icache(const struct syscall_args *args)
{
    if ((args->a[2] & ~1ull) != 0) {
        return -EINVAL;
    }
    pagetable_sync_icache();
    return 0;
}
