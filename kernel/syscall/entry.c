// SPDX-License-Identifier: MIT
/* System calls: from the trap to the handler and back.
 *
 * The number is in a7, the arguments are a0 to a5, the result goes into a0; all are fields of
 * the trap frame, so a handler's arguments are the frame itself. A call that is not in the table
 * returns ENOSYS, and the log names it once. */
#include "kernel/abi/errno.h"
#include "kernel/abi/syscall_nr.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/syscall/table.h"
#include "kernel/task/task.h"

enum { REG_A0 = 10, REG_A7 = 17 };

static_assert(offsetof(struct trap_frame, regs[REG_A0 + 6]) -
                      offsetof(struct trap_frame, regs[REG_A0]) ==
                  sizeof(struct syscall_args),
              "a handler's arguments are the frame's registers a0 to a5");

static _Atomic uint64_t
    reported[BITMAP_NR_WORDS(NR_SYSCALLS + 1)]; /* [a] bit of a call: it is in the log */

static int64_t refuse_unknown(uint64_t number)
{
    const struct task *self = task_current();
    size_t bit = number < NR_SYSCALLS ? number : NR_SYSCALLS;
    const char *name = syscall_name(number);

    if (!bitmap_test_and_set_atomic(reported, bit)) {
        pr_notice("syscall: %s (%llu) is not there: pid %d (%s) gets ENOSYS",
                  name != NULL ? name : "a call without name", (unsigned long long)number,
                  self->tid, self->name);
    }
    return -ENOSYS;
}

/** An error that only signal handling may see: make sure that it does. */
static bool is_restart(int64_t result)
{
    return (uint64_t)(result + ERESTART_RESTARTBLOCK) <= ERESTART_RESTARTBLOCK - ERESTARTSYS;
}

void trap_upcall_syscall(struct trap_frame *frame)
{
    uint64_t number = frame->regs[REG_A7];
    syscall_handler *handler = NULL;
    int64_t result;

    if (likely(number < NR_SYSCALLS)) {
        handler = syscall_table[number].handler;
    }
    if (likely(handler != NULL)) {
        result = handler((const struct syscall_args *)&frame->regs[REG_A0]);
    } else {
        result = refuse_unknown(number);
    }
    frame->regs[REG_A0] = (uint64_t)result;
    if (unlikely(is_restart(result))) {
        __atomic_store_n(&task_current()->thread.work, 1, __ATOMIC_RELAXED);
    }
}
