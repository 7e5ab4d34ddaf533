// SPDX-License-Identifier: MIT
// TSAN
/* What stands in front of allocators: the chain, and those that count, fail and measure. */
#include "mm/alloc/arena.h"
#include "mm/alloc/chain.h"
#include "mm/alloc/failing.h"
#include "mm/alloc/heap.h"
#include "mm/alloc/latency.h"
#include "mm/alloc/test/allocator_model.h"
#include "mm/alloc/tracking.h"

#define NR_THREADS 4u

static struct host_random source;

/* ---- Chain ----------------------------------------------------------------------------------- */

static void the_buffer_first_and_the_heap_after(void **state)
{
    _Alignas(16) char buffer[400];
    struct arena arena;
    struct chain chain = {arena_allocator(&arena), heap_allocator()};
    struct allocator allocator = chain_allocator(&chain);
    struct layout layout = {100, 1};
    char *near;
    char *far;

    arena_init(&arena, buffer, sizeof(buffer), NULL, 0);
    near = allocator_allocate(allocator, layout, ALLOC_KERNEL);
    assert_true(allocator_owns(chain.first, near));
    far = allocator_allocate(allocator, (struct layout){1000, 1}, ALLOC_KERNEL);
    assert_false(allocator_owns(chain.first, far));
    memset(near, 'n', 100);
    near = allocator_grow(allocator, near, layout, 2000, ALLOC_KERNEL); /* moves to the heap */
    assert_false(allocator_owns(chain.first, near));
    assert_int_equal(near[99], 'n');
    allocator_deallocate(allocator, near, (struct layout){2000, 1});
    allocator_deallocate(allocator, far, (struct layout){1000, 1});
    chain_check(&chain);
    arena_destroy(&arena);
}

static void the_chain_against_a_shadow(void **state)
{
    static _Alignas(16) char buffer[2000];
    static struct alloc_tag tag = ALLOC_TAG_INIT("behind the chain");
    struct arena arena;
    struct tracking second = {heap_allocator(), &tag};
    struct chain chain = {arena_allocator(&arena), tracking_allocator(&second)};
    struct model model = {.allocator = chain_allocator(&chain),
                          .source = &source,
                          .max_bytes = 200,
                          .max_align_log = 5};

    arena_init(&arena, buffer, sizeof(buffer), NULL, 0);
    model_run(&model, MODEL_STEPS);
    assert_int_equal(model.nr_refused, 0);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
    assert_true(atomic_load(&tag.nr_total) > 0);
    arena_destroy(&arena);
}

/* ---- Tracking -------------------------------------------------------------------------------- */

static void find_tag(const struct alloc_tag *tag, void *arg)
{
    const struct alloc_tag **wanted = arg;

    if (tag == wanted[0]) {
        wanted[1] = tag;
    }
}

static void live_peak_and_count_are_exact(void **state)
{
    static struct alloc_tag tag = ALLOC_TAG_INIT("a purpose");
    struct tracking tracking = {heap_allocator(), &tag};
    struct allocator allocator = tracking_allocator(&tracking);
    const struct alloc_tag *found[2] = {&tag, NULL};
    char *a;
    char *b;

    alloc_tag_for_each(find_tag, found);
    assert_null(found[1]); /* never charged, never shown */
    a = allocator_allocate(allocator, (struct layout){100, 1}, ALLOC_KERNEL);
    b = allocator_allocate(allocator, (struct layout){300, 1}, ALLOC_KERNEL);
    allocator_deallocate(allocator, a, (struct layout){100, 1});
    assert_int_equal(atomic_load(&tag.live_bytes), 300);
    assert_int_equal(atomic_load(&tag.peak_bytes), 400);
    assert_int_equal(atomic_load(&tag.nr_live), 1);
    b = allocator_shrink(allocator, b, (struct layout){300, 1}, 50);
    assert_int_equal(atomic_load(&tag.live_bytes), 50);
    b = allocator_grow(allocator, b, (struct layout){50, 1}, 2000, ALLOC_KERNEL);
    assert_int_equal(atomic_load(&tag.live_bytes), 2000);
    assert_int_equal(atomic_load(&tag.peak_bytes), 2050); /* both, while it was copied */
    allocator_deallocate(allocator, b, (struct layout){2000, 1});
    assert_int_equal(atomic_load(&tag.live_bytes), 0);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
    assert_int_equal(atomic_load(&tag.nr_total), 3);
    alloc_tag_for_each(find_tag, found);
    assert_ptr_equal(found[1], &tag);
}

