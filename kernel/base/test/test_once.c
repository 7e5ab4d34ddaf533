// SPDX-License-Identifier: MIT
// TSAN
/* Once cells: one winner among many, everybody sees his work, failures are retried or remembered, and recursion,
 * also out of an interrupt, is a panic with the cell's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "kernel/abi/errno.h"
#include "kernel/base/once.h"
#include "kernel/base/port.h"
#include "kernel/base/test_point.h"
#include "tools/host/host.h"

enum { NR_THREADS = 8, NR_ROUNDS = 150 };

struct lazy {
    struct once once;
    unsigned nr_runs;     /* [once] */
    unsigned nr_failures; /* [once] how often to fail first */
    int product[16];      /* [once] what the initialiser makes; read without a lock afterwards */
    bool is_slow;
};

static int make_product(void *arg)
{
    struct lazy *lazy = arg;

    lazy->nr_runs++;
    if (lazy->is_slow) {
        usleep(2000);
    }
    if (lazy->nr_failures > 0) {
        lazy->nr_failures--;
        return -ENOMEM;
    }
    for (unsigned i = 0; i < array_size(lazy->product); i++) {
        lazy->product[i] = (int)i + 1;
    }
    return 0;
}

static void get_and_use(unsigned index, void *arg)
{
    struct lazy *lazy = arg;
    bool may_sleep = index % 4 != 3;

    if (!may_sleep) {
        port_preempt_disable(); /* waits by spinning */
    }
    while (once_get(&lazy->once, make_product, lazy) != 0) {
    }
    for (unsigned i = 0; i < array_size(lazy->product); i++) {
        assert_int_equal(lazy->product[i], i + 1);
    }
    if (!may_sleep) {
        port_preempt_enable();
    }
}

static void one_of_many_runs_it_and_all_see_the_result(void **state)
{
    for (unsigned round = 0; round < NR_ROUNDS; round++) {
        struct lazy lazy = {.once = ONCE_INIT("lazy", ONCE_RETRY), .is_slow = round % 10 == 0};
        host_run_threads(NR_THREADS, get_and_use, &lazy);
        assert_int_equal(lazy.nr_runs, 1);
        assert_int_equal(atomic_load(&lazy.once.state), ONCE_DONE);
        assert_null(atomic_load(&lazy.once.waiters));
    }
}

static void failure_is_retried_by_those_who_waited(void **state)
{
    for (unsigned round = 0; round < NR_ROUNDS; round++) {
        struct lazy lazy = {
            .once = ONCE_INIT("lazy", ONCE_RETRY), .nr_failures = 3, .is_slow = round % 10 == 0};
        host_run_threads(NR_THREADS, get_and_use, &lazy);
        assert_int_equal(lazy.nr_runs, 4);
    }
}

static void failure_is_returned_to_the_one_who_met_it(void **state)
{
    struct lazy lazy = {.once = ONCE_INIT("lazy", ONCE_RETRY), .nr_failures = 1};

    assert_int_equal(once_get(&lazy.once, make_product, &lazy), -ENOMEM);
    assert_int_equal(atomic_load(&lazy.once.state), ONCE_EMPTY);
    assert_int_equal(once_get(&lazy.once, make_product, &lazy), 0);
    assert_int_equal(once_get(&lazy.once, make_product, &lazy), 0);
    assert_int_equal(lazy.nr_runs, 2);
}

static void get_poisoned(unsigned index, void *arg)
{
    struct lazy *lazy = arg;

    assert_int_equal(once_get(&lazy->once, make_product, lazy), -ENOMEM);
}

static void poisoned_cell_returns_the_first_error_for_ever(void **state)
{
    struct lazy lazy = {.once = ONCE_INIT("lazy", ONCE_POISON), .nr_failures = 1, .is_slow = true};

    host_run_threads(NR_THREADS, get_poisoned, &lazy);
    assert_int_equal(lazy.nr_runs, 1);
    assert_int_equal(once_get(&lazy.once, make_product, &lazy), -ENOMEM);
    assert_int_equal(lazy.nr_runs, 1);
}

/* The owner ends between a waiter's look and its standing on the stack: nobody else will wake it. */
static _Atomic int owner_stage;

static int wait_until_a_waiter_looked(void *arg)
{
    atomic_store(&owner_stage, 1);
    while (atomic_load(&owner_stage) != 2) {
        port_yield();
    }
    return 0;
}

static void own_the_cell(void *arg)
{
    struct lazy *lazy = arg;

    assert_int_equal(once_get(&lazy->once, wait_until_a_waiter_looked, NULL), 0);
}

static void let_the_owner_end(enum test_point point, void *object)
{
    struct once *once = object;

    if (point == TEST_ONCE_ABOUT_TO_WAIT) {
        atomic_store(&owner_stage, 2);
        while (atomic_load(&once->owner) != NULL) {
            port_yield();
        }
        usleep(1000); /* past its look at the waiters */
    }
}

static void waiter_that_comes_too_late_wakes_itself(void **state)
{
    struct lazy lazy = {.once = ONCE_INIT("lazy", ONCE_RETRY)};

    assert_non_null(port_spawn("owner", own_the_cell, &lazy));
    while (atomic_load(&owner_stage) != 1) {
        port_yield();
    }
    atomic_store(&test_point_hook, let_the_owner_end);
    assert_int_equal(once_get(&lazy.once, make_product, &lazy), 0);
    atomic_store(&test_point_hook, NULL);
    assert_int_equal(lazy.nr_runs, 0);
    host_wait_spawned();
}

