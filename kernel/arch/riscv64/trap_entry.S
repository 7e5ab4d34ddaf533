/* SPDX-License-Identifier: MIT
 *
 * Into the kernel and out of it.
 *
 * Register contract. In user mode sscratch holds the running thread; in the kernel it holds 0, and
 * tp the thread: so one exchange tells where a trap came from. thread->kernel_sp holds, while in
 * user mode, the address of the frame to fill: the last FRAME_SIZE bytes of the kernel stack.
 * Every register is saved, the FPU's are not: the kernel does not use them. sstatus.SUM (access to
 * user memory) and sstatus.FS (the FPU) are cleared on the way in, with one instruction, and come
 * back with the frame's sstatus; so an interrupt in the middle of a user copy runs without the
 * right to touch user memory.
 *
 * A system call runs with interrupts on. All else starts in C with interrupts off.
 *
 * A trap from the kernel first looks whether its frame still fits on the stack: stacks are aligned
 * to twice their size, so one bit of the address tells. If it does not, the stack has run into its
 * guard page, and the report is made on the emergency stack.
 */
#include "kernel/arch/riscv64/offsets.h"

    .macro save_from_x5
    sd x5, 40(sp)
    sd x6, 48(sp)
    sd x7, 56(sp)
    sd x8, 64(sp)
    sd x9, 72(sp)
    sd x10, 80(sp)
    sd x11, 88(sp)
    sd x12, 96(sp)
    sd x13, 104(sp)
    sd x14, 112(sp)
    sd x15, 120(sp)
    sd x16, 128(sp)
    sd x17, 136(sp)
    sd x18, 144(sp)
    sd x19, 152(sp)
    sd x20, 160(sp)
    sd x21, 168(sp)
    sd x22, 176(sp)
    sd x23, 184(sp)
    sd x24, 192(sp)
    sd x25, 200(sp)
    sd x26, 208(sp)
    sd x27, 216(sp)
    sd x28, 224(sp)
    sd x29, 232(sp)
    sd x30, 240(sp)
    sd x31, 248(sp)
    .endm

    /* What C functions may change; x8 is the frame pointer, which traps from user mode clear. */
    .macro load_scratch
    ld x5, 40(sp)
    ld x6, 48(sp)
    ld x7, 56(sp)
    ld x8, 64(sp)
    ld x10, 80(sp)
    ld x11, 88(sp)
    ld x12, 96(sp)
    ld x13, 104(sp)
    ld x14, 112(sp)
    ld x15, 120(sp)
    ld x16, 128(sp)
    ld x17, 136(sp)
    ld x28, 224(sp)
    ld x29, 232(sp)
    ld x30, 240(sp)
    ld x31, 248(sp)
    .endm

    .macro load_from_x5
    load_scratch
    ld x9, 72(sp)
    ld x18, 144(sp)
    ld x19, 152(sp)
    ld x20, 160(sp)
    ld x21, 168(sp)
    ld x22, 176(sp)
    ld x23, 184(sp)
    ld x24, 192(sp)
    ld x25, 200(sp)
    ld x26, 208(sp)
    ld x27, 216(sp)
    .endm

    /* Leaving to user mode, all but x5 and up, and sp. */
    .macro load_for_user
    sd sp, THREAD_KERNEL_SP(tp)
    csrw sscratch, tp
    ld t0, FRAME_STATUS(sp)
    ld t1, FRAME_PC(sp)
    csrw sstatus, t0
    csrw sepc, t1
    ld ra, 8(sp)
    ld gp, 24(sp)
    ld tp, 32(sp)
    .endm

    /* Save what the trap left in CSRs. After it: t1 = scause, t2 = sepc. */
    .macro save_csrs
    lui t0, (SSTATUS_SUM | SSTATUS_FS) >> 12
    csrrc t0, sstatus, t0
    csrr t2, sepc
    csrr t1, scause
    csrr t3, stval
    sd t0, FRAME_STATUS(sp)
    sd t2, FRAME_PC(sp)
    sd t1, FRAME_CAUSE(sp)
    sd t3, FRAME_VALUE(sp)
    .endm

    .text
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw tp, sscratch, tp
    beqz tp, from_kernel

    sd sp, THREAD_USER_SP(tp)
    ld sp, THREAD_KERNEL_SP(tp)
    sd ra, 8(sp)
    sd gp, 24(sp)
    save_from_x5
    csrrw t0, sscratch, zero
    sd t0, 32(sp)
    ld t0, THREAD_USER_SP(tp)
    sd t0, 16(sp)
    save_csrs
    li s0, 0 /* the end of a backtrace */
    mv a0, sp
    li t0, CAUSE_USER_ECALL
    bne t1, t0, 1f

    addi t2, t2, 4 /* go on behind the ecall */
    ld t0, 80(sp)
    sd t2, FRAME_PC(sp)
    sd t0, FRAME_ORIG_A0(sp)
    sd a7, FRAME_SYSCALL(sp)
    csrsi sstatus, SSTATUS_SIE
    call trap_upcall_syscall
    j return_to_user
