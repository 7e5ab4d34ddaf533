// SPDX-License-Identifier: MIT
// TSAN
/* Swapping, compared with a model: whatever is written, forked, discarded, swapped out, brought back
 * and given up, and whichever transfers fail, every process reads what it has written. A read that
 * fails is told to the one who needs the page; a write that fails loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/anon.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/swap_internal.h"
#include "mm/test/machine.h"
#include "mm/vmstat.h"

#define MIB        (1ul << 20)
#define RIGHTS     (AREA_READ | AREA_WRITE | AREA_MAY_WRITE)
#define NR_PAGES   40u
#define NR_SPACES  4u
#define NR_SLOTS   100u
#define PLACE      0x10000000ul
#define NR_STEPS   6000u
#define NR_STORES  2000u /* of each thread */
#define EVERYTHING 100000u

static struct host_random source;

/* ---- A store that fails when it is told to ------------------------------------------------------ */

static struct {
    struct swap_store base;
    unsigned char (*bytes)[PAGE_SIZE];
    _Atomic unsigned fail_writes, fail_reads; /* one transfer in so many fails; 0: none */
    _Atomic unsigned nr_failed_writes, nr_failed_reads, nr_started;
    bool is_released;
} store;

static bool fails(unsigned one_in)
{
    return one_in != 0 && atomic_fetch_add(&store.nr_started, 1) % one_in == 0;
}

/* What the device does, which is no thread: a page that its last user has back may be changed while it is still
 * being written, to a slot that nobody will read. */
__attribute__((no_sanitize_thread)) static void transfer(void *to, const void *from)
{
    volatile uint64_t *words = to;
    const volatile uint64_t *source_words = from;

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
        words[i] = source_words[i];
    }
}

static void start(struct swap_store *base, struct swap_io *io)
{
    int error = 0;

    (void)base;
    if (fails(io->is_write ? store.fail_writes : store.fail_reads)) {
        atomic_fetch_add(io->is_write ? &store.nr_failed_writes : &store.nr_failed_reads, 1);
        error = -EIO;
    }
    for (unsigned i = 0; i < io->nr && error == 0; i++) {
        assert(io->index + i != 0 && io->index + i < NR_SLOTS);
        if (io->is_write) {
            transfer(store.bytes[io->index + i], page_address(io->pages[i]));
        } else {
            transfer(page_address(io->pages[i]), store.bytes[io->index + i]);
        }
    }
    swap_io_done(io, error);
}

static bool is_this(struct swap_store *base, const void *arg)
{
    return base == arg;
}

static void release(struct swap_store *base)
{
    assert(
        !swap_area_has(is_this, base)); /* whoever looks for it now does not find what goes away */
    store.is_released = true;
}

static const struct swap_store_ops store_ops = {.start = start, .release = release};

static void swap_on(unsigned nr_slots)
{
    struct swap_setup setup = {
        .store = &store.base, .name = "tested", .nr_pages = nr_slots, .priority = -1};
    struct swap_stats stats;

    store.base.ops = &store_ops;
    store.is_released = false;
    store.fail_writes = store.fail_reads = 0;
    store.nr_failed_writes = store.nr_failed_reads = 0;
    assert_int_equal(swap_area_add(&setup), 0);
    assert_true(swap_area_has(is_this, &store.base));
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_total, nr_slots - 1);
    assert_int_equal(stats.nr_free, nr_slots - 1);
    assert_int_equal(stats.nr_cached, 0);
}

static bool never(void)
{
    return false;
}

static void swap_off(void)
{
    struct swap_stats stats;

    assert_int_equal(swap_area_remove(is_this, &store.base, never), 0);
    assert_true(store.is_released);
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_total, 0);
    assert_int_equal(stats.nr_free, 0);
    assert_int_equal(stats.nr_cached, 0);
}

/* ---- Spaces ------------------------------------------------------------------------------------- */

static struct space *new_space(void)
{
    struct space *space = space_create();
    struct space_map_request request = {
        .address = PLACE, .len_bytes = NR_PAGES * PAGE_SIZE, .flags = RIGHTS, .is_fixed = true};
    uint64_t address;

    assert_non_null(space);
    assert_int_equal(space_map(space, &request, &address), 0);
    return space;
}

static uint64_t address_of(unsigned page)
{
    return PLACE + page * PAGE_SIZE + page * 8;
}

