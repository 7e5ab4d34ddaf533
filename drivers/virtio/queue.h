// SPDX-License-Identifier: MIT
/* Split virtqueues: how buffers are handed to a device and come back. Theory in queue.c. */
#ifndef CAIRN_DRIVERS_VIRTIO_QUEUE_H
#define CAIRN_DRIVERS_VIRTIO_QUEUE_H

#include "drivers/virtio/mmio.h"

struct virtio_buffer { /* one piece of a chain */
    phys_t address;
    uint32_t len_bytes;
    bool is_device_writable; /* those come after the readable ones */
};

struct virtio_descriptor; /* queue.c */

struct virtio_queue {
    struct virtio_device *device;          /* [I] */
    uint32_t index;                        /* [I] */
    uint32_t size;                         /* [I] descriptors; a power of two */
    struct virtio_descriptor *descriptors; /* [I] shared with the device, and: */
    uint16_t *available;                   /* [I] flags, index, ring[size], … */
    volatile uint16_t *used; /* [I] flags, index, then pairs of (u32 id, u32 length) */
    void **tokens; /* [caller's lock] the caller's name for each chain, by its first descriptor */
    uint16_t *chain_lengths; /* [caller's lock] */
    uint16_t
        *next_free; /* [caller's lock] our own list: the device could overwrite the shared one */
    uint16_t first_free; /* [caller's lock] */
    uint32_t nr_free;    /* [caller's lock] */
    uint16_t last_used;  /* [caller's lock] */
    bool is_distrusted;  /* [caller's lock] the device gave a nonsense answer, and the log has it */
    uint16_t
        next_available; /* [caller's lock] not yet told to the device beyond what kick published */
};

/** Set up queue `index` with at most max_size descriptors. Returns 0, -ENODEV, -ENOMEM. Context:
 *  may sleep. */
int must_check virtio_queue_init(struct virtio_queue *queue, struct virtio_device *device,
                                 uint32_t index, uint32_t max_size);

/** Begin anew with the same memory, after the device was reset and negotiated with: chains that were under way are
 *  forgotten. Caller: the driver's lock. */
void virtio_queue_restart(struct virtio_queue *queue);

/** Add a chain of buffers. Returns 0, or -EAGAIN when too few descriptors are free. Caller: the
 *  driver's lock. */
int must_check virtio_queue_add(struct virtio_queue *queue, const struct virtio_buffer *buffers,
                                uint32_t nr, void *token);

/** Tell the device about what was added. */
void virtio_queue_kick(struct virtio_queue *queue);

/** Give back what virtio_queue_init() took. The device was reset (virtio_fail). */
void virtio_queue_destroy(struct virtio_queue *queue);

/** A chain that the device has finished with: its token, or NULL. Nonsense answers are skipped, and
 *  the first is logged. */
void *virtio_queue_take(struct virtio_queue *queue, uint32_t *len_bytes);

#endif
