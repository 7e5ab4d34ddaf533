// SPDX-License-Identifier: MIT
/* A chain with fallback: a little memory at hand, and more behind it.
 *
 * Most paths are short, most vectors have a few elements. A fixed buffer serves these without a
 * lock or a search, and the heap serves the rest; the code that allocates sees one allocator. The
 * first is asked for everything, the second for what the first refused. On the way back each block
 * goes to its owner, who is found by asking the first whether the address is its own; so the first
 * must be one that knows.
 *
 * A block of the first that outgrows it moves to the second: resizing in place fails, and
 * allocator_grow() then allocates, copies and frees, through the chain again.
 *
 * Locks: those of the two. */
#include "mm/alloc/chain.h"

static struct allocator owner_of(const struct chain *chain, const void *memory)
{
    return allocator_owns(chain->first, memory) ? chain->first : chain->second;
}

static void *chain_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct chain *chain = object;
    /* Without waiting or complaining: there is another way. */
    void *memory = allocator_allocate(chain->first, layout,
                                      (flags & ~(unsigned)ALLOC_WAIT) | ALLOC_QUIET);

    return memory != NULL ? memory : allocator_allocate(chain->second, layout, flags);
}

static int chain_deallocate(void *object, void *memory, struct layout layout)
{
    struct allocator owner = owner_of(object, memory);

    return owner.ops->deallocate(owner.object, memory, layout);
}

static bool chain_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    struct allocator owner = owner_of(object, memory);

    return owner.ops->resize(owner.object, memory, layout, new_size_bytes);
}

static bool chain_owns(void *object, const void *memory)
{
    const struct chain *chain = object;

    return allocator_owns(chain->first, memory) || allocator_owns(chain->second, memory);
}

static void chain_ops_check(void *object)
{
    chain_check(object);
}

static const struct allocator_ops chain_ops = {
    .allocate = chain_allocate,
    .deallocate = chain_deallocate,
    .resize = chain_resize,
    .owns = chain_owns,
    .check = chain_ops_check,
};

struct allocator chain_allocator(struct chain *chain)
{
    return (struct allocator){&chain_ops, chain, "chain"};
}

void chain_check(const struct chain *chain)
{
    allocator_check(chain->first);
    allocator_check(chain->second);
}
