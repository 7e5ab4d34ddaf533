// SPDX-License-Identifier: MIT
/* Faults of user programs: most are the address space's way of working; the rest become signals.
 *
 * A fault that no handler takes ends the program; then one log line says what, where and by
 * which instruction. */
#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/printk.h"
#include "kernel/task/actions.h"
#include "kernel/task/signal.h"
#include "mm/debug/guard_pool.h"
#include "mm/fault_inject.h"
#include "mm/space.h"

enum user_exception { /* scause */
                      EXCEPTION_MISALIGNED_FETCH = 0,
                      EXCEPTION_FETCH_ACCESS = 1,
                      EXCEPTION_ILLEGAL = 2,
                      EXCEPTION_BREAKPOINT = 3,
                      EXCEPTION_MISALIGNED_LOAD = 4,
                      EXCEPTION_LOAD_ACCESS = 5,
                      EXCEPTION_MISALIGNED_STORE = 6,
                      EXCEPTION_STORE_ACCESS = 7,
};

static const char *const access_names[] = {
    [TRAP_FAULT_READ] = "read",
    [TRAP_FAULT_WRITE] = "write",
    [TRAP_FAULT_EXEC] = "execute",
};

static bool is_handled(struct task *task, int signal)
{
    uint64_t irq_state = spin_lock_irqsave(&task->process->signal_lock);
    struct abi_sigaction action = signal_actions_read(task->process, signal);
    bool is_handled_here = action.handler > ABI_SIG_IGN &&
                           (task->blocked & signal_bit(signal)) == 0;

    spin_unlock_irqrestore(&task->process->signal_lock, irq_state);
    return is_handled_here;
}

static void post(struct trap_frame *frame, int signal, int code, uint64_t address, const char *what,
                 const char *access)
{
    struct task *self = task_current();
    struct abi_siginfo info = {.si_signo = signal, .si_code = code};

    info.fault.address = address;
    if (!is_handled(self, signal)) {
        pr_notice("%s[%d]: %s at 0x%llx pc 0x%llx sp 0x%llx%s%s", self->name, self->tid, what,
                  (unsigned long long)address, (unsigned long long)frame->pc,
                  (unsigned long long)frame->regs[2], access[0] != '\0' ? " " : "", access);
    }
    signal_force(self, &info);
}

bool trap_upcall_window_fault(const struct trap_frame *frame, uint64_t address,
                              enum trap_fault access)
{
    const void *calls[8];

    return access != TRAP_FAULT_EXEC && guard_pool_has((const void *)address) &&
           guard_pool_fault(address, access == TRAP_FAULT_WRITE, calls,
                            trap_backtrace(frame, calls, array_size(calls)));
}

/* What could not be handled becomes a signal. Apart: the record of the signal takes room on the stack. */
static __attribute__((noinline)) void post_fault(struct trap_frame *frame, enum trap_fault access,
                                                 int error)
{
    struct task *self = task_current();
    uint64_t address = frame->value;

    switch (error) {
    case -EFAULT:
        post(frame, ABI_SIGSEGV, ABI_SEGV_MAPERR, address, "segfault", access_names[access]);
        break;
    case -EACCES:
        post(frame, ABI_SIGSEGV, ABI_SEGV_ACCERR, address, "segfault", access_names[access]);
        break;
    case -ENOMEM: {
        struct abi_siginfo info = signal_info_kernel(ABI_SIGKILL);

        if (!signal_is_fatal_pending(self)) { /* else the log has said who is killed, and why */
            pr_err("%s[%d]: out of memory in a page fault at 0x%llx", self->name, self->tid,
                   (unsigned long long)address);
        }
        signal_force(self, &info);
        break;
    }
    default:
        post(frame, ABI_SIGBUS, ABI_BUS_ADRERR, address, "bus error", access_names[access]);
        break;
    }
}

static_assert((int)TRAP_FAULT_READ == (int)FAULT_READ &&
                  (int)TRAP_FAULT_WRITE == (int)FAULT_WRITE &&
                  (int)TRAP_FAULT_EXEC == (int)FAULT_EXEC,
              "the machine and mm number the kinds of access alike");

static inline int fault_in(struct task *self, uint64_t address, enum trap_fault access)
{
    self->nr_faults++;
    if (unlikely(self->space == NULL)) {
        return -EFAULT;
    }
    return space_fault(self->space, address, (enum fault_access)access);
}

/* A fault of the program itself is no call: allocations that are to fail are not looked for in it. */
void trap_upcall_user_fault(struct trap_frame *frame, enum trap_fault access)
{
    int error;

    fault_inject_pause();
    error = fault_in(task_current(), frame->value, access);
    fault_inject_resume();
    if (unlikely(error != 0)) {
        post_fault(frame, access, error);
        keep_call();
    }
}

bool trap_upcall_copy_fault(uint64_t address, enum trap_fault access)
{
    return fault_in(task_current(), address, access) == 0;
}

void trap_upcall_user_exception(struct trap_frame *frame)
{
    switch (frame->cause) {
    case EXCEPTION_ILLEGAL:
        post(frame, ABI_SIGILL, ABI_ILL_ILLOPC, frame->pc, "illegal instruction", "");
        break;
    case EXCEPTION_BREAKPOINT:
        post(frame, ABI_SIGTRAP, ABI_TRAP_BRKPT, frame->pc, "breakpoint", "");
        break;
    case EXCEPTION_MISALIGNED_FETCH:
    case EXCEPTION_MISALIGNED_LOAD:
    case EXCEPTION_MISALIGNED_STORE:
        post(frame, ABI_SIGBUS, ABI_BUS_ADRALN, frame->value, "misaligned access", "");
        break;
    case EXCEPTION_FETCH_ACCESS:
    case EXCEPTION_LOAD_ACCESS:
    case EXCEPTION_STORE_ACCESS:
        post(frame, ABI_SIGSEGV, ABI_SEGV_ACCERR, frame->value, "access fault", "");
        break;
    default: post(frame, ABI_SIGILL, ABI_ILL_ILLOPC, frame->pc, "unknown exception", ""); break;
    }
}
