// SPDX-License-Identifier: MIT
/* kmalloc: sizes, alignment, what krealloc keeps, and pointers that are none of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/bits.h"
#include "mm/fault_inject.h"
#include "mm/frames_internal.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"
#include "mm/test/machine.h"

#define MIB     (1ul << 20)
#define LARGEST (4 * MIB)

static struct host_random source;

/* The least alignment of a block: that of any type of its size. */
static size_t alignment_of(size_t size)
{
    return max_of(8ul, min_of(size & (~size + 1), PAGE_SIZE));
}

static void check_size(size_t size)
{
    enum { NR = 3 }; /* side by side: the first of a slab is always well aligned */
    unsigned char *blocks[NR];

    for (int i = 0; i < NR; i++) {
        size_t usable;
        blocks[i] = kmalloc(size, ALLOC_KERNEL);
        assert_non_null(blocks[i]);
        usable = ksize(blocks[i]);
        assert_true(usable >= size);
        /* Four classes a doubling: at most a fifth of a block is lost, beside the step of 8; and of a
         * run of frames less than a frame. */
        if (size <= 8192) {
            assert_true(usable <= size + max_of(size / 4, 7ul));
        } else {
            assert_true(usable < size + PAGE_SIZE);
        }
        assert_int_equal((uint64_t)blocks[i] % alignment_of(size), 0);
        memset(blocks[i], 0xee, size);
    }
    for (int i = 0; i < NR; i++) {
        kfree(blocks[i]);
    }
}

static void every_size_fits_and_is_aligned(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 9000; size++) {
        check_size(size);
    }
    for (size_t size = 8192; size <= LARGEST; size += size / 3) {
        check_size(size);
    }
    check_size(LARGEST);
}

static void blocks_are_aligned_as_asked(void **state)
{
    (void)state;
    for (size_t align = 1; align <= MIB; align *= 2) {
        for (size_t size = 1; size <= 20000; size += 1 + size / 3) {
            unsigned char *a = kmalloc_aligned(size, align, ALLOC_KERNEL);
            unsigned char *b = kmalloc_aligned(size, align, ALLOC_KERNEL | ALLOC_ZERO);
            assert_non_null(a);
            assert_non_null(b);
            assert_int_equal((uint64_t)a % align, 0);
            assert_int_equal((uint64_t)b % align, 0);
            assert_true(ksize(a) >= size);
            memset(a, 0xee, size);
            assert_int_equal(b[0] | b[size - 1], 0);
            kfree(b);
            kfree(a);
        }
    }
    assert_true(kmalloc_aligned(0, 64, ALLOC_KERNEL) == kmalloc(0, ALLOC_KERNEL));
    assert_null(kmalloc_aligned(SIZE_MAX, 64, ALLOC_KERNEL));
    assert_null(kmalloc_aligned(64, 1ul << 40, ALLOC_KERNEL));
}

static void odd_alignments_are_reported(void **state)
{
    static const size_t odd[] = {0, 3, 24, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < array_size(odd); i++) {
        machine_listen();
        assert_null(kmalloc_aligned(64, odd[i], ALLOC_KERNEL));
        assert_true(machine_said("not a power of two"));
    }
}

/* A run of nine frames leaves seven of its sixteen to others, and comes back whole. */
static void large_blocks_take_only_the_frames_they_need(void **state)
{
    uint64_t nr_free;
    void *blocks[16];

    (void)state;
    kfree(kmalloc(9 * PAGE_SIZE, ALLOC_KERNEL));
    frames_drain_hot();
    nr_free = frames_nr_free();
    for (size_t nr = 3; nr <= 16; nr++) {
        blocks[nr - 1] = kmalloc(nr * PAGE_SIZE - 100, ALLOC_KERNEL);
        assert_int_equal(ksize(blocks[nr - 1]), nr * PAGE_SIZE);
        nr_free -= nr;
        assert_int_equal(frames_nr_free(), nr_free);
    }
    for (size_t nr = 16; nr >= 3; nr--) {
        kfree(blocks[nr - 1]);
        nr_free += nr;
        assert_int_equal(frames_nr_free(), nr_free);
    }
    frames_drain_hot();
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        buddy_check(&frame_regions[i]);
    }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    assert_null(kmalloc(LARGEST + 1, ALLOC_KERNEL | ALLOC_QUIET));
    assert_null(kmalloc(SIZE_MAX, ALLOC_KERNEL));
    assert_null(kmalloc(SIZE_MAX - 4096, ALLOC_KERNEL));
    assert_null(kcalloc(SIZE_MAX / 2, 3, ALLOC_KERNEL));
    assert_null(kcalloc(1ul << 32, 1ul << 32, ALLOC_KERNEL));
    assert_null(kmalloc_array(SIZE_MAX / 2, 3, ALLOC_KERNEL));
    assert_null(krealloc_array(NULL, 1ul << 32, 1ul << 32, ALLOC_KERNEL));
}

