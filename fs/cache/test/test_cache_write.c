// SPDX-License-Identifier: MIT
/* Writing through the page cache: against a model, over every block size; and the places where it
 * would be easy to lose old content, to show a stranger's, or to forget dirt. */
#include "fs/cache/test/cache_world.h"

#define MODEL_BYTES (96u << 10)

static uint8_t buffer[256 << 10];
static uint8_t model[MODEL_BYTES]; /* the file as it must be; zeros behind its end */
static uint64_t model_size;

static uint8_t old_content(uint64_t position)
{
    return (uint8_t)(0x40 + position % 61);
}

static void expect_all(uint8_t byte, uint64_t position, size_t len)
{
    static uint8_t found[64 << 10];

    assert_int_equal(file_read(found, len, position, NULL), len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(found[i], byte);
    }
}

/* ---- The model --------------------------------------------------------------------------------- */

static void step_write(void)
{
    uint64_t position = host_random_below(&source, MODEL_BYTES - 1);
    size_t len = 1 + host_random_below(&source, host_random_below(&source, 3) == 0 ? 30000 : 3000);
    size_t reachable = len;
    ssize_t written;

    len = min_of(len, (size_t)(MODEL_BYTES - position));
    for (size_t i = 0; i < len; i++) {
        buffer[i] = (uint8_t)host_random_next(&source);
    }
    if (host_random_below(&source, 8) == 0) { /* the source ends somewhere in between */
        reachable = host_random_below(&source, len);
        host_user_declare(buffer + reachable, len - reachable, HOST_USER_BAD);
    } else if (host_random_below(&source, 4) == 0) {
        host_user_declare(buffer + host_random_below(&source, len), 1, HOST_USER_MISSING);
    }
    written = file_write(buffer, len, position);
    host_user_forget_all();
    reachable = min_of(reachable, len);
    assert_int_equal(written, reachable != 0 ? (ssize_t)reachable : -EFAULT);
    memcpy(model + position, buffer, reachable);
    if (reachable != 0) {
        model_size = max_of(model_size, position + reachable);
    }
}

static void step_resize(void)
{
    uint64_t size = host_random_below(&source, MODEL_BYTES);

    assert_int_equal(file_resize(size), 0);
    if (size < model_size) {
        memset(model + size, 0, model_size - size);
    }
    model_size = size;
}

static void check(void)
{
    assert_int_equal(inode_size(&world.inode), model_size);
    assert_int_equal(file_read(buffer, MODEL_BYTES, 0, NULL), model_size);
    assert_memory_equal(buffer, model, model_size);
    assert_int_equal(world.nr_foreign, 0);
}

static void random_changes_match_the_model(void **state)
{
    for (uint32_t shift = 9; shift <= 12; shift++) {
        world_begin(shift, 1 + shift % 3);
        memset(model, 0, sizeof(model));
        model_size = 0;
        for (unsigned i = 0; i < 1500; i++) {
            switch (host_random_below(&source, 12)) {
            case 0: step_resize(); break;
            case 1: file_forget(); break;
            case 2: assert_true(mapping_start_write(file_mapping(), 5) >= 0); break;
            case 3: mapping_drop_clean(file_mapping()); break;
            case 4 ... 5: check(); break;
            default: step_write(); break;
            }
        }
        file_forget();
        check();
        world_end();
    }
}

/* ---- Reading before writing -------------------------------------------------------------------- */

static void whole_pages_are_overwritten_without_reading_them(void **state)
{
    world_begin(10, 1);
    make_file(8 * PAGE_SIZE + 700, old_content);
    memset(buffer, 1, sizeof(buffer));
    assert_int_equal(file_write(buffer, 4 * PAGE_SIZE, PAGE_SIZE), 4 * PAGE_SIZE);
    assert_int_equal(file_write(buffer, 700, 8 * PAGE_SIZE), 700); /* all that the last page has */
    assert_int_equal(file_write(buffer, PAGE_SIZE, 12 * PAGE_SIZE), PAGE_SIZE); /* new */
    assert_int_equal(world.nr_reads, 0);
    file_forget();
    expect_all(1, PAGE_SIZE, 4 * PAGE_SIZE);
    expect_all(1, 8 * PAGE_SIZE, 700);
    expect_all(0, 8 * PAGE_SIZE + 700, 4 * PAGE_SIZE - 700);
    world_end();
}

