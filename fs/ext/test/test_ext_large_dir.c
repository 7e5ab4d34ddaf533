// SPDX-License-Identifier: MIT
/* A directory large enough to be indexed, against an array that says which names there are: names come and
 * go and are renamed, the index is lost for want of memory, the inode is forgotten; and what a listing and
 * e2fsck find in the end is what the array has. Names are hard links: as many as one likes. Last, one that the
 * disk calls so large that its index would take much of memory. */
#include "fs/ext/ext_internal.h"
#include "fs/ext/test/ext_world.h"
#include "mm/fault_inject.h"
#include "mm/frames.h"

#define NR_NAMES 1500
#define NR_STEPS 12000

static bool is_there[NR_NAMES];

/* Of very different lengths, so that room is found and lost. */
static const char *name_of(unsigned which, char name[300])
{
    ksnprintf(name, 300, "/mnt/dir/%0*u", (int)(4 + which % 7 * which % 40), which);
    return name;
}

static bool is_indexed(const char *name)
{
    struct file *file;
    bool has_index;

    assert_int_equal(do_open(name, O_RDONLY | O_DIRECTORY, &file), 0);
    has_index = load_relaxed(&ext_inode(file->inode)->dir_index) != NULL;
    file_put(file);
    return has_index;
}

static int link_file(const char *name)
{
    struct path path;
    int error = path_walk(&world, "/mnt/dir/file", 0, &path);

    if (error == 0) {
        error = vfs_link(&path, &world, name);
        path_put(&path);
    }
    return error;
}

static void step(struct host_random *random)
{
    unsigned which = (unsigned)host_random_below(random, NR_NAMES);
    unsigned other = (unsigned)host_random_below(random, NR_NAMES);
    char name[300], to[300];
    struct kstat stat;

    name_of(which, name);
    name_of(other, to);
    switch (host_random_below(random, 4)) {
    case 0:
        assert_int_equal(link_file(name), is_there[which] ? -EEXIST : 0);
        is_there[which] = true;
        break;
    case 1:
        assert_int_equal(vfs_unlink(&world, name), is_there[which] ? 0 : -ENOENT);
        is_there[which] = false;
        break;
    case 2: /* two names of one inode: rename does nothing */
        assert_int_equal(vfs_rename(&world, name, &world, to, 0), is_there[which] ? 0 : -ENOENT);
        if (is_there[which] && !is_there[other]) {
            is_there[which] = false;
            is_there[other] = true;
        }
        break;
    default: assert_int_equal(look(name, &stat), is_there[which] ? 0 : -ENOENT);
    }
}

static unsigned count_listed(void)
{
    static struct world_listing listing;
    struct file *dir;
    unsigned nr = 0;

    assert_int_equal(do_open("/mnt/dir", O_RDONLY | O_DIRECTORY, &dir), 0);
    do {
        assert_int_equal(list_names(dir, &listing, 64), 0);
        nr += listing.nr;
    } while (listing.nr != 0);
    file_put(dir);
    return nr;
}

static void check_all(void)
{
    unsigned nr = 0;
    char name[300];
    struct kstat stat;

    vfs_drop_caches(3); /* names are asked of the directory */
    for (unsigned i = 0; i < NR_NAMES; i++) {
        assert_int_equal(look(name_of(i, name), &stat), is_there[i] ? 0 : -ENOENT);
        nr += is_there[i];
    }
    assert_int_equal(count_listed(), nr + 4); /* and ".", "..", "file", "small" */
}

static void a_list_of_names_agrees(void **state)
{
    struct host_random random;
    unsigned nr_indexed = 0;

    assert_int_equal(mount_with(0), 0);
    host_random_init(&random);
    for (unsigned i = 0; i < NR_STEPS; i++) {
        step(&random);
        if (i % 100 == 50) {
            vfs_drop_caches(2);
        }
        nr_indexed += i % 10 == 0 && is_indexed("/mnt/dir");
        if (i % 3000 == 2999) {
            check_all();
        }
    }
    assert_true(nr_indexed > NR_STEPS / 20);
    unmount();
    expect_clean();
    assert_int_equal(mount_with(0), 0);
    check_all();
    unmount();
}

