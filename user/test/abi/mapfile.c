// SPDX-License-Identifier: MIT
/* Mapped files and memory across fork: who sees whose writes. */
#include "abi.h"

#include <sched.h>

enum { RW = PROT_READ | PROT_WRITE };

static int open_filled(const char *path, size_t len, char with)
{
    char *buf = malloc(len);
    memset(buf, with, len);
    write_file(path, buf, len);
    free(buf);
    return (int)OK(open(path, O_RDWR));
}

static char *map_fd(int fd, size_t len, int flags, off_t at)
{
    return OK_MAP(mmap(NULL, len, RW, flags, fd, at));
}

CASE(mapfile, private_mapping_reads_the_file_and_keeps_writes_to_itself)
{
    char c;
    int fd = open_filled("f", 10000, 'a');
    char *p = map_fd(fd, 10000, MAP_PRIVATE, 0);
    EXPECT(p[0] == 'a' && p[9999] == 'a' && p[10000] == 0);
    p[5000] = 'p';
    EXPECT_EQ(pread(fd, &c, 1, 5000), 1);
    EXPECT_EQ(c, 'a');
    char *q = map_fd(fd, 10000, MAP_PRIVATE, 0);
    EXPECT_EQ(q[5000], 'a');
}

CASE(mapfile, shared_mapping_writes_reach_read)
{
    char buf[4];
    int fd = open_filled("f", 10000, 'a');
    char *p = map_fd(fd, 10000, MAP_SHARED, 0);
    memcpy(p + 4094, "WXYZ", 4);
    EXPECT_EQ(pread(fd, buf, 4, 4094), 4);
    EXPECT(memcmp(buf, "WXYZ", 4) == 0);
    OK(munmap(p, 10000));
    EXPECT_EQ(pread(fd, buf, 4, 4094), 4);
    EXPECT(memcmp(buf, "WXYZ", 4) == 0);
}

CASE(mapfile, write_reaches_mappings)
{
    int fd = open_filled("f", 8192, 'a');
    char *s = map_fd(fd, 8192, MAP_SHARED, 0), *t = map_fd(fd, 4096, MAP_SHARED, 4096);
    EXPECT_EQ(s[4100], 'a');
    OK(pwrite(fd, "new", 3, 4100));
    EXPECT(memcmp(s + 4100, "new", 3) == 0);
    EXPECT(memcmp(t + 4, "new", 3) == 0);
    t[8] = 't';
    EXPECT_EQ(s[4104], 't');
}

CASE(mapfile, msync_of_a_part_ends)
{
    int fd = open_filled("f", 16384, 'a');
    char *p = map_fd(fd, 16384, MAP_SHARED, 0);
    p[0] = p[4096] = p[12288] = 's';
    OK(msync(p, 4096, MS_SYNC));
    OK(msync(p + 4096, 8192, MS_SYNC));
    OK(msync(p + 12288, 4096, MS_SYNC));
    OK(mprotect(p + 4096, 4096, PROT_READ)); /* three areas */
    OK(msync(p, 8192, MS_SYNC));
    OK(msync(p + 4096, 8192, MS_SYNC));
}

CASE(mapfile, msync_and_its_refusals)
{
    int fd = open_filled("f", 8192, 'a');
    char *p = map_fd(fd, 8192, MAP_SHARED, 0);
    p[0] = 'x';
    OK(msync(p, 8192, MS_SYNC));
    p[4096] = 'y';
    OK(msync(p, 8192, MS_ASYNC));
    EXPECT_ERR(msync(p + 1, 4096, MS_SYNC), EINVAL);
    EXPECT_ERR(msync(p, 4096, MS_SYNC | MS_ASYNC), EINVAL);
    EXPECT_ERR(msync(p, 4096, 0x100), EINVAL);
    OK(munmap(p + 4096, 4096));
    EXPECT_ERR(msync(p, 8192, MS_SYNC), ENOMEM);
}

