// SPDX-License-Identifier: MIT
/* Reports. A report is a few lines of the log that belong together, so a hart that has one to make
 * waits until another's is complete; it is made with interrupts off, or else an interrupt handler
 * with a report of its own would wait for ever. The lock is a word of its own: a report may be made
 * under any spinlock, and printk() takes the locks behind all of them. A hart that comes to a second
 * mistake while it reports the first goes on without waiting. */
#include "mm/debug/mistakes.h"

#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"

static _Atomic uint32_t reporter;      /* [a] the hart that reports, plus 1; 0: nobody */
static _Atomic uint32_t nr_mistakes;   /* [a] */
static unsigned depth;                 /* [reporter] */
static uint64_t irq_state_of_reporter; /* [reporter] */
static bool is_panic_wanted;           /* [I] after boot */

void mistake_begin(void)
{
    uint64_t irq_state = port_irq_save();
    uint32_t mine = port_hart_id() + 1;
    uint32_t nobody = 0;

    atomic_fetch_add_explicit(&nr_mistakes, 1, memory_order_relaxed);
    while (load_relaxed(&reporter) != mine &&
           !atomic_compare_exchange_weak_explicit(&reporter, &nobody, mine, memory_order_acquire,
                                                  memory_order_relaxed)) {
        nobody = 0;
        port_relax();
    }
    if (depth++ == 0) {
        irq_state_of_reporter = irq_state;
    }
}

void mistake_end(void)
{
    uint64_t irq_state = irq_state_of_reporter;

    if (--depth != 0) {
        return;
    }
    store_release(&reporter, 0);
    port_irq_restore(irq_state);
    if (is_panic_wanted) {
        panic("a memory mistake was found: see above (kernel argument panic_on_warn)");
    }
}

const void *mistake_caller(void)
{
    const void *caller = NULL;

    (void)port_backtrace(&caller, 1);
    return caller;
}

unsigned mistake_count(void)
{
    return load_relaxed(&nr_mistakes);
}

void mistake_set_panic(bool on)
{
    is_panic_wanted = on;
}
