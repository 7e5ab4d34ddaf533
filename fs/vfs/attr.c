// SPDX-License-Identifier: MIT
/* Attributes: stat, access, chmod, chown, utimens, truncate, and who may change what.
 *
 * The owner changes mode and times; only root gives a file away; the owner may hand it to a
 * group that he is in. Setting both times to now needs no more than write permission. A change
 * of owner takes set-id bits from what is no directory, and so does a change of content by
 * anybody but root. Every change sets ctime.
 *
 * Locks. Changes hold inode->lock for writing; reading takes the times under inode->state_lock
 * and the rest as it is. */
#include "fs/vfs/file_internal.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/names.h"
#include "fs/vfs/super.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"

/* ---- Reading --------------------------------------------------------------------------------- */

int vfs_stat_inode(struct inode *inode, struct kstat *stat)
{
    if (inode->ops->getattr != NULL) {
        int error = inode->ops->getattr(inode);

        if (error != 0) {
            return error;
        }
    }
    stat->dev = inode->super->dev_number;
    stat->ino = inode->number;
    stat->rdev = inode->dev_number;
    stat->size_bytes = inode_size(inode);
    stat->mode = inode->mode;
    stat->nr_links = inode->nr_links;
    stat->block_size_bytes = inode->super->block_size_bytes;
    stat->uid = inode->uid;
    stat->gid = inode->gid;
    spin_lock(&inode->state_lock);
    stat->nr_sectors = inode->nr_sectors;
    stat->atime = inode->atime;
    stat->mtime = inode->mtime;
    stat->ctime = inode->ctime;
    stat->btime = inode->btime;
    spin_unlock(&inode->state_lock);
    return 0;
}

int vfs_stat(const struct path *path, struct kstat *stat)
{
    return vfs_stat_inode(path->dentry->inode, stat);
}

int vfs_access(const struct walk_context *context, const struct path *path, unsigned access)
{
    struct inode *inode = path->dentry->inode;
    uint32_t type = inode->mode & S_IFMT;

    if ((access & ACCESS_EXEC) != 0 && type == S_IFREG &&
        (mount_flags(path->mount, inode->super) & SUPER_NOEXEC) != 0) {
        return -EACCES;
    }
    if ((access & ACCESS_WRITE) != 0 && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)) {
        int error = path_check_writable(path);

        if (error != 0) {
            return error;
        }
    }
    return walk_permission(inode, context->cred, access);
}

