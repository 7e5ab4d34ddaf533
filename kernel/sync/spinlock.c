// SPDX-License-Identifier: MIT
/* Ticket spinlocks.
 *
 * A hart takes the next ticket and waits until that number is served; the holder serves the next when it leaves.
 * So harts get the lock in the order in which they came: nobody starves, which a plain test-and-set lock
 * can't promise. Waiting is reading one word; only `serving`'s owner writes it.
 *
 * The holder must not be preempted, because all others wait meanwhile, spinning; so preemption is disabled before the
 * ticket is taken. If an interrupt handler takes the lock as well, interrupts must be off too, or the handler
 * would wait for the one that it interrupted: that is the irqsave form. What can still be caught of that mistake is
 * caught: a hart that waits for a lock of which it is the owner panics instead of spinning for ever.
 *
 * Tickets have a weak point: when the harts are more than the processors below them (an emulator, a hypervisor),
 * the next in line may be one that does not run, and everybody who spins takes the processor that it needs. So a
 * hart that has seen no progress for a while rests between looks.
 *
 * Order: taking it is an acquire (a hart that sees its number served sees all that the former holder wrote), leaving is
 * a release. The ticket itself needs no order.
 *
 * Source: Reed and Kanodia, "Synchronization with eventcounts and sequencers", 1979;
 * Mellor-Crummey and Scott, "Algorithms for scalable synchronization", 1991, 2.2. */
#include "kernel/sync/spinlock.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/sync/lock_rank_check.h"

/* Many times what the longest sections take, as long as their holder runs. */
#define LOOKS_BEFORE_REST 400u

void spin_init(struct spinlock *lock, enum lock_rank rank, const char *name)
{
    store_relaxed(&lock->next, 0);
    store_relaxed(&lock->serving, 0);
    store_relaxed(&lock->owner, 0);
    lock->rank = rank;
    lock->name = name;
}

/* What an owner field says about this hart. */
static inline int32_t hart_mark(void)
{
    return (int32_t)port_hart_id() + 1;
}

static void wait_for_turn(struct spinlock *lock, uint32_t ticket)
{
    if (load_relaxed(&lock->owner) == hart_mark()) {
        panic("spinlock %s: taken again by the hart that holds it", lock->name);
    }
    uint32_t serving = load_relaxed(&lock->serving);
    unsigned nr_looks = 0;

    while (serving != ticket) {
        uint32_t before = serving;

        if (nr_looks < LOOKS_BEFORE_REST) {
            port_relax();
        } else {
            port_relax_long();
        }
        serving = load_relaxed(&lock->serving);
        nr_looks = serving == before ? nr_looks + 1 : 0;
    }
}

static inline void note_taken(struct spinlock *lock)
{
    store_relaxed(&lock->owner, hart_mark());
    lock_rank_add_spin(lock, lock->rank, lock->name);
}

/* Apart, so that taking a free lock needs no stack; the interrupt state only passes through. */
static __attribute__((noinline)) uint64_t wait_and_take(struct spinlock *lock, uint32_t ticket,
                                                        uint64_t irq_state)
{
    wait_for_turn(lock, ticket);
    /* Acquire, after the relaxed loop: without it the section could read what it held before. */
    (void)load_acquire(&lock->serving);
    note_taken(lock);
    return irq_state;
}

static inline uint64_t take(struct spinlock *lock, bool is_nested, uint64_t irq_state)
{
    port_preempt_disable();
    lock_rank_check_spin(lock->rank, lock->name, is_nested);
    uint32_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
    if (unlikely(load_acquire(&lock->serving) != ticket)) {
        irq_state = wait_and_take(lock, ticket, irq_state);
        keep_call();
        return irq_state;
    }
    note_taken(lock);
    return irq_state;
}

void spin_lock(struct spinlock *lock)
{
    (void)take(lock, false, 0);
}

void spin_lock_nested(struct spinlock *lock)
{
    (void)take(lock, true, 0);
}

bool spin_trylock(struct spinlock *lock)
{
    port_preempt_disable();
    uint32_t serving = load_relaxed(&lock->serving);
    /* Free is: the next ticket is the one that is served. It never waits, so any rank will do. */
    if (atomic_compare_exchange_strong_explicit(&lock->next, &serving, serving + 1,
                                                memory_order_relaxed, memory_order_relaxed)) {
        (void)load_acquire(&lock->serving);
        note_taken(lock);
        return true;
    }
    port_preempt_enable();
    return false;
}

void spin_unlock(struct spinlock *lock)
{
    assert(spin_is_held(lock));
    lock_rank_remove_spin(lock);
    store_relaxed(&lock->owner, 0);
    /* Only the holder writes `serving`. Release: the section's writes come first. */
    store_release(&lock->serving, load_relaxed(&lock->serving) + 1);
    port_preempt_enable();
}

uint64_t spin_lock_irqsave(struct spinlock *lock)
{
    return take(lock, false, port_irq_save());
}

/* Interrupts first: preemption, when it becomes possible again, may then happen at once. */
void spin_unlock_irqrestore(struct spinlock *lock, uint64_t irq_state)
{
    assert(spin_is_held(lock));
    lock_rank_remove_spin(lock);
    store_relaxed(&lock->owner, 0);
    store_release(&lock->serving, load_relaxed(&lock->serving) + 1);
    port_irq_restore(irq_state);
    port_preempt_enable();
}

bool spin_is_held(const struct spinlock *lock)
{
    return load_relaxed(&lock->owner) == hart_mark();
}
