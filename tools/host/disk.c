// SPDX-License-Identifier: MIT
/* Simulated disks.
 *
 * start() does the whole request and completes it: it drops the device's lock for that, as the
 * completion of a real disk comes from an interrupt that does not hold it. Interrupts stay off
 * meanwhile, so done() runs in the context that it must be able to run in.
 *
 * An asynchronous disk's start() only queues the request; its thread takes them from both ends in
 * turn, so that they complete out of order, and completes them as an interrupt handler on its hart
 * would. A reset takes back what it has not yet begun with; a silent disk (silence.c) begins with nothing.
 *
 * The block layer keeps devices for ever, so records of disks that are no longer used are kept
 * too, and handed out again. */
#include "tools/host/disk_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cache/mapping.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "tools/host/host_internal.h"

static struct list unused = LIST_INIT(unused); /* tests make disks in one thread */

static void fail(const char *path)
{
    perror(path);
    exit(1);
}

/* ---- The driver ------------------------------------------------------------------------------ */

static void transfer(struct host_disk *disk, const struct block_request *request)
{
    uint8_t *at = disk->bytes + request->sector * SECTOR_SIZE;

    if (request->op == BLOCK_DISCARD) { /* what somebody still needs is to be missed */
        memset(at, HOST_DISK_DISCARDED, (size_t)request->nr_sectors * SECTOR_SIZE);
        return;
    }

    for (uint32_t i = 0; i < request->nr_segments; i++) {
        const struct block_segment *segment = &request->segments[i];
        uint8_t *memory = (uint8_t *)page_address(segment->page) + segment->offset_bytes;

        if (request->op == BLOCK_READ) {
            host_copy_racy(memory, at, segment->len_bytes);
        } else if (request->op == BLOCK_WRITE) {
            host_copy_racy(at, memory, segment->len_bytes);
        }
        at += segment->len_bytes;
    }
}

int host_disk_run(struct host_disk *disk, const struct block_request *request)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);
    int error = disk->filter != NULL ? disk->filter(disk, request) : 0;

    if (error == 0) {
        transfer(disk, request);
    }
    spin_unlock_irqrestore(&disk->lock, irq);
    return error;
}

static void finish_request(struct host_disk *disk, struct block_request *request)
{
    int error = host_disk_run(disk, request);

    host_interrupt_begin();
    block_complete(&disk->device, request, error);
    host_interrupt_end();
}

/* ---- Asynchronous disks ---------------------------------------------------------------------- */

/* Returns whether the disk is asynchronous; *error is start()'s answer then. */
static bool start_later(struct host_disk *disk, struct block_request *request, int *error)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);
    bool is_async = disk->queue_depth != 0;

    *error = is_async && disk->nr_started >= disk->queue_depth ? -EAGAIN : 0;
    if (is_async && *error == 0) {
        list_push_back(&disk->started, &request->node);
        disk->nr_started++;
    }
    spin_unlock_irqrestore(&disk->lock, irq);
    if (is_async && *error == 0) {
        waitq_wake_all(&disk->work);
    }
    return is_async;
}

static bool has_work(struct host_disk *disk)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);
    bool result = !list_is_empty(&disk->started);

    spin_unlock_irqrestore(&disk->lock, irq);
    return result;
}

/* NULL: a reset was faster. */
static struct block_request *take_started(struct host_disk *disk, bool is_last, unsigned *delay_us)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);
    struct block_request *request = NULL;

    if (!list_is_empty(&disk->started)) {
        request = is_last ? list_last(&disk->started, struct block_request, node)
                          : list_first(&disk->started, struct block_request, node);
        list_remove(&request->node);
    }
    *delay_us = disk->delay_us;
    spin_unlock_irqrestore(&disk->lock, irq);
    return request;
}

static void async_thread(void *arg)
{
    struct host_disk *disk = arg;

    for (unsigned turn = 0;; turn++) {
        struct block_request *request;
        unsigned delay_us;
        uint64_t irq;

        waitq_wait_event(&disk->work, has_work(disk));
        request = take_started(disk, turn % 2 != 0, &delay_us);
        if (request == NULL) {
            continue;
        }
        if (delay_us != 0) {
            usleep(delay_us);
        }
        irq = spin_lock_irqsave(&disk->lock);
        disk->nr_started--; /* before the completion, which hands out the next one */
        spin_unlock_irqrestore(&disk->lock, irq);
        finish_request(disk, request);
    }
}

void host_disk_set_async(struct host_disk *disk, unsigned queue_depth, unsigned delay_us)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);
    bool needs_thread = queue_depth != 0 && !disk->has_thread;

    assert(disk->nr_started == 0);
    disk->queue_depth = queue_depth;
    disk->delay_us = delay_us;
    spin_unlock_irqrestore(&disk->lock, irq);
    if (needs_thread) {
        disk->has_thread = true;
        if (port_spawn("host disk", async_thread, disk) == NULL) {
            fail("host disk thread");
        }
    }
}

