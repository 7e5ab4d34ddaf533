// SPDX-License-Identifier: MIT
/* swapon(2) and swapoff(2): decode and check, then let fs/swap do it. */
#include "fs/swap/swap_store.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/swap.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/task/signal.h"
#include "kernel/task/task.h"
#include "mm/kmalloc.h"

/* Open what a path names. Returns 0 with the file and its full name, which is kfree()'s. */
static int open_named(uint64_t address, struct file **file, char **name)
{
    struct at at;
    int error = at_begin(&at, (uint64_t)AT_FDCWD, address);
    char *buffer;

    if (error != 0) {
        return error;
    }
    buffer = kmalloc(PATH_MAX, ALLOC_KERNEL);
    error = buffer != NULL ? vfs_open(&at.context, at.name, O_RDONLY, 0, file) : -ENOMEM;
    if (error == 0 && path_name(&(*file)->path, &at.context.root, buffer, PATH_MAX) < 0) {
        file_put(*file);
        error = -ENAMETOOLONG;
    }
    at_end(&at);
    if (error != 0) {
        kfree(buffer);
        return error;
    }
    *name = buffer;
    return 0;
}

int64_t sys_swapon(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[1];
    int priority = (flags & ABI_SWAP_FLAG_PREFER) != 0 ? (int)(flags & ABI_SWAP_FLAG_PRIO_MASK)
                                                       : -1;
    struct file *file;
    char *name;
    int error;

    if ((flags & ~ABI_SWAP_FLAGS_VALID) != 0) {
        return -EINVAL;
    }
    if (task_current()->cred.euid != 0) {
        return -EPERM;
    }
    error = open_named(args->a[0], &file, &name);
    if (error == 0) {
        error = swap_on(file, name,
                        priority); /* there is nothing to discard: the flags are hints */
        kfree(name);
        file_put(file);
    }
    return error;
}

static bool is_to_end(void)
{
    return task_has_signal();
}

int64_t sys_swapoff(const struct syscall_args *args)
{
    struct file *file;
    char *name;
    int error;

    if (task_current()->cred.euid != 0) {
        return -EPERM;
    }
    error = open_named(args->a[0], &file, &name);
    if (error == 0) {
        kfree(name);
        error = swap_off(file, is_to_end);
        file_put(file);
    }
    return error;
}
