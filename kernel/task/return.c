// SPDX-License-Identifier: MIT
/* The way out to user mode, when there is something to do first: another task's turn, or
 * signals. */
#include "kernel/arch/riscv64/trap.h"
#include "kernel/task/signal.h"

void trap_upcall_return_to_user(struct trap_frame *frame)
{
    struct thread *self = port_thread();

    while ((__atomic_load_n(&self->need_resched, __ATOMIC_RELAXED) |
            __atomic_load_n(&self->work, __ATOMIC_RELAXED)) != 0) {
        if (__atomic_load_n(&self->need_resched, __ATOMIC_RELAXED) != 0) {
            trap_upcall_preempt();
        }
        if (__atomic_exchange_n(&self->work, 0, __ATOMIC_ACQUIRE) != 0) {
            port_irq_restore(PORT_SSTATUS_SIE);
            signal_deliver(frame);
            (void)port_irq_save();
        }
    }
}
