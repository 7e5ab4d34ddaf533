// SPDX-License-Identifier: MIT
// TSAN
/* Large pages: one fault brings 2 MiB where they fit, policy and memory decide, and whatever is done to
 * a part of one leaves the rest as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/frames_internal.h"
#include "mm/huge.h"
#include "mm/migrate.h"
#include "mm/slab.h"
#include "mm/test/machine.h"
#include "mm/vmstat.h"

#define MIB    (1ul << 20)
#define HUGE   (2 * MIB)
#define RIGHTS (AREA_READ | AREA_WRITE | AREA_MAY_WRITE)
#define PLACE  0x40000000ul

static struct host_random source;

static struct space *make_space(uint64_t len, uint32_t more)
{
    struct space *space = space_create();
    struct space_map_request request = {
        .address = PLACE, .len_bytes = len, .flags = RIGHTS | more, .is_fixed = true};
    uint64_t address;

    assert_non_null(space);
    assert_int_equal(space_map(space, &request, &address), 0);
    return space;
}

static void put_byte(struct space *space, uint64_t offset, uint8_t byte)
{
    assert(space_write(space, PLACE + offset, &byte, 1) == 1);
}

static uint8_t get_byte(struct space *space, uint64_t offset)
{
    uint8_t byte = 0xff;

    assert(space_read(space, PLACE + offset, &byte, 1) == 1);
    return byte;
}

static uint64_t nr_leaves(void)
{
    return vm_counter_read(VM_NR_ANON_THPS);
}

static uint64_t nr_pages(struct space *space)
{
    return atomic_load(&space->nr_anon_pages);
}

static uint64_t free_frames(void)
{
    (void)slab_reap();
    frames_drain_hot();
    return frames_nr_free();
}

/* ---- Where and when ---------------------------------------------------------------------------- */

static void one_fault_brings_all_of_two_mebibytes(void **state)
{
    struct space *space = make_space(3 * HUGE, 0);
    uint64_t before = free_frames();
    uint64_t faults = vm_counter_read(VM_PGFAULT);

    put_byte(space, HUGE + 12345, 7);
    assert_int_equal(vm_counter_read(VM_PGFAULT), faults + 1);
    assert_int_equal(nr_leaves(), 1);
    assert_int_equal(nr_pages(space), 512);
    for (uint64_t i = 0; i < HUGE; i += 4096) {
        assert_int_equal(get_byte(space, HUGE + i), 0);
    }
    assert_int_equal(get_byte(space, HUGE + 12345), 7);
    put_byte(space, 2 * HUGE - 1, 8);
    assert_int_equal(vm_counter_read(VM_PGFAULT), faults + 1);
    assert_int_equal(space_unmap(space, PLACE, 3 * HUGE), 0);
    assert_int_equal(nr_leaves(), 0);
    assert_int_equal(nr_pages(space), 0);
    assert_true(free_frames() + 8 >= before); /* tables stay */
    space_put(space);
    assert_true(free_frames() >= before);
    buddy_check(&frame_regions[0]);
}

static void edges_of_an_area_are_of_single_pages(void **state)
{
    struct space *space = make_space(HUGE + PAGE_SIZE, 0);

    assert_int_equal(space_unmap(space, PLACE, PAGE_SIZE), 0); /* [1 page, 2 MiB + 1 page) */
    put_byte(space, PAGE_SIZE, 1);
    put_byte(space, HUGE, 1);
    assert_int_equal(nr_leaves(), 0);
    assert_int_equal(nr_pages(space), 2);
    space_put(space);
}

static void what_is_there_already_stays_of_single_pages(void **state)
{
    struct space *space = make_space(2 * HUGE, AREA_NO_HUGE);

    put_byte(space, 5 * PAGE_SIZE, 3);
    assert_int_equal(nr_pages(space), 1);
    assert_int_equal(space_advise(space, PLACE, 2 * HUGE, AREA_NO_HUGE, AREA_HUGE), 0);
    put_byte(space, 6 * PAGE_SIZE, 3);
    assert_int_equal(nr_pages(space), 2);
    put_byte(space, HUGE, 3); /* nothing was there */
    assert_int_equal(nr_pages(space), 2 + 512);
    assert_int_equal(get_byte(space, 5 * PAGE_SIZE), 3);
    space_put(space);
}

