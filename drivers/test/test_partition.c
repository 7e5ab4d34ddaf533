// SPDX-License-Identifier: MIT
/* Partition tables: MBR and GPT as they should be, as they should not be, and boot sectors that
 * only look like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/block.h"
#include "kernel/abi/errno.h"
#include "kernel/base/endian.h"
#include "kernel/base/printk.h"
#include "mm/test/machine.h"
#include "tools/host/disk.h"

#define MIB          (1ul << 20)
#define DISK_SECTORS 4096u

static struct host_disk *disk;
static unsigned nr_before; /* devices before the scan */

static unsigned nr_devices(void)
{
    unsigned nr = 0;

    while (block_get(nr) != NULL) {
        nr++;
    }
    return nr;
}

static void put32(uint64_t at, uint32_t value)
{
    struct le32 bytes = le32_of(value);

    memcpy(disk->bytes + at, &bytes, sizeof(bytes));
}

static void put64(uint64_t at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static void mbr_mark(void)
{
    disk->bytes[510] = 0x55;
    disk->bytes[511] = 0xaa;
}

static void mbr_entry(unsigned index, uint8_t status, uint8_t type, uint32_t start, uint32_t nr)
{
    uint64_t at = 446 + index * 16;

    mbr_mark();
    disk->bytes[at] = status;
    disk->bytes[at + 4] = type;
    put32(at + 8, start);
    put32(at + 12, nr);
}

static void gpt_header(uint64_t table, uint32_t nr, uint32_t entry_bytes)
{
    mbr_entry(0, 0, 0xee, 1, UINT32_MAX);
    memcpy(disk->bytes + SECTOR_SIZE, "EFI PART", 8);
    put64(SECTOR_SIZE + 72, table);
    put32(SECTOR_SIZE + 80, nr);
    put32(SECTOR_SIZE + 84, entry_bytes);
}

static void gpt_entry(unsigned index, uint32_t entry_bytes, uint64_t first, uint64_t last)
{
    uint64_t at = 2 * SECTOR_SIZE + index * entry_bytes;

    memset(disk->bytes + at, 0x11, 16);
    put64(at + 32, first);
    put64(at + 40, last);
}

static int fresh_disk(void **state)
{
    disk = host_disk_new(DISK_SECTORS);
    nr_before = nr_devices();
    return 0;
}

static int drop_disk(void **state)
{
    host_disk_free(disk);
    return 0;
}

/* Scan; returns how many partitions appeared. */
static unsigned scan(void)
{
    block_scan_partitions(&disk->device);
    return nr_devices() - nr_before;
}

static struct block_device *found(unsigned index)
{
    return block_get(nr_before + index);
}

static void expect_partition(unsigned index, unsigned number, uint64_t start, uint64_t nr)
{
    struct block_device *part = found(index);
    char name[16];

    ksnprintf(name, sizeof(name), "%s%u", disk->device.name, number);
    assert_non_null(part);
    assert_string_equal(part->name, name);
    assert_int_equal(part->dev_number, disk->device.dev_number + number);
    assert_int_equal(part->start_sector, start);
    assert_int_equal(part->nr_sectors, nr);
}

static void partitions_of_an_mbr_are_devices(void **state)
{
    struct page *page = frames_alloc(0, ALLOC_KERNEL);

    mbr_entry(0, 0x80, 0x83, 64, 1000);
    mbr_entry(2, 0, 0x0c, 2048, 2048);
    disk->bytes[(64 + 3) * SECTOR_SIZE] = 0x5a;
    assert_int_equal(scan(), 2);
    expect_partition(0, 1, 64, 1000);
    expect_partition(1, 3, 2048, 2048);
    assert_int_equal(block_read_sync(found(0), 3 * SECTOR_SIZE, page_address(page), 512), 0);
    assert_int_equal(*(uint8_t *)page_address(page), 0x5a);
    /* Its end is not the disk's. */
    assert_int_equal(block_read_sync(found(0), 999 * SECTOR_SIZE, page_address(page), 512), 0);
    assert_int_equal(block_read_sync(found(0), 999 * SECTOR_SIZE, page_address(page), 1024), -EIO);
    assert_int_equal(block_read_sync(found(0), 1000 * SECTOR_SIZE, page_address(page), 512), -EIO);
    assert_int_equal(block_flush(found(1)), 0);
    frames_free(page, 0);
}

static void an_entry_that_does_not_lie_on_the_disk_is_left_out_with_a_line(void **state)
{
    mbr_entry(0, 0, 0x83, DISK_SECTORS - 10, 11);
    mbr_entry(1, 0, 0x83, DISK_SECTORS + 100, 1);
    mbr_entry(2, 0, 0x83, UINT32_MAX, UINT32_MAX);
    mbr_entry(3, 0, 0x83, 100, 100);
    machine_listen();
    assert_int_equal(scan(), 1);
    assert_true(machine_said("does not lie on the disk"));
    expect_partition(0, 4, 100, 100);
}

static void what_only_looks_like_a_table_is_none(void **state)
{
    machine_listen();
    mbr_entry(0, 0x83, 0x83, 64, 100); /* a status byte that is none: boot code */
    assert_int_equal(scan(), 0);
    memset(disk->bytes, 0, SECTOR_SIZE);
    mbr_entry(0, 0, 0x83, 64, 100);
    mbr_entry(1, 0, 0x83, 163, 100); /* they overlap */
    assert_int_equal(scan(), 0);
    memset(disk->bytes, 0, SECTOR_SIZE);
    mbr_entry(0, 0, 0x83, 0, 100); /* the table would be inside */
    assert_int_equal(scan(), 0);
    memset(disk->bytes, 0, SECTOR_SIZE);
    mbr_entry(0, 0, 0x83, 64, 100);
    disk->bytes[510] = 0; /* no mark */
    assert_int_equal(scan(), 0);
    memset(disk->bytes, 0, SECTOR_SIZE);
    mbr_mark(); /* a mark and nothing else */
    assert_int_equal(scan(), 0);
    assert_false(machine_said("block"));
}

static int fail_all(struct host_disk *failing, const struct block_request *request)
{
    return -EIO;
}

static void an_unreadable_or_tiny_disk_has_no_partitions(void **state)
{
    mbr_entry(0, 0, 0x83, 64, 100);
    disk->filter = fail_all;
    assert_int_equal(scan(), 0);
    disk->filter = NULL;
    disk->device.nr_sectors = 1;
    assert_int_equal(scan(), 0);
    disk->device.nr_sectors = 0;
    assert_int_equal(scan(), 0);
    disk->device.nr_sectors = DISK_SECTORS;
}

static void gpt_partitions_have_the_number_of_their_entry(void **state)
{
    gpt_header(2, 128, 128);
    gpt_entry(0, 128, 100, 199);
    gpt_entry(5, 128, 300, 300);
    gpt_entry(14, 128, 400, DISK_SECTORS - 1);
    gpt_entry(15, 128, 350, 360); /* there are numbers for fifteen */
    assert_int_equal(scan(), 3);
    expect_partition(0, 1, 100, 100);
    expect_partition(1, 6, 300, 1);
    expect_partition(2, 15, 400, DISK_SECTORS - 400);
}

static void gpt_entries_may_be_larger(void **state)
{
    gpt_header(2, 4, 512);
    gpt_entry(1, 512, 100, 199);
    gpt_entry(3, 512, 200, 299);
    assert_int_equal(scan(), 2);
    expect_partition(0, 2, 100, 100);
    expect_partition(1, 4, 200, 100);
}

static void gpt_entries_that_cannot_be_are_left_out(void **state)
{
    gpt_header(2, 8, 128);
    gpt_entry(0, 128, 200, 100);                   /* backwards */
    gpt_entry(1, 128, 0, UINT64_MAX);              /* everything, and one more */
    gpt_entry(2, 128, UINT64_MAX, UINT64_MAX);     /* nowhere */
    gpt_entry(3, 128, DISK_SECTORS, DISK_SECTORS); /* just behind the end */
    gpt_entry(4, 128, 100, DISK_SECTORS);          /* one too long */
    gpt_entry(5, 128, DISK_SECTORS - 1, DISK_SECTORS - 1);
    machine_listen();
    assert_int_equal(scan(), 1);
    assert_true(machine_said("partition 1 (sectors 200+"));
    assert_true(machine_said("does not lie on the disk"));
    expect_partition(0, 6, DISK_SECTORS - 1, 1);
}

static void a_damaged_gpt_header_is_a_line_and_no_partitions(void **state)
{
    static const struct {
        uint64_t table;
        uint32_t entry_bytes;
    } cases[] = {{2, 0},           {2, 3}, {2, 127}, {2, 192}, {2, 1024}, {DISK_SECTORS, 128},
                 {UINT64_MAX, 128}};

    for (unsigned i = 0; i < array_size(cases); i++) {
        gpt_header(cases[i].table, 4, cases[i].entry_bytes);
        gpt_entry(0, 128, 100, 199);
        machine_listen();
        assert_int_equal(scan(), 0);
        assert_true(machine_said("GPT header"));
    }
    memset(disk->bytes + SECTOR_SIZE, 0, SECTOR_SIZE);
    machine_listen();
    assert_int_equal(scan(), 0);
    assert_true(machine_said("not there"));
}

static void a_gpt_table_that_runs_off_the_disk_ends_there(void **state)
{
    gpt_header(DISK_SECTORS - 1, 128, 512);
    memset(disk->bytes + (DISK_SECTORS - 1) * SECTOR_SIZE, 0x11, 16);
    put64((DISK_SECTORS - 1) * SECTOR_SIZE + 32, 10);
    put64((DISK_SECTORS - 1) * SECTOR_SIZE + 40, 20);
    assert_int_equal(scan(), 1);
    expect_partition(0, 1, 10, 11);
}

/* Any bytes at all: it ends, and what appears lies on the disk. */
static void random_tables_do_no_harm(void **state)
{
    struct host_random random;

    host_random_init(&random);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned nr;

        for (unsigned i = 0; i < 8; i++) {
            uint64_t place = host_random_below(&random, 4) == 0
                                 ? 446 + host_random_below(&random, 64)
                                 : host_random_below(&random, 6 * SECTOR_SIZE);

            disk->bytes[place] = (uint8_t)host_random_next(&random);
        }
        if (round % 2 == 0) {
            gpt_header(host_random_below(&random, 5), (uint32_t)host_random_next(&random), 128);
        }
        mbr_mark();
        nr = scan();
        for (unsigned i = 0; i < nr; i++) {
            struct block_device *part = found(i);

            assert_true(part->nr_sectors != 0 && part->start_sector != 0 &&
                        part->start_sector + part->nr_sectors <= DISK_SECTORS);
        }
        nr_before += nr;
        if (nr_before > 300) {
            break; /* devices stay for ever */
        }
    }
}

static int start(void **state)
{
    machine_start(64 * MIB);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_disk, drop_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(partitions_of_an_mbr_are_devices),
        TEST(an_entry_that_does_not_lie_on_the_disk_is_left_out_with_a_line),
        TEST(what_only_looks_like_a_table_is_none),
        TEST(an_unreadable_or_tiny_disk_has_no_partitions),
        TEST(gpt_partitions_have_the_number_of_their_entry),
        TEST(gpt_entries_may_be_larger),
        TEST(gpt_entries_that_cannot_be_are_left_out),
        TEST(a_damaged_gpt_header_is_a_line_and_no_partitions),
        TEST(a_gpt_table_that_runs_off_the_disk_ends_there),
        TEST(random_tables_do_no_harm),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
