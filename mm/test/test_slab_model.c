// SPDX-License-Identifier: MIT
/* A million random operations on a slab cache, and a million on kmalloc, each beside a shadow that can't
 * be wrong; after every single one the structure walks itself. The structures are kept small, so that
 * this takes seconds and every corner of them is visited all the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/frames_internal.h"
#include "mm/kmalloc.h"
#include "mm/slab_internal.h"
#include "mm/test/machine.h"

enum { NR_STEPS = 1000000, NR_MODEL_HARTS = 3 };

static struct host_random source;

/* ---- A cache --------------------------------------------------------------------------------- */

enum { NR_OBJECTS = 40, MAX_BULK = 6 };

struct item {
    uint64_t constructed;
    uint64_t stamp;
    char rest[700];
};

#define CONSTRUCTED 0x5eed5eed5eed5eedull

static void construct(void *object)
{
    ((struct item *)object)->constructed = CONSTRUCTED;
}

SLAB_CACHE(items, struct item, construct);

static struct item *live[NR_OBJECTS];
static unsigned nr_live;

static void enter_item(struct item *item)
{
    assert_non_null(item);
    assert_true(item->constructed == CONSTRUCTED);
    for (unsigned i = 0; i < nr_live; i++) { /* nobody else has it */
        assert_ptr_not_equal(live[i], item);
    }
    item->stamp = (uint64_t)item ^ CONSTRUCTED;
    live[nr_live++] = item;
}

static struct item *leave_item(void)
{
    unsigned i = (unsigned)host_random_below(&source, nr_live);
    struct item *item = live[i];

    assert_true(item->stamp == ((uint64_t)item ^ CONSTRUCTED));
    live[i] = live[--nr_live];
    return item;
}

static void take_items(void)
{
    void *taken[MAX_BULK];
    unsigned nr = 1 + (unsigned)host_random_below(&source, MAX_BULK);

    if (nr_live + nr > NR_OBJECTS) {
        return;
    }
    assert_int_equal(slab_alloc_bulk(&items, taken, nr, ALLOC_KERNEL), nr);
    for (unsigned i = 0; i < nr; i++) {
        enter_item(taken[i]);
    }
}

static void give_items(void)
{
    void *given[MAX_BULK];
    unsigned nr = 1 + (unsigned)host_random_below(&source, MAX_BULK);

    nr = min_of(nr, nr_live);
    for (unsigned i = 0; i < nr; i++) {
        given[i] = leave_item();
    }
    slab_free_bulk(&items, given, nr);
}

static void step_cache(void)
{
    switch (host_random_below(&source, 16)) {
    case 0: take_items(); break;
    case 1: give_items(); break;
    case 2:
        if (host_random_below(&source, 64) == 0) {
            (void)slab_reap();
        } else {
            slab_idle();
        }
        break;
    default:
        if (host_random_below(&source, NR_OBJECTS) >= nr_live) {
            enter_item(slab_alloc(&items, ALLOC_KERNEL));
        } else {
            slab_free(&items, leave_item());
        }
    }
}

static void a_million_steps_of_a_cache(void **state)
{
    struct slab_stats stats;

    (void)state;
    for (unsigned step = 0; step < NR_STEPS; step++) {
        host_set_hart((int)host_random_below(&source, NR_MODEL_HARTS));
        step_cache();
        slab_check(&items);
        slab_get_stats(&items, &stats);
        assert_int_equal(stats.nr_active, nr_live);
    }
    while (nr_live > 0) {
        slab_free(&items, leave_item());
    }
    host_set_hart(-1);
}

/* ---- kmalloc --------------------------------------------------------------------------------- */

enum { NR_BLOCKS = 24 };

struct block {
    unsigned char *bytes;
    size_t size;
    unsigned char stamp;
};

static struct block blocks[NR_BLOCKS];

/* The first and the last bytes: overlapping blocks would show in one of them. */
static void stamp_block(struct block *block, unsigned step)
{
    block->stamp = (unsigned char)(step | 1);
    memset(block->bytes, block->stamp, min_of(block->size, 16ul));
    memset(block->bytes + block->size - min_of(block->size, 16ul), block->stamp,
           min_of(block->size, 16ul));
}

static void check_block(const struct block *block, size_t size)
{
    for (size_t i = 0; i < min_of(size, 16ul); i++) {
        assert_int_equal(block->bytes[i], block->stamp);
    }
}

/* Mostly small; one in eight a run of frames, of any length to 40 KiB. */
static size_t random_size(void)
{
    size_t most = host_random_below(&source, 8) == 0 ? 40960 : 8ul << host_random_below(&source, 8);

    return 1 + host_random_below(&source, most);
}

static void check_after(const void *pointer)
{
    struct slab_cache *cache = pointer == NULL ? NULL : slab_cache_of(pointer);

    if (cache != NULL) {
        slab_check(cache);
    } else {
        buddy_check(&frame_regions[0]);
    }
}

static void step_kmalloc(struct block *block, unsigned step)
{
    struct slab_cache *cache;

    if (block->bytes == NULL) {
        block->size = random_size();
        block->bytes = kmalloc(block->size, ALLOC_KERNEL);
    } else if (host_random_below(&source, 4) == 0) {
        size_t size = random_size();
        block->bytes = krealloc(block->bytes, size, ALLOC_KERNEL);
        check_block(block, min_of(size, block->size));
        block->size = size;
    } else {
        check_block(block, block->size);
        assert_int_equal(block->bytes[block->size - 1], block->stamp);
        cache = slab_cache_of(block->bytes);
        kfree(block->bytes);
        block->bytes = NULL;
        if (cache != NULL) {
            slab_check(cache);
        } else {
            check_after(NULL);
        }
        return;
    }
    assert_non_null(block->bytes);
    assert_true(ksize(block->bytes) >= block->size);
    stamp_block(block, step);
    check_after(block->bytes);
}

static void a_million_steps_of_kmalloc(void **state)
{
    (void)state;
    for (unsigned step = 0; step < NR_STEPS; step++) {
        host_set_hart((int)host_random_below(&source, NR_MODEL_HARTS));
        step_kmalloc(&blocks[host_random_below(&source, NR_BLOCKS)], step);
        if (host_random_below(&source, 5000) == 0) {
            (void)slab_reap();
        }
    }
    for (unsigned i = 0; i < NR_BLOCKS; i++) {
        kfree(blocks[i].bytes);
    }
    buddy_check(&frame_regions[0]);
    host_set_hart(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_steps_of_a_cache),
        cmocka_unit_test(a_million_steps_of_kmalloc),
    };

    host_random_init(&source);
    machine_start(8ul << 20); /* magazines of all harts and sizes may hold half of it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
