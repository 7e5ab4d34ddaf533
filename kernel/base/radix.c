// SPDX-License-Identifier: MIT
/* A radix tree: the index itself is the way to the entry, six bits a level.
 *
 * The root is only as tall as the largest index needs: a file of 64 pages has one node, one of 4096 two levels.
 * A new index that lies beyond pushes further roots on top; removal takes them off again when only their first
 * slot is left.
 *
 * Invariants (radix_check): a node is never empty; nr_used counts its slots; a node's shift is 6 less than its
 * parent's, and 0 in leaves, which hold the entries; bit i of tags[t] is set exactly if slot i holds an entry with
 * tag t (leaf), or a node with any such bit (above). So a tagged search passes by whole subtrees without the tag,
 * which makes "find the dirty pages" proportional to the dirty ones and not to the cached ones.
 *
 * Insertion allocates the whole missing path before it links anything, so that running out of memory changes
 * nothing.
 *
 * Source: Morrison, "PATRICIA", 1968, without its path compression; the tags after the description of Linux's
 * radix tree in Love, "Linux Kernel Development", 3rd edition, chapter 16.
 *
 * Searches and the check are in radix_search.c. */
#include "kernel/base/radix.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/radix_internal.h"
#include "kernel/base/string.h"

/* The most levels that 64 bits of index need. */
enum { MAX_LEVELS = (64 + RADIX_BITS - 1) / RADIX_BITS };

void radix_init(struct radix *tree, struct radix_node *(*alloc_node)(void *context),
                void (*free_node)(void *context, struct radix_node *node), void *context)
{
    *tree = (struct radix){.alloc_node = alloc_node, .free_node = free_node, .context = context};
}

void radix_destroy(struct radix *tree)
{
    struct radix_node *node = tree->root;

    while (node != NULL) {
        /* Down to a node without nodes below, free that one, and go on with its parent. */
        struct radix_node *below = NULL;
        for (unsigned i = 0; node->shift > 0 && i < RADIX_FANOUT && below == NULL; i++) {
            below = node->slots[i];
        }
        if (below != NULL) {
            node = below;
            continue;
        }
        struct radix_node *parent = node->parent;
        if (parent != NULL) {
            parent->slots[node->offset] = NULL;
        }
        tree->free_node(tree->context, node);
        node = parent;
    }
    tree->root = NULL;
    tree->nr_entries = 0;
}

static inline struct radix_node *find_leaf(const struct radix *tree, uint64_t index)
{
    struct radix_node *node = tree->root;

    if (node == NULL || index > root_last_index(node)) {
        return NULL;
    }
    while (node != NULL && node->shift > 0) {
        node = node->slots[slot_of(node, index)];
    }
    return node;
}

struct radix_node *radix_find_leaf(const struct radix *tree, uint64_t index)
{
    return find_leaf(tree, index);
}

void *radix_lookup(const struct radix *tree, uint64_t index)
{
    const struct radix_node *leaf = find_leaf(tree, index);

    return leaf == NULL ? NULL : leaf->slots[slot_of(leaf, index)];
}

void *const *radix_lookup_run(const struct radix *tree, uint64_t index, unsigned *nr)
{
    const struct radix_node *leaf = find_leaf(tree, index);
    unsigned slot;

    if (leaf == NULL) {
        return NULL;
    }
    slot = slot_of(leaf, index);
    *nr = RADIX_FANOUT - slot;
    return &leaf->slots[slot];
}

/* ---- Insertion -------------------------------------------------------------------------------- */

/* Nodes allocated for one insertion, not yet linked. */
struct spare_nodes {
    struct radix_node *nodes[2 * MAX_LEVELS];
    unsigned nr;
};

static int allocate_spares(struct radix *tree, struct spare_nodes *spares, unsigned nr)
{
    for (spares->nr = 0; spares->nr < nr; spares->nr++) {
        struct radix_node *node = tree->alloc_node(tree->context);
        if (node == NULL) {
            while (spares->nr > 0) {
                tree->free_node(tree->context, spares->nodes[--spares->nr]);
            }
            return -ENOMEM;
        }
        memset(node, 0, sizeof(*node));
        spares->nodes[spares->nr] = node;
    }
    return 0;
}

/* How many nodes the way to this index lacks: further roots, and nodes below. */
static unsigned count_missing(const struct radix *tree, uint64_t index)
{
    const struct radix_node *root = tree->root;
    unsigned nr_missing = 0;

    if (root == NULL) {
        unsigned bits = index == 0 ? 1 : bit_last(index) + 1;
        return div_round_up(bits, RADIX_BITS);
    }
    unsigned bits = root->shift + RADIX_BITS;
    while (bits < 64 && index >> bits != 0) {
        bits += RADIX_BITS;
        nr_missing++;
    }
    if (nr_missing > 0) {
        /* The new branch leaves at the topmost new root: all levels below that one are missing too. */
        return nr_missing + bits / RADIX_BITS - 1;
    }
    const struct radix_node *node = root;
    while (node->shift > 0) {
        const struct radix_node *below = node->slots[slot_of(node, index)];
        if (below == NULL) {
            return node->shift / RADIX_BITS;
        }
        node = below;
    }
    return 0;
}

