// SPDX-License-Identifier: MIT
/* The ring is linearizable: what 2 to 8 threads saw of it, logged call by call, is always something that
 * a queue could have shown, "maybe empty" and "maybe full" included (ring_history.h). The threads
 * give way to others in the windows of the ring, so that many histories overlap there. The checker is
 * itself tried on histories that a broken ring would leave.
 *
 * Not built for ThreadSanitizer: the clock of the log orders the threads, and so would hide a race. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>

#include "kernel/base/bits.h"
#include "kernel/base/ring.h"
#include "kernel/base/test/ring_history.h"
#include "kernel/base/test_point.h"
#include "tools/host/host.h"

static struct host_random source;

/* ---- What real threads see --------------------------------------------------------------------- */

enum { MAX_THREADS = 8, MAX_CELLS = 8, NR_ROUNDS = 300 };

struct logged {
    struct ring ring;
    struct ring_cell cells[MAX_CELLS];
    struct history history;
    unsigned nr_ops_each;
    uint64_t seed;
};

static _Atomic uint64_t log_clock;
static _Thread_local uint64_t dice; /* 0: this thread is not one of the test's */

static unsigned throw_dice(unsigned nr_sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice % nr_sides);
}

/* In every window of the ring: somebody else may come in between. */
static void give_way(enum test_point point, void *object)
{
    if (dice != 0 && throw_dice(3) == 0) {
        sched_yield();
    }
}

static void do_op(struct ring *ring, struct history_op *op, uint64_t first_value)
{
    op->is_push = throw_dice(2) == 0;
    op->nr_asked = 1 + throw_dice(HISTORY_MAX_BATCH);
    for (unsigned i = 0; i < op->nr_asked && op->is_push; i++) {
        op->values[i] = first_value + i;
    }
    op->called = atomic_fetch_add(&log_clock, 1);
    if (op->nr_asked > 1) {
        op->nr_done = (unsigned)(op->is_push ? ring_push_batch(ring, op->values, op->nr_asked)
                                             : ring_pop_batch(ring, op->values, op->nr_asked));
    } else {
        op->nr_done = op->is_push ? ring_push(ring, op->values[0]) : ring_pop(ring, op->values);
    }
    op->returned = atomic_fetch_add(&log_clock, 1);
}

static void log_thread(unsigned index, void *arg)
{
    struct logged *logged = arg;

    dice = (logged->seed + index + 1) * 0x9e3779b97f4a7c15u | 1;
    for (unsigned i = 0; i < logged->nr_ops_each; i++) {
        unsigned number = index * logged->nr_ops_each + i;

        do_op(&logged->ring, &logged->history.ops[number], number * HISTORY_MAX_BATCH);
    }
    dice = 0;
}

static void print_history(const struct history *history)
{
    for (unsigned i = 0; i < history->nr_ops; i++) {
        const struct history_op *op = &history->ops[i];

        printf("%4llu..%-4llu %s %u of %u:", (unsigned long long)op->called,
               (unsigned long long)op->returned, op->is_push ? "push" : "pop ", op->nr_done,
               op->nr_asked);
        for (unsigned j = 0; j < op->nr_done; j++) {
            printf(" %llu", (unsigned long long)op->values[j]);
        }
        printf("\n");
    }
}

/* Returns how many operations overlapped with another's. */
static unsigned count_overlaps(const struct history *history)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < history->nr_ops; i++) {
        nr += history->ops[i].returned > history->ops[i].called + 1;
    }
    return nr;
}

static void what_threads_see_is_a_queue(void **state)
{
    static struct logged logged;
    unsigned nr_overlaps = 0;

    atomic_store(&test_point_hook, give_way);
    for (unsigned round = 0; round < NR_ROUNDS; round++) {
        unsigned nr_threads = 2 + round % (MAX_THREADS - 1);
        uint64_t nr_cells = 2ull << round % 3;

        memset(&logged, 0, sizeof(logged));
        logged.seed = host_random_next(&source);
        logged.nr_ops_each = HISTORY_MAX_OPS / nr_threads;
        logged.history.nr_ops = nr_threads * logged.nr_ops_each;
        logged.history.nr_cells = nr_cells;
        assert_int_equal(ring_init(&logged.ring, logged.cells, nr_cells), 0);
        host_run_threads(nr_threads, log_thread, &logged);
        if (!history_is_allowed(&logged.history)) {
            print_history(&logged.history);
            fail_msg("round %u: no queue shows this to %u threads", round, nr_threads);
        }
        nr_overlaps += count_overlaps(&logged.history);
    }
    atomic_store(&test_point_hook, NULL);
    assert_true(nr_overlaps > NR_ROUNDS); /* or nothing was tried */
}

/* ---- The checker can say no -------------------------------------------------------------------- */

/* clang-format off */
#define PUSH(from, to, value) {.is_push = true, .nr_asked = 1, .nr_done = 1, .values = {value}, .called = (from), .returned = (to)}
#define POP(from, to, value)  {.nr_asked = 1, .nr_done = 1, .values = {value}, .called = (from), .returned = (to)}
#define FULL(from, to)        {.is_push = true, .nr_asked = 1, .values = {99}, .called = (from), .returned = (to)}
#define EMPTY(from, to)       {.nr_asked = 1, .called = (from), .returned = (to)}
/* clang-format on */

