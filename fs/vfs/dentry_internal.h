// SPDX-License-Identifier: MIT
/* What dentry.c, dentry_tree.c and dentry_move.c share. */
#ifndef CAIRN_FS_VFS_DENTRY_INTERNAL_H
#define CAIRN_FS_VFS_DENTRY_INTERNAL_H

#include "fs/vfs/dentry.h"
#include "mm/reclaim.h"

extern struct spinlock dentry_tree_lock;
extern struct list dentry_clock;  /* [tree] all hashed dentries but roots */
extern uint64_t dentry_nr_cached; /* [tree] */
extern struct shrinker dentry_shrinker;

/** Unhash unless somebody did, or (only_if_unused) somebody uses it. dentry_tree_lock is held.
 *  Returns whether the cache's reference is now the caller's. */
bool must_check dentry_unhash_locked(struct dentry *dentry, bool only_if_unused);

/** Put a dentry that is unhashed, and has a reference for the cache to take, under its parent and name. The
 *  same lock is held. */
void dentry_rehash_locked(struct dentry *dentry);

static inline const char *dentry_text(const struct dentry *dentry)
{
    return dentry->long_name != NULL ? dentry->long_name : dentry->inline_name;
}

#endif
