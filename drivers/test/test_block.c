// SPDX-License-Identifier: MIT
// TSAN
/* The block layer over a driver that does nothing until the test says so: queueing, merging, FUA,
 * bounds, errors; and over an asynchronous disk with many threads, with and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/block.h"
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "mm/fault_inject.h"
#include "mm/test/machine.h"
#include "tools/host/disk.h"

#define MIB        (1ul << 20)
#define NR_SECTORS 1000u

static struct host_random source;

/* ---- The driver ------------------------------------------------------------------------------ */

static struct {
    struct block_device device;
    struct block_request *started[64];
    unsigned nr_started, depth, nr_kicks;
} fake;

static int fake_start(struct block_device *device, struct block_request *request)
{
    if (fake.nr_started == fake.depth) {
        return -EAGAIN;
    }
    fake.started[fake.nr_started++] = request;
    return 0;
}

static void fake_kick(struct block_device *device)
{
    fake.nr_kicks++;
}

static const struct block_device_ops fake_ops = {.start = fake_start, .kick = fake_kick};

/* The index-th started request ends, as by an interrupt. */
static void complete(unsigned index, int error)
{
    struct block_request *request = fake.started[index];

    fake.nr_started--;
    for (unsigned i = index; i < fake.nr_started; i++) {
        fake.started[i] = fake.started[i + 1];
    }
    host_interrupt_begin();
    block_complete(&fake.device, request, error);
    host_interrupt_end();
}

static int fresh_driver(void **state)
{
    fake.nr_started = 0;
    fake.nr_kicks = 0;
    fake.depth = 1;
    fake.device.has_flush = true;
    fake.device.is_read_only = false;
    fake.device.max_segments = BLOCK_MAX_SEGMENTS;
    fake.device.nr_sectors = NR_SECTORS;
    return 0;
}

/* ---- Requests -------------------------------------------------------------------------------- */

#define NR_REQUESTS 16u

static struct block_request requests[NR_REQUESTS];
static unsigned nr_done[NR_REQUESTS];
static struct page *page;

static void count_done(struct block_request *request)
{
    assert(!port_may_sleep() || request->error != 0 || request->op == BLOCK_FLUSH);
    nr_done[request - requests]++;
}

/* Submit one of nr_segments single sectors. */
static struct block_request *submit_parts(unsigned index, enum block_op op, uint64_t sector,
                                          uint32_t nr_segments)
{
    struct block_request *request = &requests[index];

    memset(request, 0, sizeof(*request));
    nr_done[index] = 0;
    request->op = op;
    request->sector = sector;
    request->done = count_done;
    request->nr_segments = nr_segments;
    for (uint32_t i = 0; i < nr_segments; i++) {
        request->segments[i] = (struct block_segment){page, 0, SECTOR_SIZE};
    }
    block_submit(&fake.device, request);
    return request;
}

static struct block_request *submit(unsigned index, enum block_op op, uint64_t sector)
{
    return submit_parts(index, op, sector, op == BLOCK_FLUSH ? 0 : 1);
}

/* ---- Queueing -------------------------------------------------------------------------------- */

static void requests_wait_while_the_hardware_is_full_and_follow_in_order(void **state)
{
    fake.depth = 2;
    for (unsigned i = 0; i < 5; i++) {
        submit(i, BLOCK_READ, i * 10);
    }
    assert_int_equal(fake.nr_started, 2);
    assert_int_equal(fake.nr_kicks, 2);
    for (unsigned i = 0; i < 3; i++) {
        complete(0, 0);
        assert_ptr_equal(fake.started[1], &requests[i + 2]);
    }
    complete(1, 0); /* in any order */
    complete(0, 0);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(nr_done[i], 1);
        assert_int_equal(requests[i].error, 0);
    }
    assert_int_equal(fake.device.nr_in_flight, 0);
}

