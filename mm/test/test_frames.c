// SPDX-License-Identifier: MIT
/* Frame regions out of firmware's account of memory, hot lists, watermarks, and refused frees
 * with their reports. Each case starts a machine of its own; no slab cache is used here, since
 * it would outlive its machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/fault_inject.h"
#include "mm/frames_internal.h"
#include "mm/test/machine.h"

#define MIB (1ul << 20)
#define RAM HOST_RAM_START

static struct host_random source;

static struct frame_range range(uint64_t start, uint64_t len_bytes)
{
    return (struct frame_range){phys(start), len_bytes};
}

static void check_all_regions(void)
{
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        buddy_check(&frame_regions[i]);
    }
}

static bool is_in(struct frame_range r, phys_t frame)
{
    return frame.addr + PAGE_SIZE > r.start.addr && frame.addr < r.start.addr + r.len_bytes;
}

/* Allocate everything; no frame may come twice, lie in a reserved range or outside of `ram`. */
static uint64_t exhaust(const struct frame_range *ram, unsigned nr_ram,
                        const struct frame_range *reserved, unsigned nr_reserved)
{
    uint64_t nr = 0;
    struct page *page;

    while ((page = frames_alloc(0, ALLOC_RESERVE | ALLOC_QUIET)) != NULL) {
        phys_t frame = page_to_phys(page);
        bool is_ram = false;
        for (unsigned i = 0; i < nr_ram; i++) {
            is_ram |= frame.addr >= ram[i].start.addr &&
                      frame.addr + PAGE_SIZE <= ram[i].start.addr + ram[i].len_bytes;
        }
        assert_true(is_ram);
        for (unsigned i = 0; i < nr_reserved; i++) {
            assert_false(is_in(reserved[i], frame));
        }
        assert_ptr_equal(page_from_phys(frame), page);
        *(uint64_t *)page_address(page) = frame.addr; /* the frame is real, and nobody else's */
        nr++;
    }
    return nr;
}

static void holes_and_overlaps_are_carved_exactly(void **state)
{
    const struct frame_range ram[] = {
        range(RAM + 4 * MIB, 4 * MIB + 100), /* a ragged end */
        range(RAM + 6 * MIB, 4 * MIB),       /* overlaps the first */
        range(RAM + 16 * MIB + 1, 2 * MIB),  /* a ragged beginning */
        range(RAM, 0),                       /* empty */
        range(RAM + 20 * MIB, 100),          /* less than a frame */
        range(UINT64_MAX - 4096, 8192),      /* wraps around */
    };
    const struct frame_range reserved[] = {
        range(RAM + 5 * MIB + 10, 1), /* one byte costs a frame */
        range(RAM + 5 * MIB + 4096 * 3, 4096),
        range(RAM + 3 * MIB, MIB + 8192),   /* begins before RAM */
        range(RAM + 9 * MIB + 5, 10 * MIB), /* covers a gap and all but the end of the last */
        range(UINT64_MAX - 10, 100),
    };
    struct frames_stats stats;
    uint64_t nr_pages_of_pages;
    uint64_t nr_reserved;

    (void)state;
    (void)host_arena(32 * MIB);
    assert_int_equal(frames_init(ram, 6, reserved, 5), 0);
    check_all_regions();
    assert_int_equal(nr_frame_regions, 1); /* the other is reserved wholly: no room for its pages */

    assert_non_null(page_from_phys(phys(RAM + 4 * MIB)));
    assert_null(page_from_phys(phys(RAM + 4 * MIB - 1)));
    assert_non_null(page_from_phys(phys(RAM + 10 * MIB - 1)));
    assert_null(page_from_phys(phys(RAM + 10 * MIB)));
    assert_null(page_from_phys(phys(0)));
    assert_null(page_from_virt(NULL));

    frames_get_stats(&stats);
    nr_pages_of_pages = align_up(buddy_meta_bytes((RAM + 4 * MIB) / PAGE_SIZE, 6 * MIB / PAGE_SIZE),
                                 PAGE_SIZE) /
                        PAGE_SIZE;
    nr_reserved = 2 + 2 + (MIB / PAGE_SIZE); /* the start, the two single frames, the end */
    assert_int_equal(stats.nr_total, 6 * MIB / PAGE_SIZE - nr_pages_of_pages - nr_reserved);
    assert_int_equal(stats.nr_free, stats.nr_total);
    assert_int_equal(exhaust(ram, 6, reserved, 5), stats.nr_total);
}

