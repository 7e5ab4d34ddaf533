// SPDX-License-Identifier: MIT
// TSAN
/* Spinlocks, mutexes and reader-writer locks: exclusion under a crowd (whose plain counters ThreadSanitizer watches),
 * no lost wake-up, and misuse that panics with the lock's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/test_point.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/rwlock.h"
#include "kernel/sync/spinlock.h"
#include "tools/host/host.h"

enum { NR_THREADS = 8, NR_ROUNDS = 400 };

static struct spinlock spinlock = SPINLOCK_INIT(LOCK_RANK_LEAF, "first");
static struct spinlock same_rank = SPINLOCK_INIT(LOCK_RANK_LEAF, "second");
static struct spinlock outer_rank = SPINLOCK_INIT(LOCK_RANK_FUTEX, "outer");
static struct mutex mutex = MUTEX_INIT(mutex, LOCK_RANK_INODE, "inode");
static struct mutex outer_mutex = MUTEX_INIT(outer_mutex, LOCK_RANK_MOUNT, "mount");
static struct rwlock rwlock = RWLOCK_INIT(rwlock, LOCK_RANK_SPACE, "space");

/* Not atomic on purpose. */
static uint64_t counter;
static uint64_t counter_copy;

static void step_counter(void)
{
    uint64_t value = counter;

    assert_true(counter_copy == value);
    if (value % 64 == 0) {
        port_relax();
    }
    counter = value + 1;
    counter_copy = value + 1;
}

static int reset_counter(void **state)
{
    counter = counter_copy = 0;
    return 0;
}

/* ---- Spinlocks --------------------------------------------------------------------------------- */

static void spin_thread(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        if (i % 3 == 0) {
            uint64_t irq_state = spin_lock_irqsave(&spinlock);
            assert_false(port_irqs_enabled());
            step_counter();
            spin_unlock_irqrestore(&spinlock, irq_state);
        } else if (i % 3 == 1 || !spin_trylock(&spinlock)) {
            spin_lock(&spinlock);
            assert_true(spin_is_held(&spinlock));
            assert_false(port_may_sleep());
            step_counter();
            spin_unlock(&spinlock);
        } else {
            step_counter();
            spin_unlock(&spinlock);
        }
        assert_true(port_may_sleep());
        assert_false(spin_is_held(&spinlock));
    }
}

static void spinlock_lets_one_hart_in(void **state)
{
    host_run_threads(NR_THREADS, spin_thread, NULL);
    assert_int_equal(counter, NR_THREADS * NR_ROUNDS);
}

static void trylock_fails_while_held(void **state)
{
    spin_lock(&spinlock);
    assert_false(spin_trylock(&spinlock));
    spin_unlock(&spinlock);
    assert_true(spin_trylock(&spinlock));
    spin_unlock(&spinlock);
    assert_true(port_may_sleep());
}

static void take_in_wrong_order(void *arg)
{
    spin_lock(&spinlock);
    spin_lock(&outer_rank);
}

static void take_same_rank(void *arg)
{
    spin_lock(&spinlock);
    spin_lock(&same_rank);
}

static void unlock_free_spinlock(void *arg)
{
    spin_unlock(&spinlock);
}

static int renew_spinlocks(void **state)
{
    spin_init(&spinlock, LOCK_RANK_LEAF, "first");
    spin_init(&same_rank, LOCK_RANK_LEAF, "second");
    spin_init(&outer_rank, LOCK_RANK_FUTEX, "outer");
    return 0;
}

static void take_unranked_twice(void *arg)
{
    static struct spinlock unranked = SPINLOCK_INIT(LOCK_RANK_NONE, "unranked");

    spin_lock(&unranked);
    spin_lock(&unranked);
}

static void take_irq_safe_with_interrupts_on(void *arg)
{
    static struct spinlock safe = SPINLOCK_INIT(LOCK_RANK_WAITQ, "safe");
    uint64_t irq_state = spin_lock_irqsave(&safe);

    spin_unlock_irqrestore(&safe, irq_state);
    spin_lock(&safe);
}

