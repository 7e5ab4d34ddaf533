// SPDX-License-Identifier: MIT
/* Sleeping locks for many readers or one writer.
 *
 * `state` is the lock: the number of readers, or -1 for a writer. Both sides take it with one compare-and-exchange
 * (acquire) and leave it with one atomic subtraction or store (release).
 *
 * Fairness: a writer that waits is counted in `writers_waiting`, and while there is one no new reader gets in; those
 * inside leave in time, so the writer is not starved by an unending overlap of readers. The price: a reader must
 * not take the same lock again inside (a writer between the two would wait for the first, and the second for the
 * writer), which the rank check reports as an equal rank. The other way round, a writer that leaves lets in all
 * readers that wait, whoever else wants to write: a *round*. So both sides take turns, and three tasks that change a
 * directory without pause keep nobody from listing it.
 *
 *     readers wait: r1 r2     W1 leaves: state = 2, the round is over ──► r1, r2 are inside, and see it
 *     writers wait: W2        r3 comes: W2 waits, so r3 waits for the next round;   r1, r2 leave ──► W2
 *
 * A reader that waits is counted in the low half of `readers` and remembers the high half, the number of the round. When
 * that number has changed it has been let in, and holds the lock. It may also get it by itself, when no writer wants
 * it; then it takes itself off the count, and if the round has changed meanwhile it holds the lock twice and gives one
 * back. The leaving writer opens the lock before it changes the number, since whoever was let in may leave at once.
 *
 * Waiters: readers stand on the queue as ordinary waiters, writers as exclusive ones. Whoever makes the lock free wakes
 * all readers and one writer. Readers that came too late for a round go back to sleep; the writer they wait for
 * lets them in when it leaves.
 *
 * Source: the phase-fair locks of Brandenburg and Anderson, Spin-based reader-writer synchronization for multiprocessor
 * real-time systems, 2010. */
#include "kernel/sync/rwlock.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/sync/lock_rank_check.h"

enum { WRITER = -1, FREE = 0 };

#define ONE_ROUND (1ull << 32)

void rwlock_init(struct rwlock *lock, enum lock_rank rank, const char *name)
{
    store_relaxed(&lock->state, FREE);
    store_relaxed(&lock->writers_waiting, 0);
    store_relaxed(&lock->readers, 0);
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

static bool is_same_round(uint64_t readers, uint64_t since)
{
    return readers / ONE_ROUND == since / ONE_ROUND;
}

/* Off the count of those who wait. false: it was let in, and is counted no more. */
static bool stop_waiting(struct rwlock *lock, uint64_t since)
{
    uint64_t readers = load_relaxed(&lock->readers);

    do {
        if (!is_same_round(readers, since)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&lock->readers, &readers, readers - 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* Whether a reader that waits since `since` holds the lock now. */
static bool has_entered(struct rwlock *lock, uint64_t since)
{
    /* Acquire: what the writer that let it in has written. */
    if (!is_same_round(atomic_load_explicit(&lock->readers, memory_order_acquire), since)) {
        return true;
    }
    if (!try_read(lock)) {
        return false;
    }
    if (!stop_waiting(lock, since)) {
        atomic_fetch_sub_explicit(&lock->state, 1, memory_order_relaxed); /* one of two holds */
    }
    return true;
}

/* Apart, so that taking a free lock needs no stack. */
static __attribute__((noinline)) void wait_and_read(struct rwlock *lock)
{
    uint64_t since;

    if (rwlock_is_write_held(lock)) {
        panic("rwlock %s: taken for reading by the task that writes", lock->name);
    }
    since = atomic_fetch_add_explicit(&lock->readers, 1, memory_order_relaxed);
    waitq_wait_event(&lock->waiters, has_entered(lock, since));
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

/* Open the lock, with `kept` holds for reading of the caller's own, to all readers that wait. */
static void let_readers_in(struct rwlock *lock, int32_t kept)
{
    uint64_t readers = load_relaxed(&lock->readers);
    int32_t nr = (int32_t)(uint32_t)readers;

    /* Release: what was written is there before anybody else gets in. */
    store_release(&lock->state, kept + nr);
    if (nr == 0) {
        return;
    }
    while (!atomic_compare_exchange_weak_explicit(&lock->readers, &readers,
                                                  (readers / ONE_ROUND + 1) * ONE_ROUND,
                                                  memory_order_release, memory_order_relaxed)) {
        int32_t more = (int32_t)(uint32_t)readers - nr; /* some came, or got in by themselves */

        atomic_fetch_add_explicit(&lock->state, more, memory_order_relaxed);
        nr += more;
    }
}

static void end_write(struct rwlock *lock, int32_t kept)
{
    if (!rwlock_is_write_held(lock)) {
        panic("rwlock %s: unlocked by a task that does not write", lock->name);
    }
    store_relaxed(&lock->writer, NULL);
    let_readers_in(lock, kept);
    waitq_wake_one(&lock->waiters);
}

void rwlock_write_unlock(struct rwlock *lock)
{
    lock_rank_remove_sleeping(lock);
    end_write(lock, 0);
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
