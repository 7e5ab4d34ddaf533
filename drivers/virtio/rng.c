// SPDX-License-Identifier: MIT
/* virtio-rng: entropy from the host, stirred into the random-number generator.
 *
 * One buffer is always with the device until enough has come; each time it returns, its bytes are
 * mixed in.
 * Source: VIRTIO 1.2, 5.4. */
#include "drivers/irq.h"
#include "drivers/virtio/queue.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/random.h"
#include "mm/kmalloc.h"
#include "port/memory.h"

#define RNG_BYTES  64u
#define RNG_ROUNDS 4u /* 256 bytes of entropy seed the generator for good */

struct rng {
    struct virtio_device *virtio;
    struct virtio_queue queue;
    uint8_t *buffer;
    uint32_t rounds_left; /* [interrupt handler] */
};

static void ask(struct rng *rng)
{
    struct virtio_buffer buffer = {virt_to_phys(rng->buffer), RNG_BYTES, true};

    if (virtio_queue_add(&rng->queue, &buffer, 1, rng) == 0) {
        virtio_queue_kick(&rng->queue);
    }
}

static void rng_interrupt(void *arg)
{
    struct rng *rng = arg;
    uint32_t len;

    (void)virtio_ack_interrupt(rng->virtio);
    while (virtio_queue_take(&rng->queue, &len) != NULL) {
        random_mix(rng->buffer, min_of(len, RNG_BYTES));
        if (rng->rounds_left != 0) {
            rng->rounds_left--;
            ask(rng);
        }
    }
}

int virtio_rng_probe(struct virtio_device *virtio)
{
    struct rng *rng = kzalloc(sizeof(*rng), ALLOC_KERNEL);
    int error = -ENOMEM;

    if (rng == NULL) {
        return -ENOMEM;
    }
    rng->virtio = virtio;
    rng->rounds_left = RNG_ROUNDS - 1;
    rng->buffer = kmalloc(RNG_BYTES, ALLOC_KERNEL | ALLOC_DIRECT);
    if (rng->buffer == NULL) {
        goto free_rng;
    }
    error = virtio_negotiate(virtio, 0);
    if (error == 0) {
        error = virtio_queue_init(&rng->queue, virtio, 0, 4);
    }
    if (error != 0) {
        goto free_buffer;
    }
    error = irq_register(virtio->irq_source, virtio->name, rng_interrupt, rng);
    if (error != 0) {
        virtio_fail(virtio);
        virtio_queue_destroy(&rng->queue);
        goto free_buffer;
    }
    virtio_start(virtio);
    pr_info("%s: entropy source", virtio->name);
    ask(rng);
    return 0;

free_buffer:
    kfree(rng->buffer);
free_rng:
    kfree(rng);
    return error;
}
