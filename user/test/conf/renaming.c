// SPDX-License-Identifier: MIT
/* rename in all its forms: replacing, across directories, of directories, without replacing, exchanging. */
#include "conf.h"

CASE(renaming, over_a_file_frees_the_old_one)
{
    struct stat st;
    write_file("a", "A", 1);
    write_file("b", "B", 1);
    int fd = (int)OK(open("b", O_RDONLY));
    OK(rename("a", "b"));
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    expect_file("b", "A");
    EXPECT_EQ(count_entries("."), 1);
}

CASE(renaming, over_one_of_two_links_leaves_the_other)
{
    write_file("a", "A", 1);
    write_file("b", "B", 1);
    OK(link("b", "c"));
    OK(rename("a", "b"));
    EXPECT_EQ(links_of("c"), 1);
    expect_file("c", "B");
}

CASE(renaming, keeps_the_inode_number_and_mode)
{
    make_file("a", 0640);
    OK(mkdir("d", 0755));
    ino_t ino = inode_of("a");
    OK(rename("a", "d/b"));
    EXPECT_EQ(inode_of("d/b"), ino);
    EXPECT_EQ(mode_of("d/b"), S_IFREG | 0640);
}

CASE(renaming, open_file_goes_along)
{
    int fd = (int)OK(open("a", O_RDWR | O_CREAT, 0644));
    OK(write(fd, "one", 3));
    OK(rename("a", "b"));
    OK(write(fd, "two", 3));
    expect_file("b", "onetwo");
}

CASE(renaming, directory_to_another_parent_moves_link_counts)
{
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    OK(mkdir("a/d", 0755));
    EXPECT_EQ(links_of("a"), 3);
    EXPECT_EQ(links_of("b"), 2);
    OK(rename("a/d", "b/d"));
    EXPECT_EQ(links_of("a"), 2);
    EXPECT_EQ(links_of("b"), 3);
    EXPECT_EQ(inode_of("b/d/.."), inode_of("b"));
}

CASE(renaming, directory_over_an_empty_directory_moves_link_counts)
{
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    OK(mkdir("a/d", 0755));
    OK(mkdir("b/d", 0755));
    OK(rename("a/d", "b/d"));
    EXPECT_EQ(links_of("a"), 2);
    EXPECT_EQ(links_of("b"), 3);
    EXPECT_EQ(count_entries("a"), 0);
}

CASE(renaming, directory_over_a_full_directory_is_enotempty)
{
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    make_file("b/x", 0644);
    EXPECT_ERR(rename("a", "b"), ENOTEMPTY);
    EXPECT(exists("a") && exists("b/x"));
}

CASE(renaming, replaced_directory_as_current_is_empty_and_dead)
{
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    OK(chdir("b"));
    OK(rename("../a", "../b"));
    EXPECT_ERR(open("f", O_CREAT | O_WRONLY, 0644), ENOENT);
    EXPECT_EQ(count_entries("."), 0);
}

CASE(renaming, to_a_name_of_another_length)
{
    const char *name = name_of_length(255, 'n');
    write_file("a", "A", 1);
    OK(rename("a", name));
    expect_file(name, "A");
    OK(rename(name, "b"));
    expect_file("b", "A");
    EXPECT_EQ(count_entries("."), 1);
}

CASE(renaming, many_times_in_a_small_directory_leaves_one_entry)
{
    make_file("n0", 0644);
    for (int i = 0; i < 200; i++) {
        char from[64], to[64];
        snprintf(from, sizeof(from), "n%d", i);
        snprintf(to, sizeof(to), "n%d", i + 1);
        OK(rename(from, to));
    }
    EXPECT_EQ(count_entries("."), 1);
    EXPECT(exists("n200"));
}

CASE(renaming, special_files_move_as_files)
{
    OK(mkfifo("p", 0644));
    OK(rename("p", "q"));
    EXPECT(S_ISFIFO(mode_of("q")));
    make_file("f", 0644);
    OK(rename("f", "q"));
    EXPECT(S_ISREG(mode_of("q")));
}

CASE(renaming, needs_write_and_search_in_both_directories)
{
    NEED_ROOT();
    make_open_directory("a");
    make_open_directory("b");
    AS_USER (TEST_UID, TEST_GID)
        make_file("a/f", 0644);
    OK(chmod("a", 0555));
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(rename("a/f", "b/f"), EACCES);
    OK(chmod("a", 0777));
    OK(chmod("b", 0555));
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(rename("a/f", "b/f"), EACCES);
    OK(chmod("b", 0777));
    AS_USER (TEST_UID, TEST_GID)
        OK(rename("a/f", "b/f"));
}

