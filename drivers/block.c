// SPDX-License-Identifier: MIT
/* The block layer: between those who want sectors and the driver that moves them.
 *
 * A request is submitted, waits in the device's queue while the hardware is full, is started, and
 * completes in interrupt context. Nothing here waits for anything: who must wait does so in done()
 * terms (block_submit_wait).
 *
 *      submit ──> [queue] ──start──> hardware ──interrupt──> block_complete ──> done()
 *                    └── merge: a request that continues the last waiting one rides on it
 *
 * Merging happens only while requests wait, that is when the device is busy and larger requests
 * pay. A merged request's segments are copied behind its carrier's, and it completes with the
 * carrier, with the same result.
 *
 * Order. Requests may complete in any order. BLOCK_FLUSH makes durable what had completed before it
 * was submitted; nothing else orders anything. A FUA write on a device without FUA becomes the
 * write and then a flush, in the same request.
 *
 * A disk that does not answer is noticed by block_watch.c, which calls block_reset().
 *
 * Lock: device->lock (irqsave) over the queue and the driver's rings; done() is always called
 * without it. */
#include "drivers/block.h"

#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/page.h"

static struct spinlock registry_lock = SPINLOCK_INIT(LOCK_RANK_REGISTRY, "block_registry");
static struct list devices = LIST_INIT(devices); /* [registry_lock] */

#define VIRTIO_BLOCK_MAJOR 254u
#define MINORS_PER_DISK    16u

/* Linux's dev_t as user space sees it, for small numbers: major << 8 | minor. */
static uint32_t make_dev(uint32_t major, uint32_t minor)
{
    return (major << 8) | minor;
}

static void init_device(struct block_device *device)
{
    spin_init(&device->lock, LOCK_RANK_BLOCK, device->name);
    list_init(&device->queue);
    list_init(&device->in_flight);
    uint64_t irq = spin_lock_irqsave(&registry_lock);

    list_push_back(&devices, &device->node);
    spin_unlock_irqrestore(&registry_lock, irq);
}

static bool claim_part(struct block_device *whole)
{
    int32_t claims = atomic_load(&whole->claims);

    while (claims >= 0) {
        if (atomic_compare_exchange_weak(&whole->claims, &claims, claims + 1)) {
            return true;
        }
    }
    return false;
}

int block_claim(struct block_device *device)
{
    int32_t nobody = 0;

    if (device->whole != NULL && !claim_part(device->whole)) {
        return -EBUSY;
    }
    if (!atomic_compare_exchange_strong(&device->claims, &nobody, -1)) {
        if (device->whole != NULL) {
            atomic_fetch_sub(&device->whole->claims, 1);
        }
        return -EBUSY;
    }
    return 0;
}

void block_unclaim(struct block_device *device)
{
    atomic_store(&device->claims, 0);
    if (device->whole != NULL) {
        atomic_fetch_sub(&device->whole->claims, 1);
    }
}

int block_register(struct block_device *device)
{
    static _Atomic uint32_t nr_disks;
    uint32_t number = atomic_fetch_add(&nr_disks, 1);

    if (number >= 26) {
        pr_err("block: more than 26 disks, one is left out");
        return -ENOSPC;
    }
    ksnprintf(device->name, sizeof(device->name), "vd%c", 'a' + (int)number);
    device->dev_number = make_dev(VIRTIO_BLOCK_MAJOR, number * MINORS_PER_DISK);
    device->whole = NULL;
    init_device(device);
    return 0;
}

int block_register_partition(struct block_device *partition, struct block_device *disk,
                             unsigned number)
{
    if (number == 0 || number >= MINORS_PER_DISK) {
        return -ENOSPC;
    }
    ksnprintf(partition->name, sizeof(partition->name), "%s%u", disk->name, number);
    partition->dev_number = disk->dev_number + number;
    partition->whole = disk;
    partition->is_read_only = disk->is_read_only;
    partition->has_flush = disk->has_flush;
    partition->has_discard = disk->has_discard;
    partition->max_discard_sectors = disk->max_discard_sectors;
    partition->max_segments = disk->max_segments;
    init_device(partition);
    return 0;
}

