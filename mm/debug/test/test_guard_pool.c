// SPDX-License-Identifier: MIT
/* The guard pool's book-keeping: who is sampled, which slot comes next, what a fault is taken for.
 * That accesses really fault is tested on the machine (selftest_guard_pool.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/debug/guard_pool.h"
#include "mm/slab.h"
#include "mm/test/machine.h"

#define MIB (1ul << 20)

static struct slab_cache *cache;

static int start(void **state)
{
    (void)state;
    machine_start(64 * MIB);
    assert_null(guard_pool_cache_of((void *)GUARD_POOL_BASE));
    assert_false(guard_pool_is_due());
    assert_int_equal(guard_pool_start(GUARD_POOL_INTERVAL_MS), 0);
    cache = slab_cache_create("sampled", 100, 4, NULL);
    assert_non_null(cache);
    return 0;
}

static char *sample(enum alloc_flags flags)
{
    guard_pool_sample_next();
    return guard_pool_alloc(cache, flags);
}

static bool fault(uint64_t address, bool is_write)
{
    const void *calls[] = {(const void *)fault};

    machine_listen();
    return guard_pool_fault(address, is_write, calls, 1);
}

static void samples_come_one_an_interval(void **state)
{
    char *object;

    (void)state;
    guard_pool_sample_next();
    assert_true(guard_pool_is_due());
    object = slab_alloc(cache, ALLOC_KERNEL); /* the slow path: no magazine yet */
    assert_true(guard_pool_has(object));
    assert_false(guard_pool_is_due());
    assert_ptr_equal(guard_pool_cache_of(object), cache);
    assert_ptr_equal(slab_cache_of(object), cache);
    assert_int_equal(guard_pool_count(cache), 1);
    memset(object, 1, 100);
    slab_free(cache, object);
    assert_int_equal(guard_pool_count(cache), 0);
    object = slab_alloc(cache, ALLOC_KERNEL | ALLOC_ZERO);
    assert_false(guard_pool_has(object));
    slab_free(cache, object);
}

static void what_cannot_be_sampled_is_not(void **state)
{
    struct slab_cache large = SLAB_CACHE_INIT(large, "large", PAGE_SIZE + 1, 8, NULL);
    struct slab_cache plain = SLAB_CACHE_INIT(plain, "plain", 64, 8, NULL);

    (void)state;
    plain.flags = SLAB_PLAIN;
    assert_null(sample(ALLOC_KERNEL | ALLOC_DIRECT));
    guard_pool_sample_next();
    assert_null(guard_pool_alloc(&large, ALLOC_KERNEL));
    assert_null(guard_pool_alloc(&plain, ALLOC_KERNEL));
    plain.flags = SLAB_TYPE_STABLE;
    assert_null(guard_pool_alloc(&plain, ALLOC_KERNEL));
}

static void slots_are_used_in_turn_and_run_out(void **state)
{
    char *objects[GUARD_POOL_SLOTS];
    struct guard_pool_stats stats;
    char *again;

    (void)state;
    for (unsigned i = 0; i < GUARD_POOL_SLOTS; i++) {
        objects[i] = sample(ALLOC_KERNEL);
        assert_non_null(objects[i]);
        assert_int_equal((uint64_t)objects[i] % 4, 0);
        memset(objects[i], (int)i, 100);
    }
    assert_null(sample(ALLOC_KERNEL));
    guard_pool_get_stats(&stats);
    assert_int_equal(stats.nr_live, GUARD_POOL_SLOTS);
    assert_int_equal(stats.nr_missed, 1);
    for (unsigned i = 0; i < GUARD_POOL_SLOTS; i++) {
        assert_int_equal(objects[i][99], (char)i);
        guard_pool_free(cache, objects[i]);
    }
    again = sample(ALLOC_KERNEL); /* the one that has been free for longest */
    assert_int_equal((uint64_t)again / PAGE_SIZE, (uint64_t)objects[0] / PAGE_SIZE);
    guard_pool_free(cache, again);
}

static void faults_are_told_apart(void **state)
{
    char *left = sample(ALLOC_KERNEL);
    char *right = sample(ALLOC_KERNEL);
    char *at_start = (uint64_t)left % PAGE_SIZE == 0 ? left : right;
    char *at_end = at_start == left ? right : left;

    (void)state;
    assert_true(fault((uint64_t)at_start, false)); /* a stale translation: no mistake */
    assert_false(machine_said("guard pool"));
    assert_true(fault((uint64_t)at_start - 1, false));
    assert_true(machine_said("out of bounds: read"));
    assert_non_null(strstr(machine_log, "1 bytes before an object"));
    assert_true(fault((uint64_t)at_end + 100, true));
    assert_true(machine_said("out of bounds: write"));
    assert_non_null(strstr(machine_log, "0 bytes behind an object"));
    assert_int_equal(at_end[100], 0); /* rubbish, but mapped: the access goes on */
    guard_pool_free(cache, at_end);
    assert_true(fault((uint64_t)at_end + 7, true));
    assert_true(machine_said("use after free: write"));
    assert_non_null(strstr(machine_log, "byte 7 of an object"));
    at_end[7] = 1; /* mapped again */
    guard_pool_free(cache, at_start);
    assert_true(fault(GUARD_POOL_BASE, false));
    assert_true(fault(GUARD_POOL_BASE + GUARD_POOL_BYTES - 1, false));
    machine_listen();
    guard_pool_free(cache, (void *)GUARD_POOL_BASE);
    assert_true(machine_said("bad free"));
}

static void a_report_names_a_cache_that_is_gone(void **state)
{
    struct slab_cache *gone = slab_cache_create("gone", 100, 4, NULL);
    char *object;

    (void)state;
    assert_non_null(gone);
    guard_pool_sample_next();
    object = guard_pool_alloc(gone, ALLOC_KERNEL);
    assert_non_null(object);
    guard_pool_free(gone, object);
    assert_int_equal(slab_cache_destroy(gone), 0);
    assert_null(guard_pool_cache_of(object));
    assert_true(fault((uint64_t)object, false));
    assert_true(machine_said("use after free: read"));
    assert_non_null(strstr(machine_log, "of gone (100 bytes), free"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_one_an_interval),
        cmocka_unit_test(what_cannot_be_sampled_is_not),
        cmocka_unit_test(slots_are_used_in_turn_and_run_out),
        cmocka_unit_test(faults_are_told_apart),
        cmocka_unit_test(a_report_names_a_cache_that_is_gone),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
