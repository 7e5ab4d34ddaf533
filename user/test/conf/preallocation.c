// SPDX-License-Identifier: MIT
/* fallocate: growing, keeping the size, punching, zeroing, and what it refuses. */
#include "conf.h"

#include <sys/statvfs.h>

static long allocate(int fd, int mode, off_t at, off_t len)
{
    return syscall(SYS_fallocate, fd, mode, at, len);
}

static int patterned(size_t len, unsigned seed)
{
    make_patterned("f", len, seed);
    return (int)OK(open("f", O_RDWR));
}

CASE(preallocation, grows_the_file_with_zeros)
{
    int fd = patterned(100, 1);
    OK(allocate(fd, 0, 0, 50000));
    EXPECT_EQ(size_of("f"), 50000);
    EXPECT(has_pattern(fd, 0, 100, 1));
    EXPECT(has_zeros(fd, 100, 49900));
    OK(allocate(fd, 0, 0, 10)); /* never shrinks */
    EXPECT_EQ(size_of("f"), 50000);
}

CASE(preallocation, takes_the_blocks)
{
    int fd = patterned(1, 1);
    OK(allocate(fd, 0, 0, 200000));
    EXPECT(stat_of("f").st_blocks >= 200000 / 512);
}

CASE(preallocation, keep_size_leaves_the_size)
{
    int fd = patterned(100, 1);
    OK(allocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000));
    EXPECT_EQ(size_of("f"), 100);
    EXPECT(has_pattern(fd, 0, 100, 1));
}

CASE(preallocation, kept_blocks_go_with_truncate)
{
    int fd = patterned(100, 1);
    OK(allocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000));
    EXPECT(stat_of("f").st_blocks >= 200000 / 512);
    OK(ftruncate(fd, 100));
    EXPECT(stat_of("f").st_blocks <= 64);
}

CASE(preallocation, kept_blocks_are_there_when_the_disk_is_full)
{
    static char data[65536];
    int fd = patterned(100, 1);
    OK(allocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
    int full = (int)OK(open("full", O_CREAT | O_WRONLY, 0644));
    while (write(full, data, sizeof(data)) > 0)
        continue;
    EXPECT_EQ(errno, ENOSPC);
    fill_pattern(data, sizeof(data), 2);
    for (off_t at = 65536; at < 1 << 20; at += 65536)
        EXPECT_EQ(pwrite(fd, data, sizeof(data), at), sizeof(data));
    EXPECT(has_pattern(fd, 0, 100, 1));
    EXPECT(has_zeros(fd, 100, 65436));
    EXPECT(has_pattern(fd, (1 << 20) - 65536, 65536, 2));
}

CASE(preallocation, kept_blocks_read_as_zeros_when_the_file_grows)
{
    static char data[65536];
    memset(data, 'x', sizeof(data)); /* what the disk may hold there */
    int old = (int)OK(open("old", O_CREAT | O_WRONLY, 0644));
    for (int i = 0; i < 8; i++)
        EXPECT_EQ(write(old, data, sizeof(data)), sizeof(data));
    OK(fsync(old));
    OK(unlink("old"));
    int fd = patterned(1000, 3);
    OK(allocate(fd, FALLOC_FL_KEEP_SIZE, 0, 400000));
    OK(ftruncate(fd, 300000));
    EXPECT(has_pattern(fd, 0, 1000, 3));
    EXPECT(has_zeros(fd, 1000, 299000));
    EXPECT_EQ(pwrite(fd, "x", 1, 350000), 1);
    EXPECT(has_zeros(fd, 1000, 349000));
}

CASE(preallocation, punched_hole_reads_as_zeros)
{
    int fd = patterned(100000, 2);
    OK(allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10001, 50003));
    EXPECT_EQ(size_of("f"), 100000);
    EXPECT(has_pattern(fd, 0, 10001, 2));
    EXPECT(has_zeros(fd, 10001, 50003));
    char data[100000];
    fill_pattern(data, sizeof(data), 2);
    char rest[100000 - 60004];
    EXPECT_EQ(pread(fd, rest, sizeof(rest), 60004), sizeof(rest));
    EXPECT(memcmp(rest, data + 60004, sizeof(rest)) == 0);
}

CASE(preallocation, punched_hole_gives_blocks_back)
{
    int fd = patterned(400000, 3);
    OK(fsync(fd));
    blkcnt_t before = stat_of("f").st_blocks;
    OK(allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 300000));
    EXPECT(stat_of("f").st_blocks < before / 2);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 0);
}

CASE(preallocation, punching_takes_mapped_pages_away)
{
    int fd = patterned(16384, 4);
    char *at = OK_MAP(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    at[5000] = 'x';
    OK(allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
    for (int i = 4096; i < 12288; i++)
        EXPECT_EQ(at[i], 0);
    EXPECT(check_pattern(at, 4096, 4));
    at[5000] = 'y';
    OK(msync(at, 16384, MS_SYNC));
    char c = 0;
    EXPECT_EQ(pread(fd, &c, 1, 5000), 1);
    EXPECT_EQ(c, 'y');
}

CASE(preallocation, punching_behind_the_end_is_right)
{
    int fd = patterned(1000, 5);
    OK(allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 500, 100000));
    EXPECT_EQ(size_of("f"), 1000);
    EXPECT(has_pattern(fd, 0, 500, 5));
    EXPECT(has_zeros(fd, 500, 500));
    OK(allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 200000, 4096));
}

