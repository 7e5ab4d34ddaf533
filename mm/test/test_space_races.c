// SPDX-License-Identifier: MIT
// TSAN
/* Address spaces under threads: two faults on one page, a fault against truncation, mremap against mmap, an area that is cut and
 * joined while its object is unmapped; and fork, mmap and faults when the n-th allocation fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/test_point.h"
#include "mm/fault_inject.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/test/machine.h"

#define MIB    (1ul << 20)
#define RIGHTS (AREA_READ | AREA_WRITE | AREA_MAY_WRITE)

static struct host_random source;

/* ---- An object of one page that can be cut off --------------------------------------------------- */

static struct {
    struct map_object object;
    struct page *page;
    _Atomic bool is_cut;
} cuttable;

static int cuttable_get_page(struct map_object *object, uint64_t index, unsigned nr_around,
                             struct page **page)
{
    if (atomic_load(&cuttable.is_cut)) {
        return -EFAULT;
    }
    page_get(cuttable.page);
    *page = cuttable.page;
    return 0;
}

static int cuttable_make_writable(struct map_object *object, struct page *page)
{
    return 0;
}

static void ignore_page(struct page *page)
{
}

static void ignore_object(struct map_object *object)
{
}

static bool cuttable_has_page(struct map_object *object, const struct page *page)
{
    return !atomic_load(&cuttable.is_cut);
}

static const struct map_object_ops cuttable_ops = {
    .get_page = cuttable_get_page,
    .make_writable = cuttable_make_writable,
    .unlock_page = ignore_page,
    .has_page = cuttable_has_page,
    .get = ignore_object,
    .put = ignore_object,
};

static void cuttable_start(void)
{
    map_object_init(&cuttable.object, &cuttable_ops);
    cuttable.page = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
    assert_non_null(cuttable.page);
    cuttable.page->kind = PAGE_CACHE;
    atomic_store(&cuttable.is_cut, false);
}

static void cuttable_stop(void)
{
    assert_int_equal(atomic_load(&cuttable.page->maps), 0);
    assert_int_equal(page_refs(cuttable.page), 1);
    cuttable.page->kind = PAGE_USED;
    page_put(cuttable.page);
}

static void cut_off(void)
{
    atomic_store(&cuttable.is_cut, true);
    fence_full();
    if (atomic_load(&cuttable.page->maps) != 0) {
        map_object_unmap(&cuttable.object, 0, 1, true);
    }
}

static uint64_t map_pages(struct space *space, uint64_t nr, struct map_object *object)
{
    struct space_map_request request = {.len_bytes = nr * PAGE_SIZE,
                                        .flags = RIGHTS | (object != NULL ? AREA_SHARED : 0),
                                        .object = object};
    uint64_t address = 0;

    assert_int_equal(space_map(space, &request, &address), 0);
    return address;
}

/* ---- Two threads write to a page that was shared copy-on-write ----------------------------------- */

static struct {
    struct space *space, *child;
    uint64_t address;
    _Atomic int step; /* 1: the first has its copy; 2: the second has stored */
} cow;

static void wait_for_step(int step)
{
    while (atomic_load(&cow.step) < step) {
        port_yield();
    }
}

static void cow_hook(enum test_point point, void *object)
{
    int nobody_yet = 0;

    if (point == TEST_FAULT_COPIED && atomic_compare_exchange_strong(&cow.step, &nobody_yet, 1)) {
        wait_for_step(2);
    }
}

/* The first copies the page, because the child holds it, too. The child goes; the second stores. Were
 * it given the page itself, the first's copy would take its place without that store. */
static void cow_writer(unsigned index, void *arg)
{
    uint8_t byte = (uint8_t)(10 + index);

    if (index == 1) {
        wait_for_step(1);
        space_put(cow.child);
    }
    assert(space_write(cow.space, cow.address + index, &byte, 1) == 1);
    if (index == 1) {
        atomic_store(&cow.step, 2);
    }
}

static void no_store_is_lost_when_two_threads_break_one_sharing(void **state)
{
    uint8_t bytes[2] = {1, 1};

    cow.space = space_create();
    cow.address = map_pages(cow.space, 1, NULL);
    atomic_store(&cow.step, 0);
    assert_int_equal(space_write(cow.space, cow.address, bytes, 2), 2);
    assert_int_equal(space_fork(cow.space, &cow.child), 0);
    atomic_store(&test_point_hook, cow_hook);
    host_run_threads(2, cow_writer, NULL);
    atomic_store(&test_point_hook, NULL);
    assert_int_equal(space_read(cow.space, cow.address, bytes, 2), 2);
    assert_int_equal(bytes[0], 10);
    assert_int_equal(bytes[1], 11);
    space_put(cow.space);
}

