// SPDX-License-Identifier: MIT
/* Changing attributes: chmod, chown, utimensat, truncate, fallocate. */
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/abi/time.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_write.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"

static int64_t change_fd(uint64_t fd, struct attr_change *change)
{
    struct file *file;
    int64_t result = fd_get((int)fd, &file);

    if (result == 0) {
        result = vfs_setattr_file(file, change, &task_current()->cred);
        file_put(file);
    }
    return result;
}

static int64_t change_at(uint64_t dirfd, uint64_t name, uint64_t flags, struct attr_change *change)
{
    struct path path;
    struct at at;
    int64_t result;

    if ((flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) {
        return -EINVAL;
    }
    result = at_walk(&at, dirfd, name, (flags & AT_SYMLINK_NOFOLLOW) == 0,
                     (flags & AT_EMPTY_PATH) != 0, &path);
    if (result == 0) {
        result = vfs_setattr(&path, change, at.context.cred);
        path_put(&path);
        at_end(&at);
    }
    return result;
}

static struct attr_change mode_change(uint64_t mode)
{
    return (struct attr_change){.valid = ATTR_MODE, .mode = (uint32_t)mode & 07777};
}

int64_t sys_fchmod(const struct syscall_args *args)
{
    struct attr_change change = mode_change(args->a[1]);

    return change_fd(args->a[0], &change);
}

int64_t sys_fchmodat(const struct syscall_args *args)
{
    struct attr_change change = mode_change(args->a[2]);

    return change_at(args->a[0], args->a[1], 0, &change);
}

int64_t sys_fchmodat2(const struct syscall_args *args)
{
    struct attr_change change = mode_change(args->a[2]);

    return change_at(args->a[0], args->a[1], args->a[3], &change);
}

/* An id of -1 stays as it is. */
static struct attr_change owner_change(uint64_t uid, uint64_t gid)
{
    return (struct attr_change){.valid = ((uint32_t)uid != UINT32_MAX ? ATTR_UID : 0u) |
                                         ((uint32_t)gid != UINT32_MAX ? ATTR_GID : 0u),
                                .uid = (uid_t)uid,
                                .gid = (gid_t)gid};
}

int64_t sys_fchown(const struct syscall_args *args)
{
    struct attr_change change = owner_change(args->a[1], args->a[2]);

    return change_fd(args->a[0], &change);
}

int64_t sys_fchownat(const struct syscall_args *args)
{
    struct attr_change change = owner_change(args->a[2], args->a[3]);

    return change_at(args->a[0], args->a[1], args->a[4], &change);
}

/* One of the two times of utimensat. */
static int load_time(const struct abi_timespec *time, uint32_t bit, struct attr_change *change,
                     struct timespec64 *out)
{
    if (time->nsec == UTIME_OMIT) {
        return 0;
    }
    change->valid |= bit;
    if (time->nsec == UTIME_NOW) {
        uint64_t now_ns = port_realtime_ns();

        *out = (struct timespec64){(int64_t)(now_ns / 1000000000u),
                                   (uint32_t)(now_ns % 1000000000u)};
        return 0;
    }
    if (time->nsec < 0 || time->nsec > 999999999) {
        return -EINVAL;
    }
    *out = (struct timespec64){time->sec, (uint32_t)time->nsec};
    return 0;
}

/* Returns 0, an error, or 1: nothing is to be changed. */
static int load_times(uint64_t address, struct attr_change *change)
{
    struct abi_timespec times[2];
    int error;

    if (address == 0) {
        change->valid = ATTR_TIMES_NOW;
        return 0;
    }
    if (copy_from_user(times, address, sizeof(times)) != 0) {
        return -EFAULT;
    }
    if (times[0].nsec == UTIME_OMIT && times[1].nsec == UTIME_OMIT) {
        return 1;
    }
    if (times[0].nsec == UTIME_NOW && times[1].nsec == UTIME_NOW) {
        change->valid = ATTR_TIMES_NOW;
        return 0;
    }
    error = load_time(&times[0], ATTR_ATIME, change, &change->atime);
    return error != 0 ? error : load_time(&times[1], ATTR_MTIME, change, &change->mtime);
}

int64_t sys_utimensat(const struct syscall_args *args)
{
    struct attr_change change = {.valid = 0};
    int error = load_times(args->a[2], &change);

    if (error != 0) {
        return error < 0 ? error : 0;
    }
    if (args->a[1] == 0 && (int)args->a[0] != AT_FDCWD) {
        return args->a[3] != 0 ? -EINVAL : change_fd(args->a[0], &change);
    }
    return change_at(args->a[0], args->a[1], args->a[3], &change);
}

/* ---- Size ------------------------------------------------------------------------------------ */

int64_t sys_truncate(const struct syscall_args *args)
{
    struct path path;
    struct at at;
    int64_t result;

    if ((int64_t)args->a[1] < 0) {
        return -EINVAL;
    }
    result = at_walk(&at, (uint64_t)AT_FDCWD, args->a[0], true, false, &path);
    if (result == 0) {
        result = file_limit_check(args->a[1]);
        if (result == 0) {
            result = vfs_truncate(&path, args->a[1], at.context.cred);
        }
        path_put(&path);
        at_end(&at);
    }
    return result;
}

int64_t sys_ftruncate(const struct syscall_args *args)
{
    struct file *file;
    int64_t result;

    if ((int64_t)args->a[1] < 0) {
        return -EINVAL;
    }
    result = fd_get((int)args->a[0], &file);
    if (result == 0) {
        result = file_limit_check(args->a[1]);
        if (result == 0) {
            result = vfs_truncate_file(file, args->a[1]);
        }
        file_put(file);
    }
    return result;
}

int64_t sys_fallocate(const struct syscall_args *args)
{
    int64_t offset = (int64_t)args->a[2];
    int64_t len = (int64_t)args->a[3];
    struct file *file;
    int64_t end;
    int64_t result;

    if (offset < 0 || len <= 0) {
        return -EINVAL;
    }
    if (__builtin_add_overflow(offset, len, &end)) {
        return -EFBIG;
    }
    result = fd_get((int)args->a[0], &file);
    if (result == 0) {
        bool is_longer = inode_is(file->inode, S_IFREG) &&
                         (args->a[1] & FALLOC_FL_KEEP_SIZE) == 0 &&
                         (uint64_t)end > inode_size(file->inode);

        result = is_longer && file->can_write ? file_limit_check((uint64_t)end) : 0;
        if (result == 0) {
            result = vfs_fallocate(file, (unsigned)args->a[1], (uint64_t)offset, (uint64_t)len);
        }
        file_put(file);
    }
    return result;
}