static void partial_writes_keep_what_is_around_them(void **state)
{
    world_begin(10, 1);
    make_file(2 * PAGE_SIZE, old_content);
    memset(buffer, 1, sizeof(buffer));
    assert_int_equal(file_write(buffer, 10, 100), 10);
    file_forget();
    assert_int_equal(file_read(buffer, PAGE_SIZE, 0, NULL), PAGE_SIZE);
    assert_int_equal(buffer[99], old_content(99));
    assert_int_equal(buffer[100], 1);
    assert_int_equal(buffer[110], old_content(110));
    world_end();
}

/* ---- The source vanishes between the look and the copy --------------------------------------------- */

static size_t vanish_from;
static enum host_user_kind vanish_kind;

static void vanish(enum test_point point, void *object)
{
    if (point == TEST_WRITE_PREPARED) {
        atomic_store(&test_point_hook, NULL);
        host_user_declare(buffer + vanish_from, sizeof(buffer) - vanish_from, vanish_kind);
    }
}

static ssize_t write_with_vanishing_source(size_t len, uint64_t position, size_t from,
                                           enum host_user_kind kind)
{
    ssize_t result;

    vanish_from = from;
    vanish_kind = kind;
    atomic_store(&test_point_hook, vanish);
    result = file_write(buffer, len, position);
    atomic_store(&test_point_hook, NULL);
    host_user_forget_all();
    return result;
}

/* Overwriting all of a page that is not in memory, from a source that ends in the middle. */
static void a_source_that_vanishes_takes_no_old_content_with_it(void **state)
{
    static const uint64_t sizes[] = {PAGE_SIZE, 3000, 3 * PAGE_SIZE};
    static const size_t ends[] = {0, 1000};
    uint8_t found[PAGE_SIZE];

    memset(buffer, 1, sizeof(buffer));
    for (unsigned i = 0; i < array_size(sizes) * array_size(ends); i++) {
        uint64_t size = sizes[i % array_size(sizes)];
        size_t end = ends[i / array_size(sizes)];
        size_t len = min_of(size, PAGE_SIZE);

        world_begin(10, 1);
        make_file(size, old_content);
        assert_int_equal(write_with_vanishing_source(len, 0, end, HOST_USER_BAD),
                         end != 0 ? (ssize_t)end : -EFAULT);
        assert_int_equal(file_read(found, len, 0, NULL), len);
        for (size_t j = 0; j < len; j++) {
            assert_int_equal(found[j], j < end ? 1 : old_content(j));
        }
        world_end();
    }
}

static void a_source_that_comes_back_is_written_whole(void **state)
{
    memset(buffer, 1, sizeof(buffer));
    world_begin(10, 1);
    make_file(2 * PAGE_SIZE, old_content);
    assert_int_equal(write_with_vanishing_source(PAGE_SIZE, 0, 1000, HOST_USER_MISSING), PAGE_SIZE);
    assert_int_equal(write_with_vanishing_source(PAGE_SIZE, PAGE_SIZE, 0, HOST_USER_MISSING),
                     PAGE_SIZE);
    file_forget();
    expect_all(1, 0, 2 * PAGE_SIZE);
    world_end();
}

/* Blocks that the file was given for a write that then failed must not show what they held before. */
static void new_blocks_never_show_what_the_disk_held(void **state)
{
    memset(buffer, 1, sizeof(buffer));
    for (uint32_t shift = 10; shift <= 12; shift++) {
        for (size_t end = 0; end <= 1500; end += 1500) {
            world_begin(shift, 1);
            assert_int_equal(file_resize(4 * PAGE_SIZE), 0); /* all of it a hole */
            assert_int_equal(write_with_vanishing_source(PAGE_SIZE, PAGE_SIZE, end, HOST_USER_BAD),
                             end != 0 ? (ssize_t)end : -EFAULT);
            file_forget();
            if (end != 0) {
                expect_all(1, PAGE_SIZE, end);
            }
            expect_all(0, PAGE_SIZE + end, 3 * PAGE_SIZE - end);
            world_end();
        }
    }
}

static unsigned nr_blocks(void)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < MAX_BLOCKS; i++) {
        nr += world.map[i] != 0;
    }
    return nr;
}

