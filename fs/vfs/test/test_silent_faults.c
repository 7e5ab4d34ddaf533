// SPDX-License-Identifier: MIT
/* Disks that do not answer, under each file system with a disk: from the n-th request of a scripted load on, the disk takes
 * requests and says nothing. The block layer's watch notices, resets it, and lets what it had fail; whether that was done
 * all the same is anybody's guess. Then the disk answers again, or it does not and is given up.
 *
 * What must hold each time: nobody waits for ever, and who waited is told EIO; an fsync that reports success has succeeded;
 * nothing leaks; and afterwards the disk is sound for its checker. A disk that was given up is unmounted as it is, and looked
 * at by a machine that was switched on again: that is a power cut, so on ext2 the checker may have to ask a person.
 *
 * A run takes every few n, from a random first one; with CAIRN_FAULTS=all every n. Which of the requests without an answer
 * take effect is a matter of the seed. A disk that works in a thread of its own has several at once. That nobody waits for ever needs no clock here: the test would not end. */
#include "fs/test/fault_world.h"

static void begin_silence(unsigned n, uint32_t nr_resets)
{
    fault.nth = n;
    machine_listen();
    host_disk_silence(disk, n, nr_resets, host_random_next(&source));
}

/* Every n, until a round has fewer requests; on a disk that takes one at a time, and on one that works by itself. */
static void walk(bool (*go)(unsigned n))
{
    static const unsigned depths[] = {0, 3};

    for (unsigned i = 0; i < array_size(depths); i++) {
        host_disk_set_async(disk, depths[i], 0);
        for (unsigned n = first(); go(n); n += step()) {
        }
    }
    host_disk_set_async(disk, 0, 0);
}

/* Nothing that is asked of a disk that was given up is done. */
static void expect_refusals(void)
{
    if (write_file("/mnt/late", kept, sizeof(kept), 0, true)) {
        fail_msg("%s: n %u: fsync says it has succeeded, on a disk that was given up", kind->name,
                 fault.nth);
    }
}

static void expect_log(const char *text)
{
    if (strstr(machine_log, text) == NULL) {
        fail_msg("%s: n %u: the log does not say \"%s\": %s", kind->name, fault.nth, text,
                 machine_log);
    }
}

/* Returns whether the disk fell silent at all. */
static bool end_silence(void)
{
    bool is_given_up = atomic_load(&disk->device.is_dead);
    bool was_silent = host_disk_end_silence(disk) != 0;

    host_set_console(NULL);
    if (was_silent) {
        expect_log("requests fail, and the disk is reset");
    }
    if (is_given_up) {
        expect_log("requests fail, and the disk is given up");
    }
    return was_silent;
}

/* ---- A reset helps ----------------------------------------------------------------------------- */

static bool lose_some(unsigned n)
{
    bool is_kept, was_silent;

    fresh_image();
    mount_disk();
    begin_silence(n, 1);
    is_kept = load();
    was_silent = end_silence();
    check_after(is_kept, n);
    return was_silent;
}

static void reset_at_each(void)
{
    doing = "a load on a disk that a reset makes answer again";
    walk(lose_some);
}

static void a_disk_that_is_silent_until_it_is_reset_stays_sound(void **state)
{
    on_each_kind(reset_at_each);
}

/* ---- Nothing helps ----------------------------------------------------------------------------- */

static bool lose_the_disk(unsigned n)
{
    bool is_kept;

    fresh_image();
    mount_disk();
    begin_silence(n, HOST_DISK_FOR_GOOD);
    is_kept = load();
    if (atomic_load(&disk->device.is_dead)) {
        expect_refusals();
    }
    unmount();
    may_need_a_person = end_silence();
    check_unmounted(is_kept, n);
    return may_need_a_person;
}

static void give_up_at_each(void)
{
    doing = "a load on a disk that is given up";
    walk(lose_the_disk);
    may_need_a_person = false;
}

static void a_disk_that_is_given_up_is_sound_when_it_comes_back(void **state)
{
    on_each_kind(give_up_at_each);
}

/* ---- fsync reports once to each open file ---------------------------------------------------- */

static void expect_sync(struct file *file, int wanted)
{
    assert_int_equal(vfs_fsync(file, 0, UINT64_MAX, false), wanted);
}

static void lose_a_write(void)
{
    struct file *writer, *other;

    fresh_image();
    mount_disk();
    assert_int_equal(do_open("/mnt/kept", O_CREAT | O_RDWR, &writer), 0);
    assert_int_equal(write_at(writer, kept + 1, sizeof(kept) - 1, 0), sizeof(kept) - 1);
    expect_sync(writer, 0);
    assert_int_equal(do_open("/mnt/kept", O_RDWR, &other), 0);
    assert_int_equal(write_at(writer, kept, sizeof(kept) - 1, 0), sizeof(kept) - 1);
    begin_silence(0, 1);
    expect_sync(writer, -EIO);
    assert_true(end_silence());
    expect_sync(writer, 0);
    expect_sync(other, -EIO);
    expect_sync(other, 0);
    assert_int_equal(write_at(writer, kept, sizeof(kept), 0), sizeof(kept));
    expect_sync(writer, 0);
    file_put(writer);
    file_put(other);
    check_after(true, 0);
}

/* Each request of an fsync is one that it has to wait for, flushes too. */
static bool lose_one_of_a_sync(unsigned n)
{
    struct file *file;
    bool was_silent;
    int error;

    fresh_image();
    mount_disk();
    assert_int_equal(do_open("/mnt/kept", O_CREAT | O_RDWR, &file), 0);
    assert_int_equal(write_at(file, kept, sizeof(kept), 0), sizeof(kept));
    begin_silence(n, 1);
    error = vfs_fsync(file, 0, UINT64_MAX, false);
    was_silent = end_silence();
    if (was_silent != (error == -EIO)) {
        fail_msg("%s: the request %u of fsync %s an answer, and it says %d", kind->name, n,
                 was_silent ? "lacks" : "has", error);
    }
    file_put(file);
    check_after(error == 0, n);
    return was_silent;
}

static void lose_each(void)
{
    lose_a_write();
    for (unsigned n = 0; lose_one_of_a_sync(n); n++) {
    }
}

static void fsync_tells_each_open_file_once_of_a_write_without_an_answer(void **state)
{
    on_each_kind(lose_each);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_is_silent_until_it_is_reset_stays_sound),
        cmocka_unit_test(a_disk_that_is_given_up_is_sound_when_it_comes_back),
        cmocka_unit_test(fsync_tells_each_open_file_once_of_a_write_without_an_answer),
    };

    return cmocka_run_group_tests(tests, world_start, world_stop);
}
