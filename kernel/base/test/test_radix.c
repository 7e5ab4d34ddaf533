// SPDX-License-Identifier: MIT
/* Radix trees against a flat model, with indices from dense to 64 bits wide; running out of memory; no leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/abi/errno.h"
#include "kernel/base/radix.h"
#include "tools/host/host.h"

enum { NR_PLACES = 160, NR_STEPS = 20000 };

struct place {
    uint64_t index;
    void *entry; /* NULL: not in the tree */
    bool tags[RADIX_NR_TAGS];
};

static struct host_random source;
static struct place places[NR_PLACES]; /* in order of their indices */
static unsigned nr_nodes;
static unsigned nr_allowed; /* allocations before the memory is used up */

static struct radix_node *alloc_node(void *context)
{
    if (nr_allowed == 0) {
        return NULL;
    }
    nr_allowed--;
    nr_nodes++;
    struct radix_node *node = malloc(sizeof(*node));
    memset(node, 0xa5, sizeof(*node));
    return node;
}

static void free_node(void *context, struct radix_node *node)
{
    nr_nodes--;
    free(node);
}

static int compare_places(const void *a, const void *b)
{
    uint64_t left = ((const struct place *)a)->index;
    uint64_t right = ((const struct place *)b)->index;

    return left < right ? -1 : left > right;
}

/* Distinct indices: some dense, some sparse, the edges of each level, and the largest there is. */
static void make_places(void)
{
    memset(places, 0, sizeof(places));
    for (unsigned i = 0; i < NR_PLACES; i++) {
        uint64_t index = i < 80 ? i + (i >= 40 ? 24 : 0) : host_random_next(&source) >> (i % 60);
        if (i % 16 == 15) {
            index = (1ull << (6 * (i / 16 + 1) % 64)) - (i % 2);
        }
        places[i].index = i == NR_PLACES - 1 ? UINT64_MAX : index;
    }
    qsort(places, NR_PLACES, sizeof(places[0]), compare_places);
    for (unsigned i = 1; i < NR_PLACES; i++) {
        if (places[i].index <= places[i - 1].index) {
            places[i].index = places[i - 1].index + (i < NR_PLACES - 1);
        }
    }
    assert_true(places[NR_PLACES - 1].index > places[NR_PLACES - 2].index);
}

static void check_search(const struct radix *tree, uint64_t first, uint64_t last, int tag)
{
    void *entries[NR_PLACES];
    uint64_t indices[NR_PLACES];
    size_t max = host_random_below(&source, NR_PLACES) + 1;
    size_t count = tag < 0 ? radix_gather(tree, first, last, entries, indices, max)
                           : radix_gather_tagged(tree, first, last, (unsigned)tag, entries, indices,
                                                 max);
    size_t at = 0;

    for (unsigned i = 0; i < NR_PLACES && at < max; i++) {
        const struct place *place = &places[i];
        if (place->entry == NULL || place->index < first || place->index > last ||
            (tag >= 0 && !place->tags[tag])) {
            continue;
        }
        assert_true(at < count);
        assert_ptr_equal(entries[at], place->entry);
        assert_true(indices[at] == place->index);
        at++;
    }
    assert_int_equal(at, count);
}

static void step(struct radix *tree, struct place *place)
{
    unsigned tag = (unsigned)host_random_below(&source, RADIX_NR_TAGS);

    switch (host_random_below(&source, 6)) {
    case 0:
    case 1: {
        int error = radix_insert(tree, place->index, place);
        assert_int_equal(error, place->entry != NULL ? -EEXIST : 0);
        place->entry = place->entry != NULL ? place->entry : place;
        break;
    }
    case 2:
        assert_ptr_equal(radix_remove(tree, place->index), place->entry);
        place->entry = NULL;
        memset(place->tags, 0, sizeof(place->tags));
        break;
    case 3:
        radix_tag_set(tree, place->index, tag);
        place->tags[tag] = place->entry != NULL;
        break;
    case 4:
        radix_tag_clear(tree, place->index, tag);
        place->tags[tag] = false;
        break;
    default: {
        void *other = (char *)place + host_random_below(&source, 8);
        assert_ptr_equal(radix_replace(tree, place->index, other), place->entry);
        place->entry = place->entry != NULL ? other : NULL;
    }
    }
}