static void what_continues_the_last_waiting_request_rides_on_it(void **state)
{
    submit(0, BLOCK_WRITE, 500); /* keeps the hardware busy */
    submit_parts(1, BLOCK_WRITE, 10, 2);
    submit_parts(2, BLOCK_WRITE, 12, 3);
    submit_parts(3, BLOCK_WRITE, 15, 1);
    complete(0, 0);
    assert_int_equal(fake.nr_started, 1);
    assert_ptr_equal(fake.started[0], &requests[1]);
    assert_int_equal(fake.started[0]->nr_segments, 6);
    assert_int_equal(fake.started[0]->nr_sectors, 6);
    complete(0, -EIO);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(nr_done[i], 1);
        assert_int_equal(requests[i].error, -EIO);
    }
    assert_int_equal(requests[1].nr_segments, 2); /* as its owner made it */
    assert_int_equal(requests[0].error, 0);
}

/* Submit two while the hardware is busy; returns how many requests it then gets. */
static unsigned nr_after(struct block_request first, struct block_request second)
{
    unsigned nr = 0;

    fresh_driver(NULL);
    submit(0, BLOCK_READ, 900);
    for (unsigned i = 1; i <= 2; i++) {
        struct block_request *request = i == 1 ? &first : &second;

        memset(&requests[i], 0, sizeof(requests[i]));
        requests[i].op = request->op;
        requests[i].sector = request->sector;
        requests[i].is_fua = request->is_fua;
        requests[i].nr_segments = request->nr_segments;
        requests[i].done = count_done;
        for (uint32_t j = 0; j < request->nr_segments; j++) {
            requests[i].segments[j] = (struct block_segment){page, 0, SECTOR_SIZE};
        }
        block_submit(&fake.device, &requests[i]);
    }
    fake.device.has_flush = false; /* so that FUA needs no second half here */
    complete(0, 0);
    while (fake.nr_started != 0) {
        nr++;
        complete(0, 0);
    }
    return nr;
}

static void nothing_else_merges(void **state)
{
    struct block_request read = {.op = BLOCK_READ, .sector = 10, .nr_segments = 1};
    struct block_request next = {.op = BLOCK_READ, .sector = 11, .nr_segments = 1};
    struct block_request other;

    assert_int_equal(nr_after(read, next), 1);
    other = next;
    other.sector = 12; /* a gap */
    assert_int_equal(nr_after(read, other), 2);
    other.sector = 9; /* before it */
    assert_int_equal(nr_after(read, other), 2);
    other = next;
    other.op = BLOCK_WRITE;
    assert_int_equal(nr_after(read, other), 2);
    read.op = BLOCK_WRITE;
    assert_int_equal(nr_after(read, other), 1);
    other.is_fua = true;
    assert_int_equal(nr_after(read, other), 2);
    other.is_fua = false;
    read.is_fua = true;
    assert_int_equal(nr_after(read, other), 2);
    read.is_fua = false;
    read.nr_segments = 40;
    other.sector = 50;
    other.nr_segments = 24;
    assert_int_equal(nr_after(read, other), 1);
    other.nr_segments = 25; /* one more than a request may have */
    assert_int_equal(nr_after(read, other), 2);
}

static void the_hardware_gets_no_more_segments_than_it_takes(void **state)
{
    fake.device.max_segments = 3;
    submit(0, BLOCK_READ, 900);
    submit_parts(1, BLOCK_READ, 10, 2);
    submit_parts(2, BLOCK_READ, 12, 2);
    complete(0, 0);
    assert_int_equal(fake.started[0]->nr_segments, 2);
    complete(0, 0);
    complete(0, 0);
    assert_int_equal(nr_done[2], 1);
}

static void a_flush_keeps_those_around_it_apart(void **state)
{
    submit(0, BLOCK_WRITE, 900);
    submit(1, BLOCK_WRITE, 10);
    submit(2, BLOCK_FLUSH, 0);
    submit(3, BLOCK_WRITE, 11);
    complete(0, 0);
    assert_ptr_equal(fake.started[0], &requests[1]);
    complete(0, 0);
    assert_ptr_equal(fake.started[0], &requests[2]);
    complete(0, 0);
    assert_ptr_equal(fake.started[0], &requests[3]);
    complete(0, 0);
}