static void spinlock_misuse_is_a_panic_with_its_name(void **state)
{
    host_expect_panic(take_irq_safe_with_interrupts_on, NULL, "taking safe");
    host_expect_panic(take_in_wrong_order, NULL, "taking outer");
    renew_spinlocks(NULL);
    host_expect_panic(take_same_rank, NULL, "taking second");
    renew_spinlocks(NULL);
    host_expect_panic(take_unranked_twice, NULL, "spinlock unranked");
    host_expect_panic(unlock_free_spinlock, NULL, "spin_is_held");
    assert_true(port_may_sleep());
    spin_lock(&outer_rank);
    spin_lock(&spinlock);
    spin_lock_nested(&same_rank);
    spin_unlock(&outer_rank);
    spin_unlock(&same_rank);
    spin_unlock(&spinlock);
}

/* ---- Mutexes ----------------------------------------------------------------------------------- */

static void mutex_thread(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        if (i % 4 != 0) {
            mutex_lock(&mutex);
        } else if (!mutex_trylock(&mutex)) {
            assert_int_equal(mutex_lock_killable(&mutex), 0);
        }
        assert_true(mutex_is_held(&mutex));
        assert_true(port_may_sleep());
        step_counter();
        if (i % 50 == 0) {
            port_yield(); /* with the mutex held */
        }
        mutex_unlock(&mutex);
        assert_false(mutex_is_held(&mutex));
    }
}

static void mutex_lets_one_task_in_and_forgets_nobody(void **state)
{
    host_run_threads(NR_THREADS, mutex_thread, NULL);
    assert_int_equal(counter, NR_THREADS * NR_ROUNDS);
    assert_true(waitq_is_idle(&mutex.waiters));
}

static void more_tasks_than_harts_share_a_mutex(void **state)
{
    host_set_nr_harts(2);
    host_run_threads(12, mutex_thread, NULL);
    host_set_nr_harts(MAX_HARTS);
    assert_int_equal(counter, 12 * NR_ROUNDS);
}

static struct task *_Atomic victim;
static _Atomic int victim_result = 1;

static void killable_thread(void *arg)
{
    atomic_store(&victim, port_self());
    int error = mutex_lock_killable(&mutex);
    if (error == 0) {
        mutex_unlock(&mutex); /* it was woken before it saw the signal */
    }
    atomic_store(&victim_result, error);
}

static void locking_thread(void *arg)
{
    mutex_lock(&mutex);
    counter++;
    mutex_unlock(&mutex);
}

static void fatal_signal_ends_a_killable_wait_and_loses_no_wakeup(void **state)
{
    mutex_lock(&mutex);
    assert_non_null(port_spawn("victim", killable_thread, NULL));
    while (atomic_load(&victim) == NULL || waitq_is_idle(&mutex.waiters)) {
        port_yield();
    }
    assert_non_null(port_spawn("behind", locking_thread, NULL));
    host_signal(atomic_load(&victim), false); /* not fatal: no effect */
    usleep(1000);
    assert_int_equal(atomic_load(&victim_result), 1);
    host_signal(atomic_load(&victim), true);
    mutex_unlock(&mutex);
    host_wait_spawned(); /* hangs if the victim kept the wake-up to itself */
    assert_int_equal(counter, 1);
    assert_true(atomic_load(&victim_result) == 0 || atomic_load(&victim_result) == -ERESTARTSYS);
}

static void fatal_signal_ends_a_wait_for_a_mutex_that_stays_locked(void **state)
{
    atomic_store(&victim, NULL);
    atomic_store(&victim_result, 1);
    mutex_lock(&mutex);
    assert_non_null(port_spawn("victim", killable_thread, NULL));
    while (atomic_load(&victim) == NULL || waitq_is_idle(&mutex.waiters)) {
        port_yield();
    }
    host_signal(atomic_load(&victim), true);
    host_wait_spawned();
    assert_int_equal(atomic_load(&victim_result), -ERESTARTSYS);
    assert_true(waitq_is_idle(&mutex.waiters));
    mutex_unlock(&mutex);
}

/* While the killed victim still stands on the queue, a second task has come behind it and the mutex is unlocked: the
 * wake-up goes to the victim. */
static void unlock_under_the_victim(enum test_point point, void *object)
{
    if (point != TEST_MUTEX_WAIT_ENDED || port_self() != atomic_load(&victim)) {
        return;
    }
    assert_non_null(port_spawn("behind", locking_thread, NULL));
    while (atomic_load(&mutex.waiters.nr_waiters) < 2) {
        port_yield();
    }
    usleep(1000); /* until it sleeps */
    atomic_store(&victim, NULL);
    while (!waitq_is_idle(&mutex.waiters) && atomic_load(&mutex.owner) != NULL) {
        port_yield();
    }
}

