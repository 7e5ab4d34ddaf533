// SPDX-License-Identifier: MIT
/* Mounts: crossing down and up, binds, what is busy, lazy detaching, read-only, and what
 * /proc/mounts tells. */
#include "fs/devfs/devfs.h"
#include "fs/test/vfs_world.h"

static int mount_tmpfs(const char *place, uint32_t flags)
{
    return vfs_mount(&world, "none", place, "tmpfs", flags, "size=1m");
}

static void a_mount_hides_and_shows(void **state)
{
    char buffer[64];
    struct path path;

    assert_int_equal(vfs_mkdir(&world, "/m", 0755), 0);
    assert_int_equal(make("/m/below"), 0);
    assert_int_equal(mount_tmpfs("/m", 0), 0);
    assert_false(exists("/m/below"));
    assert_int_equal(make("/m/above"), 0);
    assert_int_equal(number_of("/m/.."), number_of("/"));
    assert_int_equal(path_walk(&world, "/m/above", 0, &path), 0);
    assert_int_equal(path_name(&path, &world_root, buffer, sizeof(buffer)), 8);
    assert_string_equal(buffer, "/m/above");
    assert_int_equal(vfs_umount(&world, "/m", 0), -EBUSY);
    path_put(&path);
    assert_int_equal(vfs_umount(&world, "/m", 0), 0);
    assert_true(exists("/m/below"));
    assert_int_equal(vfs_umount(&world, "/m", 0), -EINVAL);
}

static void a_place_in_use_is_neither_removed_nor_crossed_by_renames(void **state)
{
    struct path path;

    assert_int_equal(vfs_mkdir(&world, "/p", 0755), 0);
    assert_int_equal(mount_tmpfs("/p", 0), 0);
    assert_int_equal(vfs_rmdir(&world, "/p"), -EBUSY);
    assert_int_equal(vfs_rename(&world, "/p", &world, "/q", 0), -EBUSY);
    assert_int_equal(make("/p/f"), 0);
    assert_int_equal(vfs_rename(&world, "/p/f", &world, "/f", 0), -EXDEV);
    assert_int_equal(path_walk(&world, "/p/f", 0, &path), 0);
    assert_int_equal(vfs_link(&path, &world, "/f"), -EXDEV);
    path_put(&path);
    assert_int_equal(vfs_umount(&world, "/p", 0), 0);
    assert_int_equal(vfs_rmdir(&world, "/p"), 0);
}

static void mounts_stand_on_mounts(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/s", 0755), 0);
    assert_int_equal(mount_tmpfs("/s", 0), 0);
    assert_int_equal(make("/s/first"), 0);
    assert_int_equal(mount_tmpfs("/s", 0), 0);
    assert_int_equal(vfs_mkdir(&world, "/s/sub", 0755), 0);
    assert_int_equal(mount_tmpfs("/s/sub", 0), 0);
    assert_int_equal(number_of("/s/sub/../.."), number_of("/"));
    assert_int_equal(vfs_umount(&world, "/s", 0), -EBUSY); /* something is mounted in it */
    assert_int_equal(vfs_umount(&world, "/s/sub", 0), 0);
    assert_int_equal(vfs_umount(&world, "/s", 0), 0);
    assert_true(exists("/s/first"));
    assert_int_equal(vfs_umount(&world, "/s", 0), 0);
}

