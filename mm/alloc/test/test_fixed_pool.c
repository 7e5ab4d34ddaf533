// SPDX-License-Identifier: MIT
// TSAN
/* The fixed pool: the last block, bits that tell mistakes, several harts at once. */
#include "mm/alloc/fixed_pool.h"
#include "mm/alloc/test/allocator_model.h"
#include "mm/sanitize.h"

#define NR_BLOCKS  70u /* one word of the map and a bit */
#define NR_THREADS 4u
#define NR_ROUNDS  20000u

struct thing {
    uint64_t words[3];
};
FIXED_POOL(things, struct thing, NR_BLOCKS);

static struct host_random source;

static struct thing *take(void)
{
    return allocator_allocate(fixed_pool_allocator(&things), LAYOUT_OF(struct thing), ALLOC_ATOMIC);
}

static void give(struct thing *thing)
{
    allocator_deallocate(fixed_pool_allocator(&things), thing, LAYOUT_OF(struct thing));
}

static void every_block_is_served_once(void **state)
{
    struct thing *all[NR_BLOCKS];

    for (unsigned i = 0; i < NR_BLOCKS; i++) {
        all[i] = take();
        assert_non_null(all[i]);
        all[i]->words[0] = i;
    }
    assert_null(take());
    assert_int_equal(fixed_pool_nr_used(&things), NR_BLOCKS);
    fixed_pool_check(&things);
    for (unsigned i = 0; i < NR_BLOCKS; i++) {
        assert_int_equal(all[i]->words[0], i);
    }
    give(all[66]);
    assert_ptr_equal(take(), all[66]);
    for (unsigned i = 0; i < NR_BLOCKS; i++) {
        give(all[i]);
    }
    assert_int_equal(fixed_pool_nr_used(&things), 0);
}

static void mistakes_are_refused(void **state)
{
    struct allocator pool = fixed_pool_allocator(&things);
    struct layout layout = LAYOUT_OF(struct thing);
    struct thing *thing = take();
    struct thing outside;

    expect_foreign(pool, &outside, layout);
    expect_foreign(pool, (char *)thing + 8, layout); /* not the start of a block */
    expect_foreign(pool, thing + 1, layout);         /* not allocated */
    give(thing);
    expect_foreign(pool, thing, layout); /* twice */
    assert_null(allocator_allocate(pool, (struct layout){25, 8}, ALLOC_ATOMIC));
    assert_null(allocator_allocate(pool, (struct layout){8, 16}, ALLOC_ATOMIC));
    assert_int_equal(fixed_pool_nr_used(&things), 0);
}

static void impossible_pools_are_refused(void **state)
{
    static _Alignas(64) char memory[640];
    static _Atomic uint64_t map[1];
    struct fixed_pool pool;

    assert_int_equal(fixed_pool_init(&pool, (struct layout){8, 3}, memory, map, 4), -EINVAL);
    assert_int_equal(fixed_pool_init(&pool, (struct layout){8, 8}, memory, map, 0), -EINVAL);
    assert_int_equal(fixed_pool_init(&pool, (struct layout){8, 8}, memory + 4, map, 4), -EINVAL);
    assert_int_equal(fixed_pool_init(&pool, (struct layout){8, 8}, memory, map, SIZE_MAX), -EINVAL);
    assert_int_equal(fixed_pool_init(&pool, (struct layout){5, 64}, memory, map, 10), 0);
    assert_int_equal(pool.block.size_bytes, 64);
    fixed_pool_check(&pool);
    sanitize_allow(memory, sizeof(memory));
}

static void the_pool_against_a_shadow(void **state)
{
    static _Alignas(16) char memory[40 * 112];
    static _Atomic uint64_t map[1];
    struct fixed_pool pool;
    struct model model = {.allocator = fixed_pool_allocator(&pool),
                          .source = &source,
                          .max_bytes = 112,
                          .max_align_log = 4};

    assert_int_equal(fixed_pool_init(&pool, (struct layout){100, 16}, memory, map, 40), 0);
    model_run(&model, MODEL_STEPS);
    assert_true(model.nr_refused > 0); /* it was full now and then */
    assert_int_equal(fixed_pool_nr_used(&pool), 0);
    sanitize_allow(memory, sizeof(memory));
}

/* Each thread writes its own number into what it has: nobody else may have it. */
static void pool_thread(unsigned index, void *arg)
{
    struct thing *mine[40];
    unsigned nr = 0;

    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        if (nr < array_size(mine) && (i * 7 + index) % 3 != 0) {
            struct thing *thing = take();

            if (thing != NULL) {
                thing->words[1] = index;
                mine[nr++] = thing;
            }
        } else if (nr > 0) {
            assert(mine[--nr]->words[1] == index);
            give(mine[nr]);
        }
    }
    while (nr > 0) {
        assert(mine[--nr]->words[1] == index);
        give(mine[nr]);
    }
}

static void harts_share_a_pool(void **state)
{
    host_run_threads(NR_THREADS, pool_thread, NULL);
    fixed_pool_check(&things);
    assert_int_equal(fixed_pool_nr_used(&things), 0);
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(4ul << 20);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_is_served_once),   cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(impossible_pools_are_refused), cmocka_unit_test(the_pool_against_a_shadow),
        cmocka_unit_test(harts_share_a_pool),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
