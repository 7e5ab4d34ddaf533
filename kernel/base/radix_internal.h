// SPDX-License-Identifier: MIT
/* What radix.c and radix_search.c share. */
#ifndef CAIRN_BASE_RADIX_INTERNAL_H
#define CAIRN_BASE_RADIX_INTERNAL_H

#include "kernel/base/radix.h"

static inline unsigned slot_of(const struct radix_node *node, uint64_t index)
{
    return (unsigned)(index >> node->shift) & (RADIX_FANOUT - 1);
}

/* The largest index that a tree with this root can hold. */
static inline uint64_t root_last_index(const struct radix_node *root)
{
    unsigned bits = root->shift + RADIX_BITS;

    return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

/** The leaf that holds (or would hold) the index, or NULL if there is none yet. */
struct radix_node *radix_find_leaf(const struct radix *tree, uint64_t index);

#endif