static void a_bind_is_the_same_tree_elsewhere(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/b", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/b/x", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/c", 0755), 0);
    assert_int_equal(make("/c/file"), 0);
    assert_int_equal(vfs_mount(&world, "/b/x", "/c", NULL, MS_BIND, NULL), 0);
    assert_int_equal(make("/c/new"), 0);
    assert_true(exists("/b/x/new"));
    assert_int_equal(number_of("/c/.."), number_of("/"));
    assert_int_equal(vfs_mount(&world, "/b/x/new", "/c", NULL, MS_BIND, NULL), -ENOTDIR);
    assert_int_equal(vfs_mount(&world, NULL, "/c", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
                     0);
    assert_int_equal(make("/c/refused"), -EROFS);
    assert_int_equal(make("/b/x/allowed"), 0);
    assert_int_equal(vfs_umount(&world, "/c", 0), 0);
    assert_true(exists("/c/file"));
}

static uint32_t atime_flags_of(const char *path_text)
{
    struct super_stats stats;
    struct path path;
    uint32_t flags;

    assert_int_equal(path_walk(&world, path_text, WALK_FOLLOW, &path), 0);
    assert_int_equal(vfs_statfs(&path, &stats, &flags), 0);
    path_put(&path);
    return flags & SUPER_NOATIME;
}

static void remounting_keeps_what_it_does_not_name(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/at", 0755), 0);
    assert_int_equal(mount_tmpfs("/at", MS_NOATIME), 0);
    assert_int_equal(vfs_mount(&world, NULL, "/at", NULL, MS_REMOUNT, NULL), 0);
    assert_int_equal(atime_flags_of("/at"), SUPER_NOATIME);
    assert_int_equal(vfs_mount(&world, NULL, "/at", NULL, MS_REMOUNT | MS_RELATIME, NULL), 0);
    assert_int_equal(atime_flags_of("/at"), 0);
    assert_int_equal(vfs_umount(&world, "/at", 0), 0);
}

/* Whether reading the file moves its atime, which relatime finds due, or not: it is newer than mtime and ctime. */
static bool read_moves_atime(const char *name, bool is_due)
{
    struct file *file;
    struct inode *inode;
    bool has_moved;
    char byte;

    assert_int_equal(do_open(name, O_RDWR, &file), 0);
    assert_int_equal(write_at(file, "x", 1, 0), 1);
    inode = file->inode;
    inode->mtime = (struct timespec64){.sec = is_due ? 20 : 5};
    inode->ctime = inode->mtime;
    inode->atime = inode_now(inode->super);
    inode->atime.nsec ^= 1;
    if (is_due) {
        inode->atime.sec = 10;
    }
    const struct timespec64 before = inode->atime;
    assert_int_equal(read_at(file, &byte, 1, 0), 1);
    has_moved = inode->atime.sec != before.sec || inode->atime.nsec != before.nsec;
    file_put(file);
    return has_moved;
}

static bool listing_moves_atime(const char *name)
{
    struct world_listing listing = {.context.emit = world_take_name, .max = 64};
    struct file *file;
    bool has_moved;

    assert_int_equal(do_open(name, O_RDONLY | O_DIRECTORY, &file), 0);
    file->inode->atime = (struct timespec64){.sec = 10};
    assert_int_equal(vfs_readdir(file, &listing.context), 0);
    has_moved = file->inode->atime.sec != 10;
    file_put(file);
    return has_moved;
}

static void change_atime(const char *place, uint32_t flags)
{
    assert_int_equal(vfs_mount(&world, NULL, place, NULL, MS_REMOUNT | MS_BIND | flags, NULL), 0);
}

static void atime_is_each_mounts(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/one", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/two", 0755), 0);
    assert_int_equal(mount_tmpfs("/one", 0), 0);
    assert_int_equal(make("/one/f"), 0);
    assert_int_equal(vfs_mount(&world, "/one", "/two", NULL, MS_BIND, NULL), 0);
    assert_true(read_moves_atime("/two/f", true));
    assert_false(read_moves_atime("/two/f", false));
    change_atime("/two", MS_NOATIME);
    assert_false(read_moves_atime("/two/f", true));
    assert_false(listing_moves_atime("/two"));
    assert_true(read_moves_atime("/one/f", true));
    assert_true(listing_moves_atime("/one"));
    change_atime("/two", MS_NODIRATIME);
    assert_true(read_moves_atime("/two/f", true));
    assert_false(listing_moves_atime("/two"));
    change_atime("/two", MS_STRICTATIME);
    assert_true(read_moves_atime("/two/f", false));
    assert_false(read_moves_atime("/one/f", false));
    assert_int_equal(vfs_umount(&world, "/two", 0), 0);
    assert_int_equal(vfs_umount(&world, "/one", 0), 0);
}

