// SPDX-License-Identifier: MIT
/* Damaged and hostile FAT images: each gets a refused mount, or an error and a line in the log;
 * nothing hangs, panics, reads out of bounds, or shows a listing that is silently too short. */
#include "fs/fat/test/fat_world.h"
#include "kernel/abi/mount.h"
#include "tools/host/cases.h"

#define CLUSTER_BYTES 512u
#define HUGE_CLUSTER  0x0ffffff0u

/* ---- The log --------------------------------------------------------------------------------- */

static char heard[8192];

static void hear(const char *text, size_t len_bytes)
{
    size_t used = strlen(heard);

    len_bytes = min_of(len_bytes, sizeof(heard) - used - 1);
    memcpy(heard + used, text, len_bytes);
    heard[used + len_bytes] = '\0';
}

static void listen(void)
{
    memset(heard, 0, sizeof(heard));
    host_set_console(hear);
}

static void expect_heard(const char *part)
{
    host_set_console(NULL);
    if (strstr(heard, part) == NULL) {
        fail_msg("the log says nothing of \"%s\": %s", part, heard);
    }
}

/* ---- The victim: a FAT32 file system of clusters of 512 bytes -------------------------------- */

static struct host_disk *disk;

static struct fat_disk_boot *boot(void)
{
    return (struct fat_disk_boot *)disk->bytes;
}

static void make_victim(void)
{
    static uint8_t content[10 * CLUSTER_BYTES - 100];
    struct file *file;

    disk = make_image(34 * KIB, "-F 32 -s 1");
    mount_disk(disk);
    file = open_file("/mnt/file", O_CREAT | O_RDWR);
    assert_int_equal(write_file_at(file, content, sizeof(content), 0), sizeof(content));
    file_put(file);
    assert_int_equal(vfs_mkdir(here(), "/mnt/dir", 0755), 0);
    assert_int_equal(vfs_mkdir(here(), "/mnt/dir/below", 0755), 0);
    put_text("/mnt/dir/A Long Name.text", "long");
    unmount();
    host_disk_forget_cache(disk);
}

static void set_table(uint32_t cluster, uint32_t value)
{
    uint64_t first = (uint64_t)get_le16(boot()->reserved_sectors) * 512;
    uint64_t size = (uint64_t)get_le32(boot()->table_sectors32) * 512;

    put_le32(disk->bytes + first + cluster * 4, value);
    put_le32(disk->bytes + first + size + cluster * 4, value);
}

/* The entry of this short name, wherever it is. */
static struct fat_disk_entry *entry_of(const char *name)
{
    uint64_t data =
        ((uint64_t)get_le16(boot()->reserved_sectors) + 2ull * get_le32(boot()->table_sectors32)) *
        512;

    for (uint8_t *at = disk->bytes + data;; at += FAT_SLOT_BYTES) {
        if (memcmp(at, name, FAT_SHORT_BYTES) == 0) {
            return (struct fat_disk_entry *)at;
        }
    }
}

#define FILE_NAME  "FILE       "
#define DIR_NAME   "DIR        "
#define BELOW_NAME "BELOW      "
#define LONG_NAME  "ALONGN~1TEX"

static uint32_t start_of(const char *name)
{
    const struct fat_disk_entry *entry = entry_of(name);

    return (uint32_t)le16_get(entry->start_high) << 16 | le16_get(entry->start_low);
}

static void set_start(const char *name, uint32_t start)
{
    struct fat_disk_entry *entry = entry_of(name);

    entry->start_high = le16_of((uint16_t)(start >> 16));
    entry->start_low = le16_of((uint16_t)start);
}

