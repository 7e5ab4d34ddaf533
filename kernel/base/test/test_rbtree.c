// SPDX-License-Identifier: MIT
/* Red-black trees against a sorted array, with the whole tree checked after each random step, and an augmented
 * one whose every summary is recomputed the slow way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/rbtree.h"
#include "tools/host/host.h"

enum { NR_ELEMENTS = 200, NR_KEYS = 300, NR_STEPS = 20000 };

struct element {
    struct rb_node node;
    unsigned key;
    unsigned weight;
    unsigned max_weight; /* of the subtree */
    bool is_in;
};

static struct host_random source;
static struct element elements[NR_ELEMENTS];

static struct element *element_of(const struct rb_node *node)
{
    return rb_entry(node, struct element, node);
}

static int compare(const struct rb_node *a, const struct rb_node *b)
{
    return (int)element_of(a)->key - (int)element_of(b)->key;
}

static int compare_key(const struct rb_node *node, const void *key)
{
    return (int)element_of(node)->key - (int)*(const unsigned *)key;
}

static void augment(struct rb_node *node)
{
    struct element *element = element_of(node);

    element->max_weight = element->weight;
    if (node->left != NULL) {
        element->max_weight = max_of(element->max_weight, element_of(node->left)->max_weight);
    }
    if (node->right != NULL) {
        element->max_weight = max_of(element->max_weight, element_of(node->right)->max_weight);
    }
}

static unsigned check_weights(const struct rb_node *node)
{
    if (node == NULL) {
        return 0;
    }
    unsigned below = max_of(check_weights(node->left), check_weights(node->right));
    unsigned expected = max_of(below, element_of(node)->weight);
    assert_int_equal(element_of(node)->max_weight, expected);
    return expected;
}

static void reset(void)
{
    memset(elements, 0, sizeof(elements));
    for (unsigned i = 0; i < NR_ELEMENTS; i++) {
        rb_node_init(&elements[i].node);
    }
}

/* The lowest key in the tree that is at least (or the highest that is at most) the given one, by looking at all. */
static int model_bound(unsigned key, bool upwards)
{
    int best = -1;

    for (unsigned i = 0; i < NR_ELEMENTS; i++) {
        int candidate = (int)elements[i].key;
        if (!elements[i].is_in || (upwards ? candidate < (int)key : candidate > (int)key)) {
            continue;
        }
        if (best < 0 || (upwards ? candidate < best : candidate > best)) {
            best = candidate;
        }
    }
    return best;
}

static void assert_bound(const struct rb_node *node, int expected)
{
    if (expected < 0) {
        assert_null(node);
    } else {
        assert_non_null(node);
        assert_int_equal(element_of(node)->key, expected);
    }
}

static void random_steps_keep_every_invariant(void **state)
{
    struct rb_tree tree = RB_TREE_INIT_AUGMENTED(augment);
    ssize_t nr_in = 0;

    reset();
    for (unsigned step = 0; step < NR_STEPS; step++) {
        struct element *element = &elements[host_random_below(&source, NR_ELEMENTS)];
        if (element->is_in) {
            rbtree_erase(&tree, &element->node);
            nr_in--;
        } else {
            element->key = (unsigned)host_random_below(&source, NR_KEYS);
            element->weight = (unsigned)host_random_below(&source, 1000);
            rbtree_insert(&tree, &element->node, compare);
            nr_in++;
        }
        element->is_in = !element->is_in;
        assert_int_equal(rb_node_is_linked(&element->node), element->is_in);
        assert_int_equal(rbtree_check(&tree, compare), nr_in);
        check_weights(tree.root);

        unsigned key = (unsigned)host_random_below(&source, NR_KEYS);
        assert_bound(rbtree_lower_bound(&tree, &key, compare_key), model_bound(key, true));
        assert_bound(rbtree_upper_floor(&tree, &key, compare_key), model_bound(key, false));
        assert_int_equal(rbtree_find(&tree, &key, compare_key) != NULL,
                         model_bound(key, true) == (int)key);
    }
}

static void ascending_and_descending_fills_stay_balanced(void **state)
{
    for (unsigned order = 0; order < 2; order++) {
        struct rb_tree tree = RB_TREE_INIT;
        reset();
        for (unsigned i = 0; i < NR_ELEMENTS; i++) {
            elements[i].key = order == 0 ? i : NR_ELEMENTS - i;
            assert_null(rbtree_insert_unique(&tree, &elements[i].node, compare));
        }
        assert_int_equal(rbtree_check(&tree, compare), NR_ELEMENTS);
        unsigned nr_backwards = 0;
        for (struct rb_node *at = rbtree_last(&tree); at != NULL; at = rbtree_prev(at)) {
            nr_backwards++;
        }
        assert_int_equal(nr_backwards, NR_ELEMENTS);
        while (!rbtree_is_empty(&tree)) {
            rbtree_erase(&tree, rbtree_first(&tree));
            assert_true(rbtree_check(&tree, compare) >= 0);
        }
    }
}

static void unique_insertion_returns_the_one_in_place(void **state)
{
    struct rb_tree tree = RB_TREE_INIT;

    reset();
    elements[0].key = elements[1].key = 5;
    assert_null(rbtree_insert_unique(&tree, &elements[0].node, compare));
    assert_ptr_equal(rbtree_insert_unique(&tree, &elements[1].node, compare), &elements[0].node);
    assert_int_equal(rbtree_check(&tree, compare), 1);
}

static void equal_keys_stay_in_order_of_insertion(void **state)
{
    struct rb_tree tree = RB_TREE_INIT;
    struct element *element;
    unsigned index = 0;

    reset();
    for (unsigned i = 0; i < 50; i++) {
        rbtree_insert(&tree, &elements[i].node, compare);
    }
    rb_for_each (element, &tree, node) {
        assert_ptr_equal(element, &elements[index++]);
    }
    assert_int_equal(index, 50);
}

static void replace_takes_the_place_over(void **state)
{
    struct rb_tree tree = RB_TREE_INIT_AUGMENTED(augment);

    reset();
    for (unsigned i = 0; i < 20; i++) {
        elements[i].key = i;
        rbtree_insert(&tree, &elements[i].node, compare);
    }
    for (unsigned i = 0; i < 20; i++) {
        elements[100 + i].key = i;
        elements[100 + i].weight = i;
        rbtree_replace(&tree, &elements[i].node, &elements[100 + i].node);
        assert_false(rb_node_is_linked(&elements[i].node));
        assert_int_equal(rbtree_check(&tree, compare), 20);
        check_weights(tree.root);
    }
}

static void check_finds_damage(void **state)
{
    struct rb_tree tree = RB_TREE_INIT;

    reset();
    for (unsigned i = 0; i < 20; i++) {
        elements[i].key = i;
        rbtree_insert(&tree, &elements[i].node, compare);
    }
    elements[3].key = 15;
    assert_int_equal(rbtree_check(&tree, compare), -1);
    elements[3].key = 3;
    tree.root->left->parent_and_color ^= 1;
    assert_int_equal(rbtree_check(&tree, compare), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_keep_every_invariant),
        cmocka_unit_test(ascending_and_descending_fills_stay_balanced),
        cmocka_unit_test(unique_insertion_returns_the_one_in_place),
        cmocka_unit_test(equal_keys_stay_in_order_of_insertion),
        cmocka_unit_test(replace_takes_the_place_over),
        cmocka_unit_test(check_finds_damage),
    };

    host_random_init(&source);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
