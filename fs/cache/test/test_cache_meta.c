// SPDX-License-Identifier: MIT
/* Metadata in the device's cache: blocks smaller than a page are read and written alone, new ones
 * are not read, forgotten ones are not written. */
#include "fs/cache/test/cache_world.h"

static void begin(void)
{
    world_begin(10, 1);
    memset(world.is_used, 1, sizeof(world.is_used)); /* every block is metadata here */
}

static uint8_t *disk_block(uint64_t block, uint32_t size)
{
    return world.disk->bytes + block * size;
}

static void read_block(uint64_t block, uint32_t size, struct meta_block *meta)
{
    assert_int_equal(meta_read(&world.super, block, size, meta), 0);
    assert_int_equal(meta->len_bytes, size);
}

static void change(uint64_t block, uint32_t size, uint8_t byte)
{
    struct meta_block meta;

    read_block(block, size, &meta);
    memset(meta.data, byte, size);
    meta_mark_dirty(&meta);
    meta_put(&meta);
}

static void blocks_of_every_size_are_found_in_their_page(void **state)
{
    begin();
    for (uint32_t size = 512; size <= PAGE_SIZE; size *= 2) {
        for (uint64_t block = 3; block < 12; block++) {
            struct meta_block meta;

            disk_block(block, size)[0] = (uint8_t)block;
            host_disk_forget_cache(world.disk);
            assert_int_equal(bdev_mapping(&world.disk->device, &world.super.metadata), 0);
            read_block(block, size, &meta);
            assert_int_equal(*(uint8_t *)meta.data, block);
            assert_int_equal(((uint8_t *)meta.data)[size - 1], STALE);
            meta_put(&meta);
        }
    }
    world_end();
}

static void a_changed_block_is_written_alone(void **state)
{
    begin();
    change(9, 1024, 1);
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(world.nr_writes, 1);
    assert_int_equal(world.nr_sectors_written, 2);
    assert_int_equal(disk_block(9, 1024)[1023], 1);
    assert_int_equal(disk_block(8, 1024)[1023], STALE);
    assert_int_equal(disk_block(10, 1024)[0], STALE);
    change(8, 1024, 2);
    change(11, 1024, 2); /* same page, not a neighbour */
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(world.nr_writes, 3);
    assert_int_equal(world.nr_sectors_written, 6);
    world_end();
}

static void a_block_can_be_written_now(void **state)
{
    struct meta_block meta;

    begin();
    change(20, 1024, 3); /* another one stays dirty */
    read_block(9, 1024, &meta);
    memset(meta.data, 4, 1024);
    meta_mark_dirty(&meta);
    assert_int_equal(meta_write_sync(&meta), 0);
    assert_int_equal(disk_block(9, 1024)[0], 4);
    assert_int_equal(world.nr_sectors_written, 2);
    world.write_error = -EIO;
    meta_mark_dirty(&meta);
    assert_int_equal(meta_write_sync(&meta), -EIO);
    world.write_error = 0;
    meta_mark_dirty(&meta);
    assert_int_equal(meta_write_sync(&meta), 0);
    meta_put(&meta);
    world_end();
}

static void a_new_block_is_zeros_and_is_not_read(void **state)
{
    struct meta_block meta;

    begin();
    assert_int_equal(meta_new(&world.super, 5, PAGE_SIZE, &meta), 0);
    assert_int_equal(world.nr_reads, 0);
    assert_int_equal(*(uint8_t *)meta.data, 0);
    meta_mark_dirty(&meta);
    meta_put(&meta);
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(disk_block(5, PAGE_SIZE)[PAGE_SIZE - 1], 0);
    change(5, PAGE_SIZE, 6);
    assert_int_equal(meta_new(&world.super, 5, PAGE_SIZE, &meta), 0); /* cached already */
    assert_int_equal(*(uint8_t *)meta.data, 0);
    meta_put(&meta);
    assert_int_equal(meta_new(&world.super, 41, 1024, &meta), 0); /* its neighbours are kept */
    assert_int_equal(*(uint8_t *)meta.data, 0);
    assert_int_equal(((uint8_t *)meta.data)[-1], STALE);
    assert_int_equal(((uint8_t *)meta.data)[1024], STALE);
    meta_put(&meta);
    world_end();
}

