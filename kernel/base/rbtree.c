// SPDX-License-Identifier: MIT
/* Red-black trees: binary search trees that stay balanced by colouring their nodes.
 *
 * The invariants:  1. the root is black;  2. a red node has no red child;  3. every way from the root to a missing
 * child meets the same number of black nodes. By 2 and 3 the longest way is at most twice the shortest, so search,
 * insertion and removal are O(log n), with at most two rotations an insertion and three a removal.
 *
 * A missing child counts as black. Insertion adds a red node, which can only break 2 (or 1); removal of a black
 * node can only break 3. Each repair climbs: it either mends the invariant on the spot with rotations, or
 * recolours and hands the same defect to the parent.
 *
 * Left and right are mirror images. `child(node, side)` lets one text serve both, where most books print two.
 *
 * Augmentation: a structural change at a node makes the summaries wrong from it to the root, so the whole path is
 * recomputed once after the link or unlink; a rotation afterwards recomputes its two nodes, lower first, which
 * leaves the subtree's own summary as it was and thus everything above right.
 *
 * Source: Guibas and Sedgewick, "A dichromatic framework for balanced trees", 1978; the repair cases in the
 * arrangement of Cormen et al., "Introduction to Algorithms", chapter 13. */
#include "kernel/base/rbtree.h"
#include "kernel/base/assert.h"

enum side { LEFT = 0, RIGHT = 1 };

#define BLACK ((uintptr_t)1)

static inline bool is_black(const struct rb_node *node)
{
    return node == NULL || (node->parent_and_color & BLACK) != 0;
}

static inline bool is_red(const struct rb_node *node)
{
    return !is_black(node);
}

static inline void set_black(struct rb_node *node)
{
    node->parent_and_color |= BLACK;
}

static inline void set_red(struct rb_node *node)
{
    node->parent_and_color &= ~BLACK;
}

static inline void copy_color(struct rb_node *node, const struct rb_node *from)
{
    node->parent_and_color = (node->parent_and_color & ~BLACK) | (from->parent_and_color & BLACK);
}

static inline void set_parent(struct rb_node *node, struct rb_node *parent)
{
    node->parent_and_color = (uintptr_t)parent | (node->parent_and_color & BLACK);
}

static inline struct rb_node **child(struct rb_node *node, enum side side)
{
    return side == LEFT ? &node->left : &node->right;
}

static inline enum side side_of(const struct rb_node *node, const struct rb_node *parent)
{
    return parent->left == node ? LEFT : RIGHT;
}

/* The pointer that leads to a node: its parent's, or the root. */
static inline struct rb_node **link_to(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *parent = rb_parent(node);

    return parent == NULL ? &tree->root : child(parent, side_of(node, parent));
}

static inline void augment_node(struct rb_tree *tree, struct rb_node *node)
{
    if (tree->augment != NULL) {
        tree->augment(node);
    }
}

void rbtree_augment_path(struct rb_tree *tree, struct rb_node *node)
{
    if (tree->augment == NULL) {
        return;
    }
    for (; node != NULL; node = rb_parent(node)) {
        tree->augment(node);
    }
}

/* Turn `top` down to the given side; its child on the other side comes up in its place:
 *
 *        top            up
 *       /   \          /  \
 *      a    up   ->  top   c        (side == LEFT)
 *          /  \     /   \
 *         b    c   a     b                                                               */
static struct rb_node *rotate(struct rb_tree *tree, struct rb_node *top, enum side side)
{
    struct rb_node *up = *child(top, !side);
    struct rb_node *middle = *child(up, side);

    *link_to(tree, top) = up;
    set_parent(up, rb_parent(top));
    *child(top, !side) = middle;
    if (middle != NULL) {
        set_parent(middle, top);
    }
    *child(up, side) = top;
    set_parent(top, up);
    augment_node(tree, top);
    augment_node(tree, up);
    return up;
}

/* `node` is red, and its parent may be red too: the only defect. */
static void repair_insert(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *parent;

    while ((parent = rb_parent(node)) != NULL && is_red(parent)) {
        struct rb_node *grand = rb_parent(parent); /* there is one: a red node is not the root */
        enum side side = side_of(parent, grand);
        struct rb_node *uncle = *child(grand, !side);

        if (is_red(uncle)) {
            /* Grandparent's black goes down to both its children: the defect moves two levels up. */
            set_black(parent);
            set_black(uncle);
            set_red(grand);
            node = grand;
            continue;
        }
        if (side_of(node, parent) != side) {
            parent = rotate(tree, parent, side); /* the inner grandchild becomes the outer */
        }
        set_black(parent);
        set_red(grand);
        rotate(tree, grand, !side);
        break;
    }
    set_black(tree->root);
}

void rbtree_insert_at(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent,
                      struct rb_node **link)
{
    debug_assert(*link == NULL);
    node->parent_and_color = (uintptr_t)parent; /* red */
    node->left = NULL;
    node->right = NULL;
    *link = node;
    rbtree_augment_path(tree, node);
    repair_insert(tree, node);
}

void rbtree_insert(struct rb_tree *tree, struct rb_node *node, rb_compare_nodes *compare)
{
    struct rb_node **link = &tree->root;
    struct rb_node *parent = NULL;

    while (*link != NULL) {
        parent = *link;
        link = child(parent, compare(node, parent) < 0 ? LEFT : RIGHT);
    }
    rbtree_insert_at(tree, node, parent, link);
}

struct rb_node *rbtree_insert_unique(struct rb_tree *tree, struct rb_node *node,
                                     rb_compare_nodes *compare)
{
    struct rb_node **link = &tree->root;
    struct rb_node *parent = NULL;

    while (*link != NULL) {
        parent = *link;
        int order = compare(node, parent);
        if (order == 0) {
            return parent;
        }
        link = child(parent, order < 0 ? LEFT : RIGHT);
    }
    rbtree_insert_at(tree, node, parent, link);
    return NULL;
}