static void several_regions_serve_together(void **state)
{
    const struct frame_range ram[] = {range(RAM, MIB), range(RAM + 8 * MIB, 2 * MIB),
                                      range(RAM + 4 * MIB, MIB)};
    struct frames_stats stats;
    struct page *pages[3];

    (void)state;
    (void)host_arena(16 * MIB);
    assert_int_equal(frames_init(ram, 3, NULL, 0), 0);
    assert_int_equal(nr_frame_regions, 3);
    frames_get_stats(&stats);
    assert_int_equal(exhaust(ram, 3, NULL, 0), stats.nr_total);
    /* Give one frame back in each, through the hot list and then to its own buddy. */
    pages[0] = page_from_phys(phys(RAM + MIB - PAGE_SIZE));
    pages[1] = page_from_phys(phys(RAM + 5 * MIB - PAGE_SIZE));
    pages[2] = page_from_phys(phys(RAM + 10 * MIB - PAGE_SIZE));
    for (int i = 0; i < 3; i++) {
        frames_free(pages[i], 0);
    }
    assert_int_equal(frames_nr_free(), 3);
    frames_drain_hot();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frame_regions[i].nr_free, 1);
    }
    check_all_regions();
}

static void too_many_ranges_lose_the_smallest(void **state)
{
    struct frame_range ram[12];

    (void)state;
    (void)host_arena(64 * MIB);
    for (unsigned i = 0; i < 12; i++) {
        ram[i] = range(RAM + i * 4 * MIB, MIB + (i ^ 5) * PAGE_SIZE);
    }
    machine_listen();
    assert_int_equal(frames_init(ram, 12, NULL, 0), 0);
    assert_true(machine_said("too many ranges"));
    assert_int_equal(nr_frame_regions, FRAMES_MAX_REGIONS);
    assert_null(page_from_phys(ram[5].start)); /* 5 ^ 5: the smallest */
    assert_non_null(page_from_phys(ram[10].start));
}

static void too_many_reservations_reserve_more_not_less(void **state)
{
    struct frame_range ram = range(RAM, 8 * MIB);
    struct frame_range reserved[200];

    (void)state;
    (void)host_arena(8 * MIB);
    for (unsigned i = 0; i < 200; i++) {
        reserved[i] = range(RAM + 2 * MIB + i * 3 * PAGE_SIZE, PAGE_SIZE);
    }
    assert_int_equal(frames_init(&ram, 1, reserved, 200), 0);
    assert_true(exhaust(&ram, 1, reserved, 200) > 2 * MIB / PAGE_SIZE);
}

static void memory_too_small_is_refused(void **state)
{
    struct frame_range ram = range(RAM, PAGE_SIZE);
    struct frame_range big = range(RAM, MIB);

    (void)state;
    (void)host_arena(MIB);
    assert_int_equal(frames_init(NULL, 0, NULL, 0), -ENOMEM);
    assert_int_equal(frames_init(&ram, 1, NULL, 0), -ENOMEM); /* its page array takes it all */
    assert_int_equal(frames_init(&big, 1, &big, 1), -ENOMEM);
    assert_null(frames_alloc(0, ALLOC_QUIET | ALLOC_RESERVE));
}

static void released_reservations_become_free(void **state)
{
    struct frame_range ram = range(RAM, 4 * MIB);
    struct frame_range initrd = range(RAM + MIB + 100, MIB);
    uint64_t before;

    (void)state;
    (void)host_arena(4 * MIB);
    assert_int_equal(frames_init(&ram, 1, &initrd, 1), 0);
    before = frames_nr_free();
    frames_release_reserved(initrd);
    /* The frames at both edges held other bytes, too: they stay. */
    assert_int_equal(frames_nr_free(), before + MIB / PAGE_SIZE - 1);
    frames_release_reserved(initrd); /* twice changes nothing */
    assert_int_equal(frames_nr_free(), before + MIB / PAGE_SIZE - 1);
    check_all_regions();
}

