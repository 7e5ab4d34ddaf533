// SPDX-License-Identifier: MIT
/* Trimming: what is free goes, and nothing else; what was freed is freed on the disk first. */
#include "fs/fat/test/fat_world.h"
#include "fs/vfs/extents.h"

static uint64_t nr_discarded; /* sectors */

static int count_discards(struct host_disk *self, const struct block_request *request)
{
    nr_discarded += request->op == BLOCK_DISCARD ? request->nr_sectors : 0;
    return 0;
}

static int trim(uint64_t start, uint64_t len, uint64_t min, uint64_t *trimmed)
{
    struct trim_range range = {start, len, min, 0};
    struct path path;
    int error;

    assert_int_equal(path_walk(here(), "/mnt", 0, &path), 0);
    error = vfs_trim(path.dentry->super, &range);
    path_put(&path);
    *trimmed = range.trimmed_bytes;
    return error;
}

/* The disk of the tests overwrites what is discarded. */
static void all_that_is_free_is_trimmed_and_nothing_else(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16 -s 4");
    static uint8_t chunk[200000];
    struct file *file;
    uint64_t trimmed;

    mount_disk(disk);
    put_text("/mnt/kept", "this stays");
    file = open_file("/mnt/gone", O_CREAT | O_RDWR);
    assert_int_equal(write_file_at(file, chunk, sizeof(chunk), 0), sizeof(chunk));
    file_put(file);
    put_text("/mnt/behind", "this, too");
    assert_int_equal(vfs_unlink(here(), "/mnt/gone"), 0);
    assert_int_equal(trim(0, 100, 0, &trimmed), -EINVAL);
    assert_int_equal(trim(1ull << 40, UINT64_MAX, 0, &trimmed), -EINVAL);
    assert_int_equal(trim(0, UINT64_MAX, 1ull << 40, &trimmed), -EINVAL);
    disk->filter = count_discards;
    nr_discarded = 0;
    assert_int_equal(trim(0, UINT64_MAX, 0, &trimmed), 0);
    assert_int_equal(trimmed, free_clusters() * 2048);
    assert_int_equal(nr_discarded * SECTOR_SIZE, trimmed);
    assert_int_equal(trim(0, 300000, 1 << 20, &trimmed), 0); /* no run there is so long */
    assert_int_equal(trimmed, 0);
    disk->filter = NULL;
    disk->device.has_discard = false;
    assert_int_equal(trim(0, UINT64_MAX, 0, &trimmed), -EOPNOTSUPP);
    disk->device.has_discard = true;
    unmount();
    check_clean(disk);
    mount_disk(disk);
    expect_text("/mnt/kept", "this stays");
    expect_text("/mnt/behind", "this, too");
    unmount();
    host_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_free_is_trimmed_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
