// SPDX-License-Identifier: MIT
/* Sparse arrays: a 64-bit index to a pointer, with three tags for each entry and searches by tag.
 *
 * The page cache keeps the pages of an inode in one. Nodes come from callbacks, so that this folder needs no
 * allocator. Locking is the caller's. The theory stands in radix.c. */
#ifndef CAIRN_BASE_RADIX_H
#define CAIRN_BASE_RADIX_H

#include "kernel/base/types.h"

#define RADIX_BITS   6
#define RADIX_FANOUT (1u << RADIX_BITS)

/* What a tag means is the user's; the page cache has dirty, writeback and "to be written". */
enum { RADIX_NR_TAGS = 3 };

struct radix_node {
    struct radix_node *parent;    /* NULL: the root */
    uint8_t shift;                /* bits of the index below this node's: 0 for a leaf */
    uint8_t offset;               /* its slot in the parent */
    uint16_t nr_used;             /* slots that are not NULL */
    uint64_t tags[RADIX_NR_TAGS]; /* bit i: some entry below slot i has the tag */
    void *slots[RADIX_FANOUT];    /* nodes below, or in a leaf the entries */
};

struct radix {
    struct radix_node *root;
    uint64_t nr_entries;
    struct radix_node *(*alloc_node)(void *context); /* [I] memory for one node, or NULL */
    void (*free_node)(void *context, struct radix_node *node); /* [I] */
    void *context;                                             /* [I] for the two */
};

/** Prepare an empty tree. The contents of what alloc_node returns don't matter. */
void radix_init(struct radix *tree, struct radix_node *(*alloc_node)(void *context),
                void (*free_node)(void *context, struct radix_node *node), void *context);

/** Free all nodes; the entries themselves are the caller's. */
void radix_destroy(struct radix *tree);

static inline bool radix_is_empty(const struct radix *tree)
{
    return tree->nr_entries == 0;
}

/** Add an entry that is not NULL, without tags.
 *  Returns 0, -EEXIST, or -ENOMEM (the tree is as before). */
int must_check radix_insert(struct radix *tree, uint64_t index, void *entry);

/** The entry, or NULL. */
void *radix_lookup(const struct radix *tree, uint64_t index);

/** The places of `index` and of those that follow it in its leaf, *nr of them, some maybe NULL; or NULL when there is no
 *  leaf. They are the tree's own: read under the lock that guards it. */
void *const *radix_lookup_run(const struct radix *tree, uint64_t index, unsigned *nr);

/** Put another entry in an occupied place; its tags stay. Returns the former one, or NULL (nothing done). */
void *radix_replace(struct radix *tree, uint64_t index, void *entry);

/** Remove an entry with its tags. Returns it, or NULL. */
void *radix_remove(struct radix *tree, uint64_t index);

/** The first entry at or after *index; stores where it is. NULL, and *index unchanged, if there is none. */
void *radix_next(const struct radix *tree, uint64_t *index);
void *radix_next_tagged(const struct radix *tree, uint64_t *index, unsigned tag);

/** Up to nr entries within first..last (both included), in order, with their indices unless `indices` is NULL.
 *  Returns how many. */
size_t radix_gather(const struct radix *tree, uint64_t first, uint64_t last, void **entries,
                    uint64_t *indices, size_t nr);
size_t radix_gather_tagged(const struct radix *tree, uint64_t first, uint64_t last, unsigned tag,
                           void **entries, uint64_t *indices, size_t nr);

/** The first index at or after `first` without an entry. UINT64_MAX + 1 wraps to 0 when all are taken. */
uint64_t radix_first_hole(const struct radix *tree, uint64_t first);

/** Set or clear a tag of an existing entry (otherwise nothing happens), and ask. */
void radix_tag_set(struct radix *tree, uint64_t index, unsigned tag);
void radix_tag_clear(struct radix *tree, uint64_t index, unsigned tag);
bool radix_tag_get(const struct radix *tree, uint64_t index, unsigned tag);

/** Whether any entry has the tag. */
bool radix_is_tagged(const struct radix *tree, unsigned tag);

/** Walk the whole tree and verify its invariants. For tests and debug builds. */
bool radix_check(const struct radix *tree);

#endif
