// SPDX-License-Identifier: MIT
/* The machine's part of a task: `struct thread` is the first member of every `struct task`, and
 * register tp holds its address whenever the hart runs in the kernel. */
#ifndef CAIRN_ARCH_THREAD_H
#define CAIRN_ARCH_THREAD_H

#include "kernel/base/types.h"

/* Everything a trap saves; lies at the top of the kernel stack for traps from user mode. Entry
 * code knows the offsets (trap_entry.S asserts them). regs[0] is unused, regs[2] is sp, regs[10]
 * is a0. */
struct trap_frame {
    uint64_t regs[32];
    uint64_t pc;
    uint64_t status;  /* sstatus */
    uint64_t cause;   /* scause */
    uint64_t value;   /* stval */
    uint64_t orig_a0; /* a0 at a system call's entry, for restarts */
    uint64_t syscall; /* the call's number, or -1 when this is no system call (any more) */
};

/* f0-f31 and fcsr, as Linux lays them out in signal frames. */
struct fpu_state {
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t padding;
};

/* The fields that other harts write are need_resched and work, both with atomic stores
 * (__atomic_store_n or a cast to _Atomic); the writer then sends an IPI if the thread runs in user
 * mode elsewhere. On the way to user mode, with interrupts off, both are looked at with one load;
 * when either is non-zero trap_upcall_return_to_user() is called, and comes back only with both
 * cleared. */
struct thread {
    uint64_t kernel_sp;    /* sp while switched away; in user mode: where the next frame goes */
    uint64_t user_sp;      /* scratch of the trap entry */
    uint32_t hart;         /* logical number of the hart that runs, or last ran, it */
    int32_t preempt_count; /* 0: may be preempted; counts spinlocks, nofault sections, interrupts */
    uint32_t need_resched; /* a better task waits: looked at leaving traps and in preempt_enable */
    uint32_t work;         /* something to do before user mode: signals, exit */
    uint32_t nofault;      /* nesting of port_user_nofault_begin */
    uint32_t in_irq;       /* nesting of interrupt handlers */
    uint32_t fpu_is_live;  /* the hart's FPU holds this task's state (its frame's FS is not Off) */
    uint64_t stack;        /* lowest address of the kernel stack; KERNEL_STACK_SIZE bytes */
    uint64_t saved[14];    /* ra, s0-s11 and a spare while switched away */
    uint64_t fault_page;   /* where it faulted last: trap.c */
    struct fpu_state fpu;
};

/** Prepare a thread that will run entry(arg) in the kernel on its stack when first switched to.
 *  entry must not return. thread->stack is set. */
void thread_init_kernel(struct thread *thread, void (*entry)(void *arg), void *arg);

/** Prepare a child of fork: it will leave to user mode with a copy of frame (the caller then
 *  changes a0, sp, tp in the frame returned), first calling after_switch() (which ends the
 *  scheduler's switch) in the kernel. Its FPU state is thread->fpu: fill it by
 *  thread_save_fpu(parent, &child->fpu). */
struct trap_frame *thread_init_user(struct thread *thread, const struct trap_frame *frame,
                                    void (*after_switch)(void));

/** Save this thread's registers, switch to next's. Returns, when somebody switches back, the thread
 *  that ran before.
 *  Context: interrupts off, on the scheduler's behalf. FPU state: saved if dirty, loaded lazily. */
struct thread *thread_switch(struct thread *prev, struct thread *next);

/** The trap frame of the system call or trap from user mode that the thread is in (top of its
 *  kernel stack). */
struct trap_frame *thread_user_frame(const struct thread *thread);

/** Set up frame for the first instruction of a program. */
void thread_start_user(struct trap_frame *frame, uint64_t pc, uint64_t sp);

/** Leave to user mode, as thread_user_frame() of the running thread says: for a kernel thread that
 *  has executed its first program. All that is on the kernel stack is gone. Context: nothing is
 *  held. */
_Noreturn void thread_enter_user(void);

/** FPU state of the running or a stopped thread, into or out of memory: for fork, signal frames,
 *  execve. */
void thread_save_fpu(struct thread *thread, struct fpu_state *state);
void thread_load_fpu(struct thread *thread, const struct fpu_state *state);
void thread_reset_fpu(struct thread *thread);

#endif
