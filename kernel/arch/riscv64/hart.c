// SPDX-License-Identifier: MIT
/* Harts: start, message, stop.
 *
 * Logical numbers are handed out in the order of hart_add(), the boot hart first, and never
 * change. The tables are written on the boot hart before the others start, and are read without a
 * lock afterwards. A hart's bit in `running` is set by itself when it can take interrupts.
 *
 * A message is the software interrupt, which the firmware raises, and says only "look": at
 * need_resched, which is the scheduler's, at the mailbox of shootdown.c, or at `is_stopping`, which
 * the panic path sets and nothing ever clears. */
#include "kernel/arch/riscv64/hart.h"

#include <stdatomic.h>

#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/offsets.h"
#include "kernel/arch/riscv64/port/memory.h"
#include "kernel/arch/riscv64/sbi.h"
#include "kernel/arch/riscv64/shootdown.h"
#include "kernel/arch/riscv64/timer.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/arch/riscv64/trap_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"

#define START_TIMEOUT_NS (5000ull * 1000 * 1000)

extern char boot_stack[];
extern char secondary_start[];

struct thread boot_thread; /* entry.S puts it into tp */

/* What entry.S knows a starting hart by. */
struct secondary_boot {
    uint64_t id;
    struct thread *_Atomic thread; /* [a] NULL: not valid yet */
};
struct secondary_boot secondary_boots[MAX_HARTS]; /* entry.S */
static_assert(sizeof(struct secondary_boot) == 16 && MAX_HARTS == ENTRY_MAX_HARTS, "entry.S");

static uint64_t ids[MAX_HARTS];           /* [I] after boot */
static unsigned nr_known;                 /* [I] after boot */
static _Atomic uint64_t running;          /* [a] mask of logical numbers */
static _Atomic uint32_t nr_running = 1;   /* [a] */
static _Atomic uint32_t is_stopping;      /* [a] */
static void (*secondary_entry)(unsigned); /* [I] once the first hart is started */

void hart_init_boot(uint64_t hart_id)
{
    ids[0] = hart_id;
    nr_known = 1;
    boot_thread.stack = (uint64_t)boot_stack;
    store_relaxed(&running, 1);
}

bool hart_add(uint64_t hart_id)
{
    unsigned hart;

    if (hart_find(hart_id, &hart)) {
        return true;
    }
    if (nr_known == MAX_HARTS) {
        return false;
    }
    ids[nr_known++] = hart_id;
    return true;
}

unsigned hart_nr_known(void)
{
    return nr_known;
}

uint64_t hart_id_of(unsigned hart)
{
    return ids[hart];
}

bool hart_find(uint64_t hart_id, unsigned *hart)
{
    for (unsigned i = 0; i < nr_known; i++) {
        if (ids[i] == hart_id) {
            *hart = i;
            return true;
        }
    }
    return false;
}

uint64_t hart_running_mask(void)
{
    return load_acquire(&running);
}

unsigned port_nr_harts(void)
{
    return load_relaxed(&nr_running);
}

/* The firmware takes ids in windows of 64. Take the lowest id left and all that fit in its window.
 * Returns the mask of logical numbers that this call covers. */
static uint64_t next_window(uint64_t mask, uint64_t *id_mask, uint64_t *id_base)
{
    uint64_t covered = 0;

    *id_base = UINT64_MAX;
    *id_mask = 0;
    for (unsigned hart = 0; hart < nr_known; hart++) {
        if ((mask >> hart & 1) != 0) {
            *id_base = min_of(*id_base, ids[hart]);
        }
    }
    for (unsigned hart = 0; hart < nr_known; hart++) {
        if ((mask >> hart & 1) != 0 && ids[hart] - *id_base < 64) {
            *id_mask |= 1ull << (ids[hart] - *id_base);
            covered |= 1ull << hart;
        }
    }
    return covered;
}

