// SPDX-License-Identifier: MIT
/* What the FAT driver does beyond plain files and directories: names in all spellings, files
 * from other systems, attributes and times, what FAT has not, sizes, full disks, files without a
 * name, mount options, marks and hints on the disk. */
#include "fs/fat/test/fat_world.h"
#include "kernel/abi/mount.h"
#include "tools/host/cases.h"

static void what_fat_has_not_is_eperm(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct path path;

    mount_disk(disk);
    put_text("/mnt/file", "x");
    assert_int_equal(path_walk(here(), "/mnt/file", 0, &path), 0);
    assert_int_equal(vfs_link(&path, here(), "/mnt/link"), -EPERM);
    path_put(&path);
    assert_int_equal(vfs_symlink(here(), "file", "/mnt/symlink"), -EPERM);
    assert_int_equal(vfs_mknod(here(), "/mnt/fifo", S_IFIFO | 0644, 0), -EPERM);
    assert_int_equal(vfs_mknod(here(), "/mnt/null", S_IFCHR | 0644, 0x103), -EPERM);
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

/* ---- Attributes ------------------------------------------------------------------------------ */

static int change_attr(const char *name, const struct attr_change *change)
{
    struct attr_change copy = *change;
    struct path path;
    int error;

    assert_int_equal(path_walk(here(), name, 0, &path), 0);
    error = vfs_setattr(&path, &copy, &cred_kernel);
    path_put(&path);
    return error;
}

static void the_read_only_attribute_is_the_mode(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct kstat stat;

    mount_disk(disk);
    put_text("/mnt/file", "x");
    assert_int_equal(
        change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_MODE, .mode = 0555}), 0);
    /* what cannot be kept changes nothing; set-id bits are refused */
    assert_int_equal(
        change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_MODE, .mode = 0700}), 0);
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 0555);
    assert_int_equal(
        change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_MODE, .mode = 04555}), -EPERM);
    assert_int_equal(change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_MTIME,
                                                                    .mtime = {.sec = 12345}}),
                     0);
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.mtime.sec, 315532800); /* FAT's time begins in 1980 */
    assert_int_equal(change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_UID, .uid = 7}),
                     -EPERM);
    assert_int_equal(change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_UID, .uid = 0}),
                     0);
    unmount();
    assert_int_equal(mount_with(disk, 0, "uid=1000,gid=50,fmask=0133,dmask=077"), 0);
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 0444);
    assert_int_equal(stat.uid, 1000);
    assert_int_equal(stat.gid, 50);
    assert_int_equal(stat_file("/mnt", &stat), 0);
    assert_int_equal(stat.mode, S_IFDIR | 0700);
    assert_int_equal(
        change_attr("/mnt/file", &(struct attr_change){.valid = ATTR_MODE, .mode = 0644}), 0);
    unmount();
    mount_disk(disk);
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 0755);
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void unknown_options_refuse_the_mount(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");

    assert_int_equal(mount_with(disk, 0, "uid=x"), -EINVAL);
    assert_int_equal(mount_with(disk, 0, "fmask=9"), -EINVAL);
    assert_int_equal(mount_with(disk, 0, "no-such-option"), -EINVAL);
    assert_int_equal(
        mount_with(disk, 0, "utf8,,iocharset=utf8,codepage=437,shortname=mixed,tz=UTC"), 0);
    unmount();
    host_disk_free(disk);
}

