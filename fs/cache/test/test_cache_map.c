// SPDX-License-Identifier: MIT
/* Files that are mapped: what is stored through a mapping is read by read(2) and reaches the disk,
 * and the other way round; places on the disk are given when a page is first stored to; reclaim and
 * truncation take pages away. */
#include "fs/cache/test/cache_world.h"

#include "mm/reclaim.h"
#include "mm/space.h"

#define FILE_PAGES 8u

static struct space *space;
static uint64_t address;

static uint8_t pattern(uint64_t position)
{
    return (uint8_t)(1 + position % 97);
}

static void map_with(uint32_t flags)
{
    struct space_map_request request = {.len_bytes = FILE_PAGES * PAGE_SIZE,
                                        .flags = AREA_READ | AREA_MAY_WRITE | flags,
                                        .object = &file_mapping()->object};

    space = space_create();
    assert_non_null(space);
    assert_int_equal(space_map(space, &request, &address), 0);
}

static void begin(uint32_t block_shift, uint64_t size, uint32_t flags)
{
    world_begin(block_shift, 1);
    make_file(size, pattern);
    map_with(flags);
}

static void end(void)
{
    space_put(space);
    world_end();
}

static void unmap_and_forget(void)
{
    space_put(space);
    space = NULL;
    file_forget();
}

static bool store(uint64_t position, uint8_t byte)
{
    return space_write(space, address + position, &byte, 1) == 1;
}

/* The byte there; -1: none can be had. */
static int load(uint64_t position)
{
    uint8_t byte;

    return space_read(space, address + position, &byte, 1) == 1 ? byte : -1;
}

static int read_byte(uint64_t position)
{
    uint8_t byte;

    return file_read(&byte, 1, position, NULL) == 1 ? byte : -1;
}

static int byte_on_disk(uint64_t position)
{
    uint32_t block = world.map[position >> world.block_shift];
    uint64_t within = position & ((1u << world.block_shift) - 1);

    return block != 0 ? world.disk->bytes[((uint64_t)block << world.block_shift) + within] : -1;
}

#define SHARED (AREA_WRITE | AREA_SHARED)

static void stores_are_read_and_reach_the_disk(void **state)
{
    begin(10, 4 * PAGE_SIZE, SHARED);
    assert_int_equal(load(5000), pattern(5000));
    assert_true(store(5000, 200));
    assert_int_equal(read_byte(5000), 200);
    assert_int_equal(file_mapping()->nr_dirty, 1);
    assert_int_equal(byte_on_disk(5000), pattern(5000));
    assert_int_equal(file_sync(), 0);
    assert_int_equal(byte_on_disk(5000), 200);
    assert_int_equal(file_mapping()->nr_dirty, 0);
    assert_true(store(5001, 201)); /* the page is written again after a further store */
    assert_int_equal(file_mapping()->nr_dirty, 1);
    assert_int_equal(file_sync(), 0);
    assert_int_equal(byte_on_disk(5001), 201);
    end();
}

static void writes_are_seen_through_the_mapping(void **state)
{
    uint8_t byte = 99;

    begin(10, 4 * PAGE_SIZE, SHARED);
    assert_int_equal(load(100), pattern(100));
    assert_int_equal(file_write(&byte, 1, 100), 1);
    assert_int_equal(load(100), 99);
    end();
}

static void a_private_mapping_keeps_its_stores_to_itself(void **state)
{
    uint8_t byte = 98;

    begin(10, 4 * PAGE_SIZE, AREA_WRITE);
    assert_int_equal(load(5000), pattern(5000));
    assert_true(store(5000, 200));
    assert_int_equal(load(5000), 200);
    assert_int_equal(read_byte(5000), pattern(5000));
    assert_int_equal(file_mapping()->nr_dirty, 0);
    assert_int_equal(file_write(&byte, 1, 5001), 1);
    assert_int_equal(load(5001), pattern(5001)); /* its copy was made before */
    assert_int_equal(file_write(&byte, 1, 100), 1);
    assert_int_equal(load(100), 98); /* of this page it has none */
    end();
}

static void pages_behind_the_end_cannot_be_had(void **state)
{
    begin(10, PAGE_SIZE + 100, SHARED);
    assert_int_equal(load(PAGE_SIZE + 99), pattern(PAGE_SIZE + 99));
    assert_int_equal(load(PAGE_SIZE + 2000), 0); /* the rest of the last page is zeros */
    assert_int_equal(load(2 * PAGE_SIZE), -1);
    assert_false(store(2 * PAGE_SIZE, 1));
    assert_int_equal(space_fault(space, address + 2 * PAGE_SIZE, FAULT_READ), -ENODATA);
    assert_true(store(PAGE_SIZE + 2000, 7)); /* allowed, and not the file's */
    assert_int_equal(file_sync(), 0);
    assert_int_equal(file_resize(2 * PAGE_SIZE), 0);
    assert_int_equal(read_byte(PAGE_SIZE + 2000), 0);
    end();
}