#define for_each_window(mask, id_mask, id_base)                                           \
    for (uint64_t covered_now;                                                            \
         (mask) != 0 && (covered_now = next_window((mask), &(id_mask), &(id_base))) != 0; \
         (mask) &= ~covered_now)

void hart_send_ipi(uint64_t mask)
{
    uint64_t id_mask, id_base;

    /* What the receiver shall find is written before the message goes out. */
    fence_full();
    for_each_window(mask, id_mask, id_base)
    {
        sbi_send_ipi(id_mask, id_base);
    }
}

void hart_remote_fence_i(uint64_t mask)
{
    uint64_t id_mask, id_base;

    for_each_window(mask, id_mask, id_base)
    {
        sbi_remote_fence_i(id_mask, id_base);
    }
}

void hart_remote_sfence(uint64_t mask, uint64_t start, uint64_t size_bytes, int64_t asid)
{
    uint64_t id_mask, id_base;

    for_each_window(mask, id_mask, id_base)
    {
        if (asid < 0) {
            sbi_remote_sfence(id_mask, id_base, start, size_bytes);
        } else {
            sbi_remote_sfence_asid(id_mask, id_base, start, size_bytes, (uint64_t)asid);
        }
    }
}

void trap_send_ipi(unsigned hart)
{
    hart_send_ipi(1ull << hart);
}

void hart_handle_ipi(void)
{
    __asm__ volatile("csrci sip, 2"); /* before the look: a message after it interrupts again */
    if (load_acquire(&is_stopping) != 0) {
        hart_halt();
    }
    shootdown_serve();
    hart_park_if_asked();
    trap_upcall_ipi();
}

void hart_stop_others(void)
{
    store_release(&is_stopping, 1);
    hart_send_ipi(hart_running_mask() & ~(1ull << port_hart_id()));
}

void hart_halt(void)
{
    (void)port_irq_save();
    __asm__ volatile("csrw sie, zero");
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void hart_wait_for_interrupt(void)
{
    shootdown_doze();
}

void secondary_main(unsigned hart)
{
    trap_init_hart();
    timer_init_hart();
    atomic_fetch_add_explicit(&nr_running, 1, memory_order_relaxed);
    atomic_fetch_or_explicit(&running, 1ull << hart, memory_order_release);
    asid_init_secondary();
    secondary_entry(hart);
    panic("hart %u: its entry returned", hart);
}

static bool start_one(unsigned hart, struct thread *idle)
{
    uint64_t deadline_ns;
    long error;

    idle->hart = hart;
    idle->preempt_count = 1; /* until its entry says that it can be switched */
    idle->kernel_sp = idle->stack + KERNEL_STACK_SIZE - sizeof(struct trap_frame);
    secondary_boots[hart].id = ids[hart];
    store_release(&secondary_boots[hart].thread, idle);
    fence_full();
    error = sbi_hart_start(ids[hart], virt_to_phys(secondary_start), 0);
    if (error != 0) {
        pr_warn("harts: hart %llu: the firmware does not start it (SBI error %ld)",
                (unsigned long long)ids[hart], error);
        return false;
    }
    deadline_ns = port_clock_ns() + START_TIMEOUT_NS;
    while ((hart_running_mask() >> hart & 1) == 0) {
        if (port_clock_ns() > deadline_ns) {
            pr_warn("harts: hart %llu: started, but not heard of again",
                    (unsigned long long)ids[hart]);
            return false;
        }
        port_relax();
    }
    return true;
}

unsigned harts_start(struct thread *idle[], void (*entry)(unsigned hart))
{
    secondary_entry = entry;
    for (unsigned hart = 1; hart < nr_known; hart++) {
        /* Per-hart data are walked as 0 .. port_nr_harts()-1: a hart that does not come ends the
         * row. */
        if (!start_one(hart, idle[hart])) {
            nr_known = hart;
            break;
        }
    }
    return port_nr_harts();
}
