// SPDX-License-Identifier: MIT
// TSAN
/* Wait queues: no wake-up is lost between looking and blocking, one is one, deadlines and signals end a wait,
 * and a task may stand on several queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/sync/waitq.h"
#include "tools/host/host.h"

static struct waitq queue = WAITQ_INIT(queue);
static struct waitq other_queue = WAITQ_INIT(other_queue);

/* ---- A wake-up is never lost -------------------------------------------------------------------- */

enum { NR_EXCHANGES = 3000 };

static _Atomic unsigned ball; /* even: thread 0's turn */

static void play(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_EXCHANGES; i++) {
        waitq_wait_event(&queue, atomic_load(&ball) % 2 == index);
        atomic_fetch_add(&ball, 1);
        waitq_wake_all(&queue);
    }
}

static void two_tasks_play_ball_without_dropping_it(void **state)
{
    atomic_store(&ball, 0);
    host_run_threads(2, play, NULL); /* a lost wake-up is a hang */
    assert_int_equal(atomic_load(&ball), 2 * NR_EXCHANGES);
    assert_true(waitq_is_idle(&queue));
}

static _Atomic int tokens;
static _Atomic int tokens_taken;

static bool take_token(void)
{
    int have = atomic_load(&tokens);

    while (have > 0) {
        if (atomic_compare_exchange_weak(&tokens, &have, have - 1)) {
            return true;
        }
    }
    return false;
}

/* A semaphore over exclusive waiters, as a user of the queue would write one. */
static void take_token_exclusively(void)
{
    struct waiter waiter;

    waitq_add(&queue, &waiter, true);
    for (;;) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        if (take_token()) {
            break;
        }
        assert_int_equal(port_block(PORT_NO_DEADLINE), 0);
    }
    port_block_cancel();
    waitq_remove(&waiter);
    atomic_fetch_add(&tokens_taken, 1);
}

enum { NR_TAKERS = 4, NR_TOKENS_EACH = 500 };

static void give_and_take(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_TOKENS_EACH; i++) {
        if (index < NR_TAKERS) {
            take_token_exclusively();
        } else {
            atomic_fetch_add(&tokens, 1);
            waitq_wake_one(&queue);
        }
    }
}

static void as_many_wake_one_as_tokens_serve_every_exclusive_waiter(void **state)
{
    atomic_store(&tokens, 0);
    atomic_store(&tokens_taken, 0);
    host_run_threads(2 * NR_TAKERS, give_and_take, NULL);
    assert_int_equal(atomic_load(&tokens_taken), NR_TAKERS * NR_TOKENS_EACH);
    assert_int_equal(atomic_load(&tokens), 0);
}

/* ---- Whom it wakes ------------------------------------------------------------------------------ */

static _Atomic int nr_ready, nr_woken;
static _Atomic int gate;

static void exclusive_thread(void *arg)
{
    struct waiter waiter;

    waitq_add(&queue, &waiter, true);
    port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
    atomic_fetch_add(&nr_ready, 1);
    assert_int_equal(port_block(PORT_NO_DEADLINE), 0);
    waitq_remove(&waiter);
    assert_true(atomic_load(&waiter.was_woken));
    atomic_fetch_add(&nr_woken, 1);
}

static void ordinary_thread(void *arg)
{
    struct waiter waiter;

    waitq_add(&queue, &waiter, false);
    port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
    atomic_fetch_add(&nr_ready, 1);
    assert_int_equal(port_block(PORT_NO_DEADLINE), 0);
    waitq_remove(&waiter);
    atomic_fetch_add(&nr_woken, 100);
}

static void wait_until(_Atomic int *value, int expected)
{
    while (atomic_load(value) != expected) {
        usleep(100);
    }
}

static void wake_one_wakes_all_ordinary_and_one_exclusive_waiter(void **state)
{
    atomic_store(&nr_ready, 0);
    atomic_store(&nr_woken, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(port_spawn("exclusive", exclusive_thread, NULL));
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_non_null(port_spawn("ordinary", ordinary_thread, NULL));
    }
    wait_until(&nr_ready, 5);
    waitq_wake_one(&queue);
    wait_until(&nr_woken, 201);
    usleep(2000);
    assert_int_equal(atomic_load(&nr_woken), 201);
    waitq_wake_one(&queue);
    wait_until(&nr_woken, 202);
    waitq_wake_all(&queue);
    host_wait_spawned();
    assert_int_equal(atomic_load(&nr_woken), 203);
    assert_true(waitq_is_idle(&queue));
}

/* ---- What else ends a wait ---------------------------------------------------------------------- */

static void deadline_ends_a_wait_unless_the_condition_is_true(void **state)
{
    uint64_t start_ns = port_clock_ns();

    assert_int_equal(waitq_wait(&queue, PORT_BLOCK_UNINTERRUPTIBLE, start_ns + 3000000, false),
                     -ETIMEDOUT);
    assert_true(port_clock_ns() >= start_ns + 3000000);
    assert_int_equal(waitq_wait(&queue, PORT_BLOCK_UNINTERRUPTIBLE, 0, true), 0);
    assert_true(waitq_is_idle(&queue));

    host_clock_fake(1000);
    assert_int_equal(waitq_wait(&queue, PORT_BLOCK_UNINTERRUPTIBLE, 1000, false), -ETIMEDOUT);
    host_clock_real();
}

static struct task *_Atomic sleeper;
static _Atomic int result;

static void interruptible_thread(void *arg)
{
    atomic_store(&sleeper, port_self());
    atomic_store(&result, waitq_wait(&queue, PORT_BLOCK_INTERRUPTIBLE, PORT_NO_DEADLINE, false));
}

static void signal_ends_an_interruptible_wait(void **state)
{
    assert_non_null(port_spawn("sleeper", interruptible_thread, NULL));
    while (atomic_load(&sleeper) == NULL || waitq_is_idle(&queue)) {
        usleep(100);
    }
    host_signal(atomic_load(&sleeper), false);
    host_wait_spawned();
    assert_int_equal(atomic_load(&result), -ERESTARTSYS);
    assert_true(waitq_is_idle(&queue));
}

static void two_queue_thread(void *arg)
{
    struct waiter first, second;

    waitq_add(&queue, &first, false);
    waitq_add(&other_queue, &second, false);
    for (;;) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        if (atomic_load(&gate) != 0) {
            break;
        }
        assert_int_equal(port_block(PORT_NO_DEADLINE), 0);
    }
    port_block_cancel();
    waitq_remove(&first);
    waitq_remove(&second);
    atomic_store(&nr_woken, atomic_load(&first.was_woken) ? 1 : 2);
}

static void task_on_two_queues_is_woken_by_either(void **state)
{
    atomic_store(&gate, 0);
    assert_non_null(port_spawn("poller", two_queue_thread, NULL));
    while (waitq_is_idle(&other_queue)) {
        usleep(100);
    }
    atomic_store(&gate, 1);
    waitq_wake_all(&other_queue);
    host_wait_spawned();
    assert_int_equal(atomic_load(&nr_woken), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_tasks_play_ball_without_dropping_it),
        cmocka_unit_test(as_many_wake_one_as_tokens_serve_every_exclusive_waiter),
        cmocka_unit_test(wake_one_wakes_all_ordinary_and_one_exclusive_waiter),
        cmocka_unit_test(deadline_ends_a_wait_unless_the_condition_is_true),
        cmocka_unit_test(signal_ends_an_interruptible_wait),
        cmocka_unit_test(task_on_two_queues_is_woken_by_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
