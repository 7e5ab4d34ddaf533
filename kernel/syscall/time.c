// SPDX-License-Identifier: MIT
/* Calls that read and set clocks, and sleep. */
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/timer.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/times.h"
#include "kernel/task/account.h"
#include "kernel/task/clock.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"

int64_t sys_clock_gettime(const struct syscall_args *args)
{
    uint64_t now_ns;
    int error = clock_read((int)args->a[0], &now_ns);

    return error != 0 ? error : times_timespec_to_user(args->a[1], now_ns);
}

int64_t sys_clock_getres(const struct syscall_args *args)
{
    uint64_t now_ns;
    int error = clock_read((int)args->a[0], &now_ns);

    if (error != 0 || args->a[1] == 0) {
        return error;
    }
    return times_timespec_to_user(args->a[1], 1);
}

static int set_realtime(uint64_t realtime_ns)
{
    if (task_current()->cred.euid != 0) {
        return -EPERM;
    }
    timer_set_realtime(realtime_ns);
    return 0;
}

int64_t sys_clock_settime(const struct syscall_args *args)
{
    uint64_t realtime_ns;
    int error;

    if ((int)args->a[0] != ABI_CLOCK_REALTIME) {
        return -EINVAL;
    }
    error = times_timespec_from_user(args->a[1], &realtime_ns);
    return error != 0 ? error : set_realtime(realtime_ns);
}

int64_t sys_gettimeofday(const struct syscall_args *args)
{
    static const struct abi_timezone utc;
    struct abi_timeval now = times_to_timeval(port_realtime_ns());
    int error = 0;

    if (args->a[0] != 0) {
        error = copy_to_user(args->a[0], &now, sizeof(now));
    }
    if (error == 0 && args->a[1] != 0) {
        error = copy_to_user(args->a[1], &utc, sizeof(utc));
    }
    return error;
}

int64_t sys_settimeofday(const struct syscall_args *args)
{
    struct abi_timeval wanted;
    uint64_t realtime_ns;
    int error;

    if (args->a[0] == 0) {
        return 0; /* only a time zone, which the kernel does not keep */
    }
    error = copy_from_user(&wanted, args->a[0], sizeof(wanted));
    if (error == 0) {
        error = times_from_timeval(&wanted, &realtime_ns);
    }
    return error != 0 ? error : set_realtime(realtime_ns);
}

/* ---- Sleeping -------------------------------------------------------------------------------- */

/** Sleep until the deadline. Returns 0 or -ERESTARTSYS. */
static int sleep_until(uint64_t deadline_ns)
{
    int error = 0;

    while (error == 0) {
        port_block_prepare(PORT_BLOCK_INTERRUPTIBLE);
        error = port_block(deadline_ns);
    }
    return error == -ETIMEDOUT ? 0 : error;
}

/** A signal has ended a relative sleep: tell how much is left, and how to go on. */
static int64_t interrupt_sleep(struct task *self, uint64_t deadline_ns, uint64_t remaining);

static int64_t restart_sleep(struct task *self)
{
    uint64_t deadline_ns = self->restart_args[0];

    return sleep_until(deadline_ns) == 0
               ? 0
               : interrupt_sleep(self, deadline_ns, self->restart_args[1]);
}

static int64_t interrupt_sleep(struct task *self, uint64_t deadline_ns, uint64_t remaining)
{
    uint64_t now_ns = port_clock_ns();
    int error = 0;

    if (remaining != 0) {
        error = times_timespec_to_user(remaining, deadline_ns > now_ns ? deadline_ns - now_ns : 0);
    }
    self->restart = restart_sleep;
    self->restart_args[0] = deadline_ns;
    self->restart_args[1] = remaining;
    return error != 0 ? error : -ERESTART_RESTARTBLOCK;
}

static int64_t sleep_on(int clock, bool is_absolute, uint64_t request, uint64_t remaining)
{
    uint64_t time_ns;
    uint64_t deadline_ns;
    int error = times_timespec_from_user(request, &time_ns);

    if (error != 0) {
        return error;
    }
    deadline_ns = clock_deadline(clock, time_ns, is_absolute);
    if (sleep_until(deadline_ns) == 0) {
        return 0;
    }
    return is_absolute ? -ERESTARTNOHAND : interrupt_sleep(task_current(), deadline_ns, remaining);
}

int64_t sys_nanosleep(const struct syscall_args *args)
{
    return sleep_on(ABI_CLOCK_MONOTONIC, false, args->a[0], args->a[1]);
}

int64_t sys_clock_nanosleep(const struct syscall_args *args)
{
    int clock = (int)args->a[0];

    if (!clock_is_sleepable(clock)) {
        return clock == ABI_CLOCK_PROCESS_CPUTIME_ID ? -EOPNOTSUPP : -EINVAL;
    }
    return sleep_on(clock, (args->a[1] & ABI_TIMER_ABSTIME) != 0, args->a[2], args->a[3]);
}

/* ---- Processor time -------------------------------------------------------------------------- */

static int64_t user_ticks(uint64_t time_ns)
{
    return (int64_t)(time_ns / (NS_PER_SEC / ABI_USER_HZ));
}

int64_t sys_times(const struct syscall_args *args)
{
    struct process *process = task_current()->process;
    struct cpu_usage usage;
    struct abi_tms tms;
    int error = 0;

    if (args->a[0] != 0) {
        account_process(process, &usage);
        tms.utime = user_ticks(usage.user_ns);
        tms.stime = user_ticks(usage.system_ns);
        spin_lock(&task_tree_lock);
        tms.cutime = user_ticks(process->dead_children.user_ns);
        tms.cstime = user_ticks(process->dead_children.system_ns);
        spin_unlock(&task_tree_lock);
        error = copy_to_user(args->a[0], &tms, sizeof(tms));
    }
    return error != 0 ? error : user_ticks(port_clock_ns());
}

int64_t sys_getrusage(const struct syscall_args *args)
{
    struct process *process = task_current()->process;
    struct cpu_usage usage;
    struct abi_rusage rusage;

    switch ((int)args->a[0]) {
    case ABI_RUSAGE_SELF: account_process(process, &usage); break;
    case ABI_RUSAGE_THREAD: account_task(task_current(), &usage); break;
    case ABI_RUSAGE_CHILDREN:
        spin_lock(&task_tree_lock);
        usage = process->dead_children;
        spin_unlock(&task_tree_lock);
        break;
    default: return -EINVAL;
    }
    account_to_rusage(&usage, &rusage);
    return copy_to_user(args->a[1], &rusage, sizeof(rusage));
}
