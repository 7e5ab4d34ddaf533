// SPDX-License-Identifier: MIT
/* Disks that fail while a file system on them is mounted, made read-only or writable, or unmounted: the n-th read, write
 * or flush of that alone gets EIO, once or from the n-th on, or the n-th allocation fails, or both at once. Each is begun
 * with a disk that was unmounted, and with one that a power cut has left, with a journal to be replayed and an orphan.
 *
 * What must hold each time: the call fails with EIO or ENOMEM and a line in the log, or it has done what it says; what
 * is lost at an unmount is said to be lost; a mount that is still writable can be written; and when the fault is lifted the
 * disk can be mounted, has what was promised, and is clean for its checker, without a leak. Only where a disk does no
 * more writes or flushes from the middle of an unmount on, the checker may have to ask a person on ext2: that is a power
 * cut without a journal. A name may be on the disk without its inode, or an inode without its name, and e2fsck -p does not
 * decide what becomes of a file without a name. One request or allocation that fails leaves nothing to decide, nor do
 * reads and allocations that go on failing.
 *
 * A run takes every few n, from a random first one; with CAIRN_FAULTS=all every n. */
#include "fs/test/fault_world.h"

#define NR_WAYS 5u

enum way { BY_MOUNT, BY_MOUNT_AFTER_CUT, BY_REMOUNT_RO, BY_REMOUNT_RW, BY_UMOUNT };

static uint8_t *unmounted_image, *cut_image; /* both with /mnt/kept */
static uint64_t nth_allocation;              /* that fails; 0: none */

/* ---- Images ---------------------------------------------------------------------------------- */

static uint8_t *copy_of_disk(void)
{
    uint8_t *copy = malloc((size_t)kind->size_kib << 10);

    memcpy(copy, disk->bytes, (size_t)kind->size_kib << 10);
    return copy;
}

static void make_images(void)
{
    struct file *file;

    fresh_image();
    mount_disk();
    assert_true(write_file("/mnt/kept", kept, sizeof(kept), 0, true));
    unmount();
    unmounted_image = copy_of_disk();
    mount_disk();
    assert_int_equal(do_open("/mnt/gone", O_CREAT | O_RDWR, &file), 0);
    assert_int_equal(write_at(file, kept, sizeof(kept), 0), sizeof(kept));
    assert_int_equal(vfs_unlink(&world, "/mnt/gone"), 0);
    assert_int_equal(vfs_mkdir(&world, "/mnt/dir", 0755), 0);
    vfs_sync_all();
    cut_image = copy_of_disk();
    file_put(file);
    unmount();
}

static void use_image(const uint8_t *image)
{
    host_disk_forget_cache(disk);
    memcpy(disk->bytes, image, (size_t)kind->size_kib << 10);
}

/* ---- The fault ------------------------------------------------------------------------------- */

static void begin_fault(void)
{
    fault.nr = 0;
    machine_listen();
    disk->filter = fail_some;
    if (nth_allocation != 0) {
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth_allocation, fault.is_lasting);
    }
}

/* Returns whether anything has failed meanwhile. */
static bool end_fault(void)
{
    uint64_t nr_refused = nth_allocation != 0 ? fault_inject_disarm() : 0;

    disk->filter = NULL;
    host_set_console(NULL);
    return fault.nr > fault.nth || nr_refused != 0;
}

static const char *const way_names[NR_WAYS] = {"mount", "mount after a cut", "remount to read-only",
                                               "remount to writable", "unmount"};

static void complain(enum way way, const char *what, int error)
{
    fail_msg("%s: %s, op %u, n %u%s, allocation %u: %s (error %d)\n%s", kind->name, way_names[way],
             fault.op, fault.nth, fault.is_lasting ? " and all after" : "",
             (unsigned)nth_allocation, what, error, machine_log);
}

static void expect_good_error(enum way way, int error, bool has_failed)
{
    if (error == 0) {
        return;
    }
    if (!has_failed) {
        complain(way, "nothing has failed but the call", error);
    }
    if (error != -ENOMEM && error != -EIO) {
        complain(way, "not the error of what has failed", error);
    }
    if (error == -EIO && machine_log[0] == '\0') {
        complain(way, "no line in the log", error);
    }
}

/* ---- Each of the ways ------------------------------------------------------------------------ */

static int mount_with(uint32_t flags)
{
    return vfs_mount(&world, disk->device.name, "/mnt", kind->type, flags, "");
}

static void mount_under_fault(enum way way)
{
    bool has_failed;
    int error;

    use_image(way == BY_MOUNT ? unmounted_image : cut_image);
    begin_fault();
    error = mount_with(0);
    has_failed = end_fault();
    expect_good_error(way, error, has_failed);
    if (error != 0) {
        mount_disk();
    }
}

/* Changes that nobody has waited for. */
static void make_dirty(void)
{
    assert_true(write_file("/mnt/late", kept, sizeof(kept), 0, false));
    assert_int_equal(vfs_mkdir(&world, "/mnt/new", 0755), 0);
    assert_true(write_file("/mnt/new/below", kept, 5000, 0, false));
}

static bool has_content(const char *name, size_t len)
{
    static uint8_t found[KEPT_BYTES];
    struct file *file;
    bool result;

    if (do_open(name, O_RDONLY, &file) != 0) {
        return false;
    }
    result = read_at(file, found, len, 0) == (ssize_t)len && memcmp(found, kept, len) == 0;
    file_put(file);
    return result;
}

static bool has_all(void)
{
    return has_content("/mnt/late", sizeof(kept)) && has_content("/mnt/new/below", 5000);
}

