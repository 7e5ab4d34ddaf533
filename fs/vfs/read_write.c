// SPDX-License-Identifier: MIT
/* Reading, writing, seeking.
 *
 * Where. A call without a position uses the file's own offset and moves it; two such calls on
 * one open file take position_lock, so that they move it one after the other (regular files,
 * directories and disks only: a reader of a terminal may wait for hours, and streams have no
 * offset).
 *
 * Writing a regular file takes inode->lock for writing: O_APPEND finds the end and writes there
 * in one step, and a write is atomic against other writes. Reading takes no lock: pages are
 * copied as they are.
 *
 * A write drops the set-user-id bit, and the set-group-id bit of an executable, unless root does
 * it: what a program may do must not pass to new content. RLIMIT_FSIZE is the caller's business:
 * he cuts the iter. */
#include "drivers/char.h"
#include "fs/vfs/file_internal.h"
#include "fs/vfs/special.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/string.h"

static bool has_offset(const struct file *file)
{
    uint32_t type = file->inode->mode & S_IFMT;

    return type == S_IFREG || type == S_IFDIR || type == S_IFBLK;
}

/* A transfer may not reach beyond the largest offset there is. */
static bool is_beyond(uint64_t position, const struct iter *iter)
{
    return position > INT64_MAX || iter->remaining_bytes > INT64_MAX - position;
}

ssize_t vfs_read(struct file *file, struct iter *iter, uint64_t *position)
{
    ssize_t result;

    if (unlikely(!file->can_read)) {
        return -EBADF;
    }
    if (unlikely(file->ops->read == NULL)) {
        return inode_is(file->inode, S_IFDIR) ? -EISDIR : -EINVAL;
    }
    if (position != NULL) {
        return is_beyond(*position, iter) ? -EINVAL : file->ops->read(file, iter, position);
    }
    if (!has_offset(file)) {
        return file->ops->read(file, iter, &file->position);
    }
    mutex_lock(&file->position_lock);
    result = is_beyond(file->position, iter) ? -EINVAL
                                             : file->ops->read(file, iter, &file->position);
    mutex_unlock(&file->position_lock);
    return result;
}

ssize_t vfs_write(struct file *file, struct iter *iter, uint64_t *position)
{
    ssize_t result;

    if (unlikely(!file->can_write)) {
        return -EBADF;
    }
    if (unlikely(file->ops->write == NULL)) {
        return -EINVAL;
    }
    if (position != NULL) {
        return is_beyond(*position, iter) ? -EINVAL : file->ops->write(file, iter, position);
    }
    if (!has_offset(file)) {
        return file->ops->write(file, iter, &file->position);
    }
    mutex_lock(&file->position_lock);
    result = is_beyond(file->position, iter) ? -EINVAL
                                             : file->ops->write(file, iter, &file->position);
    mutex_unlock(&file->position_lock);
    return result;
}

/* ---- Files whose data is in the page cache --------------------------------------------------- */

ssize_t generic_read(struct file *file, struct iter *iter, uint64_t *position)
{
    ssize_t result;

    bool is_direct = unlikely((file->flags & O_DIRECT) != 0);

    if (iter->remaining_bytes == 0) {
        return 0;
    }
    if (is_direct && direct_check(file->inode, iter, *position) != 0) {
        return -EINVAL;
    }
    result = mapping_read_iter(file->inode, iter, *position, &file->readahead);
    if (result > 0) {
        *position += (uint64_t)result;
        if (is_direct) {
            direct_end_read(file->inode, *position - (uint64_t)result, *position);
        }
    }
    file_touch_accessed(file);
    return result;
}

/* The mode without what a write takes away. */
static uint32_t mode_after_write(uint32_t mode)
{
    mode &= ~(uint32_t)S_ISUID;
    if ((mode & 0010) != 0) {
        mode &= ~(uint32_t)S_ISGID;
    }
    return mode;
}

int inode_drop_privileges(struct inode *inode, const struct cred *cred)
{
    struct attr_change change = {.valid = ATTR_MODE};

    if ((inode->mode & (S_ISUID | S_ISGID)) == 0 || cred_is_root(cred)) {
        return 0;
    }
    change.mode = mode_after_write(inode->mode) & 07777;
    if (change.mode == (inode->mode & 07777)) {
        return 0;
    }
    if (inode->ops->setattr != NULL) {
        return inode->ops->setattr(inode, &change);
    }
    inode_store_attr(inode, &change);
    return 0;
}

/* Whether each write of this file must be on the disk before the call returns. */
static bool is_synchronous(const struct file *file)
{
    return (file->flags & O_DSYNC) != 0 ||
           (super_flags(file->inode->super) & SUPER_SYNCHRONOUS) != 0;
}

