// SPDX-License-Identifier: MIT
// TSAN
/* Threads that allocate and free each other's frames and objects at once, under ThreadSanitizer
 * and AddressSanitizer: no object is with two owners, none is lost, and the depot's rings carry
 * the magazines from hart to hart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "mm/frames_internal.h"
#include "mm/kmalloc.h"
#include "mm/slab_internal.h"
#include "mm/test/machine.h"
#include "mm/vmalloc.h"

#define MIB (1ul << 20)
enum { NR_THREADS = 8, NR_SLOTS = 512, NR_STEPS = 20000 };

struct parcel {
    uint64_t constructed;
    _Atomic uint64_t owner; /* 0: free */
    char rest[48];
};

#define CONSTRUCTED 0x5afe5afe5afe5afeull

static void construct(void *object)
{
    struct parcel *parcel = object;

    parcel->constructed = CONSTRUCTED;
    atomic_init(&parcel->owner, 0);
}

SLAB_CACHE(parcels, struct parcel, construct);

/* Parcels on their way from one thread to another. */
static struct parcel *_Atomic slots[NR_SLOTS];

static void accept_parcel(struct parcel *parcel, unsigned index)
{
    if (parcel->constructed != CONSTRUCTED || atomic_exchange(&parcel->owner, index + 1) != 0) {
        panic("a parcel with two owners");
    }
}

static void exchange_parcels(unsigned index, void *arg)
{
    struct host_random random = {.state = index * 77 + 1};

    (void)arg;
    for (unsigned step = 0; step < NR_STEPS; step++) {
        struct parcel *_Atomic *slot = &slots[host_random_below(&random, NR_SLOTS)];
        struct parcel *parcel = NULL;
        if (step / 512 % 2 == 0 || host_random_below(&random, 2) == 0) {
            parcel = slab_alloc(&parcels, ALLOC_KERNEL);
            if (parcel == NULL) {
                panic("no memory");
            }
            accept_parcel(parcel, index);
        }
        parcel = atomic_exchange(slot, parcel);
        if (parcel != NULL) {
            atomic_store(&parcel->owner, 0);
            slab_free(&parcels, parcel);
        }
        if (step % 4096 == 0 && index == 0) {
            (void)slab_reap();
        }
        if (step % 1000 == 999) {
            port_yield(); /* perhaps to another hart */
        }
    }
}

static void threads_free_each_others_objects(void **state)
{
    struct slab_stats stats;

    (void)state;
    host_run_threads(NR_THREADS, exchange_parcels, NULL);
    for (int i = 0; i < NR_SLOTS; i++) {
        struct parcel *parcel = atomic_exchange(&slots[i], NULL);
        if (parcel != NULL) {
            atomic_store(&parcel->owner, 0);
            slab_free(&parcels, parcel);
        }
    }
    slab_get_stats(&parcels, &stats);
    assert_int_equal(stats.nr_active, 0);
    slab_check(&parcels);
}

/* One thread only allocates and one only frees: every object passes through the depot or the
 * slabs. */
static struct parcel *_Atomic mailbox[64];
enum { NR_MAILS = 50000 };

static void produce_or_consume(unsigned index, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < NR_MAILS; i++) {
        struct parcel *_Atomic *box = &mailbox[i % array_size(mailbox)];
        struct parcel *parcel = NULL;
        if (index == 0) {
            parcel = slab_alloc(&parcels, ALLOC_KERNEL);
            if (parcel == NULL) {
                panic("no memory");
            }
            accept_parcel(parcel, index);
            while (atomic_load(box) != NULL) {
                port_relax();
            }
            atomic_store(box, parcel);
        } else {
            while ((parcel = atomic_exchange(box, NULL)) == NULL) {
                port_relax();
            }
            atomic_store(&parcel->owner, 0);
            slab_free(&parcels, parcel);
        }
    }
}

static void a_producer_and_a_consumer_meet_in_the_depot(void **state)
{
    struct slab_stats stats;

    (void)state;
    host_run_threads(2, produce_or_consume, NULL);
    slab_get_stats(&parcels, &stats);
    assert_int_equal(stats.nr_active, 0);
    assert_true(stats.nr_objects <
                NR_MAILS / 4); /* magazines came back, instead of ever new slabs */
    slab_check(&parcels);
}

/* Many threads use many caches for the first time at once, and blocks of many sizes. */
static void use_all_sizes(unsigned index, void *arg)
{
    struct host_random random = {.state = index + 1000};
    void *live[64] = {NULL};

    (void)arg;
    for (unsigned step = 0; step < NR_STEPS / 4; step++) {
        size_t i = host_random_below(&random, 64);
        if (live[i] != NULL) {
            if (*(unsigned *)live[i] != index) {
                panic("a block with two owners");
            }
            kfree(live[i]);
            live[i] = NULL;
        } else {
            size_t size = sizeof(unsigned) + host_random_below(&random, 12000);
            live[i] = kmalloc(size, ALLOC_KERNEL);
            if (live[i] == NULL) {
                panic("no memory");
            }
            *(unsigned *)live[i] = index;
        }
    }
    for (size_t i = 0; i < 64; i++) {
        kfree(live[i]);
    }
}

static void first_uses_may_race(void **state)
{
    (void)state;
    host_run_threads(NR_THREADS, use_all_sizes, NULL);
}

static void use_frames(unsigned index, void *arg)
{
    struct host_random random = {.state = index + 2000};
    struct page *live[100] = {NULL};

    (void)arg;
    for (unsigned step = 0; step < NR_STEPS; step++) {
        size_t i = host_random_below(&random, array_size(live));
        if (live[i] != NULL) {
            if (live[i]->used.private != index + 1) {
                panic("a frame with two owners");
            }
            frames_free(live[i], live[i]->order);
            live[i] = NULL;
        } else {
            unsigned order = host_random_below(&random, 8) == 0 ? 2 : 0;
            live[i] = frames_alloc(order, ALLOC_KERNEL);
            if (live[i] == NULL) {
                panic("no memory");
            }
            live[i]->kind = step % 2 == 0 ? PAGE_ANON : PAGE_USED;
            live[i]->used.private = index + 1;
        }
        if (step % 1500 == 0) {
            frames_drain_hot();
        }
    }
    for (size_t i = 0; i < array_size(live); i++) {
        if (live[i] != NULL) {
            frames_free(live[i], live[i]->order);
        }
    }
}

static void frames_survive_drains_of_other_harts_lists(void **state)
{
    uint64_t nr_free = frames_nr_free();

    (void)state;
    host_run_threads(NR_THREADS, use_frames, NULL);
    assert_int_equal(frames_nr_free(), nr_free);
    frames_drain_hot();
    buddy_check(&frame_regions[0]);
}

static void use_stacks(unsigned index, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 200; i++) {
        unsigned *stack = vmalloc_stack();
        if (stack == NULL) {
            panic("no memory");
        }
        *stack = index;
        if (i % 16 == 0) {
            port_yield();
        }
        if (*stack != index) {
            panic("a stack with two owners");
        }
        vfree_stack(stack);
    }
}

static void stacks_are_recycled_between_threads(void **state)
{
    (void)state;
    host_run_threads(4, use_stacks, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_uses_may_race),
        cmocka_unit_test(threads_free_each_others_objects),
        cmocka_unit_test(a_producer_and_a_consumer_meet_in_the_depot),
        cmocka_unit_test(frames_survive_drains_of_other_harts_lists),
        cmocka_unit_test(stacks_are_recycled_between_threads),
    };

    machine_start(128 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
