// SPDX-License-Identifier: MIT
/* File systems as wholes: mount, umount2, statfs, sync. */
#include "kernel/abi/mount.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/statfs.h"
#include "kernel/base/string.h"
#include "kernel/syscall/at.h"
#include "kernel/syscall/calls.h"
#include "kernel/syscall/copy.h"
#include "kernel/task/fd_table.h"
#include "mm/kmalloc.h"

#define MS_MAGIC 0xc0ed0000u /* old programs put it into the upper half of the flags */

/* A string that may be missing (address 0). Returns 0 with *text NULL then. */
static int optional_name(uint64_t address, char **text)
{
    *text = NULL;
    return address != 0 ? name_from_user(address, text) : 0;
}

static void optional_put(char *text)
{
    if (text != NULL) {
        name_put(text);
    }
}

int64_t sys_mount(const struct syscall_args *args)
{
    uint32_t flags = (uint32_t)args->a[3];
    char *source = NULL;
    char *type = NULL;
    char *options = NULL;
    struct at at;
    int64_t result = at_begin(&at, (uint64_t)AT_FDCWD, args->a[1]);

    if (result != 0) {
        return result;
    }
    if ((flags & 0xffff0000u) == MS_MAGIC) {
        flags &= 0xffff;
    }
    result = optional_name(args->a[0], &source);
    if (result == 0) {
        result = optional_name(args->a[2], &type);
    }
    if (result == 0) {
        result = optional_name(args->a[4], &options);
    }
    if (result == 0) {
        result = vfs_mount(&at.context, source, at.name, type, flags, options);
    }
    optional_put(options);
    optional_put(type);
    optional_put(source);
    at_end(&at);
    return result;
}

int64_t sys_umount2(const struct syscall_args *args)
{
    struct at at;
    int64_t result = at_begin(&at, (uint64_t)AT_FDCWD, args->a[0]);

    if (result == 0) {
        result = vfs_umount(&at.context, at.name, (unsigned)args->a[1]);
        at_end(&at);
    }
    return result;
}

int64_t sys_sync(const struct syscall_args *args)
{
    vfs_sync_all();
    return 0;
}

int64_t sys_syncfs(const struct syscall_args *args)
{
    struct file *file;
    int64_t result = fd_get((int)args->a[0], &file);

    if (result == 0) {
        result = (file->flags & O_PATH) != 0 ? -EBADF : vfs_sync_super(file->inode->super);
        file_put(file);
    }
    return result;
}

/* Mount flags as statfs tells them. */
static int64_t statfs_flags(uint32_t flags)
{
    return (int64_t)(flags & ~(uint32_t)MS_RELATIME) |
           ((flags & MS_RELATIME) != 0 ? ST_RELATIME : 0) | ST_VALID;
}

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
        .f_flags = statfs_flags(flags),
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
        struct abi_statfs statfs = {.f_type = inode_is(file->inode, S_IFIFO) ? PIPEFS_MAGIC
                                                                             : ANON_INODE_FS_MAGIC,
                                    .f_bsize = PAGE_SIZE,
                                    .f_frsize = PAGE_SIZE,
                                    .f_namelen = NAME_MAX,
                                    .f_flags = ST_VALID};

        result = copy_to_user(args->a[1], &statfs, sizeof(statfs));
    }
    file_put(file);
    return result;
}