/* ---- Flush and FUA --------------------------------------------------------------------------- */

static struct block_request *submit_fua(void)
{
    struct block_request *request = &requests[0];

    memset(request, 0, sizeof(*request));
    nr_done[0] = 0;
    request->op = BLOCK_WRITE;
    request->is_fua = true;
    request->sector = 7;
    request->done = count_done;
    request->nr_segments = 1;
    request->segments[0] = (struct block_segment){page, 0, SECTOR_SIZE};
    block_submit(&fake.device, request);
    return request;
}

static void a_fua_write_is_a_write_and_then_a_flush(void **state)
{
    struct block_request *request = submit_fua();

    assert_int_equal(request->op, BLOCK_WRITE);
    complete(0, 0);
    assert_int_equal(nr_done[0], 0);
    assert_int_equal(fake.nr_started, 1);
    assert_int_equal(request->op, BLOCK_FLUSH);
    complete(0, 0);
    assert_int_equal(nr_done[0], 1);
    assert_int_equal(request->op, BLOCK_WRITE); /* the owner's again */
    assert_true(request->is_fua);
    assert_int_equal(request->error, 0);
}

static void a_fua_write_fails_with_either_half(void **state)
{
    struct block_request *request = submit_fua();

    complete(0, -EIO);
    assert_int_equal(nr_done[0], 1);
    assert_int_equal(request->error, -EIO);
    request = submit_fua();
    complete(0, 0);
    complete(0, -EIO);
    assert_int_equal(nr_done[0], 1);
    assert_int_equal(request->error, -EIO);
    assert_int_equal(request->op, BLOCK_WRITE);
}

