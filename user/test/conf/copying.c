// SPDX-License-Identifier: MIT
/* From file to file inside the kernel, and a range to the disk: copy_file_range, sendfile, sync_file_range. */
#include "conf.h"

#include <sys/resource.h>
#include <sys/sendfile.h>

enum { LEN = 150000 };

/* Two open files: "from", patterned, and "to", of len bytes of another pattern. */
static int from, to;

static void open_both(size_t len)
{
    make_patterned("from", LEN, 1);
    make_patterned("to", len, 2);
    from = (int)OK(open("from", O_RDWR));
    to = (int)OK(open("to", O_RDWR));
}

static ssize_t copy(int in, off_t *in_at, int out, off_t *out_at, size_t len)
{
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, len, 0);
}

/* Copy all of len bytes, however many calls that takes. */
static void copy_all(off_t in_at, off_t out_at, size_t len)
{
    while (len > 0) {
        ssize_t done = OK(copy(from, &in_at, to, &out_at, len));
        EXPECT(done > 0);
        len -= (size_t)done;
    }
}

/* Whether len bytes of "to" are those of "from" at another place. */
static bool is_copy(off_t in_at, off_t out_at, size_t len)
{
    char *a = malloc(len), *b = malloc(len);
    bool is_same = pread(from, a, len, in_at) == (ssize_t)len &&
                   pread(to, b, len, out_at) == (ssize_t)len && memcmp(a, b, len) == 0;
    free(a);
    free(b);
    return is_same;
}

CASE(copying, range_goes_into_the_middle_and_nowhere_else)
{
    open_both(LEN);
    copy_all(1001, 50003, 60000);
    EXPECT(is_copy(1001, 50003, 60000));
    EXPECT(has_pattern(to, 0, 50003, 2));
    char *whole = malloc(LEN), *got = malloc(LEN);
    fill_pattern(whole, LEN, 2);
    EXPECT_EQ(pread(to, got, LEN, 0), LEN);
    EXPECT(memcmp(got + 110003, whole + 110003, LEN - 110003) == 0);
    EXPECT(has_pattern(from, 0, LEN, 1));
}

CASE(copying, range_moves_offsets_or_positions)
{
    open_both(0);
    off_t in_at = 100, out_at = 7;
    EXPECT_EQ(copy(from, &in_at, to, &out_at, 1000), 1000);
    EXPECT_EQ(in_at, 1100);
    EXPECT_EQ(out_at, 1007);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), 0);
    EXPECT_EQ(lseek(to, 0, SEEK_CUR), 0);
    OK(lseek(from, 500, SEEK_SET));
    EXPECT_EQ(copy(from, NULL, to, NULL, 2000), 2000);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), 2500);
    EXPECT_EQ(lseek(to, 0, SEEK_CUR), 2000);
    EXPECT(is_copy(500, 0, 2000));
}

CASE(copying, range_ends_with_its_source)
{
    open_both(0);
    off_t in_at = LEN - 10, out_at = 0;
    EXPECT_EQ(copy(from, &in_at, to, &out_at, 4096), 10);
    EXPECT_EQ(copy(from, &in_at, to, &out_at, 4096), 0);
    in_at = LEN + 5;
    EXPECT_EQ(copy(from, &in_at, to, &out_at, 4096), 0);
    EXPECT_EQ(size_of("to"), 10);
}

CASE(copying, range_behind_the_end_leaves_a_gap_of_zeros)
{
    open_both(100);
    copy_all(0, 200000, 5000);
    EXPECT_EQ(size_of("to"), 205000);
    EXPECT(has_pattern(to, 0, 100, 2));
    EXPECT(has_zeros(to, 100, 199900));
    EXPECT(is_copy(0, 200000, 5000));
}

CASE(copying, range_within_one_file_may_not_meet_itself)
{
    open_both(LEN);
    off_t in_at = 0, out_at = 5000;
    EXPECT_ERR(copy(from, &in_at, from, &out_at, 5001), EINVAL);
    EXPECT_EQ(copy(from, &in_at, from, &out_at, 5000), 5000);
    EXPECT(has_pattern(from, 0, 5000, 1));
    EXPECT(has_pattern(from, 5000, 5000, 1));
    in_at = 10000, out_at = 20000;
    EXPECT_EQ(copy(from, &in_at, from, &out_at, 10000), 10000);
}