struct block_device *block_get(unsigned index)
{
    uint64_t irq = spin_lock_irqsave(&registry_lock);
    struct block_device *device, *found = NULL;

    list_for_each (device, &devices, node) {
        if (index-- == 0) {
            found = device;
            break;
        }
    }
    spin_unlock_irqrestore(&registry_lock, irq);
    return found;
}

struct block_device *block_find(const char *name)
{
    struct block_device *device;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        if (strcmp(device->name, name) == 0) {
            break;
        }
    }
    return device;
}

struct block_device *block_find_number(uint32_t dev_number)
{
    struct block_device *device;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        if (device->dev_number == dev_number) {
            break;
        }
    }
    return device;
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Give the hardware what it takes. */
static void run_queue(struct block_device *device)
{
    bool was_started = false;

    spin_assert_held(&device->lock);
    while (!list_is_empty(&device->queue)) {
        struct block_request *request = list_first(&device->queue, struct block_request, node);

        list_remove(&request->node);
        device->nr_in_flight++; /* before it may complete */
        request->serial = device->next_serial++;
        list_push_back(&device->in_flight, &request->flight_node);
        if (device->ops->start(device, request) != 0) {
            device->nr_in_flight--;
            list_remove(&request->flight_node);
            list_push_front(&device->queue, &request->node);
            break;
        }
        was_started = true;
    }
    if (was_started && device->ops->kick != NULL) {
        device->ops->kick(device);
    }
}

/* Let `request` ride on the last waiting one if it continues it on the disk. */
static bool try_merge(struct block_device *device, struct block_request *request)
{
    struct block_request *last;

    if (list_is_empty(&device->queue) || request->is_fua ||
        (request->op != BLOCK_READ && request->op != BLOCK_WRITE)) {
        return false;
    }
    last = list_last(&device->queue, struct block_request, node);
    if (last->op != request->op || last->is_fua ||
        last->sector + last->nr_sectors != request->sector ||
        last->nr_segments + request->nr_segments >
            min_of(device->max_segments, (uint32_t)BLOCK_MAX_SEGMENTS)) {
        return false;
    }
    memcpy(&last->segments[last->nr_segments], request->segments,
           request->nr_segments * sizeof(request->segments[0]));
    request->nr_own_segments = request->nr_segments;
    last->nr_segments += request->nr_segments;
    last->nr_sectors += request->nr_sectors;
    request->merged = last->merged;
    last->merged = request;
    return true;
}

/* What the request asks is possible and lies on the device. */
static int check_request(const struct block_device *device, struct block_request *request)
{
    uint64_t nr_bytes = 0;

    if (block_is_dead(device)) {
        return -EIO;
    }
    if (request->op == BLOCK_FLUSH) {
        return 0;
    }
    if (request->op == BLOCK_DISCARD) {
        debug_assert(request->nr_segments == 0);
        nr_bytes = (uint64_t)request->nr_sectors << SECTOR_SHIFT;
    }
    debug_assert(request->nr_segments <=
                 min_of(device->max_segments, (uint32_t)BLOCK_MAX_SEGMENTS));
    for (uint32_t i = 0; i < request->nr_segments; i++) {
        const struct block_segment *segment = &request->segments[i];

        debug_assert((segment->offset_bytes | segment->len_bytes) % SECTOR_SIZE == 0);
        nr_bytes += segment->len_bytes;
    }
    request->nr_sectors = (uint32_t)(nr_bytes >> SECTOR_SHIFT);
    if (request->sector > device->nr_sectors ||
        device->nr_sectors - request->sector < nr_bytes >> SECTOR_SHIFT) {
        pr_err("block: %s: sectors %llu+%llu lie beyond the end (%llu)", device->name,
               (unsigned long long)request->sector, (unsigned long long)(nr_bytes >> SECTOR_SHIFT),
               (unsigned long long)device->nr_sectors);
        return -EIO;
    }
    if ((request->op == BLOCK_WRITE || request->op == BLOCK_DISCARD) && device->is_read_only) {
        return -EROFS;
    }
    if (request->op == BLOCK_DISCARD && !device->has_discard) {
        return -EOPNOTSUPP;
    }
    return 0;
}