static void killed_waiter_passes_its_wakeup_on(void **state)
{
    atomic_store(&victim, NULL);
    atomic_store(&victim_result, 1);
    mutex_lock(&mutex);
    assert_non_null(port_spawn("victim", killable_thread, NULL));
    while (atomic_load(&victim) == NULL || waitq_is_idle(&mutex.waiters)) {
        port_yield();
    }
    atomic_store(&test_point_hook, unlock_under_the_victim);
    host_signal(atomic_load(&victim), true);
    while (atomic_load(&victim) != NULL) {
        port_yield();
    }
    mutex_unlock(&mutex);
    host_wait_spawned(); /* hangs if the wake-up died with the victim */
    atomic_store(&test_point_hook, NULL);
    assert_int_equal(atomic_load(&victim_result), -ERESTARTSYS);
    assert_int_equal(counter, 1);
}

static void lock_mutex_twice(void *arg)
{
    mutex_lock(&mutex);
    mutex_lock(&mutex);
}

static void lock_mutexes_in_wrong_order(void *arg)
{
    mutex_lock(&mutex);
    mutex_lock(&outer_mutex);
}

static void lock_mutex_under_spinlock(void *arg)
{
    spin_lock(&spinlock);
    mutex_lock(&mutex);
}

static void unlock_mutex(void *arg)
{
    mutex_unlock(&mutex);
}

static void mutex_misuse_is_a_panic_with_its_name(void **state)
{
    host_expect_panic(lock_mutex_twice, NULL, "taking inode");
    mutex_init(&mutex, LOCK_RANK_INODE, "inode");
    host_expect_panic(lock_mutexes_in_wrong_order, NULL, "taking mount");
    mutex_init(&mutex, LOCK_RANK_INODE, "inode");
    mutex_init(&outer_mutex, LOCK_RANK_MOUNT, "mount");
    host_expect_panic(lock_mutex_under_spinlock, NULL, "inode, which sleeps");
    renew_spinlocks(NULL);
    host_expect_panic(unlock_mutex, NULL, "mutex inode");
    mutex_lock(&outer_mutex);
    mutex_lock(&mutex);
    mutex_unlock(&outer_mutex);
    mutex_unlock(&mutex);
}

/* ---- Reader-writer locks ----------------------------------------------------------------------- */

static _Atomic int readers_inside;
static _Atomic int most_readers;

static void rwlock_thread(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        if ((i + index) % 4 == 0) {
            rwlock_write_lock(&rwlock);
            assert_true(rwlock_is_write_held(&rwlock));
            assert_int_equal(atomic_load(&readers_inside), 0);
            step_counter();
            if (i % 8 != 0) {
                rwlock_write_unlock(&rwlock);
                continue;
            }
            uint64_t value = counter;
            rwlock_downgrade(&rwlock);
            assert_false(rwlock_is_write_held(&rwlock));
            assert_true(counter == value); /* no writer in between, nor now */
            rwlock_read_unlock(&rwlock);
        } else {
            rwlock_read_lock(&rwlock);
            int inside = atomic_fetch_add(&readers_inside, 1) + 1;
            if (inside > atomic_load(&most_readers)) {
                atomic_store(&most_readers, inside);
            }
            assert_true(counter == counter_copy);
            if (i % 16 == 0) {
                port_yield();
            }
            atomic_fetch_sub(&readers_inside, 1);
            rwlock_read_unlock(&rwlock);
        }
    }
}

static void rwlock_lets_readers_or_one_writer_in_and_forgets_nobody(void **state)
{
    host_run_threads(NR_THREADS, rwlock_thread, NULL);
    assert_int_equal(counter, NR_THREADS * NR_ROUNDS / 4);
    assert_true(atomic_load(&most_readers) > 1);
    assert_false(rwlock_is_held(&rwlock));
    assert_true(waitq_is_idle(&rwlock.waiters));
}

static _Atomic int writer_was_in;

static void writing_thread(void *arg)
{
    rwlock_write_lock(&rwlock);
    atomic_store(&writer_was_in, 1);
    rwlock_write_unlock(&rwlock);
}