static void put(struct space *space, unsigned page, uint64_t value)
{
    assert_int_equal(space_write(space, address_of(page), &value, 8), 8);
}

static uint64_t get(struct space *space, unsigned page)
{
    uint64_t value = 0;

    assert_int_equal(space_read(space, address_of(page), &value, 8), 8);
    return value;
}

static bool is_swapped(struct space *space, unsigned page)
{
    struct pte pte;

    spin_lock(&space->table_lock);
    pte = pagetable_get(&space->table, address_of(page));
    spin_unlock(&space->table_lock);
    return pte.is_swapped;
}

/* The hand may find a page in use the first time. */
static void reclaim_all(void)
{
    for (unsigned i = 0; i < 3; i++) {
        (void)reclaim_frames(EVERYTHING, ALLOC_KERNEL);
    }
}

/* ---- Cases ---------------------------------------------------------------------------------------- */

static void pages_go_and_come_back(void **state)
{
    struct space *space = new_space();
    struct swap_stats stats;

    (void)state;
    swap_on(NR_SLOTS);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        put(space, i, i + 1);
    }
    reclaim_all();
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_free, NR_SLOTS - 1 - NR_PAGES);
    swap_area_check(0);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_true(is_swapped(space, i));
        assert_int_equal(get(space, i), i + 1);
        assert_false(is_swapped(space, i));
    }
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_free, NR_SLOTS - 1); /* a page with one user keeps no slot */
    reclaim_all();
    swap_off();
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_false(is_swapped(space, i));
        assert_int_equal(get(space, i), i + 1);
    }
    space_put(space);
}

/* What could not be written is in memory, whoever comes for it and whenever: also after swapoff. */
static void a_failed_write_loses_nothing(void **state)
{
    struct space *space = new_space();
    struct space *child;
    struct swap_stats stats;

    (void)state;
    swap_on(NR_SLOTS);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        put(space, i, i + 100);
    }
    assert_int_equal(space_fork(space, &child), 0);
    store.fail_writes = 1;
    machine_listen();
    reclaim_all();
    assert_true(machine_said("swap: tested: writing"));
    assert_true(store.nr_failed_writes != 0);
    swap_area_check(0);
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_total, NR_SLOTS - 1 - NR_PAGES); /* bad slots */
    assert_int_equal(stats.nr_cached, NR_PAGES);
    for (unsigned i = 0; i < NR_PAGES / 2; i++) {
        assert_int_equal(get(space, i), i + 100);
        put(space, i, i + 200);
        assert_int_equal(get(child, i), i + 100);
    }
    swap_area_check(0);
    swap_off(); /* while entries name bad slots */
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_int_equal(get(space, i), i + (i < NR_PAGES / 2 ? 200 : 100));
        assert_int_equal(get(child, i), i + 100);
    }
    space_put(child);
    space_put(space);
}

/* Who dies leaves bad slots behind, and nothing else. */
static void bad_slots_are_not_given_out_again(void **state)
{
    struct space *space = new_space();
    struct swap_stats stats;

    (void)state;
    swap_on(NR_SLOTS);
    store.fail_writes = 1;
    put(space, 0, 1);
    reclaim_all();
    space_put(space);
    swap_area_check(0);
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_total, NR_SLOTS - 2);
    assert_int_equal(stats.nr_free, NR_SLOTS - 2);
    assert_int_equal(stats.nr_cached, 0);
    store.fail_writes = 0;
    space = new_space();
    for (unsigned i = 0; i < NR_PAGES; i++) {
        put(space, i, i);
    }
    reclaim_all();
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_int_equal(get(space, i), i);
    }
    swap_area_check(0);
    space_put(space);
    swap_off();
}

static void a_failed_read_is_told_and_may_be_tried_again(void **state)
{
    struct space *space = new_space();
    struct swap_stats stats;
    uint64_t value;

    (void)state;
    swap_on(NR_SLOTS);
    put(space, 3, 33);
    put(space, 4, 44);
    reclaim_all();
    assert_true(is_swapped(space, 3));
    store.fail_reads = 1;
    machine_listen();
    assert_int_equal(space_fault(space, address_of(3), FAULT_READ), -EIO); /* SIGBUS */
    assert_true(machine_said("swap: tested: reading slot"));
    assert_int_equal(space_read(space, address_of(3), &value, 8), 0);
    assert_int_equal(swap_area_remove(is_this, &store.base, never),
                     -EIO); /* and the area stays in use */
    swap_area_check(0);
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_total, NR_SLOTS - 1);
    assert_int_equal(stats.nr_cached, 0);
    store.fail_reads = 0;
    assert_int_equal(get(space, 3), 33);
    assert_int_equal(get(space, 4), 44);
    space_put(space);
    swap_off();
}

