// SPDX-License-Identifier: MIT
/* Reading, writing, seeking, truncating: content and offsets. */
#include "abi.h"

#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int open_new(const char *path)
{
    return (int)OK(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
}

CASE(file, what_is_written_is_read)
{
    enum { LEN = 300000 };
    char *out = malloc(LEN), *in = malloc(LEN);
    int fd = open_new("f");
    fill_pattern(out, LEN, 5);
    for (size_t at = 0, step = 1; at < LEN; at += step, step = step * 3 % 7001 + 1) {
        if (at + step > LEN)
            step = LEN - at;
        EXPECT_EQ(write(fd, out + at, step), (ssize_t)step);
    }
    EXPECT_EQ(size_of("f"), LEN);
    EXPECT_EQ(pread(fd, in, LEN, 0), LEN);
    EXPECT(memcmp(in, out, LEN) == 0);
    OK(lseek(fd, 0, SEEK_SET));
    for (size_t at = 0, step = 4097; at < LEN; at += step) {
        ssize_t n = OK(read(fd, in, step));
        EXPECT_EQ(n, at + step > LEN ? LEN - at : step);
        EXPECT(memcmp(in, out + at, (size_t)n) == 0);
    }
    EXPECT_EQ(read(fd, in, 1), 0);
}

CASE(file, overwriting_changes_only_its_part)
{
    int fd = open_new("f");
    char buf[32];
    OK(write(fd, "0123456789", 10));
    EXPECT_EQ(pwrite(fd, "xy", 2, 4), 2);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 10); /* pwrite leaves the offset */
    EXPECT_EQ(pread(fd, buf, sizeof(buf), 0), 10);
    EXPECT(memcmp(buf, "0123xy6789", 10) == 0);
    EXPECT_EQ(pread(fd, buf, 5, 8), 2);
    EXPECT_EQ(pread(fd, buf, 5, 10), 0);
    EXPECT_EQ(pread(fd, buf, 5, 1000), 0);
    EXPECT_ERR(pread(fd, buf, 5, -1), EINVAL);
    EXPECT_ERR(pwrite(fd, buf, 5, -1), EINVAL);
}

CASE(file, vectors_scatter_and_gather)
{
    int fd = open_new("f");
    char a[3], b[1], c[10];
    struct iovec out[] = {{"abc", 3}, {"", 0}, {"defg", 4}};
    struct iovec in[] = {{a, 3}, {b, 1}, {c, 10}};
    EXPECT_EQ(writev(fd, out, 3), 7);
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_EQ(readv(fd, in, 3), 7);
    EXPECT(!memcmp(a, "abc", 3) && b[0] == 'd' && !memcmp(c, "efg", 3));
    EXPECT_EQ(preadv(fd, in, 3, 3), 4);
    EXPECT(!memcmp(a, "def", 3) && b[0] == 'g');
    EXPECT_EQ(pwritev(fd, out, 3, 5), 7);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
    expect_file("f", "abcdeabcdefg");
}

CASE(file, lseek_positions)
{
    int fd = open_new("f");
    OK(write(fd, "0123456789", 10));
    EXPECT_EQ(lseek(fd, 3, SEEK_SET), 3);
    EXPECT_EQ(lseek(fd, 4, SEEK_CUR), 7);
    EXPECT_EQ(lseek(fd, -2, SEEK_CUR), 5);
    EXPECT_EQ(lseek(fd, -1, SEEK_END), 9);
    EXPECT_EQ(lseek(fd, 100, SEEK_END), 110);
    EXPECT_EQ(size_of("f"), 10); /* seeking grows nothing */
    EXPECT_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERR(lseek(fd, -111, SEEK_CUR), EINVAL);
    EXPECT_ERR(lseek(fd, 0, 99), EINVAL);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 110);
    int p[2];
    OK(pipe(p));
    EXPECT_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
    EXPECT_ERR(pread(p[0], &fd, 1, 0), ESPIPE);
    EXPECT_ERR(pwrite(p[1], &fd, 1, 0), ESPIPE);
}

