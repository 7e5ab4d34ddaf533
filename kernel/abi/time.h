// SPDX-License-Identifier: MIT
/* Clocks, timers, and the structures that carry times. */
#ifndef CAIRN_ABI_TIME_H
#define CAIRN_ABI_TIME_H

#include "kernel/abi/resource.h" /* struct abi_timeval */
#include <stdint.h>

struct abi_timespec {
    int64_t sec;
    int64_t nsec;
};

struct abi_itimerspec {
    struct abi_timespec interval;
    struct abi_timespec value;
};

struct abi_itimerval {
    struct abi_timeval interval;
    struct abi_timeval value;
};

struct abi_timezone {
    int32_t minutes_west;
    int32_t dst_time;
};

struct abi_tms { /* in ticks of 1 / ABI_USER_HZ second */
    int64_t utime, stime, cutime, cstime;
};

#define ABI_USER_HZ 100

enum abi_clock {
    ABI_CLOCK_REALTIME = 0,
    ABI_CLOCK_MONOTONIC = 1,
    ABI_CLOCK_PROCESS_CPUTIME_ID = 2,
    ABI_CLOCK_THREAD_CPUTIME_ID = 3,
    ABI_CLOCK_MONOTONIC_RAW = 4,
    ABI_CLOCK_REALTIME_COARSE = 5,
    ABI_CLOCK_MONOTONIC_COARSE = 6,
    ABI_CLOCK_BOOTTIME = 7,
    ABI_CLOCK_REALTIME_ALARM = 8,
    ABI_CLOCK_BOOTTIME_ALARM = 9,
    ABI_CLOCK_TAI = 11,
};

#define ABI_TIMER_ABSTIME 1

enum abi_itimer { ABI_ITIMER_REAL = 0, ABI_ITIMER_VIRTUAL = 1, ABI_ITIMER_PROF = 2 };

#endif