/* Everything that one can do with a file system, whatever comes of it. */
static void use_all(void)
{
    static const char *const names[] = {"/mnt",
                                        "/mnt/dir",
                                        "/mnt/dir/below",
                                        "/mnt/file",
                                        "/mnt/dir/A Long Name.text",
                                        "/mnt/dir/dir/dir"};
    static uint8_t bytes[20000];
    static struct name_row row;
    struct file *file;

    for (unsigned i = 0; i < array_size(names); i++) {
        (void)!list_into(names[i], &row);
        if (try_open(names[i], O_RDWR, &file) == 0) {
            (void)!read_file_at(file, bytes, sizeof(bytes), 0);
            (void)!write_file_at(file, bytes, sizeof(bytes), 3000);
            (void)!vfs_truncate_file(file, 700);
            (void)!vfs_fsync(file, 0, UINT64_MAX, false);
            file_put(file);
        }
    }
    (void)!vfs_mkdir(here(), "/mnt/dir/a new directory", 0755);
    if (try_open("/mnt/dir/below/new", O_CREAT | O_RDWR, &file) == 0) {
        (void)!write_file_at(file, bytes, sizeof(bytes), 0);
        file_put(file);
    }
    (void)!vfs_rename(here(), "/mnt/dir/below", here(), "/mnt/moved", 0);
    (void)!vfs_rename(here(), "/mnt/dir/A Long Name.text", here(), "/mnt/file", 0);
    (void)!vfs_unlink(here(), "/mnt/file");
    (void)!vfs_rmdir(here(), "/mnt/dir/a new directory");
    vfs_sync_all();
}

static void drop_victim(void)
{
    host_set_console(NULL);
    host_disk_free(disk);
}

/* The mount is refused with a line that says why. */
static void expect_refused(const char *part)
{
    host_case_keep(disk, "vfat", part);
    listen();
    assert_int_equal(mount_with(disk, 0, ""), -EUCLEAN);
    expect_heard(part);
    drop_victim();
}

/* It can be mounted; doing this gives EUCLEAN and a line; all else ends. */
static void expect_damage(int (*attempt)(void), const char *part)
{
    int error;

    host_case_keep(disk, "vfat", part);
    listen();
    mount_disk(disk);
    assert_int_equal(attempt(), -EUCLEAN);
    assert_int_equal(attempt(), -EUCLEAN); /* again, though it may be said only once */
    expect_heard(part);
    error = vfs_mkdir(here(), "/mnt/new", 0755); /* no writing on a damaged disk */
    assert_true(error == -EROFS || error == -EUCLEAN);
    use_all();
    unmount();
    drop_victim();
}

static int read_file(void)
{
    static uint8_t bytes[10 * CLUSTER_BYTES];
    struct file *file;
    int result = try_open("/mnt/file", O_RDONLY, &file);

    if (result == 0) {
        result = (int)read_file_at(file, bytes, sizeof(bytes), 0);
        file_put(file);
    }
    return result;
}

static int list_dir(void)
{
    static struct name_row row;

    return list_into("/mnt/dir", &row);
}

static int list_root(void)
{
    static struct name_row row;

    return list_into("/mnt", &row);
}

static int list_below(void)
{
    static struct name_row row;

    return list_into("/mnt/dir/below", &row);
}

/* ---- The boot sector ------------------------------------------------------------------------- */

static void boot_sectors_that_cannot_be_are_refused(void **state)
{
    make_victim();
    put_le16(boot()->sector_bytes, 0);
    expect_refused("bytes per sector is 0");
    make_victim();
    put_le16(boot()->sector_bytes, 513);
    expect_refused("bytes per sector is 513");
    make_victim();
    put_le16(boot()->sector_bytes, 8192);
    expect_refused("bytes per sector is 8192");
    make_victim();
    boot()->cluster_sectors = 0;
    expect_refused("sectors per cluster is 0");
    make_victim();
    boot()->cluster_sectors = 3;
    expect_refused("sectors per cluster is 3");
    make_victim();
    boot()->nr_tables = 0;
    expect_refused("number of tables is 0");
    make_victim();
    put_le16(boot()->reserved_sectors, 0);
    expect_refused("reserved sectors is 0");
    make_victim();
    put_le32(boot()->nr_sectors32, get_le32(boot()->nr_sectors32) + 1);
    expect_refused("on a device of");
    make_victim();
    put_le32(boot()->nr_sectors32, 0);
    expect_refused("has 0 sectors");
    make_victim();
    put_le32(boot()->table_sectors32, UINT32_MAX);
    expect_refused("before the first cluster");
    make_victim();
    put_le32(boot()->table_sectors32, 0);
    expect_refused("sectors of a table is 0");
    make_victim();
    put_le32(boot()->table_sectors32, 2);
    expect_refused("too few");
    make_victim();
    put_le16(boot()->version, 1);
    expect_refused("version of FAT32 is 1");
    make_victim();
    put_le16(boot()->extended_flags, FAT_EXT_NO_MIRRORING | 2);
    expect_refused("active table is 2");
}

