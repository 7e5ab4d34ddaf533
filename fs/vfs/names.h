// SPDX-License-Identifier: MIT
/* What names.c does for open.c and rename.c: the rules for making and removing names. */
#ifndef CAIRN_FS_VFS_NAMES_H
#define CAIRN_FS_VFS_NAMES_H

#include "fs/vfs/walk.h"

/** May a name be made in this directory? Its lock is held. Returns 0, -ENOENT (it was removed),
 *  -EACCES. */
int must_check names_may_create(struct inode *dir, const struct cred *cred);

/** May this name be removed, or replaced by a directory (is_dir) or something else? The lock of
 *  dir is held. Returns 0, -ENOENT, -EACCES, -EPERM (sticky), -ENOTDIR, -EISDIR, -EBUSY
 *  (something is mounted there). */
int must_check names_may_delete(struct inode *dir, const struct dentry *victim,
                                const struct cred *cred, bool is_dir);

/** Make a file (mode has type and permissions, umask not yet applied) under a name that is not
 *  there. The lock of dir is held for writing. Returns 0 and the new entry with a reference, or
 *  -errno. */
int must_check names_create_locked(const struct walk_context *context, struct dentry *dir,
                                   const struct dentry_name *name, uint32_t mode,
                                   uint32_t dev_number, struct dentry **dentry);

/** Make a regular file without a name (mode: permissions, umask not yet applied). Returns 0 and an
 *  entry that nobody can find, with a reference; -EACCES, -EOPNOTSUPP, -ENOSPC, … Takes dir's lock.
 *  @is_linkable: it may be given a name later */
int must_check names_create_nameless(const struct walk_context *context, struct dentry *dir,
                                     uint32_t mode, bool is_linkable, struct dentry **dentry);

/** Give up the entry of a name that was removed. The file goes with it, before this returns, unless it has another name
 *  or is in use. No lock is held. */
void names_put_removed(struct dentry *victim);

/** Cut or extend a regular file, content and all. inode->lock is held for writing. */
int must_check inode_resize(struct inode *inode, uint64_t size_bytes, const struct cred *cred);

#endif
