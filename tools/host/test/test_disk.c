// SPDX-License-Identifier: MIT
/* Simulated disks: what is written is read, through the block layer and through the page cache; injected errors
 * arrive; forgetting the cache shows what is on the disk; a silent disk answers again after a reset, or is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cache/mapping.h"
#include "kernel/abi/errno.h"
#include "mm/page.h"
#include "mm/test/machine.h"
#include "tools/host/disk.h"

static void bytes_of_the_disk_come_through_the_block_layer(void **state)
{
    struct host_disk *disk = host_disk_new(64);
    struct page *page = frames_alloc(0, ALLOC_KERNEL);

    memset(disk->bytes + 8 * SECTOR_SIZE, 0x5a, SECTOR_SIZE);
    assert_int_equal(block_read_sync(&disk->device, 8 * SECTOR_SIZE, page_address(page), 1024), 0);
    assert_int_equal(((uint8_t *)page_address(page))[511], 0x5a);
    assert_int_equal(((uint8_t *)page_address(page))[512], 0);
    assert_int_equal(block_read_sync(&disk->device, 64 * SECTOR_SIZE, page_address(page), 512),
                     -EIO);
    frames_free(page, 0);
    host_disk_free(disk);
}

static void a_record_is_used_again(void **state)
{
    struct host_disk *first = host_disk_new(8);

    host_disk_free(first);
    for (int i = 0; i < 100; i++) { /* the block layer takes 26 in all */
        struct host_disk *disk = host_disk_new(16);
        assert_ptr_equal(disk, first);
        assert_ptr_equal(block_find(disk->device.name), &disk->device);
        host_disk_free(disk);
    }
}

static void write_through_cache(struct mapping *mapping, int byte)
{
    struct page *page;

    assert_int_equal(mapping_read(mapping, 1, 1, &page), 0);
    page_lock(page);
    memset(page_address(page), byte, PAGE_SIZE);
    page_mark_dirty(page, SECTOR_SIZE, SECTOR_SIZE);
    page_unlock(page);
    page_put(page);
}

static int count_and_fail(struct host_disk *disk, const struct block_request *request)
{
    int *nr_writes_left = disk->filter_arg;

    return request->op == BLOCK_WRITE && --*nr_writes_left < 0 ? -EIO : 0;
}

static void the_page_cache_writes_dirty_sectors_and_meets_injected_errors(void **state)
{
    struct host_disk *disk = host_disk_new(64);
    struct mapping *mapping;
    int nr_writes = 1;

    disk->filter = count_and_fail;
    disk->filter_arg = &nr_writes;
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    write_through_cache(mapping, 7);
    assert_int_equal(mapping_write_and_wait(mapping, 0, UINT64_MAX), 0);
    assert_int_equal(disk->bytes[PAGE_SIZE], 0); /* this sector was not dirty */
    assert_int_equal(disk->bytes[PAGE_SIZE + SECTOR_SIZE], 7);
    write_through_cache(mapping, 8);
    assert_int_equal(mapping_write_and_wait(mapping, 0, UINT64_MAX), -EIO);
    assert_int_equal(disk->bytes[PAGE_SIZE + SECTOR_SIZE], 7);
    host_disk_free(disk);
}

static void a_forgotten_cache_is_read_again(void **state)
{
    struct host_disk *disk = host_disk_new(64);
    struct mapping *mapping;
    struct page *page;

    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    write_through_cache(mapping, 9); /* never written: lost */
    host_disk_forget_cache(disk);
    assert_int_equal(bdev_mapping(&disk->device, &mapping), 0);
    assert_int_equal(mapping_read(mapping, 1, 1, &page), 0);
    assert_int_equal(((uint8_t *)page_address(page))[SECTOR_SIZE], 0);
    page_put(page);
    host_disk_free(disk);
}

static void files_become_disks_and_disks_files(void **state)
{
    char path[] = "/tmp/cairn-disk-XXXXXX";
    int fd = mkstemp(path);
    struct host_disk *disk;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    disk = host_disk_load(path);
    assert_int_equal(disk->device.nr_sectors, 1);
    assert_memory_equal(disk->bytes, "abc", 4);
    disk->bytes[511] = 'z';
    host_disk_save(disk, path);
    host_disk_free(disk);
    disk = host_disk_load(path);
    assert_int_equal(disk->bytes[511], 'z');
    host_disk_free(disk);
    unlink(path);
}

static int write_sector(struct host_disk *disk, uint64_t sector, int byte)
{
    struct page *page = frames_alloc(0, ALLOC_KERNEL);
    struct block_request *request = block_request_alloc();
    int error;

    memset(page_address(page), byte, SECTOR_SIZE);
    request->op = BLOCK_WRITE;
    request->sector = sector;
    request->nr_segments = 1;
    request->segments[0] = (struct block_segment){.page = page, .len_bytes = SECTOR_SIZE};
    error = block_submit_wait(&disk->device, request);
    block_request_free(request);
    frames_free(page, 0);
    return error;
}

static void a_silent_disk_answers_after_so_many_resets(void **state)
{
    struct host_disk *disk = host_disk_new(64);

    host_disk_silence(disk, 1, 1, 0x1);
    assert_int_equal(write_sector(disk, 0, 'a'), 0);
    assert_int_equal(write_sector(disk, 1, 'b'), -EIO); /* and yet it is done */
    assert_int_equal(write_sector(disk, 2, 'c'), 0);
    assert_int_equal(host_disk_end_silence(disk), 1);
    assert_int_equal(disk->bytes[0], 'a');
    assert_int_equal(disk->bytes[SECTOR_SIZE], 'b');
    assert_int_equal(disk->bytes[2 * SECTOR_SIZE], 'c');
    host_disk_free(disk);
}

static void a_disk_that_stays_silent_is_given_up_and_can_be_had_back(void **state)
{
    struct host_disk *disk = host_disk_new(64);

    for (unsigned round = 0; round < 2; round++) {
        host_disk_silence(disk, 0, HOST_DISK_FOR_GOOD, 0);
        assert_int_equal(write_sector(disk, 0, 'a'), -EIO);
        assert_false(block_is_dead(&disk->device));
        assert_int_equal(write_sector(disk, 1, 'b'), -EIO);
        assert_true(block_is_dead(&disk->device));
        assert_int_equal(write_sector(disk, 2, 'c'), -EIO);
        assert_int_equal(host_disk_end_silence(disk), 2); /* the third was not even begun */
        assert_int_equal(disk->bytes[0], 0);
        assert_int_equal(write_sector(disk, 3, 'd'), 0);
        assert_int_equal(disk->bytes[3 * SECTOR_SIZE], 'd');
    }
    host_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_the_disk_come_through_the_block_layer),
        cmocka_unit_test(a_record_is_used_again),
        cmocka_unit_test(the_page_cache_writes_dirty_sectors_and_meets_injected_errors),
        cmocka_unit_test(a_forgotten_cache_is_read_again),
        cmocka_unit_test(files_become_disks_and_disks_files),
        cmocka_unit_test(a_silent_disk_answers_after_so_many_resets),
        cmocka_unit_test(a_disk_that_stays_silent_is_given_up_and_can_be_had_back),
    };

    machine_start(32ul << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