CASE(file, seek_data_and_hole)
{
    int fd = open_new("f");
    OK(pwrite(fd, "data", 4, 1 << 20));
    off_t data = lseek(fd, 0, SEEK_DATA);
    if (data == -1 && errno == EINVAL)
        SKIP("SEEK_DATA is not supported here");
    EXPECT(data >= 0 && data <= 1 << 20);
    EXPECT_EQ(lseek(fd, 1 << 20, SEEK_DATA), 1 << 20);
    EXPECT_EQ(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 4); /* the end is a hole */
    EXPECT_ERR(lseek(fd, (1 << 20) + 4, SEEK_DATA), ENXIO);
    EXPECT_ERR(lseek(fd, (1 << 20) + 4, SEEK_HOLE), ENXIO);
}

CASE(file, hole_reads_as_zeros)
{
    enum { AT = 1000003 };
    static char buf[AT + 1];
    int fd = open_new("f");
    OK(pwrite(fd, "x", 1, AT));
    EXPECT_EQ(size_of("f"), AT + 1);
    memset(buf, 1, sizeof(buf));
    EXPECT_EQ(pread(fd, buf, sizeof(buf), 0), AT + 1);
    for (int i = 0; i < AT; i++) {
        if (buf[i] != 0)
            FAIL("byte %d of the hole is %d", i, buf[i]);
    }
    EXPECT_EQ(buf[AT], 'x');
    struct stat st;
    OK(fsync(fd));
    OK(fstat(fd, &st));
    EXPECT(st.st_blocks * 512 < AT); /* and takes no room */
}

CASE(file, truncate_cuts_and_grows)
{
    char buf[10000];
    int fd = open_new("f");
    memset(buf, 'a', sizeof(buf));
    OK(write(fd, buf, sizeof(buf)));
    OK(ftruncate(fd, 5000));
    EXPECT_EQ(size_of("f"), 5000);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 10000);
    OK(truncate("f", 9000));
    EXPECT_EQ(pread(fd, buf, sizeof(buf), 0), 9000);
    EXPECT(buf[4999] == 'a' && buf[5000] == 0 && buf[8999] == 0);
    OK(truncate("f", 0));
    EXPECT_EQ(pread(fd, buf, sizeof(buf), 0), 0);
    EXPECT_ERR(ftruncate(fd, -1), EINVAL);
    EXPECT_ERR(truncate("missing", 0), ENOENT);
    EXPECT_ERR(truncate(".", 0), EISDIR);
    OK(write(fd, "z", 1)); /* at the old offset: a hole before it */
    EXPECT_EQ(size_of("f"), 10001);
}

CASE(file, grown_file_never_shows_old_bytes)
{
    char buf[4096];
    int fd = open_new("f");
    memset(buf, 's', sizeof(buf));
    for (int round = 0; round < 5; round++) {
        OK(pwrite(fd, buf, 4096, 0));
        OK(ftruncate(fd, 100 + round));
        OK(pwrite(fd, "e", 1, 3000));
        char got[4096];
        EXPECT_EQ(pread(fd, got, 4096, 0), 3001);
        EXPECT(got[99 + round] == 's');
        for (int i = 100 + round; i < 3000; i++)
            EXPECT_EQ(got[i], 0);
    }
}

CASE(file, large_offsets)
{
    char c;
    off_t far = ((off_t)1 << 31) + 5;
    int fd = open_new("f");
    if (pwrite(fd, "y", 1, far) != 1) {
        EXPECT_EQ(errno, EFBIG);
        SKIP("files over 2 GiB are not supported here");
    }
    EXPECT_EQ(size_of("f"), far + 1);
    EXPECT_EQ(pread(fd, &c, 1, far), 1);
    EXPECT_EQ(c, 'y');
    EXPECT_EQ(lseek(fd, 0, SEEK_END), far + 1);
    EXPECT(pwrite(fd, "y", 1, LLONG_MAX - 10) == 1 || errno == EFBIG);
    EXPECT_ERR(pwrite(fd, "y", 1, LLONG_MAX), EINVAL);
}

CASE(file, fsize_limit_is_efbig_and_sigxfsz)
{
    struct rlimit rl = {1000, RLIM_INFINITY};
    static char buf[2000];
    int fd = open_new("f");
    pid_t pid;
    CHILD (pid) {
        OK(setrlimit(RLIMIT_FSIZE, &rl));
        signal(SIGXFSZ, SIG_IGN);
        EXPECT_EQ(write(fd, buf, sizeof(buf)), 1000); /* what fits */
        EXPECT_ERR(write(fd, buf, 1), EFBIG);
        EXPECT_ERR(ftruncate(fd, 2000), EFBIG);
        signal(SIGXFSZ, SIG_DFL);
        (void)!write(fd, buf, 1);
    }
    EXPECT_KILLED(pid, SIGXFSZ);
    EXPECT_EQ(size_of("f"), 1000);
}