static struct once recursive = ONCE_INIT("snake", ONCE_RETRY);
static bool as_interrupt;

static int need_myself(void *arg)
{
    if (as_interrupt) {
        host_interrupt_begin();
    }
    return once_get(&recursive, need_myself, NULL);
}

static void get_recursive(void *arg)
{
    (void)!once_get(&recursive, need_myself, NULL);
}

static void recursion_is_a_panic_that_names_the_cell(void **state)
{
    as_interrupt = false;
    recursive = (struct once)ONCE_INIT("snake", ONCE_RETRY);
    host_expect_panic(get_recursive, NULL, "once: snake");
}

static void reentry_from_an_interrupt_is_a_panic_that_names_the_cell(void **state)
{
    as_interrupt = true;
    recursive = (struct once)ONCE_INIT("viper", ONCE_RETRY);
    host_expect_panic(get_recursive, NULL, "once: viper");
}

static struct once stuck = ONCE_INIT("tortoise", ONCE_RETRY);
static _Atomic int stuck_stage;

static int wait_for_stage_two(void *arg)
{
    atomic_store(&stuck_stage, 1);
    while (atomic_load(&stuck_stage) != 2) {
        port_relax();
    }
    return 0;
}

static void stuck_owner(void *arg)
{
    (void)!once_get(&stuck, wait_for_stage_two, NULL);
}

static void get_stuck_without_sleeping(void *arg)
{
    port_preempt_disable();
    (void)!once_get(&stuck, wait_for_stage_two, NULL);
}

static void let_time_pass(void *arg)
{
    while (atomic_load(&stuck_stage) != 2) {
        host_clock_advance(1000000000);
        usleep(100);
    }
}

static void spinning_without_end_is_a_panic_that_names_the_cell(void **state)
{
    host_clock_fake(0);
    assert_non_null(port_spawn("owner", stuck_owner, NULL));
    while (atomic_load(&stuck_stage) != 1) {
        port_relax();
    }
    assert_non_null(port_spawn("time", let_time_pass, NULL));
    host_expect_panic(get_stuck_without_sleeping, NULL, "once: tortoise");
    atomic_store(&stuck_stage, 2);
    host_wait_spawned();
    host_clock_real();
}

/* Every window of the slow path in turn: the task in it stands still until the others, who need the
 * cell as well, have done whatever they can do meanwhile. */
static enum test_point held_window;
static _Atomic unsigned nr_held, nr_reached;

static void stand_still(enum test_point point, void *object)
{
    if (point == held_window) {
        atomic_fetch_add(&nr_reached, 1);
        if (atomic_fetch_add(&nr_held, 1) < 3) {
            usleep(1000);
        }
    }
}

static void hold_window(enum test_point window, unsigned nr_failures, enum once_policy policy)
{
    held_window = window;
    for (unsigned round = 0; round < 8; round++) {
        struct lazy lazy = {.once = ONCE_INIT("held", policy),
                            .nr_failures = nr_failures,
                            .is_slow = round % 2 == 0};
        atomic_store(&nr_held, 0);
        atomic_store(&test_point_hook, stand_still);
        host_run_threads(NR_THREADS, policy == ONCE_POISON ? get_poisoned : get_and_use, &lazy);
        atomic_store(&test_point_hook, NULL);
        assert_int_equal(lazy.nr_runs, policy == ONCE_POISON ? 1 : nr_failures + 1);
        assert_null(atomic_load(&lazy.once.waiters));
        assert_null(atomic_load(&lazy.once.owner));
    }
}

static void a_task_that_stands_still_in_any_window_breaks_nothing(void **state)
{
    static const enum test_point windows[] = {TEST_ONCE_CLAIMED,    TEST_ONCE_STATE_SET,
                                              TEST_ONCE_OWNER_GONE, TEST_ONCE_ABOUT_TO_WAIT,
                                              TEST_ONCE_PUSHED,     TEST_ONCE_WAKING};

    for (size_t i = 0; i < array_size(windows); i++) {
        atomic_store(&nr_reached, 0);
        hold_window(windows[i], 0, ONCE_RETRY);
        hold_window(windows[i], 2, ONCE_RETRY);
        hold_window(windows[i], 1, ONCE_POISON);
        assert_true(atomic_load(&nr_reached) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_many_runs_it_and_all_see_the_result),
        cmocka_unit_test(failure_is_retried_by_those_who_waited),
        cmocka_unit_test(failure_is_returned_to_the_one_who_met_it),
        cmocka_unit_test(poisoned_cell_returns_the_first_error_for_ever),
        cmocka_unit_test(a_task_that_stands_still_in_any_window_breaks_nothing),
        cmocka_unit_test(waiter_that_comes_too_late_wakes_itself),
        cmocka_unit_test(recursion_is_a_panic_that_names_the_cell),
        cmocka_unit_test(reentry_from_an_interrupt_is_a_panic_that_names_the_cell),
        cmocka_unit_test(spinning_without_end_is_a_panic_that_names_the_cell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