static const struct {
    const char *what;
    bool is_allowed;
    struct history history; /* on two cells */
} told[] = {
    {"one after the other",
     true,
     {2, 4, {PUSH(1, 2, 7), PUSH(3, 4, 8), POP(5, 6, 7), POP(7, 8, 8)}}},
    {"values overtake", false, {2, 4, {PUSH(1, 2, 7), PUSH(3, 4, 8), POP(5, 6, 8), POP(7, 8, 7)}}},
    {"pushes at once, any order",
     true,
     {2, 4, {PUSH(1, 4, 7), PUSH(2, 3, 8), POP(5, 6, 8), POP(7, 8, 7)}}},
    {"a value twice", false, {2, 3, {PUSH(1, 2, 7), POP(3, 4, 7), POP(5, 6, 7)}}},
    {"a value of nobody", false, {2, 2, {PUSH(1, 2, 7), POP(3, 4, 8)}}},
    {"popped before it was pushed", false, {2, 2, {POP(1, 2, 7), PUSH(3, 4, 7)}}},
    {"lost: empty after a push", false, {2, 2, {PUSH(1, 2, 7), EMPTY(3, 4)}}},
    {"maybe empty: the push is under way",
     true,
     {2, 3, {PUSH(1, 6, 7), EMPTY(2, 3), POP(7, 8, 7)}}},
    {"maybe empty: behind a push that is under way",
     true,
     {2, 5, {PUSH(1, 8, 7), PUSH(2, 3, 8), EMPTY(4, 5), POP(9, 10, 7), POP(11, 12, 8)}}},
    {"not empty: the oldest push has returned",
     false,
     {2, 4, {PUSH(1, 2, 7), PUSH(3, 8, 8), EMPTY(4, 5), POP(9, 10, 7)}}},
    {"full", true, {2, 3, {PUSH(1, 2, 7), PUSH(3, 4, 8), FULL(5, 6)}}},
    {"full with room", false, {2, 2, {PUSH(1, 2, 7), FULL(3, 4)}}},
    {"three in two cells", false, {2, 3, {PUSH(1, 2, 7), PUSH(3, 4, 8), PUSH(5, 6, 9)}}},
    {"maybe full: the pop is under way",
     true,
     {2, 4, {PUSH(1, 2, 7), PUSH(3, 4, 8), POP(5, 8, 7), FULL(6, 7)}}},
    {"full although the pop has returned",
     false,
     {2, 4, {PUSH(1, 2, 7), PUSH(3, 4, 8), POP(5, 6, 7), FULL(7, 8)}}},
    {"a batch is one", true, {2, 2, {{true, 2, 2, {7, 8}, 1, 2}, {false, 3, 2, {7, 8}, 3, 4}}}},
    {"a batch in another order",
     false,
     {2, 2, {{true, 2, 2, {7, 8}, 1, 2}, {false, 2, 2, {8, 7}, 3, 4}}}},
    {"a batch falls short of what is there",
     false,
     {2, 2, {{true, 2, 2, {7, 8}, 1, 2}, {false, 2, 1, {7}, 3, 4}}}},
    {"a value inside another's batch",
     false,
     {4, 4, {{true, 2, 2, {7, 8}, 1, 4}, PUSH(2, 3, 9), POP(5, 6, 7), POP(7, 8, 9)}}},
};

static void histories_of_a_broken_ring_are_refused(void **state)
{
    for (size_t i = 0; i < array_size(told); i++) {
        if (history_is_allowed(&told[i].history) != told[i].is_allowed) {
            print_history(&told[i].history);
            fail_msg("%s: %s", told[i].what, told[i].is_allowed ? "refused" : "allowed");
        }
    }
}

/* The same for long ones: a history that was seen stays allowed, and with two values exchanged is not. */
static void one_exchanged_value_in_a_long_history_is_found(void **state)
{
    static struct logged logged;
    unsigned nr_found = 0;

    for (unsigned round = 0; round < 50; round++) {
        unsigned pops[2], nr_pops = 0;

        memset(&logged, 0, sizeof(logged));
        logged.seed = host_random_next(&source);
        logged.nr_ops_each = logged.history.nr_ops = HISTORY_MAX_OPS;
        logged.history.nr_cells = MAX_CELLS;
        assert_int_equal(ring_init(&logged.ring, logged.cells, MAX_CELLS), 0);
        host_run_threads(1, log_thread, &logged);
        assert_true(history_is_allowed(&logged.history));
        for (unsigned i = 0; i < HISTORY_MAX_OPS && nr_pops < 2; i++) {
            if (!logged.history.ops[i].is_push && logged.history.ops[i].nr_done > 0) {
                pops[nr_pops++] = i;
            }
        }
        if (nr_pops == 2) {
            uint64_t value = logged.history.ops[pops[0]].values[0];
            logged.history.ops[pops[0]].values[0] = logged.history.ops[pops[1]].values[0];
            logged.history.ops[pops[1]].values[0] = value;
            assert_false(history_is_allowed(&logged.history));
            nr_found++;
        }
    }
    assert_true(nr_found > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_of_a_broken_ring_are_refused),
        cmocka_unit_test(one_exchanged_value_in_a_long_history_is_found),
        cmocka_unit_test(what_threads_see_is_a_queue),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
