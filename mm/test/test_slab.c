// SPDX-License-Identifier: MIT
/* Slab caches against a model: no object twice, none lost, constructed state kept, counts exact
 * at every moment; on one hart and on several, with memory and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/fault_inject.h"
#include "mm/slab_internal.h"
#include "mm/test/machine.h"

#define MIB         (1ul << 20)
#define CONSTRUCTED 0x600dcafe600dcafeull

static struct host_random source;

struct thing {
    uint64_t constructed; /* kept by whoever has the object */
    uint64_t stamp;
    char rest[104];
};

static uint64_t nr_constructed;

static void construct(void *object)
{
    struct thing *thing = object;

    thing->constructed = CONSTRUCTED;
    nr_constructed++;
}

SLAB_CACHE(things, struct thing, construct);

static struct slab_stats stats_of(struct slab_cache *cache)
{
    struct slab_stats stats;

    slab_get_stats(cache, &stats);
    return stats;
}

/* Random allocations and frees on random harts, checked against what must be live. */
static void churn(struct slab_cache *cache, unsigned nr_steps, unsigned nr_harts,
                  bool is_constructed)
{
    enum { NR = 700 };
    static struct thing *live[NR];
    uint64_t nr_live = 0;

    for (uint64_t step = 1; step <= nr_steps; step++) {
        /* Phases of growth and of shrinking, so that magazines and slabs fill and empty. */
        bool grows = step / 1000 % 2 == 0;
        size_t i = host_random_below(&source, NR);
        host_set_hart((int)host_random_below(&source, nr_harts));
        if (live[i] == NULL && (grows || host_random_below(&source, 3) == 0)) {
            live[i] = slab_alloc(cache, ALLOC_KERNEL);
            assert_non_null(live[i]);
            assert_int_equal((uint64_t)live[i] % cache->align_bytes, 0);
            if (is_constructed) {
                assert_true(live[i]->constructed == CONSTRUCTED);
            }
            live[i]->stamp = (uint64_t)&live[i];
            nr_live++;
        } else if (live[i] != NULL && (!grows || host_random_below(&source, 3) == 0)) {
            assert_int_equal(live[i]->stamp, (uint64_t)&live[i]);
            slab_free(cache, live[i]);
            live[i] = NULL;
            nr_live--;
        }
        if (step % 16 == 0) {
            slab_check(cache);
            assert_int_equal(stats_of(cache).nr_active, nr_live);
        }
        if (host_random_below(&source, 2000) == 0) {
            (void)slab_reap();
        }
    }
    for (size_t i = 0; i < NR; i++) {
        if (live[i] != NULL) {
            assert_int_equal(live[i]->stamp, (uint64_t)&live[i]);
        }
        slab_free(cache, live[i]);
        live[i] = NULL;
    }
    assert_int_equal(stats_of(cache).nr_active, 0);
    slab_check(cache);
    host_set_hart(-1);
}

static void objects_keep_their_constructed_state(void **state)
{
    (void)state;
    machine_start(64 * MIB);
    churn(&things, 20000, 1, true);
    assert_true(nr_constructed >= 64);
}

static void harts_may_free_each_others_objects(void **state)
{
    (void)state;
    churn(&things, 40000, MAX_HARTS, true);
}

static void a_constructor_runs_once_an_object(void **state)
{
    struct thing *thing;
    uint64_t before;

    (void)state;
    thing = slab_alloc(&things, ALLOC_KERNEL);
    before = nr_constructed;
    for (int i = 0; i < 1000; i++) {
        slab_free(&things, thing);
        thing = slab_alloc(&things, ALLOC_KERNEL);
    }
    assert_int_equal(nr_constructed, before);
    slab_free(&things, thing);
}

