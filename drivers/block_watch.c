// SPDX-License-Identifier: MIT
/* Disks that do not answer.
 *
 * Whoever has submitted a request waits for its completion, without a limit, and holds locks and pages meanwhile. A
 * disk that never completes it would take the machine with it, one process after the other. So every few
 * seconds a thread looks at each device's oldest request. When it has been the oldest for half a minute, the
 * device is reset, which makes sure that it no longer reads or writes memory of ours; only then may the requests that
 * it had fail, with EIO, and their memory be used for something else. It gets one more chance. A device that answers
 * nothing between two resets is given up: what waits, and all that comes, fails at once.
 *
 *     in use ──30 s──> reset, its requests fail ──an answer──> in use
 *                            └──────30 s──────> given up
 *
 * Two clocks must agree. An emulator that counts instructions lets the monotonic clock jump while the machine waits for a
 * disk, so that half a minute can pass in no time at all; the wall clock's chip does not jump with it.
 *
 * Lock: device->lock for the oldest request; the rest of device->watch is the thread's. */
#include "drivers/block_watch.h"

#include "drivers/block.h"
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/sync/waitq.h"

#define LOOKS_PER_TIMEOUT 6u

static uint64_t request_timeout_ns = BLOCK_TIMEOUT_NS; /* [I] after block_watch_start() */

/* The oldest request's number, if there is a request. */
static bool find_oldest(struct block_device *device, uint32_t *serial)
{
    uint64_t irq = spin_lock_irqsave(&device->lock);
    bool has_one = !list_is_empty(&device->in_flight);

    if (has_one) {
        *serial = list_first(&device->in_flight, struct block_request, flight_node)->serial;
    }
    spin_unlock_irqrestore(&device->lock, irq);
    return has_one;
}

/* Whether the same request has been the oldest for too long. */
static bool has_timed_out(struct block_device *device, uint64_t now_ns, uint64_t wall_ns)
{
    uint32_t serial = 0;
    bool has_one = find_oldest(device, &serial);

    if (!has_one || !device->watch.is_watching || serial != device->watch.serial) {
        device->watch.is_watching = has_one;
        device->watch.serial = serial;
        device->watch.since_ns = now_ns;
        device->watch.wall_since_ns = wall_ns;
        return false;
    }
    return now_ns - device->watch.since_ns >= request_timeout_ns &&
           (wall_ns == 0 || wall_ns - device->watch.wall_since_ns >= request_timeout_ns);
}

static void give_it_a_push(struct block_device *device)
{
    bool is_last = device->watch.was_reset;
    uint32_t nr_lost;

    device->watch.is_watching = false;
    device->watch.was_reset = true;
    nr_lost = block_reset(device, is_last);
    pr_err("block: %s: no answer for %llu s: %u requests fail, and the disk is %s", device->name,
           (unsigned long long)(request_timeout_ns / 1000000000ull), nr_lost,
           block_is_dead(device) ? "given up" : "reset");
}

void block_watch_check(uint64_t now_ns, uint64_t wall_ns)
{
    struct block_device *device;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        if (device->whole == NULL && device->ops->reset != NULL &&
            has_timed_out(device, now_ns, wall_ns)) {
            give_it_a_push(device);
        }
    }
}

static void watch_main(void *arg)
{
    uint64_t (*wall)(void) = arg;
    static struct waitq never = WAITQ_INIT(never);

    for (;;) {
        (void)waitq_wait(&never, PORT_BLOCK_UNINTERRUPTIBLE,
                         port_clock_ns() + request_timeout_ns / LOOKS_PER_TIMEOUT, false);
        block_watch_check(port_clock_ns(), wall != NULL ? wall() : 0);
    }
}

int block_watch_start(uint64_t timeout_ns, uint64_t (*wall)(void))
{
    request_timeout_ns = timeout_ns;
    return port_spawn("block-watch", watch_main, wall) != NULL ? 0 : -ENOMEM;
}
