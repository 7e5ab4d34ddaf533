// SPDX-License-Identifier: MIT
/* Virtio devices behind memory-mapped registers, legacy (version 1) and modern (version 2).
 * Source: Virtual I/O Device (VIRTIO) 1.2, 4.2 (MMIO), 4.2.4 (legacy), 2.7 (split virtqueues). */
#ifndef CAIRN_DRIVERS_VIRTIO_MMIO_H
#define CAIRN_DRIVERS_VIRTIO_MMIO_H

#include "kernel/base/types.h"

enum virtio_device_id {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG = 4,
};

struct virtio_device {
    volatile uint8_t *regs; /* [I] */
    uint32_t version;       /* [I] 1: legacy; 2: modern */
    uint32_t device_id;     /* [I] enum virtio_device_id */
    uint32_t irq_source;    /* [I] */
    uint64_t features;      /* [I] agreed on */
    char name[24];          /* [I] "virtio@10008000" for log lines */
};

/** Reset the device and agree on features: those wanted that it offers. Returns 0, or -EIO when it
 *  refuses. */
int must_check virtio_negotiate(struct virtio_device *device, uint64_t wanted);

/** Feature bits are settled and queues set up: the device may run. */
void virtio_start(struct virtio_device *device);

/** The driver gave up: reset the device, so that it leaves memory alone, and tell it so. */
void virtio_fail(struct virtio_device *device);

static inline bool virtio_has(const struct virtio_device *device, unsigned feature)
{
    return (device->features & (1ull << feature)) != 0;
}

/** Read the interrupt reasons and acknowledge them. Bit 0: a queue was used; bit 1: the
 *  configuration changed. */
uint32_t virtio_ack_interrupt(struct virtio_device *device);

uint32_t virtio_config_read32(struct virtio_device *device, unsigned offset);
/** A 64-bit field that the device may be changing meanwhile, read in one piece. */
uint64_t virtio_config_read64(struct virtio_device *device, unsigned offset);

/** Find every virtio-mmio slot that the device tree lists and start the drivers of those that hold
 *  a device.
 *  Returns the number of devices that work. Context: may sleep. */
unsigned virtio_probe_all(void);

/* Drivers: called with a device whose version and id were checked. Return 0 or -errno with a log
 * line. */
int virtio_block_probe(struct virtio_device *device);
int virtio_rng_probe(struct virtio_device *device);

#endif
