// SPDX-License-Identifier: MIT
/* The path walk: what names mean, with symlinks, "..", slashes, permissions, limits; and the
 * dentry cache under it. */
#include "fs/test/vfs_world.h"
#include "fs/vfs/dentry.h"

static int setup(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/t", 0777), 0);
    assert_int_equal(vfs_mkdir(&world, "/t/dir", 0755), 0);
    assert_int_equal(make("/t/dir/file"), 0);
    assert_int_equal(vfs_symlink(&world, "dir", "/t/link"), 0);
    assert_int_equal(vfs_symlink(&world, "/t/dir/file", "/t/absolute"), 0);
    assert_int_equal(vfs_symlink(&world, "nowhere", "/t/dangling"), 0);
    return 0;
}

static void names_lead_where_posix_says(void **state)
{
    uint64_t dir = number_of("/t/dir");
    uint64_t file = number_of("/t/dir/file");

    assert_int_not_equal(dir, 0);
    assert_int_equal(number_of("//t///dir//"), dir);
    assert_int_equal(number_of("/t/./dir/."), dir);
    assert_int_equal(number_of("/t/dir/../dir"), dir);
    assert_int_equal(number_of("/../../t/dir"), dir);
    assert_int_equal(number_of("t/dir"), dir);
    assert_int_equal(number_of("/t/link"), dir);
    assert_int_equal(number_of("/t/link/"), dir);
    assert_int_equal(number_of("/t/link/file"), file);
    assert_int_equal(number_of("/t/link/../absolute"), file);
    assert_int_equal(number_of("/"), number_of("/.."));
}

static void a_walk_fails_as_linux_does(void **state)
{
    char name[PATH_MAX];
    struct kstat stat;

    assert_int_equal(look("", &stat), -ENOENT);
    assert_int_equal(look("/t/none", &stat), -ENOENT);
    assert_int_equal(look("/t/none/x", &stat), -ENOENT);
    assert_int_equal(look("/t/dangling", &stat), -ENOENT);
    assert_int_equal(look("/t/dir/file/", &stat), -ENOTDIR);
    assert_int_equal(look("/t/dir/file/x", &stat), -ENOTDIR);
    assert_int_equal(look("/t/dir/file/..", &stat), -ENOTDIR);
    assert_int_equal(look("/t/absolute/", &stat), -ENOTDIR);
    memset(name, 'a', sizeof(name));
    name[256] = '\0';
    assert_int_equal(look(name, &stat), -ENAMETOOLONG);
    name[255] = '\0';
    assert_int_equal(look(name, &stat), -ENOENT);
}

static void forty_links_are_followed_and_no_more(void **state)
{
    char name[32];
    char target[32];
    struct kstat stat;

    assert_int_equal(vfs_symlink(&world, "loop", "/t/loop"), 0);
    assert_int_equal(look("/t/loop", &stat), -ELOOP);
    assert_int_equal(touch("/t/loop", O_RDWR | O_CREAT), -ELOOP);
    strlcpy(target, "dir", sizeof(target));
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "/t/chain%d", i);
        assert_int_equal(vfs_symlink(&world, target, name), 0);
        snprintf(target, sizeof(target), "chain%d", i);
    }
    assert_int_equal(number_of("/t/chain40"), number_of("/t/dir"));
    assert_int_equal(look("/t/chain41", &stat), -ELOOP);
}

static void nobody_leaves_the_root_of_its_context(void **state)
{
    struct walk_context jail = world;
    struct path path;
    struct path dir;

    assert_int_equal(path_walk(&world, "/t/dir", 0, &dir), 0);
    jail.root = dir;
    jail.cwd = dir;
    assert_int_equal(path_walk(&jail, "/../../file", 0, &path), 0);
    assert_int_equal(path.dentry->inode->number, number_of("/t/dir/file"));
    path_put(&path);
    assert_int_equal(path_walk(&jail, "../t", 0, &path), -ENOENT);
    assert_int_equal(vfs_symlink(&jail, "/file", "/inner"), 0);
    /* absolute: from the jail's root */
    assert_int_equal(path_walk(&jail, "inner", WALK_FOLLOW, &path), 0);
    path_put(&path);
    path_put(&dir);
}

static void directories_must_be_searchable(void **state)
{
    struct walk_context user = world;
    struct attr_change change = {.valid = ATTR_MODE, .mode = 0700};
    struct path path;

    user.cred = &user_cred;
    assert_int_equal(path_walk(&user, "/t/dir/file", 0, &path), 0);
    path_put(&path);
    assert_int_equal(path_walk(&world, "/t/dir", 0, &path), 0);
    assert_int_equal(vfs_setattr(&path, &change, &cred_kernel), 0);
    path_put(&path);
    assert_int_equal(path_walk(&user, "/t/dir/file", 0, &path), -EACCES);
    assert_int_equal(path_walk(&user, "/t/dir/none", 0, &path), -EACCES);
    assert_int_equal(path_walk(&user, "/t/dir", 0, &path), 0);
    path_put(&path);
}

