// SPDX-License-Identifier: MIT
/* Times between user structures and nanoseconds. Times too large for 64 bits become the largest. */
#ifndef CAIRN_SYSCALL_TIMES_H
#define CAIRN_SYSCALL_TIMES_H

#include "kernel/abi/time.h"
#include "kernel/base/types.h"
#include "kernel/syscall/copy.h"

#define NS_PER_SEC  1000000000ull
#define NS_PER_USEC 1000ull

static inline uint64_t times_join(uint64_t sec, uint64_t nsec)
{
    return sec >= UINT64_MAX / NS_PER_SEC - 1 ? UINT64_MAX - 1 : sec * NS_PER_SEC + nsec;
}

/** Returns 0 or -EINVAL. */
static inline int must_check times_from_timespec(const struct abi_timespec *timespec, uint64_t *ns)
{
    if (timespec->sec < 0 || timespec->nsec < 0 || timespec->nsec >= (int64_t)NS_PER_SEC) {
        return -EINVAL;
    }
    *ns = times_join((uint64_t)timespec->sec, (uint64_t)timespec->nsec);
    return 0;
}

static inline int must_check times_from_timeval(const struct abi_timeval *timeval, uint64_t *ns)
{
    if (timeval->sec < 0 || timeval->usec < 0 || timeval->usec >= 1000000) {
        return -EINVAL;
    }
    *ns = times_join((uint64_t)timeval->sec, (uint64_t)timeval->usec * NS_PER_USEC);
    return 0;
}

/** Returns 0, -EFAULT or -EINVAL. */
static inline int must_check times_timespec_from_user(uint64_t address, uint64_t *ns)
{
    struct abi_timespec timespec;
    int error = copy_from_user(&timespec, address, sizeof(timespec));

    return error != 0 ? error : times_from_timespec(&timespec, ns);
}

static inline struct abi_timespec times_to_timespec(uint64_t ns)
{
    return (struct abi_timespec){(int64_t)(ns / NS_PER_SEC), (int64_t)(ns % NS_PER_SEC)};
}

static inline struct abi_timeval times_to_timeval(uint64_t ns)
{
    return (struct abi_timeval){(int64_t)(ns / NS_PER_SEC),
                                (int64_t)(ns % NS_PER_SEC / NS_PER_USEC)};
}

/** Returns 0 or -EFAULT. */
static inline int must_check times_timespec_to_user(uint64_t address, uint64_t ns)
{
    struct abi_timespec timespec = times_to_timespec(ns);

    return copy_to_user(address, &timespec, sizeof(timespec));
}

#endif
