// SPDX-License-Identifier: MIT
/* A directory large enough to be indexed, against an array that says which names there are: names come and
 * go and are renamed, the index is lost for want of memory, the inode is forgotten; and what a listing and
 * e2fsck find in the end is what the array has. Names are hard links: as many as one likes. */
#include "fs/ext/ext_internal.h"
#include "fs/ext/test/ext_world.h"
#include "mm/fault_inject.h"

#define NR_NAMES 1500
#define NR_STEPS 12000

static bool is_there[NR_NAMES];

/* Of very different lengths, so that room is found and lost. */
static const char *name_of(unsigned which, char name[300])
{
    ksnprintf(name, 300, "/mnt/dir/%0*u", (int)(4 + which % 7 * which % 40), which);
    return name;
}

static struct ext_inode *dir_inode(void)
{
    static struct ext_inode *ext;
    struct file *file;

    assert_int_equal(do_open("/mnt/dir", O_RDONLY | O_DIRECTORY, &file), 0);
    ext = ext_inode(file->inode);
    file_put(file);
    return ext;
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
        nr_indexed += i % 10 == 0 && load_relaxed(&dir_inode()->dir_index) != NULL;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_list_of_names_agrees, fresh_image),
        cmocka_unit_test_setup(an_index_that_finds_no_memory_is_done_without, fresh_image),
    };

    return cmocka_run_group_tests(tests, ext_world_begin, ext_world_end);
}
