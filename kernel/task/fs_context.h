// SPDX-License-Identifier: MIT
/* Where a task stands in the tree of files: its root, its current directory, its umask. Shared
 * by threads (CLONE_FS), copied by fork. */
#ifndef CAIRN_TASK_FS_CONTEXT_H
#define CAIRN_TASK_FS_CONTEXT_H

#include "fs/vfs/path.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/spinlock.h"

struct fs_context {
    struct refcount refs;
    struct spinlock lock; /* LOCK_RANK_FS_CONTEXT */
    struct path root;     /* [lock] */
    struct path cwd;      /* [lock] */
    uint32_t umask;       /* [a] */
};

#define TASK_AT_FDCWD (-100)

/** Fill in who walks, from where, for the running task and a call of the *at family.
 *  @dirfd: an open directory, or TASK_AT_FDCWD; not looked at when name is absolute.
 *  @name: may be NULL (then dirfd is always used).
 *  Returns 0 with references in context (give them back by task_walk_context_put), or -EBADF.
 *  Whether dirfd is a directory is the walk's to find. Context: any task. */
int must_check task_walk_context(int dirfd, const char *name, struct walk_context *context);
void task_walk_context_put(struct walk_context *context);

/** chdir, chroot: a further reference is taken. umask returns the old one. */
void task_set_cwd(const struct path *path);
void task_set_root(const struct path *path);
void task_get_root(struct path *path); /* with references */
void task_get_cwd(struct path *path);
uint32_t task_set_umask(uint32_t umask);

/* ---- Whole contexts -------------------------------------------------------------------------- */

/** A context at root with the usual umask. NULL when memory is short. */
struct fs_context *must_check fs_context_create(const struct path *root);
struct fs_context *must_check fs_context_copy(struct fs_context *from);
void fs_context_get(struct fs_context *context);
void fs_context_put(struct fs_context *context); /* may sleep */

#endif
