// SPDX-License-Identifier: MIT
/* Names: making, removing, renaming and linking; and where the process stands. */
#include "fs/vfs/dentry.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/fcntl.h"
#include "kernel/base/string.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

/* ---- Making and removing --------------------------------------------------------------------- */

int64_t sys_mkdirat(const struct syscall_args *args)
{
    struct at at;
    int64_t result = at_begin(&at, args->a[0], args->a[1]);

    if (result == 0) {
        result = vfs_mkdir(&at.context, at.name, (uint32_t)args->a[2]);
        at_end(&at);
    }
    return result;
}

int64_t sys_mknodat(const struct syscall_args *args)
{
    struct at at;
    int64_t result = at_begin(&at, args->a[0], args->a[1]);

    if (result == 0) {
        result = vfs_mknod(&at.context, at.name, (uint32_t)args->a[2], (uint32_t)args->a[3]);
        at_end(&at);
    }
    return result;
}

int64_t sys_unlinkat(const struct syscall_args *args)
{
    struct at at;
    int64_t result;

    if ((args->a[2] & ~(uint64_t)AT_REMOVEDIR) != 0) {
        return -EINVAL;
    }
    result = at_begin(&at, args->a[0], args->a[1]);
    if (result == 0) {
        result = (args->a[2] & AT_REMOVEDIR) != 0 ? vfs_rmdir(&at.context, at.name)
                                                  : vfs_unlink(&at.context, at.name);
        at_end(&at);
    }
    return result;
}

int64_t sys_symlinkat(const struct syscall_args *args)
{
    struct at at;
    char *target;
    int64_t result = name_from_user(args->a[0], &target);

    if (result != 0) {
        return result;
    }
    result = at_begin(&at, args->a[1], args->a[2]);
    if (result == 0) {
        result = vfs_symlink(&at.context, target, at.name);
        at_end(&at);
    }
    name_put(target);
    return result;
}

/* A file may be linked by its descriptor ("" and AT_EMPTY_PATH) by root and by who opened it: whoever got it from
 * somebody else has been given its content, and not the right to make it appear in the tree. */
static int check_link_by_descriptor(uint64_t fd)
{
    const struct cred *cred = &task_current()->cred;
    struct file *file;
    int error = 0;

    if (cred_is_root(cred) || (int)fd == AT_FDCWD) {
        return 0;
    }
    error = fd_get((int)fd, &file);
    if (error == 0) {
        if (file->cred.fsuid != cred->fsuid || file->cred.fsgid != cred->fsgid) {
            error = -ENOENT;
        }
        file_put(file);
    }
    return error;
}

