// SPDX-License-Identifier: MIT
/* A world for tests of disks that fail: each kind of file system with a disk, a load, a request that fails, and what must
 * hold when the fault has been lifted. */
#ifndef CAIRN_FS_TEST_FAULT_WORLD_H
#define CAIRN_FS_TEST_FAULT_WORLD_H

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
/* What it gives up at, a person has to decide; who says yes to all plays him. */
#define E2FSCK_Y "e2fsck -fy %s >%s.log 2>&1; test $? -le 1"
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
static bool
    may_need_a_person; /* for the next check: a file system without a journal has lost writes for good */

static struct { /* the request that fails */
    enum block_op op;
    unsigned nth, nr;
    bool is_lasting;
} fault;

static const char *doing = "the load"; /* while requests fail */

/* ---- The world ------------------------------------------------------------------------------- */

static inline void run_or_fail(const char *format)
{
    char command[300] = "PATH=$PATH:/sbin:/usr/sbin; ";
    size_t len = strlen(command);

    ksnprintf(command + len, sizeof(command) - len, format, image_path, image_path);
    if (system(command) != 0) {
        ksnprintf(command, sizeof(command), "cat %s.log >&2", image_path);
        (void)!system(command);
        fail_msg("%s: %s, op %u, n %u%s: %s", kind->name, doing, fault.op, fault.nth,
                 fault.is_lasting ? " and all after" : "", format);
    }
}

static inline void begin_kind(const struct kind *which)
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

static inline void end_kind(void)
{
    host_disk_forget_cache(disk);
    host_disk_free(disk);
    free(pristine);
}

static inline void fresh_image(void)
{
    host_disk_forget_cache(disk);
    memcpy(disk->bytes, pristine, (size_t)kind->size_kib << 10);
}

static inline void mount_disk(void)
{
    assert_int_equal(vfs_mount(&world, disk->device.name, "/mnt", kind->type, 0, ""), 0);
}

static inline void unmount(void)
{
    assert_int_equal(vfs_umount(&world, "/mnt", 0), 0);
}

static inline void add_active(const struct slab_stats *stats, void *arg)
{
    if (strncmp(stats->name, "magazine", 8) != 0 && strncmp(stats->name, "slab-", 5) != 0) {
        *(uint64_t *)arg += stats->nr_active;
    }
}

static inline uint64_t nr_objects(void)
{
    uint64_t nr = 0;

    host_disk_forget_cache(disk);
    vfs_drop_caches(3);
    slab_for_each(add_active, &nr);
    return nr;
}

/* A round has ended, and nothing is mounted. */
static inline void expect_no_leak(unsigned n)
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

static inline unsigned step(void)
{
    return getenv("CAIRN_FAULTS") != NULL ? 1 : SAMPLE_STEP;
}

static inline unsigned first(void)
{
    return (unsigned)host_random_below(&source, step());
}

/* ---- The load -------------------------------------------------------------------------------- */

static inline bool is_refused(ssize_t result) /* by what may be, with such a disk and such memory */
{
    return result == -EIO || result == -ENOSPC || result == -ENOMEM || result == -EROFS;
}

/* A call that works, or fails for a reason that is right here. */
static inline bool works(ssize_t result)
{
    if (result < 0 && !is_refused(result) && result != -ENOENT && result != -ENOTEMPTY &&
        result != -EEXIST) {
        fail_msg("%s: an error of %zd, with op %u, n %u", kind->name, result, fault.op, fault.nth);
    }
    return result >= 0;
}

static inline bool write_file(const char *name, const void *bytes, size_t len, uint64_t position,
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

static inline void cut_file(const char *name, uint64_t size_bytes)
{
    struct file *file;

    if (works(do_open(name, O_RDWR, &file))) {
        works(vfs_truncate_file(file, size_bytes));
        file_put(file);
    }
}

static inline void look_around(void)
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
static inline bool load(void)
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

/* The fault is lifted, and the disk unmounted. With a journal the next mount finishes, whether the cache has gone
 * meanwhile or not. */
static inline void check_unmounted(bool is_kept, unsigned n)
{
    static uint8_t found[KEPT_BYTES];
    struct file *file;

    if (kind->has_journal) {
        if (n % 2 == 0) {
            host_disk_forget_cache(disk);
        }
        mount_disk();
        unmount();
    }
    expect_no_leak(n);
    host_disk_save(disk, image_path);
    run_or_fail(may_need_a_person && strcmp(kind->type, "ext2") == 0 ? E2FSCK_Y : kind->check);
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

static inline void check_after(bool is_kept, unsigned n)
{
    unmount();
    check_unmounted(is_kept, n);
}

/* ---- Requests that fail ---------------------------------------------------------------------- */

static inline int fail_some(struct host_disk *failing, const struct block_request *request)
{
    unsigned number;

    if (request->op != fault.op) {
        return 0;
    }
    number = fault.nr++;
    return number == fault.nth || (fault.is_lasting && number > fault.nth) ? -EIO : 0;
}

static inline void on_each_kind(void (*what)(void))
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        begin_kind(&kinds[i]);
        what();
        end_kind();
    }
}

static inline int world_start(void **state)
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

static inline int world_stop(void **state)
{
    char log_path[80];

    ksnprintf(log_path, sizeof(log_path), "%s.log", image_path);
    unlink(log_path);
    return unlink(image_path);
}

#endif
