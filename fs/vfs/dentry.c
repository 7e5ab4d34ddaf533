// SPDX-License-Identifier: MIT
/* The cache of directory entries: what path walks live on.
 *
 * A dentry says "in this directory, this name is that inode", or (negative, inode NULL) "… is
 * nothing". It never changes its inode: a name that is created, removed or replaced gets a new
 * dentry, and the old one is unhashed, that is, no longer found. So whoever holds a reference
 * reads dentry->inode without any lock, and an open file keeps the very dentry it was opened by,
 * removed or not. Only a rename keeps the dentry and moves it: its parent and name change.
 *
 * References. Each dentry holds one to its parent and one to its inode. A hashed dentry has one
 * from the cache itself; so "unused" means refs == 1, and dentry_put() on the hot path is one
 * atomic subtraction. All hashed dentries but roots stand on one list that the shrinker goes
 * round as a clock: REFERENCED gives a second chance, refs > 1 is passed over, the others are
 * unhashed under their bucket's lock (where new references would be made) and freed. Children
 * pin parents, so the leaves go first.
 *
 * A directory has at most one hashed dentry. A second one can only come from a damaged disk (two
 * entries that point to one directory) and would allow loops: it is refused. Where names have
 * several spellings (NAMES_ALIASED), no inode has a second one in its directory: a lookup by
 * another spelling gives the dentry that is there, so that removing it removes them all.
 *
 * Locks. Each hash bucket has a spinlock, which is all that a lookup takes. tree_lock guards
 * parents, children, aliases and the clock; parent, name and hash change under tree_lock while the
 * dentry is in no bucket, so either is enough to read those of one that is. Order: tree_lock, then
 * one bucket. What may be cached at all is ruled by inode->lock of the directory: entries are added with it held (for reading: a
 * lookup; for writing: a change), so a negative dentry can't survive the creation of its name. */
#include "fs/vfs/dentry_internal.h"
#include "fs/vfs/inode_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/hash.h"
#include "kernel/base/once.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"
#include "mm/slab.h"

#define DENTRY_BUCKETS 2048u

struct dentry_bucket {
    struct spinlock lock;
    struct list chain; /* [lock] */
};

static struct dentry_bucket *buckets; /* [once] */
struct spinlock dentry_tree_lock = SPINLOCK_INIT(LOCK_RANK_DENTRY, "dentry tree");
struct list dentry_clock = LIST_INIT(dentry_clock); /* [tree_lock] */
uint64_t dentry_nr_cached;                          /* [tree_lock] */
static struct once dentry_once = ONCE_INIT("dentry cache", ONCE_RETRY);

SLAB_CACHE_RECLAIMABLE(dentry_cache, struct dentry, NULL);

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
    shrinker_register(&dentry_shrinker);
    return 0;
}

/* ---- Names ----------------------------------------------------------------------------------- */

uint32_t dentry_hash(const char *text, size_t len)
{
    uint32_t hash = 0x811c9dc5u; /* FNV-1a; bucket_of() mixes it */

    for (; len > 0; len--, text++) {
        hash = (hash ^ (uint8_t)*text) * 0x01000193u;
    }
    return hash;
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

static struct dentry *dentry_alloc(struct super *super, const struct dentry_name *name,
                                   struct inode *inode)
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

/* Free one that is in no list any more. Returns its parent, whose reference the caller gets;
 * NULL for a root. */
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

/* ---- References ------------------------------------------------------------------------------ */

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

    spin_lock(&dentry_tree_lock);
    parent = dentry->parent;
    refcount_get(&parent->refs);
    spin_unlock(&dentry_tree_lock);
    return parent;
}

/* ---- The hash -------------------------------------------------------------------------------- */

