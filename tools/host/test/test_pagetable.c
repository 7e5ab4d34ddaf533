// SPDX-License-Identifier: MIT
/* The Sv39 tree (kernel/arch/riscv64/pagetable.c) against a model: an array that says what each of
 * a few hundred scattered pages maps. Also: every table frame comes back, and running out of
 * frames in the middle of a preparation does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "port/pagetable.h"
#include "tools/host/arena.h"

#define NR_PAGES 300u
#define ALL_FLAGS                                                                      \
    (PTE_FLAG_READ | PTE_FLAG_WRITE | PTE_FLAG_EXEC | PTE_FLAG_USER | PTE_FLAG_DIRTY | \
     PTE_FLAG_ACCESSED)

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Clusters of neighbours, at places all over the user half, its very ends included. */
static uint64_t address_of(unsigned i)
{
    static const uint64_t bases[] = {
        0, 0x100000, 0x1ff000, 0x3fe00000, 0x3fffff000, 0x2aaaaaa000, USER_END - 50 * PAGE_SIZE};

    return bases[i % array_size(bases)] + (i / array_size(bases)) * PAGE_SIZE;
}

static int set_up(void **state)
{
    const char *from_environment = getenv("SEED");
    struct frame_range ram = {host_arena(8 << 20), 8 << 20};

    (void)state;
    seed = from_environment != NULL && *from_environment != 0 ? strtoull(from_environment, NULL, 0)
                                                              : 77;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return frames_init(&ram, 1, NULL, 0);
}

struct model {
    bool is_present;
    uint64_t frame;
    uint32_t flags;
};

static void assert_same(struct pte pte, const struct model *model)
{
    assert_int_equal(pte.is_present, model->is_present);
    if (model->is_present) {
        assert_int_equal(pte.frame.addr, model->frame);
        assert_int_equal(pte.flags, model->flags);
    }
}

struct walk {
    struct model *model;
    uint64_t last;
    uint64_t start, end;
    unsigned nr_seen, stop_after;
};

static bool visit(struct pte_slot slot, uint64_t address, struct pte pte, void *arg)
{
    struct walk *walk = arg;

    assert_int_equal(pte_slot_get(slot).frame.addr, pte.frame.addr);
    assert_true(walk->nr_seen == 0 || address > walk->last);
    assert_in_range(address, walk->start, walk->end - 1);
    walk->last = address;
    walk->nr_seen++;
    for (unsigned i = 0; i < NR_PAGES; i++) {
        if (address_of(i) == address) {
            assert_same(pte, &walk->model[i]);
            assert_true(walk->model[i].is_present);
            return walk->nr_seen != walk->stop_after;
        }
    }
    fail_msg("visited %#llx, which was never mapped", (unsigned long long)address);
    return false;
}

static unsigned count(const struct model *model, uint64_t start, uint64_t end)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < NR_PAGES; i++) {
        nr += model[i].is_present && address_of(i) >= start && address_of(i) < end;
    }
    return nr;
}

static void check_walk(struct pagetable *table, struct model *model, uint64_t start, uint64_t end)
{
    struct walk walk = {.model = model, .start = start, .end = end};

    pagetable_walk(table, start, end, visit, &walk);
    assert_int_equal(walk.nr_seen, count(model, start, end));
}

/* Write takes read with it in hardware; nothing at all is a page that faults. */
static uint32_t random_flags(void)
{
    uint32_t flags = (uint32_t)next_random() & ALL_FLAGS;

    return (flags & PTE_FLAG_WRITE) != 0 ? flags | PTE_FLAG_READ : flags;
}