/* ---- A fault against truncation ------------------------------------------------------------------ */

static void cutting_hook(enum test_point point, void *object)
{
    if (point == TEST_FAULT_FOUND) {
        atomic_store(&test_point_hook, NULL);
        cut_off();
    }
}

static void a_page_cut_off_during_the_fault_is_not_mapped(void **state)
{
    static const enum fault_access kinds[] = {FAULT_READ, FAULT_WRITE};

    for (unsigned i = 0; i < array_size(kinds); i++) {
        struct space *space = space_create();
        uint64_t address;
        uint8_t byte;

        cuttable_start();
        address = map_pages(space, 1, &cuttable.object);
        atomic_store(&test_point_hook, cutting_hook);
        assert_int_equal(space_fault(space, address, kinds[i]), 0); /* try again */
        assert_int_equal(atomic_load(&cuttable.page->maps), 0);
        assert_int_equal(space_fault(space, address, kinds[i]), -ENODATA);
        assert_int_equal(space_read(space, address, &byte, 1), 0);
        space_put(space);
        cuttable_stop();
    }
}

/* ---- Areas cut and joined while the object's pages are taken away ---------------------------------- */

static struct {
    struct space *space;
    uint64_t address;
    _Atomic bool is_over;
} cutter;

static void cut_and_join(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        assert(space_protect(cutter.space, cutter.address + PAGE_SIZE, PAGE_SIZE, AREA_READ) == 0);
        assert(space_protect(cutter.space, cutter.address + PAGE_SIZE, PAGE_SIZE,
                             AREA_READ | AREA_WRITE) == 0);
    }
    atomic_store(&cutter.is_over, true);
}

static void unmap_and_look(void)
{
    uint8_t byte;

    while (!atomic_load(&cutter.is_over)) {
        assert(space_read(cutter.space, cutter.address + 2 * PAGE_SIZE, &byte, 1) == 1);
        usleep(1); /* the other thread begins to cut */
        map_object_unmap(&cuttable.object, 2, 1, true);
        assert(atomic_load(&cuttable.page->maps) == 0);
    }
}

/* Stay a while in a state that nobody may see. */
static void linger(enum test_point point, void *object)
{
    if (point == TEST_AREA_CUT || point == TEST_REMAP_CLEARED) {
        usleep(1);
    }
}

static void cutter_thread(unsigned index, void *arg)
{
    if (index == 0) {
        cut_and_join();
    } else {
        unmap_and_look();
    }
}

static void no_page_escapes_while_areas_are_cut_and_joined(void **state)
{
    cuttable_start();
    cutter.space = space_create();
    cutter.address = map_pages(cutter.space, 3, &cuttable.object);
    atomic_store(&cutter.is_over, false);
    atomic_store(&test_point_hook, linger);
    host_run_threads(2, cutter_thread, NULL);
    atomic_store(&test_point_hook, NULL);
    space_check(cutter.space);
    space_put(cutter.space);
    cuttable_stop();
}

/* ---- mremap to a fixed place against mmap at the same place ------------------------------------------ */

#define PLACE 0x30000000ul

static void remap_thread(unsigned index, void *arg)
{
    struct space *space = arg;

    for (unsigned i = 0; i < 3000; i++) {
        uint64_t address = 0;

        if (index == 0) {
            uint64_t from = map_pages(space, 4, NULL);

            assert(space_remap(space, from, 4 * PAGE_SIZE, 4 * PAGE_SIZE, true, true, PLACE,
                               &address) == 0);
        } else {
            struct space_map_request request = {
                .address = PLACE + PAGE_SIZE, .len_bytes = PAGE_SIZE, .flags = RIGHTS};

            assert(space_map(space, &request, &address) == 0);
            assert(space_unmap(space, address, PAGE_SIZE) == 0);
            (void)!space_unmap(space, PLACE, 4 * PAGE_SIZE);
        }
        space_check(space);
    }
}

static void mremap_to_a_fixed_place_takes_it_in_one_step(void **state)
{
    struct space *space = space_create();

    atomic_store(&test_point_hook, linger);
    host_run_threads(2, remap_thread, space);
    atomic_store(&test_point_hook, NULL);
    space_put(space);
}

