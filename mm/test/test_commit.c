// SPDX-License-Identifier: MIT
// TSAN
/* The account of promised memory: what each mode refuses; that all calls which make, change and drop areas
 * keep the books, whatever happens and whatever fails on the way; and that threads which ask at once are
 * never promised more than there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "mm/commit.h"
#include "mm/fault_inject.h"
#include "mm/space.h"
#include "mm/test/machine.h"

#define MIB          (1ul << 20)
#define WINDOW_START 0x10000000ul
#define WINDOW_PAGES 64u
#define RIGHTS       (AREA_READ | AREA_WRITE)

static struct host_random source;
static struct payer the_payer;

static void describe(struct payer *payer)
{
    *payer = the_payer;
}

static void set_rules(enum commit_mode mode, uint64_t limit_pages)
{
    store_relaxed(&commit_rules.mode, mode);
    store_relaxed(&commit_rules.limit_kib, limit_pages * 4);
    store_relaxed(&commit_rules.admin_reserve_kib, 0);
    store_relaxed(&commit_rules.user_reserve_kib, 0);
    the_payer = (struct payer){.is_privileged = true};
}

/* ---- The modes --------------------------------------------------------------------------------- */

static void guessing_refuses_only_what_can_never_be(void **state)
{
    (void)state;
    set_rules(COMMIT_GUESS, 1);
    assert_int_equal(commit_charge(frames_nr_total()), 0);
    assert_int_equal(commit_charge(frames_nr_total()), 0);
    assert_int_equal(commit_charge(frames_nr_total() + 1), -ENOMEM);
    assert_int_equal(commit_nr_charged(), 2 * frames_nr_total());
    commit_uncharge(2 * frames_nr_total());
    assert_int_equal(commit_nr_charged(), 0);
}

static void always_is_always(void **state)
{
    (void)state;
    set_rules(COMMIT_ALWAYS, 1);
    assert_int_equal(commit_charge(frames_nr_total() * 1000), 0);
    commit_uncharge(frames_nr_total() * 1000);
}

static uint64_t charge_to_the_end(void)
{
    uint64_t nr = 0;

    while (commit_charge(1) == 0) {
        nr++;
    }
    commit_uncharge(nr);
    return nr;
}

static void never_keeps_the_limit_and_the_reserves(void **state)
{
    (void)state;
    set_rules(COMMIT_NEVER, 1000);
    assert_int_equal(commit_nr_limit(), 1000);
    assert_int_equal(charge_to_the_end(), 999);
    store_relaxed(&commit_rules.admin_reserve_kib, 400);
    assert_int_equal(charge_to_the_end(), 999);
    the_payer.is_privileged = false;
    assert_int_equal(charge_to_the_end(), 899);
    store_relaxed(&commit_rules.user_reserve_kib, 40);
    the_payer.nr_mapped_pages = 64;
    assert_int_equal(charge_to_the_end(), 897); /* 1/32 of its size */
    the_payer.nr_mapped_pages = 6400;
    assert_int_equal(charge_to_the_end(), 889); /* … but no more than the reserve */
    store_relaxed(&commit_rules.admin_reserve_kib, UINT64_MAX);
    assert_int_equal(charge_to_the_end(), 0);
}

static void without_kilobytes_the_ratio_counts(void **state)
{
    (void)state;
    set_rules(COMMIT_NEVER, 0);
    store_relaxed(&commit_rules.ratio_percent, 25);
    assert_int_equal(commit_nr_limit(), frames_nr_total() * 25 / 100);
    store_relaxed(&commit_rules.ratio_percent, 50);
}

/* ---- The books --------------------------------------------------------------------------------- */