static void modes_and_advice_decide(void **state)
{
    static const struct {
        const char *mode;
        uint32_t flags;
        bool is_large;
    } cases[] = {
        {"never", AREA_HUGE, false},     {"madvise", 0, false}, {"madvise", AREA_HUGE, true},
        {"always", AREA_NO_HUGE, false}, {"always", 0, true},
    };

    for (unsigned i = 0; i < array_size(cases); i++) {
        struct space *space = make_space(HUGE, cases[i].flags);

        assert_int_equal(huge_set_mode(cases[i].mode), 0);
        put_byte(space, 0, 1);
        assert_int_equal(nr_leaves(), cases[i].is_large);
        space_put(space);
    }
    assert_int_not_equal(huge_set_mode("sometimes"), 0);
}

static void only_ample_memory_is_given_unasked(void **state)
{
    struct space *space = make_space(2 * HUGE, 0);
    struct page *blocks[64];
    unsigned nr = 0;

    while (frames_nr_free() >= 32 * 512) { /* a block below 64 MiB */
        blocks[nr] = frames_alloc(10, ALLOC_KERNEL);
        assert_non_null(blocks[nr]);
        nr++;
    }
    put_byte(space, 0, 1);
    assert_int_equal(nr_leaves(), 0);
    assert_int_equal(space_advise(space, PLACE + HUGE, HUGE, AREA_NO_HUGE, AREA_HUGE), 0);
    put_byte(space, HUGE, 1);
    assert_int_equal(nr_leaves(), 1);
    while (nr > 0) {
        frames_free(blocks[--nr], 10);
    }
    space_put(space);
}

/* ---- Parts of a large page --------------------------------------------------------------------- */

/* A few bytes in every eighth page. */
static void fill(struct space *space)
{
    for (uint64_t i = 0; i < 512; i += 8) {
        put_byte(space, i * PAGE_SIZE + i, (uint8_t)(i / 8 + 1));
    }
}

static void check_filled(struct space *space, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i += 8) {
        assert_int_equal(get_byte(space, i * PAGE_SIZE + i), i / 8 + 1);
        assert_int_equal(get_byte(space, i * PAGE_SIZE + i + 1), 0);
    }
}

static void a_part_is_unmapped_protected_moved(void **state)
{
    struct space *space = make_space(HUGE, 0);
    uint64_t moved;

    fill(space);
    assert_int_equal(nr_leaves(), 1);
    assert_int_equal(space_discard(space, PLACE + 64 * PAGE_SIZE, 8 * PAGE_SIZE, 0), 0);
    assert_int_equal(nr_leaves(), 0);
    assert_int_equal(nr_pages(space), 504);
    check_filled(space, 0, 64);
    check_filled(space, 72, 512);
    assert_int_equal(get_byte(space, 64 * PAGE_SIZE + 64), 0);
    space_put(space);

    space = make_space(HUGE, 0);
    fill(space);
    assert_int_equal(space_protect(space, PLACE, 16 * PAGE_SIZE, AREA_READ), 0);
    check_filled(space, 0, 512);
    assert_int_equal(space_fault(space, PLACE, FAULT_WRITE), -EACCES);
    put_byte(space, 17 * PAGE_SIZE, 1);
    assert_int_equal(space_remap(space, PLACE + 256 * PAGE_SIZE, 256 * PAGE_SIZE, 256 * PAGE_SIZE,
                                 true, true, PLACE + 8 * HUGE, &moved),
                     0);
    assert_int_equal(get_byte(space, 8 * HUGE + 256), 33);
    space_check(space);
    space_put(space);
    assert_int_equal(nr_leaves(), 0);
}

