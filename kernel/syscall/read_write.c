// SPDX-License-Identifier: MIT
/* read, write and their relatives; lseek; copies between files; syncing one file.
 *
 * Each call makes an iter of what the user gave, and hands it to the VFS. Two things are done here because they are the
 * process's business: RLIMIT_FSIZE (a write that begins at the limit gets SIGXFSZ and EFBIG, one that crosses it is cut), and
 * SIGPIPE for a write that nobody will read. */
#include "fs/cache/mapping.h"
#include "fs/vfs/file.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/resource.h"
#include "kernel/abi/uio.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_limit.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

#define RW_MAX_BYTES 0x7ffff000ul /* what Linux moves at most in one call */
#define FAST_SEGMENTS 8u

enum direction { READING, WRITING };

/* ---- Limits and signals ------------------------------------------------------------------------------------------ */

int file_limit_check(uint64_t size_bytes)
{
    if (size_bytes > task_rlimit(ABI_RLIMIT_FSIZE)) {
        task_signal_self(ABI_SIGXFSZ);
        return -EFBIG;
    }
    return 0;
}

/* Cut a write to RLIMIT_FSIZE. Returns the bytes cut off, or -EFBIG. */
static int64_t cut_to_limit(struct file *file, struct iter *iter, const uint64_t *position)
{
    uint64_t limit = task_rlimit(ABI_RLIMIT_FSIZE);
    uint64_t start;
    uint64_t cut;

    if (likely(limit == ABI_RLIM_INFINITY) || !inode_is(file->inode, S_IFREG) || iter->remaining_bytes == 0) {
        return 0;
    }
    start = position != NULL ? *position : file->position;
    if ((file->flags & O_APPEND) != 0) {
        start = inode_size(file->inode);
    }
    if (start >= limit) {
        task_signal_self(ABI_SIGXFSZ);
        return -EFBIG;
    }
    cut = iter->remaining_bytes - min_of(iter->remaining_bytes, limit - start);
    iter->remaining_bytes -= cut;
    return (int64_t)cut;
}

static int64_t write_file(struct file *file, struct iter *iter, uint64_t *position)
{
    int64_t result = cut_to_limit(file, iter, position);

    if (result >= 0) {
        result = vfs_write(file, iter, position);
    }
    if (unlikely(result == -EPIPE)) {
        task_signal_self(ABI_SIGPIPE);
    }
    return result;
}

/* One transfer on a descriptor; position NULL: at its own offset. */
static int64_t transfer(uint64_t fd, struct iter *iter, uint64_t *position, enum direction direction)
{
    struct file *file;
    int64_t result = fd_get((int)fd, &file);

    if (result != 0) {
        return result;
    }
    if (position != NULL && !file_can_seek(file)) {
        result = (direction == READING ? file->can_read : file->can_write) ? -ESPIPE : -EBADF;
    } else {
        result = direction == READING ? vfs_read(file, iter, position) : write_file(file, iter, position);
    }
    file_put(file);
    return result;
}

static int64_t transfer_buffer(const struct syscall_args *args, uint64_t *position, enum direction direction)
{
    struct iter iter;

    if ((int64_t)args->a[2] < 0) {
        return -EINVAL;
    }
    iter_init_user(&iter, user_ptr(args->a[1]), min_of(args->a[2], RW_MAX_BYTES));
    return transfer(args->a[0], &iter, position, direction);
}

int64_t sys_read(const struct syscall_args *args)
{
    return transfer_buffer(args, NULL, READING);
}

int64_t sys_write(const struct syscall_args *args)
{
    return transfer_buffer(args, NULL, WRITING);
}

int64_t sys_pread64(const struct syscall_args *args)
{
    uint64_t position = args->a[3];

    return (int64_t)position < 0 ? -EINVAL : transfer_buffer(args, &position, READING);
}

int64_t sys_pwrite64(const struct syscall_args *args)
{
    uint64_t position = args->a[3];

    return (int64_t)position < 0 ? -EINVAL : transfer_buffer(args, &position, WRITING);
}

/* ---- Vectors -------------------------------------------------------------------------------------------------------- */

_Static_assert(sizeof(struct abi_iovec) == sizeof(struct iter_segment), "read in place");

