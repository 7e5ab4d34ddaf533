// SPDX-License-Identifier: MIT
/* The MMIO transport: finding devices, and the handshake.
 *
 * The device tree lists slots; an empty slot has device id 0. The handshake (3.1.1) is the same for
 * both versions: reset, acknowledge, agree on features, set up queues, go. They differ in three
 * places, all in this folder: a legacy device has 32 feature bits and no FEATURES_OK step, it wants
 * to know the page size, and it takes a queue as one page number instead of three addresses
 * (queue.c).
 *
 * QEMU's `virt` has legacy slots unless told otherwise. */
#include "drivers/virtio/mmio.h"

#include "drivers/fdt.h"
#include "drivers/mmio.h"
#include "drivers/virtio/regs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"

#define FEATURE_VERSION_1 (1ull << 32)

uint32_t virtio_read(struct virtio_device *device, unsigned offset)
{
    return mmio_read32(device->regs + offset);
}

void virtio_write(struct virtio_device *device, unsigned offset, uint32_t value)
{
    mmio_write32(device->regs + offset, value);
}

static uint64_t read_offered(struct virtio_device *device)
{
    uint64_t features;

    virtio_write(device, VIRTIO_DEVICE_FEATURES_SEL, 0);
    features = virtio_read(device, VIRTIO_DEVICE_FEATURES);
    if (device->version >= 2) {
        virtio_write(device, VIRTIO_DEVICE_FEATURES_SEL, 1);
        features |= (uint64_t)virtio_read(device, VIRTIO_DEVICE_FEATURES) << 32;
    }
    return features;
}

static void add_status(struct virtio_device *device, uint32_t bits)
{
    virtio_write(device, VIRTIO_STATUS, virtio_read(device, VIRTIO_STATUS) | bits);
}

int virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    uint64_t offered;

    virtio_write(device, VIRTIO_STATUS, 0);
    add_status(device, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(device, VIRTIO_STATUS_DRIVER);
    offered = read_offered(device);
    if (device->version >= 2) {
        wanted |= FEATURE_VERSION_1;
        if ((offered & FEATURE_VERSION_1) == 0) {
            pr_err("%s: a modern device without VERSION_1", device->name);
            virtio_fail(device);
            return -EIO;
        }
    }
    device->features = offered & wanted;
    virtio_write(device, VIRTIO_DRIVER_FEATURES_SEL, 0);
    virtio_write(device, VIRTIO_DRIVER_FEATURES, (uint32_t)device->features);
    if (device->version >= 2) {
        virtio_write(device, VIRTIO_DRIVER_FEATURES_SEL, 1);
        virtio_write(device, VIRTIO_DRIVER_FEATURES, (uint32_t)(device->features >> 32));
        add_status(device, VIRTIO_STATUS_FEATURES_OK);
        if ((virtio_read(device, VIRTIO_STATUS) & VIRTIO_STATUS_FEATURES_OK) == 0) {
            pr_err("%s: features %llx are refused", device->name,
                   (unsigned long long)device->features);
            virtio_fail(device);
            return -EIO;
        }
    } else {
        virtio_write(device, VIRTIO_LEGACY_GUEST_PAGE_SIZE, PAGE_SIZE);
    }
    return 0;
}

void virtio_start(struct virtio_device *device)
{
    add_status(device, VIRTIO_STATUS_DRIVER_OK);
}

void virtio_fail(struct virtio_device *device)
{
    virtio_write(device, VIRTIO_STATUS, 0); /* after a reset it touches no memory of ours */
    add_status(device, VIRTIO_STATUS_FAILED);
}

uint32_t virtio_ack_interrupt(struct virtio_device *device)
{
    uint32_t reasons = virtio_read(device, VIRTIO_INTERRUPT_STATUS);

    if (reasons != 0) {
        virtio_write(device, VIRTIO_INTERRUPT_ACK, reasons);
    }
    return reasons;
}

uint32_t virtio_config_read32(struct virtio_device *device, unsigned offset)
{
    return virtio_read(device, VIRTIO_CONFIG + offset);
}

uint64_t virtio_config_read64(struct virtio_device *device, unsigned offset)
{
    uint32_t before, after = 0;
    unsigned nr_tries = 0;
    uint64_t value;

    do { /* legacy devices have no generation: they read as 0 there and change nothing while a driver starts */
        before = device->version >= 2 ? virtio_read(device, VIRTIO_CONFIG_GENERATION) : 0;
        value = virtio_config_read32(device, offset);
        value |= (uint64_t)virtio_config_read32(device, offset + 4) << 32;
        after = device->version >= 2 ? virtio_read(device, VIRTIO_CONFIG_GENERATION) : 0;
    } while (before != after &&
             ++nr_tries < 1000); /* a device that never rests is not waited for */
    return value;
}

static int start_driver(struct virtio_device *device)
{
    switch (device->device_id) {
    case VIRTIO_ID_BLOCK: return virtio_block_probe(device);
    case VIRTIO_ID_RNG: return virtio_rng_probe(device);
    default:
        pr_info("%s: device type %u has no driver here", device->name, device->device_id);
        return -ENODEV;
    }
}

/* Look into one slot. Returns 0 when it holds a device that works. */
static int probe_slot(const struct fdt *fdt, fdt_node node)
{
    uint64_t address, size;
    uint32_t source;
    struct virtio_device *device;
    int error;

    if (!fdt_is_enabled(fdt, node) || fdt_reg(fdt, node, 0, &address, &size) != 0 ||
        size < VIRTIO_CONFIG || fdt_interrupt(fdt, node, &source) != 0) {
        return -ENODEV;
    }
    device = kzalloc(sizeof(*device), ALLOC_KERNEL);
    if (device == NULL) {
        return -ENOMEM;
    }
    ksnprintf(device->name, sizeof(device->name), "virtio@%llx", (unsigned long long)address);
    device->irq_source = source;
    device->regs = vmalloc_map_device(phys(address), size);
    if (device->regs == NULL) {
        kfree(device);
        return -ENOMEM;
    }
    device->version = virtio_read(device, VIRTIO_VERSION);
    device->device_id = virtio_read(device, VIRTIO_DEVICE_ID);
    error = -ENODEV;
    if (virtio_read(device, VIRTIO_MAGIC) == VIRTIO_MAGIC_VALUE && device->device_id != 0) {
        if (device->version == 1 || device->version == 2) {
            error = start_driver(device);
        } else {
            pr_err("%s: unknown virtio-mmio version %u", device->name, device->version);
        }
    }
    if (error != 0) {
        vfree((const void *)device->regs);
        kfree(device);
    }
    return error;
}

/* QEMU lists its slots from the highest address down, and plugs disks into the lowest free bus:
 * the slots are probed in order of address, so that the first disk on the command line is vda. */
unsigned virtio_probe_all(void)
{
    const struct fdt *fdt = machine_fdt();
    uint64_t last_address = 0;
    bool is_first = true;
    unsigned nr_found = 0;

    for (;;) {
        fdt_node best = -1;
        uint64_t best_address = UINT64_MAX;

        for (fdt_node node = fdt_find_compatible(fdt, -1, "virtio,mmio"); node >= 0;
             node = fdt_find_compatible(fdt, node, "virtio,mmio")) {
            uint64_t address, size;

            if (fdt_reg(fdt, node, 0, &address, &size) == 0 && address < best_address &&
                (is_first || address > last_address)) {
                best = node;
                best_address = address;
            }
        }
        if (best < 0) {
            break;
        }
        is_first = false;
        last_address = best_address;
        if (probe_slot(fdt, best) == 0) {
            nr_found++;
        }
    }
    return nr_found;
}
