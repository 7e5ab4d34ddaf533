// SPDX-License-Identifier: MIT
/* Mapped files: mapping, read and write see one content; msync; ends of files. */
#include "conf.h"

static char *map_file(int fd, size_t len, int flags)
{
    return OK_MAP(mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0));
}

CASE(mapping, write_and_mapping_agree_at_every_byte)
{
    make_patterned("f", 20000, 1);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 20000, MAP_SHARED), c;
    for (int i = 0; i < 20000; i += 997) {
        at[i] = (char)i;
        EXPECT_EQ(pread(fd, &c, 1, i), 1);
        EXPECT_EQ(c, (char)i);
        c = (char)(i + 1);
        EXPECT_EQ(pwrite(fd, &c, 1, i), 1);
        EXPECT_EQ(at[i], c);
    }
}

CASE(mapping, two_mappings_of_two_opens_are_one)
{
    make_patterned("f", 8192, 2);
    char *a = map_file((int)OK(open("f", O_RDWR)), 8192, MAP_SHARED);
    char *b = map_file((int)OK(open("f", O_RDWR)), 8192, MAP_SHARED);
    a[5000] = 'q';
    EXPECT_EQ(b[5000], 'q');
}

CASE(mapping, private_writes_stay_private)
{
    make_patterned("f", 8192, 3);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 8192, MAP_PRIVATE);
    at[0] = (char)~at[0];
    OK(msync(at, 8192, MS_SYNC));
    EXPECT(has_pattern(fd, 0, 8192, 3));
    EXPECT_EQ(pwrite(fd, "Z", 1, 5000), 1); /* a page that was not written follows the file */
    EXPECT_EQ(at[5000], 'Z');
}

CASE(mapping, bytes_behind_the_end_are_zero_and_stay_out)
{
    make_patterned("f", 5000, 4);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 8192, MAP_SHARED);
    EXPECT_EQ(at[5000], 0);
    at[6000] = 'x';
    OK(msync(at, 8192, MS_SYNC));
    EXPECT_EQ(size_of("f"), 5000);
    OK(ftruncate(fd, 8192));
    EXPECT(has_zeros(fd, 5000, 3192));
}

CASE(mapping, pages_behind_the_end_are_sigbus)
{
    pid_t pid;
    make_patterned("f", 4096, 5);
    int fd = (int)OK(open("f", O_RDWR));
    volatile char *at = map_file(fd, 8192, MAP_SHARED);
    CHILD (pid)
        (void)at[4096];
    EXPECT_KILLED(pid, SIGBUS);
    OK(ftruncate(fd, 8192));
    EXPECT_EQ(at[4096], 0);
}

CASE(mapping, growing_by_write_shows_in_the_mapping)
{
    make_patterned("f", 100, 6);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 4096, MAP_SHARED);
    EXPECT_EQ(at[200], 0);
    EXPECT_EQ(pwrite(fd, "grown", 5, 200), 5);
    EXPECT(memcmp(at + 200, "grown", 5) == 0);
    EXPECT_EQ(at[150], 0);
}

CASE(mapping, write_from_a_mapping_of_itself)
{
    make_patterned("f", 65536, 7);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 65536, MAP_SHARED);
    EXPECT_EQ(pwrite(fd, at, 30000, 65536), 30000);
    EXPECT_EQ(size_of("f"), 95536);
    EXPECT(has_pattern(fd, 65536, 30000, 7));
}

CASE(mapping, read_into_a_mapping_of_itself)
{
    make_patterned("f", 32768, 8);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 32768, MAP_SHARED);
    EXPECT_EQ(pread(fd, at + 16384, 16000, 0), 16000);
    EXPECT(has_pattern(fd, 16384, 16000, 8));
}

CASE(mapping, is_there_after_the_cache_is_dropped)
{
    make_patterned("f", 100000, 9);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = map_file(fd, 100000, MAP_SHARED);
    at[70000] = 'k';
    OK(msync(at, 100000, MS_SYNC));
    OK(munmap(at, 100000));
    OK(fsync(fd));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    char c = 0;
    EXPECT_EQ(pread(fd, &c, 1, 70000), 1);
    EXPECT_EQ(c, 'k');
    EXPECT(has_pattern(fd, 0, 70000, 9));
}

CASE(mapping, msync_refuses)
{
    make_patterned("f", 4096, 1);
    char *at = map_file((int)OK(open("f", O_RDWR)), 4096, MAP_SHARED);
    EXPECT_ERR(msync(at + 1, 100, MS_SYNC), EINVAL);
    EXPECT_ERR(msync(at, 4096, MS_SYNC | MS_ASYNC), EINVAL);
    EXPECT_ERR(msync(at, 4096, 64), EINVAL);
    OK(msync(at, 4096, MS_ASYNC));
    OK(msync(at, 4096, MS_INVALIDATE));
    OK(munmap(at, 4096));
    EXPECT_ERR(msync(at, 4096, MS_SYNC), ENOMEM);
}

CASE(mapping, offset_must_be_of_pages)
{
    make_patterned("f", 20000, 2);
    int fd = (int)OK(open("f", O_RDWR));
    EXPECT_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
    char *at = OK_MAP(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 8192));
    char want[12288];
    fill_pattern(want, sizeof(want), 2);
    EXPECT(memcmp(at, want + 8192, 4096) == 0);
}

CASE(mapping, directories_cannot_be_mapped)
{
    int fd = (int)OK(open(".", O_RDONLY));
    EXPECT_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
}

CASE(mapping, processes_share_it)
{
    pid_t pid;
    make_patterned("f", 8192, 3);
    CHILD (pid) {
        char *at = map_file((int)OK(open("f", O_RDWR)), 8192, MAP_SHARED);
        at[4100] = 'c';
    }
    EXPECT_EXIT(pid, 0);
    char *at = map_file((int)OK(open("f", O_RDWR)), 8192, MAP_SHARED);
    EXPECT_EQ(at[4100], 'c');
}
