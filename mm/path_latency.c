// SPDX-License-Identifier: MIT
/* How long allocations take.
 *
 * An allocator is judged by its usual cost and by its worst one. The usual path is a few dozen
 * instructions: to read the clock twice around it would double it, and the clock's ticks are
 * longer than that anyway. So the fast paths are not watched; whoever reads the figures has some
 * rounds of pairs made for him, and gets the average of each round.
 *
 * The slow paths are where an allocation can take long, and there a clock costs next to nothing. Each
 * of them is always watched, from where the fast path gave up to where there is memory (or none):
 *
 *     slab_alloc ── no magazine, no slab has an object ──► SLAB_GROW
 *                                                             |
 *     frames_alloc ── hot list empty, or a block ──► FRAME_REFILL, FRAME_BLOCK
 *                                                        |           |
 *                                           RECLAIM, if need be   COMPACT, if need be
 *
 * So a time that was spent further in is part of those further out, too. What is measured is what
 * the caller felt: interrupts, preemption and sleeping are in it.
 *
 * No locks: each number of a histogram is an atomic word. */
#include "mm/path_latency.h"

#include "kernel/abi/errno.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"

enum { NR_ROUNDS = 64, NR_PAIRS = 32, BLOCK_BYTES = 64 };

struct histogram path_latencies[ALLOC_NR_PATHS];

static const char *const names[ALLOC_NR_PATHS] = {
    [ALLOC_FRAME_REFILL] = "frame_refill", [ALLOC_FRAME_BLOCK] = "frame_block",
    [ALLOC_SLAB_GROW] = "slab_grow",       [ALLOC_COMPACT] = "compact",
    [ALLOC_RECLAIM] = "reclaim",
};

const char *path_latency_name(enum alloc_path path)
{
    return names[path];
}

void path_latency_clear(void)
{
    for (unsigned path = 0; path < ALLOC_NR_PATHS; path++) {
        histogram_clear(&path_latencies[path]);
    }
}

static bool pair_frames(void)
{
    for (unsigned i = 0; i < NR_PAIRS; i++) {
        struct page *page = frames_alloc(0, ALLOC_KERNEL);
        if (page == NULL) {
            return false;
        }
        frames_free(page, 0);
    }
    return true;
}

static bool pair_objects(void)
{
    for (unsigned i = 0; i < NR_PAIRS; i++) {
        void *block = kmalloc(BLOCK_BYTES, ALLOC_KERNEL);
        if (block == NULL) {
            return false;
        }
        kfree(block);
    }
    return true;
}

static int try_rounds(bool (*pairs)(void), struct histogram *histogram)
{
    for (unsigned round = 0; round < NR_ROUNDS; round++) {
        uint64_t start_ns = port_clock_ns();
        if (!pairs()) {
            return -ENOMEM;
        }
        histogram_record(histogram, (port_clock_ns() - start_ns) / NR_PAIRS);
    }
    return 0;
}

int path_latency_try_fast(struct histogram *frames, struct histogram *objects)
{
    int error = try_rounds(pair_frames, frames);

    return error != 0 ? error : try_rounds(pair_objects, objects);
}