static void times_survive_a_remount(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct attr_change change = {
        .valid = ATTR_ATIME | ATTR_MTIME,
        .atime = {.sec = 1000000007},
        .mtime = {.sec = 1234567891, .nsec = 5},
    };
    struct kstat before, after;

    mount_disk(disk);
    put_text("/mnt/file", "x");
    assert_int_equal(change_attr("/mnt/file", &change), 0);
    assert_int_equal(stat_file("/mnt/file", &before), 0);
    assert_int_equal(before.mtime.sec, 1234567890);
    assert_int_equal(before.atime.sec, 1000000007 - 1000000007 % 86400);
    unmount();
    mount_disk(disk);
    assert_int_equal(stat_file("/mnt/file", &after), 0);
    assert_memory_equal(&after.mtime, &before.mtime, sizeof(before.mtime));
    assert_memory_equal(&after.atime, &before.atime, sizeof(before.atime));
    assert_memory_equal(&after.btime, &before.btime, sizeof(before.btime));
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void read_a_byte(const char *name)
{
    struct file *file = open_file(name, O_RDONLY);
    char byte;

    assert_int_equal(read_file_at(file, &byte, 1, 0), 1);
    file_put(file);
}

/* 2001-09-09 01:46:41.230 by the clock of a test. */
static void times_are_told_as_they_are_kept_from_the_start(void **state)
{
    struct attr_change early = {
        .valid = ATTR_ATIME | ATTR_MTIME, .atime = {.sec = -5, .nsec = 7}, .mtime = {.sec = -5}};
    struct attr_change late = {.valid = ATTR_ATIME | ATTR_MTIME,
                               .atime = {.sec = 5000000000},
                               .mtime = {.sec = 5000000000}};
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct kstat stat;

    host_clock_fake(1230000000);
    mount_disk(disk);
    put_text("/mnt/file", "x");
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.mtime.sec, 1000000000);
    assert_int_equal(stat.mtime.nsec, 0);
    assert_int_equal(stat.btime.sec, 1000000001);
    assert_int_equal(stat.btime.nsec, 230000000);
    assert_int_equal(stat.atime.sec, 1000000000 - 1000000000 % 86400);
    assert_int_equal(stat.atime.nsec, 0);
    host_clock_advance(86400ull * 1000000000);
    read_a_byte("/mnt/file");
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.atime.sec, 1000086400 - 1000086400 % 86400);
    assert_int_equal(stat.atime.nsec, 0);
    assert_int_equal(change_attr("/mnt/file", &early), 0);
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.atime.sec, 315532800);
    assert_int_equal(stat.mtime.sec, 315532800);
    assert_int_equal(change_attr("/mnt/file", &late), 0);
    assert_int_equal(stat_file("/mnt/file", &stat), 0);
    assert_int_equal(stat.atime.sec, 4354819200 - 86400);
    assert_int_equal(stat.mtime.sec, 4354819200 - 2);
    unmount();
    host_clock_real();
    check_clean(disk);
    host_disk_free(disk);
}

static void directories_count_their_subdirectories(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct kstat stat;

    for (unsigned round = 0; round < 2; round++) {
        mount_disk(disk);
        if (round == 0) {
            assert_int_equal(vfs_mkdir(here(), "/mnt/a", 0755), 0);
            assert_int_equal(vfs_mkdir(here(), "/mnt/b", 0755), 0);
            assert_int_equal(vfs_mkdir(here(), "/mnt/a/c", 0755), 0);
            assert_int_equal(vfs_mkdir(here(), "/mnt/a/d", 0755), 0);
            assert_int_equal(vfs_rename(here(), "/mnt/a/d", here(), "/mnt/b/d", 0), 0);
            assert_int_equal(vfs_mkdir(here(), "/mnt/a/e", 0755), 0);
            assert_int_equal(vfs_rename(here(), "/mnt/a/e", here(), "/mnt/b/d", 0),
                             0); /* replaces */
        }
        assert_int_equal(stat_file("/mnt", &stat), 0);
        assert_int_equal(stat.nr_links, 4);
        assert_int_equal(stat_file("/mnt/a", &stat), 0);
        assert_int_equal(stat.nr_links, 3);
        assert_int_equal(stat_file("/mnt/b", &stat), 0);
        assert_int_equal(stat.nr_links, 3);
        assert_int_equal(number_of("/mnt/b/d/.."), number_of("/mnt/b"));
        unmount();
        check_clean(disk); /* fsck.fat looks at ".." too */
    }
    host_disk_free(disk);
}

/* ---- Inode numbers and files without a name -------------------------------------------------- */

