// SPDX-License-Identifier: MIT
/* O_DIRECT: past the cache, but never against it. */
#include "conf.h"

enum { UNIT = 4096 };

static char *aligned(size_t len)
{
    return map_anon(len, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static int open_direct(int flags)
{
    return (int)OK(open("f", O_RDWR | O_DIRECT | flags, 0644));
}

CASE(direct, writes_are_read_directly)
{
    char *data = aligned(4 * UNIT), *back = aligned(4 * UNIT);
    int fd = open_direct(O_CREAT);
    fill_pattern(data, 4 * UNIT, 1);
    EXPECT_EQ(pwrite(fd, data, 4 * UNIT, 0), 4 * UNIT);
    EXPECT_EQ(pread(fd, back, 4 * UNIT, 0), 4 * UNIT);
    EXPECT(check_pattern(back, 4 * UNIT, 1));
    EXPECT_EQ(size_of("f"), 4 * UNIT);
}

CASE(direct, flag_is_told_and_can_be_set)
{
    int fd = open_direct(O_CREAT);
    EXPECT(fcntl(fd, F_GETFL) & O_DIRECT);
    int plain = (int)OK(open("f", O_RDWR));
    OK(fcntl(plain, F_SETFL, O_DIRECT));
    EXPECT(fcntl(plain, F_GETFL) & O_DIRECT);
}

CASE(direct, read_sees_what_the_cache_holds)
{
    char *back = aligned(4 * UNIT);
    make_patterned("f", 4 * UNIT, 2); /* dirty in the cache */
    int fd = open_direct(0);
    EXPECT_EQ(pread(fd, back, 4 * UNIT, 0), 4 * UNIT);
    EXPECT(check_pattern(back, 4 * UNIT, 2));
}

CASE(direct, cache_sees_what_was_written)
{
    char *data = aligned(UNIT);
    make_patterned("f", 4 * UNIT, 3);
    int plain = (int)OK(open("f", O_RDWR)), fd = open_direct(0);
    EXPECT(has_pattern(plain, 0, 4 * UNIT, 3));
    fill_pattern(data, UNIT, 4);
    EXPECT_EQ(pwrite(fd, data, UNIT, UNIT), UNIT);
    EXPECT(has_pattern(plain, UNIT, UNIT, 4));
    EXPECT(has_pattern(plain, 0, UNIT, 3));
}

CASE(direct, mapping_sees_what_was_written)
{
    char *data = aligned(UNIT);
    make_patterned("f", 2 * UNIT, 5);
    int fd = open_direct(0);
    char *at = OK_MAP(mmap(NULL, 2 * UNIT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT(check_pattern(at, 2 * UNIT, 5));
    fill_pattern(data, UNIT, 6);
    EXPECT_EQ(pwrite(fd, data, UNIT, 0), UNIT);
    EXPECT(check_pattern(at, UNIT, 6));
}

CASE(direct, read_ends_at_the_end)
{
    char *back = aligned(2 * UNIT);
    make_patterned("f", UNIT + 100, 7);
    int fd = open_direct(0);
    EXPECT_EQ(pread(fd, back, 2 * UNIT, 0), UNIT + 100);
    EXPECT(check_pattern(back, UNIT + 100, 7));
    EXPECT_EQ(pread(fd, back, UNIT, 2 * UNIT), 0);
}

CASE(direct, read_of_a_hole_is_zeros)
{
    char *back = aligned(UNIT);
    make_file("f", 0644);
    OK(truncate("f", 16 * UNIT));
    memset(back, 'x', UNIT);
    EXPECT_EQ(pread(open_direct(0), back, UNIT, 4 * UNIT), UNIT);
    for (int i = 0; i < UNIT; i++)
        EXPECT_EQ(back[i], 0);
}

CASE(direct, write_into_a_hole_fills_it)
{
    char *data = aligned(UNIT);
    make_file("f", 0644);
    OK(truncate("f", 16 * UNIT));
    int fd = open_direct(0), plain = (int)OK(open("f", O_RDONLY));
    fill_pattern(data, UNIT, 8);
    EXPECT_EQ(pwrite(fd, data, UNIT, 5 * UNIT), UNIT);
    EXPECT(has_pattern(plain, 5 * UNIT, UNIT, 8));
    EXPECT(has_zeros(plain, 0, 5 * UNIT));
    EXPECT(has_zeros(plain, 6 * UNIT, 10 * UNIT));
}

CASE(direct, unaligned_is_einval)
{
    char *data = aligned(2 * UNIT);
    make_patterned("f", 4 * UNIT, 9);
    int fd = open_direct(0);
    EXPECT_ERR(pread(fd, data + 1, UNIT, 0), EINVAL);
    EXPECT_ERR(pread(fd, data, 100, 0), EINVAL);
    EXPECT_ERR(pread(fd, data, UNIT, 100), EINVAL);
    EXPECT_ERR(pwrite(fd, data, 100, 0), EINVAL);
}

CASE(direct, appending_grows_the_file)
{
    char *data = aligned(UNIT);
    int fd = open_direct(O_CREAT | O_APPEND);
    for (unsigned i = 0; i < 5; i++) {
        fill_pattern(data, UNIT, i);
        EXPECT_EQ(write(fd, data, UNIT), UNIT);
    }
    EXPECT_EQ(size_of("f"), 5 * UNIT);
    EXPECT(has_pattern((int)OK(open("f", O_RDONLY)), 3 * UNIT, UNIT, 3));
}

CASE(direct, large_transfers)
{
    enum { LEN = 2 << 20 };
    char *data = aligned(LEN), *back = aligned(LEN);
    int fd = open_direct(O_CREAT);
    fill_pattern(data, LEN, 10);
    EXPECT_EQ(pwrite(fd, data, LEN, 0), LEN);
    EXPECT_EQ(pread(fd, back, LEN, 0), LEN);
    EXPECT(memcmp(data, back, LEN) == 0);
}
