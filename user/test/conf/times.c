// SPDX-License-Identifier: MIT
/* The three times: which call moves which, relatime, and setting them. */
#include "conf.h"

static const struct timespec LONG_AGO = {1000000000, 0};

static void set_times(const char *path, time_t atime, time_t mtime)
{
    struct timespec ts[2] = {{atime, 0}, {mtime, 0}};
    OK(utimensat(AT_FDCWD, path, ts, AT_SYMLINK_NOFOLLOW));
}

static bool is_later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static bool is_old(struct timespec ts)
{
    return ts.tv_sec == LONG_AGO.tv_sec;
}

static void make_old(const char *path)
{
    make_file(path, 0644);
    set_times(path, LONG_AGO.tv_sec, LONG_AGO.tv_sec);
}

CASE(times, are_set_to_the_second)
{
    make_file("f", 0644);
    set_times("f", 1111110000, 1222220000);
    EXPECT_EQ(stat_of("f").st_mtime, 1222220000);
}

CASE(times, of_access_are_set_to_the_second)
{
    make_file("f", 0644);
    set_times("f", 1111110000, 1222220000);
    EXPECT_EQ(stat_of("f").st_atime, 1111110000);
}

CASE(times, are_set_to_the_nanosecond)
{
    struct timespec ts[2] = {{1111110000, 123456789}, {1222220000, 987654321}};
    make_file("f", 0644);
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    EXPECT_EQ(stat_of("f").st_atim.tv_nsec, 123456789);
    EXPECT_EQ(stat_of("f").st_mtim.tv_nsec, 987654321);
}

CASE(times, beyond_2038)
{
    make_file("f", 0644);
    set_times("f", 3000000000, 3000000000);
    EXPECT_EQ(stat_of("f").st_mtime, 3000000000);
}

CASE(times, before_1970)
{
    make_file("f", 0644);
    set_times("f", -1000000, -1000000);
    EXPECT_EQ(stat_of("f").st_mtime, -1000000);
}

