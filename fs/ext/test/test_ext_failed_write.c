// SPDX-License-Identifier: MIT
/* A write is given blocks behind the end of the file, and then its source is not there any more: the blocks go back in the
 * operation that gave them. So no commit has them, however it falls, and neither a mount after a cut nor e2fsck
 * finds a block behind the end of the file. */
#include "fs/ext/ext_internal.h"
#include "fs/ext/test/ext_world.h"
#include "kernel/base/test_point.h"

enum { WRITE_BYTES = PAGE_SIZE, SMALL_BYTES = 100 };

static uint8_t source_bytes[WRITE_BYTES];
static uint8_t at_the_commit[IMAGE_BYTES];
static size_t vanish_from;
static struct super *super;
static _Atomic bool is_committed;

static bool has_journal(void)
{
    return (le32_get(super_on_disk()->feature_compat) & EXT_COMPAT_HAS_JOURNAL) != 0;
}

/* The commit alone: a sync waits for other things before, and the writer may be done with all by then. */
static void commit_in_a_thread(void *arg)
{
    struct ext_fs *fs = arg;

    if (fs->journal != NULL) {
        assert(journal_commit_all(fs->journal) == 0);
    } else {
        vfs_sync_all();
    }
    memcpy(at_the_commit, disk->bytes, IMAGE_BYTES);
    atomic_store(&is_committed, true);
}

/* The page has its blocks; now somebody asks for a commit, and the source goes. */
static void vanish(enum test_point point, void *object)
{
    if (point == TEST_WRITE_PREPARED) {
        atomic_store(&test_point_hook, NULL);
        assert(port_spawn("commit", commit_in_a_thread, ext_fs(super)) != NULL);
        usleep(5000);
        host_user_declare(source_bytes + vanish_from, sizeof(source_bytes) - vanish_from,
                          HOST_USER_BAD);
    }
}

static ssize_t write_what_vanishes(struct file *file, uint64_t position, size_t from)
{
    struct iter iter;
    ssize_t result;

    vanish_from = from;
    super = file->inode->super;
    atomic_store(&is_committed, false);
    atomic_store(&test_point_hook, vanish);
    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)source_bytes), sizeof(source_bytes));
    result = vfs_write(file, &iter, &position);
    assert_null(atomic_load(&test_point_hook));
    host_user_forget_all();
    while (!atomic_load(&is_committed)) {
        usleep(100);
    }
    return result;
}

/* Sectors of the file's blocks, of 1 KiB each: SMALL_BYTES in one, and `len` bytes at `position` with the arrays that lead there. */
static uint64_t sectors_for(uint64_t position, size_t len)
{
    uint64_t nr_blocks = (len + BLOCK - 1) / BLOCK;

    if (len != 0 && position >= EXT_NR_DIRECT * BLOCK) {
        nr_blocks++;
    }
    return (1 + nr_blocks) * (BLOCK / SECTOR_SIZE);
}

static void expect_no_excess(uint64_t position, size_t len)
{
    struct kstat stat;

    assert_int_equal(look("/mnt/dir/small", &stat), 0);
    assert_int_equal(stat.size_bytes, len != 0 ? position + len : SMALL_BYTES);
    assert_int_equal(stat.nr_sectors, sectors_for(position, len));
}

static void fail_at(uint64_t position, size_t len)
{
    struct file *file;

    (void)fresh_image(NULL);
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(do_open("/mnt/dir/small", O_RDWR, &file), 0);
    assert_int_equal(write_what_vanishes(file, position, len), len != 0 ? (ssize_t)len : -EFAULT);
    file_put(file);
    expect_no_excess(position, len);
    unmount();
    expect_clean();

    forget_cache();
    memcpy(disk->bytes, at_the_commit, IMAGE_BYTES);
    if (has_journal()) {
        assert_int_equal(mount_with(0), 0);
        unmount();
    }
    expect_clean();
}

static void blocks_that_a_write_has_not_filled_are_taken_back_before_a_commit(void **state)
{
    static const size_t lens[] = {0, 1, BLOCK, 2 * BLOCK + 500};

    for (size_t i = 0; i < array_size(lens); i++) {
        fail_at(2 * PAGE_SIZE, lens[i]); /* led to by the inode */
        fail_at(8 * PAGE_SIZE, lens[i]); /* by an array that is new as well */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_a_write_has_not_filled_are_taken_back_before_a_commit),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