static void nothing_lies_beyond_the_device(void **state)
{
    struct meta_block meta;
    uint64_t nr;

    begin();
    nr = world.disk->device.nr_sectors;
    assert_int_equal(meta_read(&world.super, nr / 2 - 1, 1024, &meta), 0);
    meta_put(&meta);
    assert_int_equal(meta_read(&world.super, nr / 2, 1024, &meta), -EIO);
    assert_int_equal(meta_read(&world.super, nr / 8, PAGE_SIZE, &meta), -EIO);
    assert_int_equal(meta_read(&world.super, UINT64_MAX, 512, &meta), -EIO);
    assert_int_equal(meta_read(&world.super, UINT64_MAX / 512, 512, &meta), -EIO);
    assert_int_equal(meta_read(&world.super, UINT64_MAX / 1024 + 1, 1024, &meta), -EIO);
    assert_int_equal(meta_new(&world.super, nr / 8, PAGE_SIZE, &meta), -EIO);
    world.read_error = -EIO;
    assert_int_equal(meta_read(&world.super, 7, 1024, &meta), -EIO);
    world.read_error = 0;
    world_end();
}

static void forgotten_blocks_are_not_written(void **state)
{
    begin();
    for (uint64_t block = 8; block < 20; block++) {
        change(block, 1024, 7);
    }
    meta_forget(&world.super, 10, 7, 1024); /* parts of two pages, and one whole */
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(world.nr_sectors_written, 2 * 5);
    assert_int_equal(disk_block(9, 1024)[0], 7);
    assert_int_equal(disk_block(10, 1024)[0], STALE);
    assert_int_equal(disk_block(16, 1024)[0], STALE);
    assert_int_equal(disk_block(17, 1024)[0], 7);
    meta_forget(&world.super, 100, 4, 1024); /* what is not cached */
    world_end();
}

static void forgetting_waits_for_a_write_under_way(void **state)
{
    begin();
    host_disk_set_async(world.disk, 4, 3000);
    change(8, 1024, 7);
    assert_int_equal(mapping_start_write(world.super.metadata, 10), 1);
    meta_forget(&world.super, 8, 1, 1024);
    disk_block(8, 1024)[0] = 1; /* the new owner's */
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(disk_block(8, 1024)[0], 1);
    world_end();
}

static void a_block_changed_while_it_is_written_is_written_again(void **state)
{
    begin();
    host_disk_set_async(world.disk, 4, 2000);
    for (unsigned i = 0; i < 5; i++) {
        change(8, 1024, (uint8_t)(i + 1));
        assert_int_equal(mapping_start_write(world.super.metadata, 10), 1);
    }
    change(8, 1024, 50);
    assert_int_equal(meta_write_all(&world.super), 0);
    assert_int_equal(disk_block(8, 1024)[0], 50);
    assert_int_equal(disk_block(8, 1024)[1023], 50);
    world_end();
}

static void metadata_and_the_device_as_a_file_are_the_same_pages(void **state)
{
    struct page *page;

    begin();
    change(9, 1024, 8);
    assert_int_equal(mapping_read(world.super.metadata, 2, 1, &page), 0);
    assert_int_equal(((uint8_t *)page_address(page))[1024], 8);
    page_put(page);
    world_end();
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(64 * MIB);
    world_begin(10, 1);
    world_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_every_size_are_found_in_their_page),
        cmocka_unit_test(a_changed_block_is_written_alone),
        cmocka_unit_test(a_block_can_be_written_now),
        cmocka_unit_test(a_new_block_is_zeros_and_is_not_read),
        cmocka_unit_test(nothing_lies_beyond_the_device),
        cmocka_unit_test(forgotten_blocks_are_not_written),
        cmocka_unit_test(forgetting_waits_for_a_write_under_way),
        cmocka_unit_test(a_block_changed_while_it_is_written_is_written_again),
        cmocka_unit_test(metadata_and_the_device_as_a_file_are_the_same_pages),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
