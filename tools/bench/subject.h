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

#define SUBJECT_IS_VOID 0

/* A frame costs its page record besides its 4,096 bytes; the records are written at boot, so the
 * resident memory that a workload adds doesn't show them. */
#define SUBJECT_BYTES_PER_BYTE (1.0 + (double)sizeof(struct page) / (double)PAGE_SIZE)

static inline void *subject_alloc(size_t size_bytes)
{
    return kmalloc(size_bytes, ALLOC_KERNEL);
}

static inline void subject_free(void *block)
{
    kfree(block);
}

/** RAM for a workload. */
static inline void subject_start(size_t ram_bytes)
{
    struct frame_range ram = {host_arena(ram_bytes), ram_bytes};

    if (frames_init(&ram, 1, NULL, 0) != 0) {
        bench_fail("bench: the allocator does not start");
    }
}

#elif defined(SUBJECT_VOID)

#define SUBJECT_IS_VOID        1
#define SUBJECT_BYTES_PER_BYTE 1.0

static inline void *subject_alloc(size_t size_bytes)
{
    return (void *)(size_bytes | 1);
}

static inline void subject_free(void *block)
{
    bench_keep(block);
}

static inline void subject_start(size_t ram_bytes)
{
    (void)ram_bytes;
}

#else

#define SUBJECT_IS_VOID        0
#define SUBJECT_BYTES_PER_BYTE 1.0

static inline void *subject_alloc(size_t size_bytes)
{
    return malloc(size_bytes);
}

static inline void subject_free(void *block)
{
    free(block);
}

static inline void subject_start(size_t ram_bytes)
{
    (void)ram_bytes;
}

#endif
#endif