static void a_refused_block_is_not_charged(void **state)
{
    static struct alloc_tag tag = ALLOC_TAG_INIT("refused");
    struct failing failing = {.below = heap_allocator(), .plan = {.every = 1}};
    struct tracking tracking = {failing_allocator(&failing), &tag};
    char outside[8];

    assert_null(allocator_allocate(tracking_allocator(&tracking), LAYOUT_OF(long), ALLOC_KERNEL));
    expect_foreign(tracking_allocator(&tracking), outside, (struct layout){8, 1});
    assert_int_equal(atomic_load(&tag.nr_total), 0);
    assert_int_equal(atomic_load(&tag.live_bytes), 0);
}

static void tracking_against_a_shadow(void **state)
{
    static struct alloc_tag tag = ALLOC_TAG_INIT("shadowed");
    struct tracking tracking = {heap_allocator(), &tag};
    struct model model = {.allocator = tracking_allocator(&tracking),
                          .source = &source,
                          .max_bytes = 500,
                          .max_align_log = 4};

    for (unsigned i = 0; i < MODEL_STEPS; i++) {
        model_step(&model);
        assert_int_equal(atomic_load(&tag.live_bytes), model.live_bytes);
    }
    model_free_all(&model);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
}

static struct alloc_tag shared_tag = ALLOC_TAG_INIT("shared");

static void tracking_thread(unsigned index, void *arg)
{
    struct tracking *tracking = arg;
    struct layout layout = {10 + index, 1};

    for (unsigned i = 0; i < 5000; i++) {
        void *block = allocator_allocate(tracking_allocator(tracking), layout, ALLOC_KERNEL);

        assert(block != NULL);
        allocator_deallocate(tracking_allocator(tracking), block, layout);
    }
}

static void harts_charge_one_tag(void **state)
{
    struct tracking tracking = {heap_allocator(), &shared_tag};

    host_run_threads(NR_THREADS, tracking_thread, &tracking);
    tracking_check(&tracking);
    assert_int_equal(atomic_load(&shared_tag.live_bytes), 0);
    assert_int_equal(atomic_load(&shared_tag.nr_total), NR_THREADS * 5000);
    assert_in_range(atomic_load(&shared_tag.peak_bytes), 13, 10 + 11 + 12 + 13);
}

/* ---- Failing --------------------------------------------------------------------------------- */

static void plans_fail_what_they_say(void **state)
{
    struct fail_plan nth = {.nth = 3};
    struct fail_plan after = {.nth = 3, .and_all_after = true};
    struct fail_plan every = {.every = 4};
    struct fail_plan never = {0};

    for (unsigned i = 1; i <= 12; i++) {
        assert_int_equal(fail_plan_next(&nth), i == 3);
        assert_int_equal(fail_plan_next(&after), i >= 3);
        assert_int_equal(fail_plan_next(&every), i % 4 == 0);
        assert_false(fail_plan_next(&never));
    }
    assert_int_equal(fail_plan_nr_failed(&nth), 1);
    assert_int_equal(fail_plan_nr_failed(&after), 10);
    assert_int_equal(fail_plan_nr_failed(&every), 3);
}

static void chance_repeats_itself_with_its_seed(void **state)
{
    struct fail_plan one = {.permille = 250, .seed = 42};
    struct fail_plan two = {.permille = 250, .seed = 42};
    struct fail_plan other = {.permille = 250, .seed = 43};
    unsigned nr_other = 0;

    for (unsigned i = 0; i < 20000; i++) {
        bool fails = fail_plan_next(&one);

        assert_int_equal(fails, fail_plan_next(&two));
        nr_other += fails != fail_plan_next(&other);
    }
    assert_in_range(fail_plan_nr_failed(&one), 4700, 5300);
    assert_true(nr_other > 6000);
}

