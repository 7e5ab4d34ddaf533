// SPDX-License-Identifier: MIT
/* Making and removing names: mknod, mkdir, symlink, link, unlink, rmdir; and files without one.
 *
 * Each call walks to the directory that holds (or will hold) the last name, locks it for
 * writing, and looks the name up again under the lock: what is seen then stays true until the
 * lock is given back. Checks come in the order of Linux, so that a call that fails for two
 * reasons reports the same one: read-only, lookup, permission, sticky bit, type, mount point.
 *
 * A directory that was removed while somebody stands in it has no links and takes no names
 * (ENOENT). In a sticky directory only the owner of a file, the owner of the directory and root
 * remove or rename it. A name on which something is mounted stays.
 *
 * Locks. The directory's inode->lock for writing, then (unlink, rmdir, link) that of the target:
 * parents before children. References that may delete a file from the disk are put after the
 * locks are. */
#include "fs/vfs/inode_internal.h"
#include "fs/vfs/names.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

/* ---- Rules ----------------------------------------------------------------------------------- */

int names_may_create(struct inode *dir, const struct cred *cred)
{
    if (dir->nr_links == 0) {
        return -ENOENT;
    }
    return walk_permission(dir, cred, ACCESS_WRITE | ACCESS_EXEC);
}

int names_may_delete(struct inode *dir, const struct dentry *victim, const struct cred *cred,
                     bool is_dir)
{
    struct inode *inode = victim->inode;
    int error = walk_permission(dir, cred, ACCESS_WRITE | ACCESS_EXEC);

    if (error != 0) {
        return error;
    }
    if ((dir->mode & S_ISVTX) != 0 && !cred_is_root(cred) && cred->fsuid != inode->uid &&
        cred->fsuid != dir->uid) {
        return -EPERM;
    }
    if (is_dir != inode_is(inode, S_IFDIR)) {
        return is_dir ? -ENOTDIR : -EISDIR;
    }
    if ((atomic_load_explicit(&victim->flags, memory_order_relaxed) & DENTRY_MOUNT_POINT) != 0) {
        return -EBUSY;
    }
    return dir->nr_links == 0 ? -ENOENT : 0;
}

/* Who owns what is made in dir, and what a set-group-id directory hands on. */
static void inherit(const struct inode *dir, const struct cred *cred, uint32_t *mode, gid_t *gid)
{
    *gid = cred->fsgid;
    if ((dir->mode & S_ISGID) == 0) {
        return;
    }
    *gid = dir->gid;
    if ((*mode & S_IFMT) == S_IFDIR) {
        *mode |= S_ISGID;
    } else if ((*mode & (S_ISGID | 0010)) == (S_ISGID | 0010) && !cred_is_root(cred) &&
               !cred_in_group(cred, dir->gid)) {
        *mode &= ~(uint32_t)S_ISGID;
    }
}

/* The file system has made a name, or failed to: its entry, reserved before, is used or not. */
static int add_made(struct dentry *fresh, const struct dentry_name *name, struct inode *inode,
                    int error, struct dentry **out)
{
    if (error != 0) {
        dentry_put(fresh);
        return error;
    }
    return dentry_add_reserved(fresh, name, inode, out);
}

int names_create_locked(const struct walk_context *context, struct dentry *parent,
                        const struct dentry_name *name, uint32_t mode, uint32_t dev_number,
                        struct dentry **out)
{
    struct inode *dir = parent->inode;
    struct dentry *fresh;
    struct inode *inode = NULL;
    gid_t gid;
    int error = names_may_create(dir, context->cred);

    if (error != 0) {
        return error;
    }
    fresh = dentry_reserve(parent, name);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    mode &= ~context->umask;
    inherit(dir, context->cred, &mode, &gid);
    if ((mode & S_IFMT) == S_IFDIR) {
        error = dir->ops->mkdir != NULL ? dir->ops->mkdir(dir, name->text, name->len, mode,
                                                          context->cred->fsuid, gid, &inode)
                                        : -EPERM;
    } else if (dir->ops->create == NULL) {
        error = (mode & S_IFMT) == S_IFREG ? -EACCES : -EPERM;
    } else {
        error = dir->ops->create(dir, name->text, name->len, mode, dev_number, context->cred->fsuid,
                                 gid, &inode);
    }
    return add_made(fresh, name, inode, error, out);
}

static int make_nameless(const struct walk_context *context, struct inode *dir, uint32_t mode,
                         struct inode **inode)
{
    gid_t gid;
    int error = names_may_create(dir, context->cred);

    if (error != 0) {
        return error;
    }
    if (dir->ops->tmpfile == NULL) {
        return -EOPNOTSUPP;
    }
    mode = S_IFREG | (mode & 07777 & ~context->umask);
    inherit(dir, context->cred, &mode, &gid);
    return dir->ops->tmpfile(dir, mode, context->cred->fsuid, gid, inode);
}

