// SPDX-License-Identifier: MIT
/* Concurrency Kit's ring, many producers and many consumers. It carries pointers, and NULL is one like
 * any other. One cell always stays empty. */
#include <ck_ring.h>

#include "tools/bench/queue.h"

static ck_ring_t ring;
static ck_ring_buffer_t cells[QUEUE_CELLS];

static void start(void)
{
    ck_ring_init(&ring, QUEUE_CELLS);
}

static inline bool push(uint64_t value)
{
    return ck_ring_enqueue_mpmc(&ring, cells, (void *)value);
}

static inline bool pop(uint64_t *value)
{
    void *pointer;

    if (!ck_ring_dequeue_mpmc(&ring, cells, &pointer)) {
        return false;
    }
    *value = (uint64_t)pointer;
    return true;
}

QUEUE_PROGRAM(start, push, pop)
