// SPDX-License-Identifier: MIT
/* What stat, statx and statfs tell; times and how they change; special files. */
#include "abi.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>

CASE(stat, tells_type_size_and_links)
{
    struct stat st;
    write_file("f", "12345", 5);
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mode, S_IFREG | 0644);
    EXPECT_EQ(st.st_size, 5);
    EXPECT_EQ(st.st_nlink, 1);
    EXPECT_EQ(st.st_uid, geteuid());
    EXPECT(st.st_ino != 0 && st.st_blksize >= 512);
    OK(stat(".", &st));
    EXPECT(S_ISDIR(st.st_mode));
    OK(symlink("f", "l"));
    OK(stat("l", &st));
    EXPECT(S_ISREG(st.st_mode));
    OK(lstat("l", &st));
    EXPECT_EQ(st.st_mode, S_IFLNK | 0777);
    EXPECT_ERR(stat("missing", &st), ENOENT);
    EXPECT_ERR(stat("", &st), ENOENT);
}

CASE(stat, special_files)
{
    struct stat st;
    int fd[2];
    OK(stat("/dev/null", &st));
    EXPECT(S_ISCHR(st.st_mode));
    EXPECT(major(st.st_rdev) == 1 && minor(st.st_rdev) == 3);
    OK(pipe(fd));
    OK(fstat(fd[0], &st));
    EXPECT(S_ISFIFO(st.st_mode));
    OK(mkfifo("p", 0600));
    OK(stat("p", &st));
    EXPECT(S_ISFIFO(st.st_mode));
    if (geteuid() == 0) {
        OK(mknod("c", S_IFCHR | 0600, makedev(1, 3)));
        OK(stat("c", &st));
        EXPECT(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
        OK(mknod("r", S_IFREG | 0600, 0));
        OK(stat("r", &st));
        EXPECT(S_ISREG(st.st_mode));
    }
}

CASE(stat, blocks_count_what_is_allocated)
{
    struct stat st;
    char *buf = calloc(1, 65536);
    write_file("f", buf, 65536);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(fsync(fd));
    OK(fstat(fd, &st));
    EXPECT(st.st_blocks * 512 >= 65536 && st.st_blocks * 512 <= 2 * 65536);
    free(buf);
}

CASE(stat, statx_agrees_with_stat)
{
    struct statx sx;
    struct stat st;
    write_file("f", "12345", 5);
    OK(stat("f", &st));
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
    EXPECT_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    EXPECT_EQ(sx.stx_mode, st.st_mode);
    EXPECT_EQ(sx.stx_size, st.st_size);
    EXPECT_EQ(sx.stx_ino, st.st_ino);
    EXPECT_EQ(sx.stx_nlink, st.st_nlink);
    EXPECT_EQ(sx.stx_uid, st.st_uid);
    EXPECT_EQ(sx.stx_blocks, st.st_blocks);
    EXPECT_EQ(sx.stx_mtime.tv_sec, st.st_mtim.tv_sec);
    EXPECT_EQ(sx.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
    EXPECT_EQ(makedev(sx.stx_dev_major, sx.stx_dev_minor), st.st_dev);
    OK(statx((int)OK(open("f", O_RDONLY)), "", AT_EMPTY_PATH, STATX_SIZE, &sx));
    EXPECT_EQ(sx.stx_size, 5);
    OK(symlink("f", "l"));
    OK(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx));
    EXPECT(S_ISLNK(sx.stx_mode));
    EXPECT_ERR(statx(AT_FDCWD, "missing", 0, STATX_TYPE, &sx), ENOENT);
    EXPECT_ERR(statx(AT_FDCWD, "f", 0x7000000, STATX_TYPE, &sx), EINVAL);
    EXPECT_ERR(statx(AT_FDCWD, "f", 0, 0x80000000u, &sx), EINVAL);
    OK(statx(AT_FDCWD, "/dev/zero", 0, STATX_TYPE, &sx));
    EXPECT(sx.stx_rdev_major == 1 && sx.stx_rdev_minor == 5);
}

CASE(stat, inode_numbers_tell_files_apart)
{
    struct stat a, b;
    make_file("a", 0600);
    make_file("b", 0600);
    OK(stat("a", &a));
    OK(stat("b", &b));
    EXPECT(a.st_ino != b.st_ino && a.st_dev == b.st_dev);
    OK(rename("a", "c"));
    OK(stat("c", &b));
    EXPECT_EQ(a.st_ino, b.st_ino);
}

CASE(stat, statfs_is_plausible)
{
    struct statfs s, t;
    OK(statfs(".", &s));
    EXPECT(s.f_bsize >= 512 && s.f_blocks > 0 && s.f_bfree <= s.f_blocks);
    EXPECT(s.f_bavail <= s.f_bfree && s.f_ffree <= s.f_files);
    EXPECT(s.f_namelen >= 255);
    OK(fstatfs((int)OK(open(".", O_RDONLY)), &t));
    EXPECT(s.f_type == t.f_type && s.f_blocks == t.f_blocks);
    EXPECT_ERR(statfs("missing", &s), ENOENT);
    OK(statfs("/proc", &s));
    EXPECT_EQ(s.f_type, 0x9fa0);
}

static struct timespec mtime_of(const char *path)
{
    struct stat st;
    OK(lstat(path, &st));
    return st.st_mtim;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static void set_old(const char *path)
{
    struct timespec old[2] = {{1000000, 0}, {2000000, 0}};
    OK(utimensat(AT_FDCWD, path, old, 0));
}

CASE(stat, utimensat_sets_both_times)
{
    struct stat st;
    make_file("f", 0600);
    set_old("f");
    OK(stat("f", &st));
    EXPECT_EQ(st.st_atim.tv_sec, 1000000);
    EXPECT_EQ(st.st_mtim.tv_sec, 2000000);
    EXPECT(st.st_ctim.tv_sec > 2000000); /* ctime cannot be set */
}

CASE(stat, utime_now_and_omit)
{
    struct stat st;
    struct timespec ts[2] = {{0, UTIME_OMIT}, {3000000, 0}};
    make_file("f", 0600);
    set_old("f");
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    OK(stat("f", &st));
    EXPECT(st.st_atim.tv_sec == 1000000 && st.st_mtim.tv_sec == 3000000);
    ts[0].tv_nsec = UTIME_NOW;
    ts[1].tv_nsec = UTIME_OMIT;
    OK(utimensat(AT_FDCWD, "f", ts, 0));
    OK(stat("f", &st));
    EXPECT(st.st_atim.tv_sec > 3000000 && st.st_mtim.tv_sec == 3000000);
    OK(utimensat(AT_FDCWD, "f", NULL, 0));
    EXPECT(mtime_of("f").tv_sec > 3000000);
    ts[0] = (struct timespec){5, 2000000000};
    EXPECT_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
    EXPECT_ERR(utimensat(AT_FDCWD, "missing", NULL, 0), ENOENT);
    ts[0] = ts[1] = (struct timespec){4000000, 0};
    OK(symlink("f", "l"));
    OK(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW));
    EXPECT_EQ(mtime_of("l").tv_sec, 4000000);
    int fd = (int)OK(open("f", O_RDWR));
    OK(futimens(fd, ts));
    EXPECT_EQ(mtime_of("f").tv_sec, 4000000);
}

CASE(stat, utimensat_permissions)
{
    pid_t pid;
    struct timespec ts[2] = {{1, 0}, {1, 0}};
    NEED_ROOT();
    make_file("writable", 0666);
    make_file("readable", 0644);
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        OK(utimensat(AT_FDCWD, "writable", NULL, 0));
        EXPECT_ERR(utimensat(AT_FDCWD, "writable", ts, 0), EPERM);
        EXPECT_ERR(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(stat, changes_move_the_times)
{
    struct stat st;
    make_file("f", 0644);
    set_old("f");
    int fd = (int)OK(open("f", O_RDWR));
    OK(write(fd, "x", 1));
    OK(fstat(fd, &st));
    EXPECT(st.st_mtim.tv_sec > 2000000);
    set_old("f");
    OK(ftruncate(fd, 0));
    EXPECT(mtime_of("f").tv_sec > 2000000);
    set_old("f");
    OK(chmod("f", 0600)); /* only ctime */
    EXPECT_EQ(mtime_of("f").tv_sec, 2000000);

    OK(mkdir("d", 0755));
    set_old("d");
    make_file("d/f", 0644);
    EXPECT(mtime_of("d").tv_sec > 2000000);
    set_old("d");
    write_file("d/f", "x", 1); /* content of a file is no change of its directory */
    EXPECT_EQ(mtime_of("d").tv_sec, 2000000);
    OK(unlink("d/f"));
    EXPECT(mtime_of("d").tv_sec > 2000000);
}

CASE(stat, shared_mapping_write_moves_mtime)
{
    write_file("f", "content", 7);
    set_old("f");
    int fd = (int)OK(open("f", O_RDWR));
    char *p = OK_MAP(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT(same_time(mtime_of("f"), (struct timespec){2000000, 0}));
    p[0] = 'C';
    OK(msync(p, 7, MS_SYNC));
    EXPECT(mtime_of("f").tv_sec > 2000000);
}

CASE(stat, mtime_is_the_clock)
{
    struct timespec before, after;
    OK(clock_gettime(CLOCK_REALTIME, &before));
    make_file("f", 0600);
    OK(clock_gettime(CLOCK_REALTIME, &after));
    time_t t = mtime_of("f").tv_sec;
    EXPECT(t >= before.tv_sec - 1 && t <= after.tv_sec); /* file times may lag by a tick */
}

CASE(stat, mknod_rules)
{
    pid_t pid;
    EXPECT_ERR(mknod("d", S_IFDIR | 0700, 0), EPERM);
    EXPECT_ERR(mknod("x", 0170000 | 0600, 0), EINVAL);
    OK(mknod("plain", 0600, 0));
    EXPECT_EQ(mode_of("plain"), S_IFREG | 0600);
    EXPECT_ERR(mknod("plain", S_IFIFO | 0600, 0), EEXIST);
    NEED_ROOT();
    OK(mkdir("all", 0));
    OK(chmod("all", 0777));
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        EXPECT_ERR(mknod("all/c", S_IFCHR | 0600, makedev(1, 3)), EPERM);
        OK(mknod("all/p", S_IFIFO | 0600, 0));
    }
    EXPECT_EXIT(pid, 0);
}