static void link_node(struct radix_node *parent, unsigned offset, struct radix_node *node)
{
    node->parent = parent;
    node->offset = (uint8_t)offset;
    parent->slots[offset] = node;
    parent->nr_used++;
}

/* A further root on top; the present tree becomes its slot 0, with its tags. */
static void push_root(struct radix *tree, struct radix_node *node)
{
    struct radix_node *old = tree->root;

    node->shift = (uint8_t)(old->shift + RADIX_BITS);
    link_node(node, 0, old);
    for (unsigned tag = 0; tag < RADIX_NR_TAGS; tag++) {
        node->tags[tag] = old->tags[tag] != 0;
    }
    tree->root = node;
}

int radix_insert(struct radix *tree, uint64_t index, void *entry)
{
    struct spare_nodes spares;

    assert(entry != NULL);
    if (radix_lookup(tree, index) != NULL) {
        return -EEXIST;
    }
    int error = allocate_spares(tree, &spares, count_missing(tree, index));
    if (error != 0) {
        return error;
    }
    if (tree->root == NULL) {
        tree->root = spares.nodes[--spares.nr];
        tree->root->shift = (uint8_t)(spares.nr * RADIX_BITS);
    }
    while (index > root_last_index(tree->root)) {
        push_root(tree, spares.nodes[--spares.nr]);
    }
    struct radix_node *node = tree->root;
    while (node->shift > 0) {
        unsigned slot = slot_of(node, index);
        if (node->slots[slot] == NULL) {
            struct radix_node *below = spares.nodes[--spares.nr];
            below->shift = (uint8_t)(node->shift - RADIX_BITS);
            link_node(node, slot, below);
        }
        node = node->slots[slot];
    }
    assert(spares.nr == 0);
    node->slots[slot_of(node, index)] = entry;
    node->nr_used++;
    tree->nr_entries++;
    return 0;
}

void *radix_replace(struct radix *tree, uint64_t index, void *entry)
{
    struct radix_node *leaf = radix_find_leaf(tree, index);

    assert(entry != NULL);
    if (leaf == NULL) {
        return NULL;
    }
    void *old = leaf->slots[slot_of(leaf, index)];
    if (old != NULL) {
        leaf->slots[slot_of(leaf, index)] = entry;
    }
    return old;
}

/* ---- Tags ------------------------------------------------------------------------------------- */

static void clear_tag_upwards(struct radix_node *node, unsigned slot, unsigned tag)
{
    while ((node->tags[tag] & BIT(slot)) != 0) {
        node->tags[tag] &= ~BIT(slot);
        if (node->tags[tag] != 0 || node->parent == NULL) {
            return;
        }
        slot = node->offset;
        node = node->parent;
    }
}

void radix_tag_set(struct radix *tree, uint64_t index, unsigned tag)
{
    struct radix_node *node = radix_find_leaf(tree, index);

    if (node == NULL || node->slots[slot_of(node, index)] == NULL) {
        return;
    }
    for (; node != NULL; node = node->parent) {
        node->tags[tag] |= BIT(slot_of(node, index));
    }
}

void radix_tag_clear(struct radix *tree, uint64_t index, unsigned tag)
{
    struct radix_node *leaf = radix_find_leaf(tree, index);

    if (leaf != NULL) {
        clear_tag_upwards(leaf, slot_of(leaf, index), tag);
    }
}

bool radix_tag_get(const struct radix *tree, uint64_t index, unsigned tag)
{
    const struct radix_node *leaf = radix_find_leaf(tree, index);

    return leaf != NULL && (leaf->tags[tag] & BIT(slot_of(leaf, index))) != 0;
}

bool radix_is_tagged(const struct radix *tree, unsigned tag)
{
    return tree->root != NULL && tree->root->tags[tag] != 0;
}

/* ---- Removal ---------------------------------------------------------------------------------- */

/* Take off empty nodes from this one upwards, then roots that only have their first slot. */
static void shrink(struct radix *tree, struct radix_node *node)
{
    while (node->nr_used == 0) {
        struct radix_node *parent = node->parent;
        if (parent == NULL) {
            tree->root = NULL;
            tree->free_node(tree->context, node);
            return;
        }
        parent->slots[node->offset] = NULL;
        parent->nr_used--;
        tree->free_node(tree->context, node);
        node = parent;
    }
    struct radix_node *root = tree->root;
    while (root->shift > 0 && root->nr_used == 1 && root->slots[0] != NULL) {
        tree->root = root->slots[0];
        tree->root->parent = NULL;
        tree->free_node(tree->context, root);
        root = tree->root;
    }
}

void *radix_remove(struct radix *tree, uint64_t index)
{
    struct radix_node *leaf = radix_find_leaf(tree, index);

    if (leaf == NULL) {
        return NULL;
    }
    unsigned slot = slot_of(leaf, index);
    void *entry = leaf->slots[slot];
    if (entry == NULL) {
        return NULL;
    }
    for (unsigned tag = 0; tag < RADIX_NR_TAGS; tag++) {
        clear_tag_upwards(leaf, slot, tag);
    }
    leaf->slots[slot] = NULL;
    leaf->nr_used--;
    tree->nr_entries--;
    shrink(tree, leaf);
    return entry;
}
