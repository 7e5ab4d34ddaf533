// SPDX-License-Identifier: MIT
/* Disks that fail, under each file system with a disk: the n-th read, write or flush of a scripted load gets EIO, once, or
 * from the n-th on until the fault is lifted; blocks run out one by one; memory is short meanwhile.
 *
 * What must hold each time: nothing panics or hangs; an fsync that reports success has succeeded; when the fault is lifted
 * and the file system unmounted (with a journal: mounted again), its checker finds nothing; no object leaks, and no page
 * of the disk is still held.
 *
 * A run takes every few n, from a random first one; with CAIRN_FAULTS=all every n. Which memory is short while which
 * request fails is a matter of the seed. */
#include "fs/test/fault_world.h"

/* ---- Requests that fail ---------------------------------------------------------------------- */

static void fail_each(enum block_op op, bool is_lasting)
{
    unsigned nr_all = 1;

    for (unsigned n = first(); n < nr_all + step(); n += step()) {
        bool is_kept;

        fresh_image();
        mount_disk();
        fault.op = op;
        fault.nth = n;
        fault.nr = 0;
        fault.is_lasting = is_lasting;
        disk->filter = fail_some;
        is_kept = load();
        disk->filter = NULL;
        nr_all = max_of(nr_all, fault.nr);
        check_after(is_kept, n);
    }
}

static void fail_reads(void)
{
    fail_each(BLOCK_READ, false);
    fail_each(BLOCK_READ, true);
}

static void fail_writes(void)
{
    fail_each(BLOCK_WRITE, false);
    fail_each(BLOCK_WRITE, true);
}

static void fail_flushes(void)
{
    fail_each(BLOCK_FLUSH, false);
    fail_each(BLOCK_FLUSH, true);
}

static void reads_that_fail_leave_a_sound_disk(void **state)
{
    on_each_kind(fail_reads);
}

static void writes_that_fail_leave_a_sound_disk_and_fsync_says_so(void **state)
{
    on_each_kind(fail_writes);
}

static void flushes_that_fail_leave_a_sound_disk_and_fsync_says_so(void **state)
{
    on_each_kind(fail_flushes);
}

/* ---- fsync reports once to each open file ---------------------------------------------------- */

static int fail_writes_of_data(struct host_disk *failing, const struct block_request *request)
{
    return request->op == BLOCK_WRITE && request->nr_sectors >= 8 ? -EIO : 0;
}

static int sync_file(struct file *file)
{
    return vfs_fsync(file, 0, UINT64_MAX, false);
}

static void lose_a_write(bool by_fsync)
{
    struct file *writer, *other, *later;

    fresh_image();
    mount_disk();
    assert_int_equal(do_open("/mnt/f", O_CREAT | O_RDWR, &writer), 0);
    assert_int_equal(write_at(writer, kept, sizeof(kept), 0), sizeof(kept));
    assert_int_equal(sync_file(writer), 0);
    assert_int_equal(do_open("/mnt/f", O_RDWR, &other), 0);
    assert_int_equal(write_at(writer, kept, sizeof(kept), 0), sizeof(kept));
    disk->filter = fail_writes_of_data;
    if (by_fsync) {
        assert_int_equal(sync_file(writer), -EIO);
    } else {
        vfs_sync_all(); /* nobody is told */
    }
    disk->filter = NULL;
    assert_int_equal(do_open("/mnt/f", O_RDWR, &later), 0);
    if (!by_fsync) {
        assert_int_equal(sync_file(writer), -EIO);
    }
    assert_int_equal(sync_file(writer), 0);
    assert_int_equal(sync_file(other), -EIO);
    assert_int_equal(sync_file(other), 0);
    assert_int_equal(sync_file(later), 0);
    file_put(writer);
    file_put(other);
    file_put(later);
    unmount();
}

static void lose_writes(void)
{
    lose_a_write(true);
    lose_a_write(false);
}

static void fsync_reports_a_lost_write_once_to_each_open_file(void **state)
{
    on_each_kind(lose_writes);
}

/* ---- No room --------------------------------------------------------------------------------- */

static uint64_t nr_free_bytes(void)
{
    struct super_stats stats = stats_of("/mnt");

    return stats.nr_free * stats.block_size_bytes;
}

