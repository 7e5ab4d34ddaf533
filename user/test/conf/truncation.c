// SPDX-License-Identifier: MIT
/* truncate and ftruncate: what is cut never comes back, what is grown reads as zeros. */
#include "conf.h"

CASE(truncation, cuts_at_any_byte)
{
    static const off_t sizes[] = {0, 1, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 65535, 65536};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        make_patterned("f", 70000, 1);
        OK(truncate("f", sizes[i]));
        EXPECT_EQ(size_of("f"), sizes[i]);
        int fd = (int)OK(open("f", O_RDONLY));
        EXPECT(has_pattern(fd, 0, (size_t)sizes[i], 1));
        char c;
        EXPECT_EQ(pread(fd, &c, 1, sizes[i]), 0);
        OK(close(fd));
    }
}

CASE(truncation, cut_bytes_do_not_come_back)
{
    static const off_t cuts[] = {0, 100, 512, 1000, 4096, 5000, 8192};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        make_patterned("f", 20000, 2);
        int fd = (int)OK(open("f", O_RDWR));
        OK(fsync(fd));
        OK(ftruncate(fd, cuts[i]));
        OK(ftruncate(fd, 20000));
        EXPECT(has_pattern(fd, 0, (size_t)cuts[i], 2));
        EXPECT(has_zeros(fd, cuts[i], 20000 - (size_t)cuts[i]));
        OK(close(fd));
    }
}

CASE(truncation, grows_by_zeros)
{
    make_patterned("f", 100, 3);
    OK(truncate("f", 200000));
    int fd = (int)OK(open("f", O_RDONLY));
    EXPECT(has_pattern(fd, 0, 100, 3));
    EXPECT(has_zeros(fd, 100, 199900));
}

CASE(truncation, gives_blocks_back)
{
    make_patterned("f", 400000, 4);
    OK(close((int)OK(open("f", O_RDONLY))));
    blkcnt_t before = stat_of("f").st_blocks;
    OK(truncate("f", 100000));
    EXPECT(stat_of("f").st_blocks < before / 2);
    OK(truncate("f", 0));
    EXPECT_EQ(stat_of("f").st_blocks, 0);
}

CASE(truncation, grown_part_takes_no_blocks)
{
    make_file("f", 0644);
    OK(truncate("f", 10 << 20));
    EXPECT(stat_of("f").st_blocks < 64);
}

CASE(truncation, mapped_page_is_zero_behind_the_end)
{
    make_patterned("f", 4096, 5);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = OK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    OK(ftruncate(fd, 1000));
    EXPECT(check_pattern(at, 1000, 5));
    for (int i = 1000; i < 4096; i++)
        EXPECT_EQ(at[i], 0);
}

CASE(truncation, mapped_pages_that_are_cut_off_are_sigbus)
{
    pid_t pid;
    make_patterned("f", 12288, 6);
    int fd = (int)OK(open("f", O_RDWR));
    volatile char *at = OK_MAP(mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    at[8192] = 'x';
    OK(ftruncate(fd, 4097));
    at[4096] = 'y'; /* the last page still has a byte */
    CHILD (pid)
        at[8192] = 'z';
    EXPECT_KILLED(pid, SIGBUS);
    OK(ftruncate(fd, 12288));
    EXPECT_EQ(at[8192], 0);
}

CASE(truncation, needs_the_right_to_write)
{
    NEED_ROOT();
    write_file("f", "abc", 3);
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(truncate("f", 0), EACCES);
    OK(chmod("f", 0666));
    AS_USER (TEST_UID, TEST_GID)
        OK(truncate("f", 0));
}

CASE(truncation, goes_on_where_the_last_one_stopped)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    for (int i = 1; i <= 100; i++) {
        OK(ftruncate(fd, (i % 2 ? i : i / 2) * 777));
        EXPECT_EQ(lseek(fd, 0, SEEK_END), (i % 2 ? i : i / 2) * 777);
    }
    EXPECT(has_zeros(fd, 0, 50 * 777));
}

CASE(truncation, of_special_files_is_einval)
{
    OK(mkfifo("p", 0644));
    EXPECT_ERR(truncate("p", 0), EINVAL);
}