static void root_directories_that_cannot_be_are_refused(void **state)
{
    static const uint32_t starts[] = {0, 1, HUGE_CLUSTER, UINT32_MAX};

    for (unsigned i = 0; i < array_size(starts); i++) {
        make_victim();
        put_le32(boot()->root_cluster, starts[i]);
        expect_refused("root directory is");
    }
    make_victim();
    set_table(get_le32(boot()->root_cluster), get_le32(boot()->root_cluster));
    expect_refused("comes back");
    make_victim();
    set_table(get_le32(boot()->root_cluster), FAT_FREE);
    expect_refused("followed by a free cluster");
    make_victim();
    set_table(get_le32(boot()->root_cluster), FAT_BAD);
    expect_refused("followed by a bad cluster");
    make_victim();
    set_table(get_le32(boot()->root_cluster), HUGE_CLUSTER);
    expect_refused("followed by what is no cluster");
}

static void other_formats_are_einval_and_nothing_is_said_when_types_are_tried(void **state)
{
    disk = host_disk_new(4096);
    listen();
    assert_int_equal(mount_with(disk, 0, ""), -EINVAL);
    expect_heard("no boot sector");
    listen();
    assert_int_equal(mount_with(disk, MS_SILENT, ""), -EINVAL);
    assert_string_equal(heard, "");
    drop_victim();
    disk = host_disk_new(1);
    assert_int_equal(mount_with(disk, 0, ""), -EINVAL);
    drop_victim();
}

static void a_fixed_root_that_cannot_be_is_refused(void **state)
{
    disk = make_image(16 * KIB, "-F 16");
    put_le16(boot()->root_slots, 0);
    expect_refused("entries of the root directory is 0");
    disk = make_image(16 * KIB, "-F 16");
    put_le16(boot()->root_slots, 17);
    expect_refused("entries of the root directory is 17");
}