int64_t sys_linkat(const struct syscall_args *args)
{
    unsigned flags = (unsigned)args->a[4];
    struct path old_path;
    struct at old_at;
    struct at new_at;
    int64_t result;

    if ((flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) {
        return -EINVAL;
    }
    result = at_walk(&old_at, args->a[0], args->a[1], (flags & AT_SYMLINK_FOLLOW) != 0,
                     (flags & AT_EMPTY_PATH) != 0, &old_path);
    if (result != 0) {
        return result;
    }
    if (old_at.name[0] == '\0') {
        result = check_link_by_descriptor(args->a[0]);
        if (result != 0) {
            path_put(&old_path);
            at_end(&old_at);
            return result;
        }
    }
    result = at_begin(&new_at, args->a[2], args->a[3]);
    if (result == 0) {
        result = vfs_link(&old_path, &new_at.context, new_at.name);
        at_end(&new_at);
    }
    path_put(&old_path);
    at_end(&old_at);
    return result;
}

int64_t sys_renameat2(const struct syscall_args *args)
{
    struct at old_at;
    struct at new_at;
    int64_t result;

    if ((args->a[4] & ~7ull) != 0) {
        return -EINVAL;
    }
    result = at_begin(&old_at, args->a[0], args->a[1]);
    if (result != 0) {
        return result;
    }
    result = at_begin(&new_at, args->a[2], args->a[3]);
    if (result == 0) {
        result = vfs_rename(&old_at.context, old_at.name, &new_at.context, new_at.name,
                            (unsigned)args->a[4]);
        at_end(&new_at);
    }
    at_end(&old_at);
    return result;
}

int64_t sys_readlinkat(const struct syscall_args *args)
{
    int64_t size = (int32_t)args->a[3];
    struct path path;
    struct at at;
    char *buffer;
    int64_t result;

    if (size <= 0) {
        return -EINVAL;
    }
    result = at_walk(&at, args->a[0], args->a[1], false, true, &path);
    if (result != 0) {
        return result;
    }
    size = min_of(size, (int64_t)PATH_MAX);
    buffer = kmalloc((size_t)size, ALLOC_KERNEL);
    if (buffer == NULL) {
        result = -ENOMEM;
    } else if (at.name[0] == '\0' && !inode_is(path.dentry->inode, S_IFLNK)) {
        result = -ENOENT;
    } else {
        result = vfs_readlink(&path, buffer, (size_t)size);
    }
    if (result > 0 && copy_to_user(args->a[2], buffer, (size_t)result) != 0) {
        result = -EFAULT;
    }
    kfree(buffer);
    path_put(&path);
    at_end(&at);
    return result;
}

/* ---- Where the process stands ---------------------------------------------------------------- */

int64_t sys_getcwd(const struct syscall_args *args)
{
    size_t size = (size_t)args->a[1];
    char *buffer = kmalloc(PATH_MAX, ALLOC_KERNEL);
    struct path root;
    struct path cwd;
    int64_t result;

    if (buffer == NULL) {
        return -ENOMEM;
    }
    task_get_root(&root);
    task_get_cwd(&cwd);
    result = cwd.dentry->inode->nr_links == 0 ? -ENOENT : path_name(&cwd, &root, buffer, PATH_MAX);
    if (result > 0) {
        result++; /* with the NUL */
        if ((uint64_t)result > size) {
            result = -ERANGE;
        } else if (copy_to_user(args->a[0], buffer, (size_t)result) != 0) {
            result = -EFAULT;
        }
    }
    path_put(&cwd);
    path_put(&root);
    kfree(buffer);
    return result;
}

/* Walk to a directory that the caller may enter. */
static int64_t enter(uint64_t name, bool as_root)
{
    struct path path;
    struct at at;
    int64_t result = at_begin(&at, (uint64_t)AT_FDCWD, name);

    if (result != 0) {
        return result;
    }
    result = path_walk(&at.context, at.name, WALK_FOLLOW | WALK_DIRECTORY, &path);
    if (result == 0) {
        result = vfs_access(&at.context, &path, ACCESS_EXEC);
        if (result == 0 && as_root && !cred_is_root(at.context.cred)) {
            result = -EPERM;
        }
        if (result == 0) {
            if (as_root) {
                task_set_root(&path);
            } else {
                task_set_cwd(&path);
            }
        }
        path_put(&path);
    }
    at_end(&at);
    return result;
}

int64_t sys_chdir(const struct syscall_args *args)
{
    return enter(args->a[0], false);
}

int64_t sys_chroot(const struct syscall_args *args)
{
    return enter(args->a[0], true);
}

int64_t sys_fchdir(const struct syscall_args *args)
{
    struct walk_context context;
    int64_t result = task_walk_context((int)args->a[0], NULL, &context);

    if (result != 0) {
        return result;
    }
    if ((int)args->a[0] == AT_FDCWD) {
        result = -EBADF;
    } else if (!inode_is(context.cwd.dentry->inode, S_IFDIR)) {
        result = -ENOTDIR;
    } else {
        result = vfs_access(&context, &context.cwd, ACCESS_EXEC);
    }
    if (result == 0) {
        task_set_cwd(&context.cwd);
    }
    task_walk_context_put(&context);
    return result;
}
