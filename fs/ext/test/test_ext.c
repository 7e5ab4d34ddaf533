// SPDX-License-Identifier: MIT
/* The ext2 driver on images made by mke2fs, judged by e2fsck: random work against a model with unmounts in between, several
 * block and inode sizes, a full disk, and damaged images of the kinds that NOTES on hostile images list. */
#include <stdio.h>
#include <unistd.h>

#include "fs/ext/ext.h"
#include "fs/test/tree_model.h"
#include "mm/frames.h"
#include "tools/host/arena.h"
#include "tools/host/disk.h"

#define MIB (1ul << 20)

/* ext3 has the same tests: it defines this before it includes the file. */
#ifndef EXT_TEST_JOURNAL
#define EXT_TEST_JOURNAL     ""
#define EXT_TEST_JOURNAL_MIB 0u
#endif

static struct host_random source;
static struct tree_model model;
static char image_path[64];

static void run_or_fail(const char *format, const char *options)
{
    char command[256];

    ksnprintf(command, sizeof(command), format, options, image_path);
    if (system(command) != 0) {
        fail_msg("%s", command);
    }
}

static struct host_disk *make_image(const char *mke2fs_options)
{
    run_or_fail("PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F -t ext2 " EXT_TEST_JOURNAL
                " %s %s >/dev/null 2>&1",
                mke2fs_options);
    return host_disk_load(image_path);
}

/* e2fsck finds nothing to complain about. */
static void check_clean(struct host_disk *disk)
{
    host_disk_save(disk, image_path);
    run_or_fail(
        "PATH=$PATH:/sbin:/usr/sbin e2fsck -fn%s %s >/tmp/cairn-test-ext.log 2>&1 || { cat /tmp/cairn-test-ext.log >&2; false; }",
        "");
}

static void set_size(unsigned mib)
{
    if (truncate(image_path, 0) != 0 ||
        truncate(image_path, (off_t)((mib + EXT_TEST_JOURNAL_MIB) * MIB)) != 0) {
        fail_msg("%s: cannot be resized", image_path);
    }
}

static void work_on(const char *mke2fs_options, unsigned nr_rounds, unsigned nr_steps)
{
    struct host_disk *disk;

    set_size(32);
    disk = make_image(mke2fs_options);
    for (unsigned round = 0; round < nr_rounds; round++) {
        tree_mount(&model, disk->device.name, "ext2");
        tree_model_check(&model);
        tree_model_run(&model, nr_steps);
        tree_model_check(&model);
        tree_unmount(&model);
        check_clean(disk);
    }
    tree_model_clear(&model);
    host_disk_free(disk);
}

static void random_work_matches_the_model_with_4k_blocks(void **state)
{
    (void)state;
    work_on("-b 4096 -I 256", 4, 600);
}

static void random_work_matches_the_model_with_1k_blocks_and_small_inodes(void **state)
{
    (void)state;
    work_on("-b 1024 -I 128", 4, 600);
}

static void random_work_matches_the_model_with_2k_blocks(void **state)
{
    (void)state;
    work_on("-b 2048 -I 256 -O ^dir_index,^resize_inode", 2, 400);
}

static struct file *open_file(const char *name, uint32_t flags)
{
    struct walk_context context = tree_context(&model);
    struct file *file = NULL;

    assert_int_equal(vfs_open(&context, name, flags, 0644, &file), 0);
    return file;
}

