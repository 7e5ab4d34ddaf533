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
#include <stdlib.h>
#include <unistd.h>

#include "fs/ext/ext.h"
#include "fs/fat/fat.h"
#include "fs/test/vfs_world.h"
#include "kernel/base/printk.h"
#include "mm/fault_inject.h"
#include "mm/slab.h"
#include "tools/host/disk.h"

#define MIB         (1ul << 20)
#define KEPT_BYTES  20000u
#define SAMPLE_STEP 23u

struct kind {
    const char *name, *type, *make, *check, *check_again;
    unsigned size_kib;
    bool has_journal;
};

#define E2FSCK   "e2fsck -fn %s >%s.log 2>&1"
/* Without a journal a step that fails half-way can leave blocks that nobody names, which e2fsck gives back by itself. */
#define E2FSCK_P "e2fsck -fp %s >%s.log 2>&1; test $? -le 1"
#define FSCK_FAT "fsck.fat -a -w %s >%s.log 2>&1; test $? -le 1"

#define FSCK_FAT_N "fsck.fat -n %s >%s.log 2>&1"

static const struct kind kinds[] = {
    {"ext2", "ext2", "mke2fs -q -F -t ext2 -b 1024 -N 64 %s >/dev/null 2>&1", E2FSCK_P, E2FSCK,
     2048, false},
    {"ext3", "ext3", "mke2fs -q -F -t ext3 -b 1024 -N 64 -J size=1 %s >/dev/null 2>&1", E2FSCK,
     E2FSCK, 4096, true},
    {"FAT12", "vfat", "mkfs.fat -F 12 -s 2 %s >/dev/null 2>&1", FSCK_FAT, FSCK_FAT_N, 2048, false},
    {"FAT32", "vfat", "mkfs.fat -F 32 -s 1 %s >/dev/null 2>&1", FSCK_FAT, FSCK_FAT_N, 34 << 10,
     false},
};

static const struct kind *kind;
static struct host_disk *disk;
static uint8_t *pristine;
static char image_path[64];
static uint8_t kept[KEPT_BYTES];
static uint64_t nr_objects_before; /* of this kind, after the first round; 0: not yet */
static struct host_random source;

static struct { /* the request that fails */
    enum block_op op;
    unsigned nth, nr;
    bool is_lasting;
} fault;

/* ---- The world ------------------------------------------------------------------------------- */

static void run_or_fail(const char *format)
{
    char command[300] = "PATH=$PATH:/sbin:/usr/sbin; ";
    size_t len = strlen(command);

    ksnprintf(command + len, sizeof(command) - len, format, image_path, image_path);
    if (system(command) != 0) {
        ksnprintf(command, sizeof(command), "cat %s.log >&2", image_path);
        (void)!system(command);
        fail_msg("%s: %s", kind->name, format);
    }
}

static void begin_kind(const struct kind *which)
{
    kind = which;
    nr_objects_before = 0;
    if (truncate(image_path, 0) != 0 || truncate(image_path, (off_t)kind->size_kib << 10) != 0) {
        fail_msg("no image");
    }
    run_or_fail(kind->make);
    disk = host_disk_load(image_path);
    pristine = malloc((size_t)kind->size_kib << 10);
    memcpy(pristine, disk->bytes, (size_t)kind->size_kib << 10);
}

static void end_kind(void)
{
    host_disk_forget_cache(disk);
    host_disk_free(disk);
    free(pristine);
}

static void fresh_image(void)
{
    host_disk_forget_cache(disk);
    memcpy(disk->bytes, pristine, (size_t)kind->size_kib << 10);
}

static void mount_disk(void)
{
    assert_int_equal(vfs_mount(&world, disk->device.name, "/mnt", kind->type, 0, ""), 0);
}

static void unmount(void)
{
    assert_int_equal(vfs_umount(&world, "/mnt", 0), 0);
}

static void add_active(const struct slab_stats *stats, void *arg)
{
    if (strncmp(stats->name, "magazine", 8) != 0 && strncmp(stats->name, "slab-", 5) != 0) {
        *(uint64_t *)arg += stats->nr_active;
    }
}

static uint64_t nr_objects(void)
{
    uint64_t nr = 0;

    host_disk_forget_cache(disk);
    vfs_drop_caches(3);
    slab_for_each(add_active, &nr);
    return nr;
}

/* A round has ended, and nothing is mounted. */
static void expect_no_leak(unsigned n)
{
    uint64_t nr;

    (void)mapping_drop_clean(disk->device.cache);
    if (((struct mapping *)disk->device.cache)->nr_pages != 0) {
        fail_msg("%s: round %u: pages of the disk are held, or dirty", kind->name, n);
    }
    nr = nr_objects();
    if (nr_objects_before != 0 && nr > nr_objects_before) {
        fail_msg("%s: round %u: objects have leaked", kind->name, n);
    }
    nr_objects_before = nr;
}

static unsigned step(void)
{
    return getenv("CAIRN_FAULTS") != NULL ? 1 : SAMPLE_STEP;
}

static unsigned first(void)
{
    return (unsigned)host_random_below(&source, step());
}

/* ---- The load -------------------------------------------------------------------------------- */

static bool is_refused(ssize_t result) /* by what may be, with such a disk and such memory */
{
    return result == -EIO || result == -ENOSPC || result == -ENOMEM || result == -EROFS;
}

