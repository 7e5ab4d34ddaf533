// SPDX-License-Identifier: MIT
/* Mounts: which file system stands where. Theory in mount.c. */
#ifndef CAIRN_FS_VFS_MOUNT_H
#define CAIRN_FS_VFS_MOUNT_H

#include "fs/vfs/path.h"

struct mount {
    /* the tree, children, files, directories that somebody stands in, walkers */
    struct refcount refs;
    struct super *super;    /* [I] with a reference */
    struct dentry *root;    /* [I] what of it is seen here, with a reference */
    char *source;           /* [I] as mount(2) was told, for /proc/mounts */
    uint32_t id;            /* [I] */
    _Atomic uint32_t flags; /* [a] MOUNT_OWN_FLAGS */
    struct mount *parent;   /* [mount_lock] with a reference; NULL: the root, or detached */
    struct dentry *point;   /* [mount_lock] the place in parent, with a reference */
    uint32_t nr_children;   /* [mount_lock] */
    struct list hash_node;  /* [mount_lock] by (parent, point) */
    struct list node;       /* [mount_lock] all attached mounts, parents before children */
};

void mount_get(struct mount *mount);
void mount_put(struct mount *mount); /* may sleep; NULL is ignored */

/** If something is mounted on the path, go into it (and on, if something is mounted on that).
 *  References move along. */
void mount_cross_down(struct path *path);

/** From the root of a mount to the place it is mounted on. Returns false at the top. References
 *  move along. */
bool mount_cross_up(struct path *path);

/** The attached mount after prev (NULL: the first), with a reference; prev's is given back.
 *  NULL: no more. */
struct mount *mount_next(struct mount *prev);

/** The id of the mount that it stands on; its own at the top. */
uint32_t mount_parent_id(const struct mount *mount);

/** Flags in force: the mount's own and its file system's. Of SUPER_NOATIME and SUPER_RELATIME one
 *  is set, or, where each access counts, none. mount may be NULL. */
uint32_t mount_flags(const struct mount *mount, const struct super *super);

#endif
