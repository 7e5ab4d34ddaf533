// SPDX-License-Identifier: MIT
// TSAN
/* The pool with a reserve: it always serves, in turn when it must, and nobody waits for ever. */
#include "mm/alloc/failing.h"
#include "mm/alloc/heap.h"
#include "mm/alloc/mempool.h"
#include "mm/alloc/test/allocator_model.h"
#include "mm/sanitize.h"
#include "mm/slab.h"

#define NR_RESERVED 4u
#define NR_THREADS  8u
#define NR_ROUNDS   500u

struct thing {
    uint64_t words[4];
};
SLAB_CACHE(thing_cache, struct thing, NULL);
FIXED_POOL(reserve, struct thing, NR_RESERVED);

static struct host_random source;
static struct failing backing;
static struct mempool pool;

/* A backing that fails so many of a thousand times. */
static void fresh_pool(uint32_t permille)
{
    backing = (struct failing){
        .below = cache_allocator(&thing_cache),
        .plan = {.permille = permille, .seed = host_random_next(&source)},
    };
    mempool_init(&pool, failing_allocator(&backing), &reserve);
}

static struct thing *take(enum alloc_flags flags)
{
    return allocator_allocate(mempool_allocator(&pool), LAYOUT_OF(struct thing), flags);
}

static void give(struct thing *thing)
{
    allocator_deallocate(mempool_allocator(&pool), thing, LAYOUT_OF(struct thing));
}

static void the_backing_serves_while_it_can(void **state)
{
    struct thing *thing;

    fresh_pool(0);
    thing = take(ALLOC_KERNEL);
    assert_non_null(thing);
    assert_false(mempool_is_reserved(&pool, thing));
    give(thing);
    assert_int_equal(atomic_load(&pool.nr_reserve), 0);
}

static void without_waiting_the_reserve_is_all(void **state)
{
    struct thing *things[NR_RESERVED];

    fresh_pool(1000);
    for (unsigned i = 0; i < NR_RESERVED; i++) {
        things[i] = take(ALLOC_ATOMIC);
        assert_non_null(things[i]);
        assert_true(mempool_is_reserved(&pool, things[i]));
    }
    assert_null(take(ALLOC_ATOMIC));
    give(things[2]);
    assert_ptr_equal(take(ALLOC_ATOMIC), things[2]);
    for (unsigned i = 0; i < NR_RESERVED; i++) {
        give(things[i]);
    }
    mempool_check(&pool);
    assert_int_equal(atomic_load(&pool.nr_waits), 0);
}

/* To wait for a block that the reserve could never give would be to wait for ever. */
static void what_fits_no_block_is_refused_at_once(void **state)
{
    fresh_pool(0);
    assert_null(allocator_allocate(mempool_allocator(&pool),
                                   (struct layout){sizeof(struct thing) + 1, 8}, ALLOC_KERNEL));
    assert_null(allocator_allocate(mempool_allocator(&pool), (struct layout){8, 64}, ALLOC_KERNEL));
}

static _Atomic uint32_t nr_at_once;
static _Atomic uint32_t max_at_once;

static void crowd_thread(unsigned index, void *arg)
{
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        struct thing *thing = take(ALLOC_KERNEL);
        uint32_t nr;
        uint32_t max = atomic_load(&max_at_once);

        assert(thing != NULL);
        nr = atomic_fetch_add(&nr_at_once, 1) + 1;
        while (max < nr && !atomic_compare_exchange_weak(&max_at_once, &max, nr)) {
        }
        thing->words[0] = index;
        port_yield();
        assert(thing->words[0] == index);
        atomic_fetch_sub(&nr_at_once, 1);
        give(thing);
    }
}

static void everybody_is_served_in_the_end(void **state)
{
    fresh_pool(1000);
    host_run_threads(NR_THREADS, crowd_thread, NULL);
    assert_in_range(atomic_load(&max_at_once), 2, NR_RESERVED);
    assert_true(atomic_load(&pool.nr_waits) > 0);
    assert_int_equal(fixed_pool_nr_used(&reserve), 0);
}

static void a_block_of_the_backing_wakes_a_waiter_too(void **state)
{
    fresh_pool(600);
    host_run_threads(NR_THREADS, crowd_thread, NULL);
    assert_int_equal(fixed_pool_nr_used(&reserve), 0);
    mempool_check(&pool);
}

static void the_pool_against_a_shadow(void **state)
{
    struct model model = {.allocator = mempool_allocator(&pool),
                          .source = &source,
                          .max_bytes = sizeof(struct thing),
                          .max_align_log = 3};

    fresh_pool(300);
    model_run(&model, MODEL_STEPS);
    assert_true(model.nr_refused > 0);
    assert_true(atomic_load(&pool.nr_reserve) > 0);
    assert_int_equal(fixed_pool_nr_used(&reserve), 0);
}

static void mistakes_are_refused(void **state)
{
    struct thing outside;
    struct thing *thing;

    fresh_pool(1000);
    thing = take(ALLOC_ATOMIC);
    expect_foreign(mempool_allocator(&pool), &outside, LAYOUT_OF(struct thing));
    give(thing);
    expect_foreign(mempool_allocator(&pool), thing, LAYOUT_OF(struct thing));
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(8ul << 20);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_backing_serves_while_it_can),
        cmocka_unit_test(without_waiting_the_reserve_is_all),
        cmocka_unit_test(what_fits_no_block_is_refused_at_once),
        cmocka_unit_test(everybody_is_served_in_the_end),
        cmocka_unit_test(a_block_of_the_backing_wakes_a_waiter_too),
        cmocka_unit_test(the_pool_against_a_shadow),
        cmocka_unit_test(mistakes_are_refused),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