static void waiting_writer_keeps_new_readers_out(void **state)
{
    rwlock_read_lock(&rwlock);
    assert_true(rwlock_read_trylock(&rwlock));
    rwlock_read_unlock(&rwlock);
    assert_non_null(port_spawn("writer", writing_thread, NULL));
    while (atomic_load(&rwlock.writers_waiting) == 0) {
        port_yield();
    }
    assert_false(rwlock_read_trylock(&rwlock));
    assert_false(rwlock_write_trylock(&rwlock));
    assert_int_equal(atomic_load(&writer_was_in), 0);
    rwlock_read_unlock(&rwlock);
    host_wait_spawned();
    assert_int_equal(atomic_load(&writer_was_in), 1);
    assert_true(rwlock_write_trylock(&rwlock));
    assert_false(rwlock_read_trylock(&rwlock));
    rwlock_write_unlock(&rwlock);
}

#define NR_TURNS   20
#define MANY_HOLDS 20000

static _Atomic int turns_taken;
static _Atomic int holds_left;

/* Holds the lock until the other one of its kind waits, so that there is always a writer who waits. */
static void writes_in_turns(void *arg)
{
    while (atomic_load(&turns_taken) < NR_TURNS && atomic_fetch_sub(&holds_left, 1) > 0) {
        rwlock_write_lock(&rwlock);
        while (atomic_load(&rwlock.writers_waiting) == 0 && atomic_load(&turns_taken) < NR_TURNS &&
               atomic_load(&holds_left) > 0) {
            port_yield();
        }
        rwlock_write_unlock(&rwlock);
    }
}

static void reads_between(void *arg)
{
    while (atomic_load(&turns_taken) < NR_TURNS) {
        rwlock_read_lock(&rwlock);
        atomic_fetch_add(&turns_taken, 1);
        rwlock_read_unlock(&rwlock);
    }
}

static void waiting_readers_get_in_between_writers(void **state)
{
    atomic_store(&turns_taken, 0);
    atomic_store(&holds_left, MANY_HOLDS);
    assert_non_null(port_spawn("writer", writes_in_turns, NULL));
    assert_non_null(port_spawn("writer", writes_in_turns, NULL));
    assert_non_null(port_spawn("reader", reads_between, NULL));
    host_wait_spawned();
    assert_true(atomic_load(&holds_left) > 0);
}

static void read_twice(void *arg)
{
    rwlock_read_lock(&rwlock);
    rwlock_read_lock(&rwlock);
}

static void unlock_unread(void *arg)
{
    rwlock_read_unlock(&rwlock);
}

static void unlock_unwritten(void *arg)
{
    rwlock_write_unlock(&rwlock);
}

static void rwlock_misuse_is_a_panic_with_its_name(void **state)
{
    host_expect_panic(read_twice, NULL, "taking space");
    rwlock_init(&rwlock, LOCK_RANK_SPACE, "space");
    host_expect_panic(unlock_unread, NULL, "rwlock space");
    rwlock_init(&rwlock, LOCK_RANK_SPACE, "space");
    host_expect_panic(unlock_unwritten, NULL, "rwlock space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(spinlock_lets_one_hart_in, reset_counter),
        cmocka_unit_test_setup(trylock_fails_while_held, reset_counter),
        cmocka_unit_test_setup(spinlock_misuse_is_a_panic_with_its_name, renew_spinlocks),
        cmocka_unit_test_setup(mutex_lets_one_task_in_and_forgets_nobody, reset_counter),
        cmocka_unit_test_setup(more_tasks_than_harts_share_a_mutex, reset_counter),
        cmocka_unit_test_setup(fatal_signal_ends_a_killable_wait_and_loses_no_wakeup,
                               reset_counter),
        cmocka_unit_test_setup(fatal_signal_ends_a_wait_for_a_mutex_that_stays_locked,
                               reset_counter),
        cmocka_unit_test_setup(killed_waiter_passes_its_wakeup_on, reset_counter),
        cmocka_unit_test_setup(mutex_misuse_is_a_panic_with_its_name, reset_counter),
        cmocka_unit_test_setup(rwlock_lets_readers_or_one_writer_in_and_forgets_nobody,
                               reset_counter),
        cmocka_unit_test_setup(waiting_writer_keeps_new_readers_out, reset_counter),
        cmocka_unit_test_setup(waiting_readers_get_in_between_writers, reset_counter),
        cmocka_unit_test_setup(rwlock_misuse_is_a_panic_with_its_name, reset_counter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