static void without_room_pages_stay(void **state)
{
    struct space *space = new_space();
    struct swap_stats stats;
    unsigned nr_swapped = 0;

    (void)state;
    swap_on(11);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        put(space, i, i + 7);
    }
    reclaim_all();
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_free, 0);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        nr_swapped += is_swapped(space, i);
    }
    assert_int_equal(nr_swapped, 10);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_int_equal(get(space, i), i + 7);
    }
    space_put(space);
    swap_off();
}

/* ---- Others in the way --------------------------------------------------------------------------- */

static struct {
    struct page *page;
    _Atomic bool is_locked;
} holder;

/* One has the lock of the only process's pages, and takes its time; the other needs memory. */
static void hold_or_reclaim(unsigned index, void *arg)
{
    (void)arg;
    if (index == 0) {
        struct anon_family *family = anon_lock_page(holder.page);

        assert(family != NULL);
        atomic_store(&holder.is_locked, true);
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        (void)!port_block(port_clock_ns() + 20000000);
        port_block_cancel();
        anon_unlock_page(family, holder.page);
        return;
    }
    while (!atomic_load(&holder.is_locked)) {
        port_yield();
    }
    (void)reclaim_frames(EVERYTHING, ALLOC_KERNEL);
}

static void pages_that_others_have_in_hand_are_not_none(void **state)
{
    struct space *space = new_space();
    unsigned nr_swapped = 0;

    (void)state;
    swap_on(NR_SLOTS);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        put(space, i, i + 7);
    }
    spin_lock(&space->table_lock);
    holder.page = page_from_phys(pagetable_get(&space->table, PLACE).frame);
    spin_unlock(&space->table_lock);
    host_run_threads(2, hold_or_reclaim, NULL);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        nr_swapped += is_swapped(space, i);
    }
    assert_true(nr_swapped != 0);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_int_equal(get(space, i), i + 7);
    }
    space_put(space);
    swap_off();
}

/* ---- The model ------------------------------------------------------------------------------------ */

static struct {
    struct space *space; /* NULL: none */
    uint64_t values[NR_PAGES];
} procs[NR_SPACES];

static void step_fork(unsigned from, unsigned to)
{
    if (procs[to].space != NULL) {
        if (from != to) {
            space_put(procs[to].space);
            procs[to].space = NULL;
        }
        return;
    }
    memcpy(procs[to].values, procs[from].values, sizeof(procs[to].values));
    assert_int_equal(space_fork(procs[from].space, &procs[to].space), 0);
}

static void step_read(unsigned who, unsigned page)
{
    uint64_t value = 0;

    if (space_read(procs[who].space, address_of(page), &value, 8) != 8) {
        assert_true(store.nr_failed_reads != 0); /* no other reason */
        store.fail_reads = 0;
        value = get(procs[who].space, page);
    }
    assert_int_equal(value, procs[who].values[page]);
}

static void step_write(unsigned who, unsigned page, uint64_t value)
{
    if (space_write(procs[who].space, address_of(page), &value, 8) != 8) {
        assert_true(store.nr_failed_reads != 0);
        store.fail_reads = 0;
        put(procs[who].space, page, value);
    }
    procs[who].values[page] = value;
}

static void off_and_on(void)
{
    int error = swap_area_remove(is_this, &store.base, never);

    assert_true(error == 0 || (error == -EIO && store.nr_failed_reads != 0));
    if (error == 0) {
        swap_on(NR_SLOTS);
    }
}

