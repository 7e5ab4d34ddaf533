// SPDX-License-Identifier: MIT
/* The workloads of an allocator; alloc_main.c chooses one. */
#ifndef CAIRN_TOOLS_BENCH_WORKLOAD_H
#define CAIRN_TOOLS_BENCH_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

enum { CHECKERBOARD_MIN = 250, CHECKERBOARD_MAX = 16000 };

/** W1 or W2: results `ns` (for a step, of each thread) and `overhead`. load.c */
void run_load(const char *name, unsigned nr_threads, uint64_t seed);

/** Results `pair-SIZE-HOW`, and `cache-SIZE-HOW` for slab caches. pairs.c */
void run_pairs(void);

/** Results `checkerboard-N-free`. pairs.c */
void run_checkerboard(void);

/** Zeroed memory that is resident and no allocator's. alloc_main.c */
void *bench_map_memory(size_t len_bytes);

#endif
