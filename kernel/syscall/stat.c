// SPDX-License-Identifier: MIT
/* Attributes: stat and statx, access, chmod, chown, utimensat, truncate; statfs. */
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/stat.h"
#include "kernel/abi/statfs.h"
#include "kernel/abi/time.h"
#include "kernel/base/string.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_limit.h"
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
    struct file *file;
    int error = fd_get((int)fd, &file);

    if (error == 0) {
        error = vfs_stat_inode(file->inode, kstat);
        file_put(file);
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
    error = at_walk(&at, dirfd, name, (flags & AT_SYMLINK_NOFOLLOW) == 0, (flags & AT_EMPTY_PATH) != 0, &path);
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
        (args->a[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || (args->a[3] & STATX_RESERVED) != 0) {
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

    if ((args->a[2] & ~7ull) != 0 || (flags & ~(uint64_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) {
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

/* ---- Changing ------------------------------------------------------------------------------------------------------------ */

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
    result = at_walk(&at, dirfd, name, (flags & AT_SYMLINK_NOFOLLOW) == 0, (flags & AT_EMPTY_PATH) != 0, &path);
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
static int load_time(const struct abi_timespec *time, uint32_t bit, struct attr_change *change, struct timespec64 *out)
{
    if (time->nsec == UTIME_OMIT) {
        return 0;
    }
    change->valid |= bit;
    if (time->nsec == UTIME_NOW) {
        uint64_t now_ns = port_realtime_ns();

        *out = (struct timespec64){(int64_t)(now_ns / 1000000000u), (uint32_t)(now_ns % 1000000000u)};
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

/* ---- Size ------------------------------------------------------------------------------------------------------------------- */

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

/* Space is not reserved: the file is only made long enough, which is all that a program can see. */
static int64_t extend(struct file *file, uint64_t end)
{
    int64_t result;

    if (!file->can_write) {
        return -EBADF;
    }
    if (inode_is(file->inode, S_IFIFO)) {
        return -ESPIPE;
    }
    if (!inode_is(file->inode, S_IFREG)) {
        return -ENODEV;
    }
    if (end <= inode_size(file->inode)) {
        return 0;
    }
    result = file_limit_check(end);
    return result == 0 ? vfs_truncate_file(file, end) : result;
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
        result = args->a[1] != 0 ? -EOPNOTSUPP : extend(file, (uint64_t)end);
        file_put(file);
    }
    return result;
}

/* ---- File systems ------------------------------------------------------------------------------------------------------------- */

static int64_t put_statfs(const struct path *path, uint64_t address)
{
    struct super_stats stats;
    struct abi_statfs statfs;
    uint32_t flags;
    int64_t result = vfs_statfs(path, &stats, &flags);

    if (result != 0) {
        return result;
    }
    statfs = (struct abi_statfs){
        .f_type = (int64_t)stats.type_magic,
        .f_bsize = (int64_t)stats.block_size_bytes,
        .f_blocks = stats.nr_blocks,
        .f_bfree = stats.nr_free,
        .f_bavail = stats.nr_available,
        .f_files = stats.nr_inodes,
        .f_ffree = stats.nr_inodes_free,
        .f_fsid = {(int32_t)stats.fsid, (int32_t)(stats.fsid >> 32)},
        .f_namelen = stats.name_max,
        .f_frsize = (int64_t)stats.block_size_bytes,
        .f_flags = (int64_t)flags | ST_VALID,
    };
    return copy_to_user(address, &statfs, sizeof(statfs));
}

int64_t sys_statfs(const struct syscall_args *args)
{
    struct path path;
    struct at at;
    int64_t result = at_walk(&at, (uint64_t)AT_FDCWD, args->a[0], true, false, &path);

    if (result == 0) {
        result = put_statfs(&path, args->a[1]);
        path_put(&path);
        at_end(&at);
    }
    return result;
}

int64_t sys_fstatfs(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result != 0) {
        return result;
    }
    if (file->path.dentry != NULL) {
        result = put_statfs(&file->path, args->a[1]);
    } else {
        struct abi_statfs statfs = {.f_type = inode_is(file->inode, S_IFIFO) ? PIPEFS_MAGIC : ANON_INODE_FS_MAGIC,
                                    .f_bsize = PAGE_SIZE,
                                    .f_frsize = PAGE_SIZE,
                                    .f_namelen = NAME_MAX,
                                    .f_flags = ST_VALID};

        result = copy_to_user(args->a[1], &statfs, sizeof(statfs));
    }
    file_put(file);
    return result;
}
