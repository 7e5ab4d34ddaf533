// SPDX-License-Identifier: MIT
/* Ticket spinlocks: fair, for sections of a few hundred instructions that do not sleep.
 *
 * Holding one disables preemption. A lock that an interrupt handler also takes must be taken by its irqsave
 * form everywhere else. Debug builds check rank and owner. The theory stands in spinlock.c. */
#ifndef CAIRN_SYNC_SPINLOCK_H
#define CAIRN_SYNC_SPINLOCK_H

#include "kernel/base/types.h"
#include "kernel/sync/lock_rank.h"
#include <stdatomic.h>

struct spinlock {
    _Atomic uint32_t next;    /* [a] the next ticket to hand out */
    _Atomic uint32_t serving; /* [a] the ticket whose turn it is */
    _Atomic int32_t owner;    /* [a] hart that holds it, plus 1; 0: free */
    uint32_t rank;            /* [I] enum lock_rank */
    const char *name;         /* [I] */
};

/* clang-format off */
#define SPINLOCK_INIT(lock_rank, lock_name) {.rank = (lock_rank), .name = (lock_name)}
/* clang-format on */

void spin_init(struct spinlock *lock, enum lock_rank rank, const char *name);

/** Context: any but an interrupt handler that the holder may be interrupted by. */
void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);
bool must_check spin_trylock(struct spinlock *lock);

/** For a second lock of the same rank: the caller keeps an order of its own. */
void spin_lock_nested(struct spinlock *lock);

/** With interrupts off on this hart; returns the state to restore. Context: any. */
uint64_t must_check spin_lock_irqsave(struct spinlock *lock);
void spin_unlock_irqrestore(struct spinlock *lock, uint64_t irq_state);

/** Whether the running hart holds the lock. */
bool spin_is_held(const struct spinlock *lock);

#define spin_assert_held(lock) debug_assert(spin_is_held(lock))

#endif
