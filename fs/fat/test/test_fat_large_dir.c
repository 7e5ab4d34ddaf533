// SPDX-License-Identifier: MIT
/* A directory large enough to be indexed, against an array that says which names there are: names come and go and are
 * renamed, onto others and within a sector; memory for the index is refused, the inode is forgotten; and what a listing, a
 * walk over the slots and fsck.fat find is what the array has. */
#include "fs/fat/fat_internal.h"
#include "fs/fat/test/fat_world.h"
#include "mm/fault_inject.h"

#define NR_NAMES 900
#define NR_STEPS 6000

static bool is_there[NR_NAMES];

/* Short ones, long ones, and long ones whose short names differ by their numbers only. */
static const char *name_of(unsigned which, char name[300])
{
    static const char *const formats[] = {"/mnt/d/n%u", "/mnt/d/Mixed Case %u.text",
                                          "/mnt/d/%u-a-rather-long-name-that-needs-some-slots",
                                          "/mnt/d/samebase-%u.txt"};

    ksnprintf(name, 300, formats[which % 4], which);
    return name;
}

static struct inode *dir_inode(void)
{
    struct file *file = open_file("/mnt/d", O_RDONLY | O_DIRECTORY);
    struct inode *dir = file->inode;

    file_put(file);
    return dir;
}

static int make(const char *name)
{
    struct file *file;
    int error = try_open(name, O_CREAT | O_EXCL | O_WRONLY, &file);

    if (error == 0) {
        file_put(file);
    }
    return error;
}

static void step(void)
{
    unsigned which = (unsigned)host_random_below(&fat_random, NR_NAMES);
    unsigned other = (unsigned)host_random_below(&fat_random, NR_NAMES);
    char name[300], to[300];
    struct kstat stat;

    name_of(which, name);
    name_of(other, to);
    switch (host_random_below(&fat_random, 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        assert_int_equal(make(name), is_there[which] ? -EEXIST : 0);
        is_there[which] = true;
        break;
    case 4:
    case 5:
        assert_int_equal(vfs_unlink(here(), name), is_there[which] ? 0 : -ENOENT);
        is_there[which] = false;
        break;
    case 6:
        assert_int_equal(vfs_rename(here(), name, here(), to, 0), is_there[which] ? 0 : -ENOENT);
        if (is_there[which] && which != other) {
            is_there[which] = false;
            is_there[other] = true;
        }
        break;
    default: assert_int_equal(stat_file(name, &stat), is_there[which] ? 0 : -ENOENT);
    }
}

/* Every entry that a walk meets is found by the index, at its place, and nothing else is. */
static unsigned check_index(void)
{
    struct inode *dir = dir_inode();
    struct fat_dir_cursor cursor;
    struct fat_found found, again;
    unsigned nr = 0;

    fat_dir_begin(&cursor, dir, 0);
    while (fat_dir_next(&cursor, &found) == 0) {
        struct fat_name name;
        int error;

        fat_short_decode(found.entry.name, found.entry.short_case, &name);
        error = fat_dir_index_find(dir, found.nr_long != 0 ? &found.long_name : &name, &again);
        assert_true(error == 0 || error == -EAGAIN);
        assert_true(error != 0 || again.slot == found.slot);
        assert_true(fat_dir_index_find_short(dir, found.entry.name) == error);
        nr++;
    }
    fat_dir_end(&cursor);
    return nr;
}

static void check_all(void)
{
    unsigned nr = 0;
    char name[300];
    struct kstat stat;

    for (unsigned i = 0; i < NR_NAMES; i++) {
        assert_int_equal(stat_file(name_of(i, name), &stat), is_there[i] ? 0 : -ENOENT);
        nr += is_there[i];
    }
    assert_int_equal(check_index(), nr);
}

static void work(unsigned nr_steps, unsigned *nr_indexed)
{
    for (unsigned i = 0; i < nr_steps; i++) {
        step();
        if (i % 500 == 250) {
            vfs_drop_caches(2);
        }
        *nr_indexed += i % 10 == 0 && load_relaxed(&fat_inode(dir_inode())->dir_index) != NULL;
        if (i % 1000 == 999) {
            check_all();
        }
    }
}

static void a_list_of_names_agrees(void **state)
{
    struct host_disk *disk = make_image(64 * KIB, "-F 32 -s 1");
    unsigned nr_indexed = 0;

    memset(is_there, 0, sizeof(is_there));
    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d", 0755), 0);
    work(NR_STEPS, &nr_indexed);
    assert_true(nr_indexed > NR_STEPS / 20);
    assert_true(inode_size(dir_inode()) < 100 * KIB); /* free slots are found again */
    unmount();
    check_clean(disk);
    mount_disk(disk);
    check_all();
    unmount();
    host_disk_free(disk);
}

/* Whatever allocation of a call fails: it does what it should or says ENOMEM, and the index never lies. */
static void an_index_that_finds_no_memory_is_done_without(void **state)
{
    struct host_disk *disk = make_image(64 * KIB, "-F 32 -s 1");
    char name[300];

    memset(is_there, 0, sizeof(is_there));
    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d", 0755), 0);
    for (unsigned i = 0; i < NR_NAMES; i++) {
        int error;

        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, 1 + host_random_below(&fat_random, 8),
                         false);
        error = make(name_of(i, name));
        (void)!fault_inject_disarm();
        assert_true(error == 0 || error == -ENOMEM);
        is_there[i] = error == 0;
        if (i % 50 == 0) {
            vfs_drop_caches(2);
        }
    }
    check_all();
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

/* 65,536 slots, however the clusters were given: then the directory is full, and still indexed. */
static void a_directory_ends_at_its_limit(void **state)
{
    struct host_disk *disk = make_image(64 * KIB, "-F 32 -s 1");
    unsigned nr = 0;
    char name[300];
    int error;

    mount_disk(disk);
    assert_int_equal(vfs_mkdir(here(), "/mnt/d", 0755), 0);
    do {
        ksnprintf(name, sizeof(name), "/mnt/d/%u-%0200u", nr, nr); /* 17 or 18 slots */
        error = make(name);
        nr++;
    } while (error == 0 && nr < FAT_MAX_DIR_SLOTS);
    assert_int_equal(error, -ENOSPC);
    assert_true(inode_size(dir_inode()) == FAT_MAX_DIR_SLOTS * sizeof(struct fat_disk_entry));
    assert_non_null(load_relaxed(&fat_inode(dir_inode())->dir_index));
    unmount();
    check_clean(disk);
    host_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_names_agrees),
        cmocka_unit_test(an_index_that_finds_no_memory_is_done_without),
        cmocka_unit_test(a_directory_ends_at_its_limit),
    };

    return cmocka_run_group_tests(tests, fat_world_start, fat_world_stop);
}
