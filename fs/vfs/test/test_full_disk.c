// SPDX-License-Identifier: MIT
/* A full disk, and a file that is deleted, or replaced, while it is being written back: the writer holds it, and its
 * blocks come back when he lets go. Who needs them after unlink(2) must get them, whatever for, on any file system. */
#include "fs/test/fault_world.h"

enum { NR_ROUNDS = 16 };

static struct super *super;
static _Atomic bool is_written;

/* Write to a new file until there is no more room. */
static void fill(void)
{
    struct file *file;
    uint64_t position = 0;
    ssize_t result;

    assert_int_equal(do_open("/mnt/other", O_CREAT | O_RDWR, &file), 0);
    file_put(file);
    assert_int_equal(do_open("/mnt/fill", O_CREAT | O_RDWR, &file), 0);
    super = file->inode->super;
    while ((result = write_at(file, kept, sizeof(kept), position)) > 0) {
        position += (uint64_t)result;
    }
    assert_int_equal(result, -ENOSPC);
    file_put(file);
}

static void delete_and_use(void)
{
    struct file *file;

    while (atomic_load(&super->in_hand) == NULL && !atomic_load(&is_written)) {
        usleep(100);
    }
    usleep((useconds_t)host_random_below(&source, 3000));
    if (host_random_below(&source, 2) == 0) {
        assert_int_equal(vfs_unlink(&world, "/mnt/fill"), 0);
    } else {
        assert_int_equal(vfs_rename(&world, "/mnt/other", &world, "/mnt/fill", 0), 0);
    }
    switch (host_random_below(&source, 3)) {
    case 0: assert_int_equal(vfs_mkdir(&world, "/mnt/directory", 0755), 0); break;
    case 1:
        assert_int_equal(do_open("/mnt/small", O_CREAT | O_RDWR, &file), 0);
        assert_int_equal(write_at(file, kept, 100, 0), 100);
        file_put(file);
        break;
    default:
        assert_int_equal(do_open("/mnt/place", O_CREAT | O_RDWR, &file), 0);
        assert_int_equal(vfs_fallocate(file, 0, 0, 8192), 0);
        file_put(file);
    }
}

static void delete_or_write_back(unsigned index, void *arg)
{
    if (index == 0) {
        delete_and_use();
    } else {
        (void)!super_write_inodes(super, UINT64_MAX, false);
        atomic_store(&is_written, true);
    }
}

static void fill_and_delete(void)
{
    doing = "filling the disk";
    for (unsigned i = 0; i < NR_ROUNDS; i++) {
        fresh_image();
        mount_disk();
        fill();
        atomic_store(&is_written, false);
        host_disk_set_async(disk, 1, 300);
        host_run_threads(2, delete_or_write_back, NULL);
        host_disk_set_async(disk, 0, 0);
        unmount();
        host_disk_save(disk, image_path);
        run_or_fail(kind->check_again);
    }
}

static void what_was_deleted_while_it_was_written_can_be_used(void **state)
{
    on_each_kind(fill_and_delete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_deleted_while_it_was_written_can_be_used),
    };

    return cmocka_run_group_tests(tests, world_start, world_stop);
}
