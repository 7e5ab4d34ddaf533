// SPDX-License-Identifier: MIT
/* A lock whose waiters sleep, for sections that may sleep themselves. Not recursive; the owner unlocks. */
#ifndef CAIRN_SYNC_MUTEX_H
#define CAIRN_SYNC_MUTEX_H

#include "kernel/sync/waitq.h"

struct mutex {
    struct task *_Atomic owner; /* [a] NULL: free */
    uint32_t rank;              /* [I] enum lock_rank */
    const char *name;           /* [I] */
    struct waitq waiters;
};

/* clang-format off */
#define MUTEX_INIT(lock, lock_rank, lock_name) \
    {.rank = (lock_rank), .name = (lock_name), .waiters = WAITQ_INIT((lock).waiters)}
/* clang-format on */

void mutex_init(struct mutex *mutex, enum lock_rank rank, const char *name);

/** Context: may sleep. */
void mutex_lock(struct mutex *mutex);
void mutex_lock_nested(struct mutex *mutex);
bool must_check mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/** Like mutex_lock, but a fatal signal ends the wait: returns 0 or -ERESTARTSYS. */
int must_check mutex_lock_killable(struct mutex *mutex);

/** Whether the running task holds it. */
bool mutex_is_held(const struct mutex *mutex);

#define mutex_assert_held(mutex) debug_assert(mutex_is_held(mutex))

#endif
