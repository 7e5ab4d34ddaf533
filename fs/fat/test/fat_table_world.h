// SPDX-License-Identifier: MIT
/* What the tests of the table share: a file system that was just made and mounted, and its insides. */
#ifndef CAIRN_FS_FAT_TEST_FAT_TABLE_WORLD_H
#define CAIRN_FS_FAT_TEST_FAT_TABLE_WORLD_H

#include "fs/fat/fat_internal.h"
#include "fs/fat/test/fat_world.h"

static struct fat_fs *fs;

static inline struct host_disk *begin(uint64_t size_kib, const char *options)
{
    struct host_disk *disk = make_image(size_kib, options);
    struct path path;

    mount_disk(disk);
    assert_int_equal(path_walk(here(), "/mnt", 0, &path), 0);
    fs = fat_fs(path.dentry->super);
    path_put(&path);
    return disk;
}

static inline void end(struct host_disk *disk)
{
    unmount();
    host_disk_free(disk);
}

#endif
