// SPDX-License-Identifier: MIT
/* fallocate, holes, and files that are larger than what is in them. */
#include "abi.h"

#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE      1
#define FALLOC_FL_PUNCH_HOLE     2
#define FALLOC_FL_COLLAPSE_RANGE 8
#define FALLOC_FL_ZERO_RANGE     16
#endif
#ifndef SEEK_DATA
#define SEEK_DATA 3
#define SEEK_HOLE 4
#endif

#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define KIB   1024l
#define UNIT  (64 * KIB) /* larger than any file system's block */

static long alloc(int fd, int mode, off_t at, off_t len)
{
    return syscall(SYS_fallocate, fd, mode, at, len);
}

static blkcnt_t blocks_of(int fd)
{
    struct stat st;
    OK(fstat(fd, &st));
    return st.st_blocks;
}

static off_t length_of(int fd)
{
    struct stat st;
    OK(fstat(fd, &st));
    return st.st_size;
}

static int open_pattern(const char *name, size_t len)
{
    char *bytes = malloc(len);
    int fd = (int)OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
    EXPECT(bytes != NULL);
    fill_pattern(bytes, len, 1);
    EXPECT_EQ(write(fd, bytes, len), (ssize_t)len);
    free(bytes);
    return fd;
}

/* The file holds open_pattern()'s bytes, but for zeros in [start, end). */
static void expect_pattern_but_zeros(int fd, size_t len, size_t start, size_t end)
{
    char *want = malloc(len), *got = malloc(len);
    EXPECT(want != NULL && got != NULL);
    fill_pattern(want, len, 1);
    memset(want + start, 0, end - start);
    EXPECT_EQ(pread(fd, got, len, 0), (ssize_t)len);
    for (size_t i = 0; i < len; i++) {
        if (got[i] != want[i]) {
            FAIL("byte %zu is %d, not %d", i, got[i], want[i]);
        }
    }
    free(want);
    free(got);
}

static void need_punch(int fd)
{
    if (alloc(fd, PUNCH, 0, 1) != 0 && errno == EOPNOTSUPP)
        SKIP("this file system cannot punch holes");
}

/* ---- Arguments --------------------------------------------------------------------------------------- */