CASE(copying, range_sees_what_a_mapping_wrote)
{
    open_both(LEN);
    char *map = OK_MAP(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, from, 0));
    char *seen = OK_MAP(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0));
    memset(map + 10000, 'm', 5000);
    EXPECT(seen[10000] != 'm' || seen[10001] != 'm');
    copy_all(0, 0, LEN);
    EXPECT(memcmp(map, seen, LEN) == 0);
    EXPECT_EQ(seen[14999], 'm');
}

CASE(copying, range_moves_the_targets_mtime)
{
    struct timespec ts[2] = {{1000000000, 0}, {1000000000, 0}};
    open_both(LEN);
    OK(futimens(from, ts));
    OK(futimens(to, ts));
    time_t before = stat_of("from").st_mtime;
    copy_all(0, 0, 10);
    EXPECT(stat_of("to").st_mtime > before);
    EXPECT_EQ(stat_of("from").st_mtime, before);
}

CASE(copying, range_takes_set_id_bits_away)
{
    NEED_ROOT();
    make_patterned("from", 100, 1);
    make_patterned("to", 100, 2);
    OK(chown("to", TEST_UID, TEST_GID));
    OK(chmod("to", 06755));
    AS_USER (TEST_UID, TEST_GID) {
        from = (int)OK(open("from", O_RDONLY));
        to = (int)OK(open("to", O_WRONLY));
        copy_all(0, 0, 10);
    }
    EXPECT_EQ(mode_of("to"), S_IFREG | 0755);
}

CASE(copying, range_obeys_the_file_size_limit)
{
    open_both(0);
    struct rlimit limit = {10000, 10000};
    signal(SIGXFSZ, SIG_IGN);
    OK(setrlimit(RLIMIT_FSIZE, &limit));
    off_t in_at = 0, out_at = 9000;
    EXPECT_EQ(copy(from, &in_at, to, &out_at, 5000), 1000);
    EXPECT_ERR(copy(from, &in_at, to, &out_at, 1), EFBIG);
    EXPECT_EQ(size_of("to"), 10000);
}

CASE(copying, range_refusals)
{
    int pipes[2];
    off_t at = 0, negative = -5;
    open_both(LEN);
    int dir = (int)OK(open(".", O_RDONLY)), append = (int)OK(open("to", O_WRONLY | O_APPEND));
    OK(pipe(pipes));
    EXPECT_ERR(copy(dir, NULL, to, NULL, 1), EISDIR);
    EXPECT_ERR(copy(pipes[0], NULL, to, NULL, 1), EINVAL);
    EXPECT_ERR(copy(from, NULL, pipes[1], NULL, 1), EINVAL);
    EXPECT_ERR(copy(from, &at, append, NULL, 1), EBADF);
    EXPECT_ERR(copy(append, NULL, to, NULL, 1), EBADF); /* not open for reading */
    EXPECT_ERR(copy(-1, NULL, to, NULL, 1), EBADF);
    EXPECT_ERR(copy(from, &negative, to, NULL, 1), EINVAL);
    EXPECT_ERR(syscall(SYS_copy_file_range, from, NULL, to, NULL, 1, 1), EINVAL);
    EXPECT_EQ(copy(from, &at, to, NULL, 0), 0);
    EXPECT(has_pattern(to, 0, LEN, 2));
}

CASE(copying, sendfile_goes_from_an_offset_to_the_position)
{
    open_both(LEN);
    OK(lseek(to, 100, SEEK_SET));
    off_t at = 5001;
    for (size_t done = 0; done < 70000;)
        done += (size_t)OK(sendfile(to, from, &at, 70000 - done));
    EXPECT_EQ(at, 75001);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), 0);
    EXPECT_EQ(lseek(to, 0, SEEK_CUR), 70100);
    EXPECT(is_copy(5001, 100, 70000));
    EXPECT(has_pattern(to, 0, 100, 2));
    EXPECT_EQ(size_of("to"), LEN);
}

CASE(copying, sendfile_moves_both_positions)
{
    open_both(0);
    OK(lseek(from, LEN - 20000, SEEK_SET));
    size_t done = 0;
    for (ssize_t moved = 1; moved > 0; done += (size_t)moved)
        moved = OK(sendfile(to, from, NULL, 1 << 20));
    EXPECT_EQ(done, 20000);
    EXPECT_EQ(lseek(from, 0, SEEK_CUR), LEN);
    EXPECT(is_copy(LEN - 20000, 0, 20000));
}

