// SPDX-License-Identifier: MIT
/* The kernel's ring (kernel/base/ring.c). */
#include "kernel/base/ring.h"
#include "tools/bench/queue.h"

static struct ring ring;
static struct ring_cell cells[QUEUE_CELLS];

static void start(void)
{
    if (ring_init(&ring, cells, QUEUE_CELLS) != 0) {
        bench_fail("queue: the ring does not start");
    }
}

static inline bool push(uint64_t value)
{
    return ring_push(&ring, value);
}

static inline bool pop(uint64_t *value)
{
    return ring_pop(&ring, value);
}

QUEUE_PROGRAM(start, push, pop)
