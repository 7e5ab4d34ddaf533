// SPDX-License-Identifier: MIT
// TSAN
/* The reverse map of anonymous pages is complete: after random maps, stores, forks, moves, cuts and
 * joins every entry of every space is found from its page, and no more are. And any frame may be
 * asked about at any time: a thread that goes over all frames for ever meets threads that fork, store,
 * move and unmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/atomic.h"
#include "mm/anon.h"
#include "mm/frames_internal.h"
#include "mm/slab.h"
#include "mm/space_internal.h"
#include "mm/test/machine.h"

#define MIB          (1ul << 20)
#define WINDOW_START 0x10000000ul
#define WINDOW_PAGES 40u
#define RIGHTS       (AREA_READ | AREA_WRITE | AREA_MAY_WRITE)
#define NR_SPACES    3u
#define NR_MEETINGS  100u /* of the one who looks at all frames with pages in use */

static struct host_random source;

static uint64_t below(uint64_t limit)
{
    return host_random_below(&source, limit);
}

static uint64_t page_at(uint64_t number)
{
    return WINDOW_START + number * PAGE_SIZE;
}

static void map(struct space *space, uint64_t number, uint64_t nr)
{
    struct space_map_request request = {
        .address = page_at(number), .len_bytes = nr * PAGE_SIZE, .flags = RIGHTS, .is_fixed = true};
    uint64_t address;

    assert_int_equal(space_map(space, &request, &address), 0);
}

/* ---- Completeness ---------------------------------------------------------------------------- */

struct checking {
    struct page *pages[WINDOW_PAGES];
    unsigned nr;
};

static bool collect(struct pte_slot slot, uint64_t address, struct pte pte, void *arg)
{
    struct checking *checking = arg;
    struct page *page = page_from_phys(pte.frame);

    if (page->kind == PAGE_ANON) {
        checking->pages[checking->nr++] = page;
    }
    return true;
}

/* Every anonymous page of the space is found, with as many entries as it has references. */
static void check_space(struct space *space)
{
    struct checking checking = {0};

    spin_lock(&space->table_lock);
    pagetable_walk(&space->table, WINDOW_START, page_at(WINDOW_PAGES), collect, &checking);
    spin_unlock(&space->table_lock);
    for (unsigned i = 0; i < checking.nr; i++) {
        struct page *page = checking.pages[i];
        struct anon_family *family = anon_lock_page(page);

        assert_non_null(family);
        assert_int_equal(anon_count_entries(family, page), page_refs(page) - 1);
        anon_unlock_page(family, page);
    }
    space_check(space);
}

static void step_move(struct space *space, uint64_t from, uint64_t nr)
{
    uint64_t to = below(WINDOW_PAGES - nr + 1);
    uint64_t moved;

    (void)!space_remap(space, page_at(from), nr * PAGE_SIZE, nr * PAGE_SIZE, true, true,
                       page_at(to), &moved); /* overlapping or unmapped: refused */
}

static void step_fork(struct space *spaces[NR_SPACES], unsigned parent)
{
    unsigned child = (parent + 1 + (unsigned)below(NR_SPACES - 1)) % NR_SPACES;

    space_put(spaces[child]);
    assert_int_equal(space_fork(spaces[parent], &spaces[child]), 0);
}

static void one_step(struct space *spaces[NR_SPACES])
{
    unsigned which = (unsigned)below(NR_SPACES);
    struct space *space = spaces[which];
    uint64_t first = below(WINDOW_PAGES);
    uint64_t nr = 1 + below(min_of(WINDOW_PAGES - first, (uint64_t)8));
    uint8_t byte = 1;

    switch (below(16)) {
    case 0: step_fork(spaces, which); break;
    case 1 ... 3: map(space, first, nr); break;
    case 4: assert_int_equal(space_unmap(space, page_at(first), nr * PAGE_SIZE), 0); break;
    case 5 ... 6:
        (void)!space_protect(space, page_at(first), nr * PAGE_SIZE, below(2) ? RIGHTS : AREA_READ);
        break;
    case 7 ... 8: step_move(space, first, nr); break;
    default: (void)!space_write(space, page_at(first), &byte, 1); break;
    }
}

static uint64_t free_frames(void)
{
    (void)slab_reap();
    frames_drain_hot();
    return frames_nr_free();
}

static void run_model(unsigned nr_steps)
{
    struct space *spaces[NR_SPACES];

    for (unsigned i = 0; i < NR_SPACES; i++) {
        spaces[i] = space_create();
        assert_non_null(spaces[i]);
    }
    for (unsigned i = 0; i < nr_steps; i++) {
        one_step(spaces);
        check_space(spaces[i % NR_SPACES]);
    }
    for (unsigned i = 0; i < NR_SPACES; i++) {
        space_put(spaces[i]);
    }
}

