// SPDX-License-Identifier: MIT
/* Asking other harts to forget, and waiting for them.
 *
 * The firmware offers remote fences (SBI RFENCE), but its caller spins in machine mode until all
 * have answered, and on a machine that emulates more harts than it has processors the one who is
 * waited for may not run at all meanwhile: each costs a time slice of the host. Here the request is
 * a word in memory and a plain message, and who waits does so as part of the kernel: it takes
 * interrupts, may be preempted, serves the requests of others, and after a while sleeps until it is
 * told that somebody has answered.
 *
 * A hart's mailbox is one word, a count of requests above the kinds that are asked for, and a second
 * word with the count that has been served:
 *
 *     request:  posted += 1, kinds |= what      one atomic step; the new count is the ticket
 *               message, unless kinds were there already: somebody else's is on its way
 *               wait until served >= ticket
 *     serve:    take the kinds and read posted  one atomic step, so the kinds belong to the count
 *               flush
 *               served = that count             release: after the flush
 *
 * Requests add up: one flush serves all that were posted before it, and a request that is served
 * twice costs a flush and nothing else. So nothing needs to be withdrawn, and there are no
 * descriptors that could be reused too early. The acquire in serve's first step and the fence
 * before the flush make sure that page-table walks after the flush see the entries that were
 * written before the request was posted.
 *
 * A hart in the idle task's wfi is not told. It translates nothing but its own stack and the kernel's
 * text and data until it looks into its mailbox, which is the first thing it does when it wakes,
 * before any interrupt handler runs:
 *
 *     request:  post;                 fence;  is the hart dozing?   then don't wait
 *     doze:     dozing off (waking);  fence;  is anything posted?   then serve
 *
 * One of them sees the other. In the same way nobody sleeps through an answer:
 *
 *     wait:     I am a sleeper;       fence;  is all served?        if not, wfi
 *     serve:    served = count;       fence;  are there sleepers?   message them
 *
 * Deadlock. Two harts that wait for each other serve each other: waiting is a loop around serve, so
 * it does not matter whether interrupts are on. A hart that spins for a lock with interrupts off
 * serves from time to time (shootdown_rest). Any other code that does not come to an end with
 * interrupts off would hang the one who waits here; so after FIRMWARE_AFTER_NS the fence is asked of
 * the firmware, whose interrupt nobody can mask. A hart that has stopped for a panic is reached that
 * way, too. A starting hart is not asked before its bit in hart_running_mask()
 * is set, and flushes everything once after that (secondary_main).
 *
 * Locks: none. Source: the mailbox of counts is that of FreeBSD's and illumos's shoot-downs;
 * RISC-V Privileged Architecture, 4.2.1. */
#include "kernel/arch/riscv64/shootdown.h"

#include <stdatomic.h>

#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/timer.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"

/* Harts that run answer within microseconds; who has not by then probably does not run. */
#define SPIN_NS           (20ull * 1000)
#define FIRMWARE_AFTER_NS (50ull * 1000 * 1000)
#define LONG_RELAX_NS     (50ull * 1000)

#define SIP_SOFTWARE 2ul

#define KIND_MASK 7u
#define ONE_POST  (KIND_MASK + 1)

struct mailbox {
    _Alignas(64) _Atomic uint64_t posted; /* [a] count of requests, and kinds below */
    _Atomic uint64_t served;              /* [a] the count up to which all is done */
};

static struct mailbox mailboxes[MAX_HARTS];
static _Atomic uint64_t dozing;   /* [a] harts in the idle task's wfi: they look when they wake */
static _Atomic uint64_t sleepers; /* [a] harts that sleep until a request of theirs is answered */

static uint64_t self_bit(void)
{
    return 1ull << port_hart_id();
}

/* Returns whether a message is needed. */
static bool post(struct mailbox *mailbox, enum shootdown_what what, uint64_t *ticket)
{
    uint64_t old = load_relaxed(&mailbox->posted);
    uint64_t new;

    do {
        new = (old + ONE_POST) | what;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->posted, &old, new,
                                                    memory_order_acq_rel, memory_order_relaxed));
    *ticket = new / ONE_POST;
    return (old & KIND_MASK) == 0;
}

static void answer_sleepers(uint64_t self)
{
    uint64_t harts;

    fence_full(); /* served before sleepers: see above */
    harts = load_relaxed(&sleepers) & ~self;
    if (harts != 0) {
        hart_send_ipi(harts);
    }
}

