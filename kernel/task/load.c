// SPDX-License-Identifier: MIT
/* Load averages: how many tasks were runnable or in uninterruptible sleep, over 1, 5 and 15
 * minutes.
 *
 * A sample is due every five seconds; each average decays by exp(-5 s / period), in fixed point
 * with LOAD_SHIFT bits. No timer is kept for it, so that an idle machine sleeps on: the tick of
 * a busy hart takes the samples, and those that fell due while all harts were idle are made up
 * for when somebody looks, as samples of nothing. */
#include "kernel/base/port.h"
#include "kernel/sync/spinlock.h"
#include "kernel/task/sched_internal.h"

#define SAMPLE_NS         5000000000ull
#define ONE               (1ull << LOAD_SHIFT)
#define MOST_IDLE_SAMPLES 2048 /* after these every average has come down to nothing */

static const uint64_t decay[3] = {1884, 2014,
                                  2037}; /* ONE * exp(-5/60), exp(-5/300), exp(-5/900) */

static struct spinlock lock = SPINLOCK_INIT(LOCK_RANK_TIMER, "load"); /* irqsave */
static uint64_t averages[3];                                          /* [lock] */
static _Atomic uint64_t next_sample_ns = SAMPLE_NS;                   /* [a; lock to write] */

static uint64_t nr_active(void)
{
    int32_t nr_uninterruptible = 0;
    unsigned hart;

    for (hart = 0; hart < MAX_HARTS; hart++) {
        nr_uninterruptible += (int32_t)__atomic_load_n(&run_queues[hart].nr_uninterruptible,
                                                       __ATOMIC_RELAXED);
    }
    return sched_nr_runnable() + (nr_uninterruptible > 0 ? (uint64_t)nr_uninterruptible : 0);
}

static void add_sample(uint64_t nr)
{
    uint64_t now = nr * ONE;
    unsigned i;

    for (i = 0; i < 3; i++) {
        uint64_t rounding = now > averages[i] ? ONE - 1 : 0;

        averages[i] = (averages[i] * decay[i] + now * (ONE - decay[i]) + rounding) >> LOAD_SHIFT;
    }
}

void sched_sample_load(uint64_t now_ns)
{
    uint64_t irq_state;
    uint64_t nr_missed;
    uint64_t next_ns;

    if (likely(now_ns < atomic_load_explicit(&next_sample_ns, memory_order_relaxed))) {
        return;
    }
    irq_state = spin_lock_irqsave(&lock);
    next_ns = atomic_load_explicit(&next_sample_ns, memory_order_relaxed);
    if (now_ns >= next_ns) {
        nr_missed = (now_ns - next_ns) / SAMPLE_NS;
        atomic_store_explicit(&next_sample_ns, next_ns + (nr_missed + 1) * SAMPLE_NS,
                              memory_order_relaxed);
        for (nr_missed = min_of(nr_missed, (uint64_t)MOST_IDLE_SAMPLES); nr_missed > 0;
             nr_missed--) {
            add_sample(0);
        }
        add_sample(nr_active());
    }
    spin_unlock_irqrestore(&lock, irq_state);
}

void sched_get_load(uint64_t loads[3])
{
    uint64_t irq_state;
    unsigned i;

    sched_sample_load(port_clock_ns());
    irq_state = spin_lock_irqsave(&lock);
    for (i = 0; i < 3; i++) {
        loads[i] = averages[i];
    }
    spin_unlock_irqrestore(&lock, irq_state);
}
