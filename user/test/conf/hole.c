// SPDX-License-Identifier: MIT
/* Holes: files that are larger than what they hold, SEEK_HOLE and SEEK_DATA. */
#include "conf.h"

enum { BIG = 1 << 20 };

/* A file with 4 KiB of data at 0 and at BIG, and nothing between. */
static int make_holed(void)
{
    char data[4096];
    int fd = (int)OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));
    fill_pattern(data, sizeof(data), 1);
    EXPECT_EQ(pwrite(fd, data, sizeof(data), 0), 4096);
    EXPECT_EQ(pwrite(fd, data, sizeof(data), BIG), 4096);
    return fd;
}

CASE(hole, reads_as_zeros_between_data)
{
    int fd = make_holed();
    EXPECT(has_pattern(fd, 0, 4096, 1));
    EXPECT(has_zeros(fd, 4096, BIG - 4096));
    EXPECT(has_pattern(fd, BIG, 4096, 1));
}

CASE(hole, takes_no_blocks)
{
    int fd = make_holed();
    struct stat st;
    OK(fsync(fd));
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, BIG + 4096);
    EXPECT(st.st_blocks <= 64);
}

CASE(hole, seek_finds_data_and_holes)
{
    int fd = make_holed();
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 4096);
    EXPECT_EQ(lseek(fd, 4096, SEEK_DATA), BIG);
    EXPECT_EQ(lseek(fd, BIG, SEEK_HOLE), BIG + 4096);
    EXPECT_EQ(lseek(fd, 100, SEEK_DATA), 100);
    EXPECT_EQ(lseek(fd, 5000, SEEK_HOLE), 5000);
}

CASE(hole, seek_beyond_the_end_is_enxio)
{
    make_patterned("f", 5000, 1);
    int fd = (int)OK(open("f", O_RDONLY));
    EXPECT_ERR(lseek(fd, 5000, SEEK_DATA), ENXIO);
    EXPECT_ERR(lseek(fd, 5000, SEEK_HOLE), ENXIO);
    EXPECT_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
    EXPECT_EQ(lseek(fd, 10, SEEK_HOLE), 5000);
}

CASE(hole, grown_file_has_no_data_there)
{
    make_file("f", 0644);
    OK(truncate("f", 65536));
    int fd = (int)OK(open("f", O_RDONLY));
    EXPECT_ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 0);
}

CASE(hole, is_filled_by_writing_in_it)
{
    int fd = make_holed();
    EXPECT_EQ(pwrite(fd, "middle", 6, 500000), 6);
    char text[8] = "";
    EXPECT_EQ(pread(fd, text, 6, 500000), 6);
    EXPECT_STR(text, "middle");
    EXPECT(has_zeros(fd, 500006, 1000));
    EXPECT(has_zeros(fd, 4096, 490000));
}

