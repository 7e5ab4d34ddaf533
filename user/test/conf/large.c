// SPDX-License-Identifier: MIT
/* Large offsets and large directories. */
#include "conf.h"

static const off_t GIB = (off_t)1 << 30;

CASE(large, beyond_two_gib)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    char c = 0;
    EXPECT_EQ(pwrite(fd, "x", 1, 3 * GIB), 1);
    EXPECT_EQ(size_of("f"), 3 * GIB + 1);
    EXPECT_EQ(pread(fd, &c, 1, 3 * GIB), 1);
    EXPECT_EQ(c, 'x');
    EXPECT(has_zeros(fd, 2 * GIB - 100, 200));
}

CASE(large, beyond_four_gib)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    EXPECT_EQ(pwrite(fd, "abc", 3, 4 * GIB - 1), 3);
    EXPECT_EQ(pwrite(fd, "y", 1, 9 * GIB + 12345), 1);
    EXPECT_EQ(size_of("f"), 9 * GIB + 12346);
    char text[4] = "";
    EXPECT_EQ(pread(fd, text, 3, 4 * GIB - 1), 3);
    EXPECT_STR(text, "abc");
    OK(ftruncate(fd, 5 * GIB));
    EXPECT_EQ(size_of("f"), 5 * GIB);
    EXPECT_EQ(pread(fd, text, 3, 4 * GIB - 1), 3);
    EXPECT_STR(text, "abc");
}

CASE(large, beyond_what_the_file_system_has_is_efbig)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    EXPECT_ERR(pwrite(fd, "x", 1, INT64_MAX - 10), EFBIG);
    EXPECT_ERR(ftruncate(fd, INT64_MAX), EFBIG);
    EXPECT_EQ(size_of("f"), 0);
}

CASE(large, mapping_at_a_large_offset)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    OK(ftruncate(fd, 6 * GIB));
    char *at = OK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 5 * GIB));
    at[7] = 'm';
    OK(msync(at, 4096, MS_SYNC));
    char c = 0;
    EXPECT_EQ(pread(fd, &c, 1, 5 * GIB + 7), 1);
    EXPECT_EQ(c, 'm');
}

CASE(large, seeking_far_is_no_growth)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    EXPECT_EQ(lseek(fd, 4 * GIB - 2, SEEK_SET), 4 * GIB - 2);
    EXPECT_EQ(size_of("f"), 0);
    char c;
    EXPECT_EQ(read(fd, &c, 1), 0);
}

CASE(large, fifteen_hundred_entries_of_long_names)
{
    char name[128];
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    for (int i = 0; i < 1500; i++) {
        snprintf(name, sizeof(name), "an entry whose name is long enough to need some room, %d", i);
        OK(close((int)OK(open(name, O_CREAT | O_WRONLY, 0644))));
    }
    EXPECT_EQ(count_entries("."), 1500);
    for (int i = 0; i < 1500; i += 149) {
        snprintf(name, sizeof(name), "an entry whose name is long enough to need some room, %d", i);
        EXPECT(exists(name));
    }
    EXPECT(!exists("an entry whose name is long enough to need some room, 1500"));
}

CASE(large, deep_trees)
{
    for (int i = 0; i < 150; i++) {
        OK(mkdir("d", 0755));
        OK(chdir("d"));
    }
    make_file("bottom", 0644);
    for (int i = 0; i < 150; i++)
        OK(chdir(".."));
    EXPECT(exists("d/d/d/d/d"));
}
