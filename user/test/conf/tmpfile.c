// SPDX-License-Identifier: MIT
/* O_TMPFILE: files without a name, until they are given one. */
#include "conf.h"

static int unnamed(void)
{
    return (int)OK(open(".", O_TMPFILE | O_RDWR, 0640));
}

static long give_name(int fd, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

CASE(tmpfile, has_no_name_and_no_links)
{
    struct stat st;
    int fd = unnamed();
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    EXPECT_EQ(st.st_mode, S_IFREG | 0640);
    EXPECT_EQ(count_entries("."), 0);
}

CASE(tmpfile, is_read_and_written)
{
    char data[30000];
    int fd = unnamed();
    fill_pattern(data, sizeof(data), 1);
    EXPECT_EQ(write(fd, data, sizeof(data)), sizeof(data));
    EXPECT(has_pattern(fd, 0, sizeof(data), 1));
    OK(ftruncate(fd, 100));
    OK(fsync(fd));
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 100);
}

CASE(tmpfile, can_be_given_a_name)
{
    int fd = unnamed();
    OK(write(fd, "named", 5));
    OK(give_name(fd, "f"));
    EXPECT_EQ(links_of("f"), 1);
    expect_file("f", "named");
    EXPECT_ERR(give_name(fd, "f"), EEXIST);
}

CASE(tmpfile, with_excl_never_gets_a_name)
{
    int fd = (int)OK(open(".", O_TMPFILE | O_EXCL | O_RDWR, 0600));
    EXPECT_ERR(give_name(fd, "f"), ENOENT);
}

CASE(tmpfile, needs_a_directory_and_writing)
{
    EXPECT_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    EXPECT_ERR(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
    make_file("f", 0644);
    EXPECT_ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
}

CASE(tmpfile, needs_the_directories_right)
{
    NEED_ROOT();
    OK(mkdir("d", 0755));
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(open("d", O_TMPFILE | O_RDWR, 0600), EACCES);
}

CASE(tmpfile, read_only_mount_is_erofs)
{
    remount(MS_RDONLY);
    EXPECT_ERR(open(".", O_TMPFILE | O_RDWR, 0600), EROFS);
}

CASE(tmpfile, hundred_at_once_leave_nothing)
{
    for (int i = 0; i < 100; i++)
        OK(write(unnamed(), "content", 7));
    EXPECT_EQ(count_entries("."), 0);
}

CASE(tmpfile, directory_stays_removable)
{
    OK(mkdir("d", 0755));
    int fd = (int)OK(open("d", O_TMPFILE | O_RDWR, 0600));
    OK(rmdir("d"));
    OK(write(fd, "x", 1));
}

CASE(tmpfile, is_named_by_its_descriptor)
{
    NEED_ROOT();
    int fd = unnamed();
    OK(mkdir("d", 0755));
    OK(write(fd, "named", 5));
    OK(linkat(fd, "", AT_FDCWD, "d/f", AT_EMPTY_PATH));
    OK(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
    EXPECT_EQ(links_of("g"), 2);
    EXPECT_EQ(inode_of("d/f"), inode_of("g"));
    OK(unlink("g"));
    expect_file("d/f", "named");
}

CASE(tmpfile, named_is_as_any_other_file)
{
    int fd = unnamed();
    OK(ftruncate(fd, 100000));
    OK(write(fd, "start", 5));
    OK(give_name(fd, "f"));
    OK(close(fd));
    fd = (int)OK(open("f", O_RDWR));
    EXPECT(has_zeros(fd, 5, 99995));
    OK(rename("f", "g"));
    EXPECT_EQ(size_of("g"), 100000);
    OK(unlink("g"));
    EXPECT_EQ(count_entries("."), 0);
    OK(pwrite(fd, "still", 5, 0));
}

CASE(tmpfile, named_is_there_after_mounting_again)
{
    char cwd[PATH_MAX];
    if (!conf_place.device || !strcmp(conf_place.type, "tmpfs"))
        SKIP("nothing lasts without a device");
    NEED_ROOT();
    EXPECT(getcwd(cwd, sizeof(cwd)));
    int fd = unnamed(), other = unnamed();
    OK(write(fd, "lasts", 5));
    OK(write(other, "does not", 8));
    OK(give_name(fd, "f"));
    OK(close(fd));
    OK(close(other));
    OK(chdir("/"));
    OK(umount(conf_place.dir));
    OK(mount(conf_place.device, conf_place.dir, conf_place.type, 0, conf_place.options));
    OK(chdir(cwd));
    expect_file("f", "lasts");
    EXPECT_EQ(count_entries("."), 1);
}

CASE(tmpfile, owner_and_mode_are_those_of_a_new_file)
{
    struct stat st;
    NEED_ROOT();
    make_open_directory("d");
    OK(chown("d", 0, OTHER_GID));
    OK(chmod("d", 02777));
    AS_USER (TEST_UID, TEST_GID) {
        umask(027);
        int fd = (int)OK(open("d", O_TMPFILE | O_RDWR, 0666));
        OK(fstat(fd, &st));
        EXPECT_EQ(st.st_uid, TEST_UID);
        EXPECT_EQ(st.st_gid, OTHER_GID);
        EXPECT_EQ(st.st_mode, S_IFREG | 0640);
    }
}

CASE(tmpfile, name_needs_the_directorys_right_and_another_mount_is_exdev)
{
    NEED_ROOT();
    make_open_directory("open");
    OK(mkdir("closed", 0755));
    AS_USER (TEST_UID, TEST_GID) {
        int fd = (int)OK(open("open", O_TMPFILE | O_RDWR, 0600));
        EXPECT_ERR(give_name(fd, "closed/f"), EACCES);
        OK(give_name(fd, "open/f"));
    }
    bind_place("m");
    EXPECT_ERR(give_name(unnamed(), "m/f"), EXDEV);
    OK(umount("m"));
}
