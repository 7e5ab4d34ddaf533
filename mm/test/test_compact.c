// SPDX-License-Identifier: MIT
// TSAN
/* Compaction: fragmented memory gives large blocks, and no store to the pages that move is lost,
 * whoever stores, forks, discards or copies meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/test_point.h"
#include "mm/compact.h"
#include "mm/frames_internal.h"
#include "mm/migrate.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/test/machine.h"
#include "mm/vmstat.h"

#define MIB      (1ul << 20)
#define RIGHTS   (AREA_READ | AREA_WRITE | AREA_MAY_WRITE)
#define RAM_SIZE (26 * MIB)
#define NR_PAGES (RAM_SIZE / PAGE_SIZE)
#define NR_FIXED 64u

static struct host_random source;

static uint64_t map_pages(struct space *space, uint64_t nr)
{
    /* All of memory is mapped, and that is more than is promised. */
    struct space_map_request request = {.len_bytes = nr * PAGE_SIZE,
                                        .flags = RIGHTS | AREA_NO_RESERVE};
    uint64_t address = 0;

    assert_int_equal(space_map(space, &request, &address), 0);
    return address;
}

static uint64_t nr_free_in_buddies(void)
{
    return atomic_load(&frame_regions[0].nr_free);
}

static uint64_t nr_large_blocks(void)
{
    struct frames_stats stats;

    frames_drain_hot();
    frames_get_stats(&stats);
    return stats.nr_by_order[9] + stats.nr_by_order[10];
}

static void put_stamp(struct space *space, uint64_t address, uint64_t i)
{
    uint64_t stamp = i * 0x9e3779b97f4a7c15ull + 1;

    assert_int_equal(space_write(space, address + i * PAGE_SIZE + i % 512 * 8, &stamp, 8), 8);
}

static void check_stamp(struct space *space, uint64_t address, uint64_t i)
{
    uint64_t stamp = 0;

    assert_int_equal(space_read(space, address + i * PAGE_SIZE + i % 512 * 8, &stamp, 8), 8);
    assert_int_equal(stamp, i * 0x9e3779b97f4a7c15ull + 1);
}

/* ---- Memory in pieces ------------------------------------------------------------------------- */

/* User pages in all of memory, then most of them gone at random, so that no block of order 9 is left;
 * a few of the kernel's own between them. */
static struct {
    struct space *space;
    uint64_t address;
    bool is_there[NR_PAGES];
    struct page *fixed[NR_FIXED];
} load;

static void fill_and_thin_out(void)
{
    load.space = space_create();
    load.address = map_pages(load.space, NR_PAGES);
    for (unsigned i = 0; i < NR_FIXED; i++) {
        load.fixed[i] = frames_alloc(0, ALLOC_KERNEL);
        assert_non_null(load.fixed[i]);
    }
    memset(load.is_there, 0, sizeof(load.is_there));
    for (uint64_t i = 0; nr_free_in_buddies() > 100; i++) {
        put_stamp(load.space, load.address, i);
        load.is_there[i] = true;
    }
    /* One page of eight stays; each page block keeps some. */
    for (uint64_t i = 0; i < NR_PAGES && load.is_there[i]; i++) {
        if (host_random_below(&source, 8) != 0) {
            assert_int_equal(space_discard(load.space, load.address + i * PAGE_SIZE, PAGE_SIZE, 0),
                             0);
            load.is_there[i] = false;
        }
    }
}

static void check_load(void)
{
    for (uint64_t i = 0; i < NR_PAGES; i++) {
        if (load.is_there[i]) {
            check_stamp(load.space, load.address, i);
        }
    }
    space_check(load.space);
    buddy_check(&frame_regions[0]);
}

static void end_load(void)
{
    for (unsigned i = 0; i < NR_FIXED; i++) {
        frames_free(load.fixed[i], 0);
    }
    space_put(load.space);
}

