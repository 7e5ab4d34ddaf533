// SPDX-License-Identifier: MIT
// TSAN
/* Names under many hands: threads create, rename, link and remove in the same few directories
 * while others walk, list, mount and shrink the caches. Nothing is checked but that every answer
 * is a possible one, that nothing stops, and that the tree is whole after. */
#include "fs/test/vfs_world.h"
#include "fs/vfs/dentry.h"

#define NR_STEPS 1500u

static const char *const dirs[] = {"/a", "/b", "/a/c", "/b/d"};

static void random_name(struct host_random *random, char *name)
{
    snprintf(name, 32, "%s/n%u", dirs[host_random_below(random, 4)],
             (unsigned)host_random_below(random, 6));
}

static void expect_one_of(int error, const int *allowed)
{
    for (; *allowed != 1; allowed++) {
        if (error == *allowed) {
            return;
        }
    }
    panic("an impossible answer: %d", error);
}

static void change_names(struct host_random *random)
{
    static const int make_errors[] = {0, -EEXIST, -ENOENT, -EISDIR, -ENOTDIR, 1};
    static const int remove_errors[] = {0, -ENOENT, -EISDIR, -ENOTDIR, -ENOTEMPTY, 1};
    static const int rename_errors[] = {0, -ENOENT, -EISDIR, -ENOTDIR, -ENOTEMPTY, -EINVAL, 1};
    char from[32];
    char to[32];

    random_name(random, from);
    random_name(random, to);
    switch (host_random_below(random, 5)) {
    case 0: expect_one_of(make(from), make_errors); break;
    case 1: expect_one_of(vfs_mkdir(&world, from, 0755), make_errors); break;
    case 2: expect_one_of(vfs_unlink(&world, from), remove_errors); break;
    case 3: expect_one_of(vfs_rmdir(&world, from), remove_errors); break;
    default: expect_one_of(vfs_rename(&world, from, &world, to, 0), rename_errors); break;
    }
}

static void look_around(struct host_random *random)
{
    char name[32];
    char buffer[64];
    struct path path;
    struct file *dir;
    static _Thread_local struct world_listing listing;

    random_name(random, name);
    if (path_walk(&world, name, WALK_FOLLOW, &path) == 0) {
        (void)!path_name(&path, &world_root, buffer, sizeof(buffer));
        path_put(&path);
    }
    if (do_open(dirs[host_random_below(random, 4)], O_RDONLY | O_DIRECTORY, &dir) == 0) {
        (void)!list_names(dir, &listing, 64);
        file_put(dir);
    }
    (void)dentry_shrink(host_random_below(random, 20));
}

static void mount_and_go(struct host_random *random)
{
    if (vfs_mount(&world, "none", "/m", "tmpfs", 0, "size=64k") != 0) {
        panic("mount");
    }
    (void)!make("/m/x");
    while (vfs_umount(&world, "/m", 0) != 0) { /* others are looking */
        port_yield();
    }
}

static void work(unsigned index, void *arg)
{
    struct host_random random = {.state = *(uint64_t *)arg + index};

    for (unsigned i = 0; i < NR_STEPS; i++) {
        if (index == 0 && i % 16 == 0) {
            mount_and_go(&random);
        } else if (index % 2 == 0) {
            look_around(&random);
            (void)!touch("/m/x", O_RDONLY);
        } else {
            change_names(&random);
        }
    }
}

static void hands_do_not_cross(void **state)
{
    struct host_random random;
    struct kstat stat;

    host_random_init(&random);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vfs_mkdir(&world, dirs[i], 0755), 0);
    }
    assert_int_equal(vfs_mkdir(&world, "/m", 0755), 0);
    host_run_threads(4, work, &random.state);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned n = 0; n < 6; n++) {
            char name[32];

            snprintf(name, sizeof(name), "%s/n%u", dirs[i], n);
            if (look(name, &stat) == 0) {
                int error = (stat.mode & S_IFMT) == S_IFDIR ? 0 : vfs_unlink(&world, name);

                assert_int_equal(error, 0);
            }
        }
        assert_int_equal(look(dirs[i], &stat), 0);
    }
    assert_false(exists("/m/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hands_do_not_cross)};

    world_begin(32ul << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
