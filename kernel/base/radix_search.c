// SPDX-License-Identifier: MIT
/* Searching a radix tree in the order of its indices, and checking it. The theory stands in radix.c. */
#include "kernel/base/bits.h"
#include "kernel/base/radix_internal.h"

/* The first slot at or after `from` that is used, or that has the tag; RADIX_FANOUT if none. tag < 0: any. */
static unsigned next_slot(const struct radix_node *node, unsigned from, int tag)
{
    if (from >= RADIX_FANOUT) {
        return RADIX_FANOUT;
    }
    if (tag >= 0) {
        uint64_t tagged = node->tags[tag] & (~0ull << from);
        return tagged == 0 ? RADIX_FANOUT : bit_first(tagged);
    }
    while (from < RADIX_FANOUT && node->slots[from] == NULL) {
        from++;
    }
    return from;
}

/* The search for the first matching entry at or after *index: down along the index; where a node has nothing
 * more, up, and on with the parent's next slot, from which the way down is along the lowest indices. */
static void *find_next(const struct radix *tree, uint64_t *index, int tag)
{
    const struct radix_node *node = tree->root;
    uint64_t at = *index;

    if (node == NULL || at > root_last_index(node)) {
        return NULL;
    }
    for (;;) {
        unsigned wanted = slot_of(node, at);
        unsigned slot = next_slot(node, wanted, tag);
        if (slot == RADIX_FANOUT) {
            /* Nothing more below this node: to the first index beyond it. */
            do {
                if (node->parent == NULL) {
                    return NULL;
                }
                slot = node->offset + 1u;
                node = node->parent;
            } while (slot == RADIX_FANOUT);
            uint64_t beyond = (at >> node->shift >> RADIX_BITS << RADIX_BITS | slot) << node->shift;
            if (beyond < at) {
                return NULL; /* the tallest root has slots for more than 64 bits */
            }
            at = beyond;
            continue;
        }
        if (slot != wanted) {
            at = (at >> node->shift >> RADIX_BITS << RADIX_BITS | slot) << node->shift;
        }
        if (node->shift == 0) {
            *index = at;
            return node->slots[slot];
        }
        node = node->slots[slot];
    }
}

void *radix_next(const struct radix *tree, uint64_t *index)
{
    return find_next(tree, index, -1);
}

void *radix_next_tagged(const struct radix *tree, uint64_t *index, unsigned tag)
{
    return find_next(tree, index, (int)tag);
}

static size_t gather(const struct radix *tree, uint64_t first, uint64_t last, int tag,
                     void **entries, uint64_t *indices, size_t nr)
{
    size_t count = 0;

    while (count < nr && first <= last) {
        void *entry = find_next(tree, &first, tag);
        if (entry == NULL || first > last) {
            break;
        }
        entries[count] = entry;
        if (indices != NULL) {
            indices[count] = first;
        }
        count++;
        if (first == UINT64_MAX) {
            break;
        }
        first++;
    }
    return count;
}

size_t radix_gather(const struct radix *tree, uint64_t first, uint64_t last, void **entries,
                    uint64_t *indices, size_t nr)
{
    return gather(tree, first, last, -1, entries, indices, nr);
}

size_t radix_gather_tagged(const struct radix *tree, uint64_t first, uint64_t last, unsigned tag,
                           void **entries, uint64_t *indices, size_t nr)
{
    return gather(tree, first, last, (int)tag, entries, indices, nr);
}

uint64_t radix_first_hole(const struct radix *tree, uint64_t first)
{
    for (;;) {
        const struct radix_node *leaf = radix_find_leaf(tree, first);
        if (leaf == NULL) {
            return first;
        }
        do {
            if (leaf->slots[slot_of(leaf, first)] == NULL) {
                return first;
            }
            first++;
        } while (slot_of(leaf, first) != 0);
        if (first == 0) {
            return 0;
        }
    }
}

/* ---- Check ------------------------------------------------------------------------------------ */

static bool check_node(const struct radix_node *node, uint64_t *nr_entries)
{
    uint64_t used = 0;
    uint64_t tags_below[RADIX_NR_TAGS] = {0};

    for (unsigned i = 0; i < RADIX_FANOUT; i++) {
        const struct radix_node *below = node->slots[i];
        if (below == NULL) {
            continue;
        }
        used |= BIT(i);
        if (node->shift == 0) {
            continue;
        }
        if (below->parent != node || below->offset != i ||
            below->shift + RADIX_BITS != node->shift || !check_node(below, nr_entries)) {
            return false;
        }
        for (unsigned tag = 0; tag < RADIX_NR_TAGS; tag++) {
            tags_below[tag] |= below->tags[tag] != 0 ? BIT(i) : 0;
        }
    }
    for (unsigned tag = 0; tag < RADIX_NR_TAGS; tag++) {
        uint64_t possible = node->shift == 0 ? used & node->tags[tag] : tags_below[tag];
        if (node->tags[tag] != possible) {
            return false;
        }
    }
    *nr_entries += node->shift == 0 ? bit_count(used) : 0;
    return used != 0 && bit_count(used) == node->nr_used;
}

bool radix_check(const struct radix *tree)
{
    uint64_t nr_entries = 0;

    if (tree->root != NULL) {
        const struct radix_node *root = tree->root;
        bool could_be_lower = root->shift > 0 && root->nr_used == 1 && root->slots[0] != NULL;
        if (root->parent != NULL || could_be_lower || !check_node(root, &nr_entries)) {
            return false;
        }
    }
    return nr_entries == tree->nr_entries;
}
