// SPDX-License-Identifier: MIT
/* The allocators on all harts of the real machine: frames and objects freed by others than those
 * who took them, and every count back where it was. What each of them must do is tested on the
 * host; here are real harts, preemption and interrupts. */
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "kernel/base/selftest.h"
#include "kernel/base/string.h"
#include "kernel/sync/waitq.h"
#include "mm/frames_internal.h"
#include "mm/kmalloc.h"
#include "mm/pair_cost.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"
#include "port/memory.h"

enum { MAX_THREADS = 2 * MAX_HARTS, NR_SLOTS = 256 };

/* ---- Crowds: the same work in two threads a hart
 * ----------------------------------------------- */

static struct waitq crowd_done = WAITQ_INIT(crowd_done);
static _Atomic uint32_t nr_working; /* [a] */
static _Atomic uint32_t nr_started; /* [a] numbers the threads */

static void crowd_thread(void *arg)
{
    void (*work)(unsigned index) = (void (*)(unsigned index))arg;

    work(atomic_fetch_add_explicit(&nr_started, 1, memory_order_relaxed));
    if (atomic_fetch_sub_explicit(&nr_working, 1, memory_order_acq_rel) == 1) {
        waitq_wake_all(&crowd_done);
    }
}

static void run_crowd(void (*work)(unsigned index))
{
    unsigned nr = min_of(2 * port_nr_harts(), (unsigned)MAX_THREADS);

    store_relaxed(&nr_started, 0);
    store_relaxed(&nr_working, nr);
    for (unsigned i = 0; i < nr; i++) {
        if (port_spawn("mm-test", crowd_thread, (void *)work) == NULL) {
            CHECK(!"thread started");
            atomic_fetch_sub_explicit(&nr_working, 1, memory_order_relaxed);
        }
    }
    waitq_wait_event(&crowd_done, load_acquire(&nr_working) == 0);
}

/* xorshift64: each thread has a sequence of its own. */
static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static struct page *_Atomic frame_slots[NR_SLOTS];

static void exchange_frames(unsigned index)
{
    uint64_t random = index * 7919ull + 1;

    for (unsigned step = 0; step < 4000; step++) {
        struct page *_Atomic *slot = &frame_slots[next_random(&random) % NR_SLOTS];
        struct page *page = NULL;
        if (step % 2 == 0) {
            page = frames_alloc(step % 16 == 0 ? 3 : 0, ALLOC_KERNEL);
            if (page != NULL) {
                page->used.private = ~(uint64_t)page;
                *(struct page **)page_address(page) = page;
            }
        }
        page = atomic_exchange_explicit(slot, page, memory_order_acq_rel);
        if (page != NULL) {
            CHECK(page->used.private == ~(uint64_t)page);
            CHECK(*(struct page **)page_address(page) == page);
            frames_free(page, page->order);
        }
        if (step % 1000 == 500) {
            frames_drain_hot();
        }
    }
}

SELFTEST(frames_pass_between_harts_and_none_is_lost)
{
    uint64_t before;

    run_crowd(exchange_frames); /* once, so that stacks and magazines are there */
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        struct page *page = atomic_exchange(&frame_slots[i], NULL);
        if (page != NULL) {
            frames_free(page, page->order);
        }
    }
    (void)slab_reap();
    before = frames_nr_free();
    run_crowd(exchange_frames);
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        struct page *page = atomic_exchange(&frame_slots[i], NULL);
        if (page != NULL) {
            frames_free(page, page->order);
        }
    }
    (void)slab_reap();
    frames_drain_hot();
    for (unsigned i = 0; i < nr_frame_regions; i++) {
        buddy_check(&frame_regions[i]);
    }
    /* Threads that have just ended may still be giving their stacks back. */
    CHECK(frames_nr_free() + 256 >= before);
}

/* ---- Objects --------------------------------------------------------------------------------- */

struct parcel {
    uint64_t constructed;
    _Atomic uint32_t nr_owners;
    char rest[84];
};

#define CONSTRUCTED 0x5e1f7e57ull

static void construct_parcel(void *object)
{
    struct parcel *parcel = object;

    parcel->constructed = CONSTRUCTED;
    atomic_init(&parcel->nr_owners, 0);
}

SLAB_CACHE(parcels, struct parcel, construct_parcel);
static struct parcel *_Atomic parcel_slots[NR_SLOTS];

static void drop_parcel(struct parcel *parcel)
{
    if (parcel != NULL) {
        CHECK(parcel->constructed == CONSTRUCTED);
        CHECK(atomic_fetch_sub(&parcel->nr_owners, 1) == 1);
        slab_free(&parcels, parcel);
    }
}

static void exchange_parcels(unsigned index)
{
    uint64_t random = index * 104729ull + 1;

    for (unsigned step = 0; step < 20000; step++) {
        struct parcel *_Atomic *slot = &parcel_slots[next_random(&random) % NR_SLOTS];
        struct parcel *parcel = NULL;
        if (step / 256 % 2 == 0 || step % 3 == 0) {
            parcel = slab_alloc(&parcels, ALLOC_KERNEL);
            if (parcel != NULL) {
                CHECK(atomic_fetch_add(&parcel->nr_owners, 1) == 0);
            }
        }
        drop_parcel(atomic_exchange_explicit(slot, parcel, memory_order_acq_rel));
        if (step % 5000 == 2500) {
            (void)slab_reap();
        }
    }
}

