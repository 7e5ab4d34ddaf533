// SPDX-License-Identifier: MIT
/* Calls that lock memory: decode and check, then let mm/mlock.c do it. */
#include "kernel/abi/errno.h"
#include "kernel/abi/mman.h"
#include "kernel/syscall/calls.h"
#include "kernel/task/task.h"
#include "mm/space.h"

static struct space *space(void)
{
    return task_current()->space;
}

/** The whole pages of [start, start + len). Returns whether there are any; *error says whether the sum
 *  is a range at all. */
static bool round_out(uint64_t start, uint64_t len_bytes, uint64_t *first, uint64_t *end,
                      int *error)
{
    uint64_t in_page = start & PAGE_MASK;

    *first = start - in_page;
    *end = *first + align_up(len_bytes + in_page, PAGE_SIZE);
    *error = *end < *first ? -EINVAL : 0;
    return *end > *first;
}

static int64_t lock_range(const struct syscall_args *args, bool is_on_fault)
{
    uint64_t first, end;
    int error;

    if (!space_may_lock_at_all(space())) {
        return -EPERM;
    }
    return round_out(args->a[0], args->a[1], &first, &end, &error)
               ? space_lock(space(), first, end, is_on_fault)
               : error;
}

int64_t sys_mlock(const struct syscall_args *args)
{
    return lock_range(args, false);
}

int64_t sys_mlock2(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[2];

    if ((flags & ~ABI_MLOCK_ONFAULT) != 0) {
        return -EINVAL;
    }
    return lock_range(args, (flags & ABI_MLOCK_ONFAULT) != 0);
}

int64_t sys_munlock(const struct syscall_args *args)
{
    uint64_t first, end;
    int error;

    return round_out(args->a[0], args->a[1], &first, &end, &error)
               ? space_unlock(space(), first, end)
               : error;
}

int64_t sys_mlockall(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[0];

    if (flags == 0 || flags == ABI_MCL_ONFAULT ||
        (flags & ~(uint32_t)(ABI_MCL_CURRENT | ABI_MCL_FUTURE | ABI_MCL_ONFAULT)) != 0) {
        return -EINVAL;
    }
    if (!space_may_lock_at_all(space())) {
        return -EPERM;
    }
    return space_lock_all(space(), (flags & ABI_MCL_CURRENT) != 0, (flags & ABI_MCL_FUTURE) != 0,
                          (flags & ABI_MCL_ONFAULT) != 0);
}

int64_t sys_munlockall(const struct syscall_args *args)
{
    (void)args;
    space_unlock_all(space());
    return 0;
}