static void a_full_disk_is_enospc_and_stays_consistent(void **state)
{
    static uint8_t chunk[64 << 10];
    struct walk_context context = tree_context(&model);
    struct host_disk *disk;
    struct file *file;
    uint64_t position = 0;
    ssize_t written;

    (void)state;
    set_size(4);
    disk = make_image("-b 1024");
    tree_mount(&model, disk->device.name, "ext2");
    file = open_file("/mnt/big", O_CREAT | O_RDWR);
    do {
        struct iter iter;

        iter_init_kernel(&iter, chunk, sizeof(chunk));
        written = vfs_write(file, &iter, &position);
    } while (written > 0);
    assert_int_equal(written, -ENOSPC);
    assert_true(position > 3 * MIB);
    file_put(file);
    assert_int_equal(vfs_mkdir(&context, "/mnt/dir", 0755), -ENOSPC);
    assert_int_equal(vfs_unlink(&context, "/mnt/big"), 0);
    assert_int_equal(vfs_mkdir(&context, "/mnt/dir", 0755), 0);
    tree_unmount(&model);
    check_clean(disk);
    host_disk_free(disk);
}

static void large_sparse_files_reach_triple_indirect_blocks(void **state)
{
    static const uint64_t places[] = {0,         11 << 10,       12 << 10,       267 << 10,
                                      268 << 10, 65803ull << 10, 65804ull << 10, 1ull << 32};
    struct host_disk *disk;
    struct file *file;
    struct iter iter;
    uint64_t value;

    (void)state;
    set_size(8);
    disk = make_image("-b 1024");
    tree_mount(&model, disk->device.name, "ext2");
    file = open_file("/mnt/sparse", O_CREAT | O_RDWR);
    for (unsigned i = 0; i < array_size(places); i++) {
        uint64_t position = places[i];

        value = places[i] + 1;
        iter_init_kernel(&iter, &value, sizeof(value));
        assert_int_equal(vfs_write(file, &iter, &position), sizeof(value));
    }
    for (unsigned i = 0; i < array_size(places); i++) {
        uint64_t position = places[i];

        iter_init_kernel(&iter, &value, sizeof(value));
        assert_int_equal(vfs_read(file, &iter, &position), sizeof(value));
        assert_int_equal(value, places[i] + 1);
    }
    file_put(file);
    tree_unmount(&model);
    check_clean(disk);
    tree_mount(&model, disk->device.name, "ext2");
    file = open_file("/mnt/sparse", O_RDWR);
    assert_int_equal(vfs_truncate_file(file, 12 << 10), 0);
    file_put(file);
    tree_unmount(&model);
    check_clean(disk);
    host_disk_free(disk);
}

static void an_unlinked_open_file_lives_until_it_is_closed(void **state)
{
    struct walk_context context = tree_context(&model);
    struct host_disk *disk;
    struct file *file;
    struct iter iter;
    uint64_t position = 0;
    char text[] = "still here";

    (void)state;
    set_size(4);
    disk = make_image("-b 4096");
    tree_mount(&model, disk->device.name, "ext2");
    file = open_file("/mnt/gone", O_CREAT | O_RDWR);
    assert_int_equal(vfs_unlink(&context, "/mnt/gone"), 0);
    iter_init_kernel(&iter, text, sizeof(text));
    assert_int_equal(vfs_write(file, &iter, &position), sizeof(text));
    position = 0;
    memset(text, 0, sizeof(text));
    iter_init_kernel(&iter, text, sizeof(text));
    assert_int_equal(vfs_read(file, &iter, &position), sizeof(text));
    assert_string_equal(text, "still here");
    file_put(file);
    tree_unmount(&model);
    check_clean(disk);
    host_disk_free(disk);
}

static void symbolic_links_of_any_length_come_back(void **state)
{
    struct walk_context context = tree_context(&model);
    struct host_disk *disk;
    char target[1000], found[1100];
    char name[32];

    (void)state;
    set_size(4);
    disk = make_image("-b 1024");
    for (unsigned round = 0; round < 2; round++) {
        tree_mount(&model, disk->device.name, "ext2");
        for (unsigned len = 1; len < sizeof(target); len += 59) {
            struct path path;

            memset(target, 'x', len);
            target[len] = '\0';
            ksnprintf(name, sizeof(name), "/mnt/link%u", len);
            assert_int_equal(vfs_symlink(&context, target, name), round == 0 ? 0 : -EEXIST);
            assert_int_equal(path_walk(&context, name, 0, &path), 0);
            assert_int_equal(vfs_readlink(&path, found, sizeof(found)), len);
            assert_memory_equal(found, target, len);
            path_put(&path);
        }
        tree_unmount(&model);
        check_clean(disk);
    }
    host_disk_free(disk);
}