CASE(mapfile, mapping_outlives_descriptor_and_name)
{
    int fd = open_filled("f", 4096, 'a');
    char *p = map_fd(fd, 4096, MAP_SHARED, 0);
    OK(close(fd));
    OK(unlink("f"));
    EXPECT_EQ(p[100], 'a');
    p[100] = 'b';
    pid_t pid;
    CHILD (pid) {
        EXPECT_EQ(p[100], 'b');
        p[100] = 'c';
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(p[100], 'c');
}

CASE(mapfile, offset_chooses_the_part)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    for (int i = 0; i < 5; i++) {
        char page[4096];
        memset(page, '0' + i, sizeof(page));
        OK(write(fd, page, sizeof(page)));
    }
    char *p = map_fd(fd, 2 * 4096, MAP_SHARED, 3 * 4096);
    EXPECT(p[0] == '3' && p[4096] == '4');
}

CASE(mapfile, hole_reads_zero_and_is_filled_by_writing)
{
    char c;
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 1 << 20));
    char *p = map_fd(fd, 1 << 20, MAP_SHARED, 0);
    EXPECT_EQ(p[500000], 0);
    p[500000] = 'h';
    EXPECT_EQ(pread(fd, &c, 1, 500000), 1);
    EXPECT_EQ(c, 'h');
}

CASE(mapfile, bytes_written_beyond_the_end_never_enter_the_file)
{
    char buf[200];
    int fd = open_filled("f", 100, 'a');
    char *p = map_fd(fd, 4096, MAP_SHARED, 0);
    p[99] = 'b';
    p[150] = 'z'; /* in the last page, past the end */
    OK(msync(p, 4096, MS_SYNC));
    EXPECT_EQ(pread(fd, buf, sizeof(buf), 0), 100);
    EXPECT_EQ(buf[99], 'b');
    OK(munmap(p, 4096));
    EXPECT_EQ(size_of("f"), 100);
}

CASE(mapfile, shared_mapping_of_two_processes)
{
    int fd = open_filled("f", 4096, 0);
    volatile int *p = (volatile int *)(void *)map_fd(fd, 4096, MAP_SHARED, 0);
    pid_t pid;
    CHILD (pid) {
        int own = (int)OK(open("f", O_RDWR));
        volatile int *q = (volatile int *)(void *)map_fd(own, 4096, MAP_SHARED, 0);
        for (int i = 0; i < 100; i++) {
            while (q[0] != 2 * i + 1)
                sched_yield();
            q[0] = 2 * i + 2;
        }
    }
    for (int i = 0; i < 100; i++) {
        p[0] = 2 * i + 1;
        while (p[0] != 2 * i + 2)
            sched_yield();
    }
    EXPECT_EXIT(pid, 0);
}

CASE(mapfile, read_into_a_mapping_of_the_same_file)
{
    int fd = open_filled("f", 8192, 'a');
    OK(pwrite(fd, "head", 4, 0));
    char *p = map_fd(fd, 8192, MAP_SHARED, 0);
    EXPECT_EQ(pread(fd, p + 4096, 4, 0), 4);
    EXPECT(memcmp(p + 4096, "head", 4) == 0);
    EXPECT_EQ(pwrite(fd, p, 8192, 0), 8192); /* from itself, onto itself */
    EXPECT(memcmp(p, "headaaaa", 8) == 0);
}

CASE(mapfile, large_file_mapped_whole)
{
    enum { LEN = 3 << 20 };
    char *buf = malloc(LEN);
    fill_pattern(buf, LEN, 9);
    write_file("f", buf, LEN);
    int fd = (int)OK(open("f", O_RDONLY));
    const char *p = OK_MAP(mmap(NULL, LEN, PROT_READ, MAP_PRIVATE, fd, 0));
    EXPECT(memcmp(p, buf, LEN) == 0);
    free(buf);
}

CASE(cow, child_writes_are_invisible_to_the_parent)
{
    size_t len = 64 * page_size();
    char *p = map_anon(len, RW, MAP_PRIVATE);
    pid_t pid;
    fill_pattern(p, len, 1);
    CHILD (pid) {
        EXPECT(check_pattern(p, len, 1));
        fill_pattern(p, len, 2);
        EXPECT(check_pattern(p, len, 2));
    }
    EXPECT_EXIT(pid, 0);
    EXPECT(check_pattern(p, len, 1));
}