static void random_steps_agree_with_the_model(void **state)
{
    struct radix tree;

    make_places();
    nr_allowed = UINT32_MAX;
    radix_init(&tree, alloc_node, free_node, NULL);
    for (unsigned i = 0; i < NR_STEPS; i++) {
        struct place *place = &places[host_random_below(&source, NR_PLACES)];
        step(&tree, place);
        assert_true(radix_check(&tree));
        assert_ptr_equal(radix_lookup(&tree, place->index), place->entry);
        bool any_tagged[RADIX_NR_TAGS] = {false};
        for (unsigned tag = 0; tag < RADIX_NR_TAGS; tag++) {
            assert_int_equal(radix_tag_get(&tree, place->index, tag), place->tags[tag]);
            for (unsigned j = 0; j < NR_PLACES; j++) {
                any_tagged[tag] |= places[j].tags[tag];
            }
            assert_int_equal(radix_is_tagged(&tree, tag), any_tagged[tag]);
        }
        uint64_t first = places[host_random_below(&source, NR_PLACES)].index +
                         host_random_below(&source, 2);
        uint64_t last = places[host_random_below(&source, NR_PLACES)].index;
        check_search(&tree, first, i % 2 == 0 ? UINT64_MAX : last,
                     (int)host_random_below(&source, RADIX_NR_TAGS + 1) - 1);
    }
    radix_destroy(&tree);
    assert_int_equal(nr_nodes, 0);
}

static void removal_of_everything_frees_every_node(void **state)
{
    struct radix tree;

    make_places();
    nr_allowed = UINT32_MAX;
    radix_init(&tree, alloc_node, free_node, NULL);
    for (unsigned i = 0; i < NR_PLACES; i++) {
        assert_int_equal(radix_insert(&tree, places[i].index, &places[i]), 0);
    }
    for (unsigned i = NR_PLACES; i-- > 0;) {
        assert_ptr_equal(radix_remove(&tree, places[i].index), &places[i]);
        assert_true(radix_check(&tree));
    }
    assert_int_equal(nr_nodes, 0);
    assert_true(radix_is_empty(&tree));
}

static void exhausted_memory_changes_nothing(void **state)
{
    make_places();
    for (unsigned i = 0; i < NR_PLACES; i++) {
        struct radix tree;
        radix_init(&tree, alloc_node, free_node, NULL);
        nr_allowed = UINT32_MAX;
        assert_int_equal(radix_insert(&tree, 70, &places[0]), 0);
        radix_tag_set(&tree, 70, 1);
        unsigned nr_before = nr_nodes;
        for (unsigned allowed = 0;; allowed++) {
            nr_allowed = allowed;
            int error = radix_insert(&tree, places[i].index, &places[i]);
            if (error != -ENOMEM) {
                assert_true(error == 0 || (error == -EEXIST && places[i].index == 70));
                break;
            }
            assert_int_equal(nr_nodes, nr_before);
            assert_true(radix_check(&tree));
            assert_null(radix_lookup(&tree, places[i].index));
            assert_true(radix_tag_get(&tree, 70, 1));
        }
        assert_true(radix_check(&tree));
        radix_destroy(&tree);
        assert_int_equal(nr_nodes, 0);
    }
}

/* The root of a tree with the largest indices has slots that no 64-bit index leads to. */
static void searches_end_behind_the_last_index(void **state)
{
    static const uint64_t last[] = {UINT64_MAX - 70, UINT64_MAX - 5, 1ull << 60, 4000, 63};
    int entry;

    nr_allowed = UINT32_MAX;
    for (unsigned i = 0; i < array_size(last); i++) {
        uint64_t from = last[i] + 1;
        struct radix tree;

        radix_init(&tree, alloc_node, free_node, NULL);
        assert_int_equal(radix_insert(&tree, 0, &entry), 0);
        assert_int_equal(radix_insert(&tree, last[i], &entry), 0);
        assert_null(radix_next(&tree, &from));
        radix_destroy(&tree);
    }
}

static void holes_are_found(void **state)
{
    struct radix tree;

    nr_allowed = UINT32_MAX;
    radix_init(&tree, alloc_node, free_node, NULL);
    assert_int_equal(radix_first_hole(&tree, 5), 5);
    for (uint64_t i = 0; i < 130; i++) {
        assert_int_equal(radix_insert(&tree, i, &places[0]), 0);
    }
    assert_int_equal(radix_first_hole(&tree, 0), 130);
    assert_ptr_equal(radix_remove(&tree, 64), &places[0]);
    assert_int_equal(radix_first_hole(&tree, 3), 64);
    assert_int_equal(radix_first_hole(&tree, 65), 130);
    assert_int_equal(radix_insert(&tree, UINT64_MAX, &places[0]), 0);
    assert_true(radix_first_hole(&tree, UINT64_MAX) == 0);
    radix_destroy(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_agree_with_the_model),
        cmocka_unit_test(removal_of_everything_frees_every_node),
        cmocka_unit_test(exhausted_memory_changes_nothing),
        cmocka_unit_test(searches_end_behind_the_last_index),
        cmocka_unit_test(holes_are_found),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
