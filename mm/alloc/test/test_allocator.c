// SPDX-License-Identifier: MIT
/* The interface itself: layouts, sizes of 0, what is foreign; and the heap and caches behind it. */
#include "mm/alloc/heap.h"
#include "mm/alloc/test/allocator_model.h"
#include "mm/debug/guard_pool.h"
#include "mm/fault_inject.h"
#include "mm/slab.h"

#define MIB (1ul << 20)

static struct host_random source;

struct thing {
    _Alignas(32) char bytes[96];
};
SLAB_CACHE(thing_cache, struct thing, NULL);

static void layouts_are_checked(void **state)
{
    struct layout layout = {77, 1};

    assert_int_equal(layout_make(100, 8, &layout), 0);
    assert_int_equal(layout.size_bytes, 100);
    assert_int_equal(layout.align_bytes, 8);
    assert_int_equal(layout_make(1, 0, &layout), -EINVAL);
    assert_int_equal(layout_make(1, 3, &layout), -EINVAL);
    assert_int_equal(layout_make(1, SIZE_MAX, &layout), -EINVAL);
    assert_int_equal(layout_make(1, 2 * LAYOUT_MAX_ALIGN, &layout), -EINVAL);
    assert_int_equal(layout_make(LAYOUT_MAX_BYTES + 1, 1, &layout), -EOVERFLOW);
    assert_int_equal(layout_make(LAYOUT_MAX_BYTES, 2, &layout), -EOVERFLOW);
    assert_int_equal(layout_make(SIZE_MAX, 16, &layout), -EOVERFLOW);
    assert_int_equal(layout.size_bytes, 100); /* written only on success */
    assert_int_equal(layout_make(LAYOUT_MAX_BYTES, 1, &layout), 0);
    assert_int_equal(layout_make(0, LAYOUT_MAX_ALIGN, &layout), 0);
}

static void arrays_keep_each_element_aligned(void **state)
{
    struct layout layout = {7, 1};

    assert_int_equal(layout_make_array(10, (struct layout){5, 4}, &layout), 0);
    assert_int_equal(layout.size_bytes, 80);
    assert_int_equal(layout.align_bytes, 4);
    assert_int_equal(layout_make_array(0, (struct layout){5, 4}, &layout), 0);
    assert_int_equal(layout.size_bytes, 0);
    assert_int_equal(layout_make_array(SIZE_MAX / 8, (struct layout){9, 8}, &layout), -EOVERFLOW);
    assert_int_equal(layout_make_array(SIZE_MAX / 16, (struct layout){8, 8}, &layout), 0);
    assert_int_equal(layout_make_array(SIZE_MAX / 8, (struct layout){8, 8}, &layout), -EOVERFLOW);
    assert_int_equal(layout_make_array(1, (struct layout){8, 6}, &layout), -EINVAL);
}

static void an_impossible_layout_is_reported_and_refused(void **state)
{
    struct layout bad[] = {{1, 0}, {1, 24}, {SIZE_MAX, 1}, {LAYOUT_MAX_BYTES, 8}};

    for (size_t i = 0; i < array_size(bad); i++) {
        machine_listen();
        assert_null(allocator_allocate(heap_allocator(), bad[i], ALLOC_KERNEL));
        assert_true(machine_said("alloc: heap: impossible layout"));
    }
}

static void no_bytes_cost_nothing(void **state)
{
    struct layout layout = {0, 64};
    char *nothing;
    char *grown;

    fault_inject_arm(FAULT_OBJECTS | FAULT_FRAMES, 1, true);
    nothing = allocator_allocate(heap_allocator(), layout, ALLOC_KERNEL);
    assert_int_equal(fault_inject_disarm(), 0);
    assert_non_null(nothing);
    assert_int_equal((uint64_t)nothing % 64, 0);
    assert_true(allocator_resize_in_place(heap_allocator(), nothing, layout, 0));
    assert_false(allocator_resize_in_place(heap_allocator(), nothing, layout, 1));
    assert_ptr_equal(allocator_shrink(heap_allocator(), nothing, layout, 0), nothing);
    machine_listen();
    allocator_deallocate(heap_allocator(), nothing, layout);
    allocator_deallocate(heap_allocator(), NULL, LAYOUT_OF(long));
    assert_false(machine_said("alloc"));

    grown = allocator_grow(heap_allocator(), NULL, layout, 10, ALLOC_KERNEL | ALLOC_ZERO);
    assert_int_equal(grown[9], 0);
    nothing = allocator_shrink(heap_allocator(), grown, (struct layout){10, 64}, 0);
    assert_non_null(nothing);
    allocator_deallocate(heap_allocator(), nothing, layout);
}

