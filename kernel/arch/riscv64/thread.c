// SPDX-License-Identifier: MIT
/* The machine's part of a task: how it begins, how it is switched, and its FPU.
 *
 * A thread that is not running is its callee-saved registers in thread->saved and a stack pointer;
 * switching is an ordinary function call that returns on another stack. A new thread is prepared
 * so that this return leads into its first function.
 *
 * The FPU belongs to user programs, few of which use it, so its 264 bytes move only when they
 * must:
 *
 *     Off    the hart's FPU holds another's state; this thread's is in thread->fpu. The first FPU
 *            instruction traps (thread_use_fpu), and the state is loaded.
 *     Clean  the hart's FPU and thread->fpu agree.       fpu_is_live
 *     Dirty  the hart's FPU is newer.                    fpu_is_live
 *
 * The state is the FS field of sstatus, which the hardware moves from Clean to Dirty; while the
 * thread is in the kernel the field rests in its user frame. Switching away saves a Dirty FPU and
 * leaves the thread Off: so a thread that does not run has all its state in memory, and may go on
 * on any hart. Whoever looks at the FPU of the running thread does so with interrupts off, for a
 * switch in between would take it away. */
#include "kernel/arch/riscv64/thread.h"

#include "kernel/arch/riscv64/offsets.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"

static_assert(offsetof(struct trap_frame, pc) == FRAME_PC, "offsets.h");
static_assert(offsetof(struct trap_frame, status) == FRAME_STATUS, "offsets.h");
static_assert(offsetof(struct trap_frame, cause) == FRAME_CAUSE, "offsets.h");
static_assert(offsetof(struct trap_frame, value) == FRAME_VALUE, "offsets.h");
static_assert(offsetof(struct trap_frame, orig_a0) == FRAME_ORIG_A0, "offsets.h");
static_assert(offsetof(struct trap_frame, syscall) == FRAME_SYSCALL, "offsets.h");
static_assert(sizeof(struct trap_frame) == FRAME_SIZE && FRAME_SIZE % 16 == 0, "offsets.h");
static_assert(offsetof(struct thread, kernel_sp) == THREAD_KERNEL_SP, "offsets.h");
static_assert(offsetof(struct thread, user_sp) == THREAD_USER_SP, "offsets.h");
static_assert(offsetof(struct thread, hart) == THREAD_HART, "offsets.h");
static_assert(offsetof(struct thread, need_resched) == THREAD_NEED_RESCHED, "offsets.h");
static_assert(offsetof(struct thread, work) == THREAD_NEED_RESCHED + 4, "one load for both");
static_assert(offsetof(struct thread, saved) == THREAD_SAVED, "offsets.h");
static_assert(STACK_SIZE == KERNEL_STACK_SIZE, "offsets.h");
static_assert(offsetof(struct fpu_state, fcsr) == 256, "fpu.S");

struct thread *thread_switch_registers(struct thread *prev, struct thread *next);
void thread_begin_kernel(void);
void thread_begin_user(void);
_Noreturn void thread_leave_to_frame(struct trap_frame *frame);

enum { SAVED_RA, SAVED_S0, SAVED_S1, SAVED_S2 }; /* thread->saved */

struct trap_frame *thread_user_frame(const struct thread *thread)
{
    return (struct trap_frame *)(thread->stack + KERNEL_STACK_SIZE) - 1;
}

static void init_common(struct thread *thread, void (*begin)(void))
{
    assert(thread->stack % (2 * KERNEL_STACK_SIZE) == 0);
    memset(thread->saved, 0, sizeof(thread->saved));
    /* Below the user frame, also for a kernel thread: it may become a user's by execve. */
    thread->kernel_sp = (uint64_t)thread_user_frame(thread);
    thread->saved[SAVED_RA] = (uint64_t)begin;
    thread->fpu_is_live = 0;
}

void thread_init_kernel(struct thread *thread, void (*entry)(void *arg), void *arg)
{
    init_common(thread, thread_begin_kernel);
    thread->saved[SAVED_S1] = (uint64_t)entry;
    thread->saved[SAVED_S2] = (uint64_t)arg;
    memset(thread_user_frame(thread), 0, sizeof(struct trap_frame));
}

struct trap_frame *thread_init_user(struct thread *thread, const struct trap_frame *frame,
                                    void (*after_switch)(void))
{
    struct trap_frame *copy = thread_user_frame(thread);

    init_common(thread, thread_begin_user);
    thread->saved[SAVED_S1] = (uint64_t)after_switch;
    *copy = *frame;
    copy->status &= ~(uint64_t)SSTATUS_FS;
    return copy;
}

void thread_start_user(struct trap_frame *frame, uint64_t pc, uint64_t sp)
{
    *frame = (struct trap_frame){.pc = pc, .status = SSTATUS_SPIE, .syscall = UINT64_MAX};
    frame->regs[2] = sp;
}

void thread_enter_user(void)
{
    thread_leave_to_frame(thread_user_frame(port_thread()));
}

static uint64_t fs_of(const struct thread *thread)
{
    return thread_user_frame(thread)->status & SSTATUS_FS;
}

static void set_fs(struct thread *thread, uint64_t fs)
{
    struct trap_frame *frame = thread_user_frame(thread);

    frame->status = (frame->status & ~(uint64_t)SSTATUS_FS) | fs;
}

static void fpu_on(void)
{
    __asm__ volatile("csrs sstatus, %0" : : "r"(SSTATUS_FS_CLEAN) : "memory");
}

static void fpu_off(void)
{
    __asm__ volatile("csrc sstatus, %0" : : "r"(SSTATUS_FS) : "memory");
}

/* Bring the running thread's state to memory; the FPU stays its own, and Clean. */
static void save_live_fpu(struct thread *thread)
{
    if (fs_of(thread) == SSTATUS_FS) { /* Dirty: both bits */
        fpu_on();
        fpu_save(&thread->fpu);
        fpu_off();
        set_fs(thread, SSTATUS_FS_CLEAN);
    }
}

static void give_up_fpu(struct thread *thread)
{
    thread->fpu_is_live = 0;
    set_fs(thread, 0);
}

bool thread_use_fpu(struct trap_frame *frame)
{
    struct thread *self = port_thread();

    if ((frame->status & SSTATUS_FS) != 0) {
        return false;
    }
    fpu_on();
    fpu_load(&self->fpu);
    fpu_off();
    frame->status |= SSTATUS_FS_CLEAN;
    self->fpu_is_live = 1;
    return true;
}

struct thread *thread_switch(struct thread *prev, struct thread *next)
{
    if (prev->fpu_is_live != 0) {
        save_live_fpu(prev);
        give_up_fpu(prev);
    }
    next->hart = prev->hart;
    return thread_switch_registers(prev, next);
}

void thread_save_fpu(struct thread *thread, struct fpu_state *state)
{
    uint64_t irq_state = port_irq_save();

    if (thread->fpu_is_live != 0) {
        assert(thread == port_thread());
        save_live_fpu(thread);
    }
    *state = thread->fpu;
    port_irq_restore(irq_state);
}

void thread_load_fpu(struct thread *thread, const struct fpu_state *state)
{
    uint64_t irq_state = port_irq_save();

    give_up_fpu(thread);
    thread->fpu = *state;
    port_irq_restore(irq_state);
}

void thread_reset_fpu(struct thread *thread)
{
    uint64_t irq_state = port_irq_save();

    give_up_fpu(thread);
    memset(&thread->fpu, 0, sizeof(thread->fpu));
    port_irq_restore(irq_state);
}
