// SPDX-License-Identifier: MIT
/* Which pages a read fault on an object enters: the first in a window of 16 pages its own page, the next
 * one all that is in memory. An object of many pages, some of which are not there, plays the file. And
 * what faults that replace a page do to the counts of pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/abi/errno.h"
#include "mm/frames.h"
#include "mm/space.h"
#include "mm/test/machine.h"

enum { WINDOW = 16, NR_PAGES = 64, ABSENT = 20 };

/* 2 MiB less half a window: the object lies across the border of two page tables. */
#define START (0x10200000ul - NR_PAGES / 2 * PAGE_SIZE)

static struct {
    struct map_object object;
    struct page *pages[NR_PAGES];
    unsigned nr_looked_for;
} file;

static struct space *space;

static int file_get_page(struct map_object *object, uint64_t index, unsigned nr_around,
                         struct page **page)
{
    (void)object;
    (void)nr_around;
    page_get(file.pages[index]);
    *page = file.pages[index];
    return 0;
}

static void file_find_pages(struct map_object *object, uint64_t index, unsigned nr,
                            struct page **pages)
{
    for (unsigned i = 0; i < nr; i++) {
        pages[i] = NULL;
        if (index + i != ABSENT) {
            assert_int_equal(file_get_page(object, index + i, 1, &pages[i]), 0);
        }
    }
    file.nr_looked_for += nr;
}

static void file_ignore(struct map_object *object)
{
    (void)object;
}

static const struct map_object_ops file_ops = {
    .get_page = file_get_page,
    .find_pages = file_find_pages,
    .get = file_ignore,
    .put = file_ignore,
};

static bool is_entered(unsigned page)
{
    return pagetable_get(&space->table, START + page * PAGE_SIZE).is_present;
}

/* Exactly the pages of [first, end) are entered, but for the one that is not in memory. */
static void assert_entered(unsigned first, unsigned end)
{
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_int_equal(is_entered(i), i >= first && i < end && (i != ABSENT || end == first + 1));
    }
}

static void read_page(unsigned page)
{
    assert_int_equal(space_fault(space, START + page * PAGE_SIZE, FAULT_READ), 0);
}

static void map(unsigned first, unsigned end)
{
    struct space_map_request request = {
        .address = START + first * PAGE_SIZE,
        .len_bytes = (end - first) * PAGE_SIZE,
        .flags = AREA_READ,
        .is_fixed = true,
        .object = &file.object,
        .object_index = first,
    };
    uint64_t address;

    assert_int_equal(space_map(space, &request, &address), 0);
}

static int start_all(void **state)
{
    (void)state;
    machine_start(32ul << 20);
    return 0;
}

static int start(void **state)
{
    (void)state;
    map_object_init(&file.object, &file_ops);
    file.nr_looked_for = 0;
    for (unsigned i = 0; i < NR_PAGES; i++) {
        file.pages[i] = frames_alloc(0, ALLOC_KERNEL | ALLOC_ZERO);
        assert_non_null(file.pages[i]);
        file.pages[i]->kind = PAGE_CACHE;
    }
    space = space_create();
    return space == NULL;
}

/* No page may keep a reference or a count of the mapping that is gone. */
static int stop(void **state)
{
    (void)state;
    space_put(space);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        assert_int_equal(page_refs(file.pages[i]), 1);
        assert_int_equal(atomic_load(&file.pages[i]->maps), 0);
        file.pages[i]->kind = PAGE_USED;
        page_put(file.pages[i]);
    }
    return 0;
}

static void the_first_read_of_a_window_enters_its_page_alone(void **state)
{
    (void)state;
    map(0, NR_PAGES);
    read_page(5);
    assert_entered(5, 6);
    assert_int_equal(file.nr_looked_for, 0);
    read_page(5 + 2 * WINDOW); /* far away, and in the next page table */
    assert_true(is_entered(5 + 2 * WINDOW));
    assert_int_equal(file.nr_looked_for, 0);
    assert_int_equal(atomic_load(&space->nr_object_pages), 2);
}