static void fragmented_memory_gives_large_blocks(void **state)
{
    struct page *blocks[4];
    unsigned nr = 0;

    fill_and_thin_out();
    assert_int_equal(nr_large_blocks(), 0);
    assert_null(frames_alloc(9, ALLOC_QUIET)); /* without waiting there is none */
    for (unsigned i = 0; i < array_size(blocks); i++) {
        blocks[nr] = frames_alloc(9, ALLOC_KERNEL | ALLOC_QUIET | ALLOC_ZERO);
        assert_non_null(blocks[nr]);
        assert_int_equal(page_order(blocks[nr]), 9);
        check_load();
        nr++;
    }
    assert_true(vm_counter_read(VM_COMPACT_SUCCESS) >= 4);
    assert_true(vm_counter_read(VM_PGMIGRATE_SUCCESS) > 64);
    for (unsigned i = 0; i < nr; i++) {
        frames_free(blocks[i], 9);
    }
    assert_true(nr_large_blocks() >= 2);
    check_load();
    end_load();
    buddy_check(&frame_regions[0]);
}

/* Pages that both sides of a fork hold move for both. */
static void shared_pages_move_for_all_who_map_them(void **state)
{
    struct space *child, *grandchild;
    struct page *block;
    uint64_t address;
    uint64_t moved = vm_counter_read(VM_PGMIGRATE_SUCCESS);

    fill_and_thin_out();
    address = map_pages(load.space, 64);
    for (uint64_t i = 0; i < 64; i++) {
        put_stamp(load.space, address, i);
    }
    assert_int_equal(space_fork(load.space, &child), 0);
    for (uint64_t i = 0; i < 64; i += 4) {
        uint64_t other = 77;
        assert_int_equal(space_write(child, address + i * PAGE_SIZE, &other, 8), 8);
    }
    assert_int_equal(space_fork(child, &grandchild), 0);
    for (unsigned i = 0; i < 3; i++) {
        block = frames_alloc(9, ALLOC_KERNEL | ALLOC_QUIET);
        assert_non_null(block);
        frames_free(block, 9);
        for (uint64_t j = 1; j < 64; j++) {
            check_stamp(load.space, address, j);
            check_stamp(child, address, j);
            check_stamp(grandchild, address, j);
        }
        (void)!frames_alloc(8, ALLOC_KERNEL | ALLOC_QUIET); /* spoils it */
    }
    assert_true(vm_counter_read(VM_PGMIGRATE_SUCCESS) > moved);
    space_put(child);
    check_load();
    space_put(grandchild);
    end_load();
}

static struct page *page_at(struct space *space, uint64_t address)
{
    struct pte pte;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address);
    spin_unlock(&space->table_lock);
    return pte.is_present ? page_from_phys(pte.frame) : NULL;
}

static void a_page_in_use_stays(void **state)
{
    struct space *space = space_create();
    uint64_t address = map_pages(space, 1);
    struct page *fresh = frames_alloc(0, ALLOC_MOVABLE);
    struct page *page, *in_use;

    put_stamp(space, address, 0);
    page = in_use = page_at(space, address);
    page_get(in_use); /* as an I/O would */
    assert_int_not_equal(page_migrate(page, fresh), 0);
    assert_ptr_equal(page_at(space, address), page);
    put_stamp(space, address, 0); /* and may be written again */
    page_put(in_use);
    page = page_at(space, address);
    assert_int_equal(page_migrate(page, fresh), 0);
    assert_ptr_equal(page_at(space, address), fresh);
    assert_int_equal(page_refs(fresh), 1);
    check_stamp(space, address, 0);
    put_stamp(space, address, 0);
    assert_ptr_equal(page_at(space, address), fresh); /* its only holder: no copy */
    space_put(space);
}