static void a_device_without_a_cache_has_nothing_to_flush(void **state)
{
    fake.device.has_flush = false;
    submit(1, BLOCK_FLUSH, 0);
    assert_int_equal(nr_done[1], 1);
    assert_int_equal(requests[1].error, 0);
    assert_int_equal(fake.nr_started, 0);
    (void)submit_fua();
    complete(0, 0);
    assert_int_equal(nr_done[0], 1);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void requests_beyond_the_end_are_refused_with_a_line(void **state)
{
    static const struct {
        uint64_t sector;
        uint32_t nr;
        int error;
    } cases[] = {
        {NR_SECTORS - 1, 1, 0},    {NR_SECTORS - 1, 2, -EIO}, {NR_SECTORS, 1, -EIO},
        {UINT64_MAX - 1, 2, -EIO}, {UINT64_MAX, 1, -EIO},
    };

    for (unsigned i = 0; i < array_size(cases); i++) {
        machine_listen();
        submit_parts(0, BLOCK_READ, cases[i].sector, cases[i].nr);
        if (cases[i].error == 0) {
            complete(0, 0);
        }
        assert_int_equal(nr_done[0], 1);
        assert_int_equal(requests[0].error, cases[i].error);
        assert_int_equal(machine_said("beyond the end"), cases[i].error != 0);
    }
}

static void what_the_device_cannot_do_is_refused(void **state)
{
    fake.device.is_read_only = true;
    submit(0, BLOCK_WRITE, 1);
    assert_int_equal(requests[0].error, -EROFS);
    submit_parts(0, BLOCK_DISCARD, 1, 0);
    assert_int_equal(requests[0].error, -EROFS);
    fake.device.is_read_only = false;
    submit_parts(0, BLOCK_DISCARD, 1, 0);
    assert_int_equal(requests[0].error, -EOPNOTSUPP);
    submit(0, BLOCK_READ, 1);
    complete(0, 0);
    assert_int_equal(requests[0].error, 0);
    assert_int_equal(block_read_sync(&fake.device, 1, page_address(page), 512), -EINVAL);
    assert_int_equal(block_read_sync(&fake.device, 0, page_address(page), 100), -EINVAL);
}

static void a_failed_request_is_named_in_the_log(void **state)
{
    machine_listen();
    submit(0, BLOCK_WRITE, 33);
    complete(0, -EIO);
    assert_true(machine_said("write of sectors 33+1 failed"));
}

static void what_passes_is_counted(void **state)
{
    uint64_t reads = atomic_load(&fake.device.nr_reads);
    uint64_t written = atomic_load(&fake.device.nr_sectors_written);
    uint64_t flushes = atomic_load(&fake.device.nr_flushes);

    submit(0, BLOCK_READ, 1);
    complete(0, 0);
    submit_parts(0, BLOCK_WRITE, 1, 5);
    complete(0, 0);
    submit(0, BLOCK_FLUSH, 0);
    complete(0, 0);
    (void)submit_fua();
    complete(0, 0);
    complete(0, 0);
    assert_int_equal(atomic_load(&fake.device.nr_reads), reads + 1);
    assert_int_equal(atomic_load(&fake.device.nr_sectors_written), written + 6);
    assert_int_equal(atomic_load(&fake.device.nr_flushes), flushes + 2);
}

/* ---- An asynchronous disk and many threads --------------------------------------------------- */

#define NR_THREADS       6u
#define THREAD_SECTORS   64u
#define NR_THREAD_ROUNDS 60u

static struct host_disk *disk;
static _Atomic unsigned nr_at_once, max_at_once;

static void fill(uint8_t *bytes, unsigned thread, unsigned round, unsigned sector)
{
    memset(bytes, (int)(thread * 31 + round * 7 + sector), SECTOR_SIZE);
    bytes[0] = (uint8_t)sector;
}

static int transfer_page(enum block_op op, uint64_t sector, struct page *memory)
{
    struct block_request *request = block_request_alloc();
    unsigned now = atomic_fetch_add(&nr_at_once, 1) + 1;
    unsigned max = atomic_load(&max_at_once);
    int error;

    while (now > max && !atomic_compare_exchange_weak(&max_at_once, &max, now)) {
    }
    request->op = op;
    request->sector = sector;
    request->nr_segments = 1;
    request->segments[0] = (struct block_segment){memory, 0, PAGE_SIZE};
    error = block_submit_wait(&disk->device, request);
    atomic_fetch_sub(&nr_at_once, 1);
    block_request_free(request);
    return error;
}

static void disk_thread(unsigned index, void *arg)
{
    struct page *const *pages = arg;
    struct page *memory = pages[index];
    uint64_t base = (uint64_t)index * THREAD_SECTORS;

    for (unsigned round = 0; round < NR_THREAD_ROUNDS; round++) {
        uint64_t sector = base + round % (THREAD_SECTORS / 8) * 8;
        uint8_t *bytes = page_address(memory);
        uint8_t expected[SECTOR_SIZE];

        for (unsigned i = 0; i < 8; i++) {
            fill(bytes + i * SECTOR_SIZE, index, round, i);
        }
        assert(transfer_page(BLOCK_WRITE, sector, memory) == 0);
        memset(bytes, 0, PAGE_SIZE);
        assert(transfer_page(BLOCK_READ, sector, memory) == 0);
        for (unsigned i = 0; i < 8; i++) {
            fill(expected, index, round, i);
            assert(memcmp(bytes + i * SECTOR_SIZE, expected, SECTOR_SIZE) == 0);
        }
    }
}

static void run_disk_threads(void)
{
    struct page *pages[NR_THREADS];

    for (unsigned i = 0; i < NR_THREADS; i++) {
        pages[i] = frames_alloc(0, ALLOC_KERNEL);
        assert_non_null(pages[i]);
    }
    host_run_threads(NR_THREADS, disk_thread, pages);
    for (unsigned i = 0; i < NR_THREADS; i++) {
        frames_free(pages[i], 0);
    }
}

static void threads_read_back_what_they_wrote(void **state)
{
    disk = host_disk_new(NR_THREADS * THREAD_SECTORS);
    host_disk_set_async(disk, 2, 50); /* most requests wait, and many of them merge */
    run_disk_threads();
    assert_int_equal(block_flush(&disk->device), 0);
    host_disk_free(disk);
}

/* ---- Without memory -------------------------------------------------------------------------- */

#define NR_CROWD 12u

static void zeros_are_written_to_these_sectors_and_no_others(void **state)
{
    enum { FIRST = 13, NR = 1500 };
    uint64_t before;

    disk = host_disk_new(2048);
    before = disk->device.nr_writes;
    memset(disk->bytes, 0xff, 2048 * SECTOR_SIZE);
    assert_int_equal(block_write_zeros(&disk->device, FIRST, NR), 0);
    for (unsigned i = 0; i < 2048 * SECTOR_SIZE; i++) {
        bool is_inside = i / SECTOR_SIZE >= FIRST && i / SECTOR_SIZE < FIRST + NR;

        assert_int_equal(disk->bytes[i], is_inside ? 0 : 0xff);
    }
    assert_int_equal(disk->device.nr_writes - before, (NR + 511) / 512); /* 64 pages in each */
    disk->device.is_read_only = true;
    assert_int_not_equal(block_write_zeros(&disk->device, FIRST, NR), 0);
    host_disk_free(disk);
}

static void crowd_thread(unsigned index, void *arg)
{
    struct page *memory = arg;

    for (unsigned i = 0; i < 40; i++) {
        assert(transfer_page(BLOCK_READ, 8 * (index % 4), memory) == 0);
    }
}

static void the_reserve_serves_everyone_in_turn(void **state)
{
    struct page *memory = frames_alloc(0, ALLOC_KERNEL);

    disk = host_disk_new(64);
    host_disk_set_async(disk, 4, 20);
    atomic_store(&max_at_once, 0);
    fault_inject_arm(FAULT_OBJECTS, 1, true);
    host_run_threads(NR_CROWD, crowd_thread, memory);
    assert_true(fault_inject_disarm() >= NR_CROWD * 40u);
    assert_in_range(atomic_load(&max_at_once), 2, 8);
    host_disk_free(disk);
    frames_free(memory, 0);
}

static void requests_of_the_reserve_are_known(void **state)
{
    struct block_request *usual = block_request_alloc();
    struct block_request *reserved;

    fault_inject_arm(FAULT_OBJECTS, 1, true);
    reserved = block_request_alloc();
    (void)fault_inject_disarm();
    assert_false(block_request_is_reserved(usual));
    assert_true(block_request_is_reserved(reserved));
    block_request_free(usual);
    block_request_free(reserved);
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(64 * MIB);
    page = frames_alloc(0, ALLOC_KERNEL);
    fake.device.ops = &fake_ops;
    fresh_driver(NULL);
    return page != NULL ? block_register(&fake.device) : -1;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_driver)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_wait_while_the_hardware_is_full_and_follow_in_order),
        TEST(what_continues_the_last_waiting_request_rides_on_it),
        TEST(nothing_else_merges),
        TEST(the_hardware_gets_no_more_segments_than_it_takes),
        TEST(a_flush_keeps_those_around_it_apart),
        TEST(a_fua_write_is_a_write_and_then_a_flush),
        TEST(a_fua_write_fails_with_either_half),
        TEST(a_device_without_a_cache_has_nothing_to_flush),
        TEST(requests_beyond_the_end_are_refused_with_a_line),
        TEST(what_the_device_cannot_do_is_refused),
        TEST(a_failed_request_is_named_in_the_log),
        TEST(what_passes_is_counted),
        TEST(threads_read_back_what_they_wrote),
        TEST(zeros_are_written_to_these_sectors_and_no_others),
        TEST(the_reserve_serves_everyone_in_turn),
        TEST(requests_of_the_reserve_are_known),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