static void the_second_read_of_a_window_enters_all_that_is_in_memory(void **state)
{
    (void)state;
    map(0, NR_PAGES);
    read_page(WINDOW + 12);
    read_page(WINDOW + 2);
    assert_entered(WINDOW, 2 * WINDOW); /* the absent one among them is not */
    assert_int_equal(atomic_load(&space->nr_object_pages), WINDOW - 1);
    read_page(ABSENT); /* read in, for it is asked for */
    assert_true(is_entered(ABSENT));
}

static void a_read_in_order_goes_from_window_to_window(void **state)
{
    unsigned nr_faults = 0;

    (void)state;
    map(0, NR_PAGES);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        if (!is_entered(i)) {
            read_page(i);
            nr_faults++;
        }
    }
    /* Two in the first window, and one in each other but where a new page table begins; and one more
     * for the page that was not in memory. */
    assert_int_equal(nr_faults, 2 + 1 + 2 + 1 + 1);
}

static void a_window_ends_where_the_area_does(void **state)
{
    (void)state;
    map(3, 9);
    read_page(4);
    read_page(6);
    assert_entered(3, 9);
}

/* An anonymous page that takes another's place leaves the count as it is, one that takes a file's or the
 * zero page's raises it, and the pages replaced are let go. */
static void replacing_a_page_keeps_the_counts_right(void **state)
{
    struct space_map_request request = {.len_bytes = PAGE_SIZE, .flags = AREA_READ | AREA_WRITE};
    struct space *child;
    uint64_t anonymous, private_file;
    uint8_t byte = 1;

    (void)state;
    assert_int_equal(space_map(space, &request, &anonymous), 0);
    request.object = &file.object;
    assert_int_equal(space_map(space, &request, &private_file), 0);

    assert_int_equal(space_fault(space, anonymous, FAULT_READ), 0); /* the zero page */
    assert_int_equal(atomic_load(&space->nr_anon_pages), 0);
    assert_int_equal(space_write(space, anonymous, &byte, 1), 1);
    assert_int_equal(atomic_load(&space->nr_anon_pages), 1);

    assert_int_equal(space_fault(space, private_file, FAULT_READ), 0);
    assert_int_equal(atomic_load(&space->nr_object_pages), 1);
    assert_int_equal(space_write(space, private_file, &byte, 1), 1);
    assert_int_equal(atomic_load(&space->nr_object_pages), 0);
    assert_int_equal(atomic_load(&space->nr_anon_pages), 2);

    assert_int_equal(space_fork(space, &child), 0);
    assert_int_equal(space_write(space, anonymous, &byte, 1), 1);
    assert_int_equal(space_write(child, private_file, &byte, 1), 1);
    assert_int_equal(atomic_load(&space->nr_anon_pages), 2);
    assert_int_equal(atomic_load(&child->nr_anon_pages), 2);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t address = i == 0 ? anonymous : private_file;
        struct page *ours = page_from_phys(pagetable_get(&space->table, address).frame);
        struct page *its = page_from_phys(pagetable_get(&child->table, address).frame);

        assert_ptr_not_equal(ours, its);
        assert_int_equal(page_refs(ours), 1);
        assert_int_equal(page_refs(its), 1);
    }
    space_put(child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_read_of_a_window_enters_its_page_alone, start,
                                        stop),
        cmocka_unit_test_setup_teardown(the_second_read_of_a_window_enters_all_that_is_in_memory,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_read_in_order_goes_from_window_to_window, start, stop),
        cmocka_unit_test_setup_teardown(a_window_ends_where_the_area_does, start, stop),
        cmocka_unit_test_setup_teardown(replacing_a_page_keeps_the_counts_right, start, stop),
    };

    return cmocka_run_group_tests(tests, start_all, NULL);
}