static int disk_start(struct block_device *device, struct block_request *request)
{
    struct host_disk *disk = device->driver;
    int error;

    if (host_silence_takes(disk, request, &error) || start_later(disk, request, &error)) {
        return error;
    }
    spin_unlock(&device->lock);
    finish_request(disk, request);
    spin_lock(&device->lock);
    return 0;
}

/* What the thread is busy with completes as if it had been in time. */
static int disk_reset(struct block_device *device, bool is_restarted, struct list *lost)
{
    struct host_disk *disk = device->driver;
    uint64_t irq;

    host_silence_reset(disk, lost);
    irq = spin_lock_irqsave(&disk->lock);
    while (!list_is_empty(&disk->started)) {
        struct block_request *request = list_first(&disk->started, struct block_request, node);

        list_remove(&request->node);
        list_remove(&request->flight_node);
        list_push_back(lost, &request->flight_node);
        disk->nr_started--;
    }
    spin_unlock_irqrestore(&disk->lock, irq);
    return 0;
}

static const struct block_device_ops disk_ops = {
    .start = disk_start,
    .reset = disk_reset,
};

/* ---- Making and filling them ----------------------------------------------------------------- */

static struct host_disk *make_record(void)
{
    struct host_disk *disk = calloc(1, sizeof(*disk));

    if (disk == NULL) {
        fail("host disk");
    }
    disk->device.ops = &disk_ops;
    disk->device.driver = disk;
    disk->device.has_flush = true;
    disk->device.has_discard = true;
    disk->device.max_discard_sectors = 1000;
    disk->device.max_segments = BLOCK_MAX_SEGMENTS;
    spin_init(&disk->lock, LOCK_RANK_DRIVER, "host disk");
    list_init(&disk->node);
    list_init(&disk->started);
    waitq_init(&disk->work);
    if (block_register(&disk->device) != 0) {
        panic("host disk: too many disks");
    }
    return disk;
}

struct host_disk *host_disk_new(uint64_t nr_sectors)
{
    struct host_disk *disk;

    if (list_is_empty(&unused)) {
        disk = make_record();
    } else {
        disk = list_first(&unused, struct host_disk, node);
        list_remove(&disk->node);
    }
    disk->is_borrowed = false;
    disk->bytes = calloc(nr_sectors != 0 ? nr_sectors : 1, SECTOR_SIZE);
    if (disk->bytes == NULL) {
        fail("host disk");
    }
    disk->device.nr_sectors = nr_sectors;
    disk->device.is_read_only = false;
    disk->filter = NULL;
    disk->filter_arg = NULL;
    host_silence_init(disk);
    return disk;
}

/* The next piece of a file. Zeros are there already: a sparse image of a gigabyte takes little memory. */
static size_t load_piece(FILE *file, uint8_t *to, const char *path)
{
    static const uint8_t zeros[64 << 10];
    static uint8_t piece[64 << 10];
    size_t len = fread(piece, 1, sizeof(piece), file);

    if (len == 0) {
        fail(path);
    }
    if (memcmp(piece, zeros, len) != 0) {
        memcpy(to, piece, len);
    }
    return len;
}

static void drop_memory(struct host_disk *disk)
{
    host_disk_forget_cache(disk);
    if (!disk->is_borrowed) {
        free(disk->bytes);
    }
    disk->bytes = NULL;
}

void host_disk_set_memory(struct host_disk *disk, uint8_t *bytes)
{
    drop_memory(disk);
    disk->is_borrowed = true;
    disk->bytes = bytes;
}

struct host_disk *host_disk_load(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct host_disk *disk;
    long size = -1;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
    }
    if (size < 0) {
        fail(path);
    }
    disk = host_disk_new(((uint64_t)size + SECTOR_SIZE - 1) / SECTOR_SIZE);
    for (uint64_t at = 0; at < (uint64_t)size;) {
        at += load_piece(file, disk->bytes + at, path);
    }
    fclose(file);
    return disk;
}

void host_disk_save(const struct host_disk *disk, const char *path)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL ||
        fwrite(disk->bytes, SECTOR_SIZE, disk->device.nr_sectors, file) !=
            disk->device.nr_sectors ||
        fclose(file) != 0) {
        fail(path);
    }
}

void host_disk_forget_cache(struct host_disk *disk)
{
    struct mapping *mapping = disk->device.cache;

    if (mapping != NULL) {
        mapping_destroy(mapping);
        kfree(mapping);
        disk->device.cache = NULL;
    }
}

void host_disk_free(struct host_disk *disk)
{
    assert(atomic_load(&disk->device.open_count) == 0);
    host_disk_set_async(disk, 0, 0);
    drop_memory(disk);
    disk->device.nr_sectors = 0;
    list_push_back(&unused, &disk->node);
}