CASE(renaming, directory_to_another_parent_needs_write_in_itself)
{
    NEED_ROOT();
    make_open_directory("a");
    make_open_directory("b");
    AS_USER (TEST_UID, TEST_GID) {
        OK(mkdir("a/d", 0755));
        OK(chmod("a/d", 0555));
        EXPECT_ERR(rename("a/d", "b/d"), EACCES);
        OK(rename("a/d", "a/e")); /* its own .. stays */
    }
}

CASE(renaming, sticky_directories_guard_source_and_target)
{
    NEED_ROOT();
    make_open_directory("s");
    OK(chmod("s", 01777));
    AS_USER (TEST_UID, TEST_GID) {
        make_file("s/mine", 0666);
        make_file("s/mine2", 0666);
    }
    AS_USER (OTHER_UID, OTHER_GID) {
        make_file("s/own", 0666);
        EXPECT_ERR(rename("s/mine", "s/stolen"), EPERM);
        EXPECT_ERR(rename("s/own", "s/mine"), EPERM);
        EXPECT_ERR(exchange("s/own", "s/mine"), EPERM);
        OK(rename("s/own", "s/own2"));
    }
    AS_USER (TEST_UID, TEST_GID)
        OK(rename("s/mine", "s/mine2"));
}

CASE(renaming, mount_point_is_ebusy)
{
    OK(mkdir("d", 0755));
    bind_place("d/m");
    EXPECT_ERR(rename("d/m", "d/n"), EBUSY);
    OK(mkdir("e", 0755));
    EXPECT_ERR(rename("e", "d/m"), EBUSY);
    OK(rename("d", "g")); /* what holds one may move */
    OK(umount("g/m"));
}

CASE(renaming, between_two_mounts_of_one_file_system_is_exdev)
{
    bind_place("m");
    make_file("f", 0644);
    EXPECT_ERR(rename("f", "m/f"), EXDEV);
    EXPECT_ERR(link("f", "m/f"), EXDEV);
    OK(umount("m"));
}

CASE(noreplace, refuses_any_kind_of_target)
{
    make_file("f", 0644);
    make_file("g", 0644);
    OK(mkdir("d", 0755));
    EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE), EEXIST);
    EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "d", RENAME_NOREPLACE), EEXIST);
    EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "f", RENAME_NOREPLACE), EEXIST);
    EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "g", RENAME_NOREPLACE), ENOENT);
    OK(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "e", RENAME_NOREPLACE));
}

CASE(noreplace, excludes_exchange)
{
    make_file("f", 0644);
    make_file("g", 0644);
    EXPECT_ERR(
        syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE | RENAME_EXCHANGE),
        EINVAL);
    EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 8), EINVAL);
}

CASE(exchanging, two_files)
{
    write_file("a", "A", 1);
    write_file("b", "BB", 2);
    ino_t a = inode_of("a"), b = inode_of("b");
    OK(exchange("a", "b"));
    EXPECT_EQ(inode_of("a"), b);
    EXPECT_EQ(inode_of("b"), a);
    expect_file("a", "BB");
    expect_file("b", "A");
    EXPECT_EQ(links_of("a"), 1);
}

CASE(exchanging, file_and_directory_in_two_directories)
{
    OK(mkdir("x", 0755));
    OK(mkdir("y", 0755));
    write_file("x/f", "F", 1);
    OK(mkdir("y/d", 0755));
    make_file("y/d/in", 0644);
    OK(exchange("x/f", "y/d"));
    EXPECT(S_ISDIR(mode_of("x/f")) && S_ISREG(mode_of("y/d")));
    EXPECT(exists("x/f/in"));
    EXPECT_EQ(links_of("x"), 3);
    EXPECT_EQ(links_of("y"), 2);
    EXPECT_EQ(inode_of("x/f/.."), inode_of("x"));
}

CASE(exchanging, two_full_directories)
{
    OK(mkdir("x", 0755));
    OK(mkdir("y", 0755));
    OK(mkdir("x/d", 0755));
    OK(mkdir("y/e", 0755));
    make_file("x/d/1", 0644);
    make_file("y/e/2", 0644);
    OK(exchange("x/d", "y/e"));
    EXPECT(exists("x/d/2") && exists("y/e/1"));
    EXPECT_EQ(inode_of("x/d/.."), inode_of("x"));
    EXPECT_EQ(links_of("x"), 3);
    EXPECT_EQ(links_of("y"), 3);
}

