// SPDX-License-Identifier: MIT
/* stat, statx and access. */
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/task.h"

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

/* ---- stat ------------------------------------------------------------------------------------------------------------- */

static int64_t put_stat(const struct kstat *kstat, uint64_t address)
{
    struct abi_stat stat = {
        .st_dev = kstat->dev,
        .st_ino = kstat->ino,
        .st_mode = kstat->mode,
        .st_nlink = kstat->nr_links,
        .st_uid = kstat->uid,
        .st_gid = kstat->gid,
        .st_rdev = kstat->rdev,
        .st_size = (int64_t)kstat->size_bytes,
        .st_blksize = (int32_t)kstat->block_size_bytes,
        .st_blocks = (int64_t)kstat->nr_sectors,
        .st_atime_sec = kstat->atime.sec,
        .st_atime_nsec = kstat->atime.nsec,
        .st_mtime_sec = kstat->mtime.sec,
        .st_mtime_nsec = kstat->mtime.nsec,
        .st_ctime_sec = kstat->ctime.sec,
        .st_ctime_nsec = kstat->ctime.nsec,
    };

    return copy_to_user(address, &stat, sizeof(stat));
}

static int stat_fd(uint64_t fd, struct kstat *kstat)
{
    bool is_counted;
    struct file *file;
    int error = fd_begin((int)fd, &file, &is_counted);

    if (error == 0) {
        error = vfs_stat_inode(file->inode, kstat);
        fd_end(file, is_counted);
    }
    return error;
}

/* stat by name, or of dirfd itself where flags and an empty name say so (which may be a file in no tree). */
static int stat_at(uint64_t dirfd, uint64_t name, uint64_t flags, struct kstat *kstat)
{
    struct path path;
    struct at at;
    char first;
    int error;

    if ((flags & AT_EMPTY_PATH) != 0 && (int)dirfd != AT_FDCWD &&
        (name == 0 || (copy_from_user(&first, name, 1) == 0 && first == '\0'))) {
        return stat_fd(dirfd, kstat);
    }
    error = at_walk(&at, dirfd, name, (flags & AT_SYMLINK_NOFOLLOW) == 0,
                    (flags & AT_EMPTY_PATH) != 0, &path);
    if (error == 0) {
        error = vfs_stat(&path, kstat);
        path_put(&path);
        at_end(&at);
    }
    return error;
}

int64_t sys_newfstatat(const struct syscall_args *args)
{
    struct kstat kstat;
    int64_t result;

    if ((args->a[3] & ~(uint64_t)STAT_FLAGS) != 0) {
        return -EINVAL;
    }
    result = stat_at(args->a[0], args->a[1], args->a[3], &kstat);
    return result == 0 ? put_stat(&kstat, args->a[2]) : result;
}

int64_t sys_fstat(const struct syscall_args *args)
{
    struct kstat kstat;
    int64_t result = stat_fd(args->a[0], &kstat);

    return result == 0 ? put_stat(&kstat, args->a[1]) : result;
}

static uint32_t major_of(uint64_t dev)
{
    return (uint32_t)(dev >> 8 & 0xfff);
}

static uint32_t minor_of(uint64_t dev)
{
    return (uint32_t)((dev & 0xff) | (dev >> 12 & 0xfff00));
}

static struct abi_statx_time statx_time(struct timespec64 time)
{
    return (struct abi_statx_time){.tv_sec = time.sec, .tv_nsec = time.nsec};
}

int64_t sys_statx(const struct syscall_args *args)
{
    struct kstat kstat;
    int64_t result;

    if ((args->a[2] & ~(uint64_t)(STAT_FLAGS | AT_STATX_SYNC_TYPE)) != 0 ||
        (args->a[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
        (args->a[3] & STATX_RESERVED) != 0) {
        return -EINVAL;
    }
    result = stat_at(args->a[0], args->a[1], args->a[2], &kstat);
    if (result != 0) {
        return result;
    }
    struct abi_statx statx = {
        .stx_mask = STATX_BASIC_STATS | (kstat.btime.sec != 0 ? STATX_BTIME : 0),
        .stx_blksize = kstat.block_size_bytes,
        .stx_nlink = kstat.nr_links,
        .stx_uid = kstat.uid,
        .stx_gid = kstat.gid,
        .stx_mode = (uint16_t)kstat.mode,
        .stx_ino = kstat.ino,
        .stx_size = kstat.size_bytes,
        .stx_blocks = kstat.nr_sectors,
        .stx_atime = statx_time(kstat.atime),
        .stx_btime = statx_time(kstat.btime),
        .stx_ctime = statx_time(kstat.ctime),
        .stx_mtime = statx_time(kstat.mtime),
        .stx_rdev_major = major_of(kstat.rdev),
        .stx_rdev_minor = minor_of(kstat.rdev),
        .stx_dev_major = major_of(kstat.dev),
        .stx_dev_minor = minor_of(kstat.dev),
    };

    return copy_to_user(args->a[4], &statx, sizeof(statx));
}

/* ---- access ------------------------------------------------------------------------------------------------------------ */

static int64_t access_at(const struct syscall_args *args, uint64_t flags)
{
    struct cred real = task_current()->cred;
    struct path path;
    struct at at;
    int64_t result;

    if ((args->a[2] & ~7ull) != 0 ||
        (flags & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) {
        return -EINVAL;
    }
    result = at_begin(&at, args->a[0], args->a[1]);
    if (result != 0) {
        return result;
    }
    if ((flags & AT_EACCESS) == 0) { /* what the user may do, not what the set-id program may */
        real.fsuid = real.uid;
        real.fsgid = real.gid;
        at.context.cred = &real;
    }
    result = path_walk(&at.context, at.name,
                       ((flags & AT_SYMLINK_NOFOLLOW) == 0 ? WALK_FOLLOW : 0u) |
                           ((flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY_OK : 0u),
                       &path);
    if (result == 0) {
        result = args->a[2] != F_OK ? vfs_access(&at.context, &path, (unsigned)args->a[2]) : 0;
        path_put(&path);
    }
    at_end(&at);
    return result;
}

int64_t sys_faccessat(const struct syscall_args *args)
{
    return access_at(args, 0);
}

int64_t sys_faccessat2(const struct syscall_args *args)
{
    return access_at(args, args->a[3]);
}
