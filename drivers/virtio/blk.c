// SPDX-License-Identifier: MIT
/* virtio-blk: disks.
 *
 * Each request becomes one chain: a header that says what and where, the data, and a byte for the
 * device's answer. Headers and answers live in slots, one for each request in flight; when slots or
 * descriptors run out, the block layer keeps the request and tries again after the next completion.
 * Nothing polls. When the device does not answer, it is reset (block_watch.c).
 * Source: VIRTIO 1.2, 5.2. */
#include "drivers/block.h"
#include "drivers/irq.h"
#include "drivers/virtio/queue.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "mm/kmalloc.h"
#include "mm/page.h"

enum { /* feature bits */
       BLK_F_SEG_MAX = 2,
       BLK_F_RO = 5,
       BLK_F_FLUSH = 9,
       BLK_F_DISCARD = 13,
};

enum { /* configuration fields */
       BLK_CONFIG_CAPACITY = 0,
       BLK_CONFIG_SEG_MAX = 12,
       BLK_CONFIG_MAX_DISCARD_SECTORS = 36,
};

enum { BLK_T_IN = 0, BLK_T_OUT = 1, BLK_T_FLUSH = 4, BLK_T_DISCARD = 11 };
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

#define BLK_QUEUE_SIZE     256u
#define BLK_NR_SLOTS       64u
#define BLK_MIN_QUEUE_SIZE 4u /* header, a segment, status; a power of two */

struct blk_slot {
    struct { /* read by the device */
        uint32_t type;
        uint32_t reserved;
        uint64_t sector;
    } header;
    struct { /* of a discard, the data */
        uint64_t sector;
        uint32_t nr_sectors;
        uint32_t flags;
    } range;
    uint8_t status;                /* written by the device */
    struct block_request *request; /* [lock] NULL: free */
};

struct blk_disk {
    struct block_device block; /* its lock guards all below */
    struct virtio_device *virtio;
    struct virtio_queue queue;
    struct blk_slot *slots; /* BLK_NR_SLOTS */
    uint32_t free_slots[BLK_NR_SLOTS];
    uint32_t nr_free_slots;
};

static uint32_t type_of(enum block_op op)
{
    switch (op) {
    case BLOCK_READ: return BLK_T_IN;
    case BLOCK_WRITE: return BLK_T_OUT;
    case BLOCK_DISCARD: return BLK_T_DISCARD;
    default: return BLK_T_FLUSH;
    }
}

/* The chain of a request. Returns the number of buffers. */
static uint32_t describe(struct blk_slot *slot, const struct block_request *request,
                         struct virtio_buffer *buffers)
{
    uint32_t nr = 0;

    buffers[nr++] = (struct virtio_buffer){virt_to_phys(&slot->header), sizeof(slot->header),
                                           false};
    if (request->op == BLOCK_DISCARD) {
        buffers[nr++] = (struct virtio_buffer){virt_to_phys(&slot->range), sizeof(slot->range),
                                               false};
    } else if (request->op != BLOCK_FLUSH) {
        for (uint32_t i = 0; i < request->nr_segments; i++) {
            const struct block_segment *segment = &request->segments[i];

            buffers[nr++] = (struct virtio_buffer){
                phys(page_to_phys(segment->page).addr + segment->offset_bytes),
                segment->len_bytes,
                request->op == BLOCK_READ,
            };
        }
    }
    buffers[nr++] = (struct virtio_buffer){virt_to_phys(&slot->status), 1, true};
    return nr;
}

static int blk_start(struct block_device *device, struct block_request *request)
{
    struct blk_disk *disk = device->driver;
    struct virtio_buffer buffers[BLOCK_MAX_SEGMENTS + 2];
    struct blk_slot *slot;
    int error;

    if (disk->nr_free_slots == 0) {
        return -EAGAIN;
    }
    slot = &disk->slots[disk->free_slots[disk->nr_free_slots - 1]];
    slot->header.type = type_of(request->op);
    slot->header.reserved = 0;
    slot->header.sector = request->op == BLOCK_READ || request->op == BLOCK_WRITE ? request->sector
                                                                                  : 0;
    slot->range.sector = request->sector;
    slot->range.nr_sectors = request->nr_sectors;
    slot->range.flags = 0;
    slot->status = BLK_S_IOERR; /* unless the device says otherwise */
    error = virtio_queue_add(&disk->queue, buffers, describe(slot, request, buffers), slot);
    if (error == 0) {
        slot->request = request;
        disk->nr_free_slots--;
    }
    return error;
}

static void blk_kick(struct block_device *device)
{
    struct blk_disk *disk = device->driver;

    virtio_queue_kick(&disk->queue);
}

static int slot_error(const struct blk_slot *slot)
{
    switch (slot->status) {
    case BLK_S_OK: return 0;
    case BLK_S_UNSUPP: return -EOPNOTSUPP;
    default: return -EIO;
    }
}

/* Take one finished request off the queue. */
static struct block_request *take_finished(struct blk_disk *disk, int *error)
{
    uint64_t irq = spin_lock_irqsave(&disk->block.lock);
    struct block_request *request = NULL;
    uint32_t len;
    struct blk_slot *slot = virtio_queue_take(&disk->queue, &len);

    if (slot != NULL) {
        request = slot->request;
        slot->request = NULL;
        *error = slot_error(slot);
        disk->free_slots[disk->nr_free_slots++] = (uint32_t)(slot - disk->slots);
    }
    spin_unlock_irqrestore(&disk->block.lock, irq);
    return request;
}