static inline struct dentry *find_in_bucket(struct dentry_bucket *bucket,
                                            const struct dentry *parent,
                                            const struct dentry_name *name)
{
    struct dentry *dentry;

    list_for_each (dentry, &bucket->chain, hash_node) {
        if (dentry->hash == name->hash && dentry->parent == parent &&
            dentry->name_len == name->len &&
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
    dentry_nr_cached--;
}

static void insert_locked(struct dentry *dentry, struct dentry_bucket *bucket)
{
    atomic_fetch_or_explicit(&dentry->flags, DENTRY_HASHED, memory_order_relaxed);
    list_push_front(&bucket->chain, &dentry->hash_node);
    list_push_back(&dentry->parent->children, &dentry->child_node);
    list_push_back(&dentry_clock, &dentry->lru_node);
    if (dentry->inode != NULL &&
        (inode_is(dentry->inode, S_IFDIR) || dentry->super->name_caching == NAMES_ALIASED)) {
        list_push_back(&dentry->inode->dentries, &dentry->alias_node);
    }
    dentry_nr_cached++;
}

static bool is_cacheable(const struct super *super, const struct inode *inode)
{
    switch (super->name_caching) {
    case NAMES_CACHED: return true;
    case NAMES_POSITIVE:
    case NAMES_ALIASED: return inode != NULL;
    default: return false;
    }
}

/* The dentry that the inode of a fresh one has under another spelling in the same directory, with
 * a reference; NULL: it has another name altogether. It can't be unhashed under tree_lock. */
static struct dentry *other_spelling(const struct dentry *fresh)
{
    struct dentry *alias = list_first(&fresh->inode->dentries, struct dentry, alias_node);

    spin_assert_held(&dentry_tree_lock);
    if (fresh->super->name_caching != NAMES_ALIASED || alias->parent != fresh->parent) {
        return NULL;
    }
    refcount_get(&alias->refs);
    return alias;
}

/* Put a fresh dentry (refs 1: the caller's) into the cache, unless an equal one is there.
 * Returns what is to be used, with a reference, or NULL for a directory that already has a name.
 * *loser is to be put afterwards. */
static struct dentry *insert_or_find(struct dentry *fresh, const struct dentry_name *name,
                                     struct dentry **loser)
{
    struct dentry_bucket *bucket = bucket_of(fresh->parent, name->hash);
    struct dentry *existing;
    struct dentry *result = fresh;

    spin_lock(&dentry_tree_lock);
    spin_lock_nested(&bucket->lock);
    existing = find_in_bucket(bucket, fresh->parent, name);
    if (existing != NULL && (existing->inode != NULL || fresh->inode == NULL)) {
        refcount_get(&existing->refs);
        *loser = fresh;
        result = existing;
    } else if (fresh->inode != NULL && !list_is_empty(&fresh->inode->dentries)) {
        *loser = fresh;
        result = other_spelling(fresh);
    } else {
        if (existing != NULL) {
            remove_locked(existing);
            *loser = existing;
        }
        refcount_get(&fresh->refs);
        insert_locked(fresh, bucket);
    }
    spin_unlock(&bucket->lock);
    spin_unlock(&dentry_tree_lock);
    return result;
}

struct dentry *dentry_reserve(struct dentry *parent, const struct dentry_name *name)
{
    struct dentry *fresh = dentry_alloc(parent->super, name, NULL);

    if (fresh != NULL) {
        dentry_get(parent);
        fresh->parent = parent;
    }
    return fresh;
}

int dentry_add(struct dentry *parent, const struct dentry_name *name, struct inode *inode,
               struct dentry **out)
{
    struct dentry *fresh = dentry_reserve(parent, name);

    if (fresh == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    return dentry_add_reserved(fresh, name, inode, out);
}

int dentry_add_reserved(struct dentry *fresh, const struct dentry_name *name, struct inode *inode,
                        struct dentry **out)
{
    const struct dentry *parent = fresh->parent;
    struct dentry *loser = NULL;
    struct dentry *result;

    fresh->inode = inode;
    if (!is_cacheable(parent->super, inode)) {
        *out = fresh;
        return 0;
    }
    result = insert_or_find(fresh, name, &loser);
    if (result == NULL) {
        int error = super_damaged(
            parent->super, "inode %llu: a directory with two names, the second in inode %llu",
            (unsigned long long)inode->number, (unsigned long long)parent->inode->number);

        dentry_put(loser);
        return error;
    }
    dentry_put(loser);
    *out = result;
    return 0;
}

bool dentry_unhash_locked(struct dentry *dentry, bool only_if_unused)
{
    struct dentry_bucket *bucket;
    bool result = false;

    spin_assert_held(&dentry_tree_lock);
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

    spin_lock(&dentry_tree_lock);
    is_mine = dentry_unhash_locked(dentry, false);
    spin_unlock(&dentry_tree_lock);
    if (is_mine) {
        dentry_put(dentry);
    }
}

void dentry_rehash_locked(struct dentry *dentry)
{
    struct dentry_bucket *bucket = bucket_of(dentry->parent, dentry->hash);

    spin_assert_held(&dentry_tree_lock);
    spin_lock_nested(&bucket->lock);
    insert_locked(dentry, bucket);
    spin_unlock(&bucket->lock);
}
