// SPDX-License-Identifier: MIT
/* Calls about timers: setitimer's three, and those of timer_create. */
#include "kernel/abi/errno.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/times.h"
#include "kernel/task/itimer.h"
#include "kernel/task/posix_timer.h"

static int itimer_to_user(uint64_t address, const struct interval_timer *itimer)
{
    struct abi_itimerval value = {
        .interval = times_to_timeval(itimer->interval_ns),
        .value = times_to_timeval(itimer->next_ns),
    };

    return copy_to_user(address, &value, sizeof(value));
}

int64_t sys_getitimer(const struct syscall_args *args)
{
    struct interval_timer current;

    if (args->a[0] > ABI_ITIMER_PROF) {
        return -EINVAL;
    }
    itimer_get((int)args->a[0], &current);
    return itimer_to_user(args->a[1], &current);
}

int64_t sys_setitimer(const struct syscall_args *args)
{
    struct abi_itimerval value = {0};
    struct interval_timer next;
    struct interval_timer old;
    int error = 0;

    if (args->a[0] > ABI_ITIMER_PROF) {
        return -EINVAL;
    }
    if (args->a[1] != 0) {
        error = copy_from_user(&value, args->a[1], sizeof(value));
    }
    if (error == 0) {
        error = times_from_timeval(&value.value, &next.next_ns);
    }
    if (error == 0) {
        error = times_from_timeval(&value.interval, &next.interval_ns);
    }
    if (error != 0) {
        return error;
    }
    itimer_set((int)args->a[0], &next, &old);
    return args->a[2] != 0 ? itimer_to_user(args->a[2], &old) : 0;
}

int64_t sys_timer_create(const struct syscall_args *args)
{
    struct abi_sigevent event;
    int32_t id;
    int error = 0;

    if (args->a[1] != 0) {
        error = copy_from_user(&event, args->a[1], sizeof(event));
    }
    if (error == 0) {
        error = posix_timer_create((int)args->a[0], args->a[1] != 0 ? &event : NULL, &id);
    }
    if (error != 0) {
        return error;
    }
    error = copy_to_user(args->a[2], &id, sizeof(id));
    if (error != 0) {
        (void)!posix_timer_delete(id);
    }
    return error;
}

int64_t sys_timer_delete(const struct syscall_args *args)
{
    return posix_timer_delete((int)args->a[0]);
}

int64_t sys_timer_getoverrun(const struct syscall_args *args)
{
    return posix_timer_overrun((int)args->a[0]);
}

static int setting_to_user(uint64_t address, const struct posix_timer_setting *setting)
{
    struct abi_itimerspec value = {
        .interval = times_to_timespec(setting->interval_ns),
        .value = times_to_timespec(setting->value_ns),
    };

    return copy_to_user(address, &value, sizeof(value));
}

int64_t sys_timer_gettime(const struct syscall_args *args)
{
    struct posix_timer_setting current;
    int error = posix_timer_get((int)args->a[0], &current);

    return error != 0 ? error : setting_to_user(args->a[1], &current);
}

int64_t sys_timer_settime(const struct syscall_args *args)
{
    struct abi_itimerspec value;
    struct posix_timer_setting next;
    struct posix_timer_setting old;
    int error = copy_from_user(&value, args->a[2], sizeof(value));

    if (error == 0) {
        error = times_from_timespec(&value.value, &next.value_ns);
    }
    if (error == 0) {
        error = times_from_timespec(&value.interval, &next.interval_ns);
    }
    if (error == 0) {
        error = posix_timer_set((int)args->a[0], (args->a[1] & ABI_TIMER_ABSTIME) != 0, &next,
                                &old);
    }
    if (error != 0 || args->a[3] == 0) {
        return error;
    }
    return setting_to_user(args->a[3], &old);
}
