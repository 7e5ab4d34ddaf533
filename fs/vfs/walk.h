// SPDX-License-Identifier: MIT
/* The path walk in steps, for the calls that act on the last name of a path instead of what it
 * stands for. */
#ifndef CAIRN_FS_VFS_WALK_H
#define CAIRN_FS_VFS_WALK_H

#include "fs/vfs/dentry.h"
#include "fs/vfs/inode.h"
#include "fs/vfs/path.h"

enum walk_last {
    LAST_NAME,   /* an ordinary name: walk.last, in the directory walk.path */
    LAST_DOT,    /* "." */
    LAST_DOTDOT, /* ".." */
    LAST_NONE,   /* nothing left: the path was "/", or a magic link led to walk.path itself */
};

struct walk {
    const struct walk_context *context;
    struct path path;        /* where we are, with references */
    const char *rest;        /* what is still to be walked */
    char *buffer;            /* holds rest, once a symlink was followed */
    unsigned nr_links;       /* symlinks followed so far */
    struct dentry_name last; /* points into rest */
    enum walk_last last_type;
    bool has_slash; /* the last name had a slash behind it: it must be a directory */
};

/** Begin at root or cwd. Returns 0, -ENOENT for "" (unless allow_empty). Ends with walk_end() in
 *  every case. */
int must_check walk_begin(struct walk *walk, const struct walk_context *context, const char *name,
                          bool allow_empty);
/** Walk up to, not including, the last name. Its directory may be searched. Returns 0 or -errno. */
int must_check walk_to_last(struct walk *walk);
/** Walk all of it. */
int must_check walk_to_end(struct walk *walk, bool follow_last);
/** The last name turned out to be this symlink: follow it; then walk_to_last() again. Takes over
 *  the reference. */
int must_check walk_follow(struct walk *walk, struct dentry *link);
/** Step from walk->path to a child of it, which is not negative; goes into mounts. Takes over
 *  the reference. */
void walk_step(struct walk *walk, struct dentry *child);
void walk_end(struct walk *walk);

/** The entry of a name, from the cache or the file system; maybe negative. _locked: dir->lock is
 *  held, either way. */
int must_check walk_lookup(struct dentry *dir, const struct dentry_name *name,
                           struct dentry **dentry);
int must_check walk_lookup_locked(struct dentry *dir, const struct dentry_name *name,
                                  struct dentry **dentry);

/** Permission by the inode's own operation or its mode bits. */
static inline int must_check walk_permission(struct inode *inode, const struct cred *cred,
                                             unsigned access)
{
    if (inode->ops->permission != NULL) {
        return inode->ops->permission(inode, cred, access);
    }
    return inode_check_access(inode, cred, access);
}

/** 0, or -EROFS when content and names at this path may not be changed. */
int must_check path_check_writable(const struct path *path);

/** The same for who is about to change them; after 0 the change ends with path_end_change(). See super_begin_change(). */
int must_check path_begin_change(const struct path *path);
void path_end_change(const struct path *path);

#endif
