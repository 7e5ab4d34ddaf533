// SPDX-License-Identifier: MIT
/* What mount.c does for mount_calls.c. */
#ifndef CAIRN_FS_VFS_MOUNT_INTERNAL_H
#define CAIRN_FS_VFS_MOUNT_INTERNAL_H

#include "fs/vfs/mount.h"

#define MOUNT_OWN_FLAGS                                                                            \
    (SUPER_RDONLY | SUPER_NOSUID | SUPER_NODEV | SUPER_NOEXEC | SUPER_NOATIME | SUPER_NODIRATIME | \
     SUPER_STRICTATIME)

/** A mount that is nowhere yet. Takes over the reference to the super block, also on failure;
 *  takes one of its own to root. NULL when memory is short. */
struct mount *must_check mount_alloc(struct super *super, struct dentry *root, const char *source,
                                     uint32_t flags);

/** Put it into the tree; place NULL: as the root. The caller's reference becomes the tree's. */
void mount_attach(struct mount *mount, const struct path *place);

/** Take it out, if nobody but the tree and the caller has a reference. Returns 0 or -EBUSY. */
int must_check mount_detach(struct mount *mount);

/** Take it and everything mounted below it out, in use or not. */
void mount_detach_all(struct mount *mount);

/** Put an attached mount, which is not the root, with all that is mounted in it at another place. Returns 0, or -ELOOP
 *  when that is inside it. Caller: one change at a time; the place's inode lock. */
int must_check mount_move(struct mount *mount, const struct path *place);

#endif
