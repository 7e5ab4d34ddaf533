// SPDX-License-Identifier: MIT
/* Disks that fall silent, and the time that passes meanwhile.
 *
 * A silent disk takes requests and never answers them. Whether it has done what they ask, nobody knows: a bit for each of
 * them says whether it takes effect, at once. It has a few slots; when they are full, requests wait in the block layer's queue, as
 * with any disk. What was taken stays until a reset takes it back (drivers/block_watch.c), after which the disk
 * answers again, or not yet.
 *
 * Who waits for such a disk waits half a minute, and a test has no half minutes. So there is a clock that stands still as
 * long as all disks answer, and runs, five seconds a look of the watch, while some request is held. The thread that looks is
 * the only one that ends a silence, as in the kernel.
 *
 * Lock: disk->lock, taken inside device->lock, which also keeps a reset out while a request is taken. */
#include "drivers/block_watch.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "tools/host/disk_internal.h"

#define NR_SLOTS 4u
#define LOOK_NS  5000000000ull

static _Atomic uint32_t nr_held;                   /* requests, of all disks */
static _Atomic bool is_looking;                    /* the watch is at it */
static struct waitq changed = WAITQ_INIT(changed); /* one of these */

void host_silence_init(struct host_disk *disk)
{
    memset(&disk->silence, 0, sizeof(disk->silence));
    list_init(&disk->silence.held);
    atomic_store(&disk->device.is_dead, false);
    memset(&disk->device.watch, 0, sizeof(disk->device.watch));
}

/* ---- Taking requests, and giving them back ----------------------------------------------------- */

/* Whether the disk says nothing to this one. */
static bool is_silent_now(struct host_disk *disk)
{
    spin_assert_held(&disk->lock);
    if (disk->silence.nr_resets == 0) {
        return false;
    }
    if (disk->silence.nr_answers != 0) {
        disk->silence.nr_answers--;
        return false;
    }
    return true;
}

/* Returns whether there was a slot for it. */
static bool hold(struct host_disk *disk, struct block_request *request, bool *has_effect)
{
    spin_assert_held(&disk->lock);
    if (disk->silence.nr_held == NR_SLOTS) {
        return false;
    }
    disk->silence.nr_held++;
    list_push_back(&disk->silence.held, &request->node);
    *has_effect = (disk->silence.effects >> (disk->silence.nr_taken++ % 64) & 1) != 0;
    return true;
}

bool host_silence_takes(struct host_disk *disk, struct block_request *request, int *error)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);
    bool is_silent = is_silent_now(disk);
    bool has_effect = false;
    bool is_held = is_silent && hold(disk, request, &has_effect);

    spin_unlock_irqrestore(&disk->lock, irq);
    if (is_held) {
        if (has_effect) {
            (void)!host_disk_run(disk, request);
        }
        atomic_fetch_add(&nr_held, 1);
        waitq_wake_all(&changed);
    }
    *error = is_held ? 0 : -EAGAIN;
    return is_silent;
}

void host_silence_reset(struct host_disk *disk, struct list *lost)
{
    uint64_t irq = spin_lock_irqsave(&disk->lock);

    while (!list_is_empty(&disk->silence.held)) {
        struct block_request *request = list_first(&disk->silence.held, struct block_request, node);

        list_remove(&request->node);
        list_remove(&request->flight_node);
        list_push_back(lost, &request->flight_node);
        disk->silence.nr_held--;
        atomic_fetch_sub(&nr_held, 1);
    }
    if (disk->silence.nr_resets != 0 && disk->silence.nr_resets != HOST_DISK_FOR_GOOD) {
        disk->silence.nr_resets--;
    }
    spin_unlock_irqrestore(&disk->lock, irq);
}

/* ---- Time -------------------------------------------------------------------------------------- */

static void watch_main(void *arg)
{
    uint64_t now_ns = 0;

    for (;;) {
        waitq_wait_event(&changed, atomic_load(&nr_held) != 0);
        atomic_store(&is_looking, true);
        now_ns += LOOK_NS;
        block_watch_check(now_ns, now_ns);
        atomic_store(&is_looking, false);
        waitq_wake_all(&changed);
    }
}

static void start_watch(void)
{
    static bool is_started; /* tests silence disks in one thread */

    if (!is_started && port_spawn("host watch", watch_main, NULL) == NULL) {
        panic("host disk: no thread for the watch");
    }
    is_started = true;
}

/* ---- For tests --------------------------------------------------------------------------------- */

void host_disk_silence(struct host_disk *disk, uint32_t nr_answers, uint32_t nr_resets,
                       uint64_t effects)
{
    uint64_t irq;

    start_watch();
    irq = spin_lock_irqsave(&disk->lock);
    disk->silence.nr_answers = nr_answers;
    disk->silence.nr_resets = nr_resets;
    disk->silence.effects = effects;
    disk->silence.nr_taken = 0;
    spin_unlock_irqrestore(&disk->lock, irq);
}

uint32_t host_disk_end_silence(struct host_disk *disk)
{
    uint32_t nr_taken;

    /* What is held is given back inside a look, so nothing of that is left when both are over. */
    waitq_wait_event(&changed, atomic_load(&nr_held) == 0 && !atomic_load(&is_looking));
    nr_taken = disk->silence.nr_taken;
    host_silence_init(disk);
    return nr_taken;
}