static void add_promised(const struct area *area, void *arg)
{
    bool is_private = (area->flags & AREA_SHARED) == 0 && (area->flags & AREA_NO_RESERVE) == 0;
    bool is_promised = (area->flags & AREA_ACCOUNT) != 0;

    assert_true(is_private || !is_promised);
    assert_true(is_promised || !is_private || (area->flags & AREA_WRITE) == 0);
    *(uint64_t *)arg += is_promised ? (area->end - area->start) / PAGE_SIZE : 0;
}

static void check_books(struct space *const spaces[2])
{
    uint64_t nr = 0;

    for (unsigned i = 0; i < 2; i++) {
        space_check(spaces[i]);
        space_for_each_area(spaces[i], add_promised, &nr);
    }
    assert_int_equal(commit_nr_charged(), nr);
}

static int step_map(struct space *space, uint64_t start, uint64_t len)
{
    static const uint32_t flags[] = {RIGHTS, AREA_READ, RIGHTS | AREA_NO_RESERVE,
                                     RIGHTS | AREA_GROWS_DOWN};
    struct space_map_request request = {
        .address = start,
        .len_bytes = len,
        .is_fixed = true,
        .flags = flags[host_random_below(&source, 4)] | AREA_MAY_WRITE,
    };
    uint64_t address;

    return space_map(space, &request, &address);
}

static int step_remap(struct space *space, uint64_t start, uint64_t len)
{
    uint64_t new_len = (1 + host_random_below(&source, 8)) * PAGE_SIZE;
    uint64_t to = WINDOW_START + host_random_below(&source, WINDOW_PAGES) * PAGE_SIZE;
    uint64_t address;
    int error = space_remap(space, start, len, new_len, true, host_random_below(&source, 2) == 0,
                            to, &address);

    return error == -EFAULT || error == -EINVAL ? 0 : error; /* not one area, or onto itself */
}

static int step_fork(struct space *spaces[2], unsigned parent)
{
    struct space *child;
    int error = space_fork(spaces[parent], &child);

    if (error == 0) {
        space_put(spaces[1 - parent]);
        spaces[1 - parent] = child;
    }
    return error;
}

/* One call at random. Returns 0, or -ENOMEM when the account or an injected failure refused. */
static int one_step(struct space *spaces[2])
{
    unsigned which = (unsigned)host_random_below(&source, 2);
    struct space *space = spaces[which];
    uint64_t page = host_random_below(&source, WINDOW_PAGES);
    uint64_t start = WINDOW_START + page * PAGE_SIZE;
    uint64_t len = (1 + host_random_below(&source, min_of(WINDOW_PAGES - page, 8ul))) * PAGE_SIZE;
    uint8_t byte = 1;

    switch (host_random_below(&source, 14)) {
    case 0 ... 2: return step_map(space, start, len);
    case 3: return space_unmap(space, start, len);
    case 4: return space_protect(space, start, len, AREA_READ);
    case 5 ... 6: return space_protect(space, start, len, RIGHTS);
    case 7: return step_remap(space, start, len);
    case 8: return step_fork(spaces, which);
    case 9: (void)space_set_brk(space, space->brk_start + page * PAGE_SIZE / 2); return 0;
    case 10: (void)!space_fault(space, start, FAULT_WRITE); return 0; /* may grow a stack */
    case 11: (void)!space_lock(space, start, start + len, page % 2 == 0); return 0;
    case 12: (void)!space_unlock(space, start, start + len); return 0;
    default: (void)!space_write(space, start, &byte, 1); return 0;
    }
}

static void start_spaces(struct space *spaces[2])
{
    for (unsigned i = 0; i < 2; i++) {
        spaces[i] = space_create();
        assert_non_null(spaces[i]);
        spaces[i]->brk_start = spaces[i]->brk_end = 0x8000000;
    }
}

static void stop_spaces(struct space *spaces[2])
{
    space_put(spaces[0]);
    space_put(spaces[1]);
    assert_int_equal(commit_nr_charged(), 0);
}

