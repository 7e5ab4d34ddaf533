// SPDX-License-Identifier: MIT
/* Inodes in memory: one for each file in use, found by (super block, number).
 *
 * The life of an inode:
 *
 *     NEW, made by inode_get() → in use, refs > 0 ⇄ unused, refs == 0, on the super block's LRU
 *                              → FREEING: evict_inode(), then out of the table
 *
 * The last inode_put() of an inode that still has links only moves it to the LRU: the next
 * inode_get() finds it there with all its cached pages. Without links (or without a place in the
 * table: pipes, tmpfs) it goes at once, and with it, on a disk, its blocks. A FREEING inode
 * stays in the table until it is gone from the disk, so that inode_get() of the same number
 * waits and then reads what is really there.
 *
 * Locks. super->inode_lock guards the table, the LRU and the dirty list, and the steps 0 → 1 and
 * 1 → 0 of refs of a hashed inode. NEW and FREEING change under it too. inode->state_lock
 * (inside) guards the other state bits and the times. Waiters for NEW and FREEING sleep on
 * super->inode_waitq; they are few, and each wake-up wakes them all. */
#include "fs/vfs/inode_internal.h"
#include "drivers/block.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/hash.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"
#include "mm/reclaim.h"
#include "mm/slab.h"

#define INODE_HASH_BUCKETS 1024u

SLAB_CACHE(inode_cache, struct inode, NULL);

void inode_state_set(struct inode *inode, uint32_t bits)
{
    spin_lock(&inode->state_lock);
    __atomic_store_n(&inode->state, inode->state | bits, __ATOMIC_RELEASE);
    spin_unlock(&inode->state_lock);
}

uint32_t inode_state_clear(struct inode *inode, uint32_t bits)
{
    uint32_t old;

    spin_lock(&inode->state_lock);
    old = inode->state;
    __atomic_store_n(&inode->state, old & ~bits, __ATOMIC_RELEASE);
    spin_unlock(&inode->state_lock);
    return old;
}

/* ---- Making one ------------------------------------------------------------------------------ */

void inode_init_fields(struct inode *inode)
{
    memset(inode, 0, sizeof(*inode));
    refcount_init(&inode->refs, 1);
    rwlock_init(&inode->lock, LOCK_RANK_INODE, "inode");
    spin_init(&inode->state_lock, LOCK_RANK_INODE_STATE, "inode state");
    list_init(&inode->hash_node);
    list_init(&inode->dirty_node);
    list_init(&inode->lru_node);
    list_init(&inode->dentries);
    list_init(&inode->locks);
}

static struct inode *inode_alloc(struct super *super, uint64_t number)
{
    struct inode *inode;

    if (super->ops->alloc_inode != NULL) {
        inode = super->ops->alloc_inode(super);
    } else {
        inode = slab_alloc(&inode_cache, ALLOC_KERNEL);
        if (inode != NULL) {
            inode_init_fields(inode);
        }
    }
    if (inode == NULL) {
        return NULL;
    }
    inode->super = super;
    inode->number = number;
    mapping_init(&inode->mapping, inode, super->device, NULL,
                 super->block_size_bytes != 0 ? (uint32_t)__builtin_ctz(super->block_size_bytes)
                                              : PAGE_SHIFT);
    return inode;
}

static void inode_free(struct inode *inode)
{
    if (inode->super->ops->free_inode != NULL) {
        inode->super->ops->free_inode(inode);
    } else {
        slab_free(&inode_cache, inode);
    }
}

struct inode *inode_new(struct super *super, uint64_t number)
{
    return inode_alloc(super, number);
}

/* ---- The table ------------------------------------------------------------------------------- */

static struct list *inode_bucket(struct super *super, uint64_t number)
{
    return &super->inode_hash[hash_u64(number) % INODE_HASH_BUCKETS];
}

/* Made with the first inode: pipes and procfs never need one. */
static bool table_ensure(struct super *super)
{
    struct list *table;

    if (__atomic_load_n(&super->inode_hash, __ATOMIC_ACQUIRE) != NULL) {
        return true;
    }
    table = kmalloc(INODE_HASH_BUCKETS * sizeof(*table), ALLOC_KERNEL);
    if (table == NULL) {
        return false;
    }
    for (unsigned i = 0; i < INODE_HASH_BUCKETS; i++) {
        list_init(&table[i]);
    }
    spin_lock(&super->inode_lock);
    if (super->inode_hash == NULL) {
        __atomic_store_n(&super->inode_hash, table, __ATOMIC_RELEASE);
        table = NULL;
    }
    spin_unlock(&super->inode_lock);
    kfree(table);
    return true;
}

static struct inode *table_find(struct super *super, uint64_t number)
{
    struct inode *inode;

    spin_assert_held(&super->inode_lock);
    list_for_each (inode, inode_bucket(super, number), hash_node) {
        if (inode->number == number) {
            return inode;
        }
    }
    return NULL;
}

static void table_insert(struct super *super, struct inode *inode)
{
    list_push_front(inode_bucket(super, inode->number), &inode->hash_node);
    super->nr_inodes++;
}

