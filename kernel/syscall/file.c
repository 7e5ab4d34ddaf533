// SPDX-License-Identifier: MIT
/* Descriptors: opening, closing, duplicating, fcntl, ioctl, locks; and files that are made
 * without a name. */
#include "fs/vfs/file.h"
#include "fs/pipe/eventfd.h"
#include "fs/pipe/pipe.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/flock.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/ioctl.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/syscall/file_ioctl.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/job.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"

#define SETTABLE_FLAGS ((uint32_t)(O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME))
#define MEMFD_NAME_MAX 249u

static unsigned fd_flags_of(uint64_t open_flags)
{
    return (open_flags & O_CLOEXEC) != 0 ? FD_CLOSE_ON_EXEC : 0;
}

/* A number for a fresh file, whose reference is taken over in any case. */
static int64_t install(struct file *file, uint64_t open_flags)
{
    int fd = fd_open_file(file, fd_flags_of(open_flags));

    if (fd < 0) {
        file_put(file);
    }
    return fd;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

int64_t sys_openat(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[2] | O_LARGEFILE;
    struct file *file;
    struct at at;
    int64_t result = at_begin(&at, args->a[0], args->a[1]);
    int fd;

    if (result != 0) {
        return result;
    }
    result = fd_alloc(0, fd_flags_of(flags), &fd);
    if (result == 0) {
        result = vfs_open(&at.context, at.name, flags, (uint32_t)args->a[3], &file);
        if (result == 0) {
            job_file_opened(file, flags);
            fd_install(fd, file);
            result = fd;
        } else {
            fd_cancel(fd);
        }
    }
    at_end(&at);
    return result;
}

int64_t sys_close(const struct syscall_args *args)
{
    return fd_close((int)args->a[0]);
}

int64_t sys_close_range(const struct syscall_args *args)
{
    unsigned flags = (unsigned)args->a[2];

    if ((flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0 ||
        (unsigned)args->a[0] > (unsigned)args->a[1]) {
        return -EINVAL;
    }
    if ((flags & CLOSE_RANGE_UNSHARE) != 0) {
        return -EINVAL;
    }
    return fd_close_range((unsigned)args->a[0], (unsigned)args->a[1],
                          (flags & CLOSE_RANGE_CLOEXEC) != 0);
}

int64_t sys_dup(const struct syscall_args *args)
{
    return fd_dup((int)args->a[0], 0, 0);
}

int64_t sys_dup3(const struct syscall_args *args)
{
    if ((args->a[2] & ~(uint64_t)O_CLOEXEC) != 0) {
        return -EINVAL;
    }
    return fd_dup_to((int)args->a[0], (int)args->a[1], fd_flags_of(args->a[2]));
}

/* ---- Files without a name -------------------------------------------------------------------- */

int64_t sys_pipe2(const struct syscall_args *args)
{
    const struct cred *cred = &task_current()->cred;
    uint32_t flags = (uint32_t)args->a[1];
    struct file *files[2];
    int fds[2];
    int64_t result;

    if ((flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) {
        return -EINVAL;
    }
    result = pipe_create(flags, files);
    if (result != 0) {
        return result;
    }
    files[0]->inode->uid = cred->fsuid;
    files[0]->inode->gid = cred->fsgid;
    result = fd_alloc(0, fd_flags_of(flags), &fds[0]);
    if (result == 0) {
        result = fd_alloc(0, fd_flags_of(flags), &fds[1]);
        if (result == 0) {
            result = copy_to_user(args->a[0], fds, sizeof(fds));
            if (result == 0) {
                fd_install(fds[0], files[0]);
                fd_install(fds[1], files[1]);
                return 0;
            }
            fd_cancel(fds[1]);
        }
        fd_cancel(fds[0]);
    }
    file_put(files[0]);
    file_put(files[1]);
    return result;
}

int64_t sys_eventfd2(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[1];
    struct file *file;
    int64_t result;

    if ((flags & ~(uint32_t)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0) {
        return -EINVAL;
    }
    result = eventfd_create((uint32_t)args->a[0], (flags & EFD_SEMAPHORE) != 0, flags, &file);
    return result == 0 ? install(file, flags) : result;
}

int64_t sys_memfd_create(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[1];
    char text[MEMFD_NAME_MAX + 24];
    struct file *file;
    char *name;
    int64_t result;

    if ((flags & ~(uint32_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)) != 0) {
        return -EINVAL;
    }
    result = name_from_user(args->a[0], &name);
    if (result != 0) {
        return result == -ENAMETOOLONG ? -EINVAL : result;
    }
    if (strlen(name) > MEMFD_NAME_MAX) {
        name_put(name);
        return -EINVAL;
    }
    ksnprintf(text, sizeof(text), "/memfd:%s (deleted)", name);
    name_put(name);
    result = tmpfs_new_named_file(text, O_LARGEFILE, &file);
    return result == 0 ? install(file, (flags & MFD_CLOEXEC) != 0 ? O_CLOEXEC : 0) : result;
}

/* ---- fcntl ----------------------------------------------------------------------------------- */

static int64_t set_status_flags(struct file *file, uint32_t wanted)
{
    const struct cred *cred = &task_current()->cred;
    uint32_t old = __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
    uint32_t fresh;

    if ((wanted & ~old & O_NOATIME) != 0 && !cred_is_root(cred) &&
        cred->fsuid != file->inode->uid) {
        return -EPERM;
    }
    do {
        fresh = (old & ~SETTABLE_FLAGS) | (wanted & SETTABLE_FLAGS);
    } while (!__atomic_compare_exchange_n(&file->flags, &old, fresh, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

static int64_t record_lock(struct file *file, unsigned command, uint64_t argument)
{
    struct task *self = task_current();
    bool is_ofd = command >= F_OFD_GETLK;
    const void *owner = is_ofd ? (const void *)file : self->files;
    pid_t pid = is_ofd ? -1 : self->process->id;
    struct abi_flock request;
    int64_t result;

    if (copy_from_user(&request, argument, sizeof(request)) != 0) {
        return -EFAULT;
    }
    if (is_ofd && request.l_pid != 0) {
        return -EINVAL;
    }
    if (command != F_GETLK && command != F_OFD_GETLK) {
        return flock_set_record(file, owner, pid, &request,
                                command == F_SETLKW || command == F_OFD_SETLKW);
    }
    result = flock_get_record(file, owner, &request);
    return result == 0 ? copy_to_user(argument, &request, sizeof(request)) : result;
}

static int64_t file_control(struct file *file, int fd, unsigned command, uint64_t argument)
{
    switch (command) {
    case F_DUPFD: return fd_dup(fd, (int)argument, 0);
    case F_DUPFD_CLOEXEC: return fd_dup(fd, (int)argument, FD_CLOSE_ON_EXEC);
    case F_GETFD: return fd_get_flags(fd);
    case F_SETFD: return fd_set_flags(fd, (argument & FD_CLOEXEC) != 0 ? FD_CLOSE_ON_EXEC : 0);
    case F_GETFL: return __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
    default: break;
    }
    if ((file->flags & O_PATH) != 0) {
        return -EBADF;
    }
    switch (command) {
    case F_SETFL: return set_status_flags(file, (uint32_t)argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: return record_lock(file, command, argument);
    case F_GETOWN: return __atomic_load_n(&file->owner, __ATOMIC_RELAXED);
    case F_SETOWN: __atomic_store_n(&file->owner, (pid_t)argument, __ATOMIC_RELAXED); return 0;
    case F_GETPIPE_SZ: return pipe_get_size(file);
    case F_SETPIPE_SZ: return pipe_set_size(file, argument);
    default: return -EINVAL;
    }
}

int64_t sys_fcntl(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result == 0) {
        result = file_control(file, (int)args->a[0], (unsigned)args->a[1], args->a[2]);
        file_put(file);
    }
    return result;
}

int64_t sys_flock(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result == 0) {
        result = flock_set_whole(file, (int)args->a[1]);
        file_put(file);
    }
    return result;
}

/* ---- ioctl ----------------------------------------------------------------------------------- */

static int64_t set_flag_from_user(struct file *file, uint64_t argument, uint32_t flag)
{
    uint32_t old = __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
    int32_t on;

    if (copy_from_user(&on, argument, sizeof(on)) != 0) {
        return -EFAULT;
    }
    return set_status_flags(file, on != 0 ? old | flag : old & ~flag);
}

static int64_t bytes_to_read(struct file *file, uint64_t argument)
{
    uint64_t size = inode_size(file->inode);
    int32_t left = size > file->position
                       ? (int32_t)min_of(size - file->position, (uint64_t)INT32_MAX)
                       : 0;

    return copy_to_user(argument, &left, sizeof(left));
}

static int64_t control(struct file *file, int fd, uint32_t command, uint64_t argument)
{
    int64_t answer;
    int result;

    switch (command) {
    case FIOCLEX: return fd_set_flags(fd, FD_CLOSE_ON_EXEC);
    case FIONCLEX: return fd_set_flags(fd, 0);
    case FIONBIO: return set_flag_from_user(file, argument, O_NONBLOCK);
    case FIOASYNC: return set_flag_from_user(file, argument, O_ASYNC);
    case FIONREAD:
        if (inode_is(file->inode, S_IFREG)) {
            return bytes_to_read(file, argument);
        }
        break;
    default: break;
    }
    if (file_system_ioctl(file, command, argument, &answer)) {
        return answer;
    }
    if (job_ioctl(file, command, argument, &result)) {
        return result;
    }
    return file->ops->ioctl != NULL ? file->ops->ioctl(file, command, argument) : -ENOTTY;
}

int64_t sys_ioctl(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result == 0) {
        result = (file->flags & O_PATH) != 0
                     ? -EBADF
                     : control(file, (int)args->a[0], (uint32_t)args->a[1], args->a[2]);
        file_put(file);
    }
    return result;
}