SELFTEST(objects_pass_between_harts_and_none_is_lost)
{
    struct slab_stats stats;

    run_crowd(exchange_parcels);
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        drop_parcel(atomic_exchange(&parcel_slots[i], NULL));
    }
    slab_get_stats(&parcels, &stats);
    CHECK(stats.nr_objects != 0);
    CHECK(stats.nr_active == 0);
    slab_check(&parcels);
}

/* ---- kmalloc --------------------------------------------------------------------------------- */

static void use_all_sizes(unsigned index)
{
    uint64_t random = index * 15485863ull + 1;
    unsigned char *live[32] = {NULL};
    size_t sizes[32];

    for (unsigned step = 0; step < 6000; step++) {
        unsigned i = next_random(&random) % 32;
        if (live[i] == NULL) {
            sizes[i] = 1 + next_random(&random) % (16ul << next_random(&random) % 11);
            live[i] = kmalloc(sizes[i], ALLOC_KERNEL);
            if (live[i] != NULL) {
                CHECK(ksize(live[i]) >= sizes[i]);
                memset(live[i], (int)(index + i), sizes[i]);
            }
        } else {
            CHECK(live[i][0] == (unsigned char)(index + i));
            CHECK(live[i][sizes[i] - 1] == (unsigned char)(index + i));
            kfree(live[i]);
            live[i] = NULL;
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        kfree(live[i]);
    }
}

SELFTEST(blocks_of_all_sizes_stay_apart)
{
    run_crowd(use_all_sizes);
}

/* ---- vmalloc --------------------------------------------------------------------------------- */

static void map_and_unmap(unsigned index)
{
    uint64_t random = index * 2750159ull + 1;

    for (unsigned step = 0; step < 6; step++) {
        size_t nr_pages = 1 + next_random(&random) % 16;
        char *block = vmalloc(nr_pages * PAGE_SIZE, ALLOC_KERNEL);
        if (block == NULL) {
            CHECK(!"vmalloc has memory");
            return;
        }
        for (size_t i = 0; i < nr_pages; i++) {
            block[i * PAGE_SIZE] = (char)(index + i);
        }
        port_yield(); /* perhaps to a hart that has never seen these addresses */
        for (size_t i = 0; i < nr_pages; i++) {
            CHECK(block[i * PAGE_SIZE] == (char)(index + i));
        }
        CHECK(vmalloc_contains(block + nr_pages * PAGE_SIZE - 1));
        CHECK(!vmalloc_contains(block + nr_pages * PAGE_SIZE));
        CHECK(!vmalloc_contains(block - 1));
        vfree(block);
    }
}

SELFTEST(vmalloc_areas_come_and_go_on_all_harts)
{
    uint64_t before = vmalloc_nr_pages();

    run_crowd(map_and_unmap);
    /* Only stacks of threads that have just ended may be more. */
    CHECK(vmalloc_nr_pages() <= before + MAX_THREADS * KERNEL_STACK_SIZE / PAGE_SIZE);
}

/* ---- What it costs --------------------------------------------------------------------------- */

SELFTEST(hot_pairs_are_short)
{
    struct pair_cost costs[NR_PAIR_COSTS];

    if (pair_cost_measure(costs) != 0) {
        CHECK(!"there is memory for a pair");
        return;
    }
    for (unsigned i = 0; i < NR_PAIR_COSTS; i++) {
        pr_info("selftest: %s: %llu ns", costs[i].name, (unsigned long long)costs[i].cost_ns);
        CHECK(costs[i].cost_ns != 0);
    }
}

/* ---- After a long life ----------------------------------------------------------------------- */

enum { NR_CHURNED = 2000, NR_BATCHES = 64, PAIRS_A_BATCH = 128 };

/* The least time of a pair in many short batches: what else the machine does can only add to it. */
static uint64_t least_pair_ps(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned batch = 0; batch < NR_BATCHES; batch++) {
        uint64_t start = port_clock_ns();
        for (unsigned i = 0; i < PAIRS_A_BATCH; i++) {
            void *block = kmalloc(100, ALLOC_KERNEL);
            struct parcel *parcel = slab_alloc(&parcels, ALLOC_KERNEL);
            slab_free(&parcels, parcel);
            kfree(block);
        }
        least = min_of(least, (port_clock_ns() - start) * 1000 / PAIRS_A_BATCH);
    }
    return least;
}

/* Under `-icount` the two figures are instructions, and are the same. On a machine that others use,
 * too, the bound is wide; a pair that had come to go beyond its magazine would take ten times as long. */
SELFTEST(hot_pairs_do_not_grow_with_age)
{
    static void *blocks[NR_CHURNED];
    uint64_t random = 1;
    uint64_t before_ps = least_pair_ps();
    uint64_t after_ps;

    for (unsigned step = 0; step < 20 * NR_CHURNED; step++) {
        void **slot = &blocks[next_random(&random) % NR_CHURNED];
        if (*slot != NULL) {
            kfree(*slot);
            *slot = NULL;
        } else {
            *slot = kmalloc(1 + next_random(&random) % 600, ALLOC_KERNEL);
        }
    }
    after_ps = least_pair_ps(); /* with half of the blocks alive, scattered over their slabs */
    for (unsigned i = 0; i < NR_CHURNED; i++) {
        kfree(blocks[i]);
        blocks[i] = NULL;
    }
    pr_info("selftest: both pairs take %llu ps, after churning %llu ps",
            (unsigned long long)before_ps, (unsigned long long)after_ps);
    CHECK(after_ps <= 3 * before_ps);
}