static void table_remove(struct super *super, struct inode *inode)
{
    if (list_is_linked(&inode->hash_node)) {
        list_remove(&inode->hash_node);
        super->nr_inodes--;
    }
}

bool inode_hold_listed(struct inode *inode)
{
    spin_assert_held(&inode->super->inode_lock);
    if ((inode_state(inode) & (INODE_NEW | INODE_FREEING)) != 0) {
        return false;
    }
    if (refcount_read(&inode->refs) == 0) {
        list_remove(&inode->lru_node);
        refcount_init(&inode->refs, 1);
    } else {
        refcount_get(&inode->refs);
    }
    return true;
}

/* Whether the number's inode (if any) is no longer being freed. Called while prepared to block. */
static bool is_freed(struct super *super, uint64_t number)
{
    struct inode *inode;
    bool result;

    spin_lock(&super->inode_lock);
    inode = table_find(super, number);
    result = inode == NULL || (inode_state(inode) & INODE_FREEING) == 0;
    spin_unlock(&super->inode_lock);
    return result;
}

/* An inode in the table, found by inode_get(): wait until it is filled in. */
static int inode_wait_new(struct inode *inode)
{
    if ((inode_state(inode) & INODE_NEW) != 0) {
        waitq_wait_event(&inode->super->inode_waitq, (inode_state(inode) & INODE_NEW) == 0);
    }
    if ((inode_state(inode) & INODE_BAD) != 0) {
        inode_put(inode);
        return -EIO;
    }
    return 0;
}

int inode_get(struct super *super, uint64_t number, struct inode **out, bool *is_new)
{
    struct inode *fresh = NULL;
    struct inode *inode;
    int error;

    if (!table_ensure(super)) {
        return -ENOMEM;
    }
    for (;;) {
        spin_lock(&super->inode_lock);
        inode = table_find(super, number);
        if (inode == NULL && fresh != NULL) {
            fresh->state = INODE_NEW;
            table_insert(super, fresh);
            spin_unlock(&super->inode_lock);
            *is_new = true;
            *out = fresh;
            return 0;
        }
        if (inode == NULL) {
            spin_unlock(&super->inode_lock);
            fresh = inode_alloc(super, number);
            if (fresh == NULL) {
                return -ENOMEM;
            }
            continue;
        }
        if ((inode_state(inode) & INODE_FREEING) == 0) {
            break;
        }
        spin_unlock(&super->inode_lock);
        waitq_wait_event(&super->inode_waitq, is_freed(super, number));
    }
    if (refcount_read(&inode->refs) == 0) {
        list_remove(&inode->lru_node);
        refcount_init(&inode->refs, 1);
    } else {
        refcount_get(&inode->refs);
    }
    spin_unlock(&super->inode_lock);
    if (fresh != NULL) {
        mapping_destroy(&fresh->mapping);
        inode_free(fresh);
    }
    error = inode_wait_new(inode);
    if (error != 0) {
        return error;
    }
    *is_new = false;
    *out = inode;
    return 0;
}

void inode_hash_insert(struct inode *inode)
{
    struct super *super = inode->super;

    /* Without memory for the table the inode works all the same; it only can't be found by
     * number. */
    if (!table_ensure(super)) {
        return;
    }
    spin_lock(&super->inode_lock);
    table_insert(super, inode);
    spin_unlock(&super->inode_lock);
}

void inode_unlock_new(struct inode *inode)
{
    struct super *super = inode->super;

    spin_lock(&super->inode_lock);
    inode_state_clear(inode, INODE_NEW);
    spin_unlock(&super->inode_lock);
    waitq_wake_all(&super->inode_waitq);
}

void inode_fail_new(struct inode *inode)
{
    struct super *super = inode->super;

    spin_lock(&super->inode_lock);
    table_remove(super, inode);
    inode_state_set(inode, INODE_BAD);
    inode_state_clear(inode, INODE_NEW);
    spin_unlock(&super->inode_lock);
    waitq_wake_all(&super->inode_waitq);
    inode_put(inode);
}

/* ---- The end of one -------------------------------------------------------------------------- */

void inode_hold(struct inode *inode)
{
    refcount_get(&inode->refs);
}

void inode_note_links(struct inode *inode)
{
    bool is_unlinked = inode->nr_links == 0;
    bool was_unlinked = (inode_state(inode) & INODE_UNLINKED) != 0;

    if (is_unlinked && !was_unlinked) {
        inode_state_set(inode, INODE_UNLINKED);
        atomic_fetch_add_explicit(&inode->super->nr_unlinked, 1, memory_order_seq_cst);
    } else if (!is_unlinked && was_unlinked) {
        inode_state_clear(inode, INODE_UNLINKED);
        atomic_fetch_sub_explicit(&inode->super->nr_unlinked, 1, memory_order_seq_cst);
    }
}

