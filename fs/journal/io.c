// SPDX-License-Identifier: MIT
/* Writes of the journal: many frames, few requests, one wait.
 *
 * Pieces that follow one another on the disk go into one request, so that a transaction reaches the ring
 * in pieces of 256 KiB. A request of the reserve is submitted at once (see block_request_alloc).
 *
 * The wait queue is everybody's, since a request that has just ended may still wake when whoever waited for it
 * has gone, and his queue with him. */
#include "fs/journal/journal_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"

static struct waitq ended_waitq = WAITQ_INIT(ended_waitq);

void journal_io_begin(struct journal_io *io, struct block_device *device, bool is_fua)
{
    io->device = device;
    io->request = NULL;
    io->next_sector = 0;
    io->is_fua = is_fua;
    atomic_store_explicit(&io->nr_pending, 0, memory_order_relaxed);
    atomic_store_explicit(&io->error, 0, memory_order_relaxed);
}

static void request_done(struct block_request *request)
{
    struct journal_io *io = request->owner;

    if (request->error != 0) {
        atomic_store_explicit(&io->error, request->error, memory_order_relaxed);
    }
    block_request_free(request);
    /* Release: who sees 0 sees the error, too. From here on `io` is the waiter's alone. */
    atomic_fetch_sub_explicit(&io->nr_pending, 1, memory_order_release);
    waitq_wake_all(&ended_waitq);
}

static void submit_current(struct journal_io *io)
{
    struct block_request *request = io->request;

    if (request != NULL) {
        io->request = NULL;
        block_submit(io->device, request);
    }
}

static struct block_request *new_request(struct journal_io *io, uint64_t sector)
{
    struct block_request *request = block_request_alloc();

    request->op = BLOCK_WRITE;
    request->is_fua = io->is_fua;
    request->sector = sector;
    request->owner = io;
    request->done = request_done;
    atomic_fetch_add_explicit(&io->nr_pending, 1, memory_order_relaxed);
    return request;
}

void journal_io_write(struct journal_io *io, struct page *page, uint32_t len_bytes, uint64_t sector)
{
    uint32_t max_segments = min_of(io->device->max_segments, (uint32_t)BLOCK_MAX_SEGMENTS);

    debug_assert(len_bytes % SECTOR_SIZE == 0 && len_bytes <= PAGE_SIZE);
    if (io->request != NULL &&
        (io->next_sector != sector || io->request->nr_segments == max_segments)) {
        submit_current(io);
    }
    if (io->request == NULL) {
        io->request = new_request(io, sector);
    }
    io->request->segments[io->request->nr_segments++] =
        (struct block_segment){.page = page, .offset_bytes = 0, .len_bytes = len_bytes};
    io->next_sector = sector + len_bytes / SECTOR_SIZE;
    if (block_request_is_reserved(io->request)) {
        submit_current(io);
    }
}

int journal_io_wait(struct journal_io *io)
{
    submit_current(io);
    waitq_wait_event(&ended_waitq,
                     atomic_load_explicit(&io->nr_pending, memory_order_acquire) == 0);
    return atomic_load_explicit(&io->error, memory_order_relaxed);
}