static void step(uint64_t number)
{
    unsigned who = (unsigned)host_random_below(&source, NR_SPACES);
    unsigned page = (unsigned)host_random_below(&source, NR_PAGES);

    while (procs[who].space == NULL) {
        who = (who + 1) % NR_SPACES;
    }
    switch (host_random_below(&source, 16)) {
    case 0: step_fork(who, (unsigned)host_random_below(&source, NR_SPACES)); break;
    case 1:
        assert_int_equal(space_discard(procs[who].space, PLACE + page * PAGE_SIZE, PAGE_SIZE, 0),
                         0);
        procs[who].values[page] = 0;
        break;
    case 2:
        store.fail_writes = (unsigned)host_random_below(&source, 3);
        store.fail_reads = (unsigned)host_random_below(&source, 4);
        break;
    case 3: off_and_on(); break;
    case 4:
    case 5:
    case 6: (void)reclaim_frames(host_random_below(&source, 2 * NR_PAGES), ALLOC_KERNEL); break;
    case 7:
    case 8:
    case 9:
    case 10: step_write(who, page, number); break;
    default: step_read(who, page); break;
    }
}

static void every_process_reads_what_it_wrote(void **state)
{
    struct swap_stats stats;

    (void)state;
    swap_on(NR_SLOTS);
    procs[0].space = new_space();
    for (unsigned i = 1; i <= NR_STEPS; i++) {
        step(i);
        swap_area_check(0);
    }
    store.fail_reads = store.fail_writes = 0;
    for (unsigned who = 0; who < NR_SPACES; who++) {
        for (unsigned page = 0; page < NR_PAGES && procs[who].space != NULL; page++) {
            step_read(who, page);
        }
        space_put(procs[who].space);
        procs[who].space = NULL;
    }
    swap_get_stats(&stats);
    assert_int_equal(stats.nr_free, stats.nr_total);
    assert_int_equal(stats.nr_cached, 0);
    swap_off();
}

/* ---- Threads --------------------------------------------------------------------------------------- */

static struct {
    struct space *space;
    _Atomic unsigned nr_at_work;
} crowd;

/* Each has a word of every page to himself. */
static void store_and_check(unsigned index)
{
    struct host_random random = {.state = source.state + index};
    uint64_t counts[NR_PAGES] = {0};

    for (unsigned i = 0; i < NR_STORES; i++) {
        unsigned page = (unsigned)host_random_below(&random, NR_PAGES);
        uint64_t address = PLACE + page * PAGE_SIZE + index * 8;
        struct space *child;
        uint64_t count = 0;

        assert(space_read(crowd.space, address, &count, 8) == 8 && count == counts[page]);
        counts[page]++;
        assert(space_write(crowd.space, address, &counts[page], 8) == 8);
        if (i % 64 == 0) {
            assert(space_fork(crowd.space, &child) == 0);
            assert(space_read(child, address, &count, 8) == 8 && count == counts[page]);
            space_put(child);
        }
    }
    atomic_fetch_sub(&crowd.nr_at_work, 1);
}

static void crowd_thread(unsigned index, void *arg)
{
    (void)arg;
    if (index > 1) {
        store_and_check(index);
        return;
    }
    while (atomic_load(&crowd.nr_at_work) != 0) { /* two hands at once */
        (void)reclaim_frames(NR_PAGES, ALLOC_KERNEL);
        if (index == 0) {
            store.fail_writes = store.fail_writes == 0 ? 5 : 0;
        }
        port_yield();
    }
}

static void no_store_is_lost_while_pages_are_swapped(void **state)
{
    (void)state;
    swap_on(NR_SLOTS);
    crowd.space = new_space();
    atomic_store(&crowd.nr_at_work, 3);
    host_run_threads(5, crowd_thread, NULL);
    assert_true(vm_counter_read(VM_PSWPIN) > 100);
    swap_area_check(0);
    space_put(crowd.space);
    swap_off();
}

static int setup_group(void **state)
{
    (void)state;
    host_random_init(&source);
    machine_start(16 * MIB);
    store.bytes = test_calloc(NR_SLOTS, PAGE_SIZE);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    test_free(store.bytes);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_go_and_come_back),
        cmocka_unit_test(a_failed_write_loses_nothing),
        cmocka_unit_test(bad_slots_are_not_given_out_again),
        cmocka_unit_test(a_failed_read_is_told_and_may_be_tried_again),
        cmocka_unit_test(without_room_pages_stay),
        cmocka_unit_test(pages_that_others_have_in_hand_are_not_none),
        cmocka_unit_test(every_process_reads_what_it_wrote),
        cmocka_unit_test(no_store_is_lost_while_pages_are_swapped),
    };

    return cmocka_run_group_tests(tests, setup_group, end_group);
}