CASE(hole, is_filled_through_a_mapping)
{
    int fd = make_holed();
    char *at = OK_MAP(mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT_EQ(at[300000], 0);
    at[300000] = 'x';
    OK(msync(at, BIG, MS_SYNC));
    char c = 0;
    EXPECT_EQ(pread(fd, &c, 1, 300000), 1);
    EXPECT_EQ(c, 'x');
}

CASE(hole, write_far_behind_the_end)
{
    make_patterned("f", 10, 7);
    int fd = (int)OK(open("f", O_RDWR));
    EXPECT_EQ(pwrite(fd, "z", 1, 3000000), 1);
    EXPECT_EQ(size_of("f"), 3000001);
    EXPECT(has_pattern(fd, 0, 10, 7));
    EXPECT(has_zeros(fd, 10, 1000000));
}

CASE(hole, every_other_block)
{
    char data[4096];
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    fill_pattern(data, sizeof(data), 2);
    for (int i = 0; i < 64; i += 2)
        EXPECT_EQ(pwrite(fd, data, 4096, i * 4096), 4096);
    for (int i = 0; i < 63; i++)
        EXPECT(i % 2 ? has_zeros(fd, i * 4096, 4096) : has_pattern(fd, i * 4096, 4096, 2));
}

CASE(hole, copy_file_range_copies_the_content)
{
    int fd = make_holed(), to = (int)OK(open("g", O_RDWR | O_CREAT, 0644));
    loff_t from = 0;
    for (ssize_t len = 1; len > 0;)
        len = OK(syscall(SYS_copy_file_range, fd, &from, to, NULL, (size_t)2 * BIG, 0));
    EXPECT_EQ(size_of("g"), BIG + 4096);
    EXPECT(has_pattern(to, 0, 4096, 1));
    EXPECT(has_zeros(to, 4096, BIG - 4096));
    EXPECT(has_pattern(to, BIG, 4096, 1));
}

/* ---- Punched ---------------------------------------------------------------------------------------- */

enum { UNIT = 65536 }; /* larger than any file system's block */

static void punch(int fd, off_t at, off_t len)
{
    OK(syscall(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len));
}

/* A file of 8 UNITs of data. */
static int make_full(void)
{
    make_patterned("f", 8 * UNIT, 3);
    return (int)OK(open("f", O_RDWR));
}

CASE(hole, punched_is_found_by_seek)
{
    int fd = make_full();
    punch(fd, 2 * UNIT, UNIT);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 2 * UNIT);
    EXPECT_EQ(lseek(fd, 2 * UNIT, SEEK_DATA), 3 * UNIT);
    EXPECT_EQ(lseek(fd, 2 * UNIT + 77, SEEK_HOLE), 2 * UNIT + 77);
    EXPECT_EQ(lseek(fd, 2 * UNIT - 1, SEEK_DATA), 2 * UNIT - 1);
    EXPECT_EQ(lseek(fd, 3 * UNIT, SEEK_HOLE), 8 * UNIT);
}

CASE(hole, punched_neighbours_are_one)
{
    int fd = make_full();
    punch(fd, 2 * UNIT, UNIT);
    punch(fd, 4 * UNIT, UNIT);
    punch(fd, 3 * UNIT, UNIT);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 2 * UNIT);
    EXPECT_EQ(lseek(fd, 2 * UNIT, SEEK_DATA), 5 * UNIT);
}

CASE(hole, punched_to_the_end_has_no_data_behind)
{
    int fd = make_full();
    punch(fd, 6 * UNIT, 2 * UNIT);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 6 * UNIT);
    EXPECT_ERR(lseek(fd, 6 * UNIT, SEEK_DATA), ENXIO);
    EXPECT_EQ(lseek(fd, 7 * UNIT, SEEK_HOLE), 7 * UNIT);
    EXPECT_ERR(lseek(fd, 8 * UNIT, SEEK_HOLE), ENXIO);
}

CASE(hole, part_of_a_block_is_never_a_hole)
{
    int fd = make_full();
    punch(fd, UNIT + 1, 500);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 8 * UNIT);
    EXPECT(has_zeros(fd, UNIT + 1, 500));
    punch(fd, 2 * UNIT - 10, UNIT + 20); /* whole blocks, and a little on both sides */
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 2 * UNIT);
    EXPECT_EQ(lseek(fd, 2 * UNIT, SEEK_DATA), 3 * UNIT);
    EXPECT(has_zeros(fd, 2 * UNIT - 10, UNIT + 20));
}

CASE(hole, written_in_the_middle_makes_two)
{
    int fd = make_full();
    punch(fd, UNIT, 5 * UNIT);
    EXPECT_EQ(pwrite(fd, "x", 1, 3 * UNIT), 1);
    EXPECT_EQ(lseek(fd, UNIT, SEEK_DATA), 3 * UNIT);
    off_t end = lseek(fd, 3 * UNIT, SEEK_HOLE);
    EXPECT(end > 3 * UNIT && end <= 4 * UNIT);
    EXPECT_EQ(lseek(fd, end, SEEK_DATA), 6 * UNIT);
}

CASE(hole, punched_stays_one_when_the_cache_is_empty)
{
    int fd = make_full();
    OK(fsync(fd));
    punch(fd, 2 * UNIT, UNIT);
    OK(fsync(fd));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    EXPECT(has_pattern(fd, 0, 2 * UNIT, 3));
    EXPECT(has_zeros(fd, 2 * UNIT, UNIT)); /* reading a hole does not fill it */
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 2 * UNIT);
    EXPECT_EQ(lseek(fd, 2 * UNIT, SEEK_DATA), 3 * UNIT);
}
