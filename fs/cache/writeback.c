// SPDX-License-Identifier: MIT
/* Writing dirty pages in the background, and holding back writers that outrun the disk.
 *
 * One thread looks every half second: files that have been dirty for five seconds are written, and
 * then dirty metadata, of any age (writing files makes some). When more than a tenth of the memory
 * that could hold pages, free or in the cache already, is dirty or on its way to a disk, everything
 * is written, until it is not. A writer that finds more than a fifth sleeps until enough of it has
 * arrived, but no longer than THROTTLE_NS at a time: memory cannot fill up with pages that nobody can
 * drop. Nothing here flushes a disk's cache: what is written is not yet durable.
 *
 * Progress is a page that has arrived, not one whose write was begun: a slow disk takes many requests
 * at once and then nothing moves for a while, and who took that for the end of all that reclaim can do
 * would have a process killed.
 *
 * The thread writes pages through mapping->lock and page locks only, never inode->lock, so that
 * a throttled writer may hold its inode's. Attributes (write_inode) follow by the VFS's rules:
 * vfs_write_old_inodes(). */
#include "fs/cache/writeback.h"
#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/sync/waitq.h"
#include "mm/frames.h"

#define WRITEBACK_PERIOD_NS   500000000ull
#define WRITEBACK_AGE_NS      5000000000ull
#define WRITEBACK_ROUND_PAGES 1024u
#define PROGRESS_WAIT_NS      100000000ull
#define THROTTLE_NS           5000000000ull /* a writer is held back no longer than this at a time */

static _Atomic int64_t nr_dirty_pages;   /* [a] */
static _Atomic int64_t nr_writing_pages; /* [a] on their way to a disk */
static _Atomic uint64_t
    nr_written;                /* [a] arrived, ever: what those who wait for progress look at */
static _Atomic bool is_wanted; /* [a] somebody asked for a round now */
static struct waitq thread_waitq = WAITQ_INIT(thread_waitq);
static struct waitq progress_waitq = WAITQ_INIT(progress_waitq);
static struct task *_Atomic writeback_task; /* [a] NULL until started */

void writeback_count_dirty(int change)
{
    atomic_fetch_add_explicit(&nr_dirty_pages, change, memory_order_relaxed);
}

void writeback_count_begin(void)
{
    atomic_fetch_add_explicit(&nr_writing_pages, 1, memory_order_relaxed);
}

void writeback_count_end(void)
{
    atomic_fetch_sub_explicit(&nr_writing_pages, 1, memory_order_relaxed);
    /* A full fence, and so is a waiter's between standing on the queue and looking: either we see him
     * there, or he sees the new count. */
    atomic_fetch_add_explicit(&nr_written, 1, memory_order_seq_cst);
    fence_full();
    if (unlikely(!waitq_is_idle(&progress_waitq))) {
        waitq_wake_all(&progress_waitq);
    }
}

static uint64_t not_negative(int64_t nr)
{
    return nr > 0 ? (uint64_t)nr : 0;
}

uint64_t writeback_nr_dirty(void)
{
    return not_negative(load_relaxed(&nr_dirty_pages));
}

/* Limits follow the memory that could hold pages: what is free and what the cache already has. */
static uint64_t reachable_pages(void)
{
    return frames_nr_free() + cache_nr_pages();
}

static bool is_above(unsigned parts, unsigned of)
{
    uint64_t nr = writeback_nr_dirty() + not_negative(load_relaxed(&nr_writing_pages));

    return nr * of > reachable_pages() * parts;
}

void writeback_wake(void)
{
    atomic_store_explicit(&is_wanted, true, memory_order_seq_cst);
    waitq_wake_all(&thread_waitq);
}

bool writeback_wait_some(void)
{
    uint64_t before = atomic_load_explicit(&nr_written, memory_order_seq_cst);
    struct task *thread = atomic_load_explicit(&writeback_task, memory_order_acquire);

    if (thread == NULL || thread == port_self()) {
        return false;
    }
    writeback_wake();
    (void)waitq_wait(&progress_waitq, PORT_BLOCK_UNINTERRUPTIBLE,
                     port_clock_ns() + PROGRESS_WAIT_NS,
                     atomic_load_explicit(&nr_written, memory_order_seq_cst) != before);
    return true;
}

void writeback_throttle(void)
{
    uint64_t deadline;

    if (likely(!is_above(1, 10))) {
        return;
    }
    writeback_wake();
    deadline = port_clock_ns() + THROTTLE_NS;
    while (is_above(1, 5) && port_clock_ns() < deadline && writeback_wait_some()) {
    }
}

/* One round over every device's metadata. Data pages come first (vfs_write_old_inodes), since
 * writing them dirties it. */
static void write_metadata(void)
{
    struct block_device *device;

    for (unsigned i = 0; (device = block_get(i)) != NULL; i++) {
        struct mapping *mapping = __atomic_load_n(&device->cache, __ATOMIC_ACQUIRE);

        if (mapping != NULL && load_relaxed(&mapping->nr_dirty) != 0) {
            (void)mapping_start_write(mapping, WRITEBACK_ROUND_PAGES);
        }
    }
}

static void writeback_thread(void *arg)
{
    for (;;) {
        bool is_urgent;

        (void)waitq_wait(&thread_waitq, PORT_BLOCK_UNINTERRUPTIBLE,
                         port_clock_ns() + WRITEBACK_PERIOD_NS,
                         atomic_load_explicit(&is_wanted, memory_order_seq_cst));
        is_urgent = atomic_exchange_explicit(&is_wanted, false, memory_order_seq_cst) ||
                    is_above(1, 10);
        if (writeback_nr_dirty() != 0 || is_urgent) {
            uint64_t now = port_clock_ns();

            vfs_write_old_inodes(is_urgent || now < WRITEBACK_AGE_NS ? now
                                                                     : now - WRITEBACK_AGE_NS);
            write_metadata();
        }
    }
}

int writeback_start(void)
{
    struct task *thread = port_spawn("writeback", writeback_thread, NULL);

    if (thread == NULL) {
        return -ENOMEM;
    }
    atomic_store_explicit(&writeback_task, thread, memory_order_release);
    return 0;
}