CASE(preallocation, punching_demands_keep_size)
{
    int fd = patterned(1000, 5);
    EXPECT_ERR(allocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 100), EOPNOTSUPP);
}

CASE(preallocation, refuses_bad_ranges)
{
    int fd = patterned(1000, 5);
    EXPECT_ERR(allocate(fd, 0, 0, 0), EINVAL);
    EXPECT_ERR(allocate(fd, 0, -1, 10), EINVAL);
    EXPECT_ERR(allocate(fd, 0, 0, -1), EINVAL);
    EXPECT_ERR(allocate(fd, 0, INT64_MAX, INT64_MAX), EFBIG);
    EXPECT_ERR(allocate(-1, 0, 0, 10), EBADF);
}

CASE(preallocation, refuses_what_is_no_file)
{
    int pipes[2];
    int dir = (int)OK(open(".", O_RDONLY));
    OK(pipe(pipes));
    EXPECT_ERR(allocate(pipes[1], 0, 0, 10), ESPIPE);
    EXPECT_ERR(allocate(dir, 0, 0, 10), EBADF); /* a directory is never open for writing */
}

CASE(preallocation, full_file_system_is_enospc_and_nothing_lost)
{
    struct statvfs vfs;
    int fd = patterned(1000, 6);
    OK(statvfs(".", &vfs));
    off_t more = (off_t)(vfs.f_bfree * vfs.f_frsize) + (64 << 20);
    EXPECT_ERR(allocate(fd, 0, 0, more), ENOSPC);
    EXPECT(has_pattern(fd, 0, 1000, 6));
    OK(ftruncate(fd, 1000));
    EXPECT(stat_of("f").st_blocks <= 64);
}

CASE(preallocation, moves_the_times)
{
    struct timespec ts[2] = {{1000, 0}, {1000, 0}};
    int fd = patterned(1000, 6);
    OK(futimens(fd, ts));
    OK(allocate(fd, 0, 0, 5000));
    EXPECT(stat_of("f").st_mtime > 1000);
}

/* ---- Zeroing ----------------------------------------------------------------------------------------- */

CASE(preallocation, zeroed_range_reads_as_zeros_and_the_rest_stays)
{
    int fd = patterned(100000, 7);
    OK(allocate(fd, FALLOC_FL_ZERO_RANGE, 10001, 50003));
    EXPECT_EQ(size_of("f"), 100000);
    EXPECT(has_pattern(fd, 0, 10001, 7));
    EXPECT(has_zeros(fd, 10001, 50003));
    char data[100000], rest[100000 - 60004];
    fill_pattern(data, sizeof(data), 7);
    EXPECT_EQ(pread(fd, rest, sizeof(rest), 60004), sizeof(rest));
    EXPECT(memcmp(rest, data + 60004, sizeof(rest)) == 0);
    OK(fsync(fd));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    EXPECT(has_zeros(fd, 10001, 50003));
}

CASE(preallocation, zeroed_range_has_space)
{
    int fd = patterned(1, 7);
    OK(allocate(fd, FALLOC_FL_ZERO_RANGE, 0, 300000));
    EXPECT_EQ(size_of("f"), 300000);
    EXPECT(has_zeros(fd, 0, 300000));
    EXPECT(stat_of("f").st_blocks >= 300000 / 512);
}

CASE(preallocation, zeroed_range_grows_the_file_unless_told_not_to)
{
    int fd = patterned(1000, 7);
    OK(allocate(fd, FALLOC_FL_ZERO_RANGE, 900, 50000));
    EXPECT_EQ(size_of("f"), 50900);
    EXPECT(has_pattern(fd, 0, 900, 7));
    EXPECT(has_zeros(fd, 900, 50000));
    OK(ftruncate(fd, 1000));
    OK(allocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 800, 100));
    EXPECT_EQ(size_of("f"), 1000);
    EXPECT(has_pattern(fd, 0, 800, 7));
    EXPECT(has_zeros(fd, 800, 200));
}

CASE(preallocation, zeroed_range_is_seen_through_a_mapping)
{
    int fd = patterned(16384, 8);
    char *at = OK_MAP(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    at[5000] = 'x';
    OK(allocate(fd, FALLOC_FL_ZERO_RANGE, 4000, 8192));
    for (int i = 4000; i < 12192; i++)
        EXPECT_EQ(at[i], 0);
    EXPECT(check_pattern(at, 4000, 8));
    at[5000] = 'y';
    OK(msync(at, 16384, MS_SYNC));
    char c = 0;
    EXPECT_EQ(pread(fd, &c, 1, 5000), 1);
    EXPECT_EQ(c, 'y');
}