static void every_call_keeps_the_books(void **state)
{
    struct space *spaces[2];

    (void)state;
    set_rules(COMMIT_GUESS, 0);
    start_spaces(spaces);
    for (unsigned step = 0; step < 20000; step++) {
        (void)one_step(spaces);
        check_books(spaces);
    }
    stop_spaces(spaces);
}

static void refusals_keep_the_books(void **state)
{
    struct space *spaces[2];
    unsigned nr_refused = 0;

    (void)state;
    set_rules(COMMIT_NEVER, 60);
    start_spaces(spaces);
    for (unsigned step = 0; step < 20000; step++) {
        nr_refused += one_step(spaces) == -ENOMEM;
        check_books(spaces);
        assert_true(commit_nr_charged() < 60);
    }
    assert_true(nr_refused > 100);
    stop_spaces(spaces);
}

static void failing_allocations_keep_the_books(void **state)
{
    struct space *spaces[2];
    uint64_t nr_failed = 0;

    (void)state;
    set_rules(COMMIT_GUESS, 0);
    start_spaces(spaces);
    for (unsigned step = 0; step < 20000; step++) {
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, 1 + host_random_below(&source, 6), false);
        (void)one_step(spaces);
        nr_failed += fault_inject_disarm();
        check_books(spaces);
    }
    assert_true(nr_failed > 100);
    stop_spaces(spaces);
}

static void what_is_replaced_pays_for_its_successor(void **state)
{
    struct space *space = space_create();
    struct space_map_request request = {
        .address = WINDOW_START, .len_bytes = 50 * PAGE_SIZE, .is_fixed = true, .flags = RIGHTS};
    uint64_t address;

    (void)state;
    set_rules(COMMIT_NEVER, 60);
    assert_int_equal(space_map(space, &request, &address), 0);
    assert_int_equal(space_map(space, &request, &address), 0);
    request.len_bytes = 60 * PAGE_SIZE;
    assert_int_equal(space_map(space, &request, &address), -ENOMEM);
    assert_int_equal(commit_nr_charged(), 50);
    space_put(space);
    assert_int_equal(commit_nr_charged(), 0);
}

/* ---- Several at once --------------------------------------------------------------------------- */

enum { NR_THREADS = 4, NR_ROUNDS = 2000, LIMIT = 1000, NR_AT_ONCE = 300 };

static _Atomic uint64_t nr_held; /* what all threads hold, counted after they got it */

static void charge_and_uncharge(unsigned index, void *arg)
{
    (void)index;
    (void)arg;
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        if (commit_charge(NR_AT_ONCE) == 0) {
            if (atomic_fetch_add(&nr_held, NR_AT_ONCE) + NR_AT_ONCE >= LIMIT) {
                panic("more was promised than there is");
            }
            port_relax();
            atomic_fetch_sub(&nr_held, NR_AT_ONCE);
            commit_uncharge(NR_AT_ONCE);
        }
    }
}

static void threads_are_not_promised_the_same_pages(void **state)
{
    (void)state;
    set_rules(COMMIT_NEVER, LIMIT);
    host_run_threads(NR_THREADS, charge_and_uncharge, NULL);
    assert_int_equal(commit_nr_charged(), 0);
}

static int setup_group(void **state)
{
    (void)state;
    host_random_init(&source);
    machine_start(64 * MIB);
    machine_warm_families();
    commit_init(describe);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guessing_refuses_only_what_can_never_be),
        cmocka_unit_test(always_is_always),
        cmocka_unit_test(never_keeps_the_limit_and_the_reserves),
        cmocka_unit_test(without_kilobytes_the_ratio_counts),
        cmocka_unit_test(every_call_keeps_the_books),
        cmocka_unit_test(refusals_keep_the_books),
        cmocka_unit_test(failing_allocations_keep_the_books),
        cmocka_unit_test(what_is_replaced_pays_for_its_successor),
        cmocka_unit_test(threads_are_not_promised_the_same_pages),
    };

    return cmocka_run_group_tests(tests, setup_group, NULL);
}