CASE(times, omit_and_now)
{
    struct timespec ts[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    make_old("f");
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    EXPECT(is_old(stat_of("f").st_atim));
    EXPECT(!is_old(stat_of("f").st_mtim));
    ts[1].tv_nsec = UTIME_OMIT;
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    ts[0].tv_nsec = 1000000000;
    EXPECT_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
}

CASE(times, setting_is_the_owners_and_now_the_writers)
{
    NEED_ROOT();
    struct timespec ts[2] = {LONG_AGO, LONG_AGO};
    make_file("writable", 0666);
    make_file("readable", 0644);
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(utimensat(AT_FDCWD, "writable", ts, 0), EPERM);
        OK(utimensat(AT_FDCWD, "writable", NULL, 0));
        EXPECT_ERR(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
        EXPECT_ERR(utimensat(AT_FDCWD, "readable", ts, 0), EPERM);
    }
}

CASE(times, write_moves_mtime)
{
    make_old("f");
    int fd = (int)OK(open("f", O_WRONLY));
    EXPECT(is_old(stat_of("f").st_mtim));
    EXPECT_EQ(write(fd, "", 0), 0);
    EXPECT(is_old(stat_of("f").st_mtim));
    OK(write(fd, "x", 1));
    EXPECT(!is_old(stat_of("f").st_mtim));
    EXPECT(is_old(stat_of("f").st_atim));
}

CASE(times, truncate_moves_mtime)
{
    write_file("f", "abc", 3);
    set_times("f", LONG_AGO.tv_sec, LONG_AGO.tv_sec);
    OK(truncate("f", 1));
    EXPECT(!is_old(stat_of("f").st_mtim));
    set_times("f", LONG_AGO.tv_sec, LONG_AGO.tv_sec);
    OK(truncate("f", 1)); /* truncate to the same size counts, ftruncate too on Linux */
    EXPECT(!is_old(stat_of("f").st_mtim));
}

CASE(times, open_with_trunc_moves_mtime)
{
    make_old("f");
    OK(close((int)OK(open("f", O_WRONLY | O_TRUNC))));
    EXPECT(!is_old(stat_of("f").st_mtim));
}

CASE(times, chmod_and_rename_leave_mtime)
{
    make_old("f");
    OK(chmod("f", 0600));
    OK(rename("f", "g"));
    EXPECT(is_old(stat_of("g").st_mtim));
}

CASE(times, link_leaves_mtime)
{
    make_old("f");
    OK(link("f", "h"));
    EXPECT(is_old(stat_of("h").st_mtim));
}

CASE(times, shared_mapping_moves_mtime_by_msync)
{
    make_patterned("f", 4096, 1);
    set_times("f", LONG_AGO.tv_sec, LONG_AGO.tv_sec);
    int fd = (int)OK(open("f", O_RDWR));
    char *at = OK_MAP(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    at[0] = 'x';
    OK(msync(at, 4096, MS_SYNC));
    EXPECT(!is_old(stat_of("f").st_mtim));
}

CASE(times, directory_changes_move_its_mtime)
{
    static const char *const steps[] = {"create", "mkdir", "rename", "unlink", "rmdir"};
    OK(mkdir("d", 0755));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        set_times("d", LONG_AGO.tv_sec, LONG_AGO.tv_sec);
        switch (i) {
        case 0: make_file("d/f", 0644); break;
        case 1: OK(mkdir("d/e", 0755)); break;
        case 2: OK(rename("d/f", "d/g")); break;
        case 3: OK(unlink("d/g")); break;
        default: OK(rmdir("d/e")); break;
        }
        if (is_old(stat_of("d").st_mtim))
            FAIL("%s leaves the directory's mtime", steps[i]);
    }
}

CASE(times, writing_in_a_file_leaves_its_directory)
{
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    set_times("d", LONG_AGO.tv_sec, LONG_AGO.tv_sec);
    write_file("d/f", "x", 1);
    OK(chmod("d/f", 0600));
    EXPECT(is_old(stat_of("d").st_mtim));
}

/* Does this step move the ctime of `path`? */
#define CTIME_MOVES(path, step)                             \
    do {                                                    \
        struct timespec before_ = stat_of(path).st_ctim;    \
        tick();                                             \
        step;                                               \
        if (!is_later(stat_of(path).st_ctim, before_))      \
            FAIL("%s leaves the ctime of %s", #step, path); \
    } while (0)

CASE(times, ctime_moves_with_content)
{
    make_file("f", 0644);
    int fd = (int)OK(open("f", O_RDWR));
    CTIME_MOVES("f", OK(write(fd, "abc", 3)));
    CTIME_MOVES("f", OK(truncate("f", 1)));
}

CASE(times, ctime_moves_with_chmod)
{
    make_file("f", 0644);
    CTIME_MOVES("f", OK(chmod("f", 0600)));
}

CASE(times, ctime_moves_with_links)
{
    make_file("f", 0644);
    CTIME_MOVES("f", OK(link("f", "g")));
    CTIME_MOVES("f", OK(unlink("g")));
}

CASE(times, ctime_moves_with_rename)
{
    make_file("f", 0644);
    CTIME_MOVES("f", OK(rename("f", "g")); OK(rename("g", "f")));
}

CASE(times, ctime_moves_with_utimensat)
{
    make_file("f", 0644);
    CTIME_MOVES("f", set_times("f", 1, 1));
}

CASE(times, ctime_moves_with_owner)
{
    NEED_ROOT();
    make_file("f", 0644);
    CTIME_MOVES("f", OK(chown("f", TEST_UID, TEST_GID)));
}

CASE(times, ctime_moves_with_entries)
{
    OK(mkdir("d", 0755));
    CTIME_MOVES("d", make_file("d/f", 0644));
    CTIME_MOVES("d", OK(unlink("d/f")));
}

CASE(times, ctime_stays_when_nothing_happens)
{
    char c;
    write_file("f", "abc", 3);
    struct timespec before = stat_of("f").st_ctim;
    tick();
    int fd = (int)OK(open("f", O_RDWR));
    OK(read(fd, &c, 1));
    OK(close(fd));
    EXPECT_ERR(open("f", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    EXPECT(!is_later(stat_of("f").st_ctim, before));
}

static void read_file_once(const char *path)
{
    char c;
    int fd = (int)OK(open(path, O_RDONLY));
    OK(read(fd, &c, 1));
    OK(close(fd));
}

CASE(times, relatime_moves_an_atime_older_than_mtime)
{
    write_file("f", "abc", 3);
    set_times("f", LONG_AGO.tv_sec, LONG_AGO.tv_sec + 10);
    read_file_once("f");
    EXPECT(!is_old(stat_of("f").st_atim));
}

CASE(times, relatime_leaves_a_fresh_atime)
{
    write_file("f", "abc", 3);
    set_times("f", LONG_AGO.tv_sec, LONG_AGO.tv_sec + 10);
    tick();
    read_file_once("f"); /* now it is later than mtime and ctime */
    struct timespec first = stat_of("f").st_atim;
    EXPECT(!is_old(first));
    tick();
    read_file_once("f");
    EXPECT(!is_later(stat_of("f").st_atim, first));
}

CASE(times, relatime_moves_an_atime_of_yesterday)
{
    write_file("f", "abc", 3);
    time_t then = time(NULL) - 25 * 3600;
    set_times("f", then, then - 100);
    read_file_once("f");
    EXPECT(stat_of("f").st_atime > then);
}

CASE(times, relatime_of_a_listed_directory)
{
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    set_times("d", LONG_AGO.tv_sec, LONG_AGO.tv_sec + 10);
    count_entries("d");
    EXPECT(!is_old(stat_of("d").st_atim));
}

CASE(times, relatime_of_a_followed_link)
{
    make_file("f", 0644);
    OK(symlink("f", "l"));
    set_times("l", LONG_AGO.tv_sec, LONG_AGO.tv_sec + 10);
    OK(access("l", F_OK));
    EXPECT(!is_old(stat_of("l").st_atim));
}

CASE(times, noatime_flag_leaves_the_atime)
{
    char c;
    write_file("f", "abc", 3);
    set_times("f", LONG_AGO.tv_sec, LONG_AGO.tv_sec + 10);
    int fd = (int)OK(open("f", O_RDONLY | O_NOATIME));
    OK(read(fd, &c, 1));
    EXPECT(is_old(stat_of("f").st_atim));
}

CASE(times, noatime_flag_is_the_owners)
{
    NEED_ROOT();
    make_file("f", 0666);
    AS_USER (TEST_UID, TEST_GID)
        EXPECT_ERR(open("f", O_RDONLY | O_NOATIME), EPERM);
}

CASE(times, a_new_file_has_three_times_of_now)
{
    time_t before = time(NULL) - 3;
    make_file("f", 0644);
    struct stat st = stat_of("f");
    EXPECT(st.st_mtime >= before && st.st_mtime <= before + 60);
    EXPECT(st.st_ctime >= before && st.st_ctime <= before + 60);
}