CASE(copying, sendfile_of_a_hole_writes_zeros)
{
    open_both(LEN);
    OK(ftruncate(from, 0));
    OK(ftruncate(from, 100000));
    off_t at = 0;
    for (size_t done = 0; done < 100000;)
        done += (size_t)OK(sendfile(to, from, &at, 100000 - done));
    EXPECT(has_zeros(to, 0, 100000));
    EXPECT_EQ(size_of("to"), LEN);
}

CASE(copying, sendfile_refusals)
{
    open_both(LEN);
    off_t negative = -1;
    int dir = (int)OK(open(".", O_RDONLY)), append = (int)OK(open("to", O_WRONLY | O_APPEND));
    EXPECT_ERR(sendfile(append, from, NULL, 1), EINVAL);
    EXPECT_ERR(sendfile(to, dir, NULL, 1), EINVAL);
    EXPECT_ERR(sendfile(to, append, NULL, 1), EBADF);
    EXPECT_ERR(sendfile(dir, from, NULL, 1), EBADF);
    EXPECT_ERR(sendfile(to, from, &negative, 1), EINVAL);
    EXPECT(has_pattern(to, 0, LEN, 2));
}

/* ---- sync_file_range ----------------------------------------------------------------------------- */

#define WRITE_AND_WAIT \
    (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)

CASE(range_syncing, leaves_nothing_of_the_range_to_the_cache_alone)
{
    make_patterned("f", LEN, 3);
    int fd = (int)OK(open("f", O_RDWR));
    OK(sync_file_range(fd, 0, LEN, WRITE_AND_WAIT));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    EXPECT(has_pattern(fd, 0, LEN, 3));
    EXPECT_EQ(pwrite(fd, "new", 3, 70000), 3);
    OK(sync_file_range(fd, 69632, 4096, SYNC_FILE_RANGE_WRITE));
    OK(sync_file_range(fd, 69632, 4096, SYNC_FILE_RANGE_WAIT_AFTER));
    OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    char text[4] = "";
    EXPECT_EQ(pread(fd, text, 3, 70000), 3);
    EXPECT_STR(text, "new");
}

CASE(range_syncing, changes_neither_size_nor_times)
{
    struct timespec ts[2] = {{1000000000, 0}, {1000000000, 0}};
    make_patterned("f", 5000, 3);
    int fd = (int)OK(open("f", O_RDWR));
    OK(futimens(fd, ts));
    struct stat before = stat_of("f");
    OK(sync_file_range(fd, 0, 1 << 20, WRITE_AND_WAIT)); /* beyond the end */
    OK(sync_file_range(fd, 1 << 20, 0, WRITE_AND_WAIT));
    EXPECT_EQ(stat_of("f").st_size, 5000);
    EXPECT_EQ(stat_of("f").st_mtime, before.st_mtime);
}

CASE(range_syncing, needs_no_right_to_write)
{
    make_patterned("f", 5000, 3);
    OK(sync_file_range((int)OK(open("f", O_RDONLY)), 0, 0, WRITE_AND_WAIT));
    OK(sync_file_range((int)OK(open(".", O_RDONLY)), 0, 0, WRITE_AND_WAIT));
}

CASE(range_syncing, refusals)
{
    int pipes[2];
    make_file("f", 0644);
    int fd = (int)OK(open("f", O_RDWR));
    OK(pipe(pipes));
    EXPECT_ERR(sync_file_range(fd, -1, 0, WRITE_AND_WAIT), EINVAL);
    EXPECT_ERR(sync_file_range(fd, 0, -1, WRITE_AND_WAIT), EINVAL);
    EXPECT_ERR(sync_file_range(fd, INT64_MAX, 2, WRITE_AND_WAIT), EINVAL);
    EXPECT_ERR(sync_file_range(fd, 0, 0, 8), EINVAL);
    EXPECT_ERR(sync_file_range(pipes[1], 0, 0, WRITE_AND_WAIT), ESPIPE);
    EXPECT_ERR(sync_file_range(-1, 0, 0, WRITE_AND_WAIT), EBADF);
    EXPECT_ERR(sync_file_range((int)OK(open("f", O_PATH)), 0, 0, WRITE_AND_WAIT), EBADF);
}
