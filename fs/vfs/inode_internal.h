// SPDX-License-Identifier: MIT
/* What inode.c, inode_dirty.c and super.c share. */
#ifndef CAIRN_FS_VFS_INODE_INTERNAL_H
#define CAIRN_FS_VFS_INODE_INTERNAL_H

#include "fs/vfs/inode.h"

/** A snapshot of the state bits; those that matter to the caller are pinned by whatever lock he
 *  holds. */
static inline uint32_t inode_state(const struct inode *inode)
{
    return __atomic_load_n(&inode->state, __ATOMIC_ACQUIRE);
}

void inode_state_set(struct inode *inode, uint32_t bits);
/** Returns what the state was. */
uint32_t inode_state_clear(struct inode *inode, uint32_t bits);

/** A reference to an inode found on a list of its super block, even if it has none.
 *  super->inode_lock is held. Returns false for one that is being freed or filled in. */
bool must_check inode_hold_listed(struct inode *inode);

/** Free unreferenced inodes of one super block: all of them, or about nr clean ones without
 *  cached pages. Returns how many. Context: may sleep. */
uint64_t inode_evict_unused(struct super *super, uint64_t nr, bool even_dirty);

/** Call visit for every inode in the table, each held meanwhile. Context: may sleep. */
void inode_for_each(struct super *super, void (*visit)(struct inode *inode, void *arg), void *arg);

/** Count an inode that has lost its last name, or has got one again, in super->nr_unlinked. Its lock
 *  is held for writing. */
void inode_note_links(struct inode *inode);

/** Take an inode off the dirty list. super->inode_lock is held. */
void inode_forget_dirty(struct inode *inode);

/* Flags of a whole file system; the others of mount(2) are each mount's own. */
#define SUPER_OWN_FLAGS ((uint32_t)(SUPER_RDONLY | SUPER_SYNCHRONOUS))

/** Whether the file system stores anything at all. */
static inline bool super_has_storage(const struct super *super)
{
    return super->device != NULL || super->ops->write_inode != NULL;
}

#endif
