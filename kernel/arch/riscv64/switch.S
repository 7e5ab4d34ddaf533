/* SPDX-License-Identifier: MIT
 *
 * From one thread to another, and the first steps of a new one.
 *
 * Register contract: thread_switch_registers is an ordinary call for the compiler, so only the
 * callee-saved registers matter; tp becomes the next thread. A reservation of lr, which the
 * previous thread may hold, must not let the next one's sc succeed: the sc to the previous
 * thread's own record ends it.
 */
#include "kernel/arch/riscv64/offsets.h"

    .text
    /* struct thread *thread_switch_registers(struct thread *prev, struct thread *next) */
    .globl thread_switch_registers
thread_switch_registers:
    sd sp, THREAD_KERNEL_SP(a0)
    addi t0, a0, THREAD_SAVED
    sd ra, 0(t0)
    sd s0, 8(t0)
    sd s1, 16(t0)
    sd s2, 24(t0)
    sd s3, 32(t0)
    sd s4, 40(t0)
    sd s5, 48(t0)
    sd s6, 56(t0)
    sd s7, 64(t0)
    sd s8, 72(t0)
    sd s9, 80(t0)
    sd s10, 88(t0)
    sd s11, 96(t0)
    addi t1, t0, 104
    sc.d zero, zero, (t1)
    addi t0, a1, THREAD_SAVED
    ld ra, 0(t0)
    ld s0, 8(t0)
    ld s1, 16(t0)
    ld s2, 24(t0)
    ld s3, 32(t0)
    ld s4, 40(t0)
    ld s5, 48(t0)
    ld s6, 56(t0)
    ld s7, 64(t0)
    ld s8, 72(t0)
    ld s9, 80(t0)
    ld s10, 88(t0)
    ld s11, 96(t0)
    ld sp, THREAD_KERNEL_SP(a1)
    mv tp, a1
    ret

    /* A kernel thread's first instructions: s1 = entry, s2 = its argument, s0 = 0 (the end of
     * backtraces). */
    .globl thread_begin_kernel
thread_begin_kernel:
    mv a0, s2
    li ra, 0
    jalr s1
    ebreak /* an entry must not return */

    /* A forked thread's: s1 = after_switch, sp = its frame. */
    .globl thread_begin_user
thread_begin_user:
    jalr s1
    j return_to_user

    /* void thread_enter_user(struct trap_frame *frame) */
    .globl thread_leave_to_frame
thread_leave_to_frame:
    mv sp, a0
    j return_to_user
