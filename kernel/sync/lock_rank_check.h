// SPDX-License-Identifier: MIT
/* The check of the lock order (lock_rank.h), for the locks themselves. Debug builds only: otherwise the
 * functions are empty. The theory stands in lock_rank.c. */
#ifndef CAIRN_SYNC_LOCK_RANK_CHECK_H
#define CAIRN_SYNC_LOCK_RANK_CHECK_H

#include "kernel/base/types.h"

#ifdef CAIRN_DEBUG

/** Before waiting for a lock: panic unless its rank is above all that this hart (for spinlocks) or this task holds.
 *  @is_nested: an equal rank will do. */
void lock_rank_check_spin(uint32_t rank, const char *name, bool is_nested);
void lock_rank_check_sleeping(uint32_t rank, const char *name, bool is_nested);

/** After it was taken, and before it is released. Spinlocks: with preemption disabled. */
void lock_rank_add_spin(const void *lock, uint32_t rank, const char *name);
void lock_rank_remove_spin(const void *lock);
void lock_rank_add_sleeping(const void *lock, uint32_t rank, const char *name);
void lock_rank_remove_sleeping(const void *lock);

#else

static inline void lock_rank_check_spin(uint32_t rank, const char *name, bool is_nested)
{
}

static inline void lock_rank_check_sleeping(uint32_t rank, const char *name, bool is_nested)
{
}

static inline void lock_rank_add_spin(const void *lock, uint32_t rank, const char *name)
{
}

static inline void lock_rank_remove_spin(const void *lock)
{
}

static inline void lock_rank_add_sleeping(const void *lock, uint32_t rank, const char *name)
{
}

static inline void lock_rank_remove_sleeping(const void *lock)
{
}

#endif

/** How many locks this hart and this task hold now, and: forget those that came since. For tests that catch a
 *  panic out of a section with locks held. */
struct lock_rank_mark {
    unsigned nr_spin;
    unsigned nr_sleeping;
};

struct lock_rank_mark lock_rank_mark(void);
void lock_rank_rewind(const struct lock_rank_mark *mark);

#endif