static void errors_is_for_what_lies_on_a_disk(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/e", 0755), 0);
    assert_int_equal(vfs_mount(&world, "none", "/e", "tmpfs", 0, "errors=continue"), -EINVAL);
    assert_int_equal(mount_tmpfs("/e", 0), 0);
    assert_int_equal(vfs_mount(&world, NULL, "/e", NULL, MS_REMOUNT, "errors=continue"), -EINVAL);
    assert_int_equal(vfs_umount(&world, "/e", 0), 0);
}

static void read_only_is_kept_and_waits_for_writers(void **state)
{
    struct file *file;
    struct path path;

    assert_int_equal(vfs_mkdir(&world, "/ro", 0755), 0);
    assert_int_equal(mount_tmpfs("/ro", 0), 0);
    assert_int_equal(do_open("/ro/f", O_CREAT | O_RDWR, &file), 0);
    assert_int_equal(vfs_mount(&world, NULL, "/ro", NULL, MS_REMOUNT | MS_RDONLY, NULL), -EBUSY);
    file_put(file);
    /* a reader of a file without a name: its close will delete it */
    assert_int_equal(do_open("/ro/gone", O_CREAT | O_RDONLY, &file), 0);
    assert_int_equal(vfs_unlink(&world, "/ro/gone"), 0);
    assert_int_equal(vfs_mount(&world, NULL, "/ro", NULL, MS_REMOUNT | MS_RDONLY, NULL), -EBUSY);
    file_put(file);
    assert_int_equal(vfs_mount(&world, NULL, "/ro", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(touch("/ro/f", O_RDWR), -EROFS);
    assert_int_equal(touch("/ro/f", O_RDONLY), 0);
    assert_int_equal(touch("/ro/f", O_RDONLY | O_CREAT), 0);
    assert_int_equal(touch("/ro/g", O_RDONLY | O_CREAT), -EROFS);
    assert_int_equal(vfs_mkdir(&world, "/ro/d", 0755), -EROFS);
    assert_int_equal(vfs_mkdir(&world, "/ro/f", 0755), -EEXIST);
    assert_int_equal(vfs_unlink(&world, "/ro/f"), -EROFS);
    assert_int_equal(path_walk(&world, "/ro/f", 0, &path), 0);
    assert_int_equal(vfs_truncate(&path, 0, &cred_kernel), -EROFS);
    path_put(&path);
    assert_int_equal(vfs_mount(&world, NULL, "/ro", NULL, MS_REMOUNT, NULL), 0);
    assert_int_equal(vfs_unlink(&world, "/ro/f"), 0);
    assert_int_equal(vfs_umount(&world, "/ro", 0), 0);
}

static void a_lazy_umount_ends_with_its_last_user(void **state)
{
    struct file *file;
    char byte = 0;

    assert_int_equal(vfs_mkdir(&world, "/lazy", 0755), 0);
    assert_int_equal(mount_tmpfs("/lazy", 0), 0);
    assert_int_equal(vfs_mkdir(&world, "/lazy/sub", 0755), 0);
    assert_int_equal(mount_tmpfs("/lazy/sub", 0), 0);
    assert_int_equal(do_open("/lazy/f", O_CREAT | O_RDWR, &file), 0);
    assert_int_equal(write_at(file, "z", 1, 0), 1);
    assert_int_equal(vfs_umount(&world, "/lazy", MNT_DETACH), 0);
    assert_false(exists("/lazy/f"));
    assert_int_equal(read_at(file, &byte, 1, 0), 1);
    assert_int_equal(byte, 'z');
    file_put(file);
}

/* Who stands in it can name places in it; nothing can be mounted there, nor from there. */
static void a_tree_that_was_taken_out_takes_no_mounts(void **state)
{
    struct walk_context inside = world;

    assert_int_equal(vfs_mkdir(&world, "/out", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/in", 0755), 0);
    assert_int_equal(mount_tmpfs("/out", 0), 0);
    assert_int_equal(vfs_mkdir(&world, "/out/sub", 0755), 0);
    assert_int_equal(path_walk(&world, "/out", 0, &inside.cwd), 0);
    assert_int_equal(vfs_umount(&world, "/out", MNT_DETACH), 0);
    assert_int_equal(vfs_mount(&inside, "none", "sub", "tmpfs", 0, NULL), -EINVAL);
    assert_int_equal(vfs_mount(&inside, "/in", "sub", NULL, MS_BIND, NULL), -EINVAL);
    assert_int_equal(vfs_mount(&inside, "sub", "/in", NULL, MS_BIND, NULL), -EINVAL);
    assert_int_equal(vfs_mount(&inside, "none", ".", NULL, MS_REMOUNT | MS_RDONLY, NULL), -EINVAL);
    assert_int_equal(mount_tmpfs("/in", 0), 0);
    assert_int_equal(vfs_mount(&inside, "/in", "sub", NULL, MS_MOVE, NULL), -EINVAL);
    assert_int_equal(vfs_umount(&world, "/in", 0), 0);
    assert_int_equal(vfs_mkdir(&inside, "sub/new", 0755), 0); /* all else works */
    path_put(&inside.cwd);
}

static void mounting_is_refused_with_reason(void **state)
{
    struct walk_context user = world;

    user.cred = &user_cred;
    assert_int_equal(vfs_mkdir(&world, "/x", 0755), 0);
    assert_int_equal(make("/xf"), 0);
    assert_int_equal(vfs_mount(&user, "none", "/x", "tmpfs", 0, NULL), -EPERM);
    assert_int_equal(vfs_umount(&user, "/x", 0), -EPERM);
    assert_int_equal(vfs_mount(&world, "none", "/x", "nosuchfs", 0, NULL), -ENODEV);
    assert_int_equal(vfs_mount(&world, "none", "/none", "tmpfs", 0, NULL), -ENOENT);
    assert_int_equal(vfs_mount(&world, "none", "/xf", "tmpfs", 0, NULL), -ENOTDIR);
    machine_listen();
    assert_int_equal(vfs_mount(&world, "none", "/x", "tmpfs", 0, "size=lots"), -EINVAL);
    assert_true(machine_said("size=lots"));
    assert_int_equal(vfs_mount(&world, "/xf", "/x", "auto", 0, NULL), -ENOTBLK);
    assert_int_equal(vfs_umount(&world, "/", 0), 0); /* the root becomes read-only instead */
    assert_int_equal(make("/y"), -EROFS);
    assert_int_equal(vfs_mount(&world, NULL, "/", NULL, MS_REMOUNT, NULL), 0);
    assert_int_equal(make("/y"), 0);
}

static char lines[1024];

static void add_line(const char *line, void *arg)
{
    strcat(lines, line);
    strcat(lines, "\n");
}

static void mounts_are_listed(void **state)
{
    struct path jail;

    assert_int_equal(vfs_mkdir(&world, "/a b", 0755), 0);
    assert_int_equal(vfs_mount(&world, "my disk", "/a b", "tmpfs", MS_NOSUID, "size=64k"), 0);
    lines[0] = '\0';
    vfs_show_mounts(&world_root, false, add_line, NULL);
    assert_non_null(strstr(lines, "none / tmpfs rw,relatime"));
    assert_non_null(strstr(lines, "my\\040disk /a\\040b tmpfs rw,nosuid,relatime,size=64k 0 0\n"));
    assert_int_equal(path_walk(&world, "/a b", 0, &jail), 0);
    lines[0] = '\0';
    vfs_show_mounts(&jail, false, add_line, NULL);
    assert_non_null(strstr(lines, "my\\040disk / tmpfs"));
    assert_null(strstr(lines, "none"));
    path_put(&jail);
    assert_int_equal(vfs_umount(&world, "/a b", 0), 0);
}

/* An older mount may come to lie below a younger one: all of a tree goes, whatever the order was. */
static void a_mount_moves_with_what_is_in_it(void **state)
{
    assert_int_equal(vfs_mkdir(&world, "/old", 0755), 0);
    assert_int_equal(vfs_mkdir(&world, "/young", 0755), 0);
    assert_int_equal(vfs_mount(&world, "none", "/old", "tmpfs", 0, ""), 0);
    assert_int_equal(vfs_mkdir(&world, "/old/deep", 0755), 0);
    assert_int_equal(vfs_mount(&world, "none", "/old/deep", "tmpfs", 0, ""), 0);
    assert_int_equal(make("/old/deep/file"), 0);
    assert_int_equal(vfs_mount(&world, "none", "/young", "tmpfs", 0, ""), 0);
    assert_int_equal(vfs_mkdir(&world, "/young/in", 0755), 0);
    assert_int_equal(vfs_mount(&world, "/", "/young/in", NULL, MS_MOVE, NULL), -EINVAL);
    assert_int_equal(vfs_mount(&world, "/old", "/old/deep", NULL, MS_MOVE, NULL), -ELOOP);
    assert_int_equal(vfs_mount(&world, "/old", "/young/in", NULL, MS_MOVE, NULL), 0);
    assert_true(exists("/young/in/deep/file"));
    assert_false(exists("/old/deep"));
    assert_int_equal(vfs_rmdir(&world, "/old"), 0); /* nothing is mounted there any more */
    assert_int_equal(vfs_rmdir(&world, "/young/in"), -EBUSY);
    assert_int_equal(vfs_umount(&world, "/young", 0), -EBUSY);
    assert_int_equal(vfs_umount(&world, "/young", MNT_DETACH), 0);
    assert_false(exists("/young/in"));
    assert_int_equal(vfs_rmdir(&world, "/young"), 0);
}

static void devfs_takes_nodes_besides_its_own(void **state)
{
    struct file *dir;
    struct world_listing listing;

    devfs_init();
    assert_int_equal(vfs_mkdir(&world, "/dev", 0755), 0);
    assert_int_equal(vfs_mount(&world, "dev", "/dev", "devtmpfs", 0, ""), 0);
    assert_int_equal(vfs_mknod(&world, "/dev/mine", S_IFCHR | 0600, 0x999), 0);
    assert_int_equal(touch("/dev/mine", O_RDWR), -ENXIO);
    assert_int_equal(do_open("/dev", O_RDONLY, &dir), 0);
    assert_int_equal(list_names(dir, &listing, 64), 0);
    assert_true(has_listed(&listing, "mine"));
    assert_true(has_listed(&listing, "stdin"));
    assert_true(has_listed(&listing, "pts"));
    file_put(dir);
    assert_int_equal(vfs_umount(&world, "/dev", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mount_hides_and_shows),
        cmocka_unit_test(a_place_in_use_is_neither_removed_nor_crossed_by_renames),
        cmocka_unit_test(mounts_stand_on_mounts),
        cmocka_unit_test(a_bind_is_the_same_tree_elsewhere),
        cmocka_unit_test(read_only_is_kept_and_waits_for_writers),
        cmocka_unit_test(remounting_keeps_what_it_does_not_name),
        cmocka_unit_test(atime_is_each_mounts),
        cmocka_unit_test(errors_is_for_what_lies_on_a_disk),
        cmocka_unit_test(a_lazy_umount_ends_with_its_last_user),
        cmocka_unit_test(a_tree_that_was_taken_out_takes_no_mounts),
        cmocka_unit_test(mounting_is_refused_with_reason),
        cmocka_unit_test(mounts_are_listed),
        cmocka_unit_test(a_mount_moves_with_what_is_in_it),
        cmocka_unit_test(devfs_takes_nodes_besides_its_own),
    };

    world_begin(32ul << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
