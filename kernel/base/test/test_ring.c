// SPDX-License-Identifier: MIT
// TSAN
/* The bounded queue: a model for one thread, crowds of producers and consumers for the order and the completeness of
 * what comes out, and threads stopped half-way, for which nobody may wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/ring.h"
#include "kernel/base/test_point.h"
#include "tools/host/host.h"

static struct host_random source;

static void sizes_other_than_powers_of_two_are_refused(void **state)
{
    struct ring_cell cells[4];
    struct ring ring;

    assert_int_equal(ring_init(&ring, cells, 0), -EINVAL);
    assert_int_equal(ring_init(&ring, cells, 1), -EINVAL);
    assert_int_equal(ring_init(&ring, cells, 3), -EINVAL);
    assert_int_equal(ring_init(&ring, cells, 2), 0);
    assert_int_equal(ring_init(&ring, cells, 4), 0);
}

static void one_thread_sees_a_queue(void **state)
{
    enum { NR_CELLS = 16, NR_STEPS = 100000 };
    struct ring_cell cells[NR_CELLS];
    struct ring ring;
    uint64_t pushed = 0, popped = 0; /* the values are consecutive numbers */

    assert_int_equal(ring_init(&ring, cells, NR_CELLS), 0);
    for (unsigned step = 0; step < NR_STEPS; step++) {
        uint64_t values[24];
        size_t nr = host_random_below(&source, 24);
        size_t held = pushed - popped;
        switch (host_random_below(&source, 4)) {
        case 0:
            assert_int_equal(ring_push(&ring, pushed), held < NR_CELLS);
            pushed += held < NR_CELLS;
            break;
        case 1:
            assert_int_equal(ring_pop(&ring, &values[0]), held > 0);
            if (held > 0) {
                assert_true(values[0] == popped);
                popped++;
            }
            break;
        case 2:
            for (size_t i = 0; i < nr; i++) {
                values[i] = pushed + i;
            }
            assert_int_equal(ring_push_batch(&ring, values, nr), min_of(nr, NR_CELLS - held));
            pushed += min_of(nr, NR_CELLS - held);
            break;
        default: {
            size_t got = ring_pop_batch(&ring, values, nr);
            assert_int_equal(got, min_of(nr, held));
            for (size_t i = 0; i < got; i++) {
                assert_true(values[i] == popped + i);
            }
            popped += got;
        }
        }
        assert_int_equal(ring_count(&ring), pushed - popped);
    }
}

/* ---- Crowds ------------------------------------------------------------------------------------- */

enum { MAX_CROWD = 8, NR_VALUES = 8000 };

struct crowd {
    struct ring ring;
    unsigned nr_producers;
    unsigned nr_consumers;
    bool in_batches;
    _Atomic uint64_t nr_left;                    /* values not yet popped */
    _Atomic uint32_t seen[MAX_CROWD][NR_VALUES]; /* how often each value came out */
};

static void produce(struct crowd *crowd, unsigned producer)
{
    unsigned sent = 0;

    while (sent < NR_VALUES) {
        uint64_t values[7];
        size_t nr = crowd->in_batches ? 1 + sent % 7 : 1;
        nr = min_of(nr, (size_t)(NR_VALUES - sent));
        for (size_t i = 0; i < nr; i++) {
            values[i] = (uint64_t)producer << 32 | (sent + i);
        }
        size_t done = crowd->in_batches ? ring_push_batch(&crowd->ring, values, nr)
                                        : ring_push(&crowd->ring, values[0]);
        sent += (unsigned)done;
        if (done == 0) {
            port_relax();
        }
    }
}

static void consume(struct crowd *crowd)
{
    int64_t last[MAX_CROWD];

    memset(last, 0xff, sizeof(last));
    while (atomic_load(&crowd->nr_left) > 0) {
        uint64_t values[5];
        size_t nr = crowd->in_batches ? ring_pop_batch(&crowd->ring, values, 5)
                                      : ring_pop(&crowd->ring, values);
        for (size_t i = 0; i < nr; i++) {
            unsigned producer = (unsigned)(values[i] >> 32);
            int64_t number = (int64_t)(values[i] & UINT32_MAX);
            assert_true(producer < crowd->nr_producers && number < NR_VALUES);
            assert_true(number > last[producer]); /* each producer's order */
            last[producer] = number;
            atomic_fetch_add_explicit(&crowd->seen[producer][number], 1, memory_order_relaxed);
        }
        atomic_fetch_sub(&crowd->nr_left, nr);
        if (nr == 0) {
            port_relax();
        }
    }
}

