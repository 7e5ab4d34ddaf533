// SPDX-License-Identifier: MIT
/* The page cache when memory is short: more is read and written than fits, writers are held back,
 * and any allocation may fail. */
#include "fs/cache/test/cache_world.h"

#include <unistd.h>

#include "mm/fault_inject.h"
#include "mm/reclaim.h"
#include "mm/slab.h"

#define RAM_BYTES (24 * MIB)

static uint8_t buffer[64 << 10];

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(position % 251);
}

/* ---- More than fits ------------------------------------------------------------------------------- */

static void a_disk_larger_than_memory_can_be_read(void **state)
{
    const uint64_t nr_sectors = 3 * RAM_BYTES / SECTOR_SIZE;
    struct host_disk *disk = host_disk_new(nr_sectors);
    struct mapping *mapping;

    for (uint64_t i = 0; i < nr_sectors; i++) {
        disk->bytes[i * SECTOR_SIZE] = (uint8_t)(i * 5);
    }
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t index = 0; index < nr_sectors / 8; index++) {
            struct page *page;

            assert_int_equal(mapping_read(mapping, index, 8, &page), 0);
            assert_int_equal(*(uint8_t *)page_address(page), (uint8_t)(index * 8 * 5));
            page_put(page);
        }
    }
    assert_true(mapping->nr_pages < RAM_BYTES / PAGE_SIZE);
    host_disk_free(disk);
}

static void change_page(struct mapping *mapping, uint64_t index, uint8_t byte)
{
    struct page *page;

    assert_int_equal(mapping_grab(mapping, index, &page), 0);
    memset(page_address(page), byte, PAGE_SIZE);
    page_set(page, PAGE_UPTODATE);
    page_mark_dirty(page, 0, PAGE_SIZE);
    page_unlock(page);
    page_put(page);
}

/* Writers that ask writeback_throttle() are held back before memory is full of what nobody can drop. */
static void writers_are_held_back_while_too_much_is_dirty(void **state)
{
    const uint64_t nr_pages = 3 * RAM_BYTES / PAGE_SIZE;
    struct host_disk *disk = host_disk_new(nr_pages * 8);
    uint64_t max_dirty = 0;
    struct mapping *mapping;

    host_disk_set_async(disk, 16, 30);
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    for (uint64_t index = 0; index < nr_pages; index++) {
        change_page(mapping, index, (uint8_t)(index * 3 + 1));
        if (index % 16 == 15) {
            writeback_throttle();
        }
        max_dirty = max_of(max_dirty, writeback_nr_dirty());
    }
    assert_true(max_dirty < RAM_BYTES / PAGE_SIZE / 4); /* a fifth, and what came in one go */
    assert_int_equal(mapping_write_and_wait(mapping, 0, UINT64_MAX), 0);
    for (uint64_t index = 0; index < nr_pages; index++) {
        assert_int_equal(disk->bytes[index * PAGE_SIZE], (uint8_t)(index * 3 + 1));
        assert_int_equal(disk->bytes[index * PAGE_SIZE + PAGE_SIZE - 1], (uint8_t)(index * 3 + 1));
    }
    host_disk_free(disk);
}

/* Those that do not ask get their memory all the same: reclaim waits for pages to become clean. */
static void dirty_pages_become_free_memory_by_being_written(void **state)
{
    const uint64_t nr_pages = 2 * RAM_BYTES / PAGE_SIZE;
    struct host_disk *disk = host_disk_new(nr_pages * 8);
    struct mapping *mapping;

    host_disk_set_async(disk, 16, 10);
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    for (uint64_t index = 0; index < nr_pages; index++) {
        change_page(mapping, index, 9);
    }
    assert_int_equal(mapping_write_and_wait(mapping, 0, UINT64_MAX), 0);
    host_disk_free(disk);
}

/* What reclaim waits for is a page that has arrived, not one whose write was begun: a slow disk takes all
 * there is at once, and that is not the end of what can be had back. */
static void waiting_for_writeback_is_waiting_for_the_disk(void **state)
{
    struct host_disk *disk = host_disk_new(64);
    struct mapping *mapping;
    struct page *page;

    host_disk_set_async(disk, 16, 30000);
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    change_page(mapping, 0, 9);
    page = mapping_find(mapping, 0);
    assert_int_equal(mapping_start_write(mapping, 1), 1);
    assert_true(page_has(page, PAGE_WRITEBACK));
    assert_int_equal(writeback_nr_dirty(), 0);
    assert_true(writeback_wait_some());
    assert_false(page_has(page, PAGE_WRITEBACK));
    page_put(page);
    host_disk_free(disk);
}

static void the_writeback_thread_writes_what_is_old(void **state)
{
    struct host_disk *disk = host_disk_new(64);
    struct mapping *mapping;

    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    change_page(mapping, 3, 7);
    for (unsigned i = 0; i < 200 && writeback_nr_dirty() != 0; i++) {
        usleep(100000); /* it looks every half second */
    }
    assert_int_equal(writeback_nr_dirty(), 0);
    assert_int_equal(mapping_write_and_wait(mapping, 0, UINT64_MAX), 0);
    assert_int_equal(disk->bytes[3 * PAGE_SIZE], 7);
    host_disk_free(disk);
}