static void every_entry_is_found_from_its_page(void **state)
{
    uint64_t before;

    machine_warm_families();
    run_model(200);
    before = free_frames();
    run_model(20000);
    assert_int_equal(free_frames(), before);
}

static void pages_of_a_stack_are_found_after_it_grew(void **state)
{
    struct space *space = space_create();
    struct space_map_request request = {.address = page_at(20),
                                        .len_bytes = PAGE_SIZE,
                                        .flags = RIGHTS | AREA_GROWS_DOWN,
                                        .is_fixed = true};
    uint64_t address;
    uint8_t byte = 1;

    assert_int_equal(space_map(space, &request, &address), 0);
    for (uint64_t i = 20; i > 10; i -= 2) {
        assert_int_equal(space_write(space, page_at(i), &byte, 1), 1);
        check_space(space);
    }
    space_put(space);
}

static void a_page_that_nobody_maps_is_not_found(void **state)
{
    struct space *space = space_create();
    struct page *used = frames_alloc(0, ALLOC_KERNEL);
    struct page *anon;
    uint8_t byte = 1;

    map(space, 0, 1);
    assert_int_equal(space_write(space, page_at(0), &byte, 1), 1);
    spin_lock(&space->table_lock);
    anon = page_from_phys(pagetable_get(&space->table, page_at(0)).frame);
    spin_unlock(&space->table_lock);
    assert_null(anon_lock_page(used));
    used->kind = PAGE_ANON; /* one on its way in or out has family and index, and no entry */
    used->anon = anon->anon;
    assert_null(anon_lock_page(used));
    used->anon.family = (struct anon_family *)((char *)anon->anon.family + 8);
    assert_null(anon_lock_page(used));
    used->kind = PAGE_USED;
    frames_free(used, 0);
    space_put(space);
    assert_null(anon_lock_page(anon));
}

/* ---- Any frame, at any time ------------------------------------------------------------------ */

static _Atomic unsigned nr_at_work;
static _Atomic uint64_t nr_met;

static void work(void)
{
    struct space *space = space_create();
    uint8_t byte = 1;

    /* On a busy machine the walker may have come to nothing by then. */
    for (unsigned round = 0; round < 300 || atomic_load(&nr_met) < NR_MEETINGS; round++) {
        struct space *child;
        uint64_t moved;

        map(space, 0, 8);
        for (unsigned i = 0; i < 8; i++) {
            assert(space_write(space, page_at(i), &byte, 1) == 1);
        }
        assert(space_fork(space, &child) == 0);
        for (unsigned i = 0; i < 8; i += 2) {
            assert(space_write(child, page_at(i), &byte, 1) == 1);
        }
        assert(space_remap(space, page_at(2), 2 * PAGE_SIZE, 2 * PAGE_SIZE, true, true, page_at(20),
                           &moved) == 0);
        assert(space_write(space, moved, &byte, 1) == 1);
        space_put(child);
        assert(space_unmap(space, page_at(4), 2 * PAGE_SIZE) == 0);
    }
    space_put(space);
    atomic_fetch_sub(&nr_at_work, 1);
}

static void look_at_all_frames(void)
{
    struct buddy *region = &frame_regions[0];

    while (atomic_load(&nr_at_work) != 0) {
        for (uint64_t i = 0; i < region->nr_frames; i++) {
            struct page *page = &region->pages[i];
            struct anon_family *family = anon_lock_page(page);

            if (family != NULL) {
                assert(page->kind == PAGE_ANON && page->anon.family == family);
                assert(anon_count_entries(family, page) <= page_refs(page));
                anon_unlock_page(family, page);
                atomic_fetch_add(&nr_met, 1);
            }
        }
        port_yield();
    }
}

static void worker_or_walker(unsigned index, void *arg)
{
    if (index == 0) {
        look_at_all_frames();
    } else {
        work();
    }
}

static void any_frame_may_be_asked_about_at_any_time(void **state)
{
    uint64_t before;

    machine_warm_families();
    atomic_store(&nr_at_work, 3);
    before = free_frames();
    host_run_threads(4, worker_or_walker, NULL);
    assert_true(free_frames() + 16 >= before); /* what caches took for their harts */
}

static int setup_group(void **state)
{
    host_random_init(&source);
    machine_start(4 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_found_from_its_page),
        cmocka_unit_test(pages_of_a_stack_are_found_after_it_grew),
        cmocka_unit_test(a_page_that_nobody_maps_is_not_found),
        cmocka_unit_test(any_frame_may_be_asked_about_at_any_time),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