/* Fill the disk but for so many bytes. */
static void fill_up(uint64_t left_bytes)
{
    static uint8_t piece[65536];
    struct file *file;
    uint64_t position = 0;

    assert_int_equal(do_open("/mnt/filler", O_CREAT | O_RDWR, &file), 0);
    while (nr_free_bytes() > left_bytes) {
        size_t len = (size_t)min_of(nr_free_bytes() - left_bytes, (uint64_t)sizeof(piece));
        ssize_t written = write_at(file, piece, len, position);

        if (written <= 0) {
            break;
        }
        position += (uint64_t)written;
    }
    assert_int_equal(sync_file(file), 0);
    file_put(file);
}

static void run_out_of_room(void)
{
    for (unsigned n = first() % 7; n < 130; n += step() == 1 ? 1 : 17) {
        bool is_kept;

        fresh_image();
        mount_disk();
        fill_up(n * 1024ull);
        is_kept = load();
        assert_int_equal(vfs_unlink(&world, "/mnt/filler"), 0);
        check_after(is_kept, n);
    }
}

static void blocks_that_run_out_anywhere_leave_a_sound_disk(void **state)
{
    on_each_kind(run_out_of_room);
}

/* Leave so many inodes. */
static void use_up_inodes(uint64_t nr_left, unsigned *nr_made)
{
    char name[32];

    for (*nr_made = 0; stats_of("/mnt").nr_inodes_free > nr_left; (*nr_made)++) {
        ksnprintf(name, sizeof(name), "/mnt/filler%u", *nr_made);
        assert_int_equal(make(name), 0);
    }
}

static void run_out_of_inodes(void)
{
    char name[32];

    for (unsigned n = 0; n < 8; n++) { /* the load needs fewer */
        unsigned nr_made;
        bool is_kept;

        fresh_image();
        mount_disk();
        if (stats_of("/mnt").nr_inodes == 0) { /* FAT */
            unmount();
            return;
        }
        use_up_inodes(n, &nr_made);
        is_kept = load();
        if (n == 0) {
            assert_false(is_kept);
            assert_int_equal(vfs_mkdir(&world, "/mnt/one", 0755), -ENOSPC);
            assert_int_equal(make("/mnt/one"), -ENOSPC);
            assert_int_equal(vfs_symlink(&world, "x", "/mnt/one"), -ENOSPC);
            assert_int_equal(vfs_unlink(&world, "/mnt/filler0"), 0);
            assert_int_equal(make("/mnt/filler0"), 0); /* and is not asked for a sync before */
        }
        while (nr_made-- != 0) {
            ksnprintf(name, sizeof(name), "/mnt/filler%u", nr_made);
            assert_int_equal(vfs_unlink(&world, name), 0);
        }
        check_after(is_kept, n);
    }
}

static void inodes_that_run_out_anywhere_leave_a_sound_disk(void **state)
{
    on_each_kind(run_out_of_inodes);
}

/* ---- No memory, and a disk that fails -------------------------------------------------------- */

static void fail_both(void)
{
    static const enum block_op ops[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH};

    for (unsigned n = 0; n < 140; n += step() == 1 ? 1 : 14) {
        uint64_t nth_allocation = 1 + host_random_below(&source, 400);
        bool is_kept;

        fresh_image();
        mount_disk();
        fault.op = ops[host_random_below(&source, array_size(ops))];
        fault.nth = (unsigned)host_random_below(&source, 60);
        fault.nr = 0;
        fault.is_lasting = host_random_below(&source, 3) == 0;
        disk->filter = fail_some;
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth_allocation,
                         host_random_below(&source, 5) == 0);
        is_kept = load();
        fault_inject_disarm();
        disk->filter = NULL;
        check_after(is_kept, n);
    }
}

static void memory_that_is_short_while_a_disk_fails_leaves_a_sound_disk(void **state)
{
    on_each_kind(fail_both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_that_fail_leave_a_sound_disk),
        cmocka_unit_test(writes_that_fail_leave_a_sound_disk_and_fsync_says_so),
        cmocka_unit_test(flushes_that_fail_leave_a_sound_disk_and_fsync_says_so),
        cmocka_unit_test(fsync_reports_a_lost_write_once_to_each_open_file),
        cmocka_unit_test(blocks_that_run_out_anywhere_leave_a_sound_disk),
        cmocka_unit_test(inodes_that_run_out_anywhere_leave_a_sound_disk),
        cmocka_unit_test(memory_that_is_short_while_a_disk_fails_leaves_a_sound_disk),
    };

    return cmocka_run_group_tests(tests, world_start, world_stop);
}
