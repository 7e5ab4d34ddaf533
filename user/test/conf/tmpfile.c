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
