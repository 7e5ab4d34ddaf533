// SPDX-License-Identifier: MIT
/* The cache of directory entries: what path walks live on.
 *
 * A dentry says "in this directory, this name is that inode", or (negative, inode NULL) "… is nothing". It never changes its
 * inode: a name that is created, removed or replaced gets a new dentry, and the old one is unhashed, that is, no longer
 * found. So whoever holds a reference reads dentry->inode without any lock, and an open file keeps the very dentry it
 * was opened by, removed or not. Only a rename keeps the dentry and moves it: its parent and name change.
 *
 * References. Each dentry holds one to its parent and one to its inode. A hashed dentry has one from the cache itself; so
 * "unused" means refs == 1, and dentry_put() on the hot path is one atomic subtraction. All hashed dentries but
 * roots stand on one list that the shrinker goes round as a clock: REFERENCED gives a second chance, refs > 1 is passed over, the
 * others are unhashed under their bucket's lock (where new references would be made) and freed. Children
 * pin parents, so the leaves go first.
 *
 * A directory has at most one hashed dentry. A second one can only come from a damaged disk (two entries that point to one
 * directory) and would allow loops: it is refused.
 *
 * Locks. Each hash bucket has a spinlock, which is all that a lookup takes. tree_lock guards parents, children, aliases
 * and the clock; parent, name and hash change under both, so either is enough to read them. Order: tree_lock, then
 * buckets by address. What may be cached at all is ruled by inode->lock of the directory: entries are added with it held (for
 * reading: a lookup; for writing: a change), so a negative dentry can't survive the creation of its name. */
#include "fs/vfs/dentry.h"
#include "fs/vfs/inode_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/hash.h"
#include "kernel/base/once.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"
#include "mm/reclaim.h"
#include "mm/slab.h"

#define DENTRY_BUCKETS 2048u

struct dentry_bucket {
    struct spinlock lock;
    struct list chain; /* [lock] */
};

static struct dentry_bucket *buckets;                                              /* [once] */
static struct spinlock tree_lock = SPINLOCK_INIT(LOCK_RANK_DENTRY, "dentry tree");
static struct list clock_list = LIST_INIT(clock_list);                             /* [tree_lock] */
static uint64_t nr_cached;                                                         /* [tree_lock] */
static struct once dentry_once = ONCE_INIT("dentry cache", ONCE_RETRY);

SLAB_CACHE(dentry_cache, struct dentry, NULL);

/* ---- Reclaim and start ----------------------------------------------------------------------------- */

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

static struct shrinker names_shrinker = {.name = "dentries and inodes", .shrink = shrink_names, .order = 1};

static int dentry_cache_init(void *arg)
{
    struct dentry_bucket *table = kmalloc(DENTRY_BUCKETS * sizeof(*table), ALLOC_KERNEL);

    if (table == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < DENTRY_BUCKETS; i++) {
        spin_init(&table[i].lock, LOCK_RANK_DENTRY, "dentry bucket");
        list_init(&table[i].chain);
    }
    buckets = table;
    shrinker_register(&names_shrinker);
    return 0;
}

/* ---- Names ------------------------------------------------------------------------------------------ */

uint32_t dentry_hash(const char *text, size_t len)
{
    uint32_t hash = 0x811c9dc5u; /* FNV-1a; dentry_bucket_of() mixes it */

    for (; len > 0; len--, text++) {
        hash = (hash ^ (uint8_t)*text) * 0x01000193u;
    }
    return hash;
}

static const char *dentry_text(const struct dentry *dentry)
{
    return dentry->long_name != NULL ? dentry->long_name : dentry->inline_name;
}

static struct dentry_bucket *bucket_of(const struct dentry *parent, uint32_t hash)
{
    uint64_t mixed = ((uintptr_t)parent >> 4 ^ hash) * 0x9e3779b97f4a7c15ull;

    return &buckets[mixed >> 53];
}
static_assert(DENTRY_BUCKETS == 1u << (64 - 53), "bucket_of() takes the top bits");

/* Give a dentry that nobody can see a name. Returns whether there was memory. */
static bool set_name(struct dentry *dentry, const struct dentry_name *name)
{
    char *text = dentry->inline_name;

    dentry->long_name = NULL;
    if (name->len >= sizeof(dentry->inline_name)) {
        text = kmalloc(name->len + 1u, ALLOC_KERNEL);
        if (text == NULL) {
            return false;
        }
        dentry->long_name = text;
    }
    memcpy(text, name->text, name->len);
    text[name->len] = '\0';
    dentry->name_len = name->len;
    dentry->hash = name->hash;
    return true;
}