static void crowd_thread(unsigned index, void *arg)
{
    struct crowd *crowd = arg;

    if (index < crowd->nr_producers) {
        produce(crowd, index);
    } else {
        consume(crowd);
    }
}

static void run_crowd(unsigned nr_producers, unsigned nr_consumers, uint64_t nr_cells,
                      bool in_batches)
{
    struct ring_cell cells[64];
    struct crowd *crowd = aligned_alloc(64, align_up(sizeof(*crowd), 64));

    memset(crowd, 0, sizeof(*crowd));
    crowd->nr_producers = nr_producers;
    crowd->nr_consumers = nr_consumers;
    crowd->in_batches = in_batches;
    atomic_store(&crowd->nr_left, (uint64_t)nr_producers * NR_VALUES);
    assert_int_equal(ring_init(&crowd->ring, cells, nr_cells), 0);
    host_run_threads(nr_producers + nr_consumers, crowd_thread, crowd);
    for (unsigned i = 0; i < nr_producers; i++) {
        for (unsigned j = 0; j < NR_VALUES; j++) {
            assert_int_equal(crowd->seen[i][j], 1); /* neither lost nor doubled */
        }
    }
    assert_int_equal(ring_count(&crowd->ring), 0);
    free(crowd);
}

static void crowds_lose_nothing_double_nothing_and_keep_order(void **state)
{
    run_crowd(1, 1, 2, false);
    run_crowd(1, 1, 64, true);
    run_crowd(2, 2, 8, false);
    run_crowd(3, 1, 4, true);
    run_crowd(1, 3, 16, true);
    run_crowd(4, 4, 16, false);
    run_crowd(4, 4, 32, true);
}

/* ---- Stopped half-way ------------------------------------------------------------------------- */

enum { NR_SMALL = 4 };

static struct ring_cell small_cells[NR_SMALL];
static unsigned nr_stops;

/* Runs while a producer of `small` stands between reservation and publication: as an interrupt handler would. */
static void while_a_push_is_stopped(enum test_point point, void *object)
{
    struct ring *ring = object;
    uint64_t value = 0;
    uint64_t values[NR_SMALL] = {11, 12, 13, 14};

    if (point != TEST_RING_PUSH_RESERVED || nr_stops++ > 0) {
        return;
    }
    /* Empty apart from the unpublished value: maybe empty, at once. */
    assert_false(ring_pop(ring, &value));
    assert_int_equal(ring_pop_batch(ring, values, NR_SMALL), 0);
    /* Others may push behind it, as far as there is room; their values are not visible yet. */
    assert_true(ring_push(ring, 11));
    assert_int_equal(ring_push_batch(ring, values + 1, NR_SMALL), NR_SMALL - 2);
    assert_false(ring_push(ring, 99));
    assert_false(ring_pop(ring, &value));
    assert_int_equal(ring_count(ring), NR_SMALL);
}

static void nothing_waits_for_a_producer_stopped_between_reserve_and_publish(void **state)
{
    struct ring ring;
    uint64_t values[8];

    assert_int_equal(ring_init(&ring, small_cells, NR_SMALL), 0);
    nr_stops = 0;
    atomic_store(&test_point_hook, while_a_push_is_stopped);
    assert_true(ring_push(&ring, 10));
    atomic_store(&test_point_hook, NULL);
    assert_true(nr_stops > 0);
    /* Once it has published, everything comes out, in the order of the reservations. */
    assert_int_equal(ring_pop_batch(&ring, values, 8), NR_SMALL);
    for (uint64_t i = 0; i < NR_SMALL; i++) {
        assert_true(values[i] == 10 + i);
    }
}

static void while_a_pop_is_stopped(enum test_point point, void *object)
{
    struct ring *ring = object;
    uint64_t value = 0;

    if (point != TEST_RING_POP_RESERVED || nr_stops++ > 0) {
        return;
    }
    /* The cell that is being emptied is the next for a producer: maybe full, at once. */
    assert_false(ring_push(ring, 99));
    /* Other consumers go on with the values behind it. */
    assert_true(ring_pop(ring, &value));
    assert_true(value == 1);
    assert_false(ring_push(ring, 99));
}

static void nothing_waits_for_a_consumer_stopped_between_reserve_and_release(void **state)
{
    struct ring ring;
    uint64_t value = 0;

    assert_int_equal(ring_init(&ring, small_cells, NR_SMALL), 0);
    for (uint64_t i = 0; i < NR_SMALL; i++) {
        assert_true(ring_push(&ring, i));
    }
    nr_stops = 0;
    atomic_store(&test_point_hook, while_a_pop_is_stopped);
    assert_true(ring_pop(&ring, &value));
    atomic_store(&test_point_hook, NULL);
    assert_true(nr_stops > 0);
    assert_true(value == 0);
    assert_true(ring_push(&ring, 4));
    assert_true(ring_push(&ring, 5));
    for (uint64_t i = 2; i < 6; i++) {
        assert_true(ring_pop(&ring, &value));
        assert_true(value == i);
    }
}