/* ---- Threads that fault, map, unmap and fork at random ----------------------------------------------- */

#define CROWD_PAGES 32u

static struct {
    struct space *space;
    uint64_t address;
} crowd;

static void crowd_thread(unsigned index, void *arg)
{
    struct host_random random = {.state = source.state + index};

    for (unsigned i = 0; i < 2000; i++) {
        uint64_t address = crowd.address + host_random_below(&random, CROWD_PAGES) * PAGE_SIZE;
        struct space *child;
        uint8_t byte = (uint8_t)i;

        switch (host_random_below(&random, 12)) {
        case 0:
            assert(space_fork(crowd.space, &child) == 0);
            assert(space_write(child, address, &byte, 1) == 1);
            space_put(child);
            break;
        case 1: assert(space_discard(crowd.space, address, PAGE_SIZE, 0) == 0); break;
        case 2:
            assert(space_protect(crowd.space, address, PAGE_SIZE, RIGHTS & ~AREA_MAY_WRITE) == 0);
            break;
        case 3 ... 6: assert(space_read(crowd.space, address + index, &byte, 1) == 1); break;
        default: assert(space_write(crowd.space, address + index, &byte, 1) == 1); break;
        }
    }
}

static uint64_t free_frames(void)
{
    (void)slab_reap();
    frames_drain_hot();
    return frames_nr_free();
}

static void a_crowd_of_threads_leaks_nothing(void **state)
{
    enum { SLACK = 16 }; /* slabs that other harts' magazines keep; a leak would be of thousands */
    uint64_t before = 0;

    for (unsigned round = 0; round < 2; round++) {
        before = free_frames(); /* of the second round: caches exist by then */
        crowd.space = space_create();
        crowd.address = map_pages(crowd.space, CROWD_PAGES, NULL);
        host_run_threads(4, crowd_thread, NULL);
        space_check(crowd.space);
        space_put(crowd.space);
    }
    assert_true(free_frames() + SLACK >= before);
}

/* ---- The n-th allocation fails ------------------------------------------------------------------------ */

/* What a small program does with its memory. Returns the first error. */
static int live(void)
{
    struct space *space = space_create();
    struct space *child = NULL;
    struct space_map_request request = {.len_bytes = 8 * PAGE_SIZE, .flags = RIGHTS};
    uint64_t address = 0, moved;
    int error;

    if (space == NULL) {
        return -ENOMEM;
    }
    error = space_map(space, &request, &address);
    for (unsigned i = 0; i < 8 && error == 0; i += 2) {
        error = space_fault(space, address + i * PAGE_SIZE, FAULT_WRITE);
    }
    if (error == 0) {
        error = space_fork(space, &child);
    }
    if (error == 0) {
        error = space_fault(child, address, FAULT_WRITE);
        space_put(child);
    }
    if (error == 0) {
        error = space_protect(space, address + PAGE_SIZE, PAGE_SIZE, AREA_READ);
    }
    if (error == 0) {
        error = space_unmap(space, address + 3 * PAGE_SIZE, PAGE_SIZE);
    }
    if (error == 0) {
        error = space_remap(space, address + 4 * PAGE_SIZE, 2 * PAGE_SIZE, 700 * PAGE_SIZE, true,
                            false, 0, &moved);
    }
    space_check(space);
    space_put(space);
    return error;
}

static void every_allocation_may_fail(void **state)
{
    uint64_t before;
    unsigned nth = 1;
    int error;

    assert_int_equal(live(), 0);
    before = free_frames();
    do {
        bool is_all = nth % 2 == 0;

        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, (nth + 1) / 2, is_all);
        error = live();
        if (fault_inject_disarm() == 0) {
            break;
        }
        assert_true(error == 0 || error == -ENOMEM);
        assert_int_equal(free_frames(), before);
        nth++;
    } while (nth < 1000);
    assert_true(nth > 40 && nth < 1000);
}

static int setup_group(void **state)
{
    host_random_init(&source);
    machine_start(64 * MIB);
    machine_warm_families();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_store_is_lost_when_two_threads_break_one_sharing),
        cmocka_unit_test(a_page_cut_off_during_the_fault_is_not_mapped),
        cmocka_unit_test(no_page_escapes_while_areas_are_cut_and_joined),
        cmocka_unit_test(mremap_to_a_fixed_place_takes_it_in_one_step),
        cmocka_unit_test(a_crowd_of_threads_leaks_nothing),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
