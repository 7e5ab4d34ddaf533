// SPDX-License-Identifier: MIT
/* Root, current directory and umask of tasks. Locks: context->lock around the two paths;
 * references are dropped outside. */
#include "kernel/task/fs_context.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"
#include "mm/slab.h"

#define FIRST_UMASK 022

SLAB_CACHE(fs_context_cache, struct fs_context, NULL);

static struct fs_context *create_with(const struct path *root, const struct path *cwd,
                                      uint32_t umask)
{
    struct fs_context *context = slab_alloc(&fs_context_cache, ALLOC_KERNEL);

    if (context != NULL) {
        refcount_init(&context->refs, 1);
        spin_init(&context->lock, LOCK_RANK_FS_CONTEXT, "fs context");
        context->root = *root;
        context->cwd = *cwd;
        context->umask = umask;
    }
    return context;
}

struct fs_context *fs_context_create(const struct path *root)
{
    struct fs_context *context = create_with(root, root, FIRST_UMASK);

    if (context != NULL) {
        path_get(root);
        path_get(root);
    }
    return context;
}

static void get_paths(struct fs_context *context, struct path *root, struct path *cwd)
{
    spin_lock(&context->lock);
    *root = context->root;
    *cwd = context->cwd;
    path_get(root);
    path_get(cwd);
    spin_unlock(&context->lock);
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
    struct path root;
    struct path cwd;
    struct fs_context *copy;

    get_paths(from, &root, &cwd);
    copy = create_with(&root, &cwd, from->umask);
    if (copy == NULL) {
        path_put(&root);
        path_put(&cwd);
    }
    return copy;
}

void fs_context_get(struct fs_context *context)
{
    refcount_get(&context->refs);
}

void fs_context_put(struct fs_context *context)
{
    if (refcount_put(&context->refs)) {
        path_put(&context->root);
        path_put(&context->cwd);
        slab_free(&fs_context_cache, context);
    }
}

int task_walk_context(int dirfd, const char *name, struct walk_context *context)
{
    struct task *self = task_current();
    struct fs_context *fs = self->fs;
    struct file *dir;

    if (dirfd != TASK_AT_FDCWD && (name == NULL || name[0] != '/')) {
        if (fd_get(dirfd, &dir) != 0) {
            return -EBADF;
        }
        if (dir->path.mount == NULL) { /* a pipe and the like: no place in the tree */
            file_put(dir);
            return -ENOTDIR;
        }
        context->cwd = dir->path;
        path_get(&context->cwd);
        file_put(dir);
        task_get_root(&context->root);
    } else {
        get_paths(fs, &context->root, &context->cwd);
    }
    context->cred = &self->cred;
    context->umask = __atomic_load_n(&fs->umask, __ATOMIC_RELAXED);
    return 0;
}

void task_walk_context_put(struct walk_context *context)
{
    path_put(&context->root);
    path_put(&context->cwd);
}

static void replace(struct fs_context *fs, struct path *place, const struct path *path)
{
    struct path old;

    path_get(path);
    spin_lock(&fs->lock);
    old = *place;
    *place = *path;
    spin_unlock(&fs->lock);
    path_put(&old);
}

void task_set_cwd(const struct path *path)
{
    struct fs_context *fs = task_current()->fs;

    replace(fs, &fs->cwd, path);
}

void task_set_root(const struct path *path)
{
    struct fs_context *fs = task_current()->fs;

    replace(fs, &fs->root, path);
}

static void get_one(struct fs_context *fs, const struct path *place, struct path *path)
{
    spin_lock(&fs->lock);
    *path = *place;
    path_get(path);
    spin_unlock(&fs->lock);
}

void task_get_root(struct path *path)
{
    struct fs_context *fs = task_current()->fs;

    get_one(fs, &fs->root, path);
}

void task_get_cwd(struct path *path)
{
    struct fs_context *fs = task_current()->fs;

    get_one(fs, &fs->cwd, path);
}

uint32_t task_set_umask(uint32_t umask)
{
    return __atomic_exchange_n(&task_current()->fs->umask, umask & 0777u, __ATOMIC_RELAXED);
}
