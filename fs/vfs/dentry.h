// SPDX-License-Identifier: MIT
/* The cache of directory entries. Theory in dentry.c. */
#ifndef CAIRN_FS_VFS_DENTRY_H
#define CAIRN_FS_VFS_DENTRY_H

#include "fs/vfs/path.h"

enum dentry_flags {
    DENTRY_HASHED = 1u << 0,      /* can be found by name; the cache holds a reference */
    DENTRY_REFERENCED = 1u << 1,  /* used since the shrinker last looked */
    DENTRY_MOUNT_POINT = 1u << 2, /* something is mounted on it: changed under the mount lock */
};

struct dentry_name {
    const char *text; /* not terminated */
    uint8_t len;
    uint32_t hash; /* of the text alone */
};

/** The root of a file system; takes a reference of its own to the inode. NULL when memory is
 *  short. */
struct dentry *must_check dentry_new_root(struct super *super, struct inode *inode);

/** A dentry in no tree, whose name path_name() shows as it stands ("/memfd:x (deleted)"); takes
 *  over the inode reference, also on failure. NULL when memory is short. */
struct dentry *must_check dentry_new_anonymous(struct inode *inode, const char *name);

/** The cached entry, with a reference; maybe negative. NULL: nothing is known. Context: any
 *  task. */
struct dentry *dentry_lookup(struct dentry *parent, const struct dentry_name *name);

/** Remember what a name stands for (inode NULL: nothing). Takes over the inode reference, also
 *  on failure. A negative entry of that name gives way to a positive one; otherwise one that is
 *  already there wins. The parent's inode->lock is held, so the answer can't be stale. Returns 0
 *  with a reference, -ENOMEM, or -EUCLEAN when a directory turns up under a second name. */
int must_check dentry_add(struct dentry *parent, const struct dentry_name *name,
                          struct inode *inode, struct dentry **dentry);

/** An entry that nobody can find yet, for a name that is about to be made: what can fail for want
 *  of memory comes before the file system changes. NULL: there is none. It ends in
 *  dentry_add_reserved(), with the same name, or is given back by dentry_put(). */
struct dentry *must_check dentry_reserve(struct dentry *parent, const struct dentry_name *name);

/** As dentry_add(), with an entry that was reserved, and is taken over; never -ENOMEM. */
int must_check dentry_add_reserved(struct dentry *fresh, const struct dentry_name *name,
                                   struct inode *inode, struct dentry **dentry);

/** The name is gone (unlinked, replaced): it will not be found any more. The parent's
 *  inode->lock is held for writing. */
void dentry_unhash(struct dentry *dentry);

/** The name has moved. Both directories are locked for writing. Returns 0 or -ENOMEM, with the
 *  entry then unhashed. */
int must_check dentry_move(struct dentry *dentry, struct dentry *new_parent,
                           const struct dentry_name *new_name);

/** Two names have changed places. Both directories are locked for writing. */
void dentry_exchange(struct dentry *a, struct dentry *b);

void dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry); /* may sleep; NULL is ignored */

/** The parent, with a reference. */
struct dentry *dentry_get_parent(struct dentry *dentry);

/** Whether `below` is `above` or lies under it. super->rename_lock is held, so the tree stands
 *  still. */
bool dentry_is_below(const struct dentry *below, const struct dentry *above);

/** The first step of `below` under `above`, both in one tree, below != above: for the lock order
 *  of renames. NULL: not below. */
struct dentry *dentry_step_below(struct dentry *below, const struct dentry *above);

/** The file system ends: forget all its cached names, the root itself too. Returns when every one is
 *  gone, also those that the shrinker has in hand. Nobody but the cache uses them. May sleep. */
void dentry_drop_tree(struct dentry *root);

/** Give up about nr unused entries. Returns how many. Context: may sleep. */
uint64_t dentry_shrink(uint64_t nr);

/** Forget the unused entries below a directory that was removed. */
void dentry_drop_children(struct dentry *dir);

/** Write the names from below a stop (either of two, or a root) down to `dentry`, "/a/b", ending
 *  at buffer[*start], which moves down. For path_name(), under the mount lock. Returns the stop,
 *  or NULL when the buffer is too small. */
const struct dentry *dentry_prepend_path(const struct dentry *dentry, const struct dentry *stop,
                                         const struct dentry *other_stop, char *buffer,
                                         size_t *start);

/** Whether it can still be reached by name (not unlinked). */
static inline bool dentry_is_hashed(const struct dentry *dentry)
{
    return (atomic_load_explicit(&dentry->flags, memory_order_relaxed) & DENTRY_HASHED) != 0;
}

uint32_t dentry_hash(const char *text, size_t len);

#endif
