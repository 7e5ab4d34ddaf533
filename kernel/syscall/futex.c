// SPDX-License-Identifier: MIT
/* futex(2): decode. Priority-inheriting operations are not there (ENOSYS): the C library then
 * says ENOTSUP. */
#include "kernel/abi/errno.h"
#include "kernel/abi/futex.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/times.h"
#include "kernel/task/clock.h"
#include "kernel/task/futex.h"
#include "kernel/task/task.h"

struct wait_args {
    uint64_t address;
    uint32_t value;
    uint32_t bitset;
    bool is_private;
    bool is_absolute; /* FUTEX_WAIT_BITSET; plain FUTEX_WAIT is relative */
    int clock;
    uint64_t timeout; /* user address, or 0 */
};

static int64_t restart_wait(struct task *self)
{
    int error = futex_wait(self->restart_args[0], (self->restart_args[3] & 1) != 0,
                           (uint32_t)self->restart_args[1], ABI_FUTEX_BITSET_ANY,
                           self->restart_args[2]);

    if (error == -ERESTARTSYS) {
        self->restart = restart_wait;
        return -ERESTART_RESTARTBLOCK;
    }
    return error;
}

static int64_t wait(const struct wait_args *wanted)
{
    uint64_t deadline_ns = PORT_NO_DEADLINE;
    struct task *self = task_current();
    uint64_t time_ns;
    int error;

    if (wanted->timeout != 0) {
        error = times_timespec_from_user(wanted->timeout, &time_ns);
        if (error != 0) {
            return error;
        }
        deadline_ns = clock_deadline(wanted->clock, time_ns, wanted->is_absolute);
    }
    error = futex_wait(wanted->address, wanted->is_private, wanted->value, wanted->bitset,
                       deadline_ns);
    if (error != -ERESTARTSYS || wanted->is_absolute || wanted->timeout == 0) {
        return error;
    }
    /* A relative time must not begin anew. */
    self->restart = restart_wait;
    self->restart_args[0] = wanted->address;
    self->restart_args[1] = wanted->value;
    self->restart_args[2] = deadline_ns;
    self->restart_args[3] = wanted->is_private;
    return -ERESTART_RESTARTBLOCK;
}

int64_t sys_futex(const struct syscall_args *args)
{
    uint32_t operation = (uint32_t)args->a[1];
    bool is_private = (operation & ABI_FUTEX_PRIVATE) != 0;
    bool is_realtime = (operation & ABI_FUTEX_CLOCK_REALTIME) != 0;
    uint32_t value = (uint32_t)args->a[2];
    uint32_t third = (uint32_t)args->a[5];
    struct wait_args wanted = {
        .address = args->a[0],
        .value = value,
        .bitset = ABI_FUTEX_BITSET_ANY,
        .is_private = is_private,
        .clock = is_realtime ? ABI_CLOCK_REALTIME : ABI_CLOCK_MONOTONIC,
        .timeout = args->a[3],
    };

    switch (operation & ABI_FUTEX_OPERATION_MASK) {
    case ABI_FUTEX_WAIT: return wait(&wanted);
    case ABI_FUTEX_WAIT_BITSET:
        wanted.bitset = third;
        wanted.is_absolute = true;
        return wait(&wanted);
    case ABI_FUTEX_WAKE: return futex_wake(args->a[0], is_private, value, ABI_FUTEX_BITSET_ANY);
    case ABI_FUTEX_WAKE_BITSET: return futex_wake(args->a[0], is_private, value, third);
    case ABI_FUTEX_REQUEUE:
        return futex_requeue(args->a[0], args->a[4], is_private, value, (uint32_t)args->a[3], NULL);
    case ABI_FUTEX_CMP_REQUEUE:
        return futex_requeue(args->a[0], args->a[4], is_private, value, (uint32_t)args->a[3],
                             &third);
    case ABI_FUTEX_WAKE_OP:
        return futex_wake_op(args->a[0], args->a[4], is_private, value, (uint32_t)args->a[3],
                             third);
    default: return -ENOSYS;
    }
}
