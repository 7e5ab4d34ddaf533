// SPDX-License-Identifier: MIT
/* Live memory by tag: the tags of a cache add up to what slabinfo says of it, call sites are told
 * apart where owners are kept, and every frame is counted once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "mm/alloc_info.h"
#include "mm/debug/slab_debug.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"
#include "mm/test/machine.h"
#include "mm/vmalloc.h"

#define MIB (1ul << 20)

static struct alloc_info *list;
static size_t nr;

static void look(void)
{
    vfree(list);
    assert_int_equal(alloc_info_list(&list, &nr), 0);
}

/* The sum over the tags of a name, in *sum; returns how many there are. */
static unsigned sum_of(const char *what, struct alloc_info *sum)
{
    unsigned nr_tags = 0;

    *sum = (struct alloc_info){.what = ""};
    for (size_t i = 0; i < nr; i++) {
        if (strcmp(list[i].what, what) == 0) {
            assert_true(list[i].nr_live != 0);
            sum->live_bytes += list[i].live_bytes;
            sum->nr_live += list[i].nr_live;
            nr_tags++;
        }
    }
    return nr_tags;
}

static void compare_with_slabinfo(const struct slab_stats *stats, void *arg)
{
    struct alloc_info sum;
    char what[64];

    (void)arg;
    snprintf(what, sizeof(what), "slab:%s", stats->name);
    assert_int_equal(sum_of(what, &sum) == 0, stats->nr_active == 0);
    assert_int_equal(sum.nr_live, stats->nr_active);
    assert_int_equal(sum.live_bytes, stats->nr_active * stats->size_bytes);
}

/* The host's chains of calls begin inside the allocators: write another call site into the record. */
static void set_caller(const struct slab_cache *cache, const void *object, int32_t distance)
{
    const struct owner *allocated, *freed;

    slab_debug_owners(cache, object, &allocated, &freed);
    ((struct owner *)allocated)->calls[0] = distance;
}

static void tags_add_up_to_slabinfo(void **state)
{
    struct slab_cache *cache = slab_cache_create("typed", 72, 8, NULL);
    void *objects[100];

    (void)state;
    assert_non_null(cache);
    for (unsigned i = 0; i < 100; i++) {
        objects[i] = slab_alloc(cache, ALLOC_KERNEL);
        assert_non_null(objects[i]);
    }
    for (unsigned i = 0; i < 30; i++) { /* at rest in magazines */
        slab_free(cache, objects[i]);
    }
    look();
    slab_for_each(compare_with_slabinfo, NULL);
    for (unsigned i = 30; i < 100; i++) {
        slab_free(cache, objects[i]);
    }
    look();
    slab_for_each(compare_with_slabinfo, NULL);
    assert_int_equal(slab_cache_destroy(cache), 0);
}

static void call_sites_are_told_apart(void **state)
{
    struct slab_cache *cache;
    struct alloc_info sum;
    void *objects[9];

    (void)state;
    slab_debug_configure("U");
    cache = slab_cache_create("owned", 40, 8, NULL);
    assert_non_null(cache);
    for (unsigned i = 0; i < 9; i++) {
        objects[i] = slab_alloc(cache, ALLOC_KERNEL);
        assert_non_null(objects[i]);
        set_caller(cache, objects[i], i < 3 ? 0x100 : 0x200);
    }
    slab_free(cache, objects[8]);
    look();
    slab_for_each(compare_with_slabinfo, NULL);
    assert_int_equal(sum_of("slab:owned", &sum), 2);
    assert_int_equal(sum.nr_live, 8);
    assert_int_equal(sum.live_bytes, 8 * 40);
    for (size_t i = 0; i < nr; i++) {
        if (strcmp(list[i].what, "slab:owned") == 0) {
            int64_t distance = (const char *)list[i].caller - (const char *)owner_record;
            assert_int_equal(distance, list[i].nr_live == 3 ? 0x100 : 0x200);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        slab_free(cache, objects[i]);
    }
    assert_int_equal(slab_cache_destroy(cache), 0);
    slab_debug_configure("-");
}

/* More tags than the list first has room for: it is made again. */
static void no_tag_is_lost_for_want_of_room(void **state)
{
    struct slab_cache *caches[300];
    void *objects[300];
    struct alloc_info sum;
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "many-%u", i);
        caches[i] = slab_cache_create(name, 8 + i, 8, NULL);
        assert_non_null(caches[i]);
        objects[i] = slab_alloc(caches[i], ALLOC_KERNEL);
        assert_non_null(objects[i]);
    }
    look();
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "slab:many-%u", i);
        assert_int_equal(sum_of(name, &sum), 1);
        assert_int_equal(sum.live_bytes, 8 + i);
        slab_free(caches[i], objects[i]);
        assert_int_equal(slab_cache_destroy(caches[i]), 0);
    }
}

static void add_slab_frames(const struct slab_stats *stats, void *arg)
{
    *(uint64_t *)arg += stats->nr_slabs * stats->nr_pages_per_slab;
}

static void every_frame_is_counted_once(void **state)
{
    struct frames_stats stats;
    struct alloc_info large, other, window;
    uint64_t nr_frames = 0;
    struct page *block = frames_alloc(3, ALLOC_KERNEL);
    void *run = kmalloc(9 * PAGE_SIZE, ALLOC_KERNEL); /* two blocks of the buddies: 8 + 1 */
    void *area = vmalloc(5 * PAGE_SIZE, ALLOC_KERNEL);

    (void)state;
    assert_true(block != NULL && run != NULL && area != NULL);
    look();
    assert_int_equal(sum_of("frames:kmalloc", &large), 1);
    assert_int_equal(large.nr_live, 1);
    assert_int_equal(large.live_bytes, 9 * PAGE_SIZE);
    assert_int_equal(sum_of("frames:other", &other), 1);
    assert_true(other.live_bytes >= 8 * PAGE_SIZE);
    assert_int_equal(sum_of("frames:vmalloc", &window), 1);
    assert_true(window.live_bytes >= 5 * PAGE_SIZE);
    frames_get_stats(&stats);
    slab_for_each(add_slab_frames, &nr_frames);
    for (size_t i = 0; i < nr; i++) {
        if (strncmp(list[i].what, "frames:", 7) == 0) {
            nr_frames += list[i].live_bytes / PAGE_SIZE;
        }
    }
    assert_int_equal(nr_frames + stats.nr_free, stats.nr_total);
    vfree(area);
    kfree(run);
    frames_free(block, 3);
    look();
    assert_int_equal(sum_of("frames:kmalloc", &large), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_add_up_to_slabinfo),
        cmocka_unit_test(call_sites_are_told_apart),
        cmocka_unit_test(no_tag_is_lost_for_want_of_room),
        cmocka_unit_test(every_frame_is_counted_once),
    };

    machine_start(64 * MIB);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