static void fork_shares_what_was_large(void **state)
{
    struct space *space = make_space(HUGE, 0);
    struct space *child;

    fill(space);
    assert_int_equal(space_fork(space, &child), 0);
    put_byte(space, 8 * PAGE_SIZE + 8, 99);
    check_filled(child, 0, 512);
    put_byte(child, 16 * PAGE_SIZE + 16, 98);
    assert_int_equal(get_byte(space, 16 * PAGE_SIZE + 16), 3);
    space_put(space);
    check_filled(child, 24, 512);
    space_put(child);
    assert_int_equal(nr_leaves(), 0);
}

static void one_of_its_pages_moves(void **state)
{
    struct space *space = make_space(HUGE, 0);
    struct page *fresh = frames_alloc(0, ALLOC_MOVABLE);
    struct pte pte;

    fill(space);
    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, PLACE + 40 * PAGE_SIZE);
    spin_unlock(&space->table_lock);
    assert_int_equal(nr_leaves(), 1); /* looking splits nothing */
    assert_int_equal(page_migrate(page_from_phys(pte.frame), fresh), 0);
    check_filled(space, 0, 512);
    space_put(space);
    buddy_check(&frame_regions[0]);
}

/* ---- Threads ----------------------------------------------------------------------------------- */

#define CROWD_BYTES (3 * HUGE)

static void crowd_thread(unsigned index, void *arg)
{
    struct host_random random = {.state = source.state + index};
    struct space *space = arg;

    for (unsigned i = 0; i < 1500; i++) {
        uint64_t page = host_random_below(&random, CROWD_BYTES / PAGE_SIZE);
        uint64_t address = PLACE + page * PAGE_SIZE;
        struct space *child;
        uint8_t byte = (uint8_t)i;

        switch (host_random_below(&random, 64)) { /* what case 3 has unmapped is an error */
        case 0:
            assert(space_fork(space, &child) == 0);
            (void)!space_write(child, address, &byte, 1);
            space_put(child);
            break;
        case 1: (void)!space_discard(space, PLACE + page / 512 * HUGE, HUGE, 0); break;
        case 2: (void)!space_protect(space, address, PAGE_SIZE, AREA_READ | AREA_WRITE); break;
        case 3:
            assert(space_unmap(space, PLACE + page / 512 * HUGE, HUGE) == 0);
            (void)!space_map(space,
                             &(struct space_map_request){.address = PLACE + page / 512 * HUGE,
                                                         .len_bytes = HUGE,
                                                         .flags = RIGHTS,
                                                         .is_fixed = true},
                             &address);
            break;
        case 4 ... 20: (void)!space_read(space, address + index, &byte, 1); break;
        default: (void)!space_write(space, address + index, &byte, 1); break;
        }
    }
}

static void a_crowd_of_threads_leaks_nothing(void **state)
{
    enum { SLACK = 16 }; /* slabs that other harts' magazines keep */
    uint64_t before = 0;

    machine_warm_families();
    for (unsigned round = 0; round < 2; round++) {
        struct space *space = make_space(CROWD_BYTES, 0);

        before = round == 0 ? before : free_frames();
        space_put(space);
        space = make_space(CROWD_BYTES, 0);
        host_run_threads(4, crowd_thread, space);
        space_check(space);
        space_put(space);
        assert_int_equal(nr_leaves(), 0);
    }
    assert_true(free_frames() + SLACK >= before);
    buddy_check(&frame_regions[0]);
}

static int start_always(void **state)
{
    return huge_set_mode("always");
}

static int setup_group(void **state)
{
    host_random_init(&source);
    machine_start(160 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_fault_brings_all_of_two_mebibytes, start_always),
        cmocka_unit_test_setup(edges_of_an_area_are_of_single_pages, start_always),
        cmocka_unit_test_setup(what_is_there_already_stays_of_single_pages, start_always),
        cmocka_unit_test_setup(modes_and_advice_decide, start_always),
        cmocka_unit_test_setup(only_ample_memory_is_given_unasked, start_always),
        cmocka_unit_test_setup(a_part_is_unmapped_protected_moved, start_always),
        cmocka_unit_test_setup(fork_shares_what_was_large, start_always),
        cmocka_unit_test_setup(one_of_its_pages_moves, start_always),
        cmocka_unit_test_setup(a_crowd_of_threads_leaks_nothing, start_always),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