CASE(cow, parent_writes_are_invisible_to_the_child)
{
    size_t len = 64 * page_size();
    char *p = map_anon(len, RW, MAP_PRIVATE);
    struct gate g;
    pid_t pid;
    gate_init(&g);
    fill_pattern(p, len, 1);
    CHILD (pid) {
        gate_wait(&g);
        EXPECT(check_pattern(p, len, 1));
    }
    fill_pattern(p, len, 2);
    gate_open(&g);
    EXPECT_EXIT(pid, 0);
    EXPECT(check_pattern(p, len, 2));
}

CASE(cow, generations_each_see_their_own)
{
    size_t len = 8 * page_size();
    char *p = map_anon(len, RW, MAP_PRIVATE);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        fill_pattern(p, len, (unsigned)i);
        CHILD (pids[i]) {
            pid_t inner;
            CHILD (inner) {
                EXPECT(check_pattern(p, len, (unsigned)i));
                fill_pattern(p, len, 50);
            }
            EXPECT_EXIT(inner, 0);
            EXPECT(check_pattern(p, len, (unsigned)i));
        }
    }
    for (int i = 0; i < 3; i++)
        EXPECT_EXIT(pids[i], 0);
}

CASE(cow, the_kernel_writes_to_the_right_copy)
{
    char *p = map_anon(page_size(), RW, MAP_PRIVATE);
    int fd = (int)OK(open("/dev/zero", O_RDONLY));
    pid_t pid;
    memset(p, 'k', page_size());
    CHILD (pid) {
        EXPECT_EQ(read(fd, p, 100), 100); /* first write after fork is the kernel's */
        EXPECT(p[0] == 0 && p[100] == 'k');
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(p[0], 'k');
}

CASE(cow, private_file_page_written_before_fork_is_copied)
{
    int fd = open_filled("f", 4096, 'a');
    char *p = map_fd(fd, 4096, MAP_PRIVATE, 0);
    pid_t pid;
    p[0] = 'b';
    CHILD (pid) {
        EXPECT(p[0] == 'b' && p[1] == 'a');
        p[0] = 'c';
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(p[0], 'b');
}

CASE(cow, shared_anonymous_stays_shared)
{
    size_t len = 16 * page_size();
    char *p = map_anon(len, RW, MAP_SHARED);
    pid_t pid;
    p[0] = 1;
    CHILD (pid) {
        EXPECT_EQ(p[0], 1);
        fill_pattern(p, len, 6); /* pages that neither had touched */
    }
    EXPECT_EXIT(pid, 0);
    EXPECT(check_pattern(p, len, 6));
}

CASE(cow, read_only_data_stays_readable_after_protection_changes)
{
    size_t page = page_size();
    char *p = map_anon(page, RW, MAP_PRIVATE);
    pid_t pid;
    p[0] = 'a';
    OK(mprotect(p, page, PROT_READ));
    CHILD (pid) {
        OK(mprotect(p, page, RW));
        p[0] = 'b';
        OK(mprotect(p, page, PROT_READ));
        EXPECT_EQ(p[0], 'b');
    }
    EXPECT_EXIT(pid, 0);
    OK(mprotect(p, page, RW));
    EXPECT_EQ(p[0], 'a');
    p[0] = 'c';
}

CASE(cow, fork_storm_keeps_memory_right)
{
    size_t len = 32 * page_size();
    char *p = map_anon(len, RW, MAP_PRIVATE);
    for (unsigned round = 0; round < 20; round++) {
        pid_t pids[4];
        fill_pattern(p, len, round);
        for (unsigned i = 0; i < 4; i++) {
            CHILD (pids[i]) {
                EXPECT(check_pattern(p, len, round));
                fill_pattern(p, len, 100 + i);
                sched_yield();
                EXPECT(check_pattern(p, len, 100 + i));
            }
        }
        fill_pattern(p, len, round + 50);
        for (unsigned i = 0; i < 4; i++)
            EXPECT_EXIT(pids[i], 0);
        EXPECT(check_pattern(p, len, round + 50));
    }
}
