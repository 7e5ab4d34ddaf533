// SPDX-License-Identifier: MIT
/* Extended attributes: no file system of Cairn offers any, and this is how Linux answers then.
 *
 * Programs that copy files ask for them everywhere (cp -a, tar, Python's shutil). EOPNOTSUPP means "not here" to them, and they
 * go on; ENOSYS they take for a failure of the copy. A file without any has an empty list. Arguments are looked at first,
 * in Linux's order, so that a wrong call gets the error that it gets there. */
#include "fs/vfs/file.h"
#include "kernel/abi/fcntl.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fd_table.h"

#define XATTR_NAME_MAX       255u
#define XATTR_SIZE_MAX_BYTES 65536u
#define XATTR_CREATE         1u
#define XATTR_REPLACE        2u

enum which { OF_PATH, OF_LINK, OF_FD };

/* The file must be there: a name to be walked (no access to the file itself is needed), or a descriptor. */
static int64_t look_for_file(uint64_t file_or_name, enum which which)
{
    struct file *file;
    struct path path;
    struct at at;
    int64_t result;

    if (which == OF_FD) {
        result = fd_get((int)file_or_name, &file);
        if (result == 0) {
            result = (file->flags & O_PATH) != 0 ? -EBADF : 0;
            file_put(file);
        }
        return result;
    }
    result = at_walk(&at, (uint64_t)AT_FDCWD, file_or_name, which == OF_PATH, false, &path);
    if (result == 0) {
        path_put(&path);
        at_end(&at);
    }
    return result;
}

/* An attribute's name has 1 to 255 bytes. */
static int64_t check_name(uint64_t name)
{
    char bytes[XATTR_NAME_MAX + 1];

    for (size_t len = 0; len <= XATTR_NAME_MAX; len++) {
        if (copy_from_user(&bytes[len], name + len, 1) != 0) {
            return -EFAULT;
        }
        if (bytes[len] == '\0') {
            return len == 0 ? -ERANGE : 0;
        }
    }
    return -ERANGE;
}

static int64_t refuse(const struct syscall_args *args, enum which which)
{
    int64_t result = look_for_file(args->a[0], which);

    if (result == 0) {
        result = check_name(args->a[1]);
    }
    return result == 0 ? -EOPNOTSUPP : result;
}

static int64_t refuse_set(const struct syscall_args *args, enum which which)
{
    int64_t result = look_for_file(args->a[0], which);

    if (result == 0 && (args->a[4] & ~(uint64_t)(XATTR_CREATE | XATTR_REPLACE)) != 0) {
        result = -EINVAL;
    }
    if (result == 0) {
        result = check_name(args->a[1]);
    }
    if (result == 0 && args->a[3] > XATTR_SIZE_MAX_BYTES) {
        result = -E2BIG;
    }
    return result == 0 ? -EOPNOTSUPP : result;
}

int64_t sys_setxattr(const struct syscall_args *args)
{
    return refuse_set(args, OF_PATH);
}

int64_t sys_lsetxattr(const struct syscall_args *args)
{
    return refuse_set(args, OF_LINK);
}

int64_t sys_fsetxattr(const struct syscall_args *args)
{
    return refuse_set(args, OF_FD);
}

int64_t sys_getxattr(const struct syscall_args *args)
{
    return refuse(args, OF_PATH);
}

int64_t sys_lgetxattr(const struct syscall_args *args)
{
    return refuse(args, OF_LINK);
}

int64_t sys_fgetxattr(const struct syscall_args *args)
{
    return refuse(args, OF_FD);
}

int64_t sys_listxattr(const struct syscall_args *args)
{
    return look_for_file(args->a[0], OF_PATH);
}

int64_t sys_llistxattr(const struct syscall_args *args)
{
    return look_for_file(args->a[0], OF_LINK);
}

int64_t sys_flistxattr(const struct syscall_args *args)
{
    return look_for_file(args->a[0], OF_FD);
}

int64_t sys_removexattr(const struct syscall_args *args)
{
    return refuse(args, OF_PATH);
}

int64_t sys_lremovexattr(const struct syscall_args *args)
{
    return refuse(args, OF_LINK);
}

int64_t sys_fremovexattr(const struct syscall_args *args)
{
    return refuse(args, OF_FD);
}