static void blocks_are_aligned_and_zeroed(void **state)
{
    (void)state;
    machine_start(16 * MIB);
    for (unsigned order = 0; order <= BUDDY_MAX_ORDER; order++) {
        struct page *page = frames_alloc(order, ALLOC_KERNEL);
        char *bytes;
        assert_non_null(page);
        assert_int_equal(page->order, order);
        assert_int_equal(page->kind, PAGE_USED);
        assert_int_equal(page_refs(page), 1);
        assert_int_equal(page_to_phys(page).addr % (PAGE_SIZE << order), 0);
        assert_int_equal((uint64_t)page_address(page) % (PAGE_SIZE << order), 0);
        memset(page_address(page), 0xa5, PAGE_SIZE << order);
        frames_free(page, order);
        page = frames_alloc(order, ALLOC_ZERO);
        bytes = page_address(page);
        for (size_t i = 0; i < PAGE_SIZE << order; i++) {
            assert_int_equal(bytes[i], 0);
        }
        frames_free(page, order);
    }
    assert_null(frames_alloc(BUDDY_MAX_ORDER + 1, ALLOC_QUIET));
}

static void the_frame_freed_last_comes_first(void **state)
{
    struct page *a;
    struct page *b;

    (void)state;
    machine_start(4 * MIB);
    a = frames_alloc(0, ALLOC_KERNEL);
    b = frames_alloc(0, ALLOC_KERNEL);
    frames_free(a, 0);
    frames_free(b, 0);
    assert_ptr_equal(frames_alloc(0, ALLOC_KERNEL), b);
    assert_ptr_equal(frames_alloc(0, ALLOC_KERNEL), a);
}

static void draining_returns_every_harts_frames(void **state)
{
    struct page *pages[8 * 40];
    struct frames_stats before, after;

    (void)state;
    machine_start(8 * MIB);
    frames_get_stats(&before);
    for (int i = 0; i < 8 * 40; i++) {
        host_set_hart(i % 8);
        pages[i] = frames_alloc(0, ALLOC_KERNEL);
        assert_non_null(pages[i]);
    }
    for (int i = 0; i < 8 * 40; i++) { /* each on another hart than it came from */
        host_set_hart((i + 3) % 8);
        frames_free(pages[i], 0);
    }
    host_set_hart(0);
    assert_int_equal(frames_nr_free(), before.nr_free);
    frames_drain_hot();
    frames_get_stats(&after);
    assert_memory_equal(after.nr_by_order, before.nr_by_order, sizeof(before.nr_by_order));
    check_all_regions();
    host_set_hart(-1);
}

static void a_full_hot_list_overflows_into_the_buddy(void **state)
{
    enum { NR = 500 };
    struct page *pages[NR];
    uint64_t before;

    (void)state;
    machine_start(8 * MIB);
    before = frames_nr_free();
    assert_int_equal(frames_alloc_bulk(pages, NR, ALLOC_KERNEL), NR);
    assert_int_equal(frames_nr_free(), before - NR);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(pages[i]->kind, PAGE_USED);
        frames_free(pages[i], 0);
    }
    assert_int_equal(frames_nr_free(), before);
    assert_true(frames_nr_free() - frame_regions[0].nr_free <= 64);
    check_all_regions();
}

static void the_last_frames_are_kept_for_the_reserve(void **state)
{
    struct frames_stats stats;
    struct page *page;
    uint64_t nr_reserved = 0;

    (void)state;
    machine_start(8 * MIB);
    while (frames_alloc(0, ALLOC_QUIET) != NULL) {
    }
    frames_get_stats(&stats);
    assert_int_equal(stats.nr_free, stats.nr_reserve);
    assert_true(stats.nr_reserve > 0 && stats.nr_reserve < stats.nr_low &&
                stats.nr_low < stats.nr_high && stats.nr_high < stats.nr_total);
    while ((page = frames_alloc(0, ALLOC_RESERVE | ALLOC_QUIET)) != NULL) {
        nr_reserved++;
    }
    assert_int_equal(nr_reserved, stats.nr_reserve);
    assert_int_equal(frames_nr_free(), 0);
}