static void count_request(struct block_device *device, const struct block_request *request)
{
    if (request->op == BLOCK_READ) {
        atomic_fetch_add_explicit(&device->nr_reads, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&device->nr_sectors_read, request->nr_sectors,
                                  memory_order_relaxed);
    } else if (request->op == BLOCK_WRITE) {
        atomic_fetch_add_explicit(&device->nr_writes, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&device->nr_sectors_written, request->nr_sectors,
                                  memory_order_relaxed);
    } else if (request->op == BLOCK_FLUSH) {
        atomic_fetch_add_explicit(&device->nr_flushes, 1, memory_order_relaxed);
    }
}

/* Hand it over: called without error handling left to do. */
static void enqueue(struct block_device *device, struct block_request *request)
{
    uint64_t irq = spin_lock_irqsave(&device->lock);

    if (!try_merge(device, request)) {
        list_push_back(&device->queue, &request->node);
    }
    run_queue(device);
    spin_unlock_irqrestore(&device->lock, irq);
}

void block_submit(struct block_device *device, struct block_request *request)
{
    int error = check_request(device, request);

    request->merged = NULL;
    request->is_second_half = false;
    request->nr_own_segments = request->nr_segments;
    if (error != 0) {
        request->error = error;
        request->done(request);
        return;
    }
    count_request(device, request);
    if (device->whole != NULL) {
        request->sector += device->start_sector;
        device = device->whole;
        if (request->op != BLOCK_FLUSH) {
            count_request(device, request);
        }
    }
    if (request->op == BLOCK_FLUSH &&
        !device->has_flush) { /* nothing volatile: all that completed is durable */
        request->error = 0;
        request->done(request);
        return;
    }
    enqueue(device, request);
}

/* ---- Completing ------------------------------------------------------------------------------ */

/* A FUA write has reached the cache of a device that knows only FLUSH: make it durable before
 * saying so. Afterwards it is again the write that its owner submitted. */
static bool continue_with_flush(struct block_device *device, struct block_request *request,
                                int error)
{
    if (request->is_second_half) {
        request->op = BLOCK_WRITE;
        request->is_second_half = false;
        return false;
    }
    if (error != 0 || request->op != BLOCK_WRITE || !request->is_fua || !device->has_flush) {
        return false;
    }
    request->op = BLOCK_FLUSH;
    request->is_second_half = true;
    count_request(device, request);
    enqueue(device, request);
    return true;
}

/* The request has left the device: its owner, and those of requests that ride on it, are told. */
static void finish(struct block_device *device, struct block_request *request, int error)
{
    struct block_request *merged;

    if (error != 0) {
        pr_err("block: %s: %s of sectors %llu+%u failed: error %d", device->name,
               request->op == BLOCK_READ    ? "read"
               : request->op == BLOCK_WRITE ? "write"
               : request->op == BLOCK_FLUSH ? "flush"
                                            : "discard",
               (unsigned long long)request->sector, request->nr_sectors, -error);
    }
    if (continue_with_flush(device, request, error)) {
        return;
    }
    merged = request->merged;
    request->nr_segments = request->nr_own_segments;
    request->error = error;
    request->done(request);
    while (merged != NULL) {
        struct block_request *next = merged->merged;

        merged->error = error;
        merged->done(merged);
        merged = next;
    }
}

