// SPDX-License-Identifier: MIT
/* A sleeping lock for many readers or one writer. A waiting writer keeps new readers out, and a writer that leaves lets
 * all waiting readers in, so that neither is starved; a reader must therefore not take the same lock twice. */
#ifndef CAIRN_SYNC_RWLOCK_H
#define CAIRN_SYNC_RWLOCK_H

#include "kernel/sync/waitq.h"

struct rwlock {
    _Atomic int32_t state;           /* [a] -1: a writer; 0: free; n: n readers */
    _Atomic int32_t writers_waiting; /* [a] */
    _Atomic uint64_t readers;        /* [a] rounds of readers let in << 32 | readers waiting */
    struct task *_Atomic writer;     /* [a] the owner, when state is -1 */
    uint32_t rank;                   /* [I] enum lock_rank */
    const char *name;                /* [I] */
    struct waitq waiters;
};

/* clang-format off */
#define RWLOCK_INIT(lock, lock_rank, lock_name) \
    {.rank = (lock_rank), .name = (lock_name), .waiters = WAITQ_INIT((lock).waiters)}
/* clang-format on */

void rwlock_init(struct rwlock *lock, enum lock_rank rank, const char *name);

/** Context: may sleep. */
void rwlock_read_lock(struct rwlock *lock);
bool must_check rwlock_read_trylock(struct rwlock *lock);
void rwlock_read_unlock(struct rwlock *lock);
void rwlock_write_lock(struct rwlock *lock);
void rwlock_write_lock_nested(struct rwlock *lock);
bool must_check rwlock_write_trylock(struct rwlock *lock);
void rwlock_write_unlock(struct rwlock *lock);

/** Turn a write hold into a read hold, with no writer in between. */
void rwlock_downgrade(struct rwlock *lock);

/** Whether the running task holds it for writing; whether anybody holds it at all. */
bool rwlock_is_write_held(const struct rwlock *lock);
bool rwlock_is_held(const struct rwlock *lock);

#endif
