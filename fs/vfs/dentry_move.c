// SPDX-License-Identifier: MIT
/* Names that move: rename, and two names that change places.
 *
 * What stands at a name is still the same after a rename, so its dentry is kept (dentry.c): it leaves its hash
 * bucket, is given another parent and another name, and enters another bucket. All of that happens under the
 * tree lock, and while it is in no bucket nobody can find it; who looks for either name meanwhile waits for the lock
 * of its directory. */
#include "fs/vfs/dentry_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

int dentry_move(struct dentry *dentry, struct dentry *new_parent,
                const struct dentry_name *new_name)
{
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
    spin_lock(&dentry_tree_lock);
    if (!dentry_unhash_locked(
            dentry,
            /* the shrinker can't: the caller has a reference. A racing drop of the tree can. */
            false)) {
        spin_unlock(&dentry_tree_lock);
        dentry_put(new_parent);
        kfree(long_name);
        return 0;
    }
    old_parent = dentry->parent;
    old_long_name = dentry->long_name;
    dentry->parent = new_parent;
    dentry->long_name = long_name;
    if (long_name == NULL) {
        memcpy(dentry->inline_name, new_name->text, new_name->len);
        dentry->inline_name[new_name->len] = '\0';
    }
    dentry->name_len = new_name->len;
    dentry->hash = new_name->hash;
    dentry_rehash_locked(dentry);
    spin_unlock(&dentry_tree_lock);
    kfree(old_long_name);
    dentry_put(old_parent);
    return 0;
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    struct dentry *parent = a->parent;
    char *long_name = a->long_name;
    uint32_t hash = a->hash;
    uint8_t len = a->name_len;
    char text[sizeof(a->inline_name)];

    memcpy(text, a->inline_name, sizeof(text));
    memcpy(a->inline_name, b->inline_name, sizeof(text));
    memcpy(b->inline_name, text, sizeof(text));
    a->parent = b->parent;
    a->long_name = b->long_name;
    a->hash = b->hash;
    a->name_len = b->name_len;
    b->parent = parent;
    b->long_name = long_name;
    b->hash = hash;
    b->name_len = len;
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    bool has_a, has_b;

    spin_lock(&dentry_tree_lock);
    has_a = dentry_unhash_locked(a, false);
    has_b = dentry_unhash_locked(b, false);
    swap_names(a, b); /* each takes the other's reference to its parent, too */
    if (has_a) {
        dentry_rehash_locked(a);
    }
    if (has_b) {
        dentry_rehash_locked(b);
    }
    spin_unlock(&dentry_tree_lock);
}
