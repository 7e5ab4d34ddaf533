// SPDX-License-Identifier: MIT
/* Reclaim: who is asked when, what an allocation does when nothing is left, and that it always
 * ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "mm/reclaim.h"
#include "mm/test/machine.h"

#define MIB (1ul << 20)
enum { MAX_HELD = 4096 };

/* Frames that a test's shrinker can give up. */
static struct page *held[MAX_HELD];
static size_t nr_held;

static unsigned nr_calls;
static enum alloc_flags last_flags;
static char order_of_calls[16];

static uint64_t give_up(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    uint64_t nr = 0;

    (void)shrinker;
    nr_calls++;
    last_flags = flags;
    while (nr < nr_frames && nr_held > 0) {
        frames_free(held[--nr_held], 0);
        nr++;
    }
    return nr;
}

static struct shrinker holder = {.name = "holder", .shrink = give_up, .order = 2};

static void take_all_memory(void)
{
    struct page *page;

    nr_held = 0;
    while ((page = frames_alloc(0, ALLOC_QUIET)) != NULL) {
        assert_true(nr_held < MAX_HELD);
        held[nr_held++] = page;
    }
}

static int start(void **state)
{
    (void)state;
    machine_start(8 * MIB);
    nr_calls = 0;
    nr_held = 0;
    memset(order_of_calls, 0, sizeof(order_of_calls));
    reclaim_set_oom_handler(NULL);
    shrinker_register(&holder);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    shrinker_unregister(&holder);
    return 0;
}

static void an_allocation_that_may_wait_reclaims(void **state)
{
    (void)state;
    take_all_memory();
    assert_null(frames_alloc(0, ALLOC_QUIET)); /* may not wait: nobody is asked */
    assert_int_equal(nr_calls, 0);
    assert_non_null(frames_alloc(0, ALLOC_KERNEL));
    assert_int_equal(nr_calls, 1);
    assert_non_null(frames_alloc(4, ALLOC_KERNEL | ALLOC_NOFS)); /* by now a block has joined */
    assert_true((last_flags & ALLOC_WAIT) != 0);
}

static void the_callers_restrictions_reach_the_shrinkers(void **state)
{
    (void)state;
    take_all_memory();
    assert_non_null(frames_alloc(0, ALLOC_KERNEL | ALLOC_NOFS));
    assert_true((last_flags & ALLOC_NOFS) != 0);
}

static void atomic_context_never_reclaims(void **state)
{
    (void)state;
    take_all_memory();
    host_interrupt_begin();
    assert_null(frames_alloc(0, ALLOC_KERNEL | ALLOC_QUIET));
    host_interrupt_end();
    port_preempt_disable();
    assert_null(frames_alloc(0, ALLOC_KERNEL | ALLOC_QUIET));
    port_preempt_enable();
    assert_int_equal(nr_calls, 0);
}

static uint64_t note_call(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    (void)nr_frames;
    (void)flags;
    order_of_calls[strlen(order_of_calls)] = shrinker->name[0];
    return 0;
}

static void shrinkers_are_asked_in_their_order(void **state)
{
    struct shrinker a = {.name = "a", .shrink = note_call, .order = 0};
    struct shrinker b = {.name = "b", .shrink = note_call, .order = 1};
    struct shrinker c = {.name = "c", .shrink = note_call, .order = 1};
    struct shrinker d = {.name = "d", .shrink = note_call, .order = 3};

    (void)state;
    shrinker_register(&d);
    shrinker_register(&b);
    shrinker_register(&c);
    shrinker_register(&a);
    assert_int_equal(reclaim_frames(1, ALLOC_WAIT), 0);
    assert_string_equal(order_of_calls, "abcd");
    shrinker_unregister(&b);
    assert_int_equal(reclaim_frames(1, ALLOC_WAIT), 0);
    assert_string_equal(order_of_calls, "abcdacd");
    nr_held = frames_alloc_bulk(held, 4, ALLOC_KERNEL);
    assert_int_equal(reclaim_frames(1, ALLOC_WAIT), 1); /* the holder, order 2: d is not needed */
    assert_string_equal(order_of_calls, "abcdacdac");
    shrinker_unregister(&a);
    shrinker_unregister(&c);
    shrinker_unregister(&d);
}

static struct page *allocated_in_shrinker;

static uint64_t allocate(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    (void)shrinker;
    (void)nr_frames;
    (void)flags;
    nr_calls++;
    allocated_in_shrinker = frames_alloc(0, ALLOC_KERNEL | ALLOC_QUIET);
    assert_null(allocated_in_shrinker); /* and we got here again only if reclaim recursed */
    allocated_in_shrinker = frames_alloc(0, ALLOC_KERNEL | ALLOC_RESERVE);
    return 0;
}

