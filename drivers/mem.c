// SPDX-License-Identifier: MIT
/* The devices that are only memory: null, zero, full, random, urandom, and kmsg (kmsg.c). */
#include "drivers/mem.h"

#include "drivers/kmsg.h"
#include "kernel/abi/errno.h"
#include "kernel/base/random.h"

#define MEM_MAJOR      1u
#define MEM_DEV(minor) ((MEM_MAJOR << 8) | (minor))

/* ---- null, zero, full ------------------------------------------------------------------------ */

static ssize_t null_read(struct char_device *device, void *session, struct iter *iter,
                         unsigned flags)
{
    return 0;
}

static ssize_t discard_write(struct char_device *device, void *session, struct iter *iter,
                             unsigned flags)
{
    size_t len = iter->remaining_bytes;

    iter_advance(iter, len);
    return (ssize_t)len;
}

static ssize_t zero_read(struct char_device *device, void *session, struct iter *iter,
                         unsigned flags)
{
    size_t len = iter->remaining_bytes;
    size_t done = iter_zero(iter, len);

    return done != 0 || len == 0 ? (ssize_t)done : -EFAULT;
}

static ssize_t full_write(struct char_device *device, void *session, struct iter *iter,
                          unsigned flags)
{
    return -ENOSPC;
}

/* ---- random ---------------------------------------------------------------------------------- */

static ssize_t random_read(struct char_device *device, void *session, struct iter *iter,
                           unsigned flags)
{
    uint8_t block[256];
    size_t total = 0;

    while (iter->remaining_bytes != 0) {
        size_t len = min_of(sizeof(block), iter->remaining_bytes);
        size_t copied;

        random_fill(block, len);
        copied = iter_copy_to(iter, block, len);
        total += copied;
        if (copied < len) {
            return total != 0 ? (ssize_t)total : -EFAULT;
        }
    }
    return (ssize_t)total;
}

static ssize_t random_write(struct char_device *device, void *session, struct iter *iter,
                            unsigned flags)
{
    uint8_t block[256];
    size_t total = 0;

    while (iter->remaining_bytes != 0) {
        size_t copied = iter_copy_from(iter, block, min_of(sizeof(block), iter->remaining_bytes));

        if (copied == 0) {
            return total != 0 ? (ssize_t)total : -EFAULT;
        }
        random_mix(block, copied);
        total += copied;
    }
    return (ssize_t)total;
}

static const struct char_device_ops null_ops = {.read = null_read, .write = discard_write};
static const struct char_device_ops zero_ops = {.read = zero_read, .write = discard_write};
static const struct char_device_ops full_ops = {.read = zero_read, .write = full_write};
static const struct char_device_ops random_ops = {.read = random_read, .write = random_write};

static struct char_device mem_devices[] = {
    {.name = "null", .dev_number = MEM_DEV(3), .mode = 0666, .ops = &null_ops},
    {.name = "zero", .dev_number = MEM_DEV(5), .mode = 0666, .ops = &zero_ops},
    {.name = "full", .dev_number = MEM_DEV(7), .mode = 0666, .ops = &full_ops},
    {.name = "random", .dev_number = MEM_DEV(8), .mode = 0666, .ops = &random_ops},
    {.name = "urandom", .dev_number = MEM_DEV(9), .mode = 0666, .ops = &random_ops},
    {.name = "kmsg", .dev_number = MEM_DEV(11), .mode = 0644, .ops = &kmsg_ops},
};

int mem_devices_register(void)
{
    for (unsigned i = 0; i < array_size(mem_devices); i++) {
        int error = char_register(&mem_devices[i]);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}