void shootdown_serve(void)
{
    struct mailbox *mailbox = &mailboxes[port_hart_id()];
    uint64_t taken;

    if ((load_relaxed(&mailbox->posted) & KIND_MASK) == 0) {
        return;
    }
    taken = atomic_fetch_and_explicit(&mailbox->posted, ~(uint64_t)KIND_MASK, memory_order_acq_rel);
    /* What was written before the post is seen by the walks after the flush. membarrier() counts on
     * this fence, too. */
    fence_full();
    if ((taken & SHOOTDOWN_KERNEL) != 0) {
        tlb_flush_local();
    } else if ((taken & SHOOTDOWN_SPACE) != 0) {
        tlb_flush_active();
    }
    if ((taken & SHOOTDOWN_CODE) != 0) {
        icache_flush_local();
    }
    store_release(&mailbox->served, taken / ONE_POST);
    answer_sleepers(self_bit());
}

static void serve_here(void)
{
    uint64_t irq_state = port_irq_save();

    shootdown_serve();
    port_irq_restore(irq_state);
}

/* Those of the harts that have not answered yet. */
static uint64_t unanswered(uint64_t harts, const uint64_t *tickets)
{
    uint64_t left = 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if ((harts >> hart & 1) != 0 && load_acquire(&mailboxes[hart].served) < tickets[hart]) {
            left |= 1ull << hart;
        }
    }
    return left;
}

/* With interrupts off, a message that has come and cannot be taken would end every wfi at once: so
 * it is put aside, after a look into the mailbox, and brought back. A message that comes after this
 * ends the wfi. Interrupts off. */
static uint64_t put_message_aside(void)
{
    uint64_t pending;

    __asm__ volatile("csrrc %0, sip, %1" : "=r"(pending) : "r"(SIP_SOFTWARE) : "memory");
    shootdown_serve();
    return pending & SIP_SOFTWARE;
}

static void bring_message_back(uint64_t pending)
{
    __asm__ volatile("csrs sip, %0" : : "r"(pending) : "memory");
}

void shootdown_rest(void)
{
    uint64_t irq_state = port_irq_save();
    uint64_t pending = put_message_aside();

    timer_wake_by(port_clock_ns() + LONG_RELAX_NS);
    __asm__ volatile("wfi" : : : "memory");
    bring_message_back(pending);
    port_irq_restore(irq_state);
}

/* Sleep until somebody answers, or asks, or the clock says that the firmware's turn has come. */
static void sleep_for_answer(uint64_t harts, const uint64_t *tickets, uint64_t deadline_ns)
{
    uint64_t irq_state = port_irq_save();
    uint64_t pending = put_message_aside();
    uint64_t self = self_bit();

    atomic_fetch_or_explicit(&sleepers, self, memory_order_relaxed);
    fence_full(); /* sleepers before served */
    if (unanswered(harts, tickets) == harts) {
        timer_wake_by(deadline_ns);
        __asm__ volatile("wfi" : : : "memory");
    }
    atomic_fetch_and_explicit(&sleepers, ~self, memory_order_relaxed);
    bring_message_back(pending);
    port_irq_restore(irq_state);
}

static void ask_firmware(uint64_t harts, enum shootdown_what what)
{
    if (what == SHOOTDOWN_CODE) {
        hart_remote_fence_i(harts);
    } else {
        hart_remote_sfence(harts, 0, UINT64_MAX, -1);
    }
}

static void wait_for_answers(uint64_t harts, const uint64_t *tickets, enum shootdown_what what)
{
    uint64_t start_ns = port_clock_ns();

    for (;;) {
        uint64_t now_ns;

        serve_here();
        harts = unanswered(harts, tickets);
        if (harts == 0) {
            return;
        }
        now_ns = port_clock_ns();
        if (now_ns - start_ns >= FIRMWARE_AFTER_NS) {
            ask_firmware(harts, what);
            return;
        }
        if (now_ns - start_ns >= SPIN_NS) {
            sleep_for_answer(harts, tickets, start_ns + FIRMWARE_AFTER_NS);
        } else {
            port_relax();
        }
    }
}

void shootdown(uint64_t harts, enum shootdown_what what)
{
    uint64_t tickets[MAX_HARTS] = {0};
    uint64_t to_signal = 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if ((harts >> hart & 1) != 0 && post(&mailboxes[hart], what, &tickets[hart])) {
            to_signal |= 1ull << hart;
        }
    }
    fence_full(); /* posted before dozing */
    harts &= ~load_relaxed(&dozing);
    if ((to_signal & harts) != 0) {
        hart_send_ipi(to_signal & harts);
    }
    wait_for_answers(harts, tickets, what);
}

void shootdown_doze(void)
{
    uint64_t self = self_bit();

    atomic_fetch_or_explicit(&dozing, self, memory_order_relaxed);
    __asm__ volatile("wfi" : : : "memory");
    atomic_fetch_and_explicit(&dozing, ~self, memory_order_relaxed);
    fence_full(); /* dozing before posted */
    shootdown_serve();
}
