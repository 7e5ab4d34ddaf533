// SPDX-License-Identifier: MIT
/* A small ext2 image for tests that change it byte by byte: made once by mke2fs, filled by the
 * driver itself, and put back for each test. The on-disk structures are found as the format says,
 * without the driver's help. */
#ifndef CAIRN_FS_EXT_TEST_EXT_WORLD_H
#define CAIRN_FS_EXT_TEST_EXT_WORLD_H

#include <stdlib.h>
#include <unistd.h>

#include "fs/ext/disk.h"
#include "fs/ext/ext.h"
#include "fs/test/vfs_world.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "tools/host/disk.h"

/* How mke2fs is to make the image; a test may say otherwise before it includes this. */
#ifndef EXT_WORLD_TYPE
#define EXT_WORLD_TYPE "-t ext2"
#endif
#ifndef EXT_WORLD_INODE
#define EXT_WORLD_INODE "128"
#endif

#define MIB         (1ul << 20)
#define IMAGE_BYTES (4 * MIB)
#define BLOCK       1024u
#define PATH_PREFIX "PATH=$PATH:/sbin:/usr/sbin "

static struct host_disk *disk;
static uint8_t *pristine; /* the image as it was when the world was made */
static char image_path[64];
static char log_path[80];

/* The inodes that every test finds. */
static uint32_t dir_number, file_number, link_number, small_number;

static inline int run(const char *format, const char *what)
{
    char line[400];

    ksnprintf(line, sizeof(line), PATH_PREFIX);
    ksnprintf(line + strlen(line), sizeof(line) - strlen(line), format, what, image_path, log_path);
    return system(line);
}

static inline void forget_cache(void)
{
    host_disk_forget_cache(disk);
}

static inline int mount_with(uint32_t flags)
{
    return vfs_mount(&world, disk->device.name, "/mnt", "ext2", flags, "");
}

static inline void unmount(void)
{
    assert_int_equal(vfs_umount(&world, "/mnt", 0), 0);
}

/* ---- What lies on the disk ------------------------------------------------------------------- */

static inline struct ext_disk_super *super_on_disk(void)
{
    return (struct ext_disk_super *)(disk->bytes + EXT_SUPER_OFFSET);
}

static inline uint8_t *block_on_disk(uint32_t block)
{
    return disk->bytes + (uint64_t)block * BLOCK;
}

static inline struct ext_disk_group *group_on_disk(unsigned group)
{
    return (struct ext_disk_group *)block_on_disk(2) + group;
}

static inline struct ext_disk_inode *inode_on_disk(uint32_t number)
{
    uint32_t per_group = le32_get(super_on_disk()->inodes_per_group);
    uint32_t table = le32_get(group_on_disk((number - 1) / per_group)->inode_table);

    return (struct ext_disk_inode *)(block_on_disk(table) +
                                     ((number - 1) % per_group) *
                                         le16_get(super_on_disk()->inode_size));
}

static inline uint32_t pointer_of(uint32_t number, unsigned index)
{
    return le32_get(inode_on_disk(number)->block[index]);
}

/* The index-th record of a directory's first block. */
static inline struct ext_disk_entry *record_of(uint32_t dir, unsigned index)
{
    uint8_t *at = block_on_disk(pointer_of(dir, 0));

    for (; index != 0; index--) {
        at += le16_get(((struct ext_disk_entry *)at)->record_len);
    }
    return (struct ext_disk_entry *)at;
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* e2fsck's opinion of the image: its exit status, 0 when it finds nothing. */
static inline int judge(void)
{
    host_disk_save(disk, image_path);
    return run("e2fsck -fn%s %s >%s 2>&1", "");
}

/* What e2fsck has said, for whoever reads the failure: the log itself goes with the world. */
static inline void show_verdict(void)
{
    char line[200];

    ksnprintf(line, sizeof(line), "cat %s", log_path);
    (void)!system(line);
}

static inline void expect_clean(void)
{
    if (judge() != 0) {
        show_verdict();
        fail_msg("e2fsck complains");
    }
}

/* ---- Making it ------------------------------------------------------------------------------- */

static inline ssize_t write_pattern(const char *name, size_t len)
{
    static uint8_t bytes[400 << 10];
    struct file *file;
    ssize_t written;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i / BLOCK + 1);
    }
    if (do_open(name, O_CREAT | O_RDWR, &file) != 0) {
        return -1;
    }
    written = write_at(file, bytes, len, 0);
    file_put(file);
    return written;
}

static inline void fill_image(void)
{
    char target[200];
    struct path path;
    struct kstat stat;

    memset(target, 'x', sizeof(target));
    target[sizeof(target) - 1] = '\0';
    assert_int_equal(vfs_mkdir(&world, "/mnt/dir", 0755), 0);
    assert_int_equal(write_pattern("/mnt/dir/file", 300 << 10), 300 << 10);
    assert_int_equal(write_pattern("/mnt/dir/small", 100), 100);
    assert_int_equal(vfs_symlink(&world, "dir/file", "/mnt/link"), 0);
    assert_int_equal(vfs_symlink(&world, target, "/mnt/long"), 0);
    dir_number = (uint32_t)number_of("/mnt/dir");
    file_number = (uint32_t)number_of("/mnt/dir/file");
    small_number = (uint32_t)number_of("/mnt/dir/small");
    assert_int_equal(path_walk(&world, "/mnt/link", 0, &path), 0);
    assert_int_equal(vfs_stat(&path, &stat), 0);
    link_number = (uint32_t)stat.ino;
    path_put(&path);
}

static inline int ext_world_begin(void **state)
{
    int fd;

    world_begin(64 * MIB);
    ext_register();
    strlcpy(image_path, "/tmp/cairn-ext-world-XXXXXX", sizeof(image_path));
    fd = mkstemp(image_path);
    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) != 0) {
        return -1;
    }
    close(fd);
    ksnprintf(log_path, sizeof(log_path), "%s.log", image_path);
    if (run("mke2fs -q -F " EXT_WORLD_TYPE " -b 1024 -I " EXT_WORLD_INODE
            " -N 64 -O ^dir_index%s %s >%s 2>&1",
            "") != 0) {
        return -1;
    }
    disk = host_disk_load(image_path);
    if (vfs_mkdir(&world, "/mnt", 0755) != 0 || mount_with(0) != 0) {
        return -1;
    }
    fill_image();
    unmount();
    expect_clean();
    pristine = malloc(IMAGE_BYTES);
    memcpy(pristine, disk->bytes, IMAGE_BYTES);
    return 0;
}

/* The image as it was. */
static inline int fresh_image(void **state)
{
    disk->filter = NULL;
    disk->device.is_read_only = false;
    forget_cache();
    memcpy(disk->bytes, pristine, IMAGE_BYTES);
    return 0;
}

static inline int ext_world_end(void **state)
{
    forget_cache();
    host_disk_free(disk);
    free(pristine);
    unlink(log_path);
    return unlink(image_path);
}

#endif