/* A call that works, or fails for a reason that is right here. */
static bool works(ssize_t result)
{
    if (result < 0 && !is_refused(result) && result != -ENOENT && result != -ENOTEMPTY &&
        result != -EEXIST) {
        fail_msg("%s: an error of %zd, with op %u, n %u", kind->name, result, fault.op, fault.nth);
    }
    return result >= 0;
}

static bool write_file(const char *name, const void *bytes, size_t len, uint64_t position,
                       bool is_synced)
{
    struct file *file;
    bool result;

    if (!works(do_open(name, O_CREAT | O_RDWR, &file))) {
        return false;
    }
    result = write_at(file, bytes, len, position) == (ssize_t)len;
    if (is_synced) {
        result &= works(vfs_fsync(file, 0, UINT64_MAX, false));
    }
    file_put(file);
    return result;
}

static void cut_file(const char *name, uint64_t size_bytes)
{
    struct file *file;

    if (works(do_open(name, O_RDWR, &file))) {
        works(vfs_truncate_file(file, size_bytes));
        file_put(file);
    }
}

static void look_around(void)
{
    static struct world_listing listing;
    static uint8_t bytes[KEPT_BYTES];
    struct file *file;

    vfs_drop_caches(3);
    if (works(do_open("/mnt/dir", O_RDONLY | O_DIRECTORY, &file))) {
        works(list_names(file, &listing, 64));
        file_put(file);
    }
    if (works(do_open("/mnt/dir/b", O_RDONLY, &file))) {
        works(read_at(file, bytes, sizeof(bytes), 0));
        file_put(file);
    }
}

/* Returns whether the fsync of /mnt/kept said that it succeeded. */
static bool load(void)
{
    bool is_kept;

    works(vfs_mkdir(&world, "/mnt/dir", 0755));
    is_kept = write_file("/mnt/kept", kept, sizeof(kept), 0, true);
    write_file("/mnt/dir/a", kept, sizeof(kept), 60000, false);
    write_file("/mnt/dir/b", kept, sizeof(kept), 0, true);
    look_around();
    cut_file("/mnt/dir/a", 9000);
    cut_file("/mnt/dir/a", 40000);
    works(vfs_rename(&world, "/mnt/dir/a", &world, "/mnt/dir/b", 0));
    write_file("/mnt/dir/c", kept, 5000, 300000, false);
    vfs_sync_all();
    look_around();
    works(vfs_unlink(&world, "/mnt/dir/c"));
    works(vfs_mkdir(&world, "/mnt/dir/below", 0755));
    works(vfs_rename(&world, "/mnt/dir/b", &world, "/mnt/dir/below/b", 0));
    works(vfs_rmdir(&world, "/mnt/dir/below"));
    vfs_sync_all();
    return is_kept;
}

/* The fault is lifted. With a journal the next mount finishes, whether the cache has gone meanwhile or not. */
static void check_after(bool is_kept, unsigned n)
{
    static uint8_t found[KEPT_BYTES];
    struct file *file;

    unmount();
    if (kind->has_journal) {
        if (n % 2 == 0) {
            host_disk_forget_cache(disk);
        }
        mount_disk();
        unmount();
    }
    expect_no_leak(n);
    host_disk_save(disk, image_path);
    run_or_fail(kind->check);
    run_or_fail(kind->check_again);
    if (is_kept) {
        mount_disk();
        assert_int_equal(do_open("/mnt/kept", O_RDONLY, &file), 0);
        assert_int_equal(read_at(file, found, sizeof(found), 0), sizeof(found));
        assert_memory_equal(found, kept, sizeof(kept));
        file_put(file);
        unmount();
    }
}

/* ---- Requests that fail ---------------------------------------------------------------------- */

static int fail_some(struct host_disk *failing, const struct block_request *request)
{
    unsigned number;

    if (request->op != fault.op) {
        return 0;
    }
    number = fault.nr++;
    return number == fault.nth || (fault.is_lasting && number > fault.nth) ? -EIO : 0;
}

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

static void on_each_kind(void (*what)(void))
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        begin_kind(&kinds[i]);
        what();
        end_kind();
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

static int world_start(void **state)
{
    int fd;

    host_random_init(&source);
    world_begin(64 * MIB);
    ext_register();
    fat_register();
    for (size_t i = 0; i < sizeof(kept); i++) {
        kept[i] = (uint8_t)(i * 7 + 1);
    }
    strlcpy(image_path, "/tmp/cairn-test-faults-XXXXXX", sizeof(image_path));
    fd = mkstemp(image_path);
    if (fd < 0) {
        return -1;
    }
    close(fd);
    return vfs_mkdir(&world, "/mnt", 0755);
}

static int world_stop(void **state)
{
    char log_path[80];

    ksnprintf(log_path, sizeof(log_path), "%s.log", image_path);
    unlink(log_path);
    return unlink(image_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_that_fail_leave_a_sound_disk),
        cmocka_unit_test(writes_that_fail_leave_a_sound_disk_and_fsync_says_so),
        cmocka_unit_test(flushes_that_fail_leave_a_sound_disk_and_fsync_says_so),
        cmocka_unit_test(fsync_reports_a_lost_write_once_to_each_open_file),
        cmocka_unit_test(blocks_that_run_out_anywhere_leave_a_sound_disk),
        cmocka_unit_test(memory_that_is_short_while_a_disk_fails_leaves_a_sound_disk),
    };

    return cmocka_run_group_tests(tests, world_start, world_stop);
}
