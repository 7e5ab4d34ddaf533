// SPDX-License-Identifier: MIT
/* The bump arena: chunks, marks, what lies on top and what is given back at once. */
#include "mm/alloc/arena.h"
#include "mm/alloc/failing.h"
#include "mm/alloc/heap.h"
#include "mm/alloc/test/allocator_model.h"
#include "mm/alloc/tracking.h"

static struct host_random source;
static struct alloc_tag tag = ALLOC_TAG_INIT("arena chunks");
static struct tracking heap; /* so that chunks that are not given back are seen */

static void *take(struct arena *arena, size_t size_bytes)
{
    struct layout layout = {size_bytes, 1};

    return allocator_allocate(arena_allocator(arena), layout, ALLOC_KERNEL);
}

static void blocks_lie_side_by_side(void **state)
{
    struct allocator backing = tracking_allocator(&heap);
    struct arena arena;
    char *first;
    uint64_t *word;

    arena_init(&arena, NULL, 0, &backing, 512);
    assert_int_equal(atomic_load(&tag.nr_live), 0); /* nothing before it is needed */
    first = take(&arena, 3);
    assert_ptr_equal(take(&arena, 5), first + 3);
    word = allocator_allocate(arena_allocator(&arena), LAYOUT_OF(uint64_t), ALLOC_KERNEL);
    assert_ptr_equal(word, first + 8);
    assert_int_equal(arena_used_bytes(&arena), 16);
    arena_destroy(&arena);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
}

static void chunks_double_and_hold_what_is_larger(void **state)
{
    struct allocator backing = tracking_allocator(&heap);
    struct arena arena;
    uint64_t nr_before;

    arena_init(&arena, NULL, 0, &backing, 256);
    for (unsigned i = 0; i < 10000; i++) {
        assert_non_null(take(&arena, 100));
        arena_check(&arena);
    }
    assert_true(atomic_load(&tag.nr_live) < 26); /* 8 doublings, then 64 KiB each */
    assert_true(arena_held_bytes(&arena) >= 1000000);
    nr_before = atomic_load(&tag.nr_live);
    assert_non_null(take(&arena, 3 * ARENA_MAX_CHUNK));
    assert_int_equal(atomic_load(&tag.nr_live), nr_before + 1);
    arena_destroy(&arena);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
}

static void the_buffer_comes_first_and_alone_it_can_be_used_up(void **state)
{
    _Alignas(16) char buffer[256];
    struct arena arena;
    char *block;

    arena_init(&arena, buffer + 1, sizeof(buffer) - 1, NULL, 0);
    block = take(&arena, 100);
    assert_true(block > buffer && block + 100 <= buffer + sizeof(buffer));
    assert_null(take(&arena, 200));
    assert_non_null(take(&arena, 20));
    arena_check(&arena);
    arena_destroy(&arena);
    memset(buffer, 1, sizeof(buffer)); /* the caller's again */

    arena_init(&arena, buffer, 20, NULL, 0); /* too small to be of use */
    assert_null(take(&arena, 1));
    arena_check(&arena);
    arena_destroy(&arena);
}

static void a_mark_gives_back_all_that_came_after(void **state)
{
    struct allocator backing = tracking_allocator(&heap);
    struct arena arena;
    struct arena_mark empty;
    struct arena_mark mark;
    char *kept;

    arena_init(&arena, NULL, 0, &backing, 256);
    empty = arena_mark(&arena);
    kept = take(&arena, 10);
    strcpy(kept, "kept");
    mark = arena_mark(&arena);
    for (unsigned i = 0; i < 50; i++) {
        assert_non_null(take(&arena, 100));
    }
    arena_release(&arena, mark);
    assert_string_equal(kept, "kept");
    assert_int_equal(arena_used_bytes(&arena), 10);
    assert_int_equal(atomic_load(&tag.nr_live), 1);
    /* A block from before the mark is given back first: the mark doesn't bring it back. */
    allocator_deallocate(arena_allocator(&arena), kept, (struct layout){10, 1});
    arena_release(&arena, mark);
    assert_int_equal(arena_used_bytes(&arena), 0);
    arena_release(&arena, empty);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
    arena_destroy(&arena);
}