static void a_shrinker_that_allocates_does_not_reclaim(void **state)
{
    struct shrinker greedy = {.name = "greedy", .shrink = allocate, .order = 0};

    (void)state;
    take_all_memory();
    shrinker_register(&greedy);
    assert_non_null(frames_alloc(0, ALLOC_KERNEL));
    shrinker_unregister(&greedy);
    assert_int_equal(nr_calls, 2); /* greedy and the holder, once each */
    assert_non_null(allocated_in_shrinker);
}

static unsigned nr_kills;
static bool has_victim;
static struct shortage last_shortage;

static enum oom_verdict kill_something(const struct shortage *shortage)
{
    nr_kills++;
    last_shortage = *shortage;
    if (nr_kills == 3) { /* the third victim has ended and given up its memory */
        frames_free(held[--nr_held], 0);
    }
    return has_victim ? OOM_WAIT : OOM_NOBODY;
}

static void nothing_to_reclaim_means_a_victim_and_another_try(void **state)
{
    size_t nr;

    (void)state;
    take_all_memory();
    nr = nr_held;
    shrinker_unregister(&holder);
    reclaim_set_oom_handler(kill_something);
    nr_kills = 0;
    has_victim = true;
    assert_non_null(frames_alloc(0, ALLOC_KERNEL));
    assert_int_equal(nr_kills, 3);
    assert_int_equal(nr_held, nr - 1);
    nr_kills = 10;
    has_victim = false;
    assert_null(frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO));
    assert_int_equal(nr_kills, 11);
    assert_null(frames_alloc(0, ALLOC_KERNEL | ALLOC_QUIET)); /* the caller has another way */
    assert_null(frames_alloc(5, ALLOC_KERNEL));               /* nobody dies for a large block */
    assert_int_equal(nr_kills, 11);
    shrinker_register(&holder);
}

/* It does not wait: it gets frames below the watermark, so that it can end, until there are none. */
static void a_killed_task_gets_the_reserve_and_then_nothing(void **state)
{
    struct frames_stats stats;
    size_t nr;

    (void)state;
    take_all_memory();
    shrinker_unregister(&holder);
    reclaim_set_oom_handler(kill_something);
    nr = nr_held;
    nr_kills = 10;
    has_victim = true;
    host_signal(port_self(), true);
    frames_get_stats(&stats);
    assert_int_equal(stats.nr_free, stats.nr_reserve);
    while ((held[nr_held] = frames_alloc(0, ALLOC_KERNEL)) != NULL) {
        nr_held++;
    }
    assert_int_equal(nr_held - nr, stats.nr_reserve);
    assert_int_equal(nr_kills, 10 + stats.nr_reserve + 1);
    assert_int_equal(last_shortage.order, 0);
    assert_int_equal(last_shortage.flags, ALLOC_KERNEL);
    host_signal_clear(port_self());
    shrinker_register(&holder);
}

static void a_failed_allocation_says_why_once_a_second(void **state)
{
    (void)state;
    take_all_memory();
    host_clock_fake(port_clock_ns() + 10000000000ull);
    machine_listen();
    assert_null(frames_alloc(0, ALLOC_ATOMIC));
    assert_true(machine_said("no block of order 0"));
    machine_listen();
    assert_null(frames_alloc(0, ALLOC_ATOMIC));
    assert_false(machine_said("no block"));
    host_clock_advance(1000000000ull);
    machine_listen();
    assert_null(frames_alloc(0, ALLOC_QUIET));
    assert_false(machine_said("no block"));
    machine_listen();
    assert_null(frames_alloc(0, ALLOC_ATOMIC));
    assert_true(machine_said("no block"));
    host_clock_real();
}

/* The task never ends: this case comes last. */
static void the_background_task_keeps_frames_free(void **state)
{
    struct frames_stats stats;
    uint64_t deadline_ns = port_clock_ns() + 20000000000ull;

    (void)state;
    take_all_memory();
    assert_int_equal(reclaim_start(), 0);
    do { /* knock, without waiting for memory, until it has been heard */
        struct page *page = frames_alloc(1, ALLOC_QUIET);
        if (page != NULL) {
            frames_free(page, 1);
        }
        port_yield();
        frames_get_stats(&stats);
    } while (stats.nr_free < stats.nr_high && port_clock_ns() < deadline_ns);
    assert_true(stats.nr_free >= stats.nr_high);
    assert_true((last_flags & ALLOC_WAIT) != 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(an_allocation_that_may_wait_reclaims),
        CASE(the_callers_restrictions_reach_the_shrinkers),
        CASE(atomic_context_never_reclaims),
        CASE(shrinkers_are_asked_in_their_order),
        CASE(a_shrinker_that_allocates_does_not_reclaim),
        CASE(nothing_to_reclaim_means_a_victim_and_another_try),
        CASE(a_killed_task_gets_the_reserve_and_then_nothing),
        CASE(a_failed_allocation_says_why_once_a_second),
        CASE(the_background_task_keeps_frames_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
