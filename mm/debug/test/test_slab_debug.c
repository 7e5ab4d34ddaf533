// SPDX-License-Identifier: MIT
/* Debugged caches: each mistake is planted, and its report read. What is right brings no report:
 * a model run at the end, with every letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/debug/mistakes.h"
#include "mm/debug/slab_debug.h"
#include "mm/kmalloc.h"
#include "mm/sanitize.h"
#include "mm/slab_inspect.h"
#include "mm/test/machine.h"

#define MIB         (1ul << 20)
#define CONSTRUCTED 0x600dcafeu

/* A write that no sanitizer of the host's stops: these tests plant errors. */
SANITIZE_NOT static void plant(void *object, int64_t offset, unsigned char value)
{
    ((volatile unsigned char *)object)[offset] = value;
}

SANITIZE_NOT static unsigned char look(const void *object, int64_t offset)
{
    return ((const volatile unsigned char *)object)[offset];
}

static void construct(void *object)
{
    *(uint32_t *)object = CONSTRUCTED;
}

static struct slab_cache *make(const char *letters, uint32_t size_bytes, uint32_t align_bytes)
{
    struct slab_cache *cache;

    slab_debug_configure(letters);
    cache = slab_cache_create("suspect", size_bytes, align_bytes, NULL);
    assert_non_null(cache);
    return cache;
}