/* Whether writing goes on as if nothing had been, or is refused. */
static void expect_whole_or_read_only(enum way way)
{
    int error = vfs_mkdir(&world, "/mnt/after", 0755);

    if (error != -EROFS && (error != 0 || !write_file("/mnt/after/file", kept, 3000, 0, true))) {
        complain(way, "neither writable nor read-only afterwards", error);
    }
}

static void make_read_only_under_fault(void)
{
    bool has_failed;
    int error;

    use_image(unmounted_image);
    mount_disk();
    make_dirty();
    begin_fault();
    error = mount_with(SUPER_REMOUNT | SUPER_RDONLY);
    has_failed = end_fault();
    expect_good_error(BY_REMOUNT_RO, error, has_failed);
    if (error != 0) {
        expect_whole_or_read_only(BY_REMOUNT_RO);
        error = mount_with(SUPER_REMOUNT | SUPER_RDONLY);
        if (error != 0 && error != -EIO) {
            complain(BY_REMOUNT_RO, "again, without the fault", error);
        }
        return;
    }
    host_disk_save(disk, image_path); /* all of it is there already */
    run_or_fail(kind->check);
    vfs_drop_caches(3);
    if (!has_all()) {
        complain(BY_REMOUNT_RO, "it has not written everything", 0);
    }
}

static void make_writable_under_fault(void)
{
    bool has_failed;
    int error;

    use_image(unmounted_image);
    assert_int_equal(mount_with(SUPER_RDONLY), 0);
    begin_fault();
    error = mount_with(SUPER_REMOUNT);
    has_failed = end_fault();
    expect_good_error(BY_REMOUNT_RW, error, has_failed);
    if (error != 0) {
        assert_int_equal(vfs_mkdir(&world, "/mnt/after", 0755), -EROFS);
        error = mount_with(SUPER_REMOUNT);
        if (error != 0 && error != -EROFS) {
            complain(BY_REMOUNT_RW, "again, without the fault", error);
        }
    }
    expect_whole_or_read_only(BY_REMOUNT_RW);
}

static void unmount_under_fault(void)
{
    bool has_said_so;
    int error;

    use_image(unmounted_image);
    mount_disk();
    make_dirty();
    begin_fault();
    error = vfs_umount(&world, "/mnt", 0);
    (void)!end_fault();
    if (error == -ENOMEM) { /* of the walk */
        unmount();
    } else if (error != 0) {
        complain(BY_UMOUNT, "it is not unmounted", error);
    }
    if (fault.nth % 2 == 0) {
        host_disk_forget_cache(disk);
    }
    has_said_so = strstr(machine_log, "data was lost") != NULL;
    may_need_a_person = has_said_so && fault.is_lasting && fault.op != BLOCK_READ;
    mount_disk();
    if (!has_all() && !has_said_so) {
        complain(BY_UMOUNT, "what was lost is not said to be lost", 0);
    }
}

static void go(enum way way)
{
    doing = way_names[way];
    switch (way) {
    case BY_MOUNT:
    case BY_MOUNT_AFTER_CUT: mount_under_fault(way); break;
    case BY_REMOUNT_RO: make_read_only_under_fault(); break;
    case BY_REMOUNT_RW: make_writable_under_fault(); break;
    case BY_UMOUNT: unmount_under_fault(); break;
    }
    if (!has_content("/mnt/kept", sizeof(kept))) {
        complain(way, "what was promised is not there", 0);
    }
    check_after(true, fault.nth);
    may_need_a_person = false;
}

/* ---- Every n --------------------------------------------------------------------------------- */

static unsigned stride(void)
{
    return step() == 1 ? 1 : 11;
}

static void fail_each(enum way way, enum block_op op, bool is_lasting)
{
    unsigned nr_all = 1;

    fault.op = op;
    fault.is_lasting = is_lasting;
    for (unsigned n = first() % stride(); n < nr_all; n += stride()) {
        fault.nth = n;
        go(way);
        nr_all = max_of(nr_all, fault.nr);
    }
}

static void without_memory(enum way way, bool is_lasting)
{
    fault.op = BLOCK_READ;
    fault.nth = UINT32_MAX - 1;
    fault.is_lasting = is_lasting;
    for (unsigned n = 1 + first() % stride(); n < 120; n += stride()) {
        nth_allocation = n;
        go(way);
    }
    nth_allocation = 0;
}

static void without_both(enum way way)
{
    static const enum block_op ops[] = {BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH};

    for (unsigned n = 0; n < 66; n += stride()) {
        fault.op = ops[host_random_below(&source, array_size(ops))];
        fault.nth = (unsigned)host_random_below(&source, 30);
        fault.is_lasting = host_random_below(&source, 3) == 0;
        nth_allocation = 1 + host_random_below(&source, 80);
        go(way);
    }
    nth_allocation = 0;
}

static void fail_in_each_way(void)
{
    make_images();
    for (enum way way = 0; way < NR_WAYS; way++) {
        for (unsigned lasting = 0; lasting < 2; lasting++) {
            fail_each(way, BLOCK_READ, lasting != 0);
            fail_each(way, BLOCK_WRITE, lasting != 0);
            fail_each(way, BLOCK_FLUSH, lasting != 0);
            without_memory(way, lasting != 0);
        }
        without_both(way);
    }
    free(unmounted_image);
    free(cut_image);
}

static void a_mount_survives_what_fails_while_it_begins_changes_and_ends(void **state)
{
    on_each_kind(fail_in_each_way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mount_survives_what_fails_while_it_begins_changes_and_ends),
    };

    return cmocka_run_group_tests(tests, world_start, world_stop);
}
