// SPDX-License-Identifier: MIT
/* Latencies of the paths of allocation: each path is recorded when it is taken, and only then; a slow
 * one shows as slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/path_latency.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/test/machine.h"

#define MIB     (1ul << 20)
#define SLOW_NS 3000000ull

static uint64_t count(enum alloc_path path)
{
    histogram_check(&path_latencies[path]);
    return histogram_count(&path_latencies[path]);
}

static void a_frame_of_the_hot_list_is_no_refill(void **state)
{
    struct page *pages[3];

    (void)state;
    path_latency_clear();
    for (unsigned i = 0; i < 3; i++) {
        pages[i] = frames_alloc(0, ALLOC_KERNEL);
        assert_non_null(pages[i]);
    }
    assert_int_equal(count(ALLOC_FRAME_REFILL), 1); /* the first brought a batch */
    assert_int_equal(count(ALLOC_FRAME_BLOCK), 0);
    for (unsigned i = 0; i < 3; i++) {
        frames_free(pages[i], 0);
    }
    pages[0] = frames_alloc(4, ALLOC_KERNEL);
    assert_non_null(pages[0]);
    frames_free(pages[0], 4);
    assert_int_equal(count(ALLOC_FRAME_REFILL), 1);
    assert_int_equal(count(ALLOC_FRAME_BLOCK), 1);
}

static void a_cache_that_grows_is_seen(void **state)
{
    struct slab_cache *cache = slab_cache_create("growing", 100, 8, NULL);
    struct slab_stats stats;
    void *objects[200];

    (void)state;
    assert_non_null(cache);
    path_latency_clear();
    for (unsigned i = 0; i < 200; i++) {
        objects[i] = slab_alloc(cache, ALLOC_KERNEL);
        assert_non_null(objects[i]);
    }
    slab_get_stats(cache, &stats);
    assert_true(stats.nr_slabs >= 2);
    /* magazines are objects, whose caches grow, too */
    assert_true(count(ALLOC_SLAB_GROW) >= stats.nr_slabs);
    assert_true(count(ALLOC_SLAB_GROW) <= stats.nr_slabs + 8);
    for (unsigned i = 0; i < 200; i++) {
        slab_free(cache, objects[i]);
    }
    assert_int_equal(slab_cache_destroy(cache), 0);
}

/* Gives a frame back, once, and takes its time. */
static struct page *held;

static uint64_t shrink_slowly(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    uint64_t start_ns = port_clock_ns();

    (void)shrinker;
    (void)nr_frames;
    (void)flags;
    if (held == NULL) {
        return 0;
    }
    while (port_clock_ns() - start_ns < SLOW_NS) {
        port_relax();
    }
    frames_free(held, 5);
    held = NULL;
    return 32;
}

static void the_time_of_reclaim_is_in_its_own_path_and_in_the_frame_that_waited(void **state)
{
    static struct shrinker shrinker = {.name = "slow", .shrink = shrink_slowly};
    struct page *all = NULL;
    struct page *page;

    (void)state;
    held = frames_alloc(5, ALLOC_KERNEL);
    assert_non_null(held);
    shrinker_register(&shrinker);
    while ((page = frames_alloc(0, ALLOC_ATOMIC | ALLOC_QUIET)) != NULL) {
        page->used.private = (uint64_t)all;
        all = page;
    }
    path_latency_clear();
    page = frames_alloc(0, ALLOC_KERNEL);
    assert_non_null(page);
    assert_null(held);
    assert_int_equal(count(ALLOC_RECLAIM), 1);
    assert_true(path_latencies[ALLOC_RECLAIM].worst >= SLOW_NS);
    assert_int_equal(count(ALLOC_FRAME_REFILL), 1);
    assert_true(path_latencies[ALLOC_FRAME_REFILL].worst >= path_latencies[ALLOC_RECLAIM].worst);
    frames_free(page, 0);
    while (all != NULL) {
        page = all;
        all = (struct page *)page->used.private;
        frames_free(page, 0);
    }
    shrinker_unregister(&shrinker);
}

static void fast_pairs_are_made_when_asked_for(void **state)
{
    struct histogram frames = {0}, objects = {0};

    (void)state;
    assert_int_equal(path_latency_try_fast(&frames, &objects), 0);
    path_latency_clear();
    assert_int_equal(path_latency_try_fast(&frames, &objects), 0);
    assert_int_equal(histogram_count(&frames), 2 * 64);
    assert_int_equal(histogram_count(&objects), 2 * 64);
    histogram_check(&frames);
    histogram_check(&objects);
    for (enum alloc_path path = 0; path < ALLOC_NR_PATHS; path++) {
        assert_int_equal(count(path), 0); /* they were fast ones */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_of_the_hot_list_is_no_refill),
        cmocka_unit_test(a_cache_that_grows_is_seen),
        cmocka_unit_test(the_time_of_reclaim_is_in_its_own_path_and_in_the_frame_that_waited),
        cmocka_unit_test(fast_pairs_are_made_when_asked_for),
    };

    machine_start(16 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