CASE(file, sendfile_copies)
{
    char *buf = malloc(100000), *got = malloc(100000);
    fill_pattern(buf, 100000, 8);
    write_file("in", buf, 100000);
    int in = (int)OK(open("in", O_RDONLY)), out = open_new("out");
    off_t at = 1000;
    for (size_t done = 0; done < 50000;)
        done += (size_t)OK(sendfile(out, in, &at, 50000 - done));
    EXPECT_EQ(at, 51000);
    EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0); /* with an offset given, the file's stays */
    EXPECT_EQ(pread(out, got, 100000, 0), 50000);
    EXPECT(memcmp(got, buf + 1000, 50000) == 0);
    OK(lseek(in, 99990, SEEK_SET));
    EXPECT_EQ(sendfile(out, in, NULL, 100), 10);
    EXPECT_EQ(sendfile(out, in, NULL, 100), 0);
    int p[2];
    OK(pipe(p));
    at = 0;
    EXPECT_EQ(sendfile(p[1], in, &at, 4000), 4000);
    EXPECT_EQ(read(p[0], got, 4000), 4000);
    EXPECT(memcmp(got, buf, 4000) == 0);
    EXPECT_ERR(sendfile(out, -1, NULL, 1), EBADF);
    EXPECT_ERR(sendfile(in, out, NULL, 1), EBADF);
}

CASE(file, concurrent_writers_of_separate_parts)
{
    enum { N = 4, PART = 50000 };
    pid_t pids[N];
    int fd = open_new("f");
    char *got = malloc(PART);
    for (unsigned i = 0; i < N; i++) {
        CHILD (pids[i]) {
            char *buf = malloc(PART);
            fill_pattern(buf, PART, i);
            for (size_t at = 0; at < PART; at += 1000)
                EXPECT_EQ(pwrite(fd, buf + at, 1000, (off_t)(i * PART + at)), 1000);
        }
    }
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
    for (unsigned i = 0; i < N; i++) {
        EXPECT_EQ(pread(fd, got, PART, i * PART), PART);
        EXPECT(check_pattern(got, PART, i));
    }
}

CASE(file, shared_offset_writes_do_not_overlap)
{
    enum { N = 4, EACH = 100 };
    pid_t pids[N];
    static char text[N * EACH * 5 + 1];
    int fd = open_new("f"), seen[N] = {0};
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            char line[6];
            memset(line, 'a' + i, 5);
            for (int j = 0; j < EACH; j++)
                EXPECT_EQ(write(fd, line, 5), 5);
        }
    }
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
    EXPECT_EQ(read_file("f", text, sizeof(text)), N * EACH * 5);
    for (int at = 0; at < N * EACH * 5; at += 5) {
        EXPECT(text[at] >= 'a' && text[at] < 'a' + N && text[at] == text[at + 4]);
        seen[text[at] - 'a']++;
    }
    for (int i = 0; i < N; i++)
        EXPECT_EQ(seen[i], EACH);
}

CASE(file, fsync_family)
{
    int fd = open_new("f"), p[2];
    OK(write(fd, "x", 1));
    OK(fsync(fd));
    OK(fdatasync(fd));
    OK(fsync((int)OK(open(".", O_RDONLY))));
    OK(pipe(p));
    EXPECT_ERR(fsync(p[0]), EINVAL);
    sync();
}

CASE(file, reading_a_directory_is_eisdir)
{
    char c;
    int fd = (int)OK(open(".", O_RDONLY));
    EXPECT_ERR(read(fd, &c, 1), EISDIR);
    EXPECT_ERR(write(fd, &c, 1), EBADF);
}

/* ---- O_DIRECT, and hints about pages ----------------------------------------------------------------- */

#ifndef O_DIRECT
#define O_DIRECT 040000
#endif

