// SPDX-License-Identifier: MIT
/* Resource limits and usage. */
#ifndef CAIRN_ABI_RESOURCE_H
#define CAIRN_ABI_RESOURCE_H

#include <stdint.h>

enum abi_rlimit_index {
    ABI_RLIMIT_CPU = 0,
    ABI_RLIMIT_FSIZE = 1,
    ABI_RLIMIT_DATA = 2,
    ABI_RLIMIT_STACK = 3,
    ABI_RLIMIT_CORE = 4,
    ABI_RLIMIT_RSS = 5,
    ABI_RLIMIT_NPROC = 6,
    ABI_RLIMIT_NOFILE = 7,
    ABI_RLIMIT_MEMLOCK = 8,
    ABI_RLIMIT_AS = 9,
    ABI_RLIMIT_LOCKS = 10,
    ABI_RLIMIT_SIGPENDING = 11,
    ABI_RLIMIT_MSGQUEUE = 12,
    ABI_RLIMIT_NICE = 13,
    ABI_RLIMIT_RTPRIO = 14,
    ABI_RLIMIT_RTTIME = 15,
    ABI_NR_RLIMITS = 16,
};

#define ABI_RLIM_INFINITY UINT64_MAX

struct abi_rlimit {
    uint64_t soft;
    uint64_t hard;
};

enum abi_rusage_who { ABI_RUSAGE_SELF = 0, ABI_RUSAGE_CHILDREN = -1, ABI_RUSAGE_THREAD = 1 };

struct abi_timeval {
    int64_t sec;
    int64_t usec;
};

struct abi_rusage {
    struct abi_timeval utime;
    struct abi_timeval stime;
    int64_t maxrss_kib;
    int64_t ixrss, idrss, isrss;
    int64_t minflt, majflt, nswap;
    int64_t inblock, oublock;
    int64_t msgsnd, msgrcv, nsignals;
    int64_t nvcsw, nivcsw;
};

enum abi_prio_which { ABI_PRIO_PROCESS = 0, ABI_PRIO_PGRP = 1, ABI_PRIO_USER = 2 };

#endif