static void a_known_absence_ends_with_creation(void **state)
{
    struct kstat stat;

    assert_int_equal(look("/t/later", &stat), -ENOENT);
    assert_int_equal(look("/t/later", &stat), -ENOENT);
    assert_int_equal(make("/t/later"), 0);
    assert_int_equal(look("/t/later", &stat), 0);
    assert_int_equal(vfs_unlink(&world, "/t/later"), 0);
    assert_int_equal(look("/t/later", &stat), -ENOENT);
    assert_int_equal(vfs_mkdir(&world, "/t/later", 0755), 0);
    assert_int_equal(look("/t/later/", &stat), 0);
}

static void names_tell_the_way_back(void **state)
{
    char buffer[PATH_MAX];
    struct path path;
    struct path dir;

    assert_int_equal(path_walk(&world, "/t/link/file", 0, &path), 0);
    assert_int_equal(path_name(&path, &world_root, buffer, sizeof(buffer)), 11);
    assert_string_equal(buffer, "/t/dir/file");
    assert_int_equal(path_name(&path, &world_root, buffer, 8), -ENAMETOOLONG);
    assert_int_equal(path_walk(&world, "/t/dir", 0, &dir), 0);
    assert_int_equal(path_name(&path, &dir, buffer, sizeof(buffer)), 5);
    assert_string_equal(buffer, "/file");
    assert_int_equal(path_name(&dir, &dir, buffer, sizeof(buffer)), 1);
    assert_string_equal(buffer, "/");
    path_put(&path);
    assert_int_equal(path_walk(&world, "/t", 0, &path), 0);
    assert_true(path_name(&path, &dir, buffer, sizeof(buffer)) > 0);
    assert_string_equal(buffer, "(unreachable)/t");
    path_put(&path);
    path_put(&dir);
}

static void the_cache_gives_up_what_nobody_uses(void **state)
{
    struct file *file;
    char name[32];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "/t/dir/many%d", i);
        assert_int_equal(make(name), 0);
    }
    assert_int_equal(do_open("/t/dir/many7", O_RDWR, &file), 0);
    assert_true(dentry_shrink(UINT64_MAX / 2) + dentry_shrink(UINT64_MAX / 2) >= 200);
    /* what is left is in use: the open file and its parents */
    assert_int_equal(dentry_shrink(UINT64_MAX / 2), 0);
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "/t/dir/many%d", i);
        assert_true(exists(name));
        assert_int_equal(vfs_unlink(&world, name), 0);
    }
    assert_int_equal(write_at(file, "x", 1, 0), 1); /* unlinked, but open */
    file_put(file);
}

static void a_removed_directory_takes_no_names(void **state)
{
    struct walk_context inside = world;
    struct file *file;
    struct path path;

    assert_int_equal(vfs_mkdir(&world, "/t/gone", 0755), 0);
    assert_int_equal(path_walk(&world, "/t/gone", 0, &path), 0);
    assert_int_equal(vfs_rmdir(&world, "/t/gone"), 0);
    inside.cwd = path;
    assert_int_equal(vfs_open(&inside, "new", O_CREAT | O_RDWR, 0644, &file), -ENOENT);
    assert_int_equal(vfs_mkdir(&inside, "new", 0755), -ENOENT);
    path_put(&path);
}

static void long_names_are_kept_whole(void **state)
{
    char name[3 + NAME_MAX + 1] = "/t/";
    char other[3 + NAME_MAX + 1] = "/t/";

    memset(name + 3, 'n', NAME_MAX);
    name[3 + NAME_MAX] = '\0';
    memset(other + 3, 'o', 100);
    other[103] = '\0';
    assert_int_equal(make(name), 0);
    assert_true(exists(name));
    assert_int_equal(vfs_rename(&world, name, &world, other, 0), 0);
    assert_false(exists(name));
    assert_true(exists(other));
    assert_int_equal(vfs_rename(&world, other, &world, "/t/short", 0), 0);
    assert_false(exists(other));
    assert_true(exists("/t/short"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_where_posix_says),
        cmocka_unit_test(a_walk_fails_as_linux_does),
        cmocka_unit_test(forty_links_are_followed_and_no_more),
        cmocka_unit_test(nobody_leaves_the_root_of_its_context),
        cmocka_unit_test(a_known_absence_ends_with_creation),
        cmocka_unit_test(names_tell_the_way_back),
        cmocka_unit_test(the_cache_gives_up_what_nobody_uses),
        cmocka_unit_test(a_removed_directory_takes_no_names),
        cmocka_unit_test(long_names_are_kept_whole),
        cmocka_unit_test(directories_must_be_searchable),
    };

    world_begin(32ul << 20);
    return cmocka_run_group_tests(tests, setup, NULL);
}
