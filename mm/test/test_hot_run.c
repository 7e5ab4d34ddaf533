// SPDX-License-Identifier: MIT
// TSAN
/* Hot runs: what a hart keeps of freed runs of frames, how much, and that nobody misses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/fault_inject.h"
#include "mm/frames_internal.h"
#include "mm/frames_visit.h"
#include "mm/hot_run.h"
#include "mm/kmalloc.h"
#include "mm/test/machine.h"

#define MIB (1ul << 20)

static void *run_of(uint64_t nr_frames)
{
    void *block = kmalloc(nr_frames * PAGE_SIZE, ALLOC_KERNEL);

    assert_non_null(block);
    return block;
}

static int start_empty(void **state)
{
    (void)state;
    host_set_hart(0);
    frames_drain_hot();
    assert_int_equal(hot_run_count_frames(), 0);
    return 0;
}

static int end_whole(void **state)
{
    (void)state;
    frames_drain_hot();
    assert_int_equal(hot_run_count_frames(), 0);
    buddy_check(&frame_regions[0]);
    return 0;
}

static void the_last_freed_of_a_length_comes_first(void **state)
{
    void *a = run_of(3);
    void *b = run_of(3);
    void *c = run_of(13);

    (void)state;
    kfree(a);
    kfree(b);
    kfree(c);
    assert_int_equal(hot_run_count_frames(), 19);
    assert_ptr_equal(run_of(3), b);
    assert_ptr_equal(run_of(13), c);
    assert_ptr_equal(run_of(3), a);
    assert_int_equal(hot_run_count_frames(), 0);
    kfree(a);
    kfree(b);
    kfree(c);
}

static void another_length_is_cut_elsewhere(void **state)
{
    void *five = run_of(5);
    void *four;

    (void)state;
    kfree(five);
    four = run_of(4);
    assert_true((char *)four + 4 * PAGE_SIZE <= (char *)five ||
                (char *)four >= (char *)five + 5 * PAGE_SIZE);
    assert_int_equal(hot_run_count_frames(), 5);
    kfree(four);
}

/* A run that rests begins anywhere; who asks for an alignment is served by the buddies. */
static void an_alignment_is_kept(void **state)
{
    void *block = run_of(4);
    void *aligned[4];

    (void)state;
    kfree(block);
    for (unsigned i = 0; i < 4; i++) {
        aligned[i] = kmalloc_aligned(3 * PAGE_SIZE, 8 * PAGE_SIZE, ALLOC_KERNEL);
        assert_int_equal((uint64_t)aligned[i] % (8 * PAGE_SIZE), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        kfree(aligned[i]);
    }
}

static void the_coldest_make_room(void **state)
{
    enum { NR = 40 };
    void *blocks[NR];
    void *sixteen = run_of(16);
    uint64_t most = frames_nr_total() / 256; /* that a hart keeps */

    (void)state;
    for (unsigned i = 0; i < NR; i++) {
        blocks[i] = run_of(3);
    }
    for (unsigned i = 0; i < NR; i++) {
        kfree(blocks[i]);
        assert_true(hot_run_count_frames() <= most);
    }
    assert_int_equal(hot_run_count_frames(), most / 3 * 3);
    kfree(sixteen); /* takes the place of several */
    assert_int_equal(hot_run_count_frames(), 16 + (most - 16) / 3 * 3);
    assert_ptr_equal(run_of(16), sixteen);
    for (unsigned i = NR; i-- > NR - 16;) {
        assert_ptr_equal(run_of(3), blocks[i]);
    }
    assert_int_equal(hot_run_count_frames(), 0);
    kfree(sixteen);
    for (unsigned i = NR - 16; i < NR; i++) {
        kfree(blocks[i]);
    }
}

static void a_long_run_goes_back_at_once(void **state)
{
    uint64_t nr_free = frames_nr_free();

    (void)state;
    kfree(run_of(17));
    kfree(run_of(1024));
    assert_int_equal(hot_run_count_frames(), 0);
    assert_int_equal(frames_nr_free(), nr_free);
}

static void zeroed_runs_are_zero(void **state)
{
    char *block = run_of(7);

    (void)state;
    memset(block, 0xee, 7 * PAGE_SIZE);
    kfree(block);
    assert_ptr_equal(kzalloc(7 * PAGE_SIZE, ALLOC_KERNEL), block);
    for (size_t i = 0; i < 7 * PAGE_SIZE; i++) {
        assert_int_equal(block[i], 0);
    }
    kfree(block);
}

static void a_second_free_is_refused(void **state)
{
    char *block = run_of(11);

    (void)state;
    kfree(block);
    machine_listen();
    kfree(block);
    assert_true(machine_said("not a block of kmalloc"));
    assert_non_null(strstr(machine_log, "its frame was last freed by"));
    machine_listen();
    kfree(block + 8 * PAGE_SIZE); /* a block of its own to the buddy */
    assert_true(machine_said("not a block of kmalloc"));
    machine_listen();
    frames_free(page_of_pointer(block), 3);
    assert_true(machine_said("already free"));
    assert_non_null(strstr(machine_log, "it was last freed by"));
    assert_int_equal(hot_run_count_frames(), 11);
}

static void a_failure_that_was_asked_for_leaves_the_run(void **state)
{
    void *block = run_of(6);

    (void)state;
    kfree(block);
    fault_inject_arm(FAULT_FRAMES, 1, false);
    assert_null(kmalloc(6 * PAGE_SIZE, ALLOC_KERNEL));
    assert_int_equal(fault_inject_disarm(), 1);
    assert_int_equal(hot_run_count_frames(), 6);
    assert_ptr_equal(run_of(6), block);
    kfree(block);
}

static void each_hart_has_its_own(void **state)
{
    void *block = run_of(3);
    void *other;

    (void)state;
    kfree(block);
    host_set_hart(1);
    other = run_of(3);
    assert_ptr_not_equal(other, block);
    hot_run_drain_here();
    assert_int_equal(hot_run_count_frames(), 3);
    kfree(other);
    assert_int_equal(hot_run_count_frames(), 6);
    host_set_hart(0);
    hot_run_drain_here();
    assert_int_equal(hot_run_count_frames(), 3);
}

static uint64_t nr_visited;

static void count_visit(struct page *page, uint64_t nr_frames)
{
    (void)page;
    nr_visited += nr_frames;
}

static void they_are_free_to_whoever_counts(void **state)
{
    uint64_t nr_free = frames_nr_free();

    (void)state;
    kfree(run_of(11));
    kfree(run_of(16));
    assert_int_equal(frames_nr_free(), nr_free);
    nr_visited = 0;
    frames_visit_free(count_visit);
    assert_int_equal(nr_visited, nr_free);
}

/* Who needs the last frame gets those that rest with another hart. */
static void short_memory_takes_them(void **state)
{
    struct page *first = NULL;
    struct page *page;

    (void)state;
    kfree(run_of(16));
    host_set_hart(1);
    kfree(run_of(16));
    while ((page = frames_alloc(0, ALLOC_RESERVE | ALLOC_QUIET)) != NULL) {
        page->used.private = (uint64_t)first;
        first = page;
    }
    assert_int_equal(hot_run_count_frames(), 0);
    assert_int_equal(frames_nr_free(), 0);
    while (first != NULL) {
        page = first;
        first = (struct page *)page->used.private;
        frames_free(page, 0);
    }
    host_set_hart(0);
}

/* ---- Several harts --------------------------------------------------------------------------- */

enum { NR_THREADS = 4, NR_STEPS = 4000, NR_LIVE = 12 };

static void use_runs(unsigned index, void *arg)
{
    struct host_random random = {.state = index + 1};
    unsigned char *live[NR_LIVE] = {NULL};

    (void)arg;
    for (unsigned step = 0; step < NR_STEPS + NR_LIVE; step++) {
        size_t i = step < NR_STEPS ? host_random_below(&random, NR_LIVE) : step - NR_STEPS;
        if (live[i] != NULL) {
            size_t len_bytes = ksize(live[i]);
            if (live[i][0] != index || live[i][len_bytes - 1] != index) {
                panic("a run with two owners");
            }
            kfree(live[i]);
            live[i] = NULL;
        } else if (step < NR_STEPS) {
            size_t len_bytes = (3 + host_random_below(&random, 20)) * PAGE_SIZE;
            live[i] = kmalloc(len_bytes, ALLOC_KERNEL);
            if (live[i] == NULL) {
                panic("no memory");
            }
            live[i][0] = live[i][len_bytes - 1] = (unsigned char)index;
        }
        if (step % 300 == 0) {
            frames_drain_hot();
        }
    }
}

static void runs_survive_drains_of_other_harts(void **state)
{
    uint64_t nr_free = frames_nr_free();

    (void)state;
    host_set_hart(-1);
    host_run_threads(NR_THREADS, use_runs, NULL);
    assert_int_equal(frames_nr_free(), nr_free);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, start_empty, end_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_last_freed_of_a_length_comes_first),
        CASE(another_length_is_cut_elsewhere),
        CASE(an_alignment_is_kept),
        CASE(the_coldest_make_room),
        CASE(a_long_run_goes_back_at_once),
        CASE(zeroed_runs_are_zero),
        CASE(a_second_free_is_refused),
        CASE(a_failure_that_was_asked_for_leaves_the_run),
        CASE(each_hart_has_its_own),
        CASE(they_are_free_to_whoever_counts),
        CASE(short_memory_takes_them),
        CASE(runs_survive_drains_of_other_harts),
    };

    machine_start(64 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
