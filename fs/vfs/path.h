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

/* One name in one directory; inode NULL: known not to exist. A dentry never changes its inode,
 * and holds a reference to it: who has a reference to a dentry may read `inode` with no lock.
 * Theory in dentry.c. */
struct dentry {
    struct refcount refs;
    _Atomic uint32_t flags; /* [a] enum dentry_flags */
    uint32_t hash;          /* [bucket] */
    uint8_t name_len;       /* [bucket and tree] */
    struct dentry *parent;  /* [bucket and tree] with a reference; itself for a root */
    struct inode *inode;    /* [I] */
    struct super *super;    /* [I] */
    /* [bucket and tree] NULL, or the allocated name when it is longer than inline_name */
    char *long_name;
    struct list hash_node;  /* [bucket] */
    struct list child_node; /* [tree] */
    struct list children;   /* [tree] */
    struct list alias_node; /* [tree] in inode->dentries: see there */
    struct list lru_node;   /* [tree] */
    char inline_name[40];   /* [bucket and tree] */
};

struct path { /* a place in the tree of mounts; mount NULL: an anonymous object, in no tree */
    struct mount *mount;
    struct dentry *dentry;
};

void path_get(const struct path *path);
void path_put(const struct path *path);

/* Who walks, from where: passed to every call that takes a path. */
struct walk_context {
    struct path root; /* borrowed from the caller for the call */
    struct path cwd;  /* where relative paths begin: cwd or an open directory */
    const struct cred *cred;
    uint32_t umask;
};

enum walk_flags {
    WALK_FOLLOW = 1u << 0,    /* follow a symlink in the last place */
    WALK_DIRECTORY = 1u << 1, /* the result must be a directory */
    WALK_EMPTY_OK = 1u << 2,  /* "" means the starting place itself (AT_EMPTY_PATH) */
};

/** Walk to what a path names. Returns 0 and a path with references, or -ENOENT, -ENOTDIR,
 *  -EACCES, -ELOOP, -ENAMETOOLONG, … */
int must_check path_walk(const struct walk_context *context, const char *name, unsigned flags,
                         struct path *result);

/** The absolute name of a path as seen from root. Returns its length or -ENAMETOOLONG;
 *  "(unreachable)…" as Linux does. */
ssize_t must_check path_name(const struct path *path, const struct path *root, char *buffer,
                             size_t size_bytes);

#endif