static void frames_that_are_nobodys_are_not_moved(void **state)
{
    struct page *fresh = frames_alloc(0, ALLOC_MOVABLE);
    struct page *used = frames_alloc(0, ALLOC_KERNEL);
    struct page *cached = frames_alloc(0, ALLOC_KERNEL);

    assert_int_not_equal(page_migrate(used, fresh), 0);
    used->kind = PAGE_ANON; /* of no family, mapped by nobody */
    assert_int_not_equal(page_migrate(used, fresh), 0);
    cached->kind = PAGE_CACHE; /* and there is no page cache */
    assert_int_not_equal(page_migrate(cached, fresh), 0);
    frames_free(used, 0);
    frames_free(cached, 0);
    frames_free(fresh, 0);
}

/* ---- Ranges ------------------------------------------------------------------------------------ */

/* Whether there surely is an aligned range in which nothing is that cannot be moved. How the memory is thinned
 * out is random, and now and then each large range has a frame of the kernel's. */
static bool is_possible(uint64_t nr, uint64_t align)
{
    const struct buddy *region = &frame_regions[0];
    uint64_t run = 0;

    for (uint64_t i = 0; i < region->nr_frames; i++) {
        /* A tail may be one of a block that is taken; what begins a block tells what it is. */
        if (run == 0 &&
            ((region->first_frame + i) % align != 0 || region->pages[i].kind == PAGE_TAIL)) {
            continue;
        }
        run = page_looks_movable(&region->pages[i]) ? run + 1 : 0;
        if (run == nr) {
            return true;
        }
    }
    return false;
}

static void ranges_of_any_length_are_found(void **state)
{
    static const struct {
        uint64_t nr, align;
    } wanted[] = {{1, 1}, {300, 1}, {300, 64}, {513, 512}, {1024, 1024}, {1500, 4}};

    for (unsigned i = 0; i < array_size(wanted); i++) {
        uint64_t nr = wanted[i].nr;
        struct page *page;
        bool may_fail;

        fill_and_thin_out();
        may_fail = !is_possible(nr, wanted[i].align);
        assert_false(may_fail && nr <= 513); /* there are page blocks without such a frame */
        page = frames_alloc_contiguous(nr, wanted[i].align, ALLOC_KERNEL | ALLOC_ZERO);
        if (page == NULL && may_fail) {
            end_load();
            continue;
        }
        assert_non_null(page);
        assert_int_equal(page_to_phys(page).addr / PAGE_SIZE % wanted[i].align, 0);
        for (uint64_t j = 0; j < nr; j++) {
            assert_int_equal(page_refs(page + j), 1);
            assert_int_equal(*(uint64_t *)page_address(page + j), 0);
            memset(page_address(page + j), 0x5a, PAGE_SIZE);
        }
        check_load();
        frames_free(page, 0); /* one by one, or by the range */
        frames_free_contiguous(page + 1, nr - 1);
        check_load();
        end_load();
    }
    assert_null(frames_alloc_contiguous(0, 1, ALLOC_KERNEL));
    assert_null(frames_alloc_contiguous(8, 3, ALLOC_KERNEL));
    assert_null(frames_alloc_contiguous(RAM_SIZE / PAGE_SIZE, 1, ALLOC_KERNEL | ALLOC_QUIET));
    assert_null(frames_alloc_contiguous(UINT64_MAX, 1, ALLOC_KERNEL | ALLOC_QUIET));
}

static void a_wrong_free_of_a_range_is_refused_whole(void **state)
{
    struct page *page = frames_alloc_contiguous(10, 1, ALLOC_KERNEL);
    uint64_t nr_free;

    frames_free(page + 7, 0);
    frames_drain_hot();
    nr_free = frames_nr_free();
    machine_listen();
    frames_free_contiguous(page, 10);
    assert_true(machine_said("number 7: "));
    assert_int_equal(frames_nr_free(), nr_free);
    frames_free_contiguous(page, 7);
    frames_free_contiguous(page + 8, 2);
    assert_int_equal(frames_nr_free(), nr_free + 9);
}

