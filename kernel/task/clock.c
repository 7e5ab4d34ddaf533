// SPDX-License-Identifier: MIT
/* Clocks: two that run by themselves (monotonic and real time), and the processor time of
 * threads and processes. */
#include "kernel/task/clock.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/time.h"
#include "kernel/task/account.h"
#include "kernel/task/process.h"
#include "kernel/task/sched.h"

/* A negative clock id names another process's or thread's processor time: ~id << 3, and these
 * bits. */
#define CPU_CLOCK_PER_THREAD 4
#define CPU_CLOCK_WHICH_MASK 3

/** Processor time of a thread; id 0: the running one. */
static int read_thread(pid_t id, uint64_t *time_ns)
{
    struct task *task = id == 0 ? task_current() : task_find(id);

    if (task == NULL) {
        return -EINVAL;
    }
    *time_ns = sched_run_time_ns(task);
    if (id != 0) {
        task_put(task);
    }
    return 0;
}

static int read_process(pid_t id, uint64_t *time_ns)
{
    struct process *process = id == 0 ? task_current()->process : process_find(id);
    struct cpu_usage usage;

    if (process == NULL) {
        return -EINVAL;
    }
    account_process(process, &usage);
    *time_ns = usage.user_ns + usage.system_ns;
    if (id != 0) {
        process_put(process);
    }
    return 0;
}

static int read_other(int clock, uint64_t *time_ns)
{
    /* The number, complemented, stands above three bits of kind. */
    pid_t id = (pid_t)(~(uint32_t)clock >> 3);

    if (clock >= 0 || (clock & CPU_CLOCK_WHICH_MASK) == CPU_CLOCK_WHICH_MASK) {
        return -EINVAL;
    }
    return (clock & CPU_CLOCK_PER_THREAD) != 0 ? read_thread(id, time_ns)
                                               : read_process(id, time_ns);
}

int clock_read(int clock, uint64_t *time_ns)
{
    switch (clock) {
    case ABI_CLOCK_REALTIME:
    case ABI_CLOCK_REALTIME_COARSE:
    case ABI_CLOCK_REALTIME_ALARM:
    case ABI_CLOCK_TAI: *time_ns = port_realtime_ns(); return 0;
    case ABI_CLOCK_MONOTONIC:
    case ABI_CLOCK_MONOTONIC_RAW:
    case ABI_CLOCK_MONOTONIC_COARSE:
    case ABI_CLOCK_BOOTTIME_ALARM:
    case ABI_CLOCK_BOOTTIME: *time_ns = port_clock_ns(); return 0;
    case ABI_CLOCK_PROCESS_CPUTIME_ID: return read_process(0, time_ns);
    case ABI_CLOCK_THREAD_CPUTIME_ID: return read_thread(0, time_ns);
    default: return read_other(clock, time_ns);
    }
}

static bool is_real_time(int clock)
{
    return clock == ABI_CLOCK_REALTIME || clock == ABI_CLOCK_REALTIME_ALARM ||
           clock == ABI_CLOCK_TAI;
}

bool clock_is_sleepable(int clock)
{
    return is_real_time(clock) || clock == ABI_CLOCK_MONOTONIC || clock == ABI_CLOCK_BOOTTIME ||
           clock == ABI_CLOCK_BOOTTIME_ALARM;
}

uint64_t clock_deadline(int clock, uint64_t time_ns, bool is_absolute)
{
    uint64_t now_ns = port_clock_ns();
    uint64_t deadline_ns;

    if (is_absolute) {
        uint64_t clock_ns = is_real_time(clock) ? port_realtime_ns() : now_ns;

        time_ns = time_ns > clock_ns ? time_ns - clock_ns : 0;
    }
    if (__builtin_add_overflow(now_ns, time_ns, &deadline_ns)) {
        return UINT64_MAX - 1;
    }
    return deadline_ns;
}
