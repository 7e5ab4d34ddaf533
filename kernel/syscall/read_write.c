// SPDX-License-Identifier: MIT
/* read, write and their relatives; lseek.
 *
 * Each call makes an iter of what the user gave, and hands it to the VFS. Two things are done here because they are the
 * process's business: RLIMIT_FSIZE (a write that begins at the limit gets SIGXFSZ and EFBIG, one that crosses it is cut), and
 * SIGPIPE for a write that nobody will read. */
#include "fs/vfs/file.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/resource.h"
#include "kernel/abi/uio.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_write.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

#define RW_MAX_BYTES  0x7ffff000ul /* what Linux moves at most in one call */
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

    if (likely(limit == ABI_RLIM_INFINITY) || !inode_is(file->inode, S_IFREG) ||
        iter->remaining_bytes == 0) {
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

int64_t syscall_write_file(struct file *file, struct iter *iter, uint64_t *position)
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
static int64_t transfer(uint64_t fd, struct iter *iter, uint64_t *position,
                        enum direction direction)
{
    bool is_counted;
    struct file *file;
    int64_t result = fd_begin((int)fd, &file, &is_counted);

    if (result != 0) {
        return result;
    }
    if (position != NULL && !file_can_seek(file)) {
        result = (direction == READING ? file->can_read : file->can_write) ? -ESPIPE : -EBADF;
    } else {
        result = direction == READING ? vfs_read(file, iter, position)
                                      : syscall_write_file(file, iter, position);
    }
    fd_end(file, is_counted);
    return result;
}

static int64_t transfer_buffer(const struct syscall_args *args, uint64_t *position,
                               enum direction direction)
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

static int64_t transfer_vector(const struct syscall_args *args, uint64_t *position,
                               enum direction direction)
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
