// SPDX-License-Identifier: MIT
/* Sleeping locks for many readers or one writer.
 *
 * `state` is the lock: the number of readers, or -1 for a writer. Both sides take it with one compare-and-exchange
 * (acquire) and leave it with one atomic subtraction or store (release).
 *
 * Fairness: a writer that waits is counted in `writers_waiting`, and while there is one no new reader gets in; those
 * inside leave in time, so the writer is not starved by an unending overlap of readers. The price: a reader must
 * not take the same lock again inside (a writer between the two would wait for the first, and the second for the
 * writer), which the rank check reports as an equal rank. Writers go before readers, so this is a lock for data
 * that is read often and written now and then.
 *
 * Waiters: readers stand on the queue as ordinary waiters, writers as exclusive ones. Whoever makes the lock free wakes
 * all readers and one writer. Readers that find a writer waiting go back to sleep; the last writer of a row wakes
 * them again when it leaves, because then `writers_waiting` is 0. A writer that stops being the last one waiting and
 * gets the lock has nobody to tell: its own unlock does. */
#include "kernel/sync/rwlock.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/sync/lock_rank_check.h"

enum { WRITER = -1, FREE = 0 };

void rwlock_init(struct rwlock *lock, enum lock_rank rank, const char *name)
{
    store_relaxed(&lock->state, FREE);
    store_relaxed(&lock->writers_waiting, 0);
    store_relaxed(&lock->writer, NULL);
    lock->rank = rank;
    lock->name = name;
    waitq_init(&lock->waiters);
}

/* ---- Readers ------------------------------------------------------------------------------------- */

static bool try_read(struct rwlock *lock)
{
    int32_t state = load_relaxed(&lock->state);

    do {
        if (state == WRITER || load_relaxed(&lock->writers_waiting) > 0) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&lock->state, &state, state + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

/* Apart, so that taking a free lock needs no stack. */
static __attribute__((noinline)) void wait_and_read(struct rwlock *lock)
{
    if (rwlock_is_write_held(lock)) {
        panic("rwlock %s: taken for reading by the task that writes", lock->name);
    }
    waitq_wait_event(&lock->waiters, try_read(lock));
    lock_rank_add_sleeping(lock, lock->rank, lock->name);
}

void rwlock_read_lock(struct rwlock *lock)
{
    lock_rank_check_sleeping(lock->rank, lock->name, false);
    if (unlikely(!try_read(lock))) {
        wait_and_read(lock);
        keep_call();
    } else {
        lock_rank_add_sleeping(lock, lock->rank, lock->name);
    }
}

bool rwlock_read_trylock(struct rwlock *lock)
{
    if (!try_read(lock)) {
        return false;
    }
    lock_rank_add_sleeping(lock, lock->rank, lock->name);
    return true;
}

void rwlock_read_unlock(struct rwlock *lock)
{
    lock_rank_remove_sleeping(lock);
    /* Release: what was read was read before a writer changes it. */
    int32_t old = atomic_fetch_sub_explicit(&lock->state, 1, memory_order_release);
    if (old <= FREE) {
        panic("rwlock %s: reader unlocks what no reader holds", lock->name);
    }
    if (old == 1) {
        waitq_wake_one(&lock->waiters);
    }
}

/* ---- Writers ------------------------------------------------------------------------------------- */

static bool try_write(struct rwlock *lock)
{
    int32_t state = FREE;

    if (!atomic_compare_exchange_strong_explicit(&lock->state, &state, WRITER, memory_order_acquire,
                                                 memory_order_relaxed)) {
        return false;
    }
    store_relaxed(&lock->writer, port_self());
    return true;
}

static __attribute__((noinline)) void wait_and_write(struct rwlock *lock)
{
    struct waiter waiter;

    if (rwlock_is_write_held(lock)) {
        panic("rwlock %s: taken again by the task that writes", lock->name);
    }
    atomic_fetch_add_explicit(&lock->writers_waiting, 1, memory_order_relaxed);
    waitq_add(&lock->waiters, &waiter, true);
    for (;;) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        if (try_write(lock)) {
            break;
        }
        store_relaxed(&waiter.was_woken, false);
        int error = port_block(PORT_NO_DEADLINE);
        assert(error == 0);
    }
    port_block_cancel();
    waitq_remove(&waiter);
    /* Readers that now find no writer waiting find one inside, and its unlock wakes them. */
    atomic_fetch_sub_explicit(&lock->writers_waiting, 1, memory_order_relaxed);
}

static inline void write_lock(struct rwlock *lock, bool is_nested)
{
    lock_rank_check_sleeping(lock->rank, lock->name, is_nested);
    if (!try_write(lock)) {
        wait_and_write(lock);
    }
    lock_rank_add_sleeping(lock, lock->rank, lock->name);
}

void rwlock_write_lock(struct rwlock *lock)
{
    write_lock(lock, false);
}

void rwlock_write_lock_nested(struct rwlock *lock)
{
    write_lock(lock, true);
}

bool rwlock_write_trylock(struct rwlock *lock)
{
    if (!try_write(lock)) {
        return false;
    }
    lock_rank_add_sleeping(lock, lock->rank, lock->name);
    return true;
}

static void end_write(struct rwlock *lock, int32_t new_state)
{
    if (!rwlock_is_write_held(lock)) {
        panic("rwlock %s: unlocked by a task that does not write", lock->name);
    }
    store_relaxed(&lock->writer, NULL);
    /* Release: what was written is there before anybody else gets in. */
    store_release(&lock->state, new_state);
    waitq_wake_one(&lock->waiters);
}

void rwlock_write_unlock(struct rwlock *lock)
{
    lock_rank_remove_sleeping(lock);
    end_write(lock, FREE);
}

void rwlock_downgrade(struct rwlock *lock)
{
    end_write(lock, 1);
}

bool rwlock_is_write_held(const struct rwlock *lock)
{
    return load_relaxed(&lock->writer) == port_self();
}

bool rwlock_is_held(const struct rwlock *lock)
{
    return load_relaxed(&lock->state) != FREE;
}
