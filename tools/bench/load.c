// SPDX-License-Identifier: MIT
/* The loads W1 and W2. Each step visits a slot: a full one is read and freed, an empty one is allocated
 * and written, one byte in each line of the cache. About half of the slots are filled first.
 *
 * Time and memory are looked at by turns: the steps are timed in equal parts, and between some of these the
 * memory that the allocator holds is compared with the bytes that live in the slots just then. Overhead is the
 * greatest of the one over the greatest of the other. What was held before the first allocation, the slots among
 * it, doesn't count. Here other programs may have their turns, too (bench.h).
 *
 * The figure is the mean over the faster half of the parts. In the slower half are those that begin with the
 * others' data in the cache, and those that the machine disturbed. The fastest part alone would say too little:
 * it is the one in which the allocator happened to refill and to give back nothing.
 *
 * With several threads, each has its share of the slots and nothing to do with the others' blocks. */
#include "tools/bench/workload.h"

#include <pthread.h>
#include <stdlib.h>

#include "tools/bench/law.h"
#include "tools/bench/subject.h"

enum { NR_PARTS = 256, PARTS_PER_TURN = 16, NR_STEPS = 1 << 16, MAX_THREADS = 8, LINE_BYTES = 64 };

struct slot {
    void *block;
    size_t size_bytes;
};

struct share {
    _Alignas(64) struct slot *slots;
    uint64_t random;
    uint64_t sum; /* of all that was read: nobody may leave the reading out */
    uint64_t part_ns[NR_PARTS];
};

struct load {
    struct law law;
    unsigned nr_threads;
    pthread_barrier_t meeting;
    uint64_t base_bytes; /* held before the first allocation */
    uint64_t base_resident;
    uint64_t peak_held, peak_resident, peak_live;
    struct share shares[MAX_THREADS];
};

static inline void read_block(struct share *share, const struct slot *slot)
{
    const char *bytes = slot->block;

    for (size_t at = 0; !SUBJECT_IS_VOID && at < slot->size_bytes; at += LINE_BYTES) {
        share->sum += (uint64_t)bytes[at];
    }
}

static inline void fill_slot(struct slot *slot, size_t size_bytes)
{
    slot->block = subject_alloc(size_bytes);
    slot->size_bytes = size_bytes;
    if (slot->block == NULL) {
        bench_fail("bench: out of memory in the middle of a load");
    }
    for (size_t at = 0; !SUBJECT_IS_VOID && at < size_bytes; at += LINE_BYTES) {
        ((char *)slot->block)[at] = (char)size_bytes;
    }
}

static void fill_half(struct load *load, struct share *share)
{
    for (uint64_t i = 0; i < load->law.nr_slots; i++) {
        uint64_t random = bench_random(&share->random);
        if ((random >> 31 & 1) != 0) {
            fill_slot(&share->slots[i], law_size(&load->law, random));
        }
    }
}

static void run_steps(const struct law *law, struct share *share)
{
    for (unsigned step = 0; step < NR_STEPS; step++) {
        struct slot *slot = &share->slots[law_slot(law, bench_random(&share->random))];
        uint64_t random = bench_random(&share->random);
        if (slot->block != NULL) {
            read_block(share, slot);
            subject_free(slot->block);
            slot->block = NULL;
        } else {
            fill_slot(slot, law_size(law, random));
        }
    }
    bench_keep(share->sum);
}

static uint64_t live_bytes(const struct load *load)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < load->nr_threads; i++) {
        for (uint64_t slot = 0; slot < load->law.nr_slots; slot++) {
            if (load->shares[i].slots[slot].block != NULL) {
                bytes += load->shares[i].slots[slot].size_bytes;
            }
        }
    }
    return bytes;
}

/* Compare what is held with what lives; nobody allocates meanwhile. */
static void look_at_memory(struct load *load)
{
    uint64_t held = subject_held_bytes() - load->base_bytes;
    uint64_t resident = bench_resident_bytes() - load->base_resident;
    uint64_t live = live_bytes(load);

    load->peak_resident = resident > load->peak_resident ? resident : load->peak_resident;
    load->peak_held = held > load->peak_held ? held : load->peak_held;
    load->peak_live = live > load->peak_live ? live : load->peak_live;
}

static void run_share(unsigned index, void *arg)
{
    struct load *load = arg;
    struct share *share = &load->shares[index];

    subject_enter(index);
    fill_half(load, share);
    for (unsigned part = 0; part < NR_PARTS; part++) {
        uint64_t ns;

        if (part % PARTS_PER_TURN == 0) {
            pthread_barrier_wait(&load->meeting);
            if (index == 0) {
                look_at_memory(load);
                bench_end_turn();
            }
            pthread_barrier_wait(&load->meeting);
        }
        ns = bench_now_ns();
        run_steps(&load->law, share);
        share->part_ns[part] = bench_now_ns() - ns;
    }
}

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The nanoseconds of a step: the mean over the faster half of the parts. */
static double step_ns(struct share *share)
{
    uint64_t sum_ns = 0;

    qsort(share->part_ns, NR_PARTS, sizeof(share->part_ns[0]), compare_ns);
    for (unsigned part = 0; part < NR_PARTS / 2; part++) {
        sum_ns += share->part_ns[part];
    }
    return (double)sum_ns / (NR_PARTS / 2) / NR_STEPS;
}

void run_load(const char *name, unsigned nr_threads, uint64_t seed)
{
    static struct load load;
    double sum_ns = 0;

    load.nr_threads = nr_threads;
    load.law = law_make(name, nr_threads);
    law_check(&load.law);
    subject_start(256u << 20);
    for (unsigned i = 0; i < nr_threads; i++) {
        load.shares[i].slots = bench_map_memory(load.law.nr_slots * sizeof(struct slot));
        load.shares[i].random = seed * 2 * MAX_THREADS + i;
    }
    pthread_barrier_init(&load.meeting, NULL, nr_threads);
    load.base_bytes = subject_held_bytes();
    load.base_resident = bench_resident_bytes();
    (void)bench_run_threads(nr_threads, run_share, &load);
    for (unsigned i = 0; i < nr_threads; i++) {
        sum_ns += step_ns(&load.shares[i]);
    }
    bench_result("ns", sum_ns / nr_threads);
    bench_result("overhead", (double)load.peak_held / (double)load.peak_live);
    bench_result("resident", (double)load.peak_resident / (double)load.peak_live);
}
