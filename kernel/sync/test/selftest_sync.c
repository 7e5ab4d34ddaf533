// SPDX-License-Identifier: MIT
/* On the real machine, with preemption and several harts: exclusion, readers, and wake-ups that are never lost. */
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/selftest.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/rwlock.h"
#include "kernel/sync/spinlock.h"

enum { NR_THREADS = 4, NR_ROUNDS = 2000 };

static _Atomic uint32_t nr_running;
static struct waitq all_done = WAITQ_INIT(all_done);

/* Run nr threads at once and sleep until all have ended. */
static void run_threads(unsigned nr, void (*entry)(void *arg))
{
    atomic_store_explicit(&nr_running, nr, memory_order_relaxed);
    for (unsigned i = 0; i < nr; i++) {
        bool has_started = port_spawn("selftest", entry, (void *)(uintptr_t)i) != NULL;
        CHECK(has_started);
        if (!has_started) {
            atomic_fetch_sub_explicit(&nr_running, 1, memory_order_relaxed);
        }
    }
    waitq_wait_event(&all_done, load_acquire(&nr_running) == 0);
}

static void end_thread(void)
{
    atomic_fetch_sub_explicit(&nr_running, 1, memory_order_acq_rel);
    waitq_wake_all(&all_done);
}

/* Not atomic on purpose: what the locks guard. */
static volatile uint64_t counter;
static volatile uint64_t counter_copy;
static _Atomic uint32_t nr_torn;

static void step_counter(void)
{
    uint64_t value = counter;

    nr_torn += counter_copy != value;
    counter = value + 1;
    counter_copy = value + 1;
}

static void start_count(void)
{
    counter = 0;
    counter_copy = 0;
    nr_torn = 0;
}

static struct spinlock spinlock = SPINLOCK_INIT(LOCK_RANK_LEAF, "selftest");

static void spin_thread(void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        uint64_t irq_state = 0;
        if (i % 2 == 0) {
            spin_lock(&spinlock);
        } else {
            irq_state = spin_lock_irqsave(&spinlock);
        }
        step_counter();
        if (i % 2 == 0) {
            spin_unlock(&spinlock);
        } else {
            spin_unlock_irqrestore(&spinlock, irq_state);
        }
    }
    end_thread();
}

SELFTEST(spinlock_excludes_across_harts)
{
    start_count();
    run_threads(NR_THREADS, spin_thread);
    CHECK(counter == NR_THREADS * NR_ROUNDS);
    CHECK(nr_torn == 0);
}

static struct mutex mutex = MUTEX_INIT(mutex, LOCK_RANK_INODE, "selftest");

static void mutex_thread(void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        mutex_lock(&mutex);
        step_counter();
        if (i % 64 == 0) {
            port_yield();
        }
        mutex_unlock(&mutex);
    }
    end_thread();
}

SELFTEST(mutex_excludes_across_harts_and_forgets_nobody)
{
    start_count();
    run_threads(NR_THREADS, mutex_thread);
    CHECK(counter == NR_THREADS * NR_ROUNDS);
    CHECK(nr_torn == 0);
    CHECK(waitq_is_idle(&mutex.waiters));
}

static struct rwlock rwlock = RWLOCK_INIT(rwlock, LOCK_RANK_SPACE, "selftest");

static void rwlock_thread(void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        if ((i + (uintptr_t)arg) % 4 == 0) {
            rwlock_write_lock(&rwlock);
            step_counter();
            rwlock_write_unlock(&rwlock);
        } else {
            rwlock_read_lock(&rwlock);
            nr_torn += counter != counter_copy;
            if (i % 64 == 1) {
                port_yield();
            }
            rwlock_read_unlock(&rwlock);
        }
    }
    end_thread();
}

SELFTEST(rwlock_excludes_writers_across_harts_and_forgets_nobody)
{
    start_count();
    run_threads(NR_THREADS, rwlock_thread);
    CHECK(counter == NR_THREADS * NR_ROUNDS / 4);
    CHECK(nr_torn == 0);
    CHECK(!rwlock_is_held(&rwlock));
    CHECK(waitq_is_idle(&rwlock.waiters));
}

static struct waitq ball_queue = WAITQ_INIT(ball_queue);
static _Atomic uint32_t ball;

static void play(void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        waitq_wait_event(&ball_queue, load_acquire(&ball) % 2 == (uintptr_t)arg);
        atomic_fetch_add_explicit(&ball, 1, memory_order_acq_rel);
        waitq_wake_all(&ball_queue);
    }
    end_thread();
}

SELFTEST(wakeups_between_two_tasks_are_never_lost)
{
    ball = 0;
    run_threads(2, play);
    CHECK(load_relaxed(&ball) == 2 * NR_ROUNDS);
}

SELFTEST(wait_ends_at_its_deadline_and_not_before)
{
    uint64_t start_ns = port_clock_ns();
    uint64_t deadline_ns = start_ns + 20 * 1000 * 1000;

    CHECK(waitq_wait(&ball_queue, PORT_BLOCK_UNINTERRUPTIBLE, deadline_ns, false) == -ETIMEDOUT);
    CHECK(port_clock_ns() >= deadline_ns);
    CHECK(port_clock_ns() < deadline_ns + 2000ull * 1000 * 1000);
    CHECK(waitq_wait(&ball_queue, PORT_BLOCK_UNINTERRUPTIBLE, 0, true) == 0);
    CHECK(waitq_is_idle(&ball_queue));
}