static void caches_of_every_size_and_alignment_work(void **state)
{
    static const uint32_t sizes[] = {24,   40,   100,  200,  520,   1000,
                                     1500, 4096, 5000, 9000, 20000, 32768};

    (void)state;
    for (size_t i = 0; i < array_size(sizes); i++) {
        for (uint32_t align = 1; align <= 4096; align *= 8) {
            struct slab_cache *cache = slab_cache_create("sized", sizes[i], align, NULL);
            assert_non_null(cache);
            churn(cache, 400, 2, false);
            assert_int_equal(slab_cache_destroy(cache), 0);
        }
    }
}

static void slabs_waste_at_most_an_eighth(void **state)
{
    (void)state;
    for (uint32_t size = 8; size <= SLAB_MAX_SIZE; size += 8) {
        struct slab_cache plan = SLAB_CACHE_INIT(plan, "plan", size, 8, NULL);
        assert_int_equal(slab_pages_plan(&plan), 0);
        assert_true((PAGE_SIZE << plan.slab_order) - plan.nr_per_slab * plan.stride_bytes <=
                    (PAGE_SIZE << plan.slab_order) / 8);
    }
}

static void impossible_caches_are_refused(void **state)
{
    (void)state;
    machine_listen();
    assert_null(slab_cache_create("nothing", 0, 8, NULL));
    assert_null(slab_cache_create("huge", SLAB_MAX_SIZE + 1, 8, NULL));
    assert_null(slab_cache_create("odd", 64, 24, NULL));
    assert_null(slab_cache_create("far", 64, 8192, NULL));
    assert_true(machine_said("impossible"));
}

