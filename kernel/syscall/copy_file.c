// SPDX-License-Identifier: MIT
/* sendfile and copy_file_range: from file to file through a buffer of the kernel's. */
#include "fs/vfs/file.h"
#include "kernel/abi/fcntl.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_write.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

#define RW_MAX_BYTES      0x7ffff000ul /* what Linux moves at most in one call */
#define COPY_BUFFER_BYTES (4 * PAGE_SIZE)

/* Move up to len bytes through a buffer. Positions NULL: the file's own offset. What was read
 * and could not be written is given back to the source by going back. Returns bytes, or the
 * error that kept the first from being moved. */
static int64_t copy_between(struct file *in, uint64_t *in_position, struct file *out,
                            uint64_t *out_position, uint64_t len)
{
    char *buffer = kmalloc(COPY_BUFFER_BYTES, ALLOC_KERNEL);
    uint64_t done = 0;
    int64_t result = 0;

    if (buffer == NULL) {
        return -ENOMEM;
    }
    while (done < len) {
        size_t piece = (size_t)min_of(len - done, COPY_BUFFER_BYTES);
        struct iter iter;
        int64_t nr_read;

        iter_init_kernel(&iter, buffer, piece);
        nr_read = vfs_read(in, &iter, in_position);
        if (nr_read <= 0) {
            result = nr_read;
            break;
        }
        iter_init_kernel(&iter, buffer, (size_t)nr_read);
        result = syscall_write_file(out, &iter, out_position);
        done += result > 0 ? (uint64_t)result : 0;
        if (result != nr_read) {
            int64_t excess = nr_read - max_of(result, (int64_t)0);

            if (in_position != NULL) {
                *in_position -= (uint64_t)excess;
            } else {
                (void)!vfs_seek(in, -excess, SEEK_CUR);
            }
            break;
        }
        if (task_has_signal()) {
            result = -ERESTARTSYS;
            break;
        }
    }
    kfree(buffer);
    return done != 0 ? (int64_t)done : result;
}

/* The optional offset of a copying call. */
static int load_offset(uint64_t address, uint64_t *offset, uint64_t **used)
{
    *used = NULL;
    if (address == 0) {
        return 0;
    }
    if (copy_from_user(offset, address, sizeof(*offset)) != 0) {
        return -EFAULT;
    }
    *used = offset;
    return (int64_t)*offset < 0 ? -EINVAL : 0;
}

static int store_offset(uint64_t address, const uint64_t *offset)
{
    return address != 0 ? copy_to_user(address, offset, sizeof(*offset)) : 0;
}

static int get_pair(uint64_t in_fd, uint64_t out_fd, struct file **in, struct file **out)
{
    int error = fd_get((int)in_fd, in);

    if (error != 0) {
        return error;
    }
    error = fd_get((int)out_fd, out);
    if (error != 0) {
        file_put(*in);
        return error;
    }
    if (!(*in)->can_read || !(*out)->can_write) {
        file_put(*in);
        file_put(*out);
        return -EBADF;
    }
    return 0;
}

int64_t sys_sendfile(const struct syscall_args *args)
{
    struct file *in;
    struct file *out;
    uint64_t offset = 0;
    uint64_t *used;
    int64_t result = load_offset(args->a[2], &offset, &used);

    if (result == 0) {
        result = get_pair(args->a[1], args->a[0], &in, &out);
    }
    if (result != 0) {
        return result;
    }
    if (used != NULL && !file_can_seek(in)) {
        result = -ESPIPE;
    } else if ((!inode_is(in->inode, S_IFREG) && !inode_is(in->inode, S_IFBLK)) ||
               (out->flags & O_APPEND) != 0 || (int64_t)args->a[3] < 0) {
        result = -EINVAL;
    } else {
        result = copy_between(in, used, out, NULL, min_of(args->a[3], RW_MAX_BYTES));
        if (result >= 0 && store_offset(args->a[2], &offset) != 0) {
            result = -EFAULT;
        }
    }
    file_put(in);
    file_put(out);
    return result;
}

/* Whether two ranges of one file overlap. */
static bool ranges_meet(const struct file *in, uint64_t in_offset, const struct file *out,
                        uint64_t out_offset, uint64_t len)
{
    return in->inode == out->inode && in_offset < out_offset + len && out_offset < in_offset + len;
}

static int64_t copy_range(struct file *in, uint64_t *in_offset, struct file *out,
                          uint64_t *out_offset, uint64_t len)
{
    uint64_t from = in_offset != NULL ? *in_offset : in->position;
    uint64_t to = out_offset != NULL ? *out_offset : out->position;

    if (inode_is(in->inode, S_IFDIR) || inode_is(out->inode, S_IFDIR)) {
        return -EISDIR;
    }
    if (!inode_is(in->inode, S_IFREG) || !inode_is(out->inode, S_IFREG)) {
        return -EINVAL;
    }
    if ((out->flags & O_APPEND) != 0) {
        return -EBADF;
    }
    len = min_of(len, RW_MAX_BYTES);
    if (from >= inode_size(in->inode)) {
        return 0;
    }
    len = min_of(len, inode_size(in->inode) - from);
    if (ranges_meet(in, from, out, to, len)) {
        return -EINVAL;
    }
    return copy_between(in, in_offset, out, out_offset, len);
}

int64_t sys_copy_file_range(const struct syscall_args *args)
{
    uint64_t in_offset = 0;
    uint64_t out_offset = 0;
    uint64_t *in_used;
    uint64_t *out_used;
    struct file *in;
    struct file *out;
    int64_t result = load_offset(args->a[1], &in_offset, &in_used);

    if (result == 0) {
        result = load_offset(args->a[3], &out_offset, &out_used);
    }
    if (result == 0 && args->a[5] != 0) {
        result = -EINVAL;
    }
    if (result == 0) {
        result = get_pair(args->a[0], args->a[2], &in, &out);
    }
    if (result != 0) {
        return result;
    }
    result = copy_range(in, in_used, out, out_used, args->a[4]);
    if (result >= 0 &&
        (store_offset(args->a[1], &in_offset) != 0 || store_offset(args->a[3], &out_offset) != 0)) {
        result = -EFAULT;
    }
    file_put(in);
    file_put(out);
    return result;
}