static void other_harts_hot_frames_are_found_when_the_buddy_is_empty(void **state)
{
    struct page *page;

    (void)state;
    machine_start(4 * MIB);
    host_set_hart(1);
    page = frames_alloc(0, ALLOC_KERNEL);
    host_set_hart(0);
    while (frames_alloc(0, ALLOC_RESERVE | ALLOC_QUIET) != NULL) {
    }
    host_set_hart(1);
    frames_free(page, 0); /* onto hart 1's list */
    host_set_hart(0);
    assert_ptr_equal(frames_alloc(0, ALLOC_RESERVE | ALLOC_QUIET), page);
    host_set_hart(-1);
}

static void wrong_frees_are_refused_with_a_report(void **state)
{
    struct page *page;
    struct page *block;
    struct page local = {.kind = PAGE_USED};
    uint64_t nr_free;

    (void)state;
    machine_start(8 * MIB);
    page = frames_alloc(0, ALLOC_KERNEL);
    block = frames_alloc(4, ALLOC_KERNEL);
    frames_free(page, 0);
    nr_free = frames_nr_free();

    machine_listen();
    frames_free(page, 0);
    assert_true(machine_said("already free"));
    assert_true(machine_said("last freed by"));
    machine_listen();
    frames_free(block, 3);
    assert_true(machine_said("another order"));
    assert_true(machine_said("order 4") && machine_said("allocated by "));
    machine_listen();
    frames_free(block, 0);
    assert_true(machine_said("another order"));
    machine_listen();
    frames_free(block + 1, 0);
    assert_true(machine_said("not the first frame"));
    assert_true(machine_said("order 4") && machine_said("allocated by "));
    machine_listen();
    frames_free(block + 1, 1);
    assert_true(machine_said("no block of this order"));
    assert_true(machine_said("order 4") && machine_said("allocated by "));
    machine_listen();
    frames_free(&local, 0);
    assert_true(machine_said("not a frame that"));
    machine_listen();
    frames_free((struct page *)((char *)block + 8), 0);
    assert_true(machine_said("not a frame that"));
    machine_listen();
    frames_free(frame_regions[0].pages, 0);
    assert_true(machine_said("reserved"));
    machine_listen();
    block->kind = PAGE_SLAB;
    frames_free(block, 4);
    block->kind = PAGE_USED;
    assert_true(machine_said("holds objects"));
    assert_int_equal(frames_nr_free(), nr_free);
    check_all_regions();
}

static void the_last_reference_frees_the_frame(void **state)
{
    struct page *page;
    uint64_t nr_free;

    (void)state;
    machine_start(4 * MIB);
    page = frames_alloc(0, ALLOC_KERNEL);
    nr_free = frames_nr_free();
    page_get(page);
    assert_true(page_try_get(page));
    page_put(page);
    page_put(page);
    assert_int_equal(frames_nr_free(), nr_free);
    page_put(page);
    assert_int_equal(frames_nr_free(), nr_free + 1);
    assert_false(page_try_get(page));
}

static void random_blocks_never_overlap_and_none_is_lost(void **state)
{
    enum { NR = 300 };
    static struct {
        struct page *page;
        unsigned order;
        uint64_t stamp;
    } live[NR];
    struct frames_stats before, after;

    (void)state;
    machine_start(16 * MIB);
    frames_get_stats(&before);
    for (uint64_t step = 1; step < 20000; step++) {
        size_t i = host_random_below(&source, NR);
        host_set_hart((int)host_random_below(&source, 4));
        if (live[i].page == NULL) {
            unsigned order = (unsigned)host_random_below(&source,
                                                         1 + host_random_below(&source, 5));
            live[i].page = frames_alloc(order, ALLOC_QUIET);
            if (live[i].page != NULL) {
                uint64_t *last =
                    (uint64_t *)((char *)page_address(live[i].page) + (PAGE_SIZE << order));
                live[i].order = order;
                live[i].stamp = step;
                *(uint64_t *)page_address(live[i].page) = step;
                last[-1] = step;
            }
        } else {
            char *bytes = page_address(live[i].page);
            assert_int_equal(*(uint64_t *)bytes, live[i].stamp);
            assert_int_equal(*(uint64_t *)(bytes + (PAGE_SIZE << live[i].order) - 8),
                             live[i].stamp);
            frames_free(live[i].page, live[i].order);
            live[i].page = NULL;
        }
        if (step % 64 == 0) {
            check_all_regions();
        }
    }
    for (size_t i = 0; i < NR; i++) {
        if (live[i].page != NULL) {
            frames_free(live[i].page, live[i].order);
            live[i].page = NULL;
        }
    }
    frames_drain_hot();
    frames_get_stats(&after);
    assert_memory_equal(&after, &before, sizeof(before));
    host_set_hart(-1);
}

