// SPDX-License-Identifier: MIT
/* Split virtqueues.
 *
 * Three arrays in memory that both sides see. The driver describes buffers in the descriptor table,
 * as chains; it puts the number of a chain's first descriptor into the available ring and moves
 * that ring's index; the device works and puts the number into the used ring, and moves its index.
 * Each side writes only its own index, so no lock is shared; order is kept by fences: contents
 * before index on the way out, index before contents on the way back.
 *
 *     descriptors  [addr len flags next] …          16 bytes each, written by the driver
 *     available    flags index ring[size]           written by the driver
 *     used         flags index (id len)[size]       written by the device; page-aligned for legacy
 *     devices
 *
 * The free list and chain lengths are kept in memory of our own: what the device could scribble
 * over is never followed.
 * Source: VIRTIO 1.2, 2.7; layout for legacy devices 2.7.2. */
#include "drivers/virtio/queue.h"

#include "drivers/virtio/regs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"

struct virtio_descriptor {
    uint64_t address;
    uint32_t len_bytes;
    uint16_t flags;
    uint16_t next;
};
static_assert(sizeof(struct virtio_descriptor) == 16, "VIRTIO 1.2, 2.7.5");

enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };

static void free_own_state(struct virtio_queue *queue)
{
    kfree(queue->tokens);
    kfree(queue->chain_lengths);
    kfree(queue->next_free);
}

static void free_all(struct virtio_queue *queue)
{
    for (uint32_t i = 0; i < queue->size; i++) {
        queue->next_free[i] = (uint16_t)(i + 1);
        queue->tokens[i] = NULL;
    }
    queue->first_free = 0;
    queue->nr_free = queue->size;
}

static int alloc_own_state(struct virtio_queue *queue)
{
    queue->tokens = kcalloc(queue->size, sizeof(*queue->tokens), ALLOC_KERNEL);
    queue->chain_lengths = kcalloc(queue->size, sizeof(*queue->chain_lengths), ALLOC_KERNEL);
    queue->next_free = kcalloc(queue->size, sizeof(*queue->next_free), ALLOC_KERNEL);
    if (queue->tokens == NULL || queue->chain_lengths == NULL || queue->next_free == NULL) {
        free_own_state(queue);
        return -ENOMEM;
    }
    free_all(queue);
    return 0;
}

static void write_address(struct virtio_device *device, unsigned low_register,
                          const volatile void *pointer)
{
    uint64_t address = virt_to_phys((const void *)pointer).addr;

    virtio_write(device, low_register, (uint32_t)address);
    virtio_write(device, low_register + 4, (uint32_t)(address >> 32));
}

static void announce(struct virtio_queue *queue)
{
    struct virtio_device *device = queue->device;

    virtio_write(device, VIRTIO_QUEUE_NUM, queue->size);
    if (device->version == 1) {
        virtio_write(device, VIRTIO_LEGACY_QUEUE_ALIGN, PAGE_SIZE);
        virtio_write(device, VIRTIO_LEGACY_QUEUE_PFN,
                     (uint32_t)(virt_to_phys(queue->descriptors).addr >> PAGE_SHIFT));
        return;
    }
    write_address(device, VIRTIO_QUEUE_DESC_LOW, queue->descriptors);
    write_address(device, VIRTIO_QUEUE_AVAIL_LOW, queue->available);
    write_address(device, VIRTIO_QUEUE_USED_LOW, queue->used);
    virtio_write(device, VIRTIO_QUEUE_READY, 1);
}

/* The bytes before the used ring, which legacy devices expect on a page of its own. */
static size_t used_offset(const struct virtio_queue *queue)
{
    return align_up(queue->size * sizeof(struct virtio_descriptor) + 2 * (3 + (size_t)queue->size),
                    PAGE_SIZE);
}

/* log2 of the pages that the three arrays need. */
static unsigned queue_order(const struct virtio_queue *queue)
{
    size_t total = used_offset(queue) + 2 * 3 + 8 * (size_t)queue->size;
    unsigned order = 0;

    while ((PAGE_SIZE << order) < total) {
        order++;
    }
    return order;
}