/* FREEING is set and refs are 0: nobody else can reach it but waiters for its number. */
static void inode_evict(struct inode *inode)
{
    struct super *super = inode->super;
    bool is_bad = (inode_state(inode) & INODE_BAD) != 0;

    if (inode->nr_links == 0 && !is_bad) {
        mapping_cut_begin(&inode->mapping, 0);
    }
    if (super->ops->evict_inode != NULL && !is_bad) {
        super->ops->evict_inode(inode);
    }
    mapping_destroy(&inode->mapping);
    spin_lock(&super->inode_lock);
    inode_forget_dirty(inode);
    table_remove(super, inode);
    spin_unlock(&super->inode_lock);
    waitq_wake_all(&super->inode_waitq);
    if ((inode_state(inode) & INODE_UNLINKED) != 0) {
        atomic_fetch_sub_explicit(&super->nr_unlinked, 1, memory_order_seq_cst);
    }
    inode_free(inode);
}

/* An inode that no table, list or waiter knows of: no lock is needed to see it go. */
static void inode_put_unhashed(struct inode *inode)
{
    if (refcount_put(&inode->refs)) {
        inode_state_set(inode, INODE_FREEING);
        inode_evict(inode);
    }
}

/* inode_lock is held, and given back. */
static void put_locked(struct super *super, struct inode *inode)
{
    if (!refcount_put(&inode->refs)) {
        spin_unlock(&super->inode_lock);
        return;
    }
    if (inode->nr_links != 0 && list_is_linked(&inode->hash_node) &&
        (inode_state(inode) & INODE_BAD) == 0) {
        list_push_back(&super->unused_inodes, &inode->lru_node);
        spin_unlock(&super->inode_lock);
        return;
    }
    inode_state_set(inode, INODE_FREEING);
    spin_unlock(&super->inode_lock);
    inode_evict(inode);
}

void inode_put(struct inode *inode)
{
    if (inode == NULL || refcount_put_unless_last(&inode->refs)) {
        return;
    }
    if (inode->super->inode_hash == NULL) {
        inode_put_unhashed(inode);
        return;
    }
    spin_lock(&inode->super->inode_lock);
    put_locked(inode->super, inode);
}

void inode_put_deleted(struct inode *inode)
{
    struct super *super = inode->super;

    if (super->inode_hash == NULL) {
        inode_put(inode);
        return;
    }
    spin_lock(&super->inode_lock);
    while (atomic_load(&super->in_hand) == inode) {
        spin_unlock(&super->inode_lock);
        waitq_wait_event(&super->inode_waitq, atomic_load(&super->in_hand) != inode);
        spin_lock(&super->inode_lock);
    }
    put_locked(super, inode);
}

static void for_each_in_bucket(struct super *super, struct list *bucket,
                               void (*visit)(struct inode *inode, void *arg), void *arg)
{
    struct inode *prev = NULL;
    struct list *at;

    spin_lock(&super->inode_lock);
    for (at = bucket->next; at != bucket; at = at->next) {
        struct inode *inode = list_entry(at, struct inode, hash_node);

        if (!inode_hold_listed(inode)) {
            continue;
        }
        spin_unlock(&super->inode_lock);
        inode_put(prev);
        prev = inode; /* held: it stays in the table, so that the next one is found from it */
        visit(inode, arg);
        spin_lock(&super->inode_lock);
    }
    spin_unlock(&super->inode_lock);
    inode_put(prev);
}

void inode_for_each(struct super *super, void (*visit)(struct inode *inode, void *arg), void *arg)
{
    for (unsigned i = 0; super->inode_hash != NULL && i < INODE_HASH_BUCKETS; i++) {
        for_each_in_bucket(super, &super->inode_hash[i], visit, arg);
    }
}

/* ---- Reclaim --------------------------------------------------------------------------------- */

/* The next victim, FREEING and off the LRU, or NULL. Dirty ones and those with pages go to the
 * end of the line. */
static struct inode *pick_unused(struct super *super, uint64_t *nr_looks, bool even_dirty)
{
    struct inode *victim = NULL;

    spin_lock(&super->inode_lock);
    while (victim == NULL && *nr_looks > 0 && !list_is_empty(&super->unused_inodes)) {
        struct inode *inode = list_first(&super->unused_inodes, struct inode, lru_node);

        (*nr_looks)--;
        list_remove(&inode->lru_node);
        if (!even_dirty &&
            ((inode_state(inode) & (INODE_DIRTY | INODE_DIRTY_PAGES | INODE_SYNCING)) != 0 ||
             inode->mapping.nr_pages != 0)) {
            list_push_back(&super->unused_inodes, &inode->lru_node);
            continue;
        }
        inode_state_set(inode, INODE_FREEING);
        victim = inode;
    }
    spin_unlock(&super->inode_lock);
    return victim;
}

uint64_t inode_evict_unused(struct super *super, uint64_t nr, bool even_dirty)
{
    uint64_t nr_looks = nr > UINT64_MAX / 4 ? nr : nr * 4;
    uint64_t nr_evicted = 0;
    struct inode *inode;

    while (nr_evicted < nr && (inode = pick_unused(super, &nr_looks, even_dirty)) != NULL) {
        inode_evict(inode);
        nr_evicted++;
    }
    return nr_evicted;
}