/* ---- Damage -------------------------------------------------------------------------------------- */

/* Change random bytes where metadata lies, then do whatever one can do with such a disk: whatever happens, it ends, no
 * sanitizer complains, and nothing panics. */
static void damaged_metadata_is_survived(void **state)
{
    struct walk_context context = tree_context(&model);

    (void)state;
    set_size(4);
    for (unsigned round = 0; round < 150; round++) {
        struct host_disk *disk = make_image("-b 1024 -N 64");
        unsigned nr_changes = 1 + (unsigned)host_random_below(&source, 12);

        tree_mount(&model, disk->device.name, "ext2");
        assert_int_equal(vfs_mkdir(&context, "/mnt/dir", 0755), 0);
        file_put(open_file("/mnt/dir/file", O_CREAT | O_RDWR));
        assert_int_equal(vfs_symlink(&context, "dir/file", "/mnt/link"), 0);
        tree_unmount(&model);
        host_disk_forget_cache(disk);
        for (unsigned i = 0; i < nr_changes; i++) {
            uint64_t place = host_random_below(&source, 2) == 0
                                 ? 1024 + host_random_below(&source, 256)
                                 : host_random_below(&source, 64 << 10);

            disk->bytes[place] = (uint8_t)host_random_next(&source);
        }
        if (vfs_mount(&context, disk->device.name, "/mnt", "ext2", 0, "") == 0) {
            struct file *file;
            static const char *const names[] = {"/mnt", "/mnt/dir", "/mnt/dir/file", "/mnt/link",
                                                "/mnt/lost+found"};

            for (unsigned i = 0; i < array_size(names); i++) {
                if (vfs_open(&context, names[i], O_RDONLY, 0, &file) == 0) {
                    struct dir_context listing = {.emit = NULL};
                    static uint8_t bytes[4096];
                    struct iter iter;

                    iter_init_kernel(&iter, bytes, sizeof(bytes));
                    (void)!vfs_read(file, &iter, NULL);
                    (void)listing;
                    file_put(file);
                }
            }
            (void)!vfs_mkdir(&context, "/mnt/new", 0755);
            (void)!vfs_unlink(&context, "/mnt/dir/file");
            (void)!vfs_rmdir(&context, "/mnt/dir");
            (void)!vfs_symlink(&context, "somewhere", "/mnt/dir/there");
            (void)!vfs_umount(&context, "/mnt", 0);
        }
        host_disk_free(disk);
    }
}

static int start(void **state)
{
    struct frame_range ram = {host_arena(256 * MIB), 256 * MIB};
    int fd;

    (void)state;
    host_random_init(&source);
    if (frames_init(&ram, 1, NULL, 0) != 0) {
        return -1;
    }
    strlcpy(image_path, "/tmp/cairn-test-ext-XXXXXX", sizeof(image_path));
    fd = mkstemp(image_path);
    close(fd);
    tmpfs_init();
    ext_register();
    tree_model_start(
        &model, &source,
        (struct tree_features){.has_links = true, .has_exchange = true, .has_holes = true});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return unlink(image_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_matches_the_model_with_4k_blocks),
        cmocka_unit_test(random_work_matches_the_model_with_1k_blocks_and_small_inodes),
        cmocka_unit_test(random_work_matches_the_model_with_2k_blocks),
        cmocka_unit_test(a_full_disk_is_enospc_and_stays_consistent),
        cmocka_unit_test(large_sparse_files_reach_triple_indirect_blocks),
        cmocka_unit_test(an_unlinked_open_file_lives_until_it_is_closed),
        cmocka_unit_test(symbolic_links_of_any_length_come_back),
        cmocka_unit_test(damaged_metadata_is_survived),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