static void many_frames_come_and_go_at_once(void **state)
{
    enum { NR = 300 };
    static struct page *pages[NR];
    struct frames_stats before, after;

    machine_start(16 * MIB);
    frames_get_stats(&before);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(frames_alloc_bulk(pages, NR, round == 1 ? ALLOC_MOVABLE : ALLOC_ATOMIC),
                         NR);
        for (unsigned i = 0; i < NR; i++) {
            assert_int_equal(page_refs(pages[i]), 1);
            *(uint64_t *)page_address(pages[i]) = i;
        }
        frames_free_bulk(pages, NR);
        assert_int_equal(frames_nr_free(), before.nr_free);
    }
    machine_listen();
    frames_free_bulk(pages, 1); /* free already: refused, like any */
    assert_true(machine_said("already free"));
    frames_drain_hot();
    check_all_regions();
    frames_get_stats(&after);
    assert_memory_equal(&after, &before, sizeof(before));
}

static void movable_frames_and_others_do_not_mix(void **state)
{
    struct page *movable, *other;

    machine_start(16 * MIB);
    movable = frames_alloc(0, ALLOC_MOVABLE);
    other = frames_alloc(0, ALLOC_KERNEL);
    frames_free(movable, 0);
    frames_free(other, 0);
    assert_ptr_equal(frames_alloc(0, ALLOC_KERNEL), other); /* the hottest of its list */
    assert_ptr_equal(frames_alloc(0, ALLOC_MOVABLE), movable);
    assert_int_not_equal(page_to_phys(movable).addr / (2 * MIB),
                         page_to_phys(other).addr / (2 * MIB));
}

static void an_injected_failure_is_the_one_asked_for(void **state)
{
    (void)state;
    machine_start(4 * MIB);
    fault_inject_arm(FAULT_FRAMES, 3, false);
    assert_non_null(frames_alloc(0, ALLOC_KERNEL));
    assert_non_null(frames_alloc(1, ALLOC_KERNEL));
    assert_null(frames_alloc(0, ALLOC_KERNEL));
    assert_non_null(frames_alloc(0, ALLOC_KERNEL));
    assert_int_equal(fault_inject_disarm(), 1);
    fault_inject_arm(FAULT_FRAMES, 1, true);
    assert_null(frames_alloc(0, ALLOC_KERNEL));
    assert_null(frames_alloc(0, ALLOC_KERNEL));
    assert_int_equal(fault_inject_disarm(), 2);
    assert_non_null(frames_alloc(0, ALLOC_KERNEL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_and_overlaps_are_carved_exactly),
        cmocka_unit_test(several_regions_serve_together),
        cmocka_unit_test(too_many_ranges_lose_the_smallest),
        cmocka_unit_test(too_many_reservations_reserve_more_not_less),
        cmocka_unit_test(memory_too_small_is_refused),
        cmocka_unit_test(released_reservations_become_free),
        cmocka_unit_test(blocks_are_aligned_and_zeroed),
        cmocka_unit_test(the_frame_freed_last_comes_first),
        cmocka_unit_test(draining_returns_every_harts_frames),
        cmocka_unit_test(a_full_hot_list_overflows_into_the_buddy),
        cmocka_unit_test(the_last_frames_are_kept_for_the_reserve),
        cmocka_unit_test(other_harts_hot_frames_are_found_when_the_buddy_is_empty),
        cmocka_unit_test(wrong_frees_are_refused_with_a_report),
        cmocka_unit_test(the_last_reference_frees_the_frame),
        cmocka_unit_test(random_blocks_never_overlap_and_none_is_lost),
        cmocka_unit_test(many_frames_come_and_go_at_once),
        cmocka_unit_test(movable_frames_and_others_do_not_mix),
        cmocka_unit_test(an_injected_failure_is_the_one_asked_for),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
