// SPDX-License-Identifier: MIT
/* What pairs of allocating and freeing cost.
 *
 * They are too short for a clock around one of them, and happen where no program can put a clock. So
 * the kernel repeats each pair here, when /proc/pair_cost is read, and takes the cheapest of some rounds: a round that
 * an interrupt fell into is dearer than its neighbours. The calls and the loop are part of the
 * figure. Filling and copying a page stand beside them: they are most of what some page faults cost.
 *
 * Under `qemu -icount shift=0` a nanosecond is an instruction, and the figures repeat to the digit;
 * elsewhere they say little. */
#include "mm/pair_cost.h"

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

enum {
    NR_ROUNDS = 10,
    NR_PAIRS = 200,
    OBJECT_BYTES = 128,
    BLOCK_BYTES = 100,
    RUN_BYTES = 3 * PAGE_SIZE
};

struct parcel {
    char data[OBJECT_BYTES];
};

SLAB_CACHE(pair_cost_cache, struct parcel, NULL);

/* Each runs NR_PAIRS pairs, in a loop of its own: a call through a pointer for each pair would be a
 * tenth of what is measured. */

static bool run_cache_pairs(struct page *pages[2])
{
    for (unsigned i = 0; i < NR_PAIRS; i++) {
        void *object = slab_alloc(&pair_cost_cache, ALLOC_KERNEL);
        if (object == NULL) {
            return false;
        }
        slab_free(&pair_cost_cache, object);
    }
    return true;
}

static bool run_page_pairs(struct page *pages[2])
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

static inline bool run_kmalloc_pairs(size_t size_bytes)
{
    for (unsigned i = 0; i < NR_PAIRS; i++) {
        void *block = kmalloc(size_bytes, ALLOC_KERNEL);
        if (block == NULL) {
            return false;
        }
        kfree(block);
    }
    return true;
}

static bool run_small_pairs(struct page *pages[2])
{
    return run_kmalloc_pairs(BLOCK_BYTES);
}

static bool run_large_pairs(struct page *pages[2])
{
    return run_kmalloc_pairs(PAGE_SIZE);
}

static bool run_run_pairs(struct page *pages[2])
{
    return run_kmalloc_pairs(RUN_BYTES);
}

static bool zero_pages(struct page *pages[2])
{
    for (unsigned i = 0; i < NR_PAIRS; i++) {
        page_zero(page_address(pages[0]));
    }
    return true;
}

static bool copy_pages(struct page *pages[2])
{
    for (unsigned i = 0; i < NR_PAIRS; i++) {
        page_copy(page_address(pages[0]), page_address(pages[1]));
    }
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct page *pages[2]);
} pairs[NR_PAIR_COSTS] = {
    {"cache_pair", run_cache_pairs},     {"page_pair", run_page_pairs},
    {"kmalloc_pair", run_small_pairs},   {"kmalloc_page_pair", run_large_pairs},
    {"kmalloc_run_pair", run_run_pairs}, {"zero_page", zero_pages},
    {"copy_page", copy_pages},
};

static int measure(bool (*run)(struct page *pages[2]), struct page *pages[2], uint64_t *cost_ns)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < NR_ROUNDS; round++) {
        uint64_t start = port_clock_ns();
        if (!run(pages)) {
            return -ENOMEM;
        }
        uint64_t taken = port_clock_ns() - start;
        best = taken < best ? taken : best;
    }
    *cost_ns = best / NR_PAIRS;
    return 0;
}

int pair_cost_measure(struct pair_cost costs[NR_PAIR_COSTS])
{
    struct page *pages[2];
    unsigned nr_pages = frames_alloc_bulk(pages, 2, ALLOC_KERNEL);
    int error = nr_pages == 2 ? 0 : -ENOMEM;

    for (unsigned i = 0; i < NR_PAIR_COSTS && error == 0; i++) {
        costs[i].name = pairs[i].name;
        error = measure(pairs[i].run, pages, &costs[i].cost_ns);
    }
    while (nr_pages > 0) {
        frames_free(pages[--nr_pages], 0);
    }
    return error;
}
