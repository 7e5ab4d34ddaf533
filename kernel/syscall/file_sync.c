// SPDX-License-Identifier: MIT
/* One file and its pages: fsync and its relatives, and hints about what will be read. */
#include "fs/cache/mapping.h"
#include "fs/vfs/file.h"
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
        if (inode_is(file->inode, S_IFREG)) {
            result = mapping_write_and_wait(&file->inode->mapping, first >> PAGE_SHIFT,
                                            last >> PAGE_SHIFT);
        } else if (!inode_is(file->inode, S_IFBLK) && !inode_is(file->inode, S_IFDIR)) {
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
    uint64_t nr_pages;
    struct page *page;

    if (!inode_is(file->inode, S_IFREG) || offset >= size) {
        return;
    }
    len = len == 0 || len > size - offset ? size - offset : len;
    nr_pages = ((offset + len + PAGE_MASK) >> PAGE_SHIFT) - (offset >> PAGE_SHIFT);
    if (mapping_read(&file->inode->mapping, offset >> PAGE_SHIFT, (unsigned)min_of(nr_pages, 64ull),
                     &page) == 0) {
        page_put(page);
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
    } else if (args->a[3] == POSIX_FADV_WILLNEED) {
        read_ahead(file, args->a[1], args->a[2]);
    } else if (args->a[3] == POSIX_FADV_DONTNEED && inode_is(file->inode, S_IFREG)) {
        mapping_drop_clean(&file->inode->mapping);
    }
    file_put(file);
    return result;
}