static void the_heap_keeps_every_alignment(void **state)
{
    for (size_t align = 1; align <= LAYOUT_MAX_ALIGN / 4; align *= 2) {
        for (size_t size = 1; size <= 100000; size = size * 3 + 1) {
            struct layout layout;
            char *memory;

            assert_int_equal(layout_make(size, align, &layout), 0);
            memory = allocator_allocate(heap_allocator(), layout, ALLOC_KERNEL);
            assert_non_null(memory);
            assert_int_equal((uint64_t)memory % align, 0);
            memset(memory, 1, size);
            allocator_deallocate(heap_allocator(), memory, layout);
        }
    }
    assert_null(allocator_allocate(heap_allocator(), (struct layout){64 * MIB, 64}, ALLOC_QUIET));
    assert_null(allocator_allocate(heap_allocator(), (struct layout){64 * MIB, 1}, ALLOC_QUIET));
}

static void the_heap_against_a_shadow(void **state)
{
    struct model model = {
        .allocator = heap_allocator(), .source = &source, .max_bytes = 600, .max_align_log = 6};

    model_run(&model, MODEL_STEPS);
    assert_int_equal(model.nr_refused, 0);
}

static void what_the_heap_does_not_own_is_left_alone(void **state)
{
    static char outside[64];
    struct layout layout = {64, 1};
    char *block = allocator_allocate(heap_allocator(), layout, ALLOC_KERNEL);
    struct page *page = frames_alloc(0, ALLOC_KERNEL);

    expect_foreign(heap_allocator(), outside, layout);
    expect_foreign(heap_allocator(), page_address(page), layout);
    expect_foreign(heap_allocator(), block, (struct layout){5000, 1}); /* more than it has */
    machine_listen();
    assert_false(allocator_resize_in_place(heap_allocator(), outside, layout, 10));
    assert_true(machine_said("heap: resizing of"));
    machine_listen();
    assert_null(allocator_grow(heap_allocator(), outside, layout, 100, ALLOC_KERNEL));
    assert_true(machine_said("heap: growing of"));
    frames_free(page, 0);
    allocator_deallocate(heap_allocator(), block, layout);
}

static void a_failed_grow_leaves_the_block(void **state)
{
    struct layout layout = {100, 8};
    char *block = allocator_allocate(heap_allocator(), layout, ALLOC_KERNEL);

    strcpy(block, "still here");
    fault_inject_arm(FAULT_OBJECTS | FAULT_FRAMES, 1, true);
    assert_null(allocator_grow(heap_allocator(), block, layout, 3000, ALLOC_QUIET));
    assert_int_equal(fault_inject_disarm(), 1);
    assert_null(allocator_grow(heap_allocator(), block, layout, SIZE_MAX, ALLOC_QUIET));
    assert_string_equal(block, "still here");
    allocator_deallocate(heap_allocator(), block, layout);
}

static void a_cache_serves_what_its_objects_can_hold(void **state)
{
    struct allocator things = cache_allocator(&thing_cache);
    struct model model = {
        .allocator = things, .source = &source, .max_bytes = 96, .max_align_log = 5};
    void *thing;

    model_run(&model, 20000);
    assert_int_equal(model.nr_refused, 0);
    assert_null(allocator_allocate(things, (struct layout){97, 1}, ALLOC_KERNEL));
    assert_null(allocator_allocate(things, (struct layout){8, 64}, ALLOC_KERNEL));
    thing = allocator_allocate(heap_allocator(), LAYOUT_OF(struct thing), ALLOC_KERNEL);
    expect_foreign(things, thing, LAYOUT_OF(struct thing));
    allocator_deallocate(heap_allocator(), thing, LAYOUT_OF(struct thing));
}

/* An object that the guard-page pool has put on a page of its own is the cache's, and the heap's. */
static void sampled_objects_are_known(void **state)
{
    struct allocator allocators[] = {cache_allocator(&thing_cache), heap_allocator()};

    for (size_t i = 0; i < array_size(allocators); i++) {
        bool was_sampled = false;

        for (unsigned tries = 0; tries < 1000 && !was_sampled; tries++) {
            void *thing;

            guard_pool_sample_next();
            thing = allocator_allocate(allocators[i], LAYOUT_OF(struct thing), ALLOC_KERNEL);
            was_sampled = guard_pool_has(thing);
            assert_true(allocator_owns(allocators[i], thing));
            machine_listen();
            allocator_deallocate(allocators[i], thing, LAYOUT_OF(struct thing));
            assert_false(machine_said("not a live block"));
            (void)slab_reap(); /* samples are taken where magazines are empty */
        }
        assert_true(was_sampled);
    }
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(32 * MIB);
    assert_int_equal(guard_pool_start(GUARD_POOL_INTERVAL_MS), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_checked),
        cmocka_unit_test(arrays_keep_each_element_aligned),
        cmocka_unit_test(an_impossible_layout_is_reported_and_refused),
        cmocka_unit_test(no_bytes_cost_nothing),
        cmocka_unit_test(the_heap_keeps_every_alignment),
        cmocka_unit_test(the_heap_against_a_shadow),
        cmocka_unit_test(what_the_heap_does_not_own_is_left_alone),
        cmocka_unit_test(a_failed_grow_leaves_the_block),
        cmocka_unit_test(sampled_objects_are_known),
        cmocka_unit_test(a_cache_serves_what_its_objects_can_hold),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