int virtio_queue_init(struct virtio_queue *queue, struct virtio_device *device, uint32_t index,
                      uint32_t max_size)
{
    uint32_t device_max;
    struct page *pages;

    memset(queue, 0, sizeof(*queue));
    queue->device = device;
    queue->index = index;
    virtio_write(device, VIRTIO_QUEUE_SEL, index);
    device_max = virtio_read(device, VIRTIO_QUEUE_NUM_MAX);
    if (device_max == 0) {
        pr_err("%s: has no queue %u", device->name, index);
        return -ENODEV;
    }
    for (queue->size = 1; queue->size * 2 <= min_of(device_max, max_size); queue->size *= 2) {
    }
    pages = frames_alloc(queue_order(queue), ALLOC_KERNEL | ALLOC_ZERO);
    if (pages == NULL) {
        return -ENOMEM;
    }
    if (alloc_own_state(queue) != 0) {
        frames_free(pages, queue_order(queue));
        return -ENOMEM;
    }
    queue->descriptors = page_address(pages);
    queue->available = (uint16_t *)(queue->descriptors + queue->size);
    queue->used = (volatile uint16_t *)((char *)page_address(pages) + used_offset(queue));
    announce(queue);
    return 0;
}

void virtio_queue_restart(struct virtio_queue *queue)
{
    virtio_write(queue->device, VIRTIO_QUEUE_SEL, queue->index);
    queue->available[1] = 0;
    queue->used[1] = 0;
    queue->next_available = 0;
    queue->last_used = 0;
    free_all(queue);
    announce(queue);
}

void virtio_queue_destroy(struct virtio_queue *queue)
{
    frames_free(page_from_virt(queue->descriptors), queue_order(queue));
    free_own_state(queue);
}

int virtio_queue_add(struct virtio_queue *queue, const struct virtio_buffer *buffers, uint32_t nr,
                     void *token)
{
    uint16_t head = queue->first_free;
    uint16_t slot = head;

    if (nr == 0 || nr > queue->nr_free) {
        return -EAGAIN;
    }
    for (uint32_t i = 0; i < nr; i++) {
        bool is_last = i == nr - 1;

        queue->descriptors[slot] = (struct virtio_descriptor){
            .address = buffers[i].address.addr,
            .len_bytes = buffers[i].len_bytes,
            .flags = (uint16_t)((is_last ? 0 : DESCRIPTOR_NEXT) |
                                (buffers[i].is_device_writable ? DESCRIPTOR_WRITE : 0)),
            .next = is_last ? 0 : queue->next_free[slot],
        };
        slot = queue->next_free[slot];
    }
    queue->first_free = slot;
    queue->nr_free -= nr;
    queue->tokens[head] = token;
    queue->chain_lengths[head] = (uint16_t)nr;
    queue->available[2 + (queue->next_available & (queue->size - 1))] = head;
    queue->next_available++;
    return 0;
}

void virtio_queue_kick(struct virtio_queue *queue)
{
    /* The device must see descriptors and ring entries before the index that covers them… */
    atomic_thread_fence(memory_order_release);
    *(volatile uint16_t *)&queue->available[1] = queue->next_available;
    /* …and the index before the notification: the register write has a fence of its own. */
    virtio_write(queue->device, VIRTIO_QUEUE_NOTIFY, queue->index);
}

static void free_chain(struct virtio_queue *queue, uint16_t head)
{
    uint16_t slot = head;

    for (uint16_t i = 1; i < queue->chain_lengths[head]; i++) {
        slot = queue->next_free[slot];
    }
    queue->next_free[slot] = queue->first_free;
    queue->first_free = head;
    queue->nr_free += queue->chain_lengths[head];
    queue->tokens[head] = NULL;
}

/* A device that misbehaves once may do so at every interrupt: one line is enough. */
static void distrust(struct virtio_queue *queue, const char *what, uint32_t value)
{
    if (!queue->is_distrusted) {
        pr_err("%s: queue %u: %s %u: such answers are ignored", queue->device->name, queue->index,
               what, value);
    }
    queue->is_distrusted = true;
}

/* How many entries of the used ring are new. An index that runs further ahead than the queue is
 * long is nonsense: none. */
static uint16_t nr_used(struct virtio_queue *queue)
{
    uint16_t nr = (uint16_t)(queue->used[1] - queue->last_used);

    if (nr > queue->size) {
        distrust(queue, "the device claims to have finished", nr);
        return 0;
    }
    return nr;
}

void *virtio_queue_take(struct virtio_queue *queue, uint32_t *len_bytes)
{
    while (nr_used(queue) != 0) {
        const volatile uint32_t *entry;
        uint32_t id;
        void *token;

        /* The entry may be read only after the index that covers it. */
        atomic_thread_fence(memory_order_acquire);
        entry = (const volatile uint32_t *)(queue->used + 2) +
                2 * (queue->last_used & (queue->size - 1));
        id = entry[0];
        *len_bytes = entry[1];
        queue->last_used++;
        if (id >= queue->size || queue->tokens[id] == NULL) {
            distrust(queue, "the device returns what it does not have, descriptor", id);
            continue;
        }
        token = queue->tokens[id];
        free_chain(queue, (uint16_t)id);
        return token;
    }
    return NULL;
}