CASE(fallocate, bad_arguments)
{
    int pipes[2];
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    int reader = (int)OK(open("f", O_RDONLY));
    int dir = (int)OK(open(".", O_RDONLY));
    OK(pipe(pipes));
    EXPECT_ERR(alloc(fd, 0, -1, 10), EINVAL);
    EXPECT_ERR(alloc(fd, 0, 0, 0), EINVAL);
    EXPECT_ERR(alloc(fd, 0, 0, -1), EINVAL);
    EXPECT_ERR(alloc(fd, 0x1000, 0, 10), EOPNOTSUPP);
    EXPECT_ERR(alloc(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
    EXPECT_ERR(alloc(fd, PUNCH | FALLOC_FL_ZERO_RANGE, 0, 10), EOPNOTSUPP);
    EXPECT_ERR(alloc(fd, 0, LLONG_MAX, 10), EFBIG);
    EXPECT_ERR(alloc(reader, 0, 0, 10), EBADF);
    EXPECT_ERR(alloc(dir, 0, 0, 10), EBADF);
    EXPECT_ERR(alloc(pipes[1], 0, 0, 10), ESPIPE);
    EXPECT_ERR(alloc(-1, 0, 0, 10), EBADF);
    EXPECT_EQ(length_of(fd), 0);
}

CASE(fallocate, posix_fallocate_extends_with_zeros)
{
    char bytes[300];
    int fd = open_pattern("f", 100);
    EXPECT_EQ(posix_fallocate(fd, 50, 250), 0);
    EXPECT_EQ(length_of(fd), 300);
    EXPECT_EQ(pread(fd, bytes, 300, 0), 300);
    EXPECT(check_pattern(bytes, 100, 1));
    for (int i = 100; i < 300; i++)
        EXPECT_EQ(bytes[i], 0);
    EXPECT_EQ(posix_fallocate(fd, 0, 10), 0);
    EXPECT_EQ(length_of(fd), 300);
}

CASE(fallocate, takes_the_space_of_holes_and_keeps_the_data)
{
    int fd = open_pattern("f", 100);
    OK(ftruncate(fd, 4 * UNIT));
    EXPECT_EQ(pwrite(fd, "end", 3, 4 * UNIT - 3), 3);
    if (alloc(fd, 0, 0, 4 * UNIT) != 0 && errno == EOPNOTSUPP)
        SKIP("this file system has no space to give beforehand");
    EXPECT(blocks_of(fd) >= 4 * UNIT / 512);
    EXPECT_EQ(length_of(fd), 4 * UNIT);
    char bytes[100];
    EXPECT_EQ(pread(fd, bytes, 100, 0), 100);
    EXPECT(check_pattern(bytes, 100, 1));
    EXPECT_EQ(pread(fd, bytes, 4, 4 * UNIT - 4), 4);
    EXPECT(memcmp(bytes, "\0end", 4) == 0);
    EXPECT_EQ(pread(fd, bytes, 1, 2 * UNIT), 1);
    EXPECT_EQ(bytes[0], 0);
}

CASE(fallocate, keep_size_keeps_it)
{
    int fd = open_pattern("f", 100);
    if (alloc(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * UNIT) != 0) {
        EXPECT_EQ(errno, EOPNOTSUPP); /* blocks behind the end are not for every format */
        EXPECT_EQ(length_of(fd), 100);
        SKIP("this file system has no blocks behind the end");
    }
    EXPECT_EQ(length_of(fd), 100);
    OK(ftruncate(fd, UNIT));
    expect_pattern_but_zeros(fd, 100, 100, 100);
    char c = 1;
    EXPECT_EQ(pread(fd, &c, 1, UNIT - 1), 1);
    EXPECT_EQ(c, 0);
}

CASE(fallocate, obeys_the_file_size_limit)
{
    struct {
        unsigned long cur, max;
    } limit = {1000, 1000};
    int fd = open_pattern("f", 100);
    on_signal(SIGXFSZ, SIG_IGN, 0);
    OK(syscall(SYS_prlimit64, 0, 1 /* RLIMIT_FSIZE */, &limit, NULL));
    EXPECT_ERR(alloc(fd, 0, 0, 2000), errno == EOPNOTSUPP ? EOPNOTSUPP : EFBIG);
    EXPECT_EQ(length_of(fd), 100);
}

/* ---- Punching ---------------------------------------------------------------------------------------- */

CASE(fallocate, punch_gives_whole_blocks_back_and_zeros_the_rest)
{
    int fd = open_pattern("f", 4 * UNIT);
    need_punch(fd);
    fd = open_pattern("f", 4 * UNIT);
    blkcnt_t before = blocks_of(fd);
    OK(alloc(fd, PUNCH, UNIT + 1000, UNIT));
    expect_pattern_but_zeros(fd, 4 * UNIT, UNIT + 1000, 2 * UNIT + 1000);
    EXPECT_EQ(length_of(fd), 4 * UNIT);
    EXPECT(blocks_of(fd) <= before - (UNIT - 8 * KIB) / 512);
    OK(fsync(fd));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    expect_pattern_but_zeros(fd, 4 * UNIT, UNIT + 1000, 2 * UNIT + 1000);
}

CASE(fallocate, punch_inside_a_block_and_across_the_end)
{
    int fd = open_pattern("f", UNIT + 100);
    need_punch(fd);
    fd = open_pattern("f", UNIT + 100);
    OK(alloc(fd, PUNCH, 10, 20));
    expect_pattern_but_zeros(fd, UNIT + 100, 10, 30);
    fd = open_pattern("f", UNIT + 100);
    OK(alloc(fd, PUNCH, UNIT / 2, 10 * UNIT));
    expect_pattern_but_zeros(fd, UNIT + 100, UNIT / 2, UNIT + 100);
    EXPECT_EQ(length_of(fd), UNIT + 100);
    EXPECT(blocks_of(fd) <= (UNIT / 2 + 8 * KIB) / 512);
    OK(alloc(fd, PUNCH, 20 * UNIT, UNIT));
    EXPECT_EQ(length_of(fd), UNIT + 100);
}

CASE(fallocate, punch_is_seen_through_mappings_but_not_in_private_copies)
{
    int fd = open_pattern("f", 4 * UNIT);
    need_punch(fd);
    fd = open_pattern("f", 4 * UNIT);
    char *shared = OK_MAP(mmap(NULL, 4 * UNIT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *private = OK_MAP(mmap(NULL, 4 * UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    shared[UNIT] = 'x';
    private[UNIT] = 'y';
    OK(alloc(fd, PUNCH, UNIT, UNIT));
    EXPECT_EQ(shared[UNIT], 0);
    EXPECT_EQ(private[UNIT], 'y');
    EXPECT_EQ(private[UNIT + UNIT / 2], 0);
    shared[UNIT + 5] = 'z'; /* and it takes new data */
    char c;
    EXPECT_EQ(pread(fd, &c, 1, UNIT + 5), 1);
    EXPECT_EQ(c, 'z');
    OK(msync(shared, 4 * UNIT, MS_SYNC));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    EXPECT_EQ(pread(fd, &c, 1, UNIT + 5), 1);
    EXPECT_EQ(c, 'z');
}

CASE(fallocate, zero_range_leaves_zeros_with_space)
{
    int fd = open_pattern("f", 4 * UNIT);
    if (alloc(fd, FALLOC_FL_ZERO_RANGE, UNIT + 10, UNIT) != 0) {
        EXPECT_EQ(errno, EOPNOTSUPP);
        SKIP("this file system cannot");
    }
    expect_pattern_but_zeros(fd, 4 * UNIT, UNIT + 10, 2 * UNIT + 10);
    EXPECT(blocks_of(fd) >= 4 * UNIT / 512);
    OK(alloc(fd, FALLOC_FL_ZERO_RANGE, 4 * UNIT - 10, 30));
    EXPECT_EQ(length_of(fd), 4 * UNIT + 20);
}

CASE(fallocate, writes_into_a_punched_range_while_others_punch)
{
    pid_t pid;
    int fd = open_pattern("f", 4 * UNIT);
    need_punch(fd);
    CHILD (pid) {
        char *map = OK_MAP(mmap(NULL, 4 * UNIT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        for (int i = 0; i < 2000; i++) {
            map[(i * 7919l) % (4 * UNIT)] = 'p';
        }
    }
    for (int i = 0; i < 100; i++) {
        OK(alloc(fd, PUNCH, (i * 4099l) % (3 * UNIT), UNIT));
    }
    EXPECT_EXIT(pid, 0);
    OK(alloc(fd, PUNCH, 0, 4 * UNIT));
    EXPECT_EQ(length_of(fd), 4 * UNIT);
    char c = 1;
    EXPECT_EQ(pread(fd, &c, 1, 7919), 1);
    EXPECT_EQ(c, 0);
}

CASE(fallocate, writing_takes_set_id_bits)
{
    NEED_ROOT();
    OK(chmod(".", 0777));
    int fd = open_pattern("f", 4 * UNIT);
    need_punch(fd);
    OK(fchown(fd, TEST_UID, TEST_GID));
    OK(fchmod(fd, 06777));
    become_user(TEST_UID, TEST_GID);
    fd = (int)OK(open("f", O_RDWR));
    OK(alloc(fd, PUNCH, 0, UNIT));
    EXPECT_EQ(mode_of("f") & 07777, 0777);
}

/* ---- Holes ------------------------------------------------------------------------------------------- */

CASE(holes, seek_finds_data_and_holes)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    OK(ftruncate(fd, 8 * UNIT));
    EXPECT_EQ(pwrite(fd, "data", 4, 2 * UNIT), 4);
    EXPECT_EQ(pwrite(fd, "data", 4, 5 * UNIT), 4);
    if (lseek(fd, 0, SEEK_HOLE) == 8 * UNIT)
        SKIP("this file system has no holes");
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 2 * UNIT);
    EXPECT_EQ(lseek(fd, 2 * UNIT + 1, SEEK_DATA), 2 * UNIT + 1);
    off_t hole = lseek(fd, 2 * UNIT, SEEK_HOLE);
    EXPECT(hole > 2 * UNIT && hole <= 3 * UNIT);
    EXPECT_EQ(lseek(fd, hole, SEEK_DATA), 5 * UNIT);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 5 * UNIT);
    EXPECT_ERR(lseek(fd, 6 * UNIT, SEEK_DATA), ENXIO);
    EXPECT_EQ(lseek(fd, 6 * UNIT, SEEK_HOLE), 6 * UNIT);
    EXPECT_ERR(lseek(fd, 8 * UNIT, SEEK_HOLE), ENXIO);
    EXPECT_ERR(lseek(fd, 8 * UNIT, SEEK_DATA), ENXIO);
    EXPECT_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
}

CASE(holes, seek_in_a_full_file)
{
    int fd = open_pattern("f", 3 * UNIT + 17);
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 0);
    EXPECT_EQ(lseek(fd, 100, SEEK_HOLE), 3 * UNIT + 17);
    need_punch(fd);
    OK(alloc(fd, PUNCH, UNIT, UNIT));
    EXPECT_EQ(lseek(fd, UNIT - 1, SEEK_HOLE), UNIT);
    EXPECT_EQ(lseek(fd, UNIT, SEEK_DATA), 2 * UNIT);
}

CASE(holes, cost_no_space)
{
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    char c = 1;
    OK(ftruncate(fd, 4 * UNIT));
    if (blocks_of(fd) >= 4 * UNIT / 512)
        SKIP("this file system has no holes");
    EXPECT_EQ(blocks_of(fd), 0);
    EXPECT_EQ(pread(fd, &c, 1, 3 * UNIT), 1);
    EXPECT_EQ(c, 0);
    EXPECT_EQ(pwrite(fd, "x", 1, 3 * UNIT), 1);
    EXPECT(blocks_of(fd) > 0 && blocks_of(fd) <= 64);
}

CASE(holes, files_beyond_4_gib)
{
    off_t far = (5ll << 30) + 12345;
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0644));
    char bytes[8];
    if (pwrite(fd, "far away", 8, far) != 8) {
        EXPECT_EQ(errno, EFBIG);
        SKIP("this file system has no such files");
    }
    EXPECT_EQ(length_of(fd), far + 8);
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA) & ~0xffffl, far & ~0xffffl);
    OK(fsync(fd));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    EXPECT_EQ(pread(fd, bytes, 8, far), 8);
    EXPECT(memcmp(bytes, "far away", 8) == 0);
    EXPECT_EQ(pread(fd, bytes, 8, far - (4ll << 30)), 8); /* nothing wraps round */
    EXPECT(memcmp(bytes, "\0\0\0\0\0\0\0\0", 8) == 0);
    OK(ftruncate(fd, (4ll << 30) + 1));
    EXPECT_EQ(length_of(fd), (4ll << 30) + 1);
    EXPECT_ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
    OK(ftruncate(fd, far + 8));
    EXPECT_EQ(pread(fd, bytes, 8, far), 8);
    EXPECT(memcmp(bytes, "\0\0\0\0\0\0\0\0", 8) == 0);
}