static void failing_against_a_shadow(void **state)
{
    struct failing failing = {
        .below = heap_allocator(),
        .plan = {.every = 17, .permille = 100, .seed = host_random_next(&source)},
    };
    struct model model = {.allocator = failing_allocator(&failing),
                          .source = &source,
                          .max_bytes = 300,
                          .max_align_log = 4};

    model_run(&model, MODEL_STEPS);
    assert_true(model.nr_refused > 0);
    assert_true(fail_plan_nr_failed(&failing.plan) >= model.nr_refused);
}

/* ---- Latency --------------------------------------------------------------------------------- */

static void histograms_sort_by_powers_of_two(void **state)
{
    struct histogram histogram = {0};

    histogram_record(&histogram, 0);
    histogram_record(&histogram, 1);
    histogram_record(&histogram, 1023);
    histogram_record(&histogram, 1024);
    histogram_record(&histogram, UINT64_MAX / 4);
    histogram_check(&histogram);
    assert_int_equal(histogram_count(&histogram), 5);
    assert_int_equal(atomic_load(&histogram.buckets[0]), 1);
    assert_int_equal(atomic_load(&histogram.buckets[1]), 1);
    assert_int_equal(atomic_load(&histogram.buckets[10]), 1);
    assert_int_equal(atomic_load(&histogram.buckets[11]), 1);
    assert_int_equal(atomic_load(&histogram.buckets[HISTOGRAM_BUCKETS - 1]), 1);
    assert_true(atomic_load(&histogram.worst) == UINT64_MAX / 4);
}

/* An allocator that takes as long as it is told. */
static uint64_t slow_ns;

static void *slow_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    host_clock_advance(slow_ns);
    return NULL;
}

static void check_nothing(void *object)
{
}

static const struct allocator_ops slow_ops = {.allocate = slow_allocate, .check = check_nothing};

static void durations_are_measured(void **state)
{
    struct latency latency = {.below = {&slow_ops, NULL, "slow"}};

    host_clock_fake(1000);
    for (slow_ns = 1; slow_ns <= 1000; slow_ns *= 10) {
        assert_null(allocator_allocate(latency_allocator(&latency), LAYOUT_OF(long), ALLOC_QUIET));
    }
    host_clock_real();
    assert_int_equal(histogram_count(&latency.allocations), 4);
    assert_int_equal(atomic_load(&latency.allocations.worst), 1000);
    assert_int_equal(atomic_load(&latency.allocations.sum), 1111);
    assert_int_equal(atomic_load(&latency.allocations.buckets[7]), 1); /* 64 .. 127 */
    latency_check(&latency);
}

static void latency_against_a_shadow(void **state)
{
    struct latency latency = {.below = heap_allocator()};
    struct model model = {.allocator = latency_allocator(&latency),
                          .source = &source,
                          .max_bytes = 300,
                          .max_align_log = 4};

    model_run(&model, MODEL_STEPS);
    assert_true(histogram_count(&latency.allocations) > histogram_count(&latency.frees));
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(16ul << 20);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_buffer_first_and_the_heap_after),
        cmocka_unit_test(the_chain_against_a_shadow),
        cmocka_unit_test(live_peak_and_count_are_exact),
        cmocka_unit_test(a_refused_block_is_not_charged),
        cmocka_unit_test(tracking_against_a_shadow),
        cmocka_unit_test(harts_charge_one_tag),
        cmocka_unit_test(plans_fail_what_they_say),
        cmocka_unit_test(chance_repeats_itself_with_its_seed),
        cmocka_unit_test(failing_against_a_shadow),
        cmocka_unit_test(histograms_sort_by_powers_of_two),
        cmocka_unit_test(durations_are_measured),
        cmocka_unit_test(latency_against_a_shadow),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
