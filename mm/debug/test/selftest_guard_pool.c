// SPDX-License-Identifier: MIT
/* The guard pool on a real machine: accesses that must not be are made, and fault, are reported,
 * and the kernel goes on. */
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "mm/debug/guard_pool.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/slab_debug.h"
#include "mm/debug/test/planted.h"
#include "mm/kmalloc.h"
#include "mm/sanitize.h"
#include "mm/slab.h"

enum { SIZE = 72 };

/* A debugged cache is not sampled: these cases are for a kernel without slab_debug= and kmemleak=. */
static bool can_sample(void)
{
    return slab_debug_flags_for("guarded") == 0;
}

/* A fresh cache has no magazine, so its first object comes by the slow path. */
static struct slab_cache *fresh_cache(void)
{
    struct slab_cache *cache = slab_cache_create("guarded", SIZE, 8, NULL);

    CHECK(cache != NULL);
    return cache;
}

#define GUARD_TEST(name)                   \
    static inline void check_##name(void); \
    SELFTEST(name)                         \
    {                                      \
        if (can_sample()) {                \
            check_##name();                \
        }                                  \
    }                                      \
    static inline __attribute__((always_inline)) void check_##name(void)

static volatile unsigned char *sampled(struct slab_cache *cache, bool at_end)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned char *object;
        guard_pool_sample_next();
        object = slab_alloc(cache, ALLOC_KERNEL);
        CHECK(object != NULL && guard_pool_has(object));
        if (object == NULL || ((uint64_t)object % PAGE_SIZE != 0) == at_end) {
            return object;
        }
        slab_free(cache, object); /* objects stand at either end of their pages, in turn */
    }
    CHECK(!"objects stand at either end of their pages");
    return NULL;
}

static void drop(struct slab_cache *cache)
{
    CHECK(slab_cache_destroy(cache) == 0);
}

GUARD_TEST(guard_pool_catches_a_read_behind_an_object)
{
    struct slab_cache *cache = fresh_cache();
    volatile unsigned char *object = sampled(cache, true);
    unsigned before = mistake_count();

    planted_listen();
    object[SIZE - 1] = 1;
    CHECK(mistake_count() == before);
    (void)object[SIZE];
    CHECK(mistake_count() == before + 1);
    CHECK(planted_said("guard pool: out of bounds: read of"));
    CHECK(planted_said("0 bytes behind an object, by guard_pool_catches_a_read_behind"));
    CHECK(planted_said("of guarded (72 bytes), in use"));
    CHECK(planted_said("allocated"));
    CHECK(planted_said("by sampled"));
    object[SIZE] = 1; /* reported once; from now on there is a page of rubbish */
    CHECK(mistake_count() == before + 1);
    slab_free(cache, (void *)object);
    drop(cache);
}

GUARD_TEST(guard_pool_catches_a_write_before_an_object)
{
    struct slab_cache *cache = fresh_cache();
    volatile unsigned char *object = sampled(cache, false);
    unsigned before = mistake_count();

    planted_listen();
    object[-3] = 1;
    CHECK(mistake_count() == before + 1);
    CHECK(planted_said("guard pool: out of bounds: write of"));
    CHECK(planted_said("3 bytes before an object, by guard_pool_catches_a_write_before"));
    slab_free(cache, (void *)object);
    drop(cache);
}

GUARD_TEST(guard_pool_catches_a_use_after_free)
{
    struct slab_cache *cache = fresh_cache();
    volatile unsigned char *object = sampled(cache, true);
    unsigned before = mistake_count();

    object[5] = 42;
    slab_free(cache, (void *)object);
    planted_listen();
    CHECK(object[5] == 42);
    CHECK(mistake_count() == before + 1);
    CHECK(planted_said("guard pool: use after free: read of"));
    CHECK(planted_said("byte 5 of an object, by guard_pool_catches_a_use_after_free"));
    CHECK(planted_said("  freed 0.0"));
    drop(cache);
}

GUARD_TEST(guard_pool_refuses_wrong_frees)
{
    struct slab_cache *cache = fresh_cache();
    volatile unsigned char *object = sampled(cache, true);
    struct slab_cache *other = fresh_cache();

    planted_listen();
    slab_free(cache, (void *)(object + 8));
    CHECK(planted_said("not the beginning of an object"));
    slab_free(other, (void *)object);
    CHECK(planted_said("not an object of this cache"));
    kfree((void *)object);
    CHECK(planted_said("not a block of kmalloc"));
    slab_free(cache, (void *)object);
    CHECK(!planted_said("already free"));
    slab_free(cache, (void *)object);
    CHECK(planted_said("already free"));
    CHECK(planted_said("by guard_pool_refuses_wrong_frees"));
    CHECK(planted_said("  freed"));
    drop(cache);
    drop(other);
}

GUARD_TEST(guard_pool_sees_writes_on_the_objects_own_page)
{
    struct slab_cache *cache = fresh_cache();
    volatile unsigned char *object = sampled(cache, true);

    planted_listen();
    object[-2] = 0x41;
    slab_free(cache, (void *)object);
    CHECK(planted_said("2 bytes before an object was overwritten with 0x41"));
    drop(cache);
}

GUARD_TEST(guard_pool_serves_kmalloc_and_counts)
{
    struct slab_cache *cache = fresh_cache();
    struct slab_stats stats;
    void *block = NULL;

    CHECK(sampled(cache, true) != NULL);
    slab_get_stats(cache, &stats);
    CHECK(stats.nr_active == 1 && stats.nr_objects == 0);
    for (unsigned i = 0; i < 64 && (block == NULL || !guard_pool_has(block)); i++) {
        guard_pool_sample_next();
        block = kmalloc(3000, ALLOC_KERNEL | ALLOC_ZERO); /* a rare size: soon the slow path */
    }
    CHECK(guard_pool_has(block));
    CHECK(ksize(block) == 3072);
    CHECK(((char *)block)[2999] == 0);
    planted_listen();
    block = krealloc(block, 5000, ALLOC_KERNEL);
    CHECK(block != NULL && !planted_said("kmalloc:"));
    kfree(block);
}

/* What a sample costs, and so what all of them do: one each GUARD_POOL_INTERVAL_MS. Under
 * `-icount shift=0` a nanosecond is an instruction. */
GUARD_TEST(guard_pool_costs_less_than_a_hundredth)
{
    enum { NR = 200 };
    struct slab_cache *cache = fresh_cache();
    uint64_t start, pair_ns;

    start = port_clock_ns();
    for (unsigned i = 0; i < NR; i++) {
        guard_pool_sample_next();
        slab_free(cache, slab_alloc(cache, ALLOC_KERNEL));
    }
    pair_ns = (port_clock_ns() - start) / NR;
    printk(LOG_INFO, "selftest: a sampled pair takes %llu ns, one in %u ms",
           (unsigned long long)pair_ns, GUARD_POOL_INTERVAL_MS);
    CHECK(SANITIZE_IS_ON || pair_ns < GUARD_POOL_INTERVAL_MS * 1000000ull / 100);
    drop(cache);
}