static void no_bytes_may_be_freed(void **state)
{
    void *nothing = kmalloc(0, ALLOC_KERNEL);

    (void)state;
    assert_non_null(nothing);
    assert_int_equal(ksize(nothing), 0);
    kfree(nothing);
    kfree(NULL);
    assert_int_equal(ksize(NULL), 0);
    nothing = kcalloc(0, 8, ALLOC_KERNEL);
    assert_non_null(nothing);
    nothing = krealloc(nothing, 100, ALLOC_KERNEL);
    assert_true(ksize(nothing) >= 100);
    nothing = krealloc(nothing, 0, ALLOC_KERNEL);
    assert_non_null(nothing);
    kfree(nothing);
}

static void zeroed_memory_is_zero_to_the_last_byte(void **state)
{
    static const size_t sizes[] = {1, 17, 100, 1000, 5000, 8192, 8193, 100000};

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < array_size(sizes); i++) {
            unsigned char *block = round == 0 ? kzalloc(sizes[i], ALLOC_KERNEL)
                                              : kcalloc(sizes[i], 1, ALLOC_KERNEL);
            for (size_t at = 0; at < ksize(block); at++) {
                assert_int_equal(block[at], 0);
            }
            memset(block, 0xff, sizes[i]);
            kfree(block);
        }
    }
}

static void realloc_keeps_the_content(void **state)
{
    unsigned char *block = NULL;
    size_t old_size = 0;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        size_t size = 1 + host_random_below(&source, 1ul << (4 + host_random_below(&source, 13)));
        unsigned char *fresh = krealloc(block, size, ALLOC_KERNEL);
        assert_non_null(fresh);
        assert_true(ksize(fresh) >= size);
        for (size_t i = 0; i < min_of(size, old_size); i++) {
            assert_int_equal(fresh[i], (unsigned char)(i * 7 + old_size));
        }
        for (size_t i = 0; i < size; i++) {
            fresh[i] = (unsigned char)(i * 7 + size);
        }
        block = fresh;
        old_size = size;
    }
    kfree(block);
}

static void an_array_that_overflows_leaves_the_old_block(void **state)
{
    char *block = kmalloc_array(10, 10, ALLOC_KERNEL);

    (void)state;
    strcpy(block, "still here");
    assert_null(krealloc_array(block, SIZE_MAX / 8, 16, ALLOC_KERNEL));
    block = krealloc_array(block, 20, 10, ALLOC_KERNEL);
    assert_string_equal(block, "still here");
    assert_true(ksize(block) >= 200);
    kfree(block);
}

static void realloc_stays_in_place_where_it_fits(void **state)
{
    char *block = kmalloc(100, ALLOC_KERNEL); /* class 112 */

    (void)state;
    assert_ptr_equal(krealloc(block, 112, ALLOC_KERNEL), block);
    assert_ptr_equal(krealloc(block, 57, ALLOC_KERNEL), block);
    block = krealloc(block, 200, ALLOC_KERNEL);
    assert_int_equal(ksize(block), 224);
    kfree(block);
}

static void a_failed_realloc_leaves_the_old_block(void **state)
{
    char *block = kmalloc(100, ALLOC_KERNEL);
    char *same;

    (void)state;
    strcpy(block, "still here");
    fault_inject_arm(FAULT_OBJECTS | FAULT_FRAMES, 1, true);
    assert_null(krealloc(block, 5000, ALLOC_QUIET));
    assert_null(krealloc(block, 50000, ALLOC_QUIET));
    same = krealloc(block, 20, ALLOC_QUIET); /* making it smaller can't fail */
    assert_ptr_equal(same, block);
    assert_int_equal(fault_inject_disarm(), 3);
    assert_string_equal(block, "still here");
    kfree(block);
}

static void expect_refused(const void *pointer)
{
    machine_listen();
    kfree(pointer);
    assert_true(machine_said("kmalloc: kfree of") || machine_said("bad free"));
}

SLAB_CACHE(
    others, struct { char bytes[64]; }, NULL);

