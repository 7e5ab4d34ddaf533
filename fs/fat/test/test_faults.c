// SPDX-License-Identifier: MIT
/* A disk that fails: at the n-th request, for every n of a scripted load, once or from then on.
 * Nothing panics or hangs, an fsync that says it succeeded has succeeded, and when the fault is
 * lifted fsck.fat can mend what is left. The same with memory that fails. */
#include "fs/fat/test/fat_world.h"
#include "mm/fault_inject.h"

enum { TEXT_LEN = 20000, IMAGE_KIB = 4096 };

static unsigned nr_requests; /* since the load began */
static unsigned failing;     /* the number of the first one that fails */
static bool is_lasting;      /* … and all that follow */
static enum block_op failing_op;

static int fail_some(struct host_disk *disk, const struct block_request *request)
{
    unsigned number;

    if (request->op != failing_op) {
        return 0;
    }
    number = nr_requests++;
    return number == failing || (is_lasting && number > failing) ? -EIO : 0;
}

static void fill(uint8_t *bytes, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 7 + seed);
    }
}

/* Whatever comes of it. Returns whether the fsync of /mnt/kept said that it succeeded. */
static bool load(void)
{
    static uint8_t bytes[TEXT_LEN];
    static struct name_row row;
    bool is_kept = false;
    struct file *file;

    fill(bytes, sizeof(bytes), 1);
    (void)!vfs_mkdir(here(), "/mnt/dir", 0755);
    if (try_open("/mnt/kept", O_CREAT | O_RDWR, &file) == 0) {
        is_kept = write_file_at(file, bytes, sizeof(bytes), 0) == TEXT_LEN &&
                  vfs_fsync(file, 0, UINT64_MAX, false) == 0;
        file_put(file);
    }
    if (try_open("/mnt/dir/a file with a long name", O_CREAT | O_RDWR, &file) == 0) {
        (void)!write_file_at(file, bytes, sizeof(bytes), 50000);
        (void)!vfs_truncate_file(file, 10000);
        (void)!vfs_truncate_file(file, 30000);
        file_put(file);
    }
    vfs_drop_caches(3);
    (void)!list_into("/mnt/dir", &row);
    (void)!vfs_rename(here(), "/mnt/dir/a file with a long name", here(), "/mnt/another name", 0);
    if (try_open("/mnt/another name", O_RDWR, &file) == 0) {
        (void)!read_file_at(file, bytes, sizeof(bytes), 0);
        file_put(file);
    }
    if (try_open("/mnt/third", O_CREAT | O_RDWR, &file) == 0) {
        (void)!write_file_at(file, bytes, sizeof(bytes), 0);
        file_put(file);
    }
    (void)!vfs_rename(here(), "/mnt/third", here(), "/mnt/another name", 0);
    (void)!vfs_unlink(here(), "/mnt/another name");
    (void)!vfs_rmdir(here(), "/mnt/dir");
    vfs_sync_all();
    return is_kept;
}

static void check_after(struct host_disk *disk, bool is_kept)
{
    static uint8_t wanted[TEXT_LEN], found[TEXT_LEN];
    struct file *file;

    host_disk_save(disk, image_path);
    host_disk_free(disk);
    if (run_command("fsck.fat -a -w %s >%s.log 2>&1; test $? -le 1 && fsck.fat -n %s >>%s.log 2>&1",
                    image_path, image_path, image_path, image_path) != 0) {
        (void)!run_command("cat %s.log >&2", image_path);
        fail_msg("fsck.fat could not mend it");
    }
    (void)!run_command("rm -f %s.log", image_path);
    disk = host_disk_load(image_path);
    mount_disk(disk);
    if (is_kept) {
        file = open_file("/mnt/kept", O_RDONLY);
        fill(wanted, sizeof(wanted), 1);
        assert_int_equal(read_file_at(file, found, sizeof(found), 0), TEXT_LEN);
        assert_memory_equal(found, wanted, TEXT_LEN);
        file_put(file);
    }
    unmount();
    host_disk_free(disk);
}

static void every_request_fails(enum block_op op, bool lasting, unsigned step)
{
    unsigned nr_all = 1;

    for (unsigned n = 0; n <= nr_all; n += step) {
        struct host_disk *disk = make_image(IMAGE_KIB, "-F 12 -s 4");
        bool is_kept;

        mount_disk(disk);
        nr_requests = 0;
        failing = n;
        failing_op = op;
        is_lasting = lasting;
        disk->filter = fail_some;
        is_kept = load();
        nr_all = max_of(nr_all, nr_requests);
        disk->filter = NULL;
        unmount();
        check_after(disk, is_kept);
    }
}

static void reads_that_fail_are_survived(void **state)
{
    every_request_fails(BLOCK_READ, false, 1);
    every_request_fails(BLOCK_READ, true, 3);
}

static void writes_that_fail_are_survived(void **state)
{
    every_request_fails(BLOCK_WRITE, false, 2);
    every_request_fails(BLOCK_WRITE, true, 3);
}

static void flushes_that_fail_are_survived(void **state)
{
    every_request_fails(BLOCK_FLUSH, false, 1);
    every_request_fails(BLOCK_FLUSH, true, 2);
}

static void memory_that_fails_is_survived(void **state)
{
    bool is_lasting_turn = false;
    uint64_t nr_failed = 1;

    for (unsigned n = 1; nr_failed != 0; n += 1 + n / 8) {
        struct host_disk *disk = make_image(IMAGE_KIB, "-F 12 -s 4");
        bool is_kept;

        mount_disk(disk);
        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, n, is_lasting_turn);
        is_kept = load();
        nr_failed = fault_inject_disarm();
        unmount();
        check_after(disk, is_kept);
        is_lasting_turn = !is_lasting_turn;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_that_fail_are_survived),
        cmocka_unit_test(writes_that_fail_are_survived),
        cmocka_unit_test(flushes_that_fail_are_survived),
        cmocka_unit_test(memory_that_fails_is_survived),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
