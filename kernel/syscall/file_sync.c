// SPDX-License-Identifier: MIT
/* One file and its pages: fsync and its relatives, and hints about what will be read. */
#include "fs/cache/mapping.h"
#include "fs/vfs/file.h"
#include "fs/vfs/special.h"
#include "kernel/abi/fcntl.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fd_table.h"

static int64_t sync_file(uint64_t fd, bool is_datasync)
{
    struct file *file;
    int64_t result = fd_get((int)fd, &file);

    if (result == 0) {
        result = vfs_fsync(file, 0, INT64_MAX, is_datasync);
        file_put(file);
    }
    return result;
}

int64_t sys_fsync(const struct syscall_args *args)
{
    return sync_file(args->a[0], false);
}

int64_t sys_fdatasync(const struct syscall_args *args)
{
    return sync_file(args->a[0], true);
}

/* A file for hints about its content, or an error: -EBADF, -ESPIPE. */
static int get_regular(uint64_t fd, struct file **out)
{
    struct file *file;
    int error = fd_get((int)fd, &file);

    if (error != 0) {
        return error;
    }
    if ((file->flags & O_PATH) != 0) {
        error = -EBADF;
    } else if (inode_is(file->inode, S_IFIFO)) {
        error = -ESPIPE;
    }
    if (error != 0) {
        file_put(file);
        return error;
    }
    *out = file;
    return 0;
}

/* Who only wants the writing begun gets more of it than he asked for; who waits waits for his range alone. */
static int sync_range(struct mapping *mapping, uint64_t first, uint64_t last, unsigned flags)
{
    if ((flags & (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER)) != 0) {
        return mapping_write_and_wait(mapping, first, last);
    }
    if ((flags & SYNC_FILE_RANGE_WRITE) != 0) {
        ssize_t result = mapping_start_write(mapping, UINT64_MAX);

        return result < 0 ? (int)result : 0;
    }
    return 0;
}

int64_t sys_sync_file_range(const struct syscall_args *args)
{
    uint64_t first = args->a[1];
    uint64_t last = args->a[2] != 0 ? first + args->a[2] - 1 : INT64_MAX;
    struct file *file;
    int64_t result;

    if ((int64_t)first < 0 || (int64_t)args->a[2] < 0 || (int64_t)last < (int64_t)first ||
        (args->a[3] & ~7ull) != 0) {
        return -EINVAL;
    }
    result = get_regular(args->a[0], &file);
    if (result == 0) {
        struct mapping *mapping = file_mapping(file);

        if (mapping != NULL) {
            result = sync_range(mapping, first >> PAGE_SHIFT, last >> PAGE_SHIFT,
                                (unsigned)args->a[3]);
        } else if (!inode_is(file->inode, S_IFDIR)) {
            result = -ESPIPE;
        }
        file_put(file);
    }
    return result;
}

/* Begin to read what will be wanted. */
static void read_ahead(struct file *file, uint64_t offset, uint64_t len)
{
    uint64_t size = inode_size(file->inode);

    if (!inode_is(file->inode, S_IFREG) || offset >= size) {
        return;
    }
    len = len == 0 || len > size - offset ? size - offset : len;
    mapping_read_ahead(&file->inode->mapping, offset >> PAGE_SHIFT,
                       ((offset + len + PAGE_MASK) >> PAGE_SHIFT) - (offset >> PAGE_SHIFT));
}

/* The whole pages of a range are not wanted any more. */
static void forget(struct file *file, uint64_t offset, uint64_t len)
{
    uint64_t end = len == 0 || offset + len < offset ? INT64_MAX : offset + len;
    uint64_t first = (offset + PAGE_MASK) >> PAGE_SHIFT;

    if (end >= inode_size(file->inode)) {
        end = align_up(end, PAGE_SIZE);
    }
    if (inode_is(file->inode, S_IFREG) && first < end >> PAGE_SHIFT) {
        mapping_drop_range(&file->inode->mapping, first, (end >> PAGE_SHIFT) - 1);
    }
}

/* Advice changes speed and nothing else, so what is not known here is taken. */
static void advise(struct file *file, uint64_t offset, uint64_t len, uint64_t advice)
{
    switch (advice) {
    case POSIX_FADV_NORMAL:
    case POSIX_FADV_SEQUENTIAL: file->readahead.is_random = false; break;
    case POSIX_FADV_RANDOM: file->readahead.is_random = true; break;
    case POSIX_FADV_WILLNEED: read_ahead(file, offset, len); break;
    case POSIX_FADV_DONTNEED: forget(file, offset, len); break;
    default: break;
    }
}

int64_t sys_readahead(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result != 0) {
        return result;
    }
    if (!file->can_read) {
        result = -EBADF;
    } else if (!inode_is(file->inode, S_IFREG) && !inode_is(file->inode, S_IFBLK)) {
        result = -EINVAL;
    } else {
        read_ahead(file, args->a[1], args->a[2]);
    }
    file_put(file);
    return result;
}

int64_t sys_fadvise64(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = get_regular(args->a[0], &file);

    if (result != 0) {
        return result;
    }
    if ((int64_t)args->a[2] < 0 || args->a[3] > POSIX_FADV_NOREUSE) {
        result = -EINVAL;
    } else {
        advise(file, args->a[1], args->a[2], args->a[3]);
    }
    file_put(file);
    return result;
}