static void drop(struct slab_cache *cache)
{
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void a_byte_too_far_is_seen_on_either_side(void **state)
{
    static const uint32_t sizes[] = {1, 13, 24, 100, 4096, 32768};

    (void)state;
    for (size_t i = 0; i < array_size(sizes); i++) {
        for (int side = 0; side < 2; side++) {
            struct slab_cache *cache = make("Z", sizes[i], i == 4 ? 4096 : 8);
            char *object = slab_alloc(cache, ALLOC_KERNEL);
            assert_non_null(object);
            assert_int_equal((uint64_t)object % cache->align_bytes, 0);
            plant(object, side == 0 ? -1 : (int64_t)sizes[i], 'X');
            machine_listen();
            slab_free(cache, object);
            assert_true(machine_said(side == 0 ? "redzone before" : "redzone behind"));
            assert_non_null(strstr(machine_log, "suspect"));
            assert_non_null(strstr(machine_log, "with 0x58"));
            assert_non_null(strstr(machine_log, "allocated"));
            drop(cache);
        }
    }
}

static void damage_is_found_without_waiting_for_the_free(void **state)
{
    struct slab_cache *cache = make("FZP", 64, 8);
    char *object = slab_alloc(cache, ALLOC_KERNEL);
    char *other = slab_alloc(cache, ALLOC_KERNEL);

    (void)state;
    slab_free(cache, other);
    assert_int_equal(slab_debug_check_all(), 0);
    plant(object, 64, 0);
    plant(other, 5, 0);
    machine_listen();
    assert_int_equal(slab_debug_check_all(), 2);
    assert_true(machine_said("redzone behind"));
    assert_non_null(strstr(machine_log, "poison of free object"));
    assert_int_equal(slab_debug_check_all(), 0); /* repaired */
    slab_free(cache, object);
    drop(cache);
}

static void a_write_after_free_is_seen(void **state)
{
    struct slab_cache *cache = make("P", 48, 8);
    char *object = slab_alloc(cache, ALLOC_KERNEL);
    char *again;

    (void)state;
    slab_free(cache, object);
    assert_int_equal(look(object, 0), 0x6b);
    plant(object, 47, 1);
    machine_listen();
    again = slab_alloc(cache, ALLOC_KERNEL);
    assert_true(machine_said("poison of free object"));
    assert_non_null(strstr(machine_log, "at +47 with 0x01"));
    assert_non_null(strstr(machine_log, "last freed"));
    assert_ptr_equal(again, object);
    assert_int_equal(look(again, 0), 0x5a); /* and what is fresh is not zero by luck */
    slab_free(cache, again);
    drop(cache);
}

static void a_double_free_names_both_who_freed(void **state)
{
    static const char *const letters[] = {"F", "Z", "P", "U", ""};

    (void)state;
    for (size_t i = 0; i < array_size(letters); i++) {
        struct slab_cache *cache = make(letters[i], 32, 8);
        void *object = slab_alloc(cache, ALLOC_KERNEL);
        unsigned before = mistake_count();
        slab_free(cache, object);
        machine_listen();
        slab_free(cache, object);
        assert_true(machine_said("already free"));
        assert_non_null(strstr(machine_log, "last freed"));
        assert_non_null(strstr(machine_log, "allocated"));
        assert_int_equal(mistake_count(), before + 1);
        drop(cache);
    }
}

static void wild_frees_are_refused_at_the_call(void **state)
{
    struct slab_cache *cache = make("F", 32, 8);
    struct slab_cache *other = make("F", 32, 8);
    char *object = slab_alloc(cache, ALLOC_KERNEL);
    char *foreign = slab_alloc(other, ALLOC_KERNEL);
    int on_stack;

    (void)state;
    machine_listen();
    slab_free(cache, object + 8);
    assert_true(machine_said("not the beginning of an object"));
    machine_listen();
    slab_free(cache, foreign);
    assert_true(machine_said("not an object of this cache"));
    machine_listen();
    slab_free(cache, &on_stack);
    assert_true(machine_said("not an object of this cache"));
    slab_free(cache, object);
    slab_free(other, foreign);
    drop(cache);
    drop(other);
}

static bool find_record(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    (void)cache;
    (void)is_free;
    if (*(void **)arg == NULL) {
        *(void **)arg = object;
    }
    return true;
}

static void a_bent_free_map_gives_no_object_twice_in_silence(void **state)
{
    struct slab_cache *cache = make("F", 32, 8);
    char *first = slab_alloc(cache, ALLOC_KERNEL);
    char *second;
    struct page *slab = page_from_virt(first)->slab.head;

    (void)state;
    slab->slab.free_bits |= 1; /* the map calls the live object free */
    slab->slab.nr_used--;
    cache->nr_taken--;
    machine_listen();
    second = slab_alloc(cache, ALLOC_KERNEL);
    assert_true(machine_said("in use, but the slab's free map"));
    assert_ptr_equal(second, first);
    slab_free(cache, second);
    drop(cache);
}

static void an_overwritten_record_is_no_record(void **state)
{
    struct slab_cache *cache = make("F", 32, 8);
    char *object = slab_alloc(cache, ALLOC_KERNEL);
    void *found = NULL;

    (void)state;
    slab_pages_visit(cache, NULL, find_record, &found);
    assert_ptr_equal(found, object);
    assert_true(slab_debug_is_live(cache, object));
    for (int i = 32; i < (int)cache->stride_bytes - 16; i++) {
        plant(object, i, 0);
    }
    machine_listen();
    slab_free(cache, object);
    assert_true(machine_said("its record was overwritten"));
    drop(cache);
}

static void constructors_run_again_where_poison_destroys_their_work(void **state)
{
    (void)state;
    for (int poison = 0; poison < 2; poison++) {
        struct slab_cache *cache;
        uint32_t *object;
        slab_debug_configure(poison ? "FZPU" : "FZU");
        cache = slab_cache_create("built", 40, 8, construct);
        assert_non_null(cache);
        for (int i = 0; i < 3; i++) {
            object = slab_alloc(cache, ALLOC_KERNEL);
            assert_int_equal(*object, CONSTRUCTED);
            slab_free(cache, object);
        }
        drop(cache);
    }
}

static void owners_are_known(void **state)
{
    struct slab_cache *cache = make("U", 32, 8);
    void *object = slab_alloc(cache, ALLOC_KERNEL);
    const struct owner *allocated, *freed;

    (void)state;
    slab_debug_owners(cache, object, &allocated, &freed);
    assert_true(owner_is_set(allocated));
    assert_non_null(owner_call(allocated, 0));
    assert_null(owner_call(allocated, OWNER_NR_CALLS));
    assert_int_equal(owner_hart(allocated), port_hart_id());
    assert_true(owner_age_ns(allocated) < 60000000000ull);
    assert_false(owner_is_set(freed));
    slab_free(cache, object);
    assert_true(owner_is_set(freed));
    drop(cache);
}

static uint32_t letters_of(const char *argument, const char *name)
{
    slab_debug_configure(argument);
    return slab_debug_flags_for(name);
}

static void the_argument_is_read_as_linux_reads_it(void **state)
{
    const uint32_t checks = SLAB_DEBUG_CHECKS, redzone = SLAB_DEBUG_REDZONE;
    const uint32_t poison = SLAB_DEBUG_POISON, owner = SLAB_DEBUG_OWNER;

    (void)state;
    assert_int_equal(letters_of("", "any"), SLAB_DEBUG_ANY);
    assert_int_equal(letters_of("FZ", "any"), checks | redzone);
    assert_int_equal(letters_of("fz", "any"), checks | redzone);
    assert_int_equal(letters_of("-", "any"), 0);
    assert_int_equal(letters_of(",area_cache", "area_cache"), SLAB_DEBUG_ANY);
    assert_int_equal(letters_of(",area_cache", "any"), 0);
    assert_int_equal(letters_of("P,kmalloc-*,area_cache;U", "kmalloc-64"), poison);
    assert_int_equal(letters_of("P,kmalloc-*,area_cache;U", "any"), owner);
    assert_int_equal(letters_of("P;-,area_cache", "area_cache"), 0);

    machine_listen();
    assert_int_equal(letters_of("FqZ", "any"), checks | redzone);
    assert_true(machine_said("unknown option letter 'q'"));
    machine_listen();
    (void)letters_of("F,kmalloc-65,kmalloc-64", "any");
    assert_true(machine_said("no cache is called \"kmalloc-65\""));
    assert_null(strstr(machine_log, "\"kmalloc-64\""));
    machine_listen();
    (void)letters_of("F,a_name_that_is_longer_than_any_cache_has", "any");
    assert_true(machine_said("no cache has such a long name"));
    machine_listen();
    (void)letters_of("F,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "any");
    assert_true(machine_said("too many caches, left out: \"q\""));
}

/* Everything right, all letters: as many steps as it takes to reuse every object, and no report. */
static void what_is_right_brings_no_report(void **state)
{
    enum { NR = 300 };
    static unsigned char *live[NR];
    static size_t sizes[NR];
    struct host_random source;
    unsigned before = mistake_count();

    (void)state;
    machine_start(64 * MIB);
    slab_debug_configure("");
    host_random_init(&source);
    for (unsigned step = 0; step < 30000; step++) {
        size_t i = host_random_below(&source, NR);
        host_set_hart((int)host_random_below(&source, MAX_HARTS));
        if (live[i] == NULL) {
            sizes[i] = 1 + host_random_below(&source, 16u << host_random_below(&source, 10));
            live[i] = kmalloc(sizes[i], step % 2 ? ALLOC_KERNEL : ALLOC_KERNEL | ALLOC_ZERO);
            assert_non_null(live[i]);
            assert_int_equal(live[i][0], step % 2 ? 0x5a : 0);
            memset(live[i], (int)i, ksize(live[i])); /* all of it is the caller's */
        } else {
            assert_int_equal(live[i][sizes[i] - 1], (unsigned char)i);
            kfree(live[i]);
            live[i] = NULL;
        }
        if (step % 1000 == 0) {
            assert_int_equal(slab_debug_check_all(), 0);
            (void)slab_reap();
        }
    }
    for (size_t i = 0; i < NR; i++) {
        kfree(live[i]);
    }
    assert_int_equal(slab_debug_check_all(), 0);
    assert_int_equal(mistake_count(), before);
    host_set_hart(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: kmalloc's caches must not have been used. */
        cmocka_unit_test(what_is_right_brings_no_report),
        cmocka_unit_test(a_byte_too_far_is_seen_on_either_side),
        cmocka_unit_test(damage_is_found_without_waiting_for_the_free),
        cmocka_unit_test(a_write_after_free_is_seen),
        cmocka_unit_test(a_double_free_names_both_who_freed),
        cmocka_unit_test(wild_frees_are_refused_at_the_call),
        cmocka_unit_test(a_bent_free_map_gives_no_object_twice_in_silence),
        cmocka_unit_test(an_overwritten_record_is_no_record),
        cmocka_unit_test(constructors_run_again_where_poison_destroys_their_work),
        cmocka_unit_test(owners_are_known),
        cmocka_unit_test(the_argument_is_read_as_linux_reads_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