CASE(exchanging, needs_both)
{
    make_file("f", 0644);
    EXPECT_ERR(exchange("f", "missing"), ENOENT);
    EXPECT_ERR(exchange("missing", "f"), ENOENT);
    OK(exchange("f", "f"));
}

CASE(exchanging, refuses_a_directory_with_what_is_in_it)
{
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    EXPECT_ERR(exchange("d", "d/e"), EINVAL);
    EXPECT_ERR(exchange("d/e", "d"), EINVAL);
}

CASE(exchanging, symlinks_are_exchanged_themselves)
{
    write_file("f", "F", 1);
    OK(symlink("f", "l"));
    OK(exchange("f", "l"));
    EXPECT(S_ISLNK(stat_of("f").st_mode));
    EXPECT(S_ISREG(stat_of("l").st_mode));
}

CASE(exchanging, moves_the_ctime_of_both)
{
    make_file("a", 0644);
    make_file("b", 0644);
    struct timespec before = stat_of("b").st_ctim;
    tick();
    OK(exchange("a", "b"));
    struct timespec a = stat_of("a").st_ctim, b = stat_of("b").st_ctim;
    EXPECT(a.tv_sec > before.tv_sec || a.tv_nsec > before.tv_nsec);
    EXPECT(b.tv_sec > before.tv_sec || b.tv_nsec > before.tv_nsec);
}

CASE(exchanging, names_of_very_different_lengths)
{
    const char *name = name_of_length(255, 'n');
    write_file("a", "A", 1);
    write_file(name, "long", 4);
    OK(exchange("a", name));
    expect_file("a", "long");
    expect_file(name, "A");
    EXPECT_EQ(count_entries("."), 2);
}

CASE(exchanging, two_links_of_one_file)
{
    write_file("a", "A", 1);
    OK(link("a", "b"));
    OK(exchange("a", "b"));
    EXPECT_EQ(inode_of("a"), inode_of("b"));
    EXPECT_EQ(links_of("a"), 2);
}

CASE(exchanging, open_files_go_along)
{
    write_file("a", "A", 1);
    write_file("b", "B", 1);
    int fd = (int)OK(open("a", O_WRONLY | O_APPEND));
    OK(exchange("a", "b"));
    OK(write(fd, "more", 4));
    expect_file("b", "Amore");
    expect_file("a", "B");
}

CASE(exchanging, needs_write_in_both_directories)
{
    NEED_ROOT();
    make_open_directory("open");
    OK(mkdir("closed", 0755));
    make_file("closed/f", 0666);
    AS_USER (TEST_UID, TEST_GID) {
        make_file("open/f", 0644);
        EXPECT_ERR(exchange("open/f", "closed/f"), EACCES);
        EXPECT_ERR(exchange("closed/f", "open/f"), EACCES);
    }
}

CASE(exchanging, mount_point_is_ebusy_and_another_mount_exdev)
{
    bind_place("m");
    OK(mkdir("d", 0755));
    EXPECT_ERR(exchange("m", "d"), EBUSY);
    EXPECT_ERR(exchange("d", "m"), EBUSY);
    OK(mkdir("m/x", 0755));
    EXPECT_ERR(exchange("d", "m/x"), EXDEV);
    OK(rmdir("m/x"));
    OK(umount("m"));
}

CASE(exchanging, read_only_mount_is_erofs)
{
    make_file("a", 0644);
    make_file("b", 0644);
    remount(MS_RDONLY);
    EXPECT_ERR(exchange("a", "b"), EROFS);
}

CASE(exchanging, is_there_after_mounting_again)
{
    char cwd[PATH_MAX];
    if (!conf_place.device || !strcmp(conf_place.type, "tmpfs"))
        SKIP("nothing lasts without a device");
    NEED_ROOT();
    EXPECT(getcwd(cwd, sizeof(cwd)));
    OK(mkdir("d", 0755));
    OK(mkdir("d/sub", 0755));
    write_file("f", "F", 1);
    OK(exchange("d/sub", "f"));
    OK(chdir("/"));
    OK(umount(conf_place.dir));
    OK(mount(conf_place.device, conf_place.dir, conf_place.type, 0, conf_place.options));
    OK(chdir(cwd));
    expect_file("d/sub", "F");
    EXPECT_EQ(links_of("d"), 2);
    EXPECT_EQ(inode_of("f/.."), inode_of("."));
}
