// SPDX-License-Identifier: MIT
/* Open files: what descriptors point to.
 *
 * A file is shared by every descriptor that dup(2) or fork(2) made of the one that open(2) gave;
 * the last file_put() ends it. It stands at a path (which keeps mount, dentry and inode alive)
 * or, when it has no name (pipes), holds its inode itself.
 *
 * A file that is open for writing counts in inode->nr_writers (execve refuses such a program,
 * and counts negative while it runs it) and in super->nr_write_opens (a remount to read-only
 * refuses then). To close the gap between "is it read-only?" and "count me", the count comes
 * first, then the look: either we see the new flag, or the remount sees us. */
#include "fs/vfs/file_internal.h"
#include "fs/vfs/dentry.h"
#include "fs/vfs/flock.h"
#include "fs/vfs/mount.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/string.h"
#include "mm/slab.h"

/* Far above what the machine's descriptors can use sensibly; it only keeps a runaway from taking
 * all memory. */
#define FILE_MAX 65536

static _Atomic int32_t nr_files; /* [a] */

SLAB_CACHE(file_cache, struct file, NULL);

int file_alloc(uint32_t flags, const struct cred *cred, struct file **out)
{
    uint32_t mode = flags & O_ACCMODE;
    struct file *file;

    if (atomic_fetch_add_explicit(&nr_files, 1, memory_order_relaxed) >= FILE_MAX) {
        atomic_fetch_sub_explicit(&nr_files, 1, memory_order_relaxed);
        return -ENFILE;
    }
    file = slab_alloc(&file_cache, ALLOC_KERNEL);
    if (file == NULL) {
        atomic_fetch_sub_explicit(&nr_files, 1, memory_order_relaxed);
        return -ENOMEM;
    }
    refcount_init(&file->refs, 1);
    file->path = (struct path){NULL, NULL};
    file->inode = NULL;
    file->ops = NULL;
    file->flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    file->can_read = (flags & O_PATH) == 0 && (mode == O_RDONLY || mode == O_RDWR);
    file->can_write = (flags & O_PATH) == 0 && (mode == O_WRONLY || mode == O_RDWR);
    mutex_init(&file->position_lock, LOCK_RANK_FILE_POS, "file position");
    file->position = 0;
    file->cred = *cred;
    file->error_seq = 0;
    file->readahead = (struct readahead){0};
    file->owner = 0;
    file->private_data = NULL;
    file->device = NULL;
    *out = file;
    return 0;
}

void file_free(struct file *file)
{
    slab_free(&file_cache, file);
    atomic_fetch_sub_explicit(&nr_files, 1, memory_order_relaxed);
}

int file_new(struct inode *inode, const struct file_ops *ops, uint32_t flags, struct file **out)
{
    struct file *file;
    int error = file_alloc(flags, &cred_kernel, &file);

    if (error != 0) {
        return error;
    }
    file->inode = inode;
    file->ops = ops;
    *out = file;
    return 0;
}

void file_get(struct file *file)
{
    refcount_get(&file->refs);
}

/* Whether opening it counted as writing: see vfs_open(). */
static bool counts_as_writer(const struct file *file)
{
    return file->can_write && file->path.mount != NULL && inode_is(file->inode, S_IFREG);
}

void file_put(struct file *file)
{
    if (!refcount_put(&file->refs)) {
        return;
    }
    if (file->ops->release != NULL) {
        file->ops->release(file);
    }
    if (!list_is_empty(&file->inode->locks)) {
        flock_drop_file(file);
    }
    if (counts_as_writer(file)) {
        inode_end_writes(file->inode);
    }
    if (file->path.dentry != NULL) {
        path_put(&file->path);
    } else {
        inode_put(file->inode);
    }
    file_free(file);
}

/* ---- Writers against programs ---------------------------------------------------------------- */

int inode_begin_writes(struct inode *inode)
{
    int32_t nr = atomic_load_explicit(&inode->nr_writers, memory_order_relaxed);

    do {
        if (nr < 0) {
            return -ETXTBSY;
        }
    } while (!atomic_compare_exchange_weak_explicit(&inode->nr_writers, &nr, nr + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    atomic_fetch_add_explicit(&inode->super->nr_write_opens, 1, memory_order_seq_cst);
    if ((__atomic_load_n(&inode->super->flags, __ATOMIC_SEQ_CST) & SUPER_RDONLY) != 0) {
        inode_end_writes(inode);
        return -EROFS;
    }
    return 0;
}

void inode_end_writes(struct inode *inode)
{
    atomic_fetch_sub_explicit(&inode->super->nr_write_opens, 1, memory_order_release);
    atomic_fetch_sub_explicit(&inode->nr_writers, 1, memory_order_release);
}

int inode_deny_writes(struct inode *inode)
{
    int32_t nr = atomic_load_explicit(&inode->nr_writers, memory_order_relaxed);

    do {
        if (nr > 0) {
            return -ETXTBSY;
        }
    } while (!atomic_compare_exchange_weak_explicit(&inode->nr_writers, &nr, nr - 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return 0;
}

void inode_allow_writes(struct inode *inode)
{
    atomic_fetch_add_explicit(&inode->nr_writers, 1, memory_order_release);
}

int inode_pin_names(struct inode *inode)
{
    int error = 0;

    rwlock_write_lock(&inode->lock);
    if (inode->nr_links == 0) {
        error = -ENOENT;
    } else {
        inode->has_pinned_names = true;
    }
    rwlock_write_unlock(&inode->lock);
    return error;
}

void inode_unpin_names(struct inode *inode)
{
    rwlock_write_lock(&inode->lock);
    inode->has_pinned_names = false;
    rwlock_write_unlock(&inode->lock);
}

/* ---- Small calls on open files --------------------------------------------------------------- */

void file_touch_accessed(struct file *file)
{
    if ((file->flags & O_NOATIME) == 0) {
        inode_touch_accessed(file->inode, mount_flags(file->path.mount, file->inode->super));
    }
}

int vfs_readdir(struct file *file, struct dir_context *context)
{
    struct inode *inode = file->inode;
    int error;

    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    if (file->ops->readdir == NULL) {
        return -ENOTDIR;
    }
    mutex_lock(&file->position_lock);
    context->position = file->position;
    rwlock_read_lock(&inode->lock);
    error = inode->nr_links != 0 ? file->ops->readdir(file, context) : -ENOENT;
    rwlock_read_unlock(&inode->lock);
    file->position = context->position;
    mutex_unlock(&file->position_lock);
    if (error == 0) {
        file_touch_accessed(file);
    }
    return error;
}

int vfs_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync)
{
    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    return file->ops->fsync != NULL ? file->ops->fsync(file, first, last, is_datasync) : -EINVAL;
}
