// SPDX-License-Identifier: MIT
/* The inlined part of the port, on the host: the contract stands in kernel/base/port.h.
 *
 * A pthread that runs holds one of the simulated harts; see tools/host/hart.c. Interrupts and preemption are only
 * counted, so that "may I sleep here?" is answered as it would be in the kernel. */
#ifndef CAIRN_PORT_INLINE_H
#define CAIRN_PORT_INLINE_H

#include "kernel/base/types.h"

struct task;

/* What the running pthread is in the simulated machine. */
struct host_thread {
    int hart;            /* -1: none yet */
    int preempt_count;   /* port_preempt_disable() nesting */
    int interrupt_count; /* host_interrupt_begin() nesting */
    int nofault_count;   /* port_user_nofault_begin() nesting */
    bool irqs_off;       /* between port_irq_save() and port_irq_restore() */
    bool is_pinned;      /* host_set_hart(): the hart is not given up */
    unsigned nr_relaxed; /* port_relax() calls */
    struct task *task;   /* NULL: none yet */
};

extern _Thread_local struct host_thread host_thread;

/** Take a hart, and a task, for this pthread. hart.c, task.c */
void host_take_hart(void);
void host_make_task(void);

/** Give other pthreads the processor. */
void host_relax(void);

uint64_t host_cycles(void);

static inline unsigned port_hart_id(void)
{
#ifdef HOST_HARTS_ARE_GIVEN
    /* For benchmarks: every pthread has called host_set_hart(). Then it is a load, as on hardware. */
    return (unsigned)host_thread.hart;
#endif
    if (__builtin_expect(host_thread.hart < 0, 0)) {
        host_take_hart();
    }
    return (unsigned)host_thread.hart;
}

static inline struct task *port_self(void)
{
    if (__builtin_expect(host_thread.task == NULL, 0)) {
        host_make_task();
    }
    return host_thread.task;
}

static inline bool port_irqs_enabled(void)
{
    return !host_thread.irqs_off;
}

static inline uint64_t port_irq_save(void)
{
    uint64_t state = !host_thread.irqs_off;

    host_thread.irqs_off = true;
    __asm__ volatile("" : : : "memory");
    return state;
}

static inline void port_irq_restore(uint64_t state)
{
    __asm__ volatile("" : : : "memory");
    host_thread.irqs_off = state == 0;
}

static inline void port_preempt_disable(void)
{
    host_thread.preempt_count++;
    __asm__ volatile("" : : : "memory");
}

static inline void port_preempt_enable(void)
{
    __asm__ volatile("" : : : "memory");
    host_thread.preempt_count--;
}

static inline bool port_in_interrupt(void)
{
    return host_thread.interrupt_count != 0;
}

static inline bool port_may_sleep(void)
{
    return host_thread.preempt_count == 0 && host_thread.interrupt_count == 0 &&
           !host_thread.irqs_off;
}

static inline void port_relax(void)
{
    /* There are more threads than processors: the one that is waited for may need this one. */
    if (++host_thread.nr_relaxed % 32 == 0) {
        host_relax();
    }
}

#if defined(__SANITIZE_THREAD__)
#define HOST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOST_UNDER_TSAN 1
#endif
#endif

#ifdef HOST_UNDER_TSAN
/* ThreadSanitizer does not see fences: every release fence then synchronises with every later acquire fence. */
void host_tsan_fence_acquire(void);
void host_tsan_fence_release(void);
#define port_fence_acquire() host_tsan_fence_acquire()
#define port_fence_release() host_tsan_fence_release()
#else
static inline void port_fence_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void port_fence_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}
#endif

static inline uint64_t port_cycles(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return host_cycles();
#endif
}

#endif
