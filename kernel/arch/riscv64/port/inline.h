// SPDX-License-Identifier: MIT
/* The part of the port that must be inlined: who and where we are, interrupts, preemption, fences.
 * The contract of each function stands in kernel/base/port.h.
 *
 * Register tp holds the running thread for as long as the hart is in the kernel, so "who am I" is
 * a register and "may I be preempted" is one load from it. A thread's tp never changes while it
 * runs; its hart does, whenever it sleeps. */
#ifndef CAIRN_PORT_INLINE_H
#define CAIRN_PORT_INLINE_H

#include "kernel/arch/riscv64/thread.h"

#define PORT_SSTATUS_SIE (1ul << 1)

register struct thread *port_thread_in_tp __asm__("tp");

struct task;

/** The slow half of port_preempt_enable: reschedule if interrupts are on. port.c */
void port_preempt_slow(void);

static inline struct thread *port_thread(void)
{
    return port_thread_in_tp;
}

static inline struct task *port_self(void)
{
    return (struct task *)port_thread_in_tp;
}

static inline unsigned port_hart_id(void)
{
    /* Volatile and not an atomic: GCC 12 sign-extends the latter, and undoes that for every index. */
    return *(volatile uint32_t *)&port_thread_in_tp->hart;
}

static inline uint64_t port_irq_save(void)
{
    uint64_t status;

    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status) : : "memory");
    return status & PORT_SSTATUS_SIE;
}

static inline void port_irq_restore(uint64_t state)
{
    __asm__ volatile("csrs sstatus, %0" : : "r"(state) : "memory");
}

static inline bool port_irqs_enabled(void)
{
    uint64_t status;

    __asm__ volatile("csrr %0, sstatus" : "=r"(status) : : "memory");
    return (status & PORT_SSTATUS_SIE) != 0;
}

/* Only the running thread changes its preempt_count, and an interrupt handler leaves it as it
 * found it: plain loads and stores, kept in order by compiler barriers. (Volatile, not C11
 * atomics: GCC 12 makes a swap of those.) */
static inline void port_preempt_disable(void)
{
    struct thread *self = port_thread_in_tp;

    *(volatile int32_t *)&self->preempt_count = self->preempt_count + 1;
    __asm__ volatile("" : : : "memory");
}

static inline void port_preempt_enable(void)
{
    struct thread *self = port_thread_in_tp;
    int32_t count;

    __asm__ volatile("" : : : "memory");
    count = self->preempt_count - 1;
    *(volatile int32_t *)&self->preempt_count = count;
    if (__builtin_expect(__atomic_load_n(&self->need_resched, __ATOMIC_RELAXED) != 0, 0) &&
        count == 0) {
        port_preempt_slow();
    }
}

static inline bool port_may_sleep(void)
{
    const struct thread *self = port_thread_in_tp;

    return self->preempt_count == 0 && self->in_irq == 0 && port_irqs_enabled();
}

static inline bool port_in_interrupt(void)
{
    return port_thread_in_tp->in_irq != 0;
}

static inline void port_relax(void)
{
    /* pause (Zihintpause): `fence w,0`, a hint that harts without it ignore. */
    __asm__ volatile(".word 0x0100000f" : : : "memory");
}

static inline void port_fence_acquire(void)
{
    __asm__ volatile("fence r,rw" : : : "memory");
}

static inline void port_fence_release(void)
{
    __asm__ volatile("fence rw,w" : : : "memory");
}

static inline uint64_t port_cycles(void)
{
    uint64_t ticks;

    __asm__ volatile("csrr %0, time" : "=r"(ticks));
    return ticks;
}

#endif