/* Read and check the vector: total length below SSIZE_MAX, cut to RW_MAX_BYTES. */
static int load_vector(uint64_t vector, uint64_t nr, struct iter_segment *segments)
{
    uint64_t left = RW_MAX_BYTES;

    if (copy_from_user(segments, vector, nr * sizeof(*segments)) != 0) {
        return -EFAULT;
    }
    for (uint64_t i = 0; i < nr; i++) {
        if ((int64_t)segments[i].len_bytes < 0) {
            return -EINVAL;
        }
        segments[i].len_bytes = min_of(segments[i].len_bytes, left);
        left -= segments[i].len_bytes;
    }
    return 0;
}

static int64_t transfer_vector(const struct syscall_args *args, uint64_t *position, enum direction direction)
{
    struct iter_segment fast[FAST_SEGMENTS];
    struct iter_segment *segments = fast;
    uint64_t nr = args->a[2];
    struct iter iter;
    int64_t result;

    if (nr > UIO_MAXIOV) {
        return -EINVAL;
    }
    if (nr > FAST_SEGMENTS) {
        segments = kmalloc(nr * sizeof(*segments), ALLOC_KERNEL);
        if (segments == NULL) {
            return -ENOMEM;
        }
    }
    result = load_vector(args->a[1], nr, segments);
    if (result == 0) {
        iter_init_vector(&iter, segments, (unsigned)nr, true);
        result = transfer(args->a[0], &iter, position, direction);
    }
    if (segments != fast) {
        kfree(segments);
    }
    return result;
}

int64_t sys_readv(const struct syscall_args *args)
{
    return transfer_vector(args, NULL, READING);
}

int64_t sys_writev(const struct syscall_args *args)
{
    return transfer_vector(args, NULL, WRITING);
}

int64_t sys_preadv(const struct syscall_args *args)
{
    uint64_t position = args->a[3];

    return (int64_t)position < 0 ? -EINVAL : transfer_vector(args, &position, READING);
}

int64_t sys_pwritev(const struct syscall_args *args)
{
    uint64_t position = args->a[3];

    return (int64_t)position < 0 ? -EINVAL : transfer_vector(args, &position, WRITING);
}

/* The flags that ask for no more than what is always done are accepted; those that would change something are not. */
static int64_t transfer_vector2(const struct syscall_args *args, enum direction direction)
{
    uint64_t position = args->a[3];

    if ((args->a[5] & ~(uint64_t)RWF_HIPRI) != 0) {
        return -EOPNOTSUPP;
    }
    if ((int64_t)position == -1) {
        return transfer_vector(args, NULL, direction);
    }
    return (int64_t)position < 0 ? -EINVAL : transfer_vector(args, &position, direction);
}

int64_t sys_preadv2(const struct syscall_args *args)
{
    return transfer_vector2(args, READING);
}

int64_t sys_pwritev2(const struct syscall_args *args)
{
    return transfer_vector2(args, WRITING);
}

int64_t sys_lseek(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result == 0) {
        result = vfs_seek(file, (int64_t)args->a[1], (int)args->a[2]);
        file_put(file);
    }
    return result;
}

/* ---- Syncing a file ---------------------------------------------------------------------------------------------------- */

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
            result = mapping_write_and_wait(&file->inode->mapping, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
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
    if (mapping_read(&file->inode->mapping, offset >> PAGE_SHIFT, (unsigned)min_of(nr_pages, 64ull), &page) == 0) {
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

/* ---- From file to file --------------------------------------------------------------------------------------------------- */

#define COPY_BUFFER_BYTES (4 * PAGE_SIZE)

/* Move up to len bytes through a buffer. Positions NULL: the file's own offset. What was read and could not be written is given back
 * to the source by going back. Returns bytes, or the error that kept the first from being moved. */
static int64_t copy_between(struct file *in, uint64_t *in_position, struct file *out, uint64_t *out_position, uint64_t len)
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
        result = write_file(out, &iter, out_position);
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
    } else if ((!inode_is(in->inode, S_IFREG) && !inode_is(in->inode, S_IFBLK)) || (out->flags & O_APPEND) != 0 ||
               (int64_t)args->a[3] < 0) {
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
static bool ranges_meet(const struct file *in, uint64_t in_offset, const struct file *out, uint64_t out_offset, uint64_t len)
{
    return in->inode == out->inode && in_offset < out_offset + len && out_offset < in_offset + len;
}

static int64_t copy_range(struct file *in, uint64_t *in_offset, struct file *out, uint64_t *out_offset, uint64_t len)
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
    if (result >= 0 && (store_offset(args->a[1], &in_offset) != 0 || store_offset(args->a[3], &out_offset) != 0)) {
        result = -EFAULT;
    }
    file_put(in);
    file_put(out);
    return result;
}