/* The entry is what that of a removed file is: below its directory, and not found by its name, which is made of its
 * number as on Linux. */
int names_create_nameless(const struct walk_context *context, struct dentry *dir, uint32_t mode,
                          bool is_linkable, struct dentry **out)
{
    struct dentry_name name;
    struct inode *inode;
    char text[24];
    int error;

    rwlock_read_lock(&dir->inode->lock);
    error = make_nameless(context, dir->inode, mode, &inode);
    rwlock_read_unlock(&dir->inode->lock);
    if (error != 0) {
        return error;
    }
    inode->is_linkable = is_linkable;
    inode_note_links(inode);
    name = (struct dentry_name){.text = text};
    name.len = (uint8_t)ksnprintf(text, sizeof(text), "#%llu", (unsigned long long)inode->number);
    *out = dentry_reserve(dir, &name);
    if (*out == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    (*out)->inode = inode;
    return 0;
}

/* ---- Making names ---------------------------------------------------------------------------- */

/* Walk to the directory of a name that is to be made and lock it. The name is not there:
 * otherwise -EEXIST. On success walk->path is the directory, locked for writing, and a change has begun; on failure
 * nothing is held but the walk itself. */
static int begin_create(struct walk *walk, const struct walk_context *context, const char *name,
                        bool is_dir)
{
    struct dentry *dentry;
    bool exists;
    int error = walk_begin(walk, context, name, false);

    if (error == 0) {
        error = walk_to_last(walk);
    }
    if (error != 0) {
        return error;
    }
    if (walk->last_type != LAST_NAME) {
        return -EEXIST;
    }
    rwlock_write_lock(&walk->path.dentry->inode->lock);
    error = walk_lookup_locked(walk->path.dentry, &walk->last, &dentry);
    if (error == 0) {
        exists = dentry->inode != NULL;
        dentry_put(dentry);
        if (exists) {
            error = -EEXIST;
        } else if (walk->has_slash && !is_dir) {
            error = -ENOENT;
        } else {
            error = path_begin_change(&walk->path);
        }
    }
    if (error != 0) {
        rwlock_write_unlock(&walk->path.dentry->inode->lock);
    }
    return error;
}

static void end_create(struct walk *walk)
{
    rwlock_write_unlock(&walk->path.dentry->inode->lock);
    path_end_change(&walk->path);
}

static int create_node(const struct walk_context *context, const char *name, uint32_t mode,
                       uint32_t dev_number)
{
    struct dentry *dentry;
    struct walk walk;
    int error = begin_create(&walk, context, name, (mode & S_IFMT) == S_IFDIR);

    if (error == 0) {
        error = names_create_locked(context, walk.path.dentry, &walk.last, mode, dev_number,
                                    &dentry);
        end_create(&walk);
        if (error == 0) {
            dentry_put(dentry);
        }
    }
    walk_end(&walk);
    return error;
}

int vfs_mknod(const struct walk_context *context, const char *name, uint32_t mode,
              uint32_t dev_number)
{
    switch (mode & S_IFMT) {
    case 0: mode |= S_IFREG; break;
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK: break;
    case S_IFCHR:
    case S_IFBLK:
        if (!cred_is_root(context->cred)) {
            return -EPERM;
        }
        break;
    case S_IFDIR: return -EPERM;
    default: return -EINVAL;
    }
    return create_node(context, name, mode & (S_IFMT | 07777), dev_number);
}

int vfs_mkdir(const struct walk_context *context, const char *name, uint32_t mode)
{
    return create_node(context, name, S_IFDIR | (mode & (0777 | S_ISVTX)), 0);
}

static int symlink_locked(const struct walk *walk, const char *target, struct dentry **out)
{
    const struct cred *cred = walk->context->cred;
    struct inode *dir = walk->path.dentry->inode;
    struct inode *inode = NULL;
    struct dentry *fresh;
    uint32_t mode = S_IFLNK | 0777;
    gid_t gid;
    int error = names_may_create(dir, cred);

    if (error != 0) {
        return error;
    }
    if (dir->ops->symlink == NULL) {
        return -EPERM;
    }
    fresh = dentry_reserve(walk->path.dentry, &walk->last);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    inherit(dir, cred, &mode, &gid);
    error = dir->ops->symlink(dir, walk->last.text, walk->last.len, target, cred->fsuid, gid,
                              &inode);
    return add_made(fresh, &walk->last, inode, error, out);
}

int vfs_symlink(const struct walk_context *context, const char *target, const char *name)
{
    struct dentry *dentry;
    struct walk walk;
    int error;

    if (target[0] == '\0') {
        return -ENOENT;
    }
    error = begin_create(&walk, context, name, false);
    if (error == 0) {
        error = symlink_locked(&walk, target, &dentry);
        end_create(&walk);
        if (error == 0) {
            dentry_put(dentry);
        }
    }
    walk_end(&walk);
    return error;
}

static int link_locked(const struct walk_context *context, struct walk *walk,
                       const struct path *old_path)
{
    struct inode *target = old_path->dentry->inode;
    struct inode *dir = walk->path.dentry->inode;
    struct dentry *dentry;
    struct dentry *fresh;
    int error;

    if (old_path->mount != walk->path.mount) {
        return -EXDEV;
    }
    error = names_may_create(dir, context->cred);
    if (error != 0) {
        return error;
    }
    if (inode_is(target, S_IFDIR) || dir->ops->link == NULL) {
        return -EPERM;
    }
    fresh = dentry_reserve(walk->path.dentry, &walk->last);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    rwlock_write_lock_nested(&target->lock);
    error = target->nr_links != 0 || target->is_linkable
                ? dir->ops->link(dir, walk->last.text, walk->last.len, target)
                : -ENOENT;
    if (error == 0) {
        target->is_linkable = false;
        inode_note_links(target);
    }
    rwlock_write_unlock(&target->lock);
    if (error == 0) {
        inode_hold(target);
    }
    error = add_made(fresh, &walk->last, target, error, &dentry);
    if (error == 0) {
        dentry_put(dentry);
    }
    return error;
}

int vfs_link(const struct path *old_path, const struct walk_context *context, const char *new_name)
{
    struct walk walk;
    int error = begin_create(&walk, context, new_name, false);

    if (error == 0) {
        error = link_locked(context, &walk, old_path);
        end_create(&walk);
    }
    walk_end(&walk);
    return error;
}

/* ---- Removing names -------------------------------------------------------------------------- */

static int remove_locked(const struct walk *walk, struct dentry *victim, bool is_dir)
{
    struct inode *dir = walk->path.dentry->inode;
    struct inode *inode = victim->inode;
    int error;

    if (inode == NULL) {
        return -ENOENT;
    }
    if (!is_dir && walk->has_slash) {
        return inode_is(inode, S_IFDIR) ? -EISDIR : -ENOTDIR;
    }
    error = names_may_delete(dir, victim, walk->context->cred, is_dir);
    if (error != 0) {
        return error;
    }
    if ((is_dir ? dir->ops->rmdir : dir->ops->unlink) == NULL) {
        return -EPERM;
    }
    rwlock_write_lock_nested(&inode->lock);
    if ((atomic_load_explicit(&victim->flags, memory_order_relaxed) & DENTRY_MOUNT_POINT) != 0) {
        error = -EBUSY; /* mounted on while we waited */
    } else if (inode->has_pinned_names) {
        error = -EPERM;
    } else if (is_dir) {
        error = dir->ops->rmdir(dir, walk->last.text, walk->last.len, inode);
    } else {
        error = dir->ops->unlink(dir, walk->last.text, walk->last.len, inode);
    }
    if (error == 0) {
        inode_note_links(inode);
        dentry_unhash(victim);
    }
    rwlock_write_unlock(&inode->lock);
    return error;
}

void names_put_removed(struct dentry *victim)
{
    struct inode *inode = victim->inode;

    inode_hold(inode);
    dentry_put(victim);
    inode_put_deleted(inode); /* the last reference deletes the file */
}

static int remove_name(struct walk *walk, bool is_dir)
{
    struct inode *dir = walk->path.dentry->inode;
    struct dentry *victim = NULL;
    int error = path_begin_change(&walk->path);

    if (error != 0) {
        return error;
    }
    rwlock_write_lock(&dir->lock);
    error = walk_lookup_locked(walk->path.dentry, &walk->last, &victim);
    if (error == 0) {
        error = remove_locked(walk, victim, is_dir);
    }
    rwlock_write_unlock(&dir->lock);
    if (error == 0 && is_dir) {
        dentry_drop_children(victim);
    }
    if (error == 0) {
        names_put_removed(victim);
    } else {
        dentry_put(victim);
    }
    path_end_change(&walk->path);
    return error;
}

int vfs_unlink(const struct walk_context *context, const char *name)
{
    struct walk walk;
    int error = walk_begin(&walk, context, name, false);

    if (error == 0) {
        error = walk_to_last(&walk);
    }
    if (error == 0) {
        error = walk.last_type == LAST_NAME ? remove_name(&walk, false) : -EISDIR;
    }
    walk_end(&walk);
    return error;
}

int vfs_rmdir(const struct walk_context *context, const char *name)
{
    static const int refusals[] = {
        [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_NONE] = -EBUSY};
    struct walk walk;
    int error = walk_begin(&walk, context, name, false);

    if (error == 0) {
        error = walk_to_last(&walk);
    }
    if (error == 0) {
        error = walk.last_type == LAST_NAME ? remove_name(&walk, true) : refusals[walk.last_type];
    }
    walk_end(&walk);
    return error;
}
