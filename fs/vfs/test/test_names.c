// SPDX-License-Identifier: MIT
/* The rules of making, removing, renaming and opening names, and of changing attributes: what is
 * refused, and with which error. */
#include "fs/test/vfs_world.h"
#include "mm/fault_inject.h"

static struct walk_context user;

static int setup(void **state)
{
    user = world;
    user.cred = &user_cred;
    return 0;
}

static int change(const char *name, struct attr_change *change, const struct cred *cred)
{
    struct path path;
    int error = path_walk(&world, name, 0, &path);

    if (error == 0) {
        error = vfs_setattr(&path, change, cred);
        path_put(&path);
    }
    return error;
}

static void chmod_as_root(const char *name, uint32_t mode)
{
    struct attr_change mode_change = {.valid = ATTR_MODE, .mode = mode};

    assert_int_equal(change(name, &mode_change, &cred_kernel), 0);
}

static int rename_name(const char *from, const char *to)
{
    return vfs_rename(&world, from, &world, to, 0);
}

static void what_exists_is_not_made_again(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/a", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/a", 0755), -EEXIST);
    assert_int_equal(vfs_mkdir(&world, "/a/", 0755), -EEXIST);
    assert_int_equal(vfs_mkdir(&world, "/", 0755), -EEXIST);
    assert_int_equal(vfs_mkdir(&world, "/a/.", 0755), -EEXIST);
    assert_int_equal(vfs_mkdir(&world, "/a/b/", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/none/b", 0755), -ENOENT);
    assert_int_equal(make("/a/f"), 0);
    assert_int_equal(make("/a/f"), -EEXIST);
    assert_int_equal(vfs_mkdir(&world, "/a/f/x", 0755), -ENOTDIR);
    assert_int_equal(vfs_mknod(&world, "/a/n/", S_IFIFO | 0600, 0), -ENOENT);
    assert_int_equal(vfs_mknod(&world, "/a/n", S_IFDIR | 0600, 0), -EPERM);
    assert_int_equal(vfs_mknod(&user, "/a/n", S_IFCHR | 0600, 0x103), -EPERM);
    assert_int_equal(vfs_symlink(&world, "", "/a/s"), -ENOENT);
    assert_int_equal(vfs_symlink(&world, "x", "/a/f"), -EEXIST);
    assert_int_equal(touch("/a/new/", O_CREAT | O_RDWR), -EISDIR);
}

#define LONG_NAME "a-name-that-is-longer-than-what-an-entry-of-the-cache-has-room-for-in-itself"

static int make_node(void)
{
    return vfs_mknod(&world, "/mem/" LONG_NAME, S_IFIFO | 0600, 0);
}

static int make_directory(void)
{
    return vfs_mkdir(&world, "/mem/" LONG_NAME, 0755);
}

static int make_symlink(void)
{
    return vfs_symlink(&world, "target", "/mem/" LONG_NAME);
}

static int make_link(void)
{
    struct path path;
    int error = path_walk(&world, "/link-target", 0, &path);

    if (error == 0) {
        error = vfs_link(&path, &world, "/mem/" LONG_NAME);
        path_put(&path);
    }
    return error;
}

/* A creation that fails for want of memory has not half happened: the directory is as empty as it
 * was, for the cache of names and for the file system. */
static void a_creation_without_memory_makes_nothing(void **state)
{
    static int (*const makers[])(void) = {make_node, make_directory, make_symlink, make_link};

    assert_int_equal(make("/link-target"), 0);
    for (size_t i = 0; i < array_size(makers); i++) {
        uint64_t nr_failed = 1;

        for (uint64_t nth = 1; nr_failed != 0; nth++) {
            int error;

            assert_int_equal(vfs_mkdir(&world, "/mem", 0755), 0);
            fault_inject_arm(FAULT_FRAMES | FAULT_OBJECTS, nth, false);
            error = makers[i]();
            nr_failed = fault_inject_disarm();
            assert_true(error == 0 || (error == -ENOMEM && nr_failed != 0));
            if (error == 0) {
                assert_int_equal(makers[i] == make_directory
                                     ? vfs_rmdir(&world, "/mem/" LONG_NAME)
                                     : vfs_unlink(&world, "/mem/" LONG_NAME),
                                 0);
            }
            assert_int_equal(vfs_rmdir(&world, "/mem"), 0);
        }
    }
}

static void only_what_fits_is_removed(void **state)
{
    assert_int_equal(vfs_unlink(&world, "/a/none"), -ENOENT);
    assert_int_equal(vfs_unlink(&world, "/a/b"), -EISDIR);
    assert_int_equal(vfs_unlink(&world, "/a/."), -EISDIR);
    assert_int_equal(vfs_unlink(&world, "/a/f/"), -ENOTDIR);
    assert_int_equal(vfs_rmdir(&world, "/a/f"), -ENOTDIR);
    assert_int_equal(vfs_rmdir(&world, "/a"), -ENOTEMPTY);
    assert_int_equal(vfs_rmdir(&world, "/a/."), -EINVAL);
    assert_int_equal(vfs_rmdir(&world, "/a/.."), -ENOTEMPTY);
    assert_int_equal(vfs_rmdir(&world, "/"), -EBUSY);
    assert_int_equal(vfs_rmdir(&world, "/a/b/"), 0);
    assert_false(exists("/a/b"));
}

static void permission_is_asked_of_the_directory(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/p", 0755), 0);
    assert_int_equal(make("/p/f"), 0);
    assert_int_equal(vfs_mkdir(&user, "/p/d", 0755), -EACCES);
    assert_int_equal(vfs_unlink(&user, "/p/f"), -EACCES);
    assert_int_equal(vfs_unlink(&user, "/p/none"), -ENOENT);
    assert_int_equal(vfs_rename(&user, "/p/f", &user, "/p/g", 0), -EACCES);
    chmod_as_root("/p", 01777);
    assert_int_equal(vfs_mkdir(&user, "/p/d", 0755), 0);
    assert_int_equal(vfs_unlink(&user, "/p/f"), -EPERM); /* sticky: not his */
    assert_int_equal(vfs_rename(&user, "/p/f", &user, "/p/g", 0), -EPERM);
    assert_int_equal(vfs_rmdir(&user, "/p/d"), 0);
    chmod_as_root("/p", 0777);
    assert_int_equal(vfs_unlink(&user, "/p/f"), 0);
}

static void a_set_group_directory_hands_on_its_group(void **state)
{
    struct attr_change group = {.valid = ATTR_GID, .gid = 77};
    struct kstat stat;

    assert_int_equal(vfs_mkdir(&world, "/sg", 0777), 0);
    assert_int_equal(change("/sg", &group, &cred_kernel), 0);
    chmod_as_root("/sg", 02777);
    assert_int_equal(vfs_mkdir(&user, "/sg/d", 0777), 0);
    assert_int_equal(look("/sg/d", &stat), 0);
    assert_int_equal(stat.gid, 77);
    assert_int_equal(stat.uid, 1000);
    assert_int_equal(stat.mode, S_IFDIR | S_ISGID | 0755);
}

static void links_count(void **state)
{
    struct kstat stat;
    struct path path;

    assert_int_equal(vfs_mkdir(&world, "/l", 0755), 0);
    assert_int_equal(make("/l/one"), 0);
    assert_int_equal(path_walk(&world, "/l/one", 0, &path), 0);
    assert_int_equal(vfs_link(&path, &world, "/l/two"), 0);
    assert_int_equal(vfs_link(&path, &world, "/l/two"), -EEXIST);
    assert_int_equal(vfs_link(&path, &world, "/l/three/"), -ENOENT);
    assert_int_equal(look("/l/two", &stat), 0);
    assert_int_equal(stat.nr_links, 2);
    assert_int_equal(rename_name("/l/one", "/l/two"), 0); /* the same file: nothing happens */
    assert_true(exists("/l/one"));
    assert_int_equal(vfs_unlink(&world, "/l/one"), 0);
    assert_int_equal(vfs_unlink(&world, "/l/two"), 0);
    assert_int_equal(vfs_link(&path, &world, "/l/again"), -ENOENT);
    path_put(&path);
    assert_int_equal(path_walk(&world, "/l", 0, &path), 0);
    assert_int_equal(vfs_link(&path, &world, "/l2"), -EPERM);
    assert_int_equal(look("/l", &stat), 0);
    assert_int_equal(stat.nr_links, 2);
    path_put(&path);
}

static void rename_obeys_its_rules(void **state)
{
    struct kstat stat;

    assert_int_equal(vfs_mkdir(&world, "/r", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/r/d", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/r/d/e", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/r/empty", 0755), 0);
    assert_int_equal(make("/r/f"), 0);
    assert_int_equal(make("/r/d/g"), 0);
    assert_int_equal(rename_name("/r/none", "/r/x"), -ENOENT);
    assert_int_equal(rename_name("/r/d", "/r/d/e/x"), -EINVAL);
    assert_int_equal(rename_name("/r/d", "/r/d/x"), -EINVAL);
    assert_int_equal(rename_name("/r/d/e", "/r/d"), -ENOTEMPTY);
    assert_int_equal(rename_name("/r/d/g", "/r/d"), -ENOTEMPTY); /* over an ancestor */
    assert_int_equal(rename_name("/r/f", "/r/d"), -EISDIR);
    assert_int_equal(rename_name("/r/d", "/r/f"), -ENOTDIR);
    assert_int_equal(rename_name("/r/f/", "/r/x"), -ENOTDIR);
    assert_int_equal(rename_name("/r/f", "/r/x/"), -ENOTDIR);
    assert_int_equal(rename_name("/r/empty", "/r/d"), -ENOTEMPTY);
    assert_int_equal(rename_name("/r/.", "/r/x"), -EBUSY);
    assert_int_equal(rename_name("/r/d", "/r/.."), -EBUSY);
    assert_int_equal(vfs_rename(&world, "/r/f", &world, "/r/d/g", RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(vfs_rename(&world, "/r/f", &world, "/r/d/g", RENAME_EXCHANGE), 0);
    assert_int_equal(vfs_rename(&world, "/r/d", &world, "/r/f", RENAME_EXCHANGE | RENAME_NOREPLACE),
                     -EINVAL);
    assert_int_equal(rename_name("/r/d", "/r/empty"), 0);
    assert_int_equal(look("/r", &stat), 0);
    assert_int_equal(stat.nr_links, 3);
    assert_int_equal(rename_name("/r/empty/e", "/r/e/"), 0);
    assert_int_equal(look("/r", &stat), 0);
    assert_int_equal(stat.nr_links, 4);
    assert_int_equal(number_of("/r/e/.."), number_of("/r"));
    assert_int_equal(rename_name("/r/f", "/r/empty/g"), 0);
    assert_false(exists("/r/f"));
}

static void what_is_open_decides(void **state)
{
    struct file *file;
    struct file *again;
    char byte = 0;

    assert_int_equal(vfs_mkdir(&world, "/o", 0777), 0);
    chmod_as_root("/o", 0777);
    /* its mode does not bind its maker */
    assert_int_equal(vfs_open(&user, "/o/f", O_CREAT | O_WRONLY, 0444, &file), 0);
    assert_int_equal(write_at(file, "hello", 5, 0), 5);
    assert_int_equal(read_at(file, &byte, 1, 0), -EBADF);
    assert_int_equal(vfs_open(&user, "/o/f", O_WRONLY, 0, &again), -EACCES);
    assert_int_equal(vfs_open(&user, "/o/f", O_RDONLY | O_TRUNC, 0, &again), -EACCES);
    assert_int_equal(inode_deny_writes(file->inode), -ETXTBSY);
    file_put(file);
    assert_int_equal(do_open("/o/f", O_RDONLY, &file), 0);
    assert_int_equal(inode_deny_writes(file->inode), 0);
    assert_int_equal(touch("/o/f", O_RDWR), -ETXTBSY);
    assert_int_equal(touch("/o/f", O_RDONLY), 0);
    inode_allow_writes(file->inode);
    assert_int_equal(touch("/o/f", O_RDWR), 0);
    assert_int_equal(write_at(file, "x", 1, 0), -EBADF);
    file_put(file);
    assert_int_equal(touch("/o", O_RDWR), -EISDIR);
    assert_int_equal(touch("/o", O_CREAT | O_RDONLY), -EISDIR);
    assert_int_equal(touch("/o/f", O_DIRECTORY | O_RDONLY), -ENOTDIR);
    assert_int_equal(touch("/o/g", O_CREAT | O_DIRECTORY), -EINVAL);
    assert_int_equal(vfs_symlink(&world, "f", "/o/s"), 0);
    assert_int_equal(touch("/o/s", O_NOFOLLOW | O_RDONLY), -ELOOP);
    assert_int_equal(touch("/o/s", O_NOFOLLOW | O_PATH), 0);
    assert_int_equal(touch("/o/s", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
    assert_int_equal(vfs_symlink(&world, "made", "/o/t"), 0);
    assert_int_equal(touch("/o/t", O_CREAT | O_RDWR), 0); /* made at the link's target */
    assert_true(exists("/o/made"));
}

static void append_finds_the_end(void **state)
{
    struct file *one;
    struct file *two;
    char bytes[8] = "";

    assert_int_equal(do_open("/app", O_CREAT | O_RDWR | O_APPEND, &one), 0);
    assert_int_equal(do_open("/app", O_RDWR, &two), 0);
    assert_int_equal(write_at(one, "ab", 2, 0), 2);
    assert_int_equal(write_at(two, "cd", 2, 2), 2);
    assert_int_equal(write_at(one, "ef", 2, 0), 2);
    assert_int_equal(read_at(two, bytes, 8, 0), 6);
    assert_memory_equal(bytes, "abcdef", 6);
    assert_int_equal(vfs_truncate_file(two, 3), 0);
    assert_int_equal(vfs_truncate_file(two, 5), 0);
    assert_int_equal(read_at(two, bytes, 8, 0), 5);
    assert_memory_equal(bytes, "abc\0\0", 5);
    assert_int_equal(vfs_seek(two, -1, SEEK_SET), -EINVAL);
    assert_int_equal(vfs_seek(two, 2, SEEK_END), 7);
    assert_int_equal(vfs_seek(two, -3, SEEK_CUR), 4);
    assert_int_equal(vfs_seek(two, 5, SEEK_DATA), -ENXIO);
    assert_int_equal(vfs_seek(two, 1, SEEK_HOLE), 5);
    file_put(one);
    file_put(two);
}

static void owners_and_root_change_attributes(void **state)
{
    struct attr_change mode = {.valid = ATTR_MODE, .mode = 06755};
    struct attr_change owner = {.valid = ATTR_UID, .uid = 1000};
    struct attr_change now = {.valid = ATTR_TIMES_NOW};
    struct attr_change then = {.valid = ATTR_MTIME, .mtime = {.sec = 5}};
    struct kstat stat;
    struct file *file;

    assert_int_equal(make("/attr"), 0);
    assert_int_equal(change("/attr", &mode, &user_cred), -EPERM);
    assert_int_equal(change("/attr", &owner, &user_cred), -EPERM);
    assert_int_equal(change("/attr", &now, &user_cred), -EACCES);
    assert_int_equal(change("/attr", &then, &user_cred), -EPERM);
    assert_int_equal(change("/attr", &mode, &cred_kernel), 0);
    assert_int_equal(change("/attr", &owner, &cred_kernel), 0);
    assert_int_equal(look("/attr", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 0755); /* a new owner takes the set-id bits away */
    mode = (struct attr_change){.valid = ATTR_MODE, .mode = 06777};
    assert_int_equal(change("/attr", &mode, &user_cred), 0);
    assert_int_equal(look("/attr", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 04777); /* root's group is not his */
    assert_int_equal(vfs_open(&user, "/attr", O_WRONLY, 0, &file), 0);
    assert_int_equal(write_at(file, "x", 1, 0), 1);
    file_put(file);
    assert_int_equal(look("/attr", &stat), 0);
    assert_int_equal(stat.mode, S_IFREG | 0777); /* new content, no old powers */
    then = (struct attr_change){.valid = ATTR_MTIME, .mtime = {.sec = 5, .nsec = 7}};
    assert_int_equal(change("/attr", &then, &user_cred), 0);
    assert_int_equal(look("/attr", &stat), 0);
    assert_int_equal(stat.mtime.sec, 5);
    assert_int_equal(stat.mtime.nsec, 7);
    assert_true(stat.ctime.sec > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_exists_is_not_made_again),
        cmocka_unit_test(a_creation_without_memory_makes_nothing),
        cmocka_unit_test(only_what_fits_is_removed),
        cmocka_unit_test(permission_is_asked_of_the_directory),
        cmocka_unit_test(a_set_group_directory_hands_on_its_group),
        cmocka_unit_test(links_count),
        cmocka_unit_test(rename_obeys_its_rules),
        cmocka_unit_test(what_is_open_decides),
        cmocka_unit_test(append_finds_the_end),
        cmocka_unit_test(owners_and_root_change_attributes),
    };

    world_begin(32ul << 20);
    return cmocka_run_group_tests(tests, setup, NULL);
}