static void a_file_system_that_was_not_unmounted_is_told_of(void **state)
{
    make_victim();
    boot()->tail32.state |= FAT_STATE_DIRTY;
    listen();
    assert_int_equal(mount_with(disk, MS_RDONLY, ""), 0);
    expect_heard("was not unmounted cleanly");
    unmount();
    drop_victim();
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void chains_that_loop_are_found_before_anything_is_read(void **state)
{
    uint32_t start;

    make_victim();
    start = start_of(FILE_NAME);
    set_table(start + 2, start); /* long before the end of the file */
    expect_damage(read_file, "comes back to a former one");
    make_victim();
    start = start_of(FILE_NAME);
    set_table(start + 9, start + 9); /* its last cluster: what a reader never asks for */
    expect_damage(read_file, "comes back to a former one");
    make_victim();
    entry_of(FILE_NAME)->size_bytes = le32_of(UINT32_MAX);
    set_table(start_of(FILE_NAME), start_of(FILE_NAME));
    expect_damage(read_file, "larger than the file system");
}

static void chains_that_leave_the_disk_or_end_too_soon_are_damage(void **state)
{
    make_victim();
    set_table(start_of(FILE_NAME) + 3, FAT_FREE);
    expect_damage(read_file, "followed by a free cluster");
    make_victim();
    set_table(start_of(FILE_NAME) + 3, FAT_BAD);
    expect_damage(read_file, "followed by a bad cluster");
    make_victim();
    set_table(start_of(FILE_NAME) + 3, 1);
    expect_damage(read_file, "followed by what is no cluster (1)");
    make_victim();
    set_table(start_of(FILE_NAME) + 3, HUGE_CLUSTER);
    expect_damage(read_file, "followed by what is no cluster");
    make_victim();
    set_table(start_of(FILE_NAME) + 3, FAT_END);
    expect_damage(read_file, "larger than its chain");
}

static void first_clusters_that_cannot_be_are_damage(void **state)
{
    static const uint32_t starts[] = {0, 1, HUGE_CLUSTER, UINT32_MAX};

    for (unsigned i = 0; i < array_size(starts); i++) {
        make_victim();
        set_start(FILE_NAME, starts[i]);
        expect_damage(read_file, "its first cluster is none");
    }
}

/* ---- Directories ----------------------------------------------------------------------------- */

static void directories_that_begin_where_they_cannot_are_damage(void **state)
{
    static const uint32_t starts[] = {1, HUGE_CLUSTER};

    for (unsigned i = 0; i < array_size(starts); i++) {
        make_victim();
        set_start(DIR_NAME, starts[i]);
        expect_damage(list_dir, "cannot begin at this cluster");
    }
    make_victim();
    set_start(DIR_NAME, get_le32(boot()->root_cluster));
    expect_damage(list_dir, "cannot begin at this cluster");
}

static void a_directory_that_begins_nowhere_is_told_of_and_erased(void **state)
{
    make_victim();
    set_start(DIR_NAME, 0);
    listen();
    assert_int_equal(mount_with(disk, MS_RDONLY, ""), 0);
    expect_names("/mnt", "file|");
    expect_heard("without clusters, as fsck.fat leaves one that it found in two places: not shown");
    unmount();
    listen();
    mount_disk(disk);
    assert_int_equal(list_dir(), -ENOENT);
    expect_heard("without clusters, as fsck.fat leaves one that it found in two places: erased");
    assert_int_equal(vfs_mkdir(here(), "/mnt/dir", 0755), 0); /* the name is free */
    expect_names("/mnt", "file|dir|");
    unmount();
    drop_victim();
}

static void directories_within_themselves_are_damage(void **state)
{
    make_victim();
    set_start(BELOW_NAME, start_of(DIR_NAME));
    expect_damage(list_below, "another entry leads to the directory");
}

static void directories_whose_chain_is_damaged_are_not_listed_short(void **state)
{
    make_victim();
    set_table(start_of(DIR_NAME), start_of(DIR_NAME));
    expect_damage(list_dir, "comes back");
    make_victim();
    set_table(start_of(DIR_NAME), FAT_FREE);
    expect_damage(list_dir, "free cluster");
    make_victim();
    set_table(start_of(DIR_NAME), start_of(FILE_NAME) + 20000);
    expect_damage(list_dir, "followed by");
}

/* ---- Names ----------------------------------------------------------------------------------- */

static struct fat_disk_long *long_slot(unsigned before)
{
    return (struct fat_disk_long *)entry_of(LONG_NAME) - before;
}

static void long_names_that_do_not_belong_give_way_to_short_ones(void **state)
{
    make_victim();
    long_slot(1)->checksum ^= 1;
    host_case_keep(disk, "vfat", "long name with a bad checksum");
    mount_disk(disk);
    expect_names("/mnt/dir", "below|ALONGN~1.TEX|");
    expect_text("/mnt/dir/alongn~1.tex", "long");
    unmount();
    host_disk_forget_cache(disk);
    long_slot(1)->checksum ^= 1;
    long_slot(2)->ordinal = 3; /* one that is missing */
    host_case_keep(disk, "vfat", "long name with a piece missing");
    mount_disk(disk);
    expect_names("/mnt/dir", "below|ALONGN~1.TEX|");
    unmount();
    host_disk_forget_cache(disk);
    long_slot(2)->ordinal = FAT_LONG_LAST | 63; /* more than there can be */
    mount_disk(disk);
    expect_names("/mnt/dir", "below|ALONGN~1.TEX|");
    unmount();
    host_disk_forget_cache(disk);
    long_slot(2)->ordinal = FAT_LONG_LAST | 2;
    put_le16(long_slot(1)->units1, 0xd800); /* half a character */
    mount_disk(disk);
    expect_names("/mnt/dir", "below|ALONGN~1.TEX|");
    expect_text("/mnt/dir/alongn~1.tex", "long");
    unmount();
    drop_victim();
}

static void names_that_unix_cannot_have_are_damage(void **state)
{
    make_victim();
    put_le16(long_slot(1)->units1, '/');
    expect_damage(list_dir, "a long name has characters");
    make_victim();
    put_le16(long_slot(1)->units1 + 2, '\n');
    expect_damage(list_dir, "a long name has characters");
    make_victim();
    entry_of(FILE_NAME)->name[2] = '/';
    expect_damage(list_root, "a short name has characters");
    make_victim();
    entry_of(FILE_NAME)->name[3] = 0;
    expect_damage(list_root, "a short name has characters");
    make_victim();
    entry_of(FILE_NAME)->name[0] = ' ';
    expect_damage(list_root, "a short name has characters");
}

/* ---- Anything -------------------------------------------------------------------------------- */

static void damage_in_random_places_is_survived(void **state)
{
    static const char *const kinds[] = {"-F 32 -s 1", "-F 16 -s 2", "-F 12 -s 32"};
    static uint8_t *pristine;
    uint64_t size = 34 * MIB;

    for (unsigned kind = 0; kind < array_size(kinds); kind++) {
        disk = make_image(34 * KIB, kinds[kind]);
        mount_disk(disk);
        put_text("/mnt/file", "some text");
        assert_int_equal(vfs_mkdir(here(), "/mnt/dir", 0755), 0);
        assert_int_equal(vfs_mkdir(here(), "/mnt/dir/below", 0755), 0);
        put_text("/mnt/dir/A Long Name.text", "long");
        unmount();
        pristine = malloc(size);
        memcpy(pristine, disk->bytes, size);
        for (unsigned round = 0; round < 150; round++) {
            unsigned nr_changes = 1 + (unsigned)host_random_below(&fat_random, 12);

            for (unsigned i = 0; i < nr_changes; i++) {
                uint64_t area = host_random_below(&fat_random, 3);
                uint64_t place = area == 0
                                     ? host_random_below(&fat_random, 96) /* the boot sector */
                                     : host_random_below(&fat_random, 80 * KIB);

                if (area == 2) { /* something that is in use: entries and heads of chains */
                    for (unsigned tries = 0; tries < 1000 && disk->bytes[place] == 0; tries++) {
                        place = host_random_below(&fat_random, 700 * KIB);
                    }
                }
                disk->bytes[place] = (uint8_t)host_random_next(&fat_random);
            }
            host_disk_forget_cache(disk);
            if (mount_with(disk, 0, "") == 0) {
                use_all();
                unmount();
            }
            host_disk_forget_cache(disk);
            memcpy(disk->bytes, pristine, size);
        }
        free(pristine);
        drop_victim();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_sectors_that_cannot_be_are_refused),
        cmocka_unit_test(root_directories_that_cannot_be_are_refused),
        cmocka_unit_test(other_formats_are_einval_and_nothing_is_said_when_types_are_tried),
        cmocka_unit_test(a_fixed_root_that_cannot_be_is_refused),
        cmocka_unit_test(a_file_system_that_was_not_unmounted_is_told_of),
        cmocka_unit_test(chains_that_loop_are_found_before_anything_is_read),
        cmocka_unit_test(chains_that_leave_the_disk_or_end_too_soon_are_damage),
        cmocka_unit_test(first_clusters_that_cannot_be_are_damage),
        cmocka_unit_test(directories_that_begin_where_they_cannot_are_damage),
        cmocka_unit_test(a_directory_that_begins_nowhere_is_told_of_and_erased),
        cmocka_unit_test(directories_within_themselves_are_damage),
        cmocka_unit_test(directories_whose_chain_is_damaged_are_not_listed_short),
        cmocka_unit_test(long_names_that_do_not_belong_give_way_to_short_ones),
        cmocka_unit_test(names_that_unix_cannot_have_are_damage),
        cmocka_unit_test(damage_in_random_places_is_survived),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
