// SPDX-License-Identifier: MIT
/* Reading through the page cache: how much is asked of the disk and in what pieces, holes, ends,
 * errors. */
#include "fs/cache/test/cache_world.h"

#define CHUNK 4096u

static uint8_t buffer[1 << 20];

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(position * 7 + (position >> 8) * 3 + (position >> 16));
}

static void expect_content(const uint8_t *bytes, uint64_t position, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(bytes[i], pattern(position + i));
    }
}

static void sequential_reads_come_in_large_requests(void **state)
{
    const uint64_t size = 8 * MIB;
    struct readahead readahead = {0};

    world_begin(12, 1);
    make_file(size, pattern);
    for (uint64_t position = 0; position < size; position += CHUNK) {
        if (position == MIB) { /* warm by now */
            world.smallest_read = UINT32_MAX;
        }
        if (position == size - MIB) { /* the last request is what is left */
            assert_true(world.smallest_read >= 128 * 1024 / SECTOR_SIZE);
        }
        assert_int_equal(file_read(buffer, CHUNK, position, &readahead), CHUNK);
        expect_content(buffer, position, CHUNK);
    }
    assert_int_equal(world.nr_sectors_read, size / SECTOR_SIZE); /* nothing was read twice */
    world_end();
}

static void a_sequential_reader_of_odd_pieces_is_recognised_too(void **state)
{
    const uint64_t size = 4 * MIB;
    struct readahead readahead = {0};

    world_begin(10, 1);
    make_file(size, pattern);
    for (uint64_t position = 0; position < size;) {
        ssize_t nr = file_read(buffer, 1000, position, &readahead);

        assert_true(nr > 0);
        expect_content(buffer, position, (size_t)nr);
        position += (uint64_t)nr;
    }
    assert_true(world.nr_reads < 64);
    assert_int_equal(world.nr_sectors_read, size / SECTOR_SIZE);
    world_end();
}

static void random_reads_read_what_they_ask_for(void **state)
{
    const uint64_t nr_pages = 1000;
    struct readahead readahead = {0};
    uint64_t page = 500;

    world_begin(12, 1);
    make_file(nr_pages * PAGE_SIZE, pattern);
    for (unsigned i = 0; i < 100; i++) {
        page = (page + 37 + host_random_below(&source, 900)) % (nr_pages - 1) + 1;
        mapping_drop_clean(file_mapping());
        forget_counts();
        assert_int_equal(file_read(buffer, 100, page * PAGE_SIZE + 300, &readahead), 100);
        expect_content(buffer, page * PAGE_SIZE + 300, 100);
        assert_int_equal(world.nr_reads, 1);
        assert_int_equal(world.nr_sectors_read, PAGE_SIZE / SECTOR_SIZE);
    }
    world_end();
}

static void a_program_that_reads_at_random_says_so(void **state)
{
    struct readahead readahead = {.is_random = true};

    world_begin(12, 1);
    make_file(64 * PAGE_SIZE, pattern);
    for (unsigned page = 0; page < 16; page++) { /* in order all the same */
        forget_counts();
        assert_int_equal(file_read(buffer, 100, page * PAGE_SIZE, &readahead), 100);
        assert_int_equal(world.nr_sectors_read, PAGE_SIZE / SECTOR_SIZE);
    }
    forget_counts();
    mapping_read_ahead(file_mapping(), 16, UINT64_MAX);
    assert_int_equal(world.nr_sectors_read, 48 * PAGE_SIZE / SECTOR_SIZE);
    assert_int_equal(mapping_drop_range(file_mapping(), 20, 29), 10);
    assert_int_equal(file_mapping()->nr_pages, 54);
    world_end();
}

static void one_large_read_is_one_run_of_requests(void **state)
{
    struct readahead readahead = {0};

    world_begin(12, 1);
    make_file(2 * MIB, pattern);
    assert_int_equal(file_read(buffer, 256 << 10, MIB, &readahead), 256 << 10);
    expect_content(buffer, MIB, 256 << 10);
    assert_int_equal(world.nr_reads, 1);
    assert_int_equal(world.nr_sectors_read, (256 << 10) / SECTOR_SIZE);
    world_end();
}

static void scattered_blocks_of_every_size_are_put_together(void **state)
{
    for (uint32_t shift = 9; shift <= 12; shift++) {
        world_begin(shift, 3);
        make_file(200 << shift, pattern);
        assert_int_equal(file_read(buffer, sizeof(buffer), 0, NULL), 200 << shift);
        expect_content(buffer, 0, 200 << shift);
        assert_int_equal(file_mapping()->nr_dirty, 0);
        world_end();
    }
}

static void holes_are_zeros_and_are_not_read(void **state)
{
    world_begin(10, 1);
    make_file(40 << 10, pattern);
    for (unsigned i = 0; i < 40; i++) {
        if (i % 3 != 0) {
            world.map[i] = 0;
        }
    }
    assert_int_equal(file_read(buffer, 40 << 10, 0, NULL), 40 << 10);
    for (unsigned i = 0; i < 40; i++) {
        if (i % 3 == 0) {
            expect_content(buffer + (i << 10), i << 10, 1024);
        } else {
            assert_int_equal(buffer[i << 10], 0);
            assert_int_equal(buffer[(i << 10) + 1023], 0);
        }
    }
    assert_int_equal(world.nr_sectors_read, 14 * 2);
    world_end();
}

