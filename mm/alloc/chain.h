// SPDX-License-Identifier: MIT
/* A chain: one allocator first, another when it has nothing. Theory in chain.c. As many users at
 * once as both bear. */
#ifndef CAIRN_MM_ALLOC_CHAIN_H
#define CAIRN_MM_ALLOC_CHAIN_H

#include "mm/alloc/allocator.h"

struct chain {
    struct allocator first;  /* [I] knows its own: a buffer, an arena, a pool, one cache */
    struct allocator second; /* [I] serves what the first does not */
};

/** The chain behind the interface; the two allocators outlive it. */
struct allocator chain_allocator(struct chain *chain);

void chain_check(const struct chain *chain);

#endif