static struct dentry *dentry_alloc(struct super *super, const struct dentry_name *name, struct inode *inode)
{
    struct dentry *dentry = slab_alloc(&dentry_cache, ALLOC_KERNEL);

    if (dentry == NULL) {
        return NULL;
    }
    refcount_init(&dentry->refs, 1);
    atomic_store_explicit(&dentry->flags, 0, memory_order_relaxed);
    dentry->inode = inode;
    dentry->super = super;
    dentry->parent = dentry;
    list_init(&dentry->hash_node);
    list_init(&dentry->child_node);
    list_init(&dentry->children);
    list_init(&dentry->alias_node);
    list_init(&dentry->lru_node);
    if (!set_name(dentry, name)) {
        slab_free(&dentry_cache, dentry);
        return NULL;
    }
    return dentry;
}

/* Free one that is in no list any more. Returns its parent, whose reference the caller gets; NULL for a root. */
static struct dentry *dentry_free(struct dentry *dentry)
{
    struct dentry *parent = dentry->parent != dentry ? dentry->parent : NULL;

    debug_assert(!list_is_linked(&dentry->hash_node) && list_is_empty(&dentry->children));
    inode_put(dentry->inode);
    kfree(dentry->long_name);
    slab_free(&dentry_cache, dentry);
    return parent;
}

struct dentry *dentry_new_root(struct super *super, struct inode *inode)
{
    static const struct dentry_name no_name = {.text = "", .len = 0};
    struct dentry *dentry;

    if (once_get(&dentry_once, dentry_cache_init, NULL) != 0) {
        return NULL;
    }
    dentry = dentry_alloc(super, &no_name, inode);
    if (dentry != NULL) {
        inode_hold(inode);
        atomic_store_explicit(&dentry->flags, DENTRY_HASHED, memory_order_relaxed);
        list_push_back(&inode->dentries, &dentry->alias_node);
    }
    return dentry;
}

struct dentry *dentry_new_anonymous(struct inode *inode, const char *text)
{
    size_t len = strnlen(text, NAME_MAX);
    struct dentry_name name = {.text = text, .len = (uint8_t)len};
    struct dentry *dentry = dentry_alloc(inode->super, &name, inode);

    if (dentry == NULL) {
        inode_put(inode);
    }
    return dentry;
}

/* ---- References --------------------------------------------------------------------------------------- */

void dentry_get(struct dentry *dentry)
{
    refcount_get(&dentry->refs);
}

void dentry_put(struct dentry *dentry)
{
    /* The last reference is never the cache's, so what goes here is in no list. */
    while (dentry != NULL && refcount_put(&dentry->refs)) {
        dentry = dentry_free(dentry);
    }
}

struct dentry *dentry_get_parent(struct dentry *dentry)
{
    struct dentry *parent;

    spin_lock(&tree_lock);
    parent = dentry->parent;
    refcount_get(&parent->refs);
    spin_unlock(&tree_lock);
    return parent;
}

/* ---- The hash ----------------------------------------------------------------------------------------- */

static inline struct dentry *find_in_bucket(struct dentry_bucket *bucket, const struct dentry *parent,
                                            const struct dentry_name *name)
{
    struct dentry *dentry;

    list_for_each(dentry, &bucket->chain, hash_node) {
        if (dentry->hash == name->hash && dentry->parent == parent && dentry->name_len == name->len &&
            memcmp(dentry_text(dentry), name->text, name->len) == 0) {
            return dentry;
        }
    }
    return NULL;
}

struct dentry *dentry_lookup(struct dentry *parent, const struct dentry_name *name)
{
    struct dentry_bucket *bucket = bucket_of(parent, name->hash);
    struct dentry *dentry;

    spin_lock(&bucket->lock);
    dentry = find_in_bucket(bucket, parent, name);
    if (dentry != NULL) {
        refcount_get(&dentry->refs);
    }
    spin_unlock(&bucket->lock);
    if (dentry != NULL &&
        (atomic_load_explicit(&dentry->flags, memory_order_relaxed) & DENTRY_REFERENCED) == 0) {
        atomic_fetch_or_explicit(&dentry->flags, DENTRY_REFERENCED, memory_order_relaxed);
    }
    return dentry;
}

/* tree_lock and the bucket's lock are held. The cache's reference goes to the caller. */
static void remove_locked(struct dentry *dentry)
{
    atomic_fetch_and_explicit(&dentry->flags, ~(uint32_t)DENTRY_HASHED, memory_order_relaxed);
    list_remove(&dentry->hash_node);
    list_remove(&dentry->child_node);
    list_remove(&dentry->alias_node);
    list_remove(&dentry->lru_node);
    nr_cached--;
}

