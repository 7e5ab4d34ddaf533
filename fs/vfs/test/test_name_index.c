// SPDX-License-Identifier: MIT
/* The index of a directory's names, against a list of pairs. */
#include "fs/test/vfs_world.h"
#include "fs/vfs/name_index.h"
#include "mm/fault_inject.h"

#define NR_STEPS 200000
#define NR_PAIRS 2000

static struct name_index index_;

static struct {
    uint32_t hash, place;
} pairs[NR_PAIRS];

static int begin(void **state)
{
    return name_index_init(&index_, 0);
}

static int begin_machine(void **state)
{
    machine_start(32u << 20);
    return 0;
}

static int end(void **state)
{
    name_index_release(&index_);
    return 0;
}

/* Few hashes, most of them beside the table's end: long runs that wrap around. */
static uint32_t some_hash(struct host_random *random)
{
    return host_random_below(random, 4) == 0
               ? (uint32_t)host_random_below(random, UINT32_MAX)
               : UINT32_MAX - 20 + (uint32_t)host_random_below(random, 40);
}

static unsigned places_in_model(uint32_t hash, unsigned nr_pairs, uint32_t place, bool *is_there)
{
    bool seen[NR_PAIRS] = {false};
    unsigned nr = 0;

    *is_there = false;
    for (unsigned i = 0; i < nr_pairs; i++) {
        if (pairs[i].hash == hash) {
            *is_there = *is_there || pairs[i].place == place;
            nr += !seen[pairs[i].place];
            seen[pairs[i].place] = true;
        }
    }
    return nr;
}

static void check(uint32_t hash, unsigned nr_pairs)
{
    uint32_t places[NAME_INDEX_PLACES];
    unsigned found = name_index_find(&index_, hash, places);
    bool is_there;
    unsigned expected = places_in_model(hash, nr_pairs, 0, &is_there);

    assert_int_equal(found, min_of(expected, NAME_INDEX_PLACES + 1));
    for (unsigned i = 0; i < min_of(found, NAME_INDEX_PLACES); i++) {
        (void)!places_in_model(hash, nr_pairs, places[i], &is_there);
        assert_true(is_there);
    }
}

static void it_agrees_with_a_list(void **state)
{
    struct host_random random;
    unsigned nr = 0;

    host_random_init(&random);
    for (unsigned step = 0; step < NR_STEPS; step++) {
        bool is_filling = step / 8192 % 2 == 0;
        uint32_t hash = some_hash(&random);

        if (nr < NR_PAIRS && host_random_below(&random, 3) < (is_filling ? 2 : 1)) {
            pairs[nr].hash = hash;
            pairs[nr].place = (uint32_t)host_random_below(&random, NR_PAIRS);
            assert_int_equal(name_index_add(&index_, hash, pairs[nr].place), 0);
            nr++;
        } else if (nr > 0) {
            unsigned which = (unsigned)host_random_below(&random, nr);

            assert_true(name_index_remove(&index_, pairs[which].hash, pairs[which].place));
            pairs[which] = pairs[--nr];
        }
        if (step % 16 == 0) {
            check(hash, nr);
        }
    }
    assert_int_equal(index_.nr_names, nr);
    while (nr > 0) {
        nr--;
        assert_true(name_index_remove(&index_, pairs[nr].hash, pairs[nr].place));
        assert_false(name_index_remove(&index_, 12345, NR_PAIRS));
    }
    for (uint32_t i = 0; i < index_.nr_slots; i++) {
        assert_true(index_.slots[i] == 0);
    }
}

static void without_memory_nothing_changes(void **state)
{
    uint32_t places[NAME_INDEX_PLACES];
    struct name_index other;
    unsigned nr = 0;
    int error = 0;

    assert_int_equal(name_index_init(&other, UINT32_MAX), -ENOMEM); /* more than there is */
    fault_inject_arm(FAULT_FRAMES, 1, true);
    while ((error = name_index_add(&index_, nr, nr)) == 0) {
        nr++;
    }
    assert_true(fault_inject_disarm() > 0);
    assert_int_equal(error, -ENOMEM);
    assert_int_equal(name_index_find(&index_, nr, places), 0);
    for (unsigned i = 0; i < nr; i++) {
        assert_int_equal(name_index_find(&index_, i, places), 1);
        assert_int_equal(places[0], i);
    }
    assert_int_equal(name_index_add(&index_, nr, nr), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_agrees_with_a_list, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, begin, end),
    };

    return cmocka_run_group_tests(tests, begin_machine, NULL);
}