static void blocks_behind_the_end_are_given_back_when_the_write_fails(void **state)
{
    memset(buffer, 1, sizeof(buffer));
    world_begin(10, 1);
    assert_int_equal(write_with_vanishing_source(PAGE_SIZE, 0, 0, HOST_USER_BAD), -EFAULT);
    assert_int_equal(nr_blocks(), 0);
    assert_int_equal(write_with_vanishing_source(PAGE_SIZE, 0, 1000, HOST_USER_BAD), 1000);
    assert_int_equal(nr_blocks(), 1);
    assert_int_equal(inode_size(&world.inode), 1000);
    assert_int_equal(file_write(buffer, PAGE_SIZE, 0), PAGE_SIZE); /* and can be had again */
    assert_int_equal(nr_blocks(), 4);
    file_forget();
    expect_all(1, 0, PAGE_SIZE);
    assert_int_equal(world.nr_trims, 2);
    world_end();
}

/* ---- Limits ------------------------------------------------------------------------------------- */

static void a_full_disk_takes_what_it_can(void **state)
{
    memset(buffer, 1, sizeof(buffer));
    world_begin(10, 1);
    world.nr_free = 6;
    assert_int_equal(file_write(buffer, 10000, 0), 6 * 1024);
    assert_int_equal(inode_size(&world.inode), 6 * 1024);
    assert_int_equal(file_write(buffer, 100, 6 * 1024), -ENOSPC);
    assert_int_equal(file_write(buffer, 100, 6 * 1024 - 50), 50);
    assert_int_equal(inode_size(&world.inode), 6 * 1024);
    assert_int_equal(file_write(buffer, 100, 5 * 1024), 100); /* in its place it can be */
    file_forget();
    expect_all(1, 0, 6 * 1024);
    world_end();
}

static void no_file_grows_beyond_the_largest(void **state)
{
    uint64_t max;

    world_begin(12, 1);
    max = world.super.max_file_bytes;
    assert_int_equal(file_write(buffer, 100, max - 40), 40);
    assert_int_equal(file_write(buffer, 1, max), -EFBIG);
    assert_int_equal(file_write(buffer, 1, UINT64_MAX), -EFBIG);
    assert_int_equal(file_write(buffer, 0, max), 0);
    world_end();
}

static void a_file_system_that_became_read_only_takes_no_writes(void **state)
{
    world_begin(12, 1);
    make_file(PAGE_SIZE, old_content);
    world.super.flags |= SUPER_RDONLY;
    assert_int_equal(file_write(buffer, 1, 0), -EROFS);
    world_end();
}

/* ---- The old end -------------------------------------------------------------------------------- */

/* Leave something behind the end of the file, as a store through a mapping can. */
static void scribble_behind_the_end(void)
{
    struct page *page;

    assert_int_equal(mapping_read(file_mapping(), 0, 1, &page), 0);
    memset((uint8_t *)page_address(page) + 100, 0x77, PAGE_SIZE - 100);
    page_put(page);
}

static void what_lies_behind_the_end_never_comes_into_the_file(void **state)
{
    for (unsigned how = 0; how < 3; how++) {
        world_begin(10, 1);
        memset(buffer, 1, sizeof(buffer));
        assert_int_equal(file_write(buffer, 100, 0), 100);
        file_forget();
        scribble_behind_the_end();
        if (how == 0) {
            assert_int_equal(file_write(buffer, 100, 2 * PAGE_SIZE), 100);
        } else if (how == 1) {
            assert_int_equal(file_resize(2 * PAGE_SIZE), 0);
        } else { /* on the disk neither */
            assert_int_equal(file_write(buffer, 1, 0), 1);
            assert_int_equal(file_sync(), 0);
            assert_int_equal(world.disk->bytes[(world.map[0] << 10) + 99], 1);
            assert_int_equal(world.disk->bytes[(world.map[0] << 10) + 100], 0);
            world_end();
            continue;
        }
        expect_all(0, 100, 2 * PAGE_SIZE - 100);
        file_forget();
        expect_all(0, 100, 2 * PAGE_SIZE - 100);
        world_end();
    }
}

static void a_file_whose_end_cannot_be_read_does_not_grow(void **state)
{
    world_begin(10, 1);
    make_file(100, old_content);
    world.read_error = -EIO;
    assert_int_equal(file_resize(2 * PAGE_SIZE), -EIO);
    assert_int_equal(file_write(buffer, 1, 2 * PAGE_SIZE), -EIO);
    assert_int_equal(inode_size(&world.inode), 100);
    world.read_error = 0;
    assert_int_equal(file_resize(2 * PAGE_SIZE), 0);
    expect_all(0, 100, 2 * PAGE_SIZE - 100);
    world_end();
}

/* ---- Dirt ----------------------------------------------------------------------------------------- */

