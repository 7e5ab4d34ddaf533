// SPDX-License-Identifier: MIT
/* Allocate and free, over and over, one size:
 *
 *   hot      a block is freed before the next is asked for
 *   fifo     1,024 blocks are allocated, then freed in the order they were allocated in
 *   random   the same, freed in random order
 *
 * and the checkerboard: of 2N blocks of 64 bytes those with even numbers are freed, then the others
 * in random order; only these frees are timed. An allocator whose free searches a list becomes slower
 * with N.
 *
 * Each block's first word is written. The smallest of several repetitions counts. */
#include "tools/bench/workload.h"

#include <stdio.h>

#include "tools/bench/subject.h"

enum { NR_BATCH = 1024, NR_HOT = 200000, NR_BATCHES = 100, NR_REPETITIONS = 7 };

static void *blocks[2 * CHECKERBOARD_MAX];
static uint32_t order[CHECKERBOARD_MAX];

static void shuffle(uint64_t *random, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        order[i] = i;
    }
    for (unsigned i = nr - 1; i > 0; i--) {
        unsigned j = (unsigned)(bench_random(random) % (i + 1));
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static inline void *touch(void *block)
{
    if (!SUBJECT_IS_VOID) {
        *(void **)block = block;
    }
    bench_keep(block);
    return block;
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

/* The loops are inlined into each caller, so that alloc and release are plain calls there. */
#define LOOP static inline __attribute__((always_inline)) double

LOOP time_hot(void *(*alloc)(size_t size), void (*release)(void *block), size_t size)
{
    uint64_t start_ns = bench_now_ns();

    for (unsigned i = 0; i < NR_HOT; i++) {
        release(touch(alloc(size)));
    }
    return (double)(bench_now_ns() - start_ns) / NR_HOT;
}

/* Blocks are freed in the order of `order`. */
LOOP time_batches(void *(*alloc)(size_t size), void (*release)(void *block), size_t size)
{
    uint64_t start_ns = bench_now_ns();

    for (unsigned batch = 0; batch < NR_BATCHES; batch++) {
        for (unsigned i = 0; i < NR_BATCH; i++) {
            blocks[i] = touch(alloc(size));
        }
        for (unsigned i = 0; i < NR_BATCH; i++) {
            release(blocks[order[i]]);
        }
    }
    return (double)(bench_now_ns() - start_ns) / (NR_BATCH * NR_BATCHES);
}

static void report(const char *kind, size_t size, const char *how, double ns)
{
    char name[64];

    snprintf(name, sizeof(name), "%s-%zu-%s", kind, size, how);
    bench_result(name, ns);
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

LOOP time_pairs(const char *kind, void *(*alloc)(size_t size), void (*release)(void *block),
                size_t size)
{
    double hot = 1e9, fifo = 1e9, mixed = 1e9;
    uint64_t random = 1;

    for (unsigned repetition = 0; repetition < NR_REPETITIONS; repetition++) {
        hot = smaller(hot, time_hot(alloc, release, size));
        for (unsigned i = 0; i < NR_BATCH; i++) {
            order[i] = i;
        }
        fifo = smaller(fifo, time_batches(alloc, release, size));
        shuffle(&random, NR_BATCH);
        mixed = smaller(mixed, time_batches(alloc, release, size));
    }
    report(kind, size, "hot", hot);
    report(kind, size, "fifo", fifo);
    report(kind, size, "random", mixed);
    return hot;
}

/* ---- Caches ---------------------------------------------------------------------------------- */

#ifdef SUBJECT_CAIRN

#define CACHE(bytes)                                                                         \
    static struct slab_cache cache_##bytes = SLAB_CACHE_INIT(cache_##bytes, "bench-" #bytes, \
                                                             bytes, 16, NULL);               \
    static void *alloc_##bytes(size_t size)                                                  \
    {                                                                                        \
        (void)size;                                                                          \
        return slab_alloc(&cache_##bytes, ALLOC_KERNEL);                                     \
    }                                                                                        \
    static void free_##bytes(void *block)                                                    \
    {                                                                                        \
        slab_free(&cache_##bytes, block);                                                    \
    }
CACHE(64)
CACHE(256)
CACHE(4096)
#undef CACHE

static void run_caches(void)
{
    (void)time_pairs("cache", alloc_64, free_64, 64);
    (void)time_pairs("cache", alloc_256, free_256, 256);
    (void)time_pairs("cache", alloc_4096, free_4096, 4096);
}

#else

/* A cache's peers are the same as kmalloc's: malloc has no notion of a type. */
static void run_caches(void)
{
}

#endif

void run_pairs(void)
{
    static const size_t sizes[] = {64, 256, 4096};

    subject_start(64u << 20);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        (void)time_pairs("pair", subject_alloc, subject_free, sizes[i]);
    }
    run_caches();
}

/* ---- Checkerboard ---------------------------------------------------------------------------- */

static double time_checkerboard(unsigned nr, uint64_t *random)
{
    uint64_t start_ns;

    for (unsigned i = 0; i < 2 * nr; i++) {
        blocks[i] = touch(subject_alloc(64));
    }
    for (unsigned i = 0; i < 2 * nr; i += 2) {
        subject_free(blocks[i]);
    }
    shuffle(random, nr);
    start_ns = bench_now_ns();
    for (unsigned i = 0; i < nr; i++) {
        subject_free(blocks[2 * order[i] + 1]);
    }
    return (double)(bench_now_ns() - start_ns) / nr;
}

void run_checkerboard(void)
{
    uint64_t random = 1;

    subject_start(64u << 20);
    for (unsigned nr = CHECKERBOARD_MIN; nr <= CHECKERBOARD_MAX; nr *= 2) {
        double best = 1e9;
        for (unsigned repetition = 0; repetition < 200000 / nr; repetition++) {
            best = smaller(best, time_checkerboard(nr, &random));
        }
        report("checkerboard", nr, "free", best);
    }
}
