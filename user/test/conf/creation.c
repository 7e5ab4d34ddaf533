// SPDX-License-Identifier: MIT
/* open: what its flags do to the file, alone and together; appending. */
#include "conf.h"

#include <sys/uio.h>

CASE(creation, excl_with_creat_makes_exactly_once)
{
    OK(close((int)OK(open("f", O_CREAT | O_EXCL | O_RDWR, 0644))));
    EXPECT_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    EXPECT_ERR(open("f/", O_CREAT | O_EXCL | O_RDWR, 0644), EISDIR);
    OK(close((int)OK(open("f", O_EXCL | O_RDONLY)))); /* without O_CREAT it says nothing */
}

CASE(creation, trunc_with_read_only_truncates_where_writing_is_allowed)
{
    write_file("f", "abc", 3);
    OK(close((int)OK(open("f", O_RDONLY | O_TRUNC))));
    EXPECT_EQ(size_of("f"), 0);
}

CASE(creation, trunc_needs_the_right_to_write)
{
    NEED_ROOT();
    write_file("f", "abc", 3);
    OK(chmod("f", 0444));
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(open("f", O_RDONLY | O_TRUNC), EACCES);
    EXPECT_EQ(size_of("f"), 3);
}

CASE(creation, excl_refuses_before_it_truncates)
{
    write_file("f", "abc", 3);
    EXPECT_ERR(open("f", O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, 0600), EEXIST);
    EXPECT_EQ(size_of("f"), 3);
}

CASE(creation, a_new_file_is_empty_and_single)
{
    struct stat st;
    int fd = (int)OK(open("f", O_CREAT | O_RDWR, 0644));
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 0);
    EXPECT_EQ(st.st_blocks, 0);
    EXPECT_EQ(st.st_nlink, 1);
    EXPECT(S_ISREG(st.st_mode));
}

CASE(creation, in_a_removed_directory_is_enoent)
{
    OK(mkdir("d", 0755));
    int d = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    OK(rmdir("d"));
    EXPECT_ERR(openat(d, "f", O_CREAT | O_WRONLY, 0644), ENOENT);
    EXPECT_ERR(mkdirat(d, "e", 0755), ENOENT);
    EXPECT_ERR(symlinkat("t", d, "s"), ENOENT);
}

CASE(creation, set_group_id_directory_passes_its_group_on)
{
    NEED_ROOT();
    OK(mkdir("d", 0777));
    OK(chown("d", 0, OTHER_GID));
    OK(chmod("d", 02777));
    AS_USER (TEST_UID, TEST_GID) {
        make_file("d/f", 0644);
        OK(mkdir("d/e", 0755));
        EXPECT_EQ(stat_of("d/f").st_gid, OTHER_GID);
        EXPECT_EQ(stat_of("d/e").st_gid, OTHER_GID);
        EXPECT_EQ(mode_of("d/e") & S_ISGID, S_ISGID);
        EXPECT_EQ(mode_of("d/f") & S_ISGID, 0);
    }
}

CASE(creation, directory_and_nofollow_and_path_together)
{
    OK(mkdir("d", 0755));
    make_file("f", 0644);
    EXPECT_ERR(open("f", O_PATH | O_DIRECTORY), ENOTDIR);
    OK(close((int)OK(open("d", O_PATH | O_DIRECTORY | O_NOFOLLOW))));
    EXPECT_ERR(open("d", O_RDONLY | O_CREAT | O_DIRECTORY, 0755), EINVAL);
}

CASE(creation, fifo_is_made_and_opened_without_blocking)
{
    OK(mkfifo("p", 0644));
    EXPECT_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    int reader = (int)OK(open("p", O_RDONLY | O_NONBLOCK));
    int writer = (int)OK(open("p", O_WRONLY | O_NONBLOCK));
    char c = 0;
    OK(write(writer, "x", 1));
    EXPECT_EQ(read(reader, &c, 1), 1);
    EXPECT_EQ(c, 'x');
}

CASE(creation, device_nodes_keep_their_numbers)
{
    NEED_ROOT();
    OK(mknod("null", S_IFCHR | 0666, 0x103));
    EXPECT(S_ISCHR(stat_of("null").st_mode));
    EXPECT_EQ(stat_of("null").st_rdev, 0x103);
    OK(mknod("sock", S_IFSOCK | 0600, 0));
    EXPECT(S_ISSOCK(stat_of("sock").st_mode));
    EXPECT_ERR(open("sock", O_RDONLY), ENXIO);
}

CASE(creation, opened_file_keeps_its_content_when_created_anew)
{
    write_file("f", "old", 3);
    int old = (int)OK(open("f", O_RDONLY));
    OK(unlink("f"));
    write_file("f", "other", 5);
    char text[8] = "";
    EXPECT_EQ(read(old, text, 8), 3);
    EXPECT_STR(text, "old");
}

CASE(appending, goes_to_the_end_whatever_the_position)
{
    write_file("f", "12345", 5);
    int fd = (int)OK(open("f", O_WRONLY | O_APPEND));
    OK(lseek(fd, 1, SEEK_SET));
    OK(write(fd, "67", 2));
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
    OK(truncate("f", 2));
    OK(write(fd, "x", 1));
    expect_file("f", "12x");
}

CASE(appending, vectors_stay_together)
{
    enum { NR = 4, EACH = 60, LEN = 700 };
    pid_t pids[NR];
    make_file("log", 0644);
    for (int i = 0; i < NR; i++) {
        CHILD (pids[i]) {
            char head[LEN], tail[LEN];
            struct iovec iov[2] = {{head, LEN}, {tail, LEN}};
            int fd = (int)OK(open("log", O_WRONLY | O_APPEND));
            memset(head, 'a' + i, LEN);
            memset(tail, 'a' + i, LEN);
            for (int j = 0; j < EACH; j++)
                EXPECT_EQ(writev(fd, iov, 2), 2 * LEN);
        }
    }
    for (int i = 0; i < NR; i++)
        EXPECT_EXIT(pids[i], 0);
    char record[2 * LEN];
    int fd = (int)OK(open("log", O_RDONLY)), nr = 0;
    for (ssize_t len; (len = OK(read(fd, record, sizeof(record)))) > 0; nr++) {
        EXPECT_EQ(len, sizeof(record));
        for (size_t i = 1; i < sizeof(record); i++)
            EXPECT_EQ(record[i], record[0]);
    }
    EXPECT_EQ(nr, NR * EACH);
}

CASE(appending, pwrite_appends_as_linux_does)
{
    write_file("f", "abc", 3);
    int fd = (int)OK(open("f", O_RDWR | O_APPEND));
    EXPECT_EQ(pwrite(fd, "X", 1, 0), 1);
    expect_file("f", "abcX");
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

CASE(appending, can_be_switched_on_and_off)
{
    write_file("f", "abc", 3);
    int fd = (int)OK(open("f", O_RDWR));
    OK(fcntl(fd, F_SETFL, O_APPEND));
    OK(write(fd, "d", 1));
    OK(fcntl(fd, F_SETFL, 0));
    OK(lseek(fd, 0, SEEK_SET));
    OK(write(fd, "A", 1));
    expect_file("f", "Abcd");
}
