// SPDX-License-Identifier: MIT
/* A small world for the tests of fs: memory, a tmpfs as root, and the calls of the VFS with
 * short names. Each returns what the call returns. */
#ifndef CAIRN_FS_TEST_VFS_WORLD_H
#define CAIRN_FS_TEST_VFS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fs/tmpfs/tmpfs.h"
#include "fs/vfs/file.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/abi/mount.h"
#include "kernel/base/string.h"
#include "mm/test/machine.h"
#include "tools/host/host.h"

static struct path world_root;
static struct walk_context world; /* root everywhere, umask 022 */
static const struct cred user_cred __attribute__((unused)) = {.uid = 1000,
                                                              .euid = 1000,
                                                              .suid = 1000,
                                                              .fsuid = 1000,
                                                              .gid = 1000,
                                                              .egid = 1000,
                                                              .sgid = 1000,
                                                              .fsgid = 1000};

static inline void world_begin(size_t ram_bytes)
{
    machine_start(ram_bytes);
    tmpfs_init();
    if (vfs_mount_root(NULL, "tmpfs", 0, &world_root) != 0) {
        panic("no root");
    }
    world = (struct walk_context){
        .root = world_root, .cwd = world_root, .cred = &cred_kernel, .umask = 022};
}

/* What statfs says of the file system that a name leads to. */
static inline struct super_stats stats_of(const char *name)
{
    struct super_stats stats;
    struct path path;
    uint32_t flags;

    assert_int_equal(path_walk(&world, name, 0, &path), 0);
    assert_int_equal(vfs_statfs(&path, &stats, &flags), 0);
    path_put(&path);
    return stats;
}

static inline int do_open(const char *name, uint32_t flags, struct file **file)
{
    return vfs_open(&world, name, flags, 0644, file);
}

/* Open and close at once. */
static inline int touch(const char *name, uint32_t flags)
{
    struct file *file;
    int error = do_open(name, flags, &file);

    if (error == 0) {
        file_put(file);
    }
    return error;
}

static inline int make(const char *name)
{
    return touch(name, O_CREAT | O_EXCL | O_WRONLY);
}

static inline ssize_t write_at(struct file *file, const void *bytes, size_t len, uint64_t position)
{
    struct iter iter;

    iter_init_kernel(&iter, (void *)(uintptr_t)bytes, len);
    return vfs_write(file, &iter, &position);
}

static inline ssize_t read_at(struct file *file, void *bytes, size_t len, uint64_t position)
{
    struct iter iter;

    iter_init_kernel(&iter, bytes, len);
    return vfs_read(file, &iter, &position);
}

static inline int look(const char *name, struct kstat *stat)
{
    struct path path;
    int error = path_walk(&world, name, WALK_FOLLOW, &path);

    if (error == 0) {
        error = vfs_stat(&path, stat);
        path_put(&path);
    }
    return error;
}

static inline bool exists(const char *name)
{
    struct kstat stat;

    return look(name, &stat) == 0;
}

static inline uint64_t number_of(const char *name)
{
    struct kstat stat;

    return look(name, &stat) == 0 ? stat.ino : 0;
}

struct world_listing {
    struct dir_context context;
    unsigned nr, max;
    char names[64][NAME_MAX + 1];
};

static inline bool world_take_name(struct dir_context *context, const struct dir_entry *entry)
{
    struct world_listing *listing = container_of(context, struct world_listing, context);

    if (listing->nr == listing->max) {
        return false;
    }
    memcpy(listing->names[listing->nr], entry->name, entry->name_len);
    listing->names[listing->nr++][entry->name_len] = '\0';
    return true;
}

/* Up to max names (dots included) from where the file stands. */
static inline int list_names(struct file *dir, struct world_listing *listing, unsigned max)
{
    listing->context.emit = world_take_name;
    listing->nr = 0;
    listing->max = max;
    return vfs_readdir(dir, &listing->context);
}

static inline bool has_listed(const struct world_listing *listing, const char *name)
{
    for (unsigned i = 0; i < listing->nr; i++) {
        if (strcmp(listing->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

#endif
