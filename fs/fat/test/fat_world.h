// SPDX-License-Identifier: MIT
/* What the tests of fs/fat share: images made by mkfs.fat on simulated disks, fsck.fat as the
 * judge, and short forms of the VFS's calls below /mnt. */
#ifndef CAIRN_FS_FAT_TEST_FAT_WORLD_H
#define CAIRN_FS_FAT_TEST_FAT_WORLD_H

#include <stdio.h>
#include <unistd.h>

#include "fs/fat/disk.h"
#include "fs/fat/fat.h"
#include "fs/test/tree_model.h"
#include "mm/frames.h"
#include "tools/host/arena.h"
#include "tools/host/disk.h"

#define KIB (1ul << 10)
#define MIB (1ul << 20)

static struct host_random fat_random __attribute__((unused));
static struct tree_model model;
static char image_path[64];

static inline int fat_world_start(void **state)
{
    struct frame_range ram = {host_arena(256 * MIB), 256 * MIB};
    int fd;

    (void)state;
    host_random_init(&fat_random);
    if (frames_init(&ram, 1, NULL, 0) != 0) {
        return -1;
    }
    strlcpy(image_path, "/tmp/cairn-test-fat-XXXXXX", sizeof(image_path));
    fd = mkstemp(image_path);
    close(fd);
    tmpfs_init();
    fat_register();
    tree_model_start(&model, &fat_random, (struct tree_features){.is_case_blind = true});
    return 0;
}

static inline int fat_world_stop(void **state)
{
    (void)state;
    return unlink(image_path);
}

static inline int run_command(const char *format, ...)
{
    char command[600] = "PATH=$PATH:/sbin:/usr/sbin; export MTOOLS_SKIP_CHECK=1; ";
    size_t len = strlen(command);
    va_list args;

    va_start(args, format);
    kvsnprintf(command + len, sizeof(command) - len, format, args);
    va_end(args);
    return system(command);
}

/* A fresh file system of so many KiB. */
static inline struct host_disk *make_image(uint64_t size_kib, const char *options)
{
    if (truncate(image_path, 0) != 0 || truncate(image_path, (off_t)(size_kib * KIB)) != 0 ||
        run_command("mkfs.fat -n LABEL %s %s >/dev/null 2>&1", options, image_path) != 0) {
        fail_msg("mkfs.fat %s", options);
    }
    return host_disk_load(image_path);
}

/* fsck.fat finds nothing to complain about. */
static inline void check_clean(struct host_disk *disk)
{
    host_disk_save(disk, image_path);
    if (run_command("fsck.fat -n %s >%s.log 2>&1", image_path, image_path) != 0) {
        (void)!run_command("cat %s.log >&2", image_path);
        fail_msg("fsck.fat found faults");
    }
    (void)!run_command("rm -f %s.log", image_path);
}

static inline struct walk_context *here(void)
{
    static struct walk_context context;

    context = tree_context(&model);
    return &context;
}

static inline int mount_with(struct host_disk *disk, uint32_t flags, const char *options)
{
    return vfs_mount(here(), disk->device.name, "/mnt", "vfat", flags, options);
}

static inline void mount_disk(struct host_disk *disk)
{
    tree_mount(&model, disk->device.name, "vfat");
}

static inline void unmount(void)
{
    tree_unmount(&model);
}

static inline int try_open(const char *name, uint32_t flags, struct file **file)
{
    return vfs_open(here(), name, flags, 0644, file);
}

static inline struct file *open_file(const char *name, uint32_t flags)
{
    struct file *file = NULL;

    assert_int_equal(try_open(name, flags, &file), 0);
    return file;
}

static inline int stat_file(const char *name, struct kstat *stat)
{
    struct path path;
    int error = path_walk(here(), name, 0, &path);

    if (error == 0) {
        error = vfs_stat(&path, stat);
        path_put(&path);
    }
    return error;
}

static inline uint64_t number_of(const char *name)
{
    struct kstat stat;

    assert_int_equal(stat_file(name, &stat), 0);
    return stat.ino;
}

static inline ssize_t write_file_at(struct file *file, const void *bytes, size_t len,
                                    uint64_t position)
{
    struct iter iter;

    iter_init_kernel(&iter, (void *)(uintptr_t)bytes, len);
    return vfs_write(file, &iter, &position);
}

static inline ssize_t read_file_at(struct file *file, void *bytes, size_t len, uint64_t position)
{
    struct iter iter;

    iter_init_kernel(&iter, bytes, len);
    return vfs_read(file, &iter, &position);
}

/* A file with this text in it. */
static inline void put_text(const char *name, const char *text)
{
    struct file *file = open_file(name, O_CREAT | O_TRUNC | O_RDWR);

    assert_int_equal(write_file_at(file, text, strlen(text), 0), strlen(text));
    file_put(file);
}

static inline void expect_text(const char *name, const char *text)
{
    struct file *file = open_file(name, O_RDONLY);
    char found[512];
    ssize_t len = read_file_at(file, found, sizeof(found) - 1, 0);

    assert_true(len >= 0);
    found[len] = '\0';
    assert_string_equal(found, text);
    file_put(file);
}

/* Names in a directory, in a row: "a|b|c|", without the dots. */
struct name_row {
    struct dir_context context;
    char text[4096];
};

static inline bool take_into_row(struct dir_context *context, const struct dir_entry *entry)
{
    struct name_row *row = container_of(context, struct name_row, context);
    size_t len = strlen(row->text);

    if (entry->name[0] != '.' || entry->name_len > 2) {
        ksnprintf(row->text + len, sizeof(row->text) - len, "%.*s|", (int)entry->name_len,
                  entry->name);
    }
    return true;
}

static inline int list_into(const char *name, struct name_row *row)
{
    struct file *file;
    int error = try_open(name, O_RDONLY | O_DIRECTORY, &file);

    memset(row, 0, sizeof(*row));
    row->context.emit = take_into_row;
    if (error == 0) {
        error = vfs_readdir(file, &row->context);
        file_put(file);
    }
    return error;
}

static inline void expect_names(const char *name, const char *names)
{
    static struct name_row row;

    assert_int_equal(list_into(name, &row), 0);
    assert_string_equal(row.text, names);
}

static inline uint64_t free_clusters(void)
{
    struct super_stats stats;
    struct path path;
    uint32_t flags;

    assert_int_equal(path_walk(here(), "/mnt", 0, &path), 0);
    assert_int_equal(vfs_statfs(&path, &stats, &flags), 0);
    path_put(&path);
    return stats.nr_free;
}

#endif
