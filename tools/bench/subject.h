// SPDX-License-Identifier: MIT
/* The allocator that a benchmark program measures, chosen when it is compiled:
 *
 *   SUBJECT_CAIRN    the kernel's kmalloc() and slab caches, in a machine of simulated RAM
 *   SUBJECT_MALLOC   malloc(): glibc's, or the one that LD_PRELOAD puts in its place
 *   SUBJECT_VOID     none: what the loop itself costs
 *
 * The workloads are the same source for all three, compiled with the same options. */
#ifndef CAIRN_TOOLS_BENCH_SUBJECT_H
#define CAIRN_TOOLS_BENCH_SUBJECT_H

#include <stdlib.h>

#include "tools/bench/bench.h"

#if defined(SUBJECT_CAIRN)

#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"
#include "tools/host/arena.h"
#include "tools/host/host.h"

#define SUBJECT_IS_VOID 0

/** The bytes that the allocator has taken from the system: frames that are not free, each with its
 *  page record and its tag. (A freed frame is anybody's again; that the host still has it in memory is the doing
 *  of the simulated RAM.) */
static inline uint64_t subject_held_bytes(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    return (stats.nr_total - stats.nr_free) * (PAGE_SIZE + sizeof(struct page) + sizeof(uint8_t));
}

static inline void *subject_alloc(size_t size_bytes)
{
    return kmalloc(size_bytes, ALLOC_KERNEL);
}

static inline void subject_free(void *block)
{
    kfree(block);
}

/** The calling thread is the index-th that allocates. */
static inline void subject_enter(unsigned index)
{
    host_set_hart((int)index);
}

/** RAM for a workload; the calling thread is the first. */
static inline void subject_start(size_t ram_bytes)
{
    struct frame_range ram = {host_arena(ram_bytes), ram_bytes};

    subject_enter(0);
    if (frames_init(&ram, 1, NULL, 0) != 0) {
        bench_fail("bench: the allocator does not start");
    }
}

#elif defined(SUBJECT_VOID)

#define SUBJECT_IS_VOID 1

static inline uint64_t subject_held_bytes(void)
{
    return bench_resident_bytes();
}

static inline void *subject_alloc(size_t size_bytes)
{
    return (void *)(size_bytes | 1);
}

static inline void subject_free(void *block)
{
    bench_keep(block);
}

static inline void subject_enter(unsigned index)
{
    (void)index;
}

static inline void subject_start(size_t ram_bytes)
{
    (void)ram_bytes;
}

#else

#define SUBJECT_IS_VOID 0

/** What the process has in memory: pages that the allocator gave back are not. */
static inline uint64_t subject_held_bytes(void)
{
    return bench_resident_bytes();
}

static inline void *subject_alloc(size_t size_bytes)
{
    return malloc(size_bytes);
}

static inline void subject_free(void *block)
{
    free(block);
}

static inline void subject_enter(unsigned index)
{
    (void)index;
}

static inline void subject_start(size_t ram_bytes)
{
    (void)ram_bytes;
}

#endif
#endif