ssize_t vfs_readlink(const struct path *path, char *buffer, size_t size_bytes)
{
    struct inode *inode = path->dentry->inode;
    ssize_t len;

    if (!inode_is(inode, S_IFLNK) || inode->ops->readlink == NULL) {
        return -EINVAL;
    }
    len = inode->ops->readlink(inode, buffer, size_bytes);
    if (len >= 0) {
        inode_touch_accessed(inode, mount_flags(path->mount, inode->super));
    }
    return len;
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* Whether cred may make this change. */
static int check_change(struct inode *inode, const struct attr_change *change,
                        const struct cred *cred)
{
    bool is_owner = cred->fsuid == inode->uid;
    uint32_t valid = change->valid;

    if (cred_is_root(cred)) {
        return 0;
    }
    if ((valid & ATTR_UID) != 0 && (!is_owner || change->uid != inode->uid)) {
        return -EPERM;
    }
    if ((valid & ATTR_GID) != 0 &&
        (!is_owner || (change->gid != inode->gid && !cred_in_group(cred, change->gid)))) {
        return -EPERM;
    }
    if ((valid & ATTR_MODE) != 0 && !is_owner) {
        return -EPERM;
    }
    if ((valid & ATTR_TIMES_NOW) != 0 && !is_owner) {
        return walk_permission(inode, cred, ACCESS_WRITE);
    }
    if ((valid & (ATTR_ATIME | ATTR_MTIME)) != 0 && !is_owner) {
        return -EPERM;
    }
    return 0;
}

/* What follows from the change besides what was asked for. */
static void complete_change(struct inode *inode, struct attr_change *change,
                            const struct cred *cred)
{
    struct timespec64 now = inode_now(inode->super);

    if ((change->valid & ATTR_TIMES_NOW) != 0) {
        change->valid = (change->valid & ~(uint32_t)ATTR_TIMES_NOW) | ATTR_ATIME | ATTR_MTIME;
        change->atime = now;
        change->mtime = now;
    }
    if ((change->valid & ATTR_MODE) != 0) {
        gid_t gid = (change->valid & ATTR_GID) != 0 ? change->gid : inode->gid;

        if (!cred_is_root(cred) && !cred_in_group(cred, gid)) {
            change->mode &= ~(uint32_t)S_ISGID;
        }
    } else if ((change->valid & (ATTR_UID | ATTR_GID)) != 0 && !inode_is(inode, S_IFDIR)) {
        uint32_t kept = inode->mode & ~(uint32_t)S_ISUID;

        if ((kept & 0010) != 0) {
            kept &= ~(uint32_t)S_ISGID;
        }
        if (kept != inode->mode) {
            change->valid |= ATTR_MODE;
            change->mode = kept & 07777;
        }
    }
    change->valid |= ATTR_CTIME;
    change->ctime = now;
}

static int setattr(struct inode *inode, struct attr_change *change, const struct cred *cred)
{
    int error;

    if ((change->valid & ATTR_MODE) != 0 && inode_is(inode, S_IFLNK)) {
        return -EOPNOTSUPP;
    }
    rwlock_write_lock(&inode->lock);
    error = check_change(inode, change, cred);
    if (error == 0) {
        complete_change(inode, change, cred);
        if (inode->ops->setattr != NULL) {
            error = inode->ops->setattr(inode, change);
        } else {
            inode_store_attr(inode, change);
        }
    }
    rwlock_write_unlock(&inode->lock);
    return error;
}

int vfs_setattr(const struct path *path, struct attr_change *change, const struct cred *cred)
{
    int error = path_begin_change(path);

    if (error == 0) {
        error = setattr(path->dentry->inode, change, cred);
        path_end_change(path);
    }
    return error;
}

int vfs_setattr_file(struct file *file, struct attr_change *change, const struct cred *cred)
{
    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    return file->path.dentry != NULL ? vfs_setattr(&file->path, change, cred)
                                     : setattr(file->inode, change, cred);
}

/* ---- Size ------------------------------------------------------------------------------------ */

int inode_resize(struct inode *inode, uint64_t size_bytes, const struct cred *cred)
{
    uint64_t old_size = inode_size(inode);
    struct attr_change change = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME,
                                 .size_bytes = size_bytes};
    int error = 0;

    if (size_bytes > inode->super->max_file_bytes) {
        return -EFBIG;
    }
    change.mtime = inode_now(inode->super);
    change.ctime = change.mtime;
    if ((inode->mode & (S_ISUID | S_ISGID)) != 0 && !cred_is_root(cred)) {
        change.valid |= ATTR_MODE;
        change.mode = inode->mode & 07777 &
                      ~(uint32_t)(S_ISUID | ((inode->mode & 0010) != 0 ? S_ISGID : 0));
    }
    if (size_bytes < old_size) {
        mapping_cut_begin(&inode->mapping, size_bytes);
    } else if (size_bytes > old_size) {
        error = mapping_zero_rest(&inode->mapping, old_size);
        if (error != 0) {
            return error;
        }
    }
    if (inode->ops->setattr != NULL) {
        error = inode->ops->setattr(inode, &change);
    } else {
        inode_set_size(inode, size_bytes);
        inode_store_attr(inode, &change);
    }
    if (size_bytes < old_size) {
        mapping_cut_end(&inode->mapping);
    } else if (inode_size(inode) > old_size) {
        mapping_extended(&inode->mapping, old_size);
    }
    return error;
}

static int resize(struct inode *inode, uint64_t size_bytes, const struct cred *cred)
{
    int error = super_begin_change(inode->super);

    if (error != 0) {
        return error;
    }
    rwlock_write_lock(&inode->lock);
    error = inode_resize(inode, size_bytes, cred);
    rwlock_write_unlock(&inode->lock);
    super_end_change(inode->super);
    return error;
}

int vfs_truncate(const struct path *path, uint64_t size_bytes, const struct cred *cred)
{
    struct inode *inode = path->dentry->inode;
    int error;

    if (!inode_is(inode, S_IFREG)) {
        return inode_is(inode, S_IFDIR) ? -EISDIR : -EINVAL;
    }
    error = path_check_writable(path);
    if (error == 0) {
        error = walk_permission(inode, cred, ACCESS_WRITE);
    }
    if (error == 0) {
        error = inode_begin_writes(inode);
    }
    if (error != 0) {
        return error;
    }
    error = resize(inode, size_bytes, cred);
    inode_end_writes(inode);
    return error;
}

int vfs_truncate_file(struct file *file, uint64_t size_bytes)
{
    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    if (!file->can_write || !inode_is(file->inode, S_IFREG)) {
        return -EINVAL;
    }
    return resize(file->inode, size_bytes, &file->cred);
}
