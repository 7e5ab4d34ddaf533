// SPDX-License-Identifier: MIT
/* Mutexes.
 *
 * The lock is the owner field: NULL is free, and taking it is one compare-and-exchange of NULL for the running task
 * (acquire); leaving it is a store of NULL (release) and a look whether anybody waits. There is no hand-over: a
 * task that comes by may take a free mutex before the one that was woken for it runs. That costs the woken
 * one another round, and saves everybody the two context switches a hand-over makes of each unlock.
 *
 * Waiters are exclusive: an unlock wakes one. That no wake-up is lost follows from waitq.c: a waiter stands
 * on the queue before it tries again, the unlocker frees the mutex before it looks at the queue. One that is woken and
 * then leaves without the mutex, because of a signal, passes the wake-up on.
 *
 * The unlocker looks at the queue after the mutex is free. So the memory of a mutex may be freed only by somebody
 * who knows that no unlock is still under way: through a reference count held across lock and unlock, as everywhere
 * in this kernel, and not by "I locked it last".
 *
 * Because the owner is known, taking it twice and unlocking another's are panics with the mutex's name. */
#include "kernel/sync/mutex.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/test_point.h"
#include "kernel/sync/lock_rank_check.h"

void mutex_init(struct mutex *mutex, enum lock_rank rank, const char *name)
{
    store_relaxed(&mutex->owner, NULL);
    mutex->rank = rank;
    mutex->name = name;
    waitq_init(&mutex->waiters);
}

static inline bool try_take(struct mutex *mutex)
{
    struct task *nobody = NULL;

    return atomic_compare_exchange_strong_explicit(&mutex->owner, &nobody, port_self(),
                                                   memory_order_acquire, memory_order_relaxed);
}

static __attribute__((noinline)) int wait_and_take(struct mutex *mutex, enum port_block_mode mode)
{
    struct waiter waiter;
    int error = 0;
    bool is_mine;

    if (mutex_is_held(mutex)) {
        panic("mutex %s: taken again by the task that holds it", mutex->name);
    }
    waitq_add(&mutex->waiters, &waiter, true);
    for (;;) {
        store_relaxed(&waiter.was_woken, false);
        port_block_prepare(mode);
        is_mine = try_take(mutex);
        if (is_mine || error != 0) {
            break;
        }
        error = port_block(PORT_NO_DEADLINE);
    }
    port_block_cancel();
    TEST_POINT(TEST_MUTEX_WAIT_ENDED, mutex);
    waitq_remove(&waiter);
    if (is_mine) {
        return 0;
    }
    if (load_relaxed(&waiter.was_woken)) {
        waitq_wake_one(&mutex->waiters);
    }
    return error;
}

static inline int take(struct mutex *mutex, enum port_block_mode mode, bool is_nested)
{
    int error = 0;

    lock_rank_check_sleeping(mutex->rank, mutex->name, is_nested);
    if (unlikely(!try_take(mutex))) {
        error = wait_and_take(mutex, mode);
    }
    if (error == 0) {
        lock_rank_add_sleeping(mutex, mutex->rank, mutex->name);
    }
    return error;
}

void mutex_lock(struct mutex *mutex)
{
    int error = take(mutex, PORT_BLOCK_UNINTERRUPTIBLE, false);

    assert(error == 0);
}

void mutex_lock_nested(struct mutex *mutex)
{
    int error = take(mutex, PORT_BLOCK_UNINTERRUPTIBLE, true);

    assert(error == 0);
}

int mutex_lock_killable(struct mutex *mutex)
{
    return take(mutex, PORT_BLOCK_KILLABLE, false);
}

bool mutex_trylock(struct mutex *mutex)
{
    if (!try_take(mutex)) {
        return false;
    }
    lock_rank_add_sleeping(mutex, mutex->rank, mutex->name);
    return true;
}

void mutex_unlock(struct mutex *mutex)
{
    if (unlikely(!mutex_is_held(mutex))) {
        panic("mutex %s: unlocked by a task that does not hold it", mutex->name);
    }
    lock_rank_remove_sleeping(mutex);
    /* Release: the section's writes come before the mutex is free. */
    store_release(&mutex->owner, NULL);
    waitq_wake_one(&mutex->waiters);
}

bool mutex_is_held(const struct mutex *mutex)
{
    return load_relaxed(&mutex->owner) == port_self();
}
