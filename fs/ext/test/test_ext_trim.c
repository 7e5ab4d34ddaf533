// SPDX-License-Identifier: MIT
/* Trimming: what is free goes, what is in use stays, and what was freed goes only when its freeing is on the disk. The
 * disk of the tests overwrites what is discarded. */
#include "fs/ext/test/ext_world.h"
#include "fs/vfs/extents.h"
#include "tools/host/host.h"

static unsigned nr_discards, nr_flushes;
static uint64_t nr_discarded; /* sectors */

static int watch(struct host_disk *self, const struct block_request *request)
{
    if (request->op == BLOCK_DISCARD) {
        nr_discards++;
        nr_discarded += request->nr_sectors;
    }
    nr_flushes += request->op == BLOCK_FLUSH ? 1 : 0;
    return 0;
}

static struct super *super_of_mnt(void)
{
    struct path path;
    struct super *super;

    assert_int_equal(path_walk(&world, "/mnt", 0, &path), 0);
    super = path.dentry->super;
    path_put(&path);
    return super;
}

static uint64_t free_blocks(void)
{
    return stats_of("/mnt").nr_free;
}

static int trim(uint64_t start, uint64_t len, uint64_t min, uint64_t *trimmed)
{
    struct trim_range range = {start, len, min, 0};
    int error = vfs_trim(super_of_mnt(), &range);

    *trimmed = range.trimmed_bytes;
    return error;
}

static void check_files(void)
{
    static uint8_t bytes[300 << 10];
    struct file *file;

    assert_int_equal(do_open("/mnt/dir/file", O_RDONLY, &file), 0);
    assert_int_equal(read_at(file, bytes, sizeof(bytes), 0), sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(bytes[i], (uint8_t)(i / BLOCK + 1));
    }
    file_put(file);
}

static void all_that_is_free_goes_and_nothing_else(void **state)
{
    uint64_t trimmed;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(write_pattern("/mnt/gone", 200 << 10), 200 << 10);
    vfs_sync_all();
    assert_int_equal(vfs_unlink(&world, "/mnt/gone"), 0);
    disk->filter = watch;
    nr_discards = nr_flushes = 0;
    nr_discarded = 0;
    assert_int_equal(trim(0, UINT64_MAX, 0, &trimmed), 0);
    assert_int_equal(trimmed, free_blocks() * BLOCK);
    assert_int_equal(nr_discarded * SECTOR_SIZE, trimmed);
    assert_true(nr_flushes != 0); /* the freeing came first */
    unmount();
    forget_cache();
    expect_clean();
    assert_int_equal(mount_with(0), 0);
    check_files();
    unmount();
}

static void the_range_and_the_minimum_are_obeyed(void **state)
{
    uint64_t trimmed;

    assert_int_equal(mount_with(0), 0);
    assert_int_equal(trim(0, 100, 0, &trimmed), -EINVAL);
    assert_int_equal(trim(IMAGE_BYTES, UINT64_MAX, 0, &trimmed), -EINVAL);
    assert_int_equal(trim(0, UINT64_MAX, 1ull << 40, &trimmed), -EINVAL);
    assert_int_equal(trim(IMAGE_BYTES - 10 * BLOCK, UINT64_MAX, 0, &trimmed), 0);
    assert_int_equal(trimmed, 10 * BLOCK);
    assert_int_equal(trim(IMAGE_BYTES - 10 * BLOCK, UINT64_MAX, 11 * BLOCK, &trimmed), 0);
    assert_int_equal(trimmed, 0);
    disk->device.has_discard = false;
    assert_int_equal(trim(0, UINT64_MAX, 0, &trimmed), -EOPNOTSUPP);
    disk->device.has_discard = true;
    unmount();
}

/* What the disk's own bitmap says of the blocks that are discarded: all of them are in the one group. */
static unsigned nr_not_free;

static int look_at_the_bitmap(struct host_disk *self, const struct block_request *request)
{
    const uint8_t *bitmap = block_on_disk(le32_get(group_on_disk(0)->block_bitmap));

    if (request->op == BLOCK_DISCARD) {
        uint64_t first = request->sector / (BLOCK / SECTOR_SIZE) - 1;

        for (uint64_t i = first; i < first + request->nr_sectors / (BLOCK / SECTOR_SIZE); i++) {
            nr_not_free += (bitmap[i / 8] >> i % 8) & 1;
        }
    }
    return 0;
}

static _Atomic bool is_over;

static void grow_and_shrink_or_trim(unsigned index, void *arg)
{
    static uint8_t bytes[64 << 10];
    struct file *file;
    uint64_t trimmed;

    if (index == 1) {
        for (unsigned i = 0; i < 60; i++) {
            assert_int_equal(trim(0, UINT64_MAX, 0, &trimmed), 0);
        }
        atomic_store(&is_over, true);
        return;
    }
    assert_int_equal(do_open("/mnt/changing", O_CREAT | O_RDWR, &file), 0);
    while (!atomic_load(&is_over)) {
        assert_int_equal(write_at(file, bytes, sizeof(bytes), 0), sizeof(bytes));
        assert_int_equal(vfs_fsync(file, 0, INT64_MAX, false), 0);
        assert_int_equal(vfs_truncate_file(file, 0), 0);
    }
    file_put(file);
}

static void what_is_free_in_memory_alone_stays(void **state)
{
    uint64_t trimmed;

    assert_int_equal(mount_with(0), 0);
    disk->filter = look_at_the_bitmap;
    nr_not_free = 0;
    atomic_store(&is_over, false);
    host_run_threads(2, grow_and_shrink_or_trim, NULL);
    assert_int_equal(nr_not_free, 0);
    assert_int_equal(trim(0, UINT64_MAX, 0, &trimmed), 0);
    assert_int_equal(trimmed, free_blocks() * BLOCK);
    check_files();
    disk->filter = NULL;
    unmount();
    expect_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_that_is_free_goes_and_nothing_else, fresh_image),
        cmocka_unit_test_setup(the_range_and_the_minimum_are_obeyed, fresh_image),
        cmocka_unit_test_setup(what_is_free_in_memory_alone_stays, fresh_image),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
