// SPDX-License-Identifier: MIT
/* The frame of a signal handler on the user stack, as Linux riscv64 lays it out: siginfo, then
 * ucontext with the registers and the floating-point state. The handler gets (signal, &info,
 * &context), returns to the trampoline, and rt_sigreturn takes all of it back, except for what
 * user mode must not choose.
 *
 * A quarter of the frame is room for machines with larger registers, which nobody reads: it is
 * neither written nor read, only the words at its end that would announce more are cleared. */
#include "kernel/abi/errno.h"
#include "kernel/task/signal.h"
#include "kernel/task/trampoline.h"

enum { REG_RA = 1, REG_SP = 2, REG_A0 = 10, REG_A1 = 11, REG_A2 = 12 };

static bool is_on_alt_stack(const struct task *task, uint64_t sp)
{
    return (task->alt_stack_flags & ABI_SS_AUTODISARM) == 0 && sp > task->alt_stack &&
           sp - task->alt_stack <= task->alt_stack_size;
}

static uint64_t place_frame(const struct task *task, const struct trap_frame *frame,
                            const struct abi_sigaction *action)
{
    uint64_t sp = frame->regs[REG_SP];

    if ((action->flags & ABI_SA_ONSTACK) != 0 && task->alt_stack_size != 0 &&
        !is_on_alt_stack(task, sp)) {
        sp = task->alt_stack + task->alt_stack_size;
    } else if (is_on_alt_stack(task, sp) &&
               !is_on_alt_stack(task, sp - sizeof(struct abi_sigframe))) {
        return 0; /* the alternate stack would overflow: the signal kills instead */
    }
    return align_down(sp - sizeof(struct abi_sigframe), 16);
}

static void fill_stack(struct task *task, struct abi_stack *stack, uint64_t sp)
{
    stack->sp = task->alt_stack;
    stack->size = task->alt_stack_size;
    stack->flags = (int32_t)task->alt_stack_flags;
    stack->padding = 0;
    if (task->alt_stack_size == 0) {
        stack->flags = ABI_SS_DISABLE;
    } else if (is_on_alt_stack(task, sp)) {
        stack->flags |= ABI_SS_ONSTACK;
    }
}

/* The floating-point state of the machine and that of the frame begin alike. So do the
 * registers: the frame has pc where struct trap_frame has its unused regs[0]; with pc put there,
 * both are copied as they stand. */
static_assert(offsetof(struct abi_fp_state, fcsr) == offsetof(struct fpu_state, fcsr) &&
                  sizeof(struct fpu_state) <= sizeof(struct abi_fp_state),
              "the D extension's arm of the union");
static_assert(sizeof(struct abi_user_regs) == sizeof(((struct trap_frame *)NULL)->regs),
              "pc, x1 to x31");

/* Places in a frame. */
#define INFO_OFFSET    offsetof(struct abi_sigframe, info)
#define CONTEXT_OFFSET offsetof(struct abi_sigframe, context)
#define CONTEXT_BYTES  (offsetof(struct abi_ucontext, mask) + sizeof(uint64_t))
#define REGS_OFFSET    offsetof(struct abi_sigframe, context.context.regs)
#define FP_OFFSET      offsetof(struct abi_sigframe, context.context.fp)
#define END_BYTES      16 /* of the union, and more than enough for "no further records" */

static bool put(uint64_t address, uint64_t offset, const void *bytes, size_t len_bytes)
{
    return port_copy_to_user(user_ptr(address + offset), bytes, len_bytes) == 0;
}

static bool get(uint64_t address, uint64_t offset, void *bytes, size_t len_bytes)
{
    return port_copy_from_user(bytes, user_ptr(address + offset), len_bytes) == 0;
}

static bool put_frame(struct task *self, struct trap_frame *frame, uint64_t address,
                      const struct abi_siginfo *info, uint64_t old_blocked)
{
    static const uint64_t zeros[END_BYTES / sizeof(uint64_t)];
    struct abi_ucontext context; /* only its beginning, up to the mask */
    struct fpu_state fpu;

    context.flags = 0;
    context.link = 0;
    fill_stack(self, &context.stack, frame->regs[REG_SP]);
    context.mask = old_blocked;
    thread_save_fpu(&self->thread, &fpu);
    frame->regs[0] = frame->pc;
    return put(address, INFO_OFFSET, info, sizeof(*info)) &&
           put(address, CONTEXT_OFFSET, &context, CONTEXT_BYTES) &&
           put(address, REGS_OFFSET, frame->regs, sizeof(frame->regs)) &&
           put(address, FP_OFFSET, &fpu, sizeof(fpu)) &&
           put(address, sizeof(struct abi_sigframe) - END_BYTES, zeros, END_BYTES);
}

int signal_build_frame(struct trap_frame *frame, const struct abi_siginfo *info,
                       const struct abi_sigaction *action, uint64_t old_blocked)
{
    struct task *self = task_current();
    uint64_t address = place_frame(self, frame, action);

    if (address == 0 || !put_frame(self, frame, address, info, old_blocked)) {
        return -EFAULT;
    }
    if ((self->alt_stack_flags & ABI_SS_AUTODISARM) != 0) {
        self->alt_stack_size = 0;
        self->alt_stack_flags = 0;
    }
    frame->pc = action->handler;
    frame->regs[REG_SP] = address;
    frame->regs[REG_RA] = TRAMPOLINE_ADDRESS;
    frame->regs[REG_A0] = (uint64_t)info->si_signo;
    frame->regs[REG_A1] = address + INFO_OFFSET;
    frame->regs[REG_A2] = address + CONTEXT_OFFSET;
    return 0;
}

static void take_back_alt_stack(struct task *self, const struct abi_stack *stack)
{
    if ((stack->flags & ABI_SS_DISABLE) == 0 && stack->size >= ABI_MINSIGSTKSZ) {
        self->alt_stack = stack->sp;
        self->alt_stack_size = stack->size;
        self->alt_stack_flags = (uint32_t)stack->flags & ABI_SS_AUTODISARM;
    }
}

static bool take_back(struct task *self, struct trap_frame *frame)
{
    uint64_t address = frame->regs[REG_SP];
    struct abi_ucontext context; /* only its beginning */
    struct fpu_state fpu;

    if (address % 16 != 0 || !get(address, CONTEXT_OFFSET, &context, CONTEXT_BYTES) ||
        !get(address, FP_OFFSET, &fpu, sizeof(fpu)) ||
        !get(address, REGS_OFFSET, frame->regs, sizeof(frame->regs))) {
        return false;
    }
    frame->pc = frame->regs[0];
    fpu.fcsr &= 0xff;
    thread_load_fpu(&self->thread, &fpu);
    take_back_alt_stack(self, &context.stack);
    signal_set_blocked(context.mask);
    return true;
}

int64_t signal_return(struct trap_frame *frame)
{
    struct task *self = task_current();

    frame->syscall = UINT64_MAX; /* whatever a0 is, it is no error of a call to be restarted */
    if (!take_back(self, frame)) {
        struct abi_siginfo info = signal_info_kernel(ABI_SIGSEGV);

        signal_force(self, &info);
    }
    return (int64_t)frame->regs[REG_A0];
}