static void a_file_keeps_its_number_when_it_moves(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct file *file;
    uint64_t number, later;

    mount_disk(disk);
    put_text("/mnt/first", "1");
    number = number_of("/mnt/first");
    file = open_file("/mnt/first", O_RDWR);
    assert_int_equal(vfs_rename(here(), "/mnt/first", here(), "/mnt/second", 0), 0);
    assert_int_equal(number_of("/mnt/second"), number);
    put_text("/mnt/third", "3"); /* its entry lies where the first one was */
    later = number_of("/mnt/third");
    assert_true(later != number);
    vfs_drop_caches(3);
    assert_int_equal(number_of("/mnt/third"), later);
    assert_int_equal(number_of("/mnt/second"), number);
    assert_int_equal(write_file_at(file, "2", 1, 0), 1);
    file_put(file);
    expect_text("/mnt/second", "2");
    expect_text("/mnt/third", "3");
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void an_unlinked_open_file_lives_until_it_is_closed(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    static uint8_t bytes[100000], back[100000];
    struct file *file;
    uint64_t before;

    memset(bytes, 0x5a, sizeof(bytes));
    mount_disk(disk);
    before = free_clusters();
    file = open_file("/mnt/gone", O_CREAT | O_RDWR);
    assert_int_equal(write_file_at(file, bytes, 50000, 0), 50000);
    assert_int_equal(vfs_unlink(here(), "/mnt/gone"), 0);
    put_text("/mnt/new", "in the same slot");
    assert_int_equal(write_file_at(file, bytes, 50000, 50000), 50000);
    vfs_sync_all();
    assert_int_equal(read_file_at(file, back, sizeof(back), 0), sizeof(back));
    assert_memory_equal(back, bytes, sizeof(bytes));
    expect_text("/mnt/new", "in the same slot");
    file_put(file);
    assert_int_equal(vfs_unlink(here(), "/mnt/new"), 0);
    assert_int_equal(free_clusters(), before);
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

static void a_replaced_open_file_lives_until_it_is_closed(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct file *file;
    char text[8] = "";

    mount_disk(disk);
    put_text("/mnt/old", "old");
    put_text("/mnt/new", "new");
    file = open_file("/mnt/old", O_RDWR);
    assert_int_equal(vfs_rename(here(), "/mnt/new", here(), "/mnt/old", 0), 0);
    assert_int_equal(write_file_at(file, "OLD", 3, 0), 3);
    vfs_sync_all();
    assert_int_equal(read_file_at(file, text, sizeof(text), 0), 3);
    assert_string_equal(text, "OLD");
    expect_text("/mnt/old", "new");
    expect_names("/mnt", "old|");
    file_put(file);
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

/* Fill all free clusters of the image with a pattern, so that what is not zeroed is seen. */
static void soil(struct host_disk *disk)
{
    struct file *file = open_file("/mnt/soil", O_CREAT | O_RDWR);
    static uint8_t pattern[65536];
    uint64_t position = 0;

    memset(pattern, 0xee, sizeof(pattern));
    while (write_file_at(file, pattern, sizeof(pattern), position) == sizeof(pattern)) {
        position += sizeof(pattern);
    }
    file_put(file);
    vfs_sync_all();
    assert_int_equal(vfs_unlink(here(), "/mnt/soil"), 0);
    vfs_sync_all();
}

static void gaps_are_zeros(const char *options)
{
    struct host_disk *disk = make_image(24 * KIB, options);
    static uint8_t back[200001];
    struct file *file;

    mount_disk(disk);
    soil(disk);
    for (unsigned round = 0; round < 2; round++) {
        static const uint64_t places[] = {0, 700, 5000, 9000, 70000, 200000};

        file = open_file("/mnt/gap", O_CREAT | O_TRUNC | O_RDWR);
        for (unsigned i = 0; i < array_size(places); i++) {
            if (round == 0) { /* written behind the end, or grown and then written */
                assert_int_equal(write_file_at(file, "x", 1, places[i]), 1);
            } else {
                assert_int_equal(vfs_truncate_file(file, places[i] + 1), 0);
                assert_int_equal(write_file_at(file, "x", 1, places[i]), 1);
            }
        }
        assert_int_equal(vfs_truncate_file(file, 100000),
                         0); /* and what was cut off does not come back */
        assert_int_equal(vfs_truncate_file(file, 200001), 0);
        file_put(file);
        unmount();
        check_clean(disk);
        mount_disk(disk);
        file = open_file("/mnt/gap", O_RDONLY);
        assert_int_equal(read_file_at(file, back, sizeof(back), 0), sizeof(back));
        for (uint32_t i = 0; i < sizeof(back); i++) {
            bool is_x = i == 0 || i == 700 || i == 5000 || i == 9000 || i == 70000;

            assert_int_equal(back[i], is_x ? 'x' : 0);
        }
        file_put(file);
    }
    unmount();
    host_disk_free(disk);
}

static void passed_over_bytes_are_zeros(void **state)
{
    gaps_are_zeros("-F 12 -s 16");
    gaps_are_zeros("-F 16 -s 2");
    gaps_are_zeros("-F 16 -a -R 3 -s 4");
}

static void files_end_below_4_gib(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct file *file;

    mount_disk(disk);
    file = open_file("/mnt/file", O_CREAT | O_RDWR);
    assert_int_equal(write_file_at(file, "x", 1, 0xffffffffull), -EFBIG);
    assert_int_equal(vfs_truncate_file(file, 1ull << 32), -EFBIG);
    assert_int_equal(vfs_truncate_file(file, 0xffffffffull),
                     -ENOSPC); /* possible, but not on this disk */
    assert_int_equal(write_file_at(file, "x", 1, 0xfffffffeull), -ENOSPC);
    file_put(file);
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

/* Clusters behind the end: there for who writes, gone with a truncation and with the inode, and never on the disk. */
static void what_is_allocated_behind_the_end_is_kept_for_a_while(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16 -s 4");
    static uint8_t chunk[60000];
    struct file *file, *other;
    uint64_t before, position = 0;

    mount_disk(disk);
    before = free_clusters();
    file = open_file("/mnt/kept", O_CREAT | O_RDWR);
    assert_int_equal(write_file_at(file, "x", 1, 0), 1);
    assert_int_equal(vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 100 * 2048), 0);
    assert_int_equal(free_clusters(), before - 100);
    assert_int_equal(inode_size(file->inode), 1);
    assert_int_equal(vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, 5000, 1ull << 30), -ENOSPC);
    assert_int_equal(free_clusters(), before - 100);
    assert_int_equal(vfs_truncate_file(file, 1), 0);
    assert_int_equal(free_clusters(), before - 1);

    assert_int_equal(vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, 1, 100 * 2048 - 1), 0);
    other = open_file("/mnt/other", O_CREAT | O_RDWR);
    while (write_file_at(other, chunk, sizeof(chunk), position) > 0) {
        position += sizeof(chunk);
    }
    file_put(other);
    assert_int_equal(free_clusters(), 0);
    assert_int_equal(write_file_at(file, "y", 1, 50 * 2048), 1);
    file_put(file);
    unmount();
    check_clean(disk);
    mount_disk(disk);
    assert_int_equal(free_clusters(), 100 - 51);
    unmount();
    host_disk_free(disk);
}

static void a_full_disk_is_enospc_and_stays_consistent(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16 -s 4");
    static uint8_t chunk[60001];
    struct file *file;
    uint64_t position = 0, before;
    ssize_t written;

    mount_disk(disk);
    before = free_clusters();
    file = open_file("/mnt/big", O_CREAT | O_RDWR);
    while ((written = write_file_at(file, chunk, sizeof(chunk), position)) > 0) {
        position += (uint64_t)written;
    }
    assert_int_equal(written, -ENOSPC);
    assert_int_equal(free_clusters(), 0);
    assert_int_equal(position, before * 2048);
    assert_int_equal(vfs_mkdir(here(), "/mnt/dir", 0755), -ENOSPC);
    file_put(file);
    assert_int_equal(vfs_unlink(here(), "/mnt/big"), 0);
    assert_int_equal(vfs_mkdir(here(), "/mnt/dir", 0755),
                     0); /* clusters that were doomed are freed now */
    unmount();
    check_clean(disk);
    mount_disk(disk);
    assert_int_equal(free_clusters(), before - 1);
    unmount();
    host_disk_free(disk);
}

static void the_fixed_root_is_full_at_its_end(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16 -r 64");
    unsigned nr = 0;
    struct file *file;
    char name[32];
    int error;

    mount_disk(disk);
    do {
        ksnprintf(name, sizeof(name), "/mnt/f%u", nr++);
        error = try_open(name, O_CREAT | O_EXCL | O_RDWR, &file);
        if (error == 0) {
            file_put(file);
        }
    } while (error == 0);
    assert_int_equal(error, -ENOSPC);
    assert_int_equal(nr, 64); /* 63 and the volume label */
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

/* ---- Listings in steps ----------------------------------------------------------------------- */

struct stepper {
    struct dir_context context;
    unsigned nr_left;
    bool is_seen[200];
};

static bool take_some(struct dir_context *context, const struct dir_entry *entry)
{
    struct stepper *stepper = container_of(context, struct stepper, context);
    uint64_t index = 0;
    char name[64];

    if (stepper->nr_left == 0) {
        return false;
    }
    stepper->nr_left--;
    if (entry->name[0] == '.' && entry->name_len <= 2) {
        return true;
    }
    assert_true(entry->name_len < sizeof(name));
    memcpy(name, entry->name, entry->name_len);
    name[entry->name_len] = '\0';
    assert_int_equal(strncmp(name, "a long name with number ", 24), 0); /* never a short one */
    assert_int_equal(parse_u64(name + 24, 10, NULL, &index), 0);
    assert_false(stepper->is_seen[index]);
    stepper->is_seen[index] = true;
    return true;
}

static void listings_in_steps_show_what_stays_once(void **state)
{
    struct host_disk *disk = make_image(16 * KIB, "-F 16");
    struct stepper stepper = {.context.emit = take_some};
    struct file *dir;
    char name[64];

    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d", 0755), 0);
    for (unsigned i = 0; i < 100; i++) {
        ksnprintf(name, sizeof(name), "/mnt/d/a long name with number %u", i);
        put_text(name, "");
    }
    dir = open_file("/mnt/d", O_RDONLY | O_DIRECTORY);
    for (unsigned step = 0; step < 100; step++) {
        stepper.nr_left = 3;
        assert_int_equal(vfs_readdir(dir, &stepper.context), 0);
        if (step < 30) { /* odd ones go, others come, also into the room that is free now */
            ksnprintf(name, sizeof(name), "/mnt/d/a long name with number %u", 2 * step + 1);
            assert_int_equal(vfs_unlink(here(), name), 0);
            ksnprintf(name, sizeof(name), "/mnt/d/a long name with number %u", 100 + step);
            put_text(name, "");
        }
    }
    file_put(dir);
    for (unsigned i = 0; i < 100; i += 2) {
        assert_true(stepper.is_seen[i]);
    }
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

/* ---- Marks and hints ------------------------------------------------------------------------- */

static bool is_marked_dirty(struct host_disk *disk)
{
    const struct fat_disk_boot *boot = (const struct fat_disk_boot *)disk->bytes;
    bool is_fat32 = get_le16(boot->table_sectors16) == 0;

    return ((is_fat32 ? boot->tail32.state : boot->tail16.state) & FAT_STATE_DIRTY) != 0;
}

static void the_mark_is_set_while_it_is_mounted_for_writing(void **state)
{
    static const char *const kinds[] = {"-F 12 -s 32", "-F 16", "-F 32 -s 1"};

    for (unsigned i = 0; i < array_size(kinds); i++) {
        struct host_disk *disk = make_image(34 * KIB, kinds[i]);

        assert_int_equal(mount_with(disk, MS_RDONLY, ""), 0);
        assert_false(is_marked_dirty(disk));
        assert_int_equal(vfs_mkdir(here(), "/mnt/d", 0755), -EROFS);
        assert_int_equal(mount_with(disk, MS_REMOUNT, "uid=5"), 0);
        assert_true(is_marked_dirty(disk));
        put_text("/mnt/file", "x");
        assert_int_equal(mount_with(disk, MS_REMOUNT | MS_RDONLY, ""), 0);
        assert_false(is_marked_dirty(disk));
        check_clean(disk);
        assert_int_equal(mount_with(disk, MS_REMOUNT, ""), 0);
        assert_true(is_marked_dirty(disk));
        unmount();
        assert_false(is_marked_dirty(disk));
        check_clean(disk);
        host_disk_free(disk);
    }
}

static void a_mark_that_was_found_stays(void **state)
{
    struct host_disk *disk = make_image(34 * KIB, "-F 32 -s 1");

    ((struct fat_disk_boot *)disk->bytes)->tail32.state |= FAT_STATE_DIRTY;
    mount_disk(disk);
    unmount();
    assert_true(is_marked_dirty(disk));
    host_disk_free(disk);
}

static void what_fsinfo_says_is_not_believed(void **state)
{
    struct host_disk *disk = make_image(34 * KIB, "-F 32 -s 1");
    struct fat_disk_info *info = (struct fat_disk_info *)(disk->bytes + 512);
    uint32_t nr_free = le32_get(info->nr_free);
    static const uint32_t lies[] = {0, 1, 7, 0x7fffffff, 0xffffffff};

    for (unsigned i = 0; i < array_size(lies); i++) {
        info->nr_free = le32_of(lies[i]);
        info->next_free = le32_of(lies[i]);
        host_case_keep(disk, "vfat", "FSInfo lies");
        host_disk_forget_cache(disk);
        mount_disk(disk);
        assert_int_equal(free_clusters(), nr_free);
        put_text("/mnt/file", "x");
        unmount();
        check_clean(disk); /* fsck.fat compares the count */
        mount_disk(disk);
        assert_int_equal(vfs_unlink(here(), "/mnt/file"), 0);
        unmount();
        check_clean(disk);
        assert_int_equal(le32_get(info->nr_free), nr_free);
    }
    info->signature2 = le32_of(0); /* then it is none, and is left alone */
    host_disk_forget_cache(disk);
    mount_disk(disk);
    put_text("/mnt/file", "x");
    unmount();
    assert_int_equal(le32_get(info->nr_free), nr_free);
    host_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fat_has_not_is_eperm),
        cmocka_unit_test(the_read_only_attribute_is_the_mode),
        cmocka_unit_test(unknown_options_refuse_the_mount),
        cmocka_unit_test(times_survive_a_remount),
        cmocka_unit_test(times_are_told_as_they_are_kept_from_the_start),
        cmocka_unit_test(directories_count_their_subdirectories),
        cmocka_unit_test(a_file_keeps_its_number_when_it_moves),
        cmocka_unit_test(an_unlinked_open_file_lives_until_it_is_closed),
        cmocka_unit_test(a_replaced_open_file_lives_until_it_is_closed),
        cmocka_unit_test(passed_over_bytes_are_zeros),
        cmocka_unit_test(files_end_below_4_gib),
        cmocka_unit_test(what_is_allocated_behind_the_end_is_kept_for_a_while),
        cmocka_unit_test(a_full_disk_is_enospc_and_stays_consistent),
        cmocka_unit_test(the_fixed_root_is_full_at_its_end),
        cmocka_unit_test(listings_in_steps_show_what_stays_once),
        cmocka_unit_test(the_mark_is_set_while_it_is_mounted_for_writing),
        cmocka_unit_test(a_mark_that_was_found_stays),
        cmocka_unit_test(what_fsinfo_says_is_not_believed),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
