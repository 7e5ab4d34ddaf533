// SPDX-License-Identifier: MIT
/* Traps: what the machine calls up, and what it offers.
 *
 * arch knows nothing of tasks, system calls or drivers. The upcalls below are declared here and
 * implemented above, so that include lines keep pointing down. */
#ifndef CAIRN_ARCH_TRAP_H
#define CAIRN_ARCH_TRAP_H

#include "kernel/arch/riscv64/thread.h"

/* ---- Upcalls: implemented by others ------------------------------------------------------------
 */

/** A system call (ecall from user mode; frame->pc already behind it). kernel/syscall/entry.c.
 *  Interrupts on. */
void trap_upcall_syscall(struct trap_frame *frame);

enum trap_fault { TRAP_FAULT_READ, TRAP_FAULT_WRITE, TRAP_FAULT_EXEC };

/** A page fault in user mode, at frame->value: when this returns, the access may be tried again, or a
 *  signal is pending. kernel/task/fault.c. Interrupts on. */
void trap_upcall_user_fault(struct trap_frame *frame, enum trap_fault access);

/** A page fault at a user address, met by a user copy in the kernel. Returns whether the access may be
 *  tried again; false: the copy fails. kernel/task/fault.c. Interrupts on. */
bool must_check trap_upcall_copy_fault(uint64_t address, enum trap_fault access);

/** Any other exception from user mode: illegal instruction, breakpoint, misaligned or bus error.
 *  frame->cause says which. kernel/task/fault.c. Interrupts on. */
void trap_upcall_user_exception(struct trap_frame *frame);

/** On the way to user mode, when the thread has work flagged: reschedule, signals. Called with
 *  interrupts off, returns with interrupts off and nothing more to do. kernel/task/return.c. */
void trap_upcall_return_to_user(struct trap_frame *frame);

/** Interrupts: the timer of this hart, the PLIC, a message from another hart. Interrupts off. */
void trap_upcall_timer(void);              /* kernel/task/timer.c */
void trap_upcall_external_interrupt(void); /* drivers/plic.c */
void trap_upcall_ipi(void);                /* kernel/task/sched.c: reschedule */

/** At the end of an interrupt taken in the kernel, when thread->need_resched is set and
 *  preempt_count is 0. Interrupts off, and off again on return. kernel/task/sched.c */
void trap_upcall_preempt(void);

/** What the panic report says of the running task ("3 sh"), into buffer. kernel/task/task.c. Any
 *  context. */
void trap_upcall_describe_task(const struct thread *thread, char *buffer, size_t size_bytes);

/** A page fault of the kernel's in the vmalloc window, where nothing is mapped. Returns whether the
 *  access may be tried again. kernel/task/fault.c. Interrupts off; any context. */
bool trap_upcall_window_fault(const struct trap_frame *frame, uint64_t address,
                              enum trap_fault access);

/* ---- Offered -----------------------------------------------------------------------------------
 */

/** Allow this hart's interrupts by source; sstatus.SIE stays as it is. Once on each hart. */
void trap_init_hart(void);

/** As port_backtrace(), of the code that a trap has interrupted; the first is that code itself, the
 *  second its caller, unless it calls nothing. */
unsigned trap_backtrace(const struct trap_frame *frame, const void **callers, unsigned max);

/** Run fn(arg) with interrupts off while all other harts stand still, their registers on their
 *  stacks. Returns 0, or -EBUSY when one does not stop. Context: interrupts on; one caller at a
 *  time. */
int harts_call_stopped(void (*fn)(void *arg), void *arg);

/** Inside of that: which thread a hart runs, and from where on its stack is in use. False: the hart
 *  does not run. */
bool hart_stopped_stack(unsigned hart, const struct thread **thread, uint64_t *sp);

/** Ask a hart to take trap_upcall_ipi(). Context: any. */
void trap_send_ipi(unsigned hart);

/** Program this hart's timer to fire at the absolute time (port_clock_ns); UINT64_MAX: never.
 *  Context: interrupts off. */
void timer_set_deadline(uint64_t deadline_ns);

/** Wait for an interrupt, with interrupts off; returns with them off. For the idle task. */
void hart_wait_for_interrupt(void);

/** Start the other harts: each runs entry(hart) on a boot stack of its own as `idle[hart]`. Returns
 *  how many run in all. */
unsigned harts_start(struct thread *idle[], void (*entry)(unsigned hart));

/** End the machine: QEMU's exit status where the test finisher exists, else SBI system reset. No
 *  return. */
_Noreturn void machine_power_off(int exit_status);
_Noreturn void machine_reboot(void);

#endif