/* Whatever allocation of a call fails: it does what it should or says ENOMEM, and the index never lies. */
static void an_index_that_finds_no_memory_is_done_without(void **state)
{
    struct host_random random;
    struct kstat stat;
    char name[300];

    memset(is_there, 0, sizeof(is_there));
    assert_int_equal(mount_with(0), 0);
    host_random_init(&random);
    for (unsigned i = 0; i < NR_NAMES; i++) {
        int error = 0;

        fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, 1 + host_random_below(&random, 6), false);
        error = link_file(name_of(i, name));
        (void)!fault_inject_disarm();
        is_there[i] = error == 0;
        assert_true(error == 0 || error == -ENOMEM);
        if (i % 50 == 0) {
            vfs_drop_caches(2);
        }
        assert_int_equal(look(name, &stat), is_there[i] ? 0 : -ENOENT);
    }
    check_all();
    unmount();
    expect_clean();
}

/* One record that fills a directory's block; inode 0 is a free one. */
static void put_record(uint8_t *at, uint32_t inode, const char *name, uint32_t len_bytes)
{
    struct ext_disk_entry *entry = (struct ext_disk_entry *)at;

    entry->inode = le32_of(inode);
    entry->record_len = le16_of((uint16_t)len_bytes);
    entry->name_len = (uint8_t)strlen(name);
    memcpy(entry->name, name, strlen(name));
}

/* A file of that many bytes, whose content is an empty directory's, and whose inode then says that it is one. */
static void plant_directory(uint32_t size)
{
    static uint8_t bytes[IMAGE_BYTES];
    uint32_t number;
    struct file *file;

    fresh_image(NULL);
    assert_int_equal(mount_with(0), 0);
    assert_int_equal(do_open("/mnt/planted", O_CREAT | O_RDWR, &file), 0);
    number = (uint32_t)file->inode->number;
    memset(bytes, 0, sizeof(bytes));
    for (uint32_t at = 0; at < size; at += BLOCK) {
        put_record(bytes + at, 0, "", BLOCK);
    }
    put_record(bytes, number, ".", 12);
    put_record(bytes + 12, 2, "..", BLOCK - 12);
    assert_int_equal(write_at(file, bytes, size, 0), size);
    file_put(file);
    unmount();
    forget_cache();
    inode_on_disk(number)->mode = le16_of(S_IFDIR | 0755);
    inode_on_disk(number)->links_count = le16_of(2);
}

/* Memory in the small: a disk of a gigabyte is to a machine of a gigabyte what this one is to this. */
static void a_directory_of_a_good_part_of_memory_is_walked_and_not_indexed(void **state)
{
    uint32_t most = (uint32_t)(frames_nr_total() / 32 * PAGE_SIZE);
    struct kstat stat;

    assert_true(most > MIB && most + PAGE_SIZE < IMAGE_BYTES / 4 * 3);
    for (uint32_t size = most; size <= most + PAGE_SIZE; size += PAGE_SIZE) {
        plant_directory(size);
        assert_int_equal(mount_with(0), 0);
        assert_int_equal(look("/mnt/planted/nobody", &stat), -ENOENT);
        assert_int_equal(is_indexed("/mnt/planted"), size == most);
        assert_int_equal(make("/mnt/planted/new"), 0); /* and it can be used, either way */
        assert_true(exists("/mnt/planted/new"));
        assert_int_equal(vfs_unlink(&world, "/mnt/planted/new"), 0);
        unmount();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_list_of_names_agrees, fresh_image),
        cmocka_unit_test_setup(an_index_that_finds_no_memory_is_done_without, fresh_image),
        cmocka_unit_test_setup(a_directory_of_a_good_part_of_memory_is_walked_and_not_indexed,
                               fresh_image),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