static void only_dirty_blocks_are_written(void **state)
{
    world_begin(10, 1);
    make_file(4 * PAGE_SIZE, old_content);
    assert_int_equal(file_write(buffer, 10, 2000), 10);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(world.nr_sectors_written, 2);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(world.nr_sectors_written, 2);
    assert_int_equal(file_write(buffer, 4 * PAGE_SIZE, 0), 4 * PAGE_SIZE);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(world.nr_writes, 2); /* neighbours go together */
    assert_int_equal(world.nr_sectors_written, 2 + 32);
    assert_int_equal(writeback_nr_dirty(), 0);
    world_end();
}

static void a_write_error_is_reported_once_to_each_who_asks(void **state)
{
    uint32_t first = 0, second = 0;

    world_begin(12, 1);
    assert_int_equal(file_write(buffer, 100, 0), 100);
    world.write_error = -EIO;
    assert_int_equal(file_sync(), -EIO);
    assert_int_equal(mapping_check_error(file_mapping(), &first), -EIO);
    assert_int_equal(mapping_check_error(file_mapping(), &first), 0);
    assert_int_equal(mapping_check_error(file_mapping(), &second), -EIO);
    world.write_error = 0;
    assert_int_equal(file_write(buffer, 100, 0), 100);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(mapping_check_error(file_mapping(), &second), 0);
    world_end();
}

static void a_page_without_a_place_is_an_error_but_want_of_memory_only_a_delay(void **state)
{
    uint32_t seq = 0;

    memset(buffer, 5, sizeof(buffer));
    world_begin(12, 1);
    make_file(2 * PAGE_SIZE, old_content);
    assert_int_equal(file_write(buffer, PAGE_SIZE, 0), PAGE_SIZE);
    world.map_error = -ENOMEM;
    assert_int_equal(file_sync(), -ENOMEM);
    assert_int_equal(file_mapping()->nr_dirty, 1);
    assert_int_equal(mapping_check_error(file_mapping(), &seq), 0);
    world.map_error = 0;
    file_forget();
    expect_all(5, 0, PAGE_SIZE);
    assert_int_equal(file_write(buffer, PAGE_SIZE, PAGE_SIZE), PAGE_SIZE);
    world.map_error = -EUCLEAN;
    assert_int_equal(file_sync(), -EUCLEAN);
    assert_int_equal(file_mapping()->nr_dirty, 0); /* it would only come again */
    assert_int_equal(mapping_check_error(file_mapping(), &seq), -EUCLEAN);
    world_end();
}

static void background_writes_go_round_the_file(void **state)
{
    world_begin(12, 1);
    assert_int_equal(file_write(buffer, 20 * PAGE_SIZE, 0), 20 * PAGE_SIZE);
    assert_int_equal(mapping_start_write(file_mapping(), 8) >= 8, 1);
    assert_int_equal(file_write(buffer, PAGE_SIZE, 0), PAGE_SIZE);
    while (file_mapping()->nr_dirty != 0) {
        assert_true(mapping_start_write(file_mapping(), 8) > 0);
    }
    assert_int_equal(world.nr_sectors_written, 21 * 8);
    assert_int_equal(mapping_start_write(file_mapping(), 8), 0);
    world_end();
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(64 * MIB);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_match_the_model),
        cmocka_unit_test(whole_pages_are_overwritten_without_reading_them),
        cmocka_unit_test(partial_writes_keep_what_is_around_them),
        cmocka_unit_test(a_source_that_vanishes_takes_no_old_content_with_it),
        cmocka_unit_test(a_source_that_comes_back_is_written_whole),
        cmocka_unit_test(new_blocks_never_show_what_the_disk_held),
        cmocka_unit_test(blocks_behind_the_end_are_given_back_when_the_write_fails),
        cmocka_unit_test(a_full_disk_takes_what_it_can),
        cmocka_unit_test(no_file_grows_beyond_the_largest),
        cmocka_unit_test(a_file_system_that_became_read_only_takes_no_writes),
        cmocka_unit_test(what_lies_behind_the_end_never_comes_into_the_file),
        cmocka_unit_test(a_file_whose_end_cannot_be_read_does_not_grow),
        cmocka_unit_test(only_dirty_blocks_are_written),
        cmocka_unit_test(a_write_error_is_reported_once_to_each_who_asks),
        cmocka_unit_test(a_page_without_a_place_is_an_error_but_want_of_memory_only_a_delay),
        cmocka_unit_test(background_writes_go_round_the_file),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