static void behaves_like_an_array(void **state)
{
    static struct model model[NR_PAGES];
    uint64_t nr_free = frames_nr_free();
    struct pagetable table;
    struct pte_slot slot;

    (void)state;
    assert_int_equal(pagetable_init(&table), 0);
    for (int step = 0; step < 20000; step++) {
        unsigned i = (unsigned)(next_random() % NR_PAGES);
        uint64_t address = address_of(i);

        switch (next_random() % 4) {
        case 0:
        case 1:
            model[i] = (struct model){true, (next_random() % (1ul << 44)) << PAGE_SHIFT,
                                      random_flags()};
            assert_int_equal(pagetable_prepare(&table, address, ALLOC_KERNEL, &slot), 0);
            if (step % 2 == 0) {
                pte_slot_set(slot, phys(model[i].frame), model[i].flags);
            } else {
                pagetable_set(&table, address, phys(model[i].frame), model[i].flags);
            }
            break;
        case 2:
            assert_same(pagetable_clear(&table, address), &model[i]);
            model[i].is_present = false;
            break;
        default: assert_same(pagetable_get(&table, address), &model[i]); break;
        }
        if (step % 500 == 0) {
            uint64_t start = address_of((unsigned)(next_random() % NR_PAGES));

            check_walk(&table, model, 0, USER_END);
            check_walk(&table, model, start, USER_END);
            check_walk(&table, model, 0, start);
        }
    }
    struct walk walk = {.model = model, .end = USER_END, .stop_after = 3};
    pagetable_walk(&table, 0, USER_END, visit, &walk);
    assert_int_equal(walk.nr_seen, 3);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_same(pagetable_clear(&table, address_of(i)), &model[i]);
        model[i].is_present = false;
    }
    check_walk(&table, model, 0, USER_END);
    pagetable_destroy(&table);
    frames_drain_hot();
    assert_int_equal(frames_nr_free(), nr_free);
}

static void running_out_of_frames_is_an_error_and_no_leak(void **state)
{
    uint64_t nr_free = frames_nr_free();
    struct page *hoard = NULL;
    struct pagetable table;
    unsigned nr_prepared = 0;

    (void)state;
    assert_int_equal(pagetable_init(&table), 0);
    for (struct page *page; (page = frames_alloc(0, ALLOC_QUIET)) != NULL; hoard = page) {
        page->used.private = (uint64_t)hoard;
    }
    for (unsigned i = 0; i < 3;
         i++) { /* give three frames back: one address of four tables cannot be prepared */
        struct page *page = hoard;

        hoard = (struct page *)page->used.private;
        frames_free(page, 0);
    }
    for (uint64_t address = 0; address < USER_END && nr_prepared < 100;
         address += 1ul << 30, nr_prepared++) {
        struct pte_slot slot;
        int error = pagetable_prepare(&table, address, ALLOC_QUIET, &slot);

        if (error != 0) {
            assert_int_equal(error, -ENOMEM);
            break;
        }
        pagetable_set(&table, address, phys(0x1000), PTE_FLAG_READ);
    }
    assert_true(nr_prepared <= 1);
    for (unsigned i = 0; i < nr_prepared; i++) {
        assert_true(pagetable_clear(&table, i * (1ul << 30)).is_present);
    }
    pagetable_destroy(&table);
    while (hoard != NULL) {
        struct page *page = hoard;

        hoard = (struct page *)page->used.private;
        frames_free(page, 0);
    }
    frames_drain_hot();
    assert_int_equal(frames_nr_free(), nr_free);
}

static void window_is_a_second_address_of_the_same_page(void **state)
{
    struct page *page = frames_alloc(0, ALLOC_KERNEL);
    char *there = (char *)(VMALLOC_BASE + 5 * PAGE_SIZE);

    (void)state;
    assert_int_equal(
        pagetable_map_kernel((uint64_t)there, page_to_phys(page), PTE_FLAG_READ | PTE_FLAG_WRITE),
        0);
    strlcpy(page_address(page), "seen twice", PAGE_SIZE);
    assert_string_equal(there, "seen twice");
    pagetable_unmap_kernel((uint64_t)there, PAGE_SIZE);
    frames_free(page, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_an_array),
        cmocka_unit_test(running_out_of_frames_is_an_error_and_no_leak),
        cmocka_unit_test(window_is_a_second_address_of_the_same_page),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
