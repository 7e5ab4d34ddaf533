// SPDX-License-Identifier: MIT
/* DPDK's ring in its default mode, many producers and many consumers, without DPDK's environment: the
 * ring works in any memory. A consumer waits for a producer that has been stopped half-way. */
#include <rte_ring.h>
#include <stdlib.h>

#include "tools/bench/queue.h"

static struct rte_ring *ring;

static void start(void)
{
    size_t len_bytes = (size_t)rte_ring_get_memsize(QUEUE_CELLS);

    ring = aligned_alloc(128, (len_bytes + 127) / 128 * 128);
    if (ring == NULL || rte_ring_init(ring, "bench", QUEUE_CELLS, 0) != 0) {
        bench_fail("queue: rte_ring does not start");
    }
}

static inline bool push(uint64_t value)
{
    return rte_ring_mp_enqueue(ring, (void *)value) == 0;
}

static inline bool pop(uint64_t *value)
{
    void *pointer;

    if (rte_ring_mc_dequeue(ring, &pointer) != 0) {
        return false;
    }
    *value = (uint64_t)pointer;
    return true;
}

QUEUE_PROGRAM(start, push, pop)