static char *aligned_buffer(size_t len)
{
    return OK_MAP(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

CASE(readwrite, direct_io_agrees_with_the_cache)
{
    char *buf = aligned_buffer(16384), *other = aligned_buffer(16384);
    int cached = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    int direct = open("f", O_RDWR | O_DIRECT);
    if (direct < 0 && errno == EINVAL)
        SKIP("this file system has no direct I/O");
    fill_pattern(buf, 16384, 1);
    EXPECT_EQ(pwrite(cached, buf, 16384, 0), 16384);
    EXPECT_EQ(pread(direct, other, 16384, 0), 16384); /* sees what is only in the cache */
    EXPECT(check_pattern(other, 16384, 1));
    fill_pattern(buf, 8192, 2);
    EXPECT_EQ(pwrite(direct, buf, 8192, 4096), 8192);
    EXPECT_EQ(pread(cached, other, 8192, 4096), 8192);
    EXPECT(check_pattern(other, 8192, 2));
    char *map = OK_MAP(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0));
    EXPECT(memcmp(map + 4096, buf, 8192) == 0);
    map[0] = 'm';
    EXPECT_EQ(pread(direct, other, 4096, 0), 4096);
    EXPECT_EQ(other[0], 'm');
    fill_pattern(buf, 4096, 3);
    EXPECT_EQ(pwrite(direct, buf, 4096, 16384), 4096); /* and makes the file longer */
    EXPECT_EQ(size_of("f"), 20480);
    OK(ftruncate(cached, 20480 - 100));
    EXPECT_EQ(pread(direct, other, 4096, 16384), 4096 - 100);
    EXPECT_EQ(pread(direct, other, 4096, 24576), 0);
}

CASE(readwrite, direct_io_wants_whole_sectors)
{
    char *buf = aligned_buffer(8192);
    int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644);
    if (fd < 0 && errno == EINVAL)
        SKIP("this file system has no direct I/O");
    EXPECT_EQ(pwrite(fd, buf, 8192, 0), 8192);
    if (pread(fd, buf, 100, 0) == 100)
        SKIP("this file system takes any bytes");
    EXPECT_ERR(pread(fd, buf, 100, 0), EINVAL);
    EXPECT_ERR(pread(fd, buf, 4096, 10), EINVAL);
    EXPECT_ERR(pread(fd, buf + 1, 4096, 0), EINVAL);
    EXPECT_ERR(pwrite(fd, buf, 100, 0), EINVAL);
    EXPECT_ERR(pwrite(fd, buf, 4096, 10), EINVAL);
    EXPECT_ERR(pwrite(fd, buf + 1, 4096, 0), EINVAL);
    struct iovec iov[2] = {{buf, 4096}, {buf + 4096, 100}};
    EXPECT_ERR(preadv(fd, iov, 2, 0), EINVAL);
    EXPECT_EQ(size_of("f"), 8192);
}

CASE(readwrite, hints_are_checked_and_change_nothing)
{
    int pipes[2];
    char c;
    write_file("f", "content", 7);
    int fd = (int)OK(open("f", O_RDWR));
    OK(pipe(pipes));
    for (int advice = POSIX_FADV_NORMAL; advice <= POSIX_FADV_NOREUSE; advice++) {
        EXPECT_EQ(posix_fadvise(fd, 0, 0, advice), 0);
        EXPECT_EQ(posix_fadvise(fd, 3, 100000, advice), 0);
        EXPECT_EQ(pread(fd, &c, 1, 3), 1);
        EXPECT_EQ(c, 't');
    }
    EXPECT_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
    EXPECT_EQ(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
    EXPECT_EQ(posix_fadvise(pipes[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
    EXPECT_EQ(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL), EBADF);
    OK(sync_file_range(fd, 0, 0, 0));
    OK(sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WRITE));
    OK(sync_file_range(fd, 0, 0,
                       SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                           SYNC_FILE_RANGE_WAIT_AFTER));
    EXPECT_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
    EXPECT_ERR(sync_file_range(fd, 0, -1, 0), EINVAL);
    EXPECT_ERR(sync_file_range(fd, 0, 0, 8), EINVAL);
    EXPECT_ERR(sync_file_range(pipes[0], 0, 0, 0), ESPIPE);
    EXPECT_ERR(sync_file_range(-1, 0, 0, 0), EBADF);
    OK(readahead(fd, 0, 100));
    EXPECT_ERR(readahead(pipes[0], 0, 100), EINVAL);
}
