// SPDX-License-Identifier: MIT
/* A write is given blocks behind the end of the file, and then its source is not there any more: the blocks go back in the
 * operation that gave them. So no commit has them, however it falls, and neither a mount after a cut nor e2fsck
 * finds a block behind the end of the file.
 *
 * To take them back, the arrays that lead to them are read. If that fails, the file stands on the list of orphans in that same
 * operation, and whoever gets so far first cuts it to its size: the end of the inode, a sync, or the next mount. */
#include "fs/ext/ext_internal.h"
#include "fs/ext/test/ext_world.h"
#include "kernel/base/test_point.h"

enum {
    WRITE_BYTES = PAGE_SIZE,
    SMALL_BYTES = 100,
    DEEP_BYTES = (EXT_NR_DIRECT + 2 * 256 + 4) * BLOCK,
};

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

/* ---- Taking back fails ------------------------------------------------------------------------- */

static int fail_reads(struct host_disk *failing, const struct block_request *request)
{
    return request->op == BLOCK_READ ? -EIO : 0;
}

static void stop_reads(void)
{
    vfs_drop_caches(1);
    (void)mapping_drop_clean(disk->device.cache);
    disk->filter = fail_reads;
}

/* The page has its blocks; now the source goes, and with it the array above the one that leads to them. */
static void vanish_with_arrays(enum test_point point, void *object)
{
    if (point == TEST_WRITE_PREPARED) {
        atomic_store(&test_point_hook, NULL);
        stop_reads();
        host_user_declare(source_bytes, sizeof(source_bytes), HOST_USER_BAD);
    }
}

static uint64_t nr_free(void)
{
    return stats_of("/mnt").nr_free;
}

/* Two pages of data, led to by one array of arrays: it lies in another page of the cache than the second array, which
 * the next blocks go into. */
static void make_deep_file(void)
{
    struct file *file;

    assert_int_equal(do_open("/mnt/deep", O_CREAT | O_RDWR, &file), 0);
    assert_int_equal(write_at(file, source_bytes, PAGE_SIZE, DEEP_BYTES - 65 * PAGE_SIZE),
                     PAGE_SIZE);
    assert_int_equal(write_at(file, source_bytes, PAGE_SIZE, DEEP_BYTES - PAGE_SIZE), PAGE_SIZE);
    file_put(file);
}

/* Returns how many bytes are free. */
static uint64_t begin_excess(void)
{
    (void)fresh_image(NULL);
    assert_int_equal(mount_with(0), 0);
    make_deep_file();
    unmount(); /* what a journal has is in its place */
    assert_int_equal(mount_with(0), 0);
    return nr_free();
}

/* The file has blocks behind its end, and cannot be rid of them. */
static void keep_excess(uint64_t nr_free_before)
{
    uint64_t position = DEEP_BYTES;
    struct iter iter;
    struct file *file;

    assert_int_equal(do_open("/mnt/deep", O_RDWR, &file), 0);
    atomic_store(&test_point_hook, vanish_with_arrays);
    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)source_bytes), sizeof(source_bytes));
    assert_int_equal(vfs_write(file, &iter, &position), -EFAULT);
    assert_null(atomic_load(&test_point_hook));
    host_user_forget_all();
    assert_true(nr_free() < nr_free_before);
    file_put(file);
}

static void expect_cut(uint64_t nr_free_before)
{
    struct kstat stat;

    assert_int_equal(nr_free(), nr_free_before);
    assert_int_equal(look("/mnt/deep", &stat), 0);
    assert_int_equal(stat.size_bytes, DEEP_BYTES);
    unmount();
    expect_clean();
}

static void what_cannot_be_taken_back_goes_with_the_inode(void **state)
{
    uint64_t nr_before = begin_excess();

    keep_excess(nr_before);
    disk->filter = NULL;
    vfs_sync_all(); /* a dirty inode stays */
    vfs_drop_caches(3);
    expect_cut(nr_before);
}

/* The inode leaves memory while the disk still fails. */
static void what_cannot_be_taken_back_is_tried_again_by_a_sync(void **state)
{
    uint64_t nr_before = begin_excess();

    keep_excess(nr_before);
    disk->filter = NULL;
    vfs_sync_all();
    stop_reads();
    vfs_drop_caches(3);
    assert_true(nr_free() < nr_before);
    disk->filter = NULL;
    vfs_sync_all();
    expect_cut(nr_before);
}

static void what_cannot_be_taken_back_is_cut_by_the_next_mount(void **state)
{
    uint64_t nr_before = begin_excess();

    keep_excess(nr_before);
    disk->filter = NULL;
    vfs_sync_all();
    memcpy(at_the_commit, disk->bytes, IMAGE_BYTES);
    vfs_drop_caches(3);
    expect_cut(nr_before);
    if (has_journal()) { /* without one, a cut leaves that to e2fsck */
        forget_cache();
        memcpy(disk->bytes, at_the_commit, IMAGE_BYTES);
        machine_listen();
        assert_int_equal(mount_with(0), 0);
        assert_true(machine_said("0 inodes without names freed, 1 files cut to their sizes"));
        expect_cut(nr_before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_a_write_has_not_filled_are_taken_back_before_a_commit),
        cmocka_unit_test(what_cannot_be_taken_back_goes_with_the_inode),
        cmocka_unit_test(what_cannot_be_taken_back_is_tried_again_by_a_sync),
        cmocka_unit_test(what_cannot_be_taken_back_is_cut_by_the_next_mount),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
