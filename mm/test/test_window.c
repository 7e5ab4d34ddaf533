// SPDX-License-Identifier: MIT
/* Windows of addresses against a map of pages; the tree checks itself after each random step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/abi/errno.h"
#include "mm/window.h"
#include "tools/host/host.h"

#define START 0xffffffe000001000ul
enum { NR_PAGES = 2000, NR_AREAS = 150, NR_STEPS = 30000 };

static struct host_random source;
static struct window window;

/* Whose each page of the window is: an area and its guard, plus 1; 0: nobody's. */
static uint16_t owner[NR_PAGES];

static void mark(const struct window_area *area, uint16_t from, uint16_t to)
{
    uint64_t first = (area->start - START) / PAGE_SIZE;
    uint64_t nr = area->len_bytes / PAGE_SIZE + 1; /* and the guard */

    assert_in_range(first, 0, NR_PAGES - 1);
    assert_in_range(first + nr, 1, NR_PAGES);
    for (uint64_t i = first; i < first + nr; i++) {
        assert_int_equal(owner[i], from);
        owner[i] = to;
    }
}

/* The first page at which an area would fit, by looking at every page; NR_PAGES: nowhere. */
static uint64_t first_fit(uint64_t nr)
{
    uint64_t run = 0;

    for (uint64_t i = 0; i < NR_PAGES; i++) {
        run = owner[i] == 0 ? run + 1 : 0;
        if (run == nr) {
            return i + 1 - nr;
        }
    }
    return NR_PAGES;
}

static void areas_never_touch_and_the_lowest_fit_is_taken(void **state)
{
    static struct window_area areas[NR_AREAS];
    static bool is_live[NR_AREAS];

    (void)state;
    window_init(&window, START, NR_PAGES * PAGE_SIZE);
    for (int step = 0; step < NR_STEPS; step++) {
        uint16_t i = (uint16_t)host_random_below(&source, NR_AREAS);
        struct window_area *area = &areas[i];
        if (!is_live[i]) {
            uint64_t len = 1 + host_random_below(&source, 40 * PAGE_SIZE);
            uint64_t align = PAGE_SIZE << (host_random_below(&source, 4) == 0 ? 3 : 0);
            uint64_t pages = (len + PAGE_SIZE - 1) / PAGE_SIZE + 1;
            int error = window_alloc(&window, len, align, area);
            if (error == 0) {
                assert_int_equal(area->start % align, 0);
                assert_true(area->len_bytes >= len);
                if (align == PAGE_SIZE) {
                    assert_int_equal((area->start - START) / PAGE_SIZE, first_fit(pages));
                }
                mark(area, 0, i + 1);
                is_live[i] = true;
            } else {
                assert_int_equal(error, -ENOMEM);
                assert_true(align != PAGE_SIZE || first_fit(pages) == NR_PAGES);
            }
        } else {
            uint64_t offset = host_random_below(&source, area->len_bytes);
            assert_ptr_equal(window_find(&window, area->start + offset), area);
            assert_ptr_not_equal(window_find(&window, area->start + area->len_bytes), area);
            mark(area, i + 1, 0);
            window_free(&window, area);
            is_live[i] = false;
        }
        window_check(&window);
    }
}

static void a_guard_page_belongs_to_nobody(void **state)
{
    struct window_area a, b;

    (void)state;
    window_init(&window, START, 16 * PAGE_SIZE);
    assert_int_equal(window_alloc(&window, PAGE_SIZE, PAGE_SIZE, &a), 0);
    assert_int_equal(window_alloc(&window, 1, PAGE_SIZE, &b), 0);
    assert_int_equal(b.start, a.start + 2 * PAGE_SIZE);
    assert_null(window_find(&window, a.start + PAGE_SIZE));
    assert_null(window_find(&window, a.start - 1));
    assert_ptr_equal(window_find(&window, a.start + PAGE_SIZE - 1), &a);
}

static void bad_sizes_are_refused(void **state)
{
    struct window_area area;

    (void)state;
    window_init(&window, START, 16 * PAGE_SIZE);
    assert_int_equal(window_alloc(&window, 0, PAGE_SIZE, &area), -EINVAL);
    assert_int_equal(window_alloc(&window, UINT64_MAX, PAGE_SIZE, &area), -ENOMEM);
    assert_int_equal(window_alloc(&window, UINT64_MAX - 8000, PAGE_SIZE, &area), -ENOMEM);
    assert_int_equal(window_alloc(&window, 16 * PAGE_SIZE, PAGE_SIZE, &area),
                     -ENOMEM); /* no guard */
    assert_int_equal(window_alloc(&window, 15 * PAGE_SIZE, PAGE_SIZE, &area), 0);
    window_check(&window);
    window_free(&window, &area);
    assert_int_equal(window_alloc(&window, PAGE_SIZE, 1ul << 40, &area), -ENOMEM);
    window_check(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(areas_never_touch_and_the_lowest_fit_is_taken),
        cmocka_unit_test(a_guard_page_belongs_to_nobody),
        cmocka_unit_test(bad_sizes_are_refused),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
