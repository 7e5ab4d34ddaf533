// SPDX-License-Identifier: MIT
/* Stopping the machine for a moment: all harts but one wait in an interrupt handler.
 *
 *     caller                                   the others
 *     is_parking = 1, message to all    ──►    the message interrupts them where they may be
 *     wait until all are parked         ◄──    note thread and sp, nr_parked += 1, spin
 *     fn(arg)
 *     is_parking = 0                    ──►    nr_parked -= 1, go on
 *     wait until none is parked
 *
 * A parked hart took an interrupt, so it holds no lock that is taken with interrupts off, and all its
 * registers lie in the trap frame on its stack. It goes on answering shoot-downs: one that waits for
 * its answer with interrupts off would never park. The caller, too, answers while it waits.
 *
 * Only one may call at a time: the leak search, which has a lock of its own. */
#include <stdatomic.h>

#include "kernel/abi/errno.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/shootdown.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"

#define PARK_TIMEOUT_NS (10000ull * 1000 * 1000)

static _Atomic uint32_t is_parking; /* [a] */
static _Atomic uint32_t nr_parked;  /* [a] */

static struct {
    const struct thread *thread; /* [hart until nr_parked counts it; then the caller] */
    uint64_t sp;                 /* [as thread] */
} stopped[MAX_HARTS];

static void note_self(void)
{
    uint64_t sp;

    __asm__ volatile("mv %0, sp" : "=r"(sp));
    stopped[port_hart_id()].thread = port_thread();
    stopped[port_hart_id()].sp = sp;
}

void hart_park_if_asked(void)
{
    if (load_acquire(&is_parking) == 0) {
        return;
    }
    note_self();
    atomic_fetch_add_explicit(&nr_parked, 1, memory_order_release);
    while (load_acquire(&is_parking) != 0) {
        shootdown_serve();
        port_relax();
    }
    atomic_fetch_sub_explicit(&nr_parked, 1, memory_order_release);
}

static uint32_t nr_of(uint64_t harts)
{
    uint32_t nr = 0;

    for (; harts != 0; harts &= harts - 1) {
        nr++;
    }
    return nr;
}

static bool wait_for_parked(uint32_t nr)
{
    uint64_t deadline_ns = port_clock_ns() + PARK_TIMEOUT_NS;

    while (load_acquire(&nr_parked) != nr) {
        if (port_clock_ns() > deadline_ns) {
            return false;
        }
        shootdown_serve();
        port_relax();
    }
    return true;
}

int harts_call_stopped(void (*fn)(void *arg), void *arg)
{
    uint64_t irq_state = port_irq_save();
    uint64_t others = hart_running_mask() & ~(1ull << port_hart_id());
    bool is_stopped;

    __builtin_unwind_init(); /* our caller's registers into this frame: they are roots, too */
    note_self();
    store_release(&is_parking, 1);
    hart_send_ipi(others);
    is_stopped = wait_for_parked((uint32_t)nr_of(others));
    if (is_stopped) {
        fn(arg);
    }
    store_release(&is_parking, 0);
    (void)wait_for_parked(0);
    port_irq_restore(irq_state);
    return is_stopped ? 0 : -EBUSY;
}

bool hart_stopped_stack(unsigned hart, const struct thread **thread, uint64_t *sp)
{
    *thread = stopped[hart].thread;
    *sp = stopped[hart].sp;
    return (hart_running_mask() >> hart & 1) != 0;
}
