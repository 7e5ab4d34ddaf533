// SPDX-License-Identifier: MIT
/* open(2).
 *
 * Without O_CREAT the path is walked to its end and what stands there is opened. With it, the
 * walk stops before the last name: if that is there it is opened (a symlink is followed, and the
 * question asked again at its target), and if not it is made under its directory's lock, so that
 * of two that create one name exactly one does.
 *
 * The struct file is had before the walk begins: were it asked for after a name has been made, its failure
 * would leave a file behind that the caller was told does not exist.
 *
 * Permission is asked of what is found, never of what was just made: open(O_CREAT | O_WRONLY,
 * 0444) gives a writable descriptor of a read-only file. The order of checks is Linux's. */
#include "fs/vfs/file_internal.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/names.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"

/* Files opened with O_PATH: a place, and nothing that reads or writes. */
static const struct file_ops path_only_ops = {.seek = no_seek};

static unsigned wanted_access(uint32_t flags)
{
    static const unsigned by_mode[] = {ACCESS_READ, ACCESS_WRITE, ACCESS_READ | ACCESS_WRITE,
                                       ACCESS_READ | ACCESS_WRITE};

    return by_mode[flags & O_ACCMODE] | ((flags & O_TRUNC) != 0 ? ACCESS_WRITE : 0);
}

/* May what was found be opened so? */
static int check_open(const struct path *path, uint32_t flags, const struct cred *cred)
{
    struct inode *inode = path->dentry->inode;
    unsigned access = wanted_access(flags);
    uint32_t type = inode->mode & S_IFMT;
    int error;

    switch (type) {
    case S_IFLNK: return -ELOOP;
    case S_IFDIR:
        if ((access & ACCESS_WRITE) != 0) {
            return -EISDIR;
        }
        break;
    case S_IFCHR:
    case S_IFBLK:
        if ((mount_flags(path->mount, inode->super) & SUPER_NODEV) != 0) {
            return -EACCES;
        }
        break;
    case S_IFSOCK: return -ENXIO;
    default: break;
    }
    if ((access & ACCESS_WRITE) != 0 && type == S_IFREG) {
        error = path_check_writable(path);
        if (error != 0) {
            return error;
        }
    }
    error = walk_permission(inode, cred, access);
    if (error == 0 && (flags & O_NOATIME) != 0 && !cred_is_root(cred) &&
        cred->fsuid != inode->uid) {
        error = -EPERM;
    }
    return error;
}

static int truncate_opened(struct inode *inode, const struct cred *cred)
{
    int error;

    rwlock_write_lock(&inode->lock);
    error = inode_resize(inode, 0, cred);
    rwlock_write_unlock(&inode->lock);
    return error;
}

/* Make the fresh file one of what stands at `path`, whose references are taken over on success. */
static int open_found(const struct path *path, uint32_t flags, const struct cred *cred,
                      struct file *file)
{
    struct inode *inode = path->dentry->inode;
    bool is_regular = inode_is(inode, S_IFREG);
    bool is_writer = false;
    int error = 0;

    file->path = *path;
    file->inode = inode;
    file->ops = (flags & O_PATH) != 0 ? &path_only_ops : inode->file_ops;
    if (file->ops == NULL) {
        return -ENXIO;
    }
    if (is_regular && path->mount != NULL && (file->can_write || (flags & O_TRUNC) != 0)) {
        error = inode_begin_writes(inode);
        if (error != 0) {
            return error;
        }
        is_writer = true;
    }
    if ((flags & O_TRUNC) != 0 && is_regular) {
        error = truncate_opened(inode, cred);
    }
    if (error == 0) {
        file->error_seq = atomic_load_explicit(&inode->mapping.error_seq, memory_order_relaxed);
        error = file->ops->open != NULL ? file->ops->open(inode, file) : 0;
    }
    if (is_writer && (error != 0 || !file->can_write)) {
        inode_end_writes(inode);
    }
    return error;
}

/* Check and open what stands at path, whose references are given back on failure. */
static int open_checked(struct path *path, uint32_t flags, const struct cred *cred, bool is_created,
                        struct file *file)
{
    int error = 0;

    if ((flags & O_DIRECTORY) != 0 && !inode_is(path->dentry->inode, S_IFDIR)) {
        error = -ENOTDIR;
    } else if ((flags & O_CREAT) != 0 && inode_is(path->dentry->inode, S_IFDIR)) {
        error = -EISDIR;
    } else if (!is_created && (flags & O_PATH) == 0) {
        error = check_open(path, flags, cred);
    }
    if (error == 0) {
        error = open_found(path, flags, cred, file);
    }
    if (error != 0) {
        path_put(path);
    }
    return error;
}

