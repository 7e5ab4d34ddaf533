// SPDX-License-Identifier: MIT
/* The frame of a signal handler on the user stack, as Linux riscv64 lays it out: siginfo, then ucontext with the registers and the
 * floating-point state. The handler gets (signal, &info, &context), returns to the trampoline, and rt_sigreturn takes all of
 * it back, except for what user mode must not choose.
 *
 * A frame is built whole in kernel memory and copied once. */
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
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
    if (task->alt_stack_size == 0) {
        stack->flags = ABI_SS_DISABLE;
    } else if (is_on_alt_stack(task, sp)) {
        stack->flags |= ABI_SS_ONSTACK;
    }
}

static void fill_fpu(struct task *task, struct abi_fp_state *fp)
{
    struct fpu_state state;

    thread_save_fpu(&task->thread, &state);
    memcpy(fp->f, state.f, sizeof(fp->f));
    fp->fcsr = state.fcsr;
}

int signal_build_frame(struct trap_frame *frame, const struct abi_siginfo *info,
                       const struct abi_sigaction *action)
{
    struct task *self = task_current();
    struct abi_sigframe built;
    uint64_t address = place_frame(self, frame, action);

    if (address == 0) {
        return -EFAULT;
    }
    memset(&built.context, 0, sizeof(built.context));
    built.info = *info;
    fill_stack(self, &built.context.stack, frame->regs[REG_SP]);
    built.context.mask = self->restores_blocked ? self->saved_blocked : self->blocked;
    built.context.context.regs.pc = frame->pc;
    memcpy(built.context.context.regs.x, &frame->regs[1], sizeof(built.context.context.regs.x));
    fill_fpu(self, &built.context.context.fp);
    if (port_copy_to_user(user_ptr(address), &built, sizeof(built)) != 0) {
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
    frame->regs[REG_A1] = address + offsetof(struct abi_sigframe, info);
    frame->regs[REG_A2] = address + offsetof(struct abi_sigframe, context);
    return 0;
}

static bool take_back(struct task *self, struct trap_frame *frame)
{
    uint64_t address = frame->regs[REG_SP] + offsetof(struct abi_sigframe, context);
    struct abi_ucontext context;
    struct fpu_state state = {0};

    if (frame->regs[REG_SP] % 16 != 0 ||
        port_copy_from_user(&context, user_ptr(address), sizeof(context)) != 0) {
        return false;
    }
    frame->pc = context.context.regs.pc;
    memcpy(&frame->regs[1], context.context.regs.x, sizeof(context.context.regs.x));
    memcpy(state.f, context.context.fp.f, sizeof(state.f));
    state.fcsr = context.context.fp.fcsr & 0xff;
    thread_load_fpu(&self->thread, &state);
    if ((context.stack.flags & ABI_SS_DISABLE) == 0 && context.stack.size >= ABI_MINSIGSTKSZ) {
        self->alt_stack = context.stack.sp;
        self->alt_stack_size = context.stack.size;
        self->alt_stack_flags = (uint32_t)context.stack.flags & ABI_SS_AUTODISARM;
    }
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