static void zeroed_objects_are_zero(void **state)
{
    struct slab_cache *cache = slab_cache_create("zeroed", 96, 8, NULL);
    static const char zeros[96];

    (void)state;
    for (int i = 0; i < 300; i++) {
        char *object = slab_alloc(cache, ALLOC_KERNEL | ALLOC_ZERO);
        assert_memory_equal(object, zeros, sizeof(zeros));
        memset(object, 0xff, sizeof(zeros));
        slab_free(cache, object);
    }
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void expect_refused(struct slab_cache *cache, void *object, const char *text)
{
    uint64_t before = stats_of(cache).nr_active;

    machine_listen();
    slab_free(cache, object);
    assert_true(machine_said(text));
    assert_int_equal(stats_of(cache).nr_active, before);
    slab_check(cache);
}

static void wrong_frees_are_refused_with_a_report(void **state)
{
    struct slab_cache *other = slab_cache_create("other", 128, 8, NULL);
    struct thing *thing = slab_alloc(&things, ALLOC_KERNEL);
    struct thing local;

    (void)state;
    expect_refused(other, thing, "not an object of this cache");
    expect_refused(&things, &local, "not an object of this cache");
    expect_refused(&things, (char *)thing + 8, "not the beginning");
    expect_refused(&things, (char *)thing + 1, "not the beginning");
    slab_free(&things, thing);
    expect_refused(&things, thing, "already free"); /* it rests in this hart's magazine */
    (void)slab_reap();
    expect_refused(&things, thing, "bad free"); /* free in its slab, or the slab is gone */
    slab_free(&things, NULL);
    assert_int_equal(slab_cache_destroy(other), 0);
}

static void a_double_free_by_another_hart_is_found_at_the_slab(void **state)
{
    struct slab_cache *cache = slab_cache_create("double", 64, 64, NULL);
    void *keep = slab_alloc(cache, ALLOC_KERNEL); /* so that the slab stays */
    void *object = slab_alloc(cache, ALLOC_KERNEL);

    (void)state;
    host_set_hart(1);
    slab_free(cache, object);
    host_set_hart(2);
    machine_listen();
    slab_free(cache, object);
    (void)magazine_flush_hart(cache);
    host_set_hart(1);
    (void)magazine_flush_hart(cache);
    assert_true(machine_said("already free"));
    slab_check(cache);
    slab_free(cache, keep);
    host_set_hart(-1);
    assert_int_equal(slab_cache_destroy(cache), 0);
}

/* ---- Destructors, many at once, and reserves ------------------------------------------------- */

static int64_t nr_standing; /* constructed and not destructed */

static void count_up(void *object)
{
    *(uint64_t *)object = CONSTRUCTED;
    nr_standing++;
}

static void count_down(void *object)
{
    assert_true(*(uint64_t *)object == CONSTRUCTED);
    nr_standing--;
}

struct pair {
    uint64_t constructed, rest[9];
};
SLAB_CACHE_TYPED(pairs, struct pair, count_up, count_down)

static void a_destructor_runs_before_the_slab_goes(void **state)
{
    enum { NR = 1000 };
    static struct pair *live[NR];
    struct slab_stats stats;

    (void)state;
    for (int i = 0; i < NR; i++) {
        live[i] = pairs_alloc(ALLOC_KERNEL);
        assert_non_null(live[i]);
    }
    stats = stats_of(&pairs);
    assert_true(stats.nr_objects >= NR);
    assert_int_equal(nr_standing, stats.nr_objects);
    for (int i = 0; i < NR; i++) {
        pairs_free(live[i]);
    }
    assert_int_equal(nr_standing, stats_of(&pairs).nr_objects);
    (void)slab_reap();
    assert_int_equal(stats_of(&pairs).nr_slabs, 0);
    assert_int_equal(nr_standing, 0);
}

static void many_objects_come_and_go_at_once(void **state)
{
    static struct thing *objects[3000];

    (void)state;
    for (unsigned nr = 0; nr <= array_size(objects); nr += 1 + nr / 2) {
        assert_int_equal(slab_alloc_bulk(&things, (void **)objects, nr, ALLOC_KERNEL), nr);
        assert_int_equal(stats_of(&things).nr_active, nr);
        for (unsigned i = 0; i < nr; i++) {
            assert_true(objects[i]->constructed == CONSTRUCTED);
            objects[i]->stamp = i;
        }
        for (unsigned i = 0; i < nr; i++) { /* none is there twice */
            assert_int_equal(objects[i]->stamp, i);
        }
        slab_free_bulk(&things, (void **)objects, nr);
        assert_int_equal(stats_of(&things).nr_active, 0);
        slab_check(&things);
    }
}

static void a_bulk_call_says_how_many_there_were(void **state)
{
    struct slab_cache *cache = slab_cache_create("bulky", 2048, 8, NULL);
    static void *objects[40000];
    unsigned nr;

    (void)state;
    nr = slab_alloc_bulk(cache, objects, array_size(objects), ALLOC_QUIET);
    assert_in_range(nr, 20000, array_size(objects) - 1);
    assert_null(slab_alloc(cache, ALLOC_QUIET));
    slab_free_bulk(cache, objects, nr);
    assert_int_equal(stats_of(cache).nr_active, 0);
    nr = slab_alloc_bulk(cache, objects, 10, ALLOC_ZERO);
    assert_int_equal(nr, 10);
    for (unsigned i = 0; i < nr; i++) {
        assert_int_equal(*(uint64_t *)objects[i], 0);
    }
    slab_free_bulk(cache, objects, nr);
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void take_one_too_many(void *arg)
{
    void *object = slab_reserve_take(arg);

    slab_free(&things, object);
}

static void a_reserve_does_not_fail(void **state)
{
    struct slab_reserve reserve;
    void *objects[SLAB_RESERVE_MAX];

    (void)state;
    assert_int_equal(slab_reserve_fill(&reserve, &things, SLAB_RESERVE_MAX + 1, ALLOC_KERNEL),
                     -EINVAL);
    (void)slab_reap(); /* so that a magazine does not have all of them */
    fault_inject_arm(FAULT_OBJECTS, 2, true);
    assert_int_equal(slab_reserve_fill(&reserve, &things, SLAB_RESERVE_MAX, ALLOC_QUIET), -ENOMEM);
    assert_true(fault_inject_disarm() > 0);
    assert_int_equal(stats_of(&things).nr_active, 0); /* nothing is put by */
    assert_int_equal(slab_reserve_fill(&reserve, &things, 10, ALLOC_KERNEL), 0);
    fault_inject_arm(FAULT_OBJECTS | FAULT_FRAMES, 1, true);
    for (int i = 0; i < 7; i++) {
        objects[i] = slab_reserve_take(&reserve);
        assert_non_null(objects[i]);
    }
    (void)fault_inject_disarm();
    assert_int_equal(stats_of(&things).nr_active, 10);
    slab_reserve_drop(&reserve);
    assert_int_equal(stats_of(&things).nr_active, 7);
    host_expect_panic(take_one_too_many, &reserve, "reserve->nr");
    slab_free_bulk(&things, objects, 7);
}

/* ---- Magazines adapt ------------------------------------------------------------------------- */

static void exchange(struct slab_cache *cache, void **objects, unsigned nr, unsigned nr_rounds)
{
    for (unsigned round = 0; round < nr_rounds; round++) {
        assert_int_equal(slab_alloc_bulk(cache, objects, nr, ALLOC_KERNEL), nr);
        slab_free_bulk(cache, objects, nr);
    }
}

static void magazines_grow_with_the_load_and_shrink_when_reaped(void **state)
{
    struct slab_cache *cache = slab_cache_create("adapting", 64, 8, NULL);
    static void *objects[1000];
    uint32_t first, grown;

    (void)state;
    host_clock_fake(1);
    first = load_relaxed(&cache->magazine_class);
    exchange(cache, objects, 10, 1000); /* never beyond the hart's two magazines */
    assert_int_equal(load_relaxed(&cache->magazine_class), first);
    assert_null(load_relaxed(&cache->annex));
    exchange(cache, objects, 1000, 100); /* no time passes: as often as can be */
    grown = load_relaxed(&cache->magazine_class);
    assert_true(grown >= first + 3);
    assert_true(grown <= cache->max_magazine_class);
    assert_non_null(load_relaxed(&cache->annex));
    exchange(cache, objects, 1000, 1);
    assert_true(magazine_count(cache) >= 1000); /* none had to go back to its slab */
    slab_check(cache);
    (void)slab_reap();
    assert_int_equal(load_relaxed(&cache->magazine_class), first);
    for (unsigned round = 0; round < 200; round++) { /* as much, but rarely */
        host_clock_advance(100000000);
        exchange(cache, objects, 100, 1);
    }
    assert_int_equal(load_relaxed(&cache->magazine_class), first);
    assert_int_equal(stats_of(cache).nr_active, 0);
    host_clock_real();
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static uint32_t rounds_in(const struct slab_rounds *rounds)
{
    return (uint32_t)(load_relaxed(&rounds->top) - load_relaxed(&rounds->bottom));
}

static void a_walk_around_a_boundary_exchanges_nothing(void **state)
{
    struct slab_cache *cache = slab_cache_create("walking", 64, 8, NULL);
    struct slab_hart *hart = &cache->harts[port_hart_id()];
    static void *objects[1000];
    uint32_t size, half, nr = 0;
    void **loaded;

    (void)state;
    host_clock_fake(1);
    exchange(cache, objects, 10, 1);
    size = (uint32_t)(hart->loaded.end - load_relaxed(&hart->loaded.bottom));
    half = size / 2;
    assert_int_equal(slab_alloc_bulk(cache, objects, 2 * size, ALLOC_KERNEL), 2 * size);
    slab_free_bulk(cache, objects, 2 * size);
    assert_int_equal(rounds_in(&hart->loaded), size);
    assert_int_equal(rounds_in(&hart->previous), size);
    while (nr <= size) { /* one over the boundary: both are halves */
        objects[nr++] = slab_alloc(cache, ALLOC_KERNEL);
    }
    assert_int_equal(rounds_in(&hart->loaded), half - 1);
    assert_int_equal(rounds_in(&hart->previous), size - half);
    loaded = load_relaxed(&hart->loaded.bottom);
    for (unsigned walk = 1; walk < half; walk++) { /* to and fro, farther each time */
        for (unsigned i = 0; i < walk; i++) {
            slab_free(cache, objects[--nr]);
        }
        for (unsigned i = 0; i < walk; i++) {
            objects[nr++] = slab_alloc(cache, ALLOC_KERNEL);
        }
        assert_ptr_equal(load_relaxed(&hart->loaded.bottom), loaded);
        assert_int_equal(rounds_in(&hart->previous), size - half);
    }
    while (nr < 2 * size) { /* the other half, and to the end */
        objects[nr++] = slab_alloc(cache, ALLOC_KERNEL);
    }
    assert_int_equal(rounds_in(&hart->loaded) + rounds_in(&hart->previous), 0);
    for (unsigned i = 0; i < nr; i++) { /* and nobody has got an object twice */
        for (unsigned j = 0; j < i; j++) {
            assert_ptr_not_equal(objects[i], objects[j]);
        }
    }
    slab_free_bulk(cache, objects, nr);
    slab_check(cache);
    host_clock_real();
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void a_cache_that_is_used_rarely_keeps_little(void **state)
{
    enum { NR_MAGAZINES = 4, FIRST_ROUNDS = 30 }; /* the hart's two, two in the depot */
    struct slab_cache *cache = slab_cache_create("rarely", 64, 8, NULL);
    static void *objects[1000];

    (void)state;
    host_clock_fake(1);
    for (unsigned round = 0; round < 20; round++) {
        host_clock_advance(100000000);
        exchange(cache, objects, 1000, 1);
        assert_null(load_relaxed(&cache->annex));
        assert_in_range(magazine_count(cache), 1, NR_MAGAZINES * FIRST_ROUNDS);
    }
    slab_check(cache);
    host_clock_real();
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void reaping_gives_all_free_frames_back(void **state)
{
    enum { NR = 5000 };
    static void *objects[NR];
    struct slab_cache *cache;
    uint64_t nr_free;

    (void)state;
    (void)slab_reap();
    cache = slab_cache_create("reaped", 512, 8, NULL);
    nr_free = frames_nr_free();
    for (int i = 0; i < NR; i++) {
        host_set_hart(i % 4);
        objects[i] = slab_alloc(cache, ALLOC_KERNEL);
    }
    assert_true(frames_nr_free() + NR / 8 <= nr_free);
    for (int i = 0; i < NR; i++) {
        host_set_hart(i / 7 % 4);
        slab_free(cache, objects[i]);
    }
    assert_int_equal(stats_of(cache).nr_active, 0);
    host_set_hart(0);
    assert_true(slab_reap() > 0);
    for (int hart = 1; hart < 4; hart++) { /* idle, they give up what they kept */
        host_set_hart(hart);
        slab_idle();
    }
    host_set_hart(0);
    (void)slab_reap();
    assert_int_equal(stats_of(cache).nr_slabs, 0);
    host_set_hart(-1);
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void destroying_a_cache_in_use_reports_the_leak(void **state)
{
    struct slab_cache *cache = slab_cache_create("leaky", 64, 8, NULL);
    void *a = slab_alloc(cache, ALLOC_KERNEL);
    void *b = slab_alloc(cache, ALLOC_KERNEL);
    char line[64];

    (void)state;
    slab_free(cache, b);
    machine_listen();
    assert_int_equal(slab_cache_destroy(cache), -EBUSY);
    assert_non_null(strstr(machine_log, "leaky: destroyed with 1 objects alive"));
    snprintf(line, sizeof(line), "leaky: object %p lives", a);
    assert_true(machine_said(line));
    b = slab_alloc(cache, ALLOC_KERNEL); /* it can be used on */
    assert_non_null(b);
    slab_free(cache, a);
    slab_free(cache, b);
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void an_objects_cache_is_found(void **state)
{
    struct thing *thing = slab_alloc(&things, ALLOC_KERNEL);
    int local;

    (void)state;
    assert_ptr_equal(slab_cache_of(thing), &things);
    assert_null(slab_cache_of((char *)thing + 1));
    assert_null(slab_cache_of(&local));
    assert_null(slab_cache_of(NULL));
    slab_free(&things, thing);
}

static void find_things(const struct slab_stats *stats, void *arg)
{
    if (strcmp(stats->name, "things") == 0) {
        *(struct slab_stats *)arg = *stats;
    }
    (void)slab_reap(); /* a visitor may come back */
}

static void every_used_cache_is_listed(void **state)
{
    struct slab_stats found = {0};
    struct thing *thing = slab_alloc(&things, ALLOC_KERNEL);

    (void)state;
    slab_for_each(find_things, &found);
    assert_int_equal(found.size_bytes, sizeof(struct thing));
    assert_int_equal(found.nr_active, 1);
    assert_true(found.nr_objects >= found.nr_per_slab);
    slab_free(&things, thing);
}

/* A cache's first use, and 200 objects more, with the n-th frame or object allocation failing,
 * for every n. */
static void every_failing_allocation_is_survived(void **state)
{
    enum { NR = 200 };
    uint64_t nr_failed = 1;

    (void)state;
    for (uint64_t n = 1; nr_failed != 0; n++) {
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            struct slab_cache *cache;
            void *objects[NR] = {0};

            (void)slab_reap();
            fault_inject_arm(FAULT_FRAMES, n, for_ever != 0);
            cache = slab_cache_create("failing", 400, 16, NULL);
            for (int i = 0; cache != NULL && i < NR; i++) {
                objects[i] = slab_alloc(cache, ALLOC_QUIET);
            }
            for (int i = 0; cache != NULL && i < NR; i++) {
                slab_free(cache, objects[i]);
            }
            nr_failed = fault_inject_disarm();
            if (cache != NULL) {
                slab_check(cache);
                assert_int_equal(stats_of(cache).nr_active, 0);
                assert_int_equal(slab_cache_destroy(cache), 0);
            }
        }
    }
}

static void no_memory_is_an_answer(void **state)
{
    static void *objects[40000];
    size_t nr = 0;
    struct slab_cache *cache = slab_cache_create("hungry", 2048, 8, NULL);
    uint64_t nr_free;

    (void)state;
    nr_free = frames_nr_free();
    while (nr < array_size(objects) && (objects[nr] = slab_alloc(cache, ALLOC_QUIET)) != NULL) {
        nr++;
    }
    assert_in_range(nr, 20000, array_size(objects) - 1);
    slab_check(cache);
    while (nr > 0) {
        slab_free(cache, objects[--nr]);
    }
    assert_int_equal(slab_cache_destroy(cache), 0);
    assert_in_range(frames_nr_free(), nr_free - 16, nr_free + 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_keep_their_constructed_state),
        cmocka_unit_test(harts_may_free_each_others_objects),
        cmocka_unit_test(a_constructor_runs_once_an_object),
        cmocka_unit_test(caches_of_every_size_and_alignment_work),
        cmocka_unit_test(slabs_waste_at_most_an_eighth),
        cmocka_unit_test(impossible_caches_are_refused),
        cmocka_unit_test(zeroed_objects_are_zero),
        cmocka_unit_test(wrong_frees_are_refused_with_a_report),
        cmocka_unit_test(a_double_free_by_another_hart_is_found_at_the_slab),
        cmocka_unit_test(a_destructor_runs_before_the_slab_goes),
        cmocka_unit_test(many_objects_come_and_go_at_once),
        cmocka_unit_test(a_bulk_call_says_how_many_there_were),
        cmocka_unit_test(a_reserve_does_not_fail),
        cmocka_unit_test(magazines_grow_with_the_load_and_shrink_when_reaped),
        cmocka_unit_test(a_walk_around_a_boundary_exchanges_nothing),
        cmocka_unit_test(a_cache_that_is_used_rarely_keeps_little),
        cmocka_unit_test(reaping_gives_all_free_frames_back),
        cmocka_unit_test(destroying_a_cache_in_use_reports_the_leak),
        cmocka_unit_test(an_objects_cache_is_found),
        cmocka_unit_test(every_used_cache_is_listed),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(no_memory_is_an_answer),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