static int open_existing(const struct walk_context *context, const char *name, uint32_t flags,
                         struct file *file)
{
    unsigned walk_flags = (flags & O_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW;
    struct path path;
    int error;

    error = path_walk(context, name, walk_flags, &path);
    return error != 0 ? error : open_checked(&path, flags, context->cred, false, file);
}

/* The last name, looked up, and made if it is missing. *is_created tells which. */
static int find_or_create(struct walk *walk, uint32_t flags, uint32_t mode, struct dentry **out,
                          bool *is_created)
{
    struct dentry *dir = walk->path.dentry;
    struct dentry *dentry = dentry_lookup(dir, &walk->last);
    int error;

    *is_created = false;
    if (dentry != NULL && dentry->inode != NULL) {
        *out = dentry;
        return 0;
    }
    dentry_put(dentry);
    rwlock_write_lock(&dir->inode->lock);
    error = walk_lookup_locked(dir, &walk->last, &dentry);
    if (error == 0 && dentry->inode == NULL) {
        dentry_put(dentry);
        error = path_begin_change(&walk->path);
        if (error == 0) {
            error = names_create_locked(walk->context, dir, &walk->last, S_IFREG | (mode & 07777),
                                        0, &dentry);
            *is_created = error == 0;
            path_end_change(&walk->path);
        }
    }
    rwlock_write_unlock(&dir->inode->lock);
    if (error == 0) {
        *out = dentry;
    }
    return error;
}

/* One round of open with O_CREAT, at the last name. Returns 1 to go on after a symlink. */
static int open_last(struct walk *walk, uint32_t flags, uint32_t mode, bool *is_created)
{
    struct dentry *dentry;
    int error;

    if (walk->last_type != LAST_NAME) {
        return walk->last_type == LAST_NONE && walk->nr_links != 0 ? 0 : -EISDIR;
    }
    if (walk->has_slash) {
        return -EISDIR;
    }
    error = find_or_create(walk, flags, mode, &dentry, is_created);
    if (error != 0) {
        return error;
    }
    if (!*is_created && (flags & O_EXCL) != 0) {
        dentry_put(dentry);
        return -EEXIST;
    }
    if (inode_is(dentry->inode, S_IFLNK) && (flags & O_NOFOLLOW) == 0) {
        error = walk_follow(walk, dentry);
        return error != 0 ? error : 1;
    }
    walk_step(walk, dentry);
    return 0;
}

static int open_or_create(const struct walk_context *context, const char *name, uint32_t flags,
                          uint32_t mode, struct file *file)
{
    struct walk walk;
    struct path path;
    bool is_created = false;
    int error = walk_begin(&walk, context, name, false);

    while (error == 0) {
        error = walk_to_last(&walk);
        if (error == 0) {
            error = open_last(&walk, flags, mode, &is_created);
            if (error == 0) {
                path = walk.path;
                path_get(&path);
                error = open_checked(&path, is_created ? flags & ~(uint32_t)O_TRUNC : flags,
                                     context->cred, is_created, file);
                break;
            }
            error = error == 1 ? 0 : error;
        }
    }
    walk_end(&walk);
    return error;
}

/* O_TMPFILE: name is the directory that the file would be in. */
static int open_nameless(const struct walk_context *context, const char *name, uint32_t flags,
                         uint32_t mode, struct file *file)
{
    struct dentry *dentry;
    struct path path;
    int error = path_walk(context, name, WALK_FOLLOW | WALK_DIRECTORY, &path);

    if (error != 0) {
        return error;
    }
    error = path_begin_change(&path);
    if (error == 0) {
        error = names_create_nameless(context, path.dentry, mode, (flags & O_EXCL) == 0, &dentry);
        path_end_change(&path);
    }
    if (error != 0) {
        path_put(&path);
        return error;
    }
    dentry_put(path.dentry);
    path.dentry = dentry;
    return open_checked(&path, flags & ~(uint32_t)O_TMPFILE, context->cred, true, file);
}

static int finish(struct file *file, int error, struct file **out)
{
    if (error != 0) {
        file_free(file);
        return error;
    }
    *out = file;
    return 0;
}

int vfs_open(const struct walk_context *context, const char *name, uint32_t flags, uint32_t mode,
             struct file **out)
{
    bool is_nameless;
    struct file *file;
    int error;

    if ((flags & O_PATH) != 0) {
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    }
    is_nameless = (flags & (O_TMPFILE & ~O_DIRECTORY)) != 0;
    if (is_nameless && ((flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE ||
                        (wanted_access(flags) & ACCESS_WRITE) == 0)) {
        return -EINVAL;
    }
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
        return -EINVAL;
    }
    error = file_alloc(flags, context->cred, &file);
    if (error != 0) {
        return error;
    }
    if (is_nameless) {
        error = open_nameless(context, name, flags, mode, file);
    } else if ((flags & O_CREAT) != 0) {
        error = open_or_create(context, name, flags, mode, file);
    } else {
        error = open_existing(context, name, flags, file);
    }
    return finish(file, error, out);
}

int vfs_open_path(const struct path *path, uint32_t flags, const struct cred *cred,
                  struct file **out)
{
    struct path copy = *path;
    struct file *file;
    int error = file_alloc(flags, cred, &file);

    if (error != 0) {
        return error;
    }
    path_get(&copy);
    return finish(file, open_checked(&copy, flags, cred, false, file), out);
}