ssize_t generic_write(struct file *file, struct iter *iter, uint64_t *position)
{
    struct inode *inode = file->inode;
    uint64_t start;
    ssize_t result = super_begin_change(inode->super);

    if (result != 0) {
        return result;
    }
    rwlock_write_lock(&inode->lock);
    start = (file->flags & O_APPEND) != 0 ? inode_size(inode) : *position;
    if (unlikely((file->flags & O_DIRECT) != 0)) {
        result = direct_check(inode, iter, start);
    }
    if (result == 0 && iter->remaining_bytes != 0) {
        result = inode_drop_privileges(inode, &file->cred);
    }
    if (result == 0 && iter->remaining_bytes != 0) {
        result = mapping_write_iter(inode, iter, start);
    }
    if (result > 0) {
        inode_touch_modified(inode);
        *position = start + (uint64_t)result;
    }
    rwlock_write_unlock(&inode->lock);
    super_end_change(inode->super);
    if (result > 0 && (file->flags & O_DIRECT) != 0) {
        int error = direct_end_write(inode, start, start + (uint64_t)result);

        if (error != 0) {
            return error;
        }
    }
    if (result > 0 && is_synchronous(file)) {
        int error = vfs_fsync(file, start, start + (uint64_t)result - 1,
                              (file->flags & O_SYNC) != O_SYNC);

        if (error != 0) {
            return error;
        }
    }
    return result;
}

int generic_mmap(struct file *file, uint32_t area_flags, struct map_object **object)
{
    *object = &file->inode->mapping.object;
    file_touch_accessed(file);
    return 0;
}

int generic_file_fsync(struct file *file, uint64_t first, uint64_t last, bool is_datasync)
{
    struct inode *inode = file->inode;
    const struct super_ops *ops = inode->super->ops;
    int error = ops->fsync != NULL ? ops->fsync(inode, first, last, is_datasync)
                                   : generic_fsync(inode, first, last, is_datasync);
    int old_error = mapping_check_error(&inode->mapping, &file->error_seq);

    return error != 0 ? error : old_error;
}

const struct file_ops generic_file_ops = {
    .read = generic_read,
    .write = generic_write,
    .fsync = generic_file_fsync,
    .mmap = generic_mmap,
};

/* ---- Seeking --------------------------------------------------------------------------------- */

bool file_can_seek(const struct file *file)
{
    const struct char_device *device = file_char_device(file);

    return file->ops->seek != no_seek && (device == NULL || !device->is_tty);
}

int64_t no_seek(struct file *file, int64_t offset, int whence)
{
    return -ESPIPE;
}

/* The next data or hole. What is no regular file is data up to its end, where the one hole is. */
static int find_edge(struct inode *inode, int64_t *offset, bool is_data)
{
    uint64_t found = (uint64_t)*offset;
    int error;

    if (*offset < 0 || found >= inode_size(inode)) {
        return -ENXIO;
    }
    if (!inode_is(inode, S_IFREG)) {
        *offset = is_data ? *offset : (int64_t)inode_size(inode);
        return 0;
    }
    rwlock_read_lock(&inode->lock);
    error = mapping_find_edge(inode, found, is_data, &found);
    rwlock_read_unlock(&inode->lock);
    if (error == 0) {
        *offset = (int64_t)found;
    }
    return error;
}

/* Where `whence` counts from, or an error. */
static int64_t seek_base(struct file *file, int64_t *offset, int whence)
{
    switch (whence) {
    case SEEK_SET: return 0;
    case SEEK_CUR: return (int64_t)file->position;
    case SEEK_END: return (int64_t)inode_size(file->inode);
    case SEEK_DATA: return find_edge(file->inode, offset, true);
    case SEEK_HOLE: return find_edge(file->inode, offset, false);
    default: return -EINVAL;
    }
}

int64_t generic_seek(struct file *file, int64_t offset, int whence)
{
    int64_t base = seek_base(file, &offset, whence);
    int64_t result;

    if (base < 0) {
        return base;
    }
    if (__builtin_add_overflow(base, offset, &result)) {
        return whence == SEEK_SET ? -EINVAL : -EOVERFLOW;
    }
    if (result < 0 ||
        (whence != SEEK_DATA && whence != SEEK_HOLE && inode_is(file->inode, S_IFREG) &&
         (uint64_t)result > file->inode->super->max_file_bytes)) {
        return -EINVAL;
    }
    file->position = (uint64_t)result;
    return result;
}

int64_t vfs_seek(struct file *file, int64_t offset, int whence)
{
    int64_t result;

    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    if (file->ops->seek != NULL && file->ops->seek == no_seek) {
        return -ESPIPE;
    }
    mutex_lock(&file->position_lock);
    result = file->ops->seek != NULL ? file->ops->seek(file, offset, whence)
                                     : generic_seek(file, offset, whence);
    mutex_unlock(&file->position_lock);
    return result;
}