static void reads_end_where_the_file_does(void **state)
{
    struct readahead readahead = {0};

    world_begin(10, 1);
    make_file(5 * 1024 + 300, pattern);
    assert_int_equal(file_read(buffer, 10000, 5000, &readahead), 420);
    expect_content(buffer, 5000, 420);
    assert_int_equal(file_read(buffer, 1, 5 * 1024 + 300, &readahead), 0);
    assert_int_equal(file_read(buffer, 1, 1ull << 40, &readahead), 0);
    assert_int_equal(file_read(buffer, 1, UINT64_MAX, &readahead), 0);
    assert_true(world.nr_sectors_read <= 12); /* six blocks: nothing behind the last */
    world_end();
}

static void a_device_need_not_end_with_a_page(void **state)
{
    struct host_disk *disk = host_disk_new(13);
    struct mapping *mapping;
    struct page *page;

    for (unsigned i = 0; i < 13 * SECTOR_SIZE; i++) {
        disk->bytes[i] = pattern(i);
    }
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    assert_int_equal(mapping_read(mapping, 1, 8, &page), 0);
    expect_content(page_address(page), PAGE_SIZE, 5 * SECTOR_SIZE);
    assert_int_equal(((uint8_t *)page_address(page))[5 * SECTOR_SIZE], 0);
    page_lock(page);
    memset(page_address(page), 1, PAGE_SIZE);
    page_mark_dirty(page, 0, PAGE_SIZE);
    page_unlock(page);
    page_put(page);
    assert_int_equal(mapping_write_and_wait(mapping, 0, UINT64_MAX), 0);
    assert_int_equal(disk->bytes[13 * SECTOR_SIZE - 1], 1);
    assert_int_equal(mapping_read(mapping, 2, 1, &page), -EFAULT);
    host_disk_free(disk);
}

static void a_failed_read_is_an_error_and_tried_again(void **state)
{
    world_begin(12, 1);
    make_file(64 << 10, pattern);
    world.read_error = -EIO;
    assert_int_equal(file_read(buffer, 100, 0, NULL), -EIO);
    assert_int_equal(file_read(buffer, 100, 0, NULL), -EIO);
    world.read_error = 0;
    assert_int_equal(file_read(buffer, 8192, 0, NULL), 8192);
    expect_content(buffer, 0, 8192);
    world_end();
}

static unsigned bad_block;

static int fail_bad_block(struct host_disk *disk, const struct block_request *request)
{
    uint64_t sector = (uint64_t)bad_block * 8;

    return sector >= request->sector && sector < request->sector + request->nr_sectors ? -EIO : 0;
}

static void a_bad_block_spoils_only_itself(void **state)
{
    struct readahead readahead = {0};
    ssize_t nr;

    world_begin(12, 1);
    make_file(64 << 10, pattern);
    bad_block = world.map[9];
    world.disk->filter = fail_bad_block;
    nr = file_read(buffer, 64 << 10, 0, &readahead);
    assert_int_equal(nr, 9 * PAGE_SIZE); /* what came before it */
    expect_content(buffer, 0, (size_t)nr);
    assert_int_equal(file_read(buffer, 100, 9 * PAGE_SIZE, &readahead), -EIO);
    assert_int_equal(file_read(buffer, 6 * PAGE_SIZE, 10 * PAGE_SIZE, &readahead), 6 * PAGE_SIZE);
    expect_content(buffer, 10 * PAGE_SIZE, 6 * PAGE_SIZE);
    world.disk->filter = watch;
    world_end();
}

static void what_the_block_map_says_reaches_the_reader(void **state)
{
    world_begin(12, 1);
    make_file(64 << 10, pattern);
    world.map_error = -EUCLEAN;
    assert_int_equal(file_read(buffer, 100, 0, NULL), -EUCLEAN);
    assert_int_equal(file_read(buffer, 100, 0, NULL), -EUCLEAN);
    world.map_error = 0;
    assert_int_equal(file_read(buffer, 100, 0, NULL), 100);
    expect_content(buffer, 0, 100);
    world_end();
}

static void a_bad_buffer_gives_what_fitted(void **state)
{
    world_begin(12, 1);
    make_file(64 << 10, pattern);
    host_user_declare(buffer + 5000, 100, HOST_USER_BAD);
    assert_int_equal(file_read(buffer, 10000, 0, NULL), 5000);
    assert_int_equal(file_read(buffer + 5000, 100, 0, NULL), -EFAULT);
    host_user_forget_all();
    world_end();
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(128 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential_reads_come_in_large_requests),
        cmocka_unit_test(a_sequential_reader_of_odd_pieces_is_recognised_too),
        cmocka_unit_test(random_reads_read_what_they_ask_for),
        cmocka_unit_test(a_program_that_reads_at_random_says_so),
        cmocka_unit_test(one_large_read_is_one_run_of_requests),
        cmocka_unit_test(scattered_blocks_of_every_size_are_put_together),
        cmocka_unit_test(holes_are_zeros_and_are_not_read),
        cmocka_unit_test(reads_end_where_the_file_does),
        cmocka_unit_test(a_device_need_not_end_with_a_page),
        cmocka_unit_test(a_failed_read_is_an_error_and_tried_again),
        cmocka_unit_test(a_bad_block_spoils_only_itself),
        cmocka_unit_test(what_the_block_map_says_reaches_the_reader),
        cmocka_unit_test(a_bad_buffer_gives_what_fitted),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