/* ---- Clean pages ------------------------------------------------------------------------------------ */

static void only_clean_pages_nobody_uses_are_dropped(void **state)
{
    struct page *held;

    world_begin(12, 1);
    make_file(16 * PAGE_SIZE, pattern);
    assert_int_equal(file_read(buffer, 16 * PAGE_SIZE, 0, NULL), 16 * PAGE_SIZE);
    assert_int_equal(file_write(buffer, 10, 0), 10);
    held = mapping_find(file_mapping(), 5);
    assert_non_null(held);
    assert_int_equal(mapping_drop_clean(file_mapping()), 14);
    assert_int_equal(file_mapping()->nr_pages, 2);
    page_put(held);
    assert_int_equal(mapping_drop_clean(file_mapping()), 1);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(mapping_drop_clean(file_mapping()), 1);
    world_end();
}

static bool is_cached(uint64_t index)
{
    struct page *page = mapping_find(file_mapping(), index);

    if (page != NULL) {
        page_put(page);
    }
    return page != NULL;
}

/* Reclaim from the page cache: what caches of objects keep would be given first. */
static uint64_t reclaim_pages(uint64_t nr_frames)
{
    (void)slab_reap();
    return reclaim_frames(nr_frames, ALLOC_WAIT);
}

static void a_page_in_use_gets_a_second_chance(void **state)
{
    world_begin(12, 1);
    make_file(64 * PAGE_SIZE, pattern);
    (void)reclaim_frames(100000, ALLOC_WAIT);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(file_read(buffer, 1, i * PAGE_SIZE, NULL), 1);
    }
    (void)reclaim_pages(1); /* takes away all marks, and then the oldest page */
    assert_int_equal(file_read(buffer, 10 * PAGE_SIZE, PAGE_SIZE, NULL), 10 * PAGE_SIZE);
    (void)reclaim_pages(20);
    assert_int_equal(file_mapping()->nr_pages, 64 - 21);
    for (unsigned i = 1; i <= 10; i++) { /* older than those that went, but used */
        assert_true(is_cached(i));
    }
    assert_false(is_cached(11));
    world_end();
}

static void the_last_pages_stay(void **state)
{
    world_begin(12, 1);
    make_file(64 * PAGE_SIZE, pattern);
    (void)reclaim_frames(100000, ALLOC_WAIT);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(file_read(buffer, 1, i * PAGE_SIZE, NULL), 1);
    }
    cache_set_floor(cache_nr_pages() - 10);
    assert_in_range(reclaim_pages(10), 10, 64);
    assert_int_equal(reclaim_pages(10), 0);
    cache_set_floor(0);
    assert_int_equal(reclaim_pages(10), 10);
    world_end();
}

/* ---- The n-th allocation fails --------------------------------------------------------------------------- */

static uint64_t free_frames(void)
{
    (void)slab_reap();
    frames_drain_hot();
    return frames_nr_free();
}

/* Reads, writes, cuts, grows and syncs a file. Returns the first error. */
static int use_file(void)
{
    ssize_t result = file_write(buffer, 20000, 5000);

    if (result >= 0) {
        result = file_sync();
    }
    if (result >= 0) {
        mapping_drop_clean(file_mapping());
        result = file_read(buffer, 30000, 0, NULL);
    }
    if (result >= 0) {
        result = file_write(buffer, 100, 3000000); /* far away: a deeper tree */
    }
    if (result >= 0) {
        result = file_resize(7000);
    }
    if (result >= 0) {
        result = file_resize(9000);
    }
    if (result >= 0) {
        result = file_read(buffer, 9000, 0, NULL) == 9000 ? file_sync() : -ENOMEM;
    }
    return (int)min_of(result, (ssize_t)0);
}

static void every_allocation_may_fail(void **state)
{
    unsigned nth = 1;

    world_begin(10, 1); /* caches come into being */
    assert_int_equal(use_file(), 0);
    world_end();
    for (; nth < 400; nth++) {
        uint64_t before;
        int error;

        world_begin(10, 1);
        before = free_frames();
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, (nth + 1) / 2, nth % 2 == 0);
        error = use_file();
        if (fault_inject_disarm() == 0) {
            assert_int_equal(error, 0);
            world_end();
            break;
        }
        assert_true(error == 0 || error == -ENOMEM);
        assert_int_equal(use_file(), 0); /* no lasting harm */
        assert_int_equal(file_resize(0), 0);
        assert_int_equal(file_mapping()->nr_pages, 0);
        assert_int_equal(writeback_nr_dirty(), 0);
        assert_int_equal(free_frames(), before);
        world_end();
    }
    assert_true(nth > 20 && nth < 400);
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(RAM_BYTES);
    return writeback_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writeback_thread_writes_what_is_old),
        cmocka_unit_test(only_clean_pages_nobody_uses_are_dropped),
        cmocka_unit_test(a_page_in_use_gets_a_second_chance),
        cmocka_unit_test(the_last_pages_stay),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_disk_larger_than_memory_can_be_read),
        cmocka_unit_test(writers_are_held_back_while_too_much_is_dirty),
        cmocka_unit_test(dirty_pages_become_free_memory_by_being_written),
        cmocka_unit_test(waiting_for_writeback_is_waiting_for_the_disk),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