static void blk_interrupt(void *arg)
{
    struct blk_disk *disk = arg;
    struct block_request *request;
    int error = 0;

    /* Acknowledge first: what finishes after the loop below raises the interrupt again. */
    (void)virtio_ack_interrupt(disk->virtio);
    while ((request = take_finished(disk, &error)) != NULL) {
        block_complete(&disk->block, request, error);
    }
}

static void take_requests(struct blk_disk *disk, struct list *lost)
{
    for (uint32_t i = 0; i < BLK_NR_SLOTS; i++) {
        struct block_request *request = disk->slots[i].request;

        if (request != NULL) {
            list_remove(&request->flight_node);
            list_push_back(lost, &request->flight_node);
            disk->slots[i].request = NULL;
        }
        disk->free_slots[i] = i;
    }
    disk->nr_free_slots = BLK_NR_SLOTS;
}

static int blk_reset(struct block_device *device, bool is_restarted, struct list *lost)
{
    struct blk_disk *disk = device->driver;

    virtio_fail(disk->virtio); /* first: from here on it leaves the requests' memory alone */
    take_requests(disk, lost);
    if (!is_restarted || virtio_negotiate(disk->virtio, disk->virtio->features) != 0) {
        return -EIO;
    }
    virtio_queue_restart(&disk->queue);
    virtio_start(disk->virtio);
    return 0;
}

static const struct block_device_ops blk_ops = {
    .start = blk_start,
    .kick = blk_kick,
    .reset = blk_reset,
};

static void read_config(struct blk_disk *disk)
{
    struct virtio_device *virtio = disk->virtio;
    struct block_device *block = &disk->block;

    block->nr_sectors = min_of(virtio_config_read64(virtio, BLK_CONFIG_CAPACITY),
                               (uint64_t)INT64_MAX / SECTOR_SIZE);
    block->max_segments = min_of((uint32_t)BLOCK_MAX_SEGMENTS, disk->queue.size - 2);
    if (virtio_has(virtio, BLK_F_SEG_MAX)) {
        uint32_t seg_max = virtio_config_read32(virtio, BLK_CONFIG_SEG_MAX);

        block->max_segments = max_of(1u, min_of(block->max_segments, seg_max));
    }
    block->is_read_only = virtio_has(virtio, BLK_F_RO);
    block->has_flush = virtio_has(virtio, BLK_F_FLUSH);
    if (virtio_has(virtio, BLK_F_DISCARD)) {
        block->max_discard_sectors = virtio_config_read32(virtio, BLK_CONFIG_MAX_DISCARD_SECTORS);
        block->has_discard = block->max_discard_sectors != 0;
    }
    block->ops = &blk_ops;
    block->driver = disk;
}

/* From the registration on the disk stays for ever: without an interrupt it is one of no
 * sectors, whose requests all fail. */
static void start_disk(struct blk_disk *disk)
{
    struct virtio_device *virtio = disk->virtio;
    int error = irq_register(virtio->irq_source, virtio->name, blk_interrupt, disk);

    if (error != 0) {
        pr_err("%s: %s: no interrupt %u to be had (error %d): not used", virtio->name,
               disk->block.name, virtio->irq_source, -error);
        disk->block.nr_sectors = 0;
        virtio_fail(virtio);
        return;
    }
    virtio_start(virtio);
    pr_info("%s: %s: disk of %llu MiB%s%s", virtio->name, disk->block.name,
            (unsigned long long)(disk->block.nr_sectors >> 11),
            disk->block.is_read_only ? ", read-only" : "",
            disk->block.has_flush ? "" : ", write-through");
    block_scan_partitions(&disk->block);
}

static struct blk_disk *new_disk(struct virtio_device *virtio)
{
    struct blk_disk *disk = kzalloc(sizeof(*disk), ALLOC_KERNEL);

    if (disk == NULL) {
        return NULL;
    }
    disk->slots = kcalloc(BLK_NR_SLOTS, sizeof(*disk->slots), ALLOC_KERNEL | ALLOC_DIRECT);
    if (disk->slots == NULL) {
        kfree(disk);
        return NULL;
    }
    for (uint32_t i = 0; i < BLK_NR_SLOTS; i++) {
        disk->free_slots[i] = i;
    }
    disk->nr_free_slots = BLK_NR_SLOTS;
    disk->virtio = virtio;
    return disk;
}

int virtio_block_probe(struct virtio_device *virtio)
{
    struct blk_disk *disk = new_disk(virtio);
    int error;

    if (disk == NULL) {
        return -ENOMEM;
    }
    error = virtio_negotiate(virtio, 1ull << BLK_F_SEG_MAX | 1ull << BLK_F_RO |
                                         1ull << BLK_F_FLUSH | 1ull << BLK_F_DISCARD);
    if (error != 0) {
        goto free_disk;
    }
    error = virtio_queue_init(&disk->queue, virtio, 0, BLK_QUEUE_SIZE);
    if (error != 0) {
        goto free_disk;
    }
    if (disk->queue.size < BLK_MIN_QUEUE_SIZE) {
        pr_err("%s: a queue of %u is too short for a request", virtio->name, disk->queue.size);
        error = -ENODEV;
        goto free_queue;
    }
    read_config(disk);
    error = block_register(&disk->block);
    if (error != 0) {
        goto free_queue;
    }
    start_disk(disk);
    return 0;

free_queue:
    virtio_fail(virtio);
    virtio_queue_destroy(&disk->queue);
free_disk:
    kfree(disk->slots);
    kfree(disk);
    return error;
}
