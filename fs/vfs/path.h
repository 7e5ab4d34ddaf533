// SPDX-License-Identifier: MIT
/* Names: directory entries, mounts, and the one path walk. Theory in path.c. */
#ifndef CAIRN_FS_VFS_PATH_H
#define CAIRN_FS_VFS_PATH_H

#include "fs/vfs/cred.h"
#include "kernel/base/list.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/spinlock.h"

struct inode;
struct mount;
struct super;

struct dentry { /* one name in one directory; inode NULL: known not to exist */
    struct refcount refs;
    struct spinlock lock;        /* LOCK_RANK_DENTRY */
    struct dentry *parent;       /* [tree lock of dentry.c]; itself for a root */
    struct inode *inode;         /* [lock] */
    struct super *super;         /* [I] */
    struct list hash_node;       /* [bucket] */
    struct list child_node;      /* [parent->lock] */
    struct list children;        /* [lock] */
    struct list alias_node;      /* [inode->state_lock] */
    struct list lru_node;        /* [lru] */
    uint32_t flags;              /* [lock] unhashed, is a mount point, … */
    uint32_t hash;               /* [bucket] */
    uint8_t name_len;            /* [bucket] */
    char inline_name[40];        /* [bucket] */
    char *long_name;             /* [bucket] NULL, or the allocated name when it is longer */
};

struct path { /* a place in the tree of mounts */
    struct mount *mount;
    struct dentry *dentry;
};

void path_get(const struct path *path);
void path_put(const struct path *path);

/* Who walks, from where: passed to every call that takes a path. */
struct walk_context {
    struct path root;        /* borrowed from the caller for the call */
    struct path cwd;         /* where relative paths begin: cwd or an open directory */
    const struct cred *cred;
    uint32_t umask;
};

enum walk_flags {
    WALK_FOLLOW = 1u << 0,     /* follow a symlink in the last place */
    WALK_DIRECTORY = 1u << 1,  /* the result must be a directory */
    WALK_EMPTY_OK = 1u << 2,   /* "" means the starting place itself (AT_EMPTY_PATH) */
};

/** Walk to what a path names. Returns 0 and a path with references, or -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, … */
int must_check path_walk(const struct walk_context *context, const char *name, unsigned flags, struct path *result);

/** The absolute name of a path as seen from root. Returns its length or -ENAMETOOLONG; "(unreachable)…" as Linux does. */
ssize_t must_check path_name(const struct path *path, const struct path *root, char *buffer, size_t size_bytes);

#endif
