// SPDX-License-Identifier: MIT
/* The kernel heap (kmalloc) and slab caches, as allocators. Context: any, as the flags say; any
 * number of users at once. */
#ifndef CAIRN_MM_ALLOC_HEAP_H
#define CAIRN_MM_ALLOC_HEAP_H

#include "mm/alloc/allocator.h"

struct slab_cache;

/** Memory of every layout up to the largest block of frames. */
struct allocator heap_allocator(void);

/** Objects of one cache, as it constructs them: memory for layouts that its objects can hold, NULL
 *  for others. */
struct allocator cache_allocator(struct slab_cache *cache);

/* The same, for initialisers of statics. */
#define CACHE_ALLOCATOR(cache)                 \
    {                                          \
        &cache_allocator_ops, &(cache), #cache \
    }
extern const struct allocator_ops cache_allocator_ops;

#endif