void block_complete(struct block_device *device, struct block_request *request, int error)
{
    uint64_t irq = spin_lock_irqsave(&device->lock);

    device->nr_in_flight--;
    device->watch.was_reset = false;
    list_remove(&request->flight_node);
    run_queue(device);
    spin_unlock_irqrestore(&device->lock, irq);
    finish(device, request, error);
}

/* What waited for a disk that is given up fails as well. */
static void drop_queue(struct block_device *device, struct list *lost)
{
    while (!list_is_empty(&device->queue)) {
        struct block_request *request = list_first(&device->queue, struct block_request, node);

        list_remove(&request->node);
        list_push_back(lost, &request->flight_node);
    }
}

uint32_t block_reset(struct block_device *device, bool is_last)
{
    struct list lost = LIST_INIT(lost);
    struct block_request *request;
    uint32_t nr_lost = 0;
    uint64_t irq = spin_lock_irqsave(&device->lock);
    int error = device->ops->reset(device, !is_last, &lost);

    list_for_each (request, &lost, flight_node) {
        device->nr_in_flight--;
        nr_lost++;
    }
    if (error != 0 || is_last) {
        store_relaxed(&device->is_dead, true);
        drop_queue(device, &lost);
    } else {
        run_queue(device);
    }
    spin_unlock_irqrestore(&device->lock, irq);
    while (!list_is_empty(&lost)) {
        request = list_first(&lost, struct block_request, flight_node);
        list_remove(&request->flight_node);
        finish(device, request, -EIO);
    }
    return nr_lost;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* One queue for all who wait for a request of their own: the request lives as long as its waiter
 * wants, a queue on the waiter's stack would not. */
static struct waitq sync_waitq = WAITQ_INIT(sync_waitq);

static void sync_done(struct block_request *request)
{
    /* Release: error and data are there; the waiter may free the request from here on. */
    atomic_store_explicit(&request->is_done, true, memory_order_release);
    waitq_wake_all(&sync_waitq);
}

int block_submit_wait(struct block_device *device, struct block_request *request)
{
    atomic_store_explicit(&request->is_done, false, memory_order_relaxed);
    request->done = sync_done;
    block_submit(device, request);
    waitq_wait_event(&sync_waitq, atomic_load_explicit(&request->is_done, memory_order_acquire));
    return request->error;
}

int block_flush(struct block_device *device)
{
    struct block_request *request = block_request_alloc();
    int error;

    request->op = BLOCK_FLUSH;
    error = block_submit_wait(device, request);
    block_request_free(request);
    return error;
}

int block_discard(struct block_device *device, uint64_t sector, uint64_t nr_sectors)
{
    struct block_request *request = block_request_alloc();
    int error = device->has_discard ? 0 : -EOPNOTSUPP;

    while (nr_sectors != 0 && error == 0) {
        uint32_t part = (uint32_t)min_of(nr_sectors, (uint64_t)device->max_discard_sectors);

        request->op = BLOCK_DISCARD;
        request->sector = sector; /* set anew: of a partition, submitting has moved it */
        request->nr_sectors = part;
        request->nr_segments = 0;
        error = block_submit_wait(device, request);
        sector += part;
        nr_sectors -= part;
    }
    block_request_free(request);
    return error;
}

int block_read_sync(struct block_device *device, uint64_t offset_bytes, void *buffer,
                    size_t len_bytes)
{
    struct block_request *request;
    int error;

    if (((offset_bytes | len_bytes | (uint64_t)buffer) & (SECTOR_SIZE - 1)) != 0) {
        return -EINVAL;
    }
    request = block_request_alloc();
    request->op = BLOCK_READ;
    request->sector = offset_bytes >> SECTOR_SHIFT;
    request->nr_segments = 1;
    request->segments[0] = (struct block_segment){
        .page = page_from_virt(buffer),
        .offset_bytes = (uint32_t)((uint64_t)buffer & PAGE_MASK),
        .len_bytes = (uint32_t)len_bytes,
    };
    error = block_submit_wait(device, request);
    block_request_free(request);
    return error;
}