static void foreign_pointers_are_reported_and_left_alone(void **state)
{
    char *block = kmalloc(64, ALLOC_KERNEL);
    char *large = kmalloc(20000, ALLOC_KERNEL);
    void *other = slab_alloc(&others, ALLOC_KERNEL);
    struct page *page = frames_alloc(0, ALLOC_KERNEL);
    int local;

    (void)state;
    expect_refused(&local);
    expect_refused("text");
    expect_refused((void *)8);
    expect_refused(block + 1);
    expect_refused(block + 16);
    expect_refused(large + 16);
    expect_refused(large + PAGE_SIZE);
    expect_refused(other);
    expect_refused(page_address(page));
    machine_listen();
    assert_int_equal(ksize(&local), 0);
    assert_true(machine_said("ksize of"));
    machine_listen();
    assert_null(krealloc(&local, 10, ALLOC_KERNEL));
    assert_true(machine_said("not a block"));
    kfree(block);
    kfree(large);
    expect_refused(block);
    expect_refused(large);
    slab_free(&others, other);
    frames_free(page, 0);
}

static void strings_and_memory_are_copied(void **state)
{
    char *copy = kstrdup("a string", ALLOC_KERNEL);

    (void)state;
    assert_string_equal(copy, "a string");
    kfree(copy);
    copy = kstrndup("a longer string", 8, ALLOC_KERNEL);
    assert_string_equal(copy, "a longer");
    kfree(copy);
    copy = kstrndup("short", 100, ALLOC_KERNEL);
    assert_string_equal(copy, "short");
    kfree(copy);
    copy = kmemdup("12345", 5, ALLOC_KERNEL);
    assert_memory_equal(copy, "12345", 5);
    kfree(copy);
    fault_inject_arm(FAULT_OBJECTS, 1, true);
    assert_null(kstrdup("a string", ALLOC_QUIET));
    assert_null(kmemdup("12345", 5, ALLOC_QUIET));
    assert_int_equal(fault_inject_disarm(), 2);
}

static void blocks_of_all_sizes_never_overlap_and_none_is_lost(void **state)
{
    enum { NR = 500 };
    static struct {
        unsigned char *bytes;
        size_t size;
        unsigned char stamp;
    } live[NR];
    uint64_t nr_free;

    (void)state;
    (void)slab_reap();
    frames_drain_hot();
    nr_free = frames_nr_free();
    for (unsigned step = 0; step < 40000; step++) {
        size_t i = host_random_below(&source, NR);
        host_set_hart((int)host_random_below(&source, 4));
        if (live[i].bytes == NULL) {
            live[i].size = 1 +
                           host_random_below(&source, 1ul << (3 + host_random_below(&source, 11)));
            live[i].bytes = kmalloc(live[i].size, ALLOC_KERNEL);
            assert_non_null(live[i].bytes);
            live[i].stamp = (unsigned char)step;
            memset(live[i].bytes, live[i].stamp, live[i].size);
        } else {
            for (size_t at = 0; at < live[i].size; at++) {
                assert_int_equal(live[i].bytes[at], live[i].stamp);
            }
            kfree(live[i].bytes);
            live[i].bytes = NULL;
        }
    }
    for (size_t i = 0; i < NR; i++) {
        kfree(live[i].bytes);
        live[i].bytes = NULL;
    }
    (void)slab_reap();
    for (int hart = 0; hart < 4; hart++) {
        host_set_hart(hart);
        slab_idle();
    }
    (void)slab_reap();
    host_set_hart(-1);
    /* What remains are the caches' cores, magazines, and the slabs that these stand in. */
    assert_in_range(frames_nr_free(), nr_free - 64, nr_free + 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_fits_and_is_aligned),
        cmocka_unit_test(blocks_are_aligned_as_asked),
        cmocka_unit_test(odd_alignments_are_reported),
        cmocka_unit_test(large_blocks_take_only_the_frames_they_need),
        cmocka_unit_test(an_array_that_overflows_leaves_the_old_block),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(no_bytes_may_be_freed),
        cmocka_unit_test(zeroed_memory_is_zero_to_the_last_byte),
        cmocka_unit_test(realloc_keeps_the_content),
        cmocka_unit_test(realloc_stays_in_place_where_it_fits),
        cmocka_unit_test(a_failed_realloc_leaves_the_old_block),
        cmocka_unit_test(foreign_pointers_are_reported_and_left_alone),
        cmocka_unit_test(strings_and_memory_are_copied),
        cmocka_unit_test(blocks_of_all_sizes_never_overlap_and_none_is_lost),
    };

    host_random_init(&source);
    machine_start(64 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