static void insert_locked(struct dentry *dentry, struct dentry_bucket *bucket)
{
    atomic_fetch_or_explicit(&dentry->flags, DENTRY_HASHED, memory_order_relaxed);
    list_push_front(&bucket->chain, &dentry->hash_node);
    list_push_back(&dentry->parent->children, &dentry->child_node);
    list_push_back(&clock_list, &dentry->lru_node);
    if (dentry->inode != NULL && inode_is(dentry->inode, S_IFDIR)) {
        list_push_back(&dentry->inode->dentries, &dentry->alias_node);
    }
    nr_cached++;
}

static bool is_cacheable(const struct super *super, const struct inode *inode)
{
    return super->name_caching == NAMES_CACHED || (super->name_caching == NAMES_POSITIVE && inode != NULL);
}

/* Put a fresh dentry (refs 1: the caller's) into the cache, unless an equal one is there. Returns what is to be used, with a
 * reference, or NULL for a directory that already has a name. *loser is to be put afterwards. */
static struct dentry *insert_or_find(struct dentry *fresh, const struct dentry_name *name, struct dentry **loser)
{
    struct dentry_bucket *bucket = bucket_of(fresh->parent, name->hash);
    struct dentry *existing;
    struct dentry *result = fresh;

    spin_lock(&tree_lock);
    spin_lock_nested(&bucket->lock);
    existing = find_in_bucket(bucket, fresh->parent, name);
    if (existing != NULL && (existing->inode != NULL || fresh->inode == NULL)) {
        refcount_get(&existing->refs);
        *loser = fresh;
        result = existing;
    } else if (fresh->inode != NULL && !list_is_empty(&fresh->inode->dentries)) {
        *loser = fresh;
        result = NULL;
    } else {
        if (existing != NULL) {
            remove_locked(existing);
            *loser = existing;
        }
        refcount_get(&fresh->refs);
        insert_locked(fresh, bucket);
    }
    spin_unlock(&bucket->lock);
    spin_unlock(&tree_lock);
    return result;
}