static void truncation_takes_pages_away_even_private_copies(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        begin(12, 4 * PAGE_SIZE, i == 0 ? SHARED : AREA_WRITE);
        assert_true(store(3 * PAGE_SIZE, 1));
        assert_true(store(PAGE_SIZE + 10, 2));
        assert_int_equal(load(2 * PAGE_SIZE), pattern(2 * PAGE_SIZE));
        assert_int_equal(file_resize(PAGE_SIZE + 5), 0);
        assert_int_equal(load(3 * PAGE_SIZE), -1);
        assert_int_equal(load(2 * PAGE_SIZE), -1);
        assert_int_equal(load(PAGE_SIZE), pattern(PAGE_SIZE));
        assert_int_equal(file_resize(4 * PAGE_SIZE), 0);
        assert_int_equal(load(3 * PAGE_SIZE), 0);
        end();
    }
}

/* ---- Places on the disk --------------------------------------------------------------------------- */

static void a_store_into_a_hole_gets_blocks_or_fails(void **state)
{
    world_begin(10, 1);
    assert_int_equal(file_resize(3 * PAGE_SIZE), 0);
    map_with(SHARED);
    assert_int_equal(load(0), 0);
    assert_int_equal(world.nr_creates, 0);
    assert_true(store(100, 5));
    assert_int_equal(world.nr_creates, 4); /* all of the page: later stores are not noticed */
    world.nr_free = 0;
    assert_int_equal(space_fault(space, address + PAGE_SIZE, FAULT_WRITE), -ENOSPC);
    assert_int_equal(load(PAGE_SIZE), 0);
    world.nr_free = 2; /* not enough for the page */
    assert_int_equal(space_fault(space, address + PAGE_SIZE, FAULT_WRITE), -ENOSPC);
    unmap_and_forget();
    assert_int_equal(read_byte(100), 5);
    assert_int_equal(read_byte(PAGE_SIZE), 0); /* and not what the two blocks held */
    assert_int_equal(read_byte(PAGE_SIZE + 1024), 0);
    end();
}

static void stores_behind_an_end_that_moves_are_not_lost(void **state)
{
    for (unsigned how = 0; how < 2; how++) {
        uint8_t byte = 9;

        begin(10, 100, SHARED);
        assert_true(store(50, 8)); /* writable now, with a place for the first block alone */
        if (how == 0) {
            assert_int_equal(file_resize(PAGE_SIZE), 0);
        } else {
            assert_int_equal(file_write(&byte, 1, PAGE_SIZE - 1), 1);
        }
        assert_true(store(3000, 10));
        unmap_and_forget();
        assert_int_equal(read_byte(50), 8);
        assert_int_equal(read_byte(3000), 10);
        end();
    }
}

static void a_read_only_file_system_is_not_stored_to(void **state)
{
    begin(10, PAGE_SIZE, SHARED);
    world.super.flags |= SUPER_RDONLY;
    assert_int_equal(space_fault(space, address, FAULT_WRITE), -EROFS);
    assert_int_equal(load(1), pattern(1));
    end();
}

static void an_unreadable_page_is_an_error_of_the_access(void **state)
{
    begin(10, PAGE_SIZE, SHARED);
    world.read_error = -EIO;
    assert_int_equal(space_fault(space, address, FAULT_READ), -EIO);
    world.read_error = 0;
    assert_int_equal(load(0), pattern(0));
    end();
}

/* ---- Reclaim ---------------------------------------------------------------------------------------- */

static void reclaim_unmaps_clean_pages_and_leaves_dirty_ones(void **state)
{
    begin(12, 8 * PAGE_SIZE, SHARED);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(load(i * PAGE_SIZE), pattern(i * PAGE_SIZE));
    }
    assert_true(store(0, 77));
    assert_int_equal(mapping_drop_clean(file_mapping()), 0); /* all are mapped */
    (void)reclaim_frames(1000, ALLOC_WAIT | ALLOC_NOFS);     /* takes no lock that could be held */
    assert_int_equal(file_mapping()->nr_pages, 1);
    assert_int_equal(load(5 * PAGE_SIZE), pattern(5 * PAGE_SIZE)); /* comes back */
    assert_int_equal(load(0), 77);
    assert_int_equal(file_sync(), 0);
    (void)reclaim_frames(1000, ALLOC_WAIT);
    (void)reclaim_frames(1000, ALLOC_WAIT);
    assert_int_equal(file_mapping()->nr_pages, 0);
    assert_int_equal(load(0), 77);
    end();
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
        cmocka_unit_test(stores_are_read_and_reach_the_disk),
        cmocka_unit_test(writes_are_seen_through_the_mapping),
        cmocka_unit_test(a_private_mapping_keeps_its_stores_to_itself),
        cmocka_unit_test(pages_behind_the_end_cannot_be_had),
        cmocka_unit_test(truncation_takes_pages_away_even_private_copies),
        cmocka_unit_test(a_store_into_a_hole_gets_blocks_or_fails),
        cmocka_unit_test(stores_behind_an_end_that_moves_are_not_lost),
        cmocka_unit_test(a_read_only_file_system_is_not_stored_to),
        cmocka_unit_test(an_unreadable_page_is_an_error_of_the_access),
        cmocka_unit_test(reclaim_unmaps_clean_pages_and_leaves_dirty_ones),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