1:
    li t0, -1
    sd t0, FRAME_SYSCALL(sp)
    call trap_from_user
    /* C functions keep s1 to s11 as they found them; and as long as the thread has no work, nobody has
     * changed its frame. (A system call may have: sigreturn, execve.) */
    csrci sstatus, SSTATUS_SIE
    ld t0, THREAD_NEED_RESCHED(tp)
    bnez t0, do_work
    load_for_user
    load_scratch
    ld sp, 16(sp)
    sret

    /* Leave to user mode; sp = the frame. New threads start here, too. */
    .globl return_to_user
return_to_user:
    csrci sstatus, SSTATUS_SIE
    ld t0, THREAD_NEED_RESCHED(tp)
    bnez t0, do_work
restore_user:
    load_for_user
    load_from_x5
    ld sp, 16(sp)
    sret
do_work:
    mv a0, sp
    call trap_upcall_return_to_user
    j restore_user

from_kernel:
    csrr tp, sscratch
    csrw sscratch, zero
    sd sp, THREAD_USER_SP(tp)
    addi sp, sp, -FRAME_SIZE
    srli sp, sp, STACK_BIT
    andi sp, sp, 1
    bnez sp, stack_overflow
    ld sp, THREAD_USER_SP(tp)
    addi sp, sp, -FRAME_SIZE
    sd ra, 8(sp)
    sd gp, 24(sp)
    sd tp, 32(sp)
    save_from_x5
    ld t0, THREAD_USER_SP(tp)
    sd t0, 16(sp)
    save_csrs
    mv a0, sp
    call trap_from_kernel
    ld t0, FRAME_STATUS(sp)
    ld t1, FRAME_PC(sp)
    csrw sstatus, t0
    csrw sepc, t1
    ld ra, 8(sp)
    load_from_x5
    ld sp, 16(sp)
    sret

    /* The first hart to come takes the emergency stack; another one waits for the end of the
     * machine; and the first one itself, if it comes again, ends it. */
stack_overflow:
    sd t0, THREAD_SAVED(tp) /* dead while the thread runs */
    sd t1, THREAD_SAVED + 8(tp)
    lla t0, emergency_owner
    addi t1, tp, 0
    amoswap.d t1, t1, (t0)
    bnez t1, 1f
    lla sp, emergency_stack + STACK_SIZE - FRAME_SIZE
    ld t0, THREAD_SAVED(tp)
    ld t1, THREAD_SAVED + 8(tp)
    sd ra, 8(sp)
    sd gp, 24(sp)
    sd tp, 32(sp)
    save_from_x5
    ld t0, THREAD_USER_SP(tp)
    sd t0, 16(sp)
    save_csrs
    mv a0, sp
    call trap_stack_overflow /* does not return */
1:
    bne t1, tp, 2f
    li a7, 0x53525354 /* SBI system reset: shut down, reason: failure */
    li a6, 0
    li a0, 0
    li a1, 1
    ecall
2:
    wfi
    j 2b

    .bss
    .balign 8
emergency_owner:
    .zero 8