/* ---- Threads ----------------------------------------------------------------------------------- */

#define CROWD_PAGES 48u

static struct {
    struct space *space;
    uint64_t address;
    _Atomic unsigned nr_at_work;
    _Atomic uint64_t nr_moved;
} crowd;

/* Each writer counts in words of its own, and knows what they must be. */
static void store_and_check(unsigned index)
{
    struct host_random random = {.state = source.state + index};
    uint64_t counts[CROWD_PAGES] = {0};

    for (unsigned i = 0; i < 3000; i++) {
        uint64_t page = host_random_below(&random, CROWD_PAGES);
        uint64_t address = crowd.address + page * PAGE_SIZE + index * 8;
        uint64_t count = 0;
        struct space *child;

        assert(space_read(crowd.space, address, &count, 8) == 8);
        assert(count == counts[page]);
        counts[page]++;
        assert(space_write(crowd.space, address, &counts[page], 8) == 8);
        if (i % 64 == 0) {
            assert(space_fork(crowd.space, &child) == 0);
            assert(space_read(child, address, &count, 8) == 8 && count == counts[page]);
            count = 0;
            assert(space_write(child, address, &count, 8) == 8);
            space_put(child);
        }
    }
    atomic_fetch_sub(&crowd.nr_at_work, 1);
}

static void move_all(void)
{
    while (atomic_load(&crowd.nr_at_work) != 0 || atomic_load(&crowd.nr_moved) < 100) {
        for (unsigned i = 0; i < CROWD_PAGES; i++) {
            struct page *page = page_at(crowd.space, crowd.address + i * PAGE_SIZE);
            struct page *fresh = frames_alloc(0, ALLOC_MOVABLE);

            if (page != NULL && fresh != NULL && page_migrate(page, fresh) == 0) {
                atomic_fetch_add(&crowd.nr_moved, 1);
            } else if (fresh != NULL) {
                page_put(fresh);
            }
        }
        port_yield();
    }
}

static void crowd_thread(unsigned index, void *arg)
{
    if (index == 0) {
        move_all();
    } else {
        store_and_check(index);
    }
}

/* Let others store between the taking of the right and the copy. */
static void yield_inside(enum test_point point, void *object)
{
    if (point == TEST_MIGRATE_PROTECTED) {
        port_yield();
    }
}

static uint64_t free_frames(void)
{
    (void)slab_reap();
    frames_drain_hot();
    return frames_nr_free();
}

static void no_store_is_lost_while_pages_move(void **state)
{
    enum { SLACK = 16 }; /* slabs that other harts' magazines keep */
    uint64_t before = 0;

    for (unsigned round = 0; round < 2; round++) {
        before = free_frames(); /* of the second round: caches exist by then */
        crowd.space = space_create();
        crowd.address = map_pages(crowd.space, CROWD_PAGES);
        atomic_store(&crowd.nr_at_work, 3);
        atomic_store(&crowd.nr_moved, 0);
        atomic_store(&test_point_hook, yield_inside);
        host_run_threads(4, crowd_thread, NULL);
        atomic_store(&test_point_hook, NULL);
        space_check(crowd.space);
        space_put(crowd.space);
    }
    assert_true(free_frames() + SLACK >= before);
    buddy_check(&frame_regions[0]);
}

static int setup_group(void **state)
{
    host_random_init(&source);
    machine_start(RAM_SIZE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragmented_memory_gives_large_blocks),
        cmocka_unit_test(shared_pages_move_for_all_who_map_them),
        cmocka_unit_test(a_page_in_use_stays),
        cmocka_unit_test(frames_that_are_nobodys_are_not_moved),
        cmocka_unit_test(ranges_of_any_length_are_found),
        cmocka_unit_test(a_wrong_free_of_a_range_is_refused_whole),
        cmocka_unit_test(no_store_is_lost_while_pages_move),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