/* The subtree of `parent` on `side` has one black node too few on each of its ways: the only defect.
 * Its sibling therefore exists. */
static void repair_erase(struct rb_tree *tree, struct rb_node *parent, enum side side)
{
    while (parent != NULL) {
        struct rb_node *node = *child(parent, side);
        if (is_red(node)) {
            set_black(node); /* the missing black */
            return;
        }
        struct rb_node *sibling = *child(parent, !side);
        if (is_red(sibling)) {
            /* Make the sibling black: its black inner child becomes the new one. */
            set_black(sibling);
            set_red(parent);
            rotate(tree, parent, side);
            sibling = *child(parent, !side);
        }
        if (is_black(sibling->left) && is_black(sibling->right)) {
            /* Take a black from the sibling's side too: now all of `parent` lacks one. */
            set_red(sibling);
            node = parent;
            parent = rb_parent(node);
            if (is_red(node) || parent == NULL) {
                set_black(node);
                return;
            }
            side = side_of(node, parent);
            continue;
        }
        if (is_black(*child(sibling, !side))) {
            /* The red nephew is the inner one: make it the outer. */
            set_black(*child(sibling, side));
            set_red(sibling);
            sibling = rotate(tree, sibling, !side);
        }
        /* Rotate the sibling up in the parent's colour; the parent is the black that was missing. */
        copy_color(sibling, parent);
        set_black(parent);
        set_black(*child(sibling, !side));
        rotate(tree, parent, side);
        return;
    }
}

/* `fresh` takes the links and the colour of `old`. */
static void take_place(struct rb_tree *tree, struct rb_node *old, struct rb_node *fresh)
{
    *link_to(tree, old) = fresh;
    *fresh = *old;
    if (fresh->left != NULL) {
        set_parent(fresh->left, fresh);
    }
    if (fresh->right != NULL) {
        set_parent(fresh->right, fresh);
    }
}

void rbtree_erase(struct rb_tree *tree, struct rb_node *node)
{
    debug_assert(rb_node_is_linked(node));
    /* What really leaves its place has at most one child: the node, or its successor, which then takes the
     * node's place. */
    struct rb_node *leaving = node;
    if (node->left != NULL && node->right != NULL) {
        leaving = node->right;
        while (leaving->left != NULL) {
            leaving = leaving->left;
        }
    }
    struct rb_node *only_child = leaving->left != NULL ? leaving->left : leaving->right;
    struct rb_node *parent = rb_parent(leaving);
    enum side side = parent == NULL ? LEFT : side_of(leaving, parent);
    bool lost_black = is_black(leaving);

    *link_to(tree, leaving) = only_child;
    if (only_child != NULL) {
        set_parent(only_child, parent);
    }
    if (leaving != node) {
        take_place(tree, node, leaving);
        if (parent == node) {
            parent = leaving;
        }
    }
    rbtree_augment_path(tree, parent);
    if (lost_black) {
        if (parent == NULL) {
            if (only_child != NULL) {
                set_black(only_child);
            }
        } else {
            repair_erase(tree, parent, side);
        }
    }
    rb_node_init(node);
}

void rbtree_replace(struct rb_tree *tree, struct rb_node *old, struct rb_node *fresh)
{
    take_place(tree, old, fresh);
    rb_node_init(old);
    rbtree_augment_path(tree, fresh);
}

static struct rb_node *outermost(struct rb_node *node, enum side side)
{
    if (node != NULL) {
        while (*child(node, side) != NULL) {
            node = *child(node, side);
        }
    }
    return node;
}

static struct rb_node *step(struct rb_node *node, enum side side)
{
    if (*child(node, side) != NULL) {
        return outermost(*child(node, side), !side);
    }
    struct rb_node *parent = rb_parent(node);
    while (parent != NULL && *child(parent, side) == node) {
        node = parent;
        parent = rb_parent(node);
    }
    return parent;
}

struct rb_node *rbtree_first(const struct rb_tree *tree)
{
    return outermost(tree->root, LEFT);
}

struct rb_node *rbtree_last(const struct rb_tree *tree)
{
    return outermost(tree->root, RIGHT);
}

struct rb_node *rbtree_next(const struct rb_node *node)
{
    return step((struct rb_node *)node, RIGHT);
}

struct rb_node *rbtree_prev(const struct rb_node *node)
{
    return step((struct rb_node *)node, LEFT);
}

/* Returns the black height of a subtree, or -1; counts its nodes. Recursion is at most twice the logarithm. */
static int check_subtree(const struct rb_node *node, const struct rb_node *parent, ssize_t *count)
{
    if (node == NULL) {
        return 0;
    }
    if (rb_parent(node) != parent || (is_red(node) && parent != NULL && is_red(parent))) {
        return -1;
    }
    int left = check_subtree(node->left, node, count);
    int right = check_subtree(node->right, node, count);
    if (left < 0 || left != right) {
        return -1;
    }
    ++*count;
    return left + is_black(node);
}

ssize_t rbtree_check(const struct rb_tree *tree, rb_compare_nodes *compare)
{
    ssize_t count = 0;

    if (is_red(tree->root) || check_subtree(tree->root, NULL, &count) < 0) {
        return -1;
    }
    if (compare != NULL) {
        const struct rb_node *before = NULL;
        for (const struct rb_node *at = rbtree_first(tree); at != NULL; at = rbtree_next(at)) {
            if (before != NULL && compare(before, at) > 0) {
                return -1;
            }
            before = at;
        }
    }
    return count;
}