int dentry_add(struct dentry *parent, const struct dentry_name *name, struct inode *inode, struct dentry **out)
{
    struct dentry *fresh = dentry_alloc(parent->super, name, inode);
    struct dentry *loser = NULL;
    struct dentry *result;

    if (fresh == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    dentry_get(parent);
    fresh->parent = parent;
    if (!is_cacheable(parent->super, inode)) {
        *out = fresh;
        return 0;
    }
    result = insert_or_find(fresh, name, &loser);
    if (result == NULL) {
        int error = super_damaged(parent->super, "inode %llu: a directory with two names, the second in inode %llu",
                                  (unsigned long long)inode->number, (unsigned long long)parent->inode->number);

        dentry_put(loser);
        return error;
    }
    dentry_put(loser);
    *out = result;
    return 0;
}

/* Unhash unless somebody did. Returns whether the cache's reference is now the caller's. */
static bool unhash(struct dentry *dentry, bool only_if_unused)
{
    struct dentry_bucket *bucket;
    bool result = false;

    spin_assert_held(&tree_lock);
    if (!list_is_linked(&dentry->hash_node)) {
        return false;
    }
    bucket = bucket_of(dentry->parent, dentry->hash);
    spin_lock_nested(&bucket->lock);
    if (!only_if_unused || refcount_read(&dentry->refs) == 1) {
        remove_locked(dentry);
        result = true;
    }
    spin_unlock(&bucket->lock);
    return result;
}

void dentry_unhash(struct dentry *dentry)
{
    bool is_mine;

    spin_lock(&tree_lock);
    is_mine = unhash(dentry, false);
    spin_unlock(&tree_lock);
    if (is_mine) {
        dentry_put(dentry);
    }
}

int dentry_move(struct dentry *dentry, struct dentry *new_parent, const struct dentry_name *new_name)
{
    struct dentry_bucket *bucket;
    struct dentry *old_parent;
    char *old_long_name;
    char *long_name = NULL;

    if (!dentry_is_hashed(dentry)) {
        return 0; /* nobody finds it anyway */
    }
    if (new_name->len >= sizeof(dentry->inline_name)) {
        long_name = kstrndup(new_name->text, new_name->len, ALLOC_KERNEL);
        if (long_name == NULL) {
            dentry_unhash(dentry);
            return -ENOMEM;
        }
    }
    dentry_get(new_parent);
    spin_lock(&tree_lock);
    if (!unhash(dentry, false)) { /* the shrinker can't: the caller has a reference. A racing drop of the tree can. */
        spin_unlock(&tree_lock);
        dentry_put(new_parent);
        kfree(long_name);
        return 0;
    }
    old_parent = dentry->parent;
    old_long_name = dentry->long_name;
    bucket = bucket_of(new_parent, new_name->hash);
    spin_lock_nested(&bucket->lock);
    dentry->parent = new_parent;
    dentry->long_name = long_name;
    if (long_name == NULL) {
        memcpy(dentry->inline_name, new_name->text, new_name->len);
        dentry->inline_name[new_name->len] = '\0';
    }
    dentry->name_len = new_name->len;
    dentry->hash = new_name->hash;
    insert_locked(dentry, bucket);
    spin_unlock(&bucket->lock);
    spin_unlock(&tree_lock);
    kfree(old_long_name);
    dentry_put(old_parent);
    return 0;
}

/* ---- The tree ------------------------------------------------------------------------------------------- */

bool dentry_is_below(const struct dentry *below, const struct dentry *above)
{
    bool result = false;

    spin_lock(&tree_lock);
    for (const struct dentry *at = below;; at = at->parent) {
        if (at == above) {
            result = true;
            break;
        }
        if (at->parent == at) {
            break;
        }
    }
    spin_unlock(&tree_lock);
    return result;
}

struct dentry *dentry_step_below(struct dentry *below, const struct dentry *above)
{
    struct dentry *result = NULL;

    spin_lock(&tree_lock);
    for (struct dentry *at = below; at->parent != at; at = at->parent) {
        if (at->parent == above) {
            result = at;
            break;
        }
    }
    spin_unlock(&tree_lock);
    return result;
}

const struct dentry *dentry_prepend_path(const struct dentry *dentry, const struct dentry *stop,
                                         const struct dentry *other_stop, char *buffer, size_t *start)
{
    spin_lock_nested(&tree_lock);
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
    spin_unlock(&tree_lock);
    return dentry;
}

/* ---- Giving up entries ------------------------------------------------------------------------------------ */

static void free_disposed(struct list *disposed)
{
    while (!list_is_empty(disposed)) {
        struct dentry *dentry = list_first(disposed, struct dentry, lru_node);

        list_remove(&dentry->lru_node);
        dentry_put(dentry);
    }
}

uint64_t dentry_shrink(uint64_t nr)
{
    uint64_t nr_freed = 0;
    uint64_t nr_looks;
    struct list disposed;

    list_init(&disposed);
    spin_lock(&tree_lock);
    nr_looks = 2 * nr_cached;
    for (; nr_freed < nr && nr_looks > 0 && !list_is_empty(&clock_list); nr_looks--) {
        struct dentry *dentry = list_first(&clock_list, struct dentry, lru_node);
        uint32_t old =
            atomic_fetch_and_explicit(&dentry->flags, ~(uint32_t)DENTRY_REFERENCED, memory_order_relaxed);

        if ((old & DENTRY_REFERENCED) == 0 && unhash(dentry, true)) {
            list_push_back(&disposed, &dentry->lru_node);
            nr_freed++;
        } else {
            list_remove(&dentry->lru_node);
            list_push_back(&clock_list, &dentry->lru_node);
        }
        if (nr_looks % 128 == 0) { /* let lookups of other harts in between */
            spin_unlock(&tree_lock);
            free_disposed(&disposed);
            spin_lock(&tree_lock);
        }
    }
    spin_unlock(&tree_lock);
    free_disposed(&disposed);
    return nr_freed;
}

void dentry_drop_children(struct dentry *dir)
{
    struct list disposed;
    struct dentry *child;
    struct dentry *next;

    list_init(&disposed);
    spin_lock(&tree_lock);
    list_for_each_safe(child, next, &dir->children, child_node) {
        if (unhash(child, true)) {
            list_push_back(&disposed, &child->lru_node);
        }
    }
    spin_unlock(&tree_lock);
    free_disposed(&disposed);
}

void dentry_drop_tree(struct dentry *root)
{
    /* Depth first: go down while there are children; unhash leaves, used or not. Only the root's reference is ours. */
    spin_lock(&tree_lock);
    for (;;) {
        struct dentry *at = root;

        while (!list_is_empty(&at->children)) {
            at = list_first(&at->children, struct dentry, child_node);
        }
        if (at == root) {
            break;
        }
        bool is_mine = unhash(at, false);

        spin_unlock(&tree_lock);
        assert(is_mine);
        dentry_put(at);
        spin_lock(&tree_lock);
    }
    list_remove(&root->alias_node);
    atomic_fetch_and_explicit(&root->flags, ~(uint32_t)DENTRY_HASHED, memory_order_relaxed);
    spin_unlock(&tree_lock);
    dentry_put(root);
}
