// SPDX-License-Identifier: MIT
/* Load averages: how many tasks were runnable or in uninterruptible sleep, over 1, 5 and 15 minutes.
 *
 * Sampled every five seconds; each average decays by exp(-5 s / period), in fixed point with LOAD_SHIFT bits. */
#include "kernel/base/port.h"
#include "kernel/task/sched_internal.h"
#include "kernel/task/timer.h"

#define SAMPLE_NS 5000000000ull
#define ONE (1ull << LOAD_SHIFT)

static const uint64_t decay[3] = {1884, 2014, 2037}; /* ONE * exp(-5/60), exp(-5/300), exp(-5/900) */
static _Atomic uint64_t averages[3];                 /* [a] */
static struct timer sample_timer;

static uint64_t nr_active(void)
{
    int32_t nr_uninterruptible = 0;
    unsigned hart;

    for (hart = 0; hart < MAX_HARTS; hart++) {
        nr_uninterruptible +=
            (int32_t)__atomic_load_n(&run_queues[hart].nr_uninterruptible, __ATOMIC_RELAXED);
    }
    return sched_nr_runnable() + (nr_uninterruptible > 0 ? (uint64_t)nr_uninterruptible : 0);
}

static void take_sample(struct timer *timer)
{
    uint64_t now = nr_active() * ONE;
    unsigned i;

    for (i = 0; i < 3; i++) {
        uint64_t old = atomic_load_explicit(&averages[i], memory_order_relaxed);
        uint64_t next = (old * decay[i] + now * (ONE - decay[i]) + (now > old ? ONE - 1 : 0)) >> LOAD_SHIFT;

        atomic_store_explicit(&averages[i], next, memory_order_relaxed);
    }
    timer_start(timer, port_clock_ns() + SAMPLE_NS);
}

void sched_start_load(void)
{
    timer_init(&sample_timer, take_sample);
    timer_start(&sample_timer, port_clock_ns() + SAMPLE_NS);
}

void sched_get_load(uint64_t loads[3])
{
    unsigned i;

    for (i = 0; i < 3; i++) {
        loads[i] = atomic_load_explicit(&averages[i], memory_order_relaxed);
    }
}