static void only_the_last_block_goes_back_or_grows_by_itself(void **state)
{
    struct allocator backing = heap_allocator();
    struct layout layout = {10, 1};
    struct arena arena;
    struct allocator allocator = arena_allocator(&arena);
    char *first;
    char *last;
    char *moved;

    arena_init(&arena, NULL, 0, &backing, 1000);
    first = take(&arena, 10);
    last = take(&arena, 10);
    memset(first, 'f', 10);
    assert_true(allocator_resize_in_place(allocator, last, layout, 500));
    assert_false(allocator_resize_in_place(allocator, first, layout, 11));
    assert_false(allocator_resize_in_place(allocator, last, (struct layout){500, 1}, 5000));
    assert_ptr_equal(allocator_shrink(allocator, last, (struct layout){500, 1}, 20), last);
    assert_int_equal(arena_used_bytes(&arena), 30);
    moved = allocator_grow(allocator, first, layout, 40, ALLOC_KERNEL);
    assert_ptr_equal(moved, last + 20);
    assert_memory_equal(moved, "ffffffffff", 10);
    allocator_deallocate(allocator, moved, (struct layout){40, 1});
    assert_int_equal(arena_used_bytes(&arena), 30);
    arena_destroy(&arena);
}

static void foreign_memory_is_refused(void **state)
{
    struct allocator backing = heap_allocator();
    struct arena arena;
    char *block;
    char outside[8];

    arena_init(&arena, NULL, 0, &backing, 1000);
    block = take(&arena, 16);
    expect_foreign(arena_allocator(&arena), outside, (struct layout){8, 1});
    expect_foreign(arena_allocator(&arena), block + 16, (struct layout){8, 1}); /* not allocated */
    expect_foreign(arena_allocator(&arena), block, (struct layout){17, 1});     /* beyond the end */
    assert_false(allocator_owns(arena_allocator(&arena), outside));
    arena_destroy(&arena);
}

static void a_missing_chunk_leaves_the_arena_as_it_was(void **state)
{
    struct failing failing = {.below = heap_allocator(), .plan = {.nth = 2}};
    struct allocator backing = failing_allocator(&failing);
    struct arena arena;

    arena_init(&arena, NULL, 0, &backing, 200);
    assert_non_null(take(&arena, 100));
    assert_null(take(&arena, 150));
    arena_check(&arena);
    assert_int_equal(arena_used_bytes(&arena), 100);
    assert_null(take(&arena, LAYOUT_MAX_BYTES)); /* no sum wraps around */
    assert_non_null(take(&arena, 150));
    arena_destroy(&arena);
}

/* Random steps with marks among them: releasing one ends the blocks that came or grew later. */
static void the_arena_against_a_shadow(void **state)
{
    struct allocator backing = tracking_allocator(&heap);
    struct arena arena;
    struct model model = {.allocator = arena_allocator(&arena),
                          .source = &source,
                          .max_bytes = 300,
                          .max_align_log = 7};
    struct arena_mark marks[8];
    uint64_t steps[8];
    unsigned nr_marks = 0;

    arena_init(&arena, NULL, 0, &backing, 500);
    for (unsigned i = 0; i < MODEL_STEPS; i++) {
        uint64_t choice = host_random_below(&source, 100);

        if (choice < 3 && nr_marks < array_size(marks)) {
            marks[nr_marks] = arena_mark(&arena);
            steps[nr_marks++] = model.step;
        } else if (choice < 7 && nr_marks > 0) {
            nr_marks = (unsigned)host_random_below(&source, nr_marks);
            arena_release(&arena, marks[nr_marks]);
            for (unsigned b = model.nr_blocks; b-- > 0;) {
                if (model.blocks[b].born > steps[nr_marks] &&
                    model.blocks[b].layout.size_bytes != 0) {
                    model_forget(&model, b);
                }
            }
            arena_check(&arena);
        } else {
            model_step(&model);
        }
        assert_true(arena_used_bytes(&arena) >= model.live_bytes);
    }
    assert_int_equal(model.nr_refused, 0);
    arena_destroy(&arena);
    assert_int_equal(atomic_load(&tag.nr_live), 0);
    assert_int_equal(atomic_load(&tag.live_bytes), 0);
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(32ul << 20);
    heap = (struct tracking){heap_allocator(), &tag};
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_lie_side_by_side),
        cmocka_unit_test(chunks_double_and_hold_what_is_larger),
        cmocka_unit_test(the_buffer_comes_first_and_alone_it_can_be_used_up),
        cmocka_unit_test(a_mark_gives_back_all_that_came_after),
        cmocka_unit_test(only_the_last_block_goes_back_or_grows_by_itself),
        cmocka_unit_test(foreign_memory_is_refused),
        cmocka_unit_test(a_missing_chunk_leaves_the_arena_as_it_was),
        cmocka_unit_test(the_arena_against_a_shadow),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
