// SPDX-License-Identifier: MIT
/* Intrusive red-black trees: the node stands inside the element, so nothing is allocated.
 *
 * A tree may be augmented: each node then keeps a summary of its subtree (the largest gap, the highest end), which
 * `augment` recomputes from the node itself and its two children. It is called bottom-up for each node whose
 * subtree changed. The theory stands in rbtree.c; locking is the caller's. */
#ifndef CAIRN_BASE_RBTREE_H
#define CAIRN_BASE_RBTREE_H

#include "kernel/base/types.h"

struct rb_node {
    uintptr_t parent_and_color; /* the parent's address; bit 0: black */
    struct rb_node *left;
    struct rb_node *right;
};

struct rb_tree {
    struct rb_node *root;
    void (*augment)(struct rb_node *node); /* [I] NULL: not augmented */
};

/* clang-format off */
#define RB_TREE_INIT {NULL, NULL}
#define RB_TREE_INIT_AUGMENTED(callback) {NULL, (callback)}
/* clang-format on */

#define rb_entry(node, type, member) container_of(node, type, member)

/* Order: negative, 0 or positive as a sorts before, with or after b (or the key). */
typedef int rb_compare_nodes(const struct rb_node *a, const struct rb_node *b);
typedef int rb_compare_key(const struct rb_node *node, const void *key);

static inline bool rbtree_is_empty(const struct rb_tree *tree)
{
    return tree->root == NULL;
}

/** Mark a node as being in no tree, and ask. rbtree_erase() marks too. */
static inline void rb_node_init(struct rb_node *node)
{
    node->parent_and_color = (uintptr_t)node;
}

static inline bool rb_node_is_linked(const struct rb_node *node)
{
    return node->parent_and_color != (uintptr_t)node;
}

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
    return (struct rb_node *)(node->parent_and_color & ~(uintptr_t)1);
}

/** Put a node where a search ended: *link (a child pointer of `parent`, or the root) is NULL.
 *  For callers whose search is their own; the others use rbtree_insert(). */
void rbtree_insert_at(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent,
                      struct rb_node **link);

/** Insert after all nodes that compare equal. */
void rbtree_insert(struct rb_tree *tree, struct rb_node *node, rb_compare_nodes *compare);

/** Insert unless a node compares equal. Returns NULL when inserted, otherwise that node. */
struct rb_node *must_check rbtree_insert_unique(struct rb_tree *tree, struct rb_node *node,
                                                rb_compare_nodes *compare);

void rbtree_erase(struct rb_tree *tree, struct rb_node *node);

/** Let `fresh`, which sorts the same, take the place of `old`. */
void rbtree_replace(struct rb_tree *tree, struct rb_node *old, struct rb_node *fresh);

/** The element's own value changed (not its order): recompute the summaries from it to the root. */
void rbtree_augment_path(struct rb_tree *tree, struct rb_node *node);

/* In order; NULL at the end. */
struct rb_node *rbtree_first(const struct rb_tree *tree);
struct rb_node *rbtree_last(const struct rb_tree *tree);
struct rb_node *rbtree_next(const struct rb_node *node);
struct rb_node *rbtree_prev(const struct rb_node *node);

/* Inline, so that a constant `compare` becomes part of the loop. */

/** The first node that compares equal to the key, or NULL. */
static inline struct rb_node *rbtree_find(const struct rb_tree *tree, const void *key,
                                          rb_compare_key *compare)
{
    struct rb_node *node = tree->root;

    while (node != NULL) {
        int order = compare(node, key);
        if (order == 0) {
            break;
        }
        node = order < 0 ? node->right : node->left;
    }
    return node;
}

/** The first node that doesn't sort before the key, or NULL. */
static inline struct rb_node *rbtree_lower_bound(const struct rb_tree *tree, const void *key,
                                                 rb_compare_key *compare)
{
    struct rb_node *node = tree->root;
    struct rb_node *found = NULL;

    while (node != NULL) {
        if (compare(node, key) < 0) {
            node = node->right;
        } else {
            found = node;
            node = node->left;
        }
    }
    return found;
}

/** The last node that doesn't sort after the key, or NULL. */
static inline struct rb_node *rbtree_upper_floor(const struct rb_tree *tree, const void *key,
                                                 rb_compare_key *compare)
{
    struct rb_node *node = tree->root;
    struct rb_node *found = NULL;

    while (node != NULL) {
        if (compare(node, key) > 0) {
            node = node->left;
        } else {
            found = node;
            node = node->right;
        }
    }
    return found;
}

/* Every element in order; the body must not change the tree. */
#define rb_for_each(pos, tree, member)                                                 \
    for (struct rb_node *rb_at = rbtree_first(tree);                                   \
         rb_at != NULL && ((pos) = rb_entry(rb_at, __typeof__(*(pos)), member), true); \
         rb_at = rbtree_next(rb_at))

/** Walk the whole tree: order (unless compare is NULL), colours, black heights, parent links.
 *  Returns the number of nodes, or -1 if the tree is damaged. For tests and debug builds. */
ssize_t rbtree_check(const struct rb_tree *tree, rb_compare_nodes *compare);

#endif