/* Between two publications of one batch: what is published is there for all, the rest "maybe". */
static void in_the_middle_of_a_batch(enum test_point point, void *object)
{
    struct ring *ring = object;
    uint64_t value = 0;

    if (point == TEST_RING_PUSH_RESERVED && nr_stops++ == 2) {
        atomic_store(&test_point_hook, NULL);
        assert_true(ring_pop(ring, &value) && value == 0);
        assert_true(ring_pop(ring, &value) && value == 1);
        assert_false(ring_pop(ring, &value));
        assert_true(ring_push(ring, 50));
        assert_false(ring_pop(ring, &value));
    }
    if (point == TEST_RING_POP_RESERVED && nr_stops++ == 1) {
        atomic_store(&test_point_hook, NULL);
        assert_true(ring_push(ring, 60)); /* into the cell that is taken already */
        assert_false(ring_push(ring, 61));
        assert_true(ring_pop(ring, &value) && value == 60); /* the batch has its own positions */
    }
}

static void nothing_waits_for_a_batch_stopped_between_its_values(void **state)
{
    struct ring ring;
    uint64_t values[8] = {0, 1, 2, 3};

    assert_int_equal(ring_init(&ring, small_cells, NR_SMALL), 0);
    nr_stops = 0;
    atomic_store(&test_point_hook, in_the_middle_of_a_batch);
    assert_int_equal(ring_push_batch(&ring, values, NR_SMALL), NR_SMALL);
    assert_null(atomic_load(&test_point_hook));
    assert_int_equal(ring_pop_batch(&ring, values, 8), 3);
    assert_true(values[0] == 2 && values[1] == 3 && values[2] == 50);
    for (uint64_t i = 0; i < NR_SMALL; i++) {
        assert_true(ring_push(&ring, i));
    }
    nr_stops = 0;
    atomic_store(&test_point_hook, in_the_middle_of_a_batch);
    assert_int_equal(ring_pop_batch(&ring, values, NR_SMALL), NR_SMALL);
    assert_null(atomic_load(&test_point_hook));
    assert_true(values[0] == 0 && values[3] == 3);
}

/* Between the look at the cells and the exchange: another operation takes the position. */
static void another_is_faster(enum test_point point, void *object)
{
    struct ring *ring = object;
    uint64_t value = 0;

    if (point != TEST_RING_LOOKED || nr_stops++ > 0) {
        return;
    }
    atomic_store(&test_point_hook, NULL);
    if (ring_count(ring) == 0) {
        assert_true(ring_push(ring, 7));
    } else {
        assert_true(ring_pop(ring, &value) && value == 7);
    }
}

static void who_loses_the_race_for_a_position_takes_the_next(void **state)
{
    struct ring ring;
    uint64_t values[NR_SMALL] = {8, 9, 10, 11};

    assert_int_equal(ring_init(&ring, small_cells, NR_SMALL), 0);
    nr_stops = 0;
    atomic_store(&test_point_hook, another_is_faster);
    assert_int_equal(ring_push_batch(&ring, values, NR_SMALL),
                     NR_SMALL - 1); /* one less has room */
    nr_stops = 0;
    atomic_store(&test_point_hook, another_is_faster);
    assert_true(ring_pop(&ring, &values[0]) && values[0] == 8);
    assert_true(ring_pop(&ring, &values[0]) && values[0] == 9);
    assert_true(ring_pop(&ring, &values[0]) && values[0] == 10);
    nr_stops = 0;
    atomic_store(&test_point_hook, another_is_faster);
    assert_true(ring_push(&ring, 8));
    assert_int_equal(ring_pop_batch(&ring, values, NR_SMALL), 2);
    assert_true(values[0] == 7 && values[1] == 8);
    assert_null(atomic_load(&test_point_hook));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_other_than_powers_of_two_are_refused),
        cmocka_unit_test(one_thread_sees_a_queue),
        cmocka_unit_test(crowds_lose_nothing_double_nothing_and_keep_order),
        cmocka_unit_test(nothing_waits_for_a_producer_stopped_between_reserve_and_publish),
        cmocka_unit_test(nothing_waits_for_a_consumer_stopped_between_reserve_and_release),
        cmocka_unit_test(nothing_waits_for_a_batch_stopped_between_its_values),
        cmocka_unit_test(who_loses_the_race_for_a_position_takes_the_next),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
