// SPDX-License-Identifier: MIT
/* The dentry cache as a tree (who is above whom), and giving it up under pressure: see dentry.c. */
#include "fs/vfs/dentry_internal.h"
#include "fs/vfs/inode_internal.h"
#include "kernel/base/assert.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/sync/waitq.h"

/* ---- The tree -------------------------------------------------------------------------------- */

bool dentry_is_below(const struct dentry *below, const struct dentry *above)
{
    bool result = false;

    spin_lock(&dentry_tree_lock);
    for (const struct dentry *at = below;; at = at->parent) {
        if (at == above) {
            result = true;
            break;
        }
        if (at->parent == at) {
            break;
        }
    }
    spin_unlock(&dentry_tree_lock);
    return result;
}

struct dentry *dentry_step_below(struct dentry *below, const struct dentry *above)
{
    struct dentry *result = NULL;

    spin_lock(&dentry_tree_lock);
    for (struct dentry *at = below; at->parent != at; at = at->parent) {
        if (at->parent == above) {
            result = at;
            break;
        }
    }
    spin_unlock(&dentry_tree_lock);
    return result;
}

const struct dentry *dentry_prepend_path(const struct dentry *dentry, const struct dentry *stop,
                                         const struct dentry *other_stop, char *buffer,
                                         size_t *start)
{
    spin_lock_nested(&dentry_tree_lock);
    while (dentry != stop && dentry != other_stop && dentry->parent != dentry) {
        if (*start < dentry->name_len + 1u) {
            dentry = NULL;
            break;
        }
        *start -= dentry->name_len;
        memcpy(buffer + *start, dentry_text(dentry), dentry->name_len);
        buffer[--*start] = '/';
        dentry = dentry->parent;
    }
    spin_unlock(&dentry_tree_lock);
    return dentry;
}

/* ---- Giving up entries ----------------------------------------------------------------------- */

#define DISPOSAL_LOOK_NS 1000000u

static struct waitq disposal_waitq = WAITQ_INIT(disposal_waitq);

static void free_disposed(struct list *disposed)
{
    while (!list_is_empty(disposed)) {
        struct dentry *dentry = list_first(disposed, struct dentry, lru_node);

        list_remove(&dentry->lru_node);
        dentry_put(dentry);
    }
    waitq_wake_all(&disposal_waitq);
}

uint64_t dentry_shrink(uint64_t nr)
{
    uint64_t nr_freed = 0;
    uint64_t nr_looks;
    struct list disposed;

    list_init(&disposed);
    spin_lock(&dentry_tree_lock);
    nr_looks = 2 * dentry_nr_cached;
    for (; nr_freed < nr && nr_looks > 0 && !list_is_empty(&dentry_clock); nr_looks--) {
        struct dentry *dentry = list_first(&dentry_clock, struct dentry, lru_node);
        uint32_t old = atomic_fetch_and_explicit(&dentry->flags, ~(uint32_t)DENTRY_REFERENCED,
                                                 memory_order_relaxed);

        if ((old & DENTRY_REFERENCED) == 0 && dentry_unhash_locked(dentry, true)) {
            list_push_back(&disposed, &dentry->lru_node);
            nr_freed++;
        } else {
            list_remove(&dentry->lru_node);
            list_push_back(&dentry_clock, &dentry->lru_node);
        }
        if (nr_looks % 128 == 0) { /* let lookups of other harts in between */
            spin_unlock(&dentry_tree_lock);
            free_disposed(&disposed);
            spin_lock(&dentry_tree_lock);
        }
    }
    spin_unlock(&dentry_tree_lock);
    free_disposed(&disposed);
    return nr_freed;
}

void dentry_drop_children(struct dentry *dir)
{
    struct list disposed;
    struct dentry *child;
    struct dentry *next;

    list_init(&disposed);
    spin_lock(&dentry_tree_lock);
    list_for_each_safe (child, next, &dir->children, child_node) {
        if (dentry_unhash_locked(child, true)) {
            list_push_back(&disposed, &child->lru_node);
        }
    }
    spin_unlock(&dentry_tree_lock);
    free_disposed(&disposed);
}

void dentry_drop_tree(struct dentry *root)
{
    /* Depth first: go down while there are children; unhash leaves, used or not. Only the root's
     * reference is ours. */
    spin_lock(&dentry_tree_lock);
    for (;;) {
        struct dentry *at = root;

        while (!list_is_empty(&at->children)) {
            at = list_first(&at->children, struct dentry, child_node);
        }
        if (at == root) {
            break;
        }
        bool is_mine = dentry_unhash_locked(at, false);

        spin_unlock(&dentry_tree_lock);
        assert(is_mine);
        dentry_put(at);
        spin_lock(&dentry_tree_lock);
    }
    list_remove(&root->alias_node);
    atomic_fetch_and_explicit(&root->flags, ~(uint32_t)DENTRY_HASHED, memory_order_relaxed);
    spin_unlock(&dentry_tree_lock);
    /* The shrinker may have unhashed some of ours just before and be about to free them: each
     * still holds its parent, and so, at last, the root. The file system must outlive them. */
    while (refcount_read(&root->refs) != 1) {
        (void)waitq_wait(&disposal_waitq, PORT_BLOCK_UNINTERRUPTIBLE,
                         port_clock_ns() + DISPOSAL_LOOK_NS, refcount_read(&root->refs) == 1);
    }
    dentry_put(root);
}

/* ---- Reclaim --------------------------------------------------------------------------------- */

#define DENTRIES_PER_FRAME 16u

static bool evict_inodes(struct super *super, void *arg)
{
    uint64_t *nr_left = arg;
    uint64_t nr = inode_evict_unused(super, *nr_left, false);

    *nr_left -= min_of(nr, *nr_left);
    return *nr_left != 0;
}

static uint64_t shrink_names(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    uint64_t nr = nr_frames * DENTRIES_PER_FRAME;
    uint64_t nr_left = nr;
    uint64_t nr_freed;

    if ((flags & ALLOC_NOFS) != 0) {
        return 0;
    }
    nr_freed = dentry_shrink(nr);
    super_for_each(evict_inodes, &nr_left);
    return (nr_freed + nr - nr_left) / (2 * DENTRIES_PER_FRAME);
}

struct shrinker dentry_shrinker = {
    .name = "dentries and inodes", .shrink = shrink_names, .order = RECLAIM_NAMES};
