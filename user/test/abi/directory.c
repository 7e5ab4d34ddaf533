// SPDX-License-Identifier: MIT
/* Directories: making, listing, removing; links and what is left when names go. */
#include "abi.h"

#include <dirent.h>

/* Lists a directory and returns how many names it has besides . and .., which must be there. */
static int count_names(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0, dots = 0;
    EXPECT(d != NULL);
    errno = 0;
    while ((e = readdir(d)) != NULL) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            dots++;
        else
            n++;
        EXPECT(e->d_ino != 0);
    }
    EXPECT_EQ(errno, 0);
    EXPECT_EQ(dots, 2);
    closedir(d);
    return n;
}

CASE(directory, mkdir_and_rmdir)
{
    umask(022);
    OK(mkdir("d", 0777));
    EXPECT_EQ(mode_of("d"), S_IFDIR | 0755);
    EXPECT_EQ(count_names("d"), 0);
    EXPECT_ERR(mkdir("d", 0777), EEXIST);
    EXPECT_ERR(mkdir("missing/d", 0777), ENOENT);
    make_file("f", 0644);
    EXPECT_ERR(mkdir("f", 0777), EEXIST);
    EXPECT_ERR(mkdir("f/d", 0777), ENOTDIR);
    EXPECT_ERR(mkdir("", 0777), ENOENT);
    OK(mkdir("slash/", 0777));
    OK(rmdir("slash/"));
    OK(rmdir("d"));
    EXPECT_ERR(rmdir("d"), ENOENT);
    EXPECT_ERR(rmdir("f"), ENOTDIR);
}

CASE(directory, rmdir_refusals)
{
    OK(mkdir("d", 0777));
    make_file("d/f", 0644);
    EXPECT_ERR(rmdir("d"), ENOTEMPTY);
    EXPECT_ERR(rmdir("d/."), EINVAL);
    EXPECT_ERR(rmdir("d/.."), ENOTEMPTY);
    EXPECT_ERR(rmdir("/"), EBUSY);
    EXPECT_ERR(unlink("d"), EISDIR);
    EXPECT_ERR(unlinkat(AT_FDCWD, "d/f", AT_REMOVEDIR), ENOTDIR);
    EXPECT_ERR(unlinkat(AT_FDCWD, "d/f", 0x1), EINVAL);
    OK(symlink("d", "l"));
    EXPECT_ERR(rmdir("l"), ENOTDIR);
}

CASE(directory, link_counts)
{
    struct stat st;
    OK(stat(".", &st));
    nlink_t base = st.st_nlink;
    OK(mkdir("d", 0777));
    OK(stat("d", &st));
    EXPECT_EQ(st.st_nlink, 2);
    OK(stat(".", &st));
    EXPECT_EQ(st.st_nlink, base + 1);
    OK(mkdir("d/e", 0777));
    OK(stat("d", &st));
    EXPECT_EQ(st.st_nlink, 3);
    OK(rename("d/e", "e"));
    OK(stat("d", &st));
    EXPECT_EQ(st.st_nlink, 2);
    OK(stat(".", &st));
    EXPECT_EQ(st.st_nlink, base + 2);
    OK(rmdir("d"));
    OK(rmdir("e"));
    OK(stat(".", &st));
    EXPECT_EQ(st.st_nlink, base);
}

CASE(directory, thousand_entries_are_listed_once_each)
{
    enum { N = 1000 };
    static bool seen[N];
    char name[64];
    OK(mkdir("d", 0777));
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "d/entry-with-a-name-%d", i);
        OK(close((int)OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600))));
    }
    DIR *d = opendir("d");
    struct dirent *e;
    EXPECT(d != NULL);
    while ((e = readdir(d)) != NULL) {
        int i;
        if (sscanf(e->d_name, "entry-with-a-name-%d", &i) != 1)
            continue;
        EXPECT(i >= 0 && i < N && !seen[i]);
        seen[i] = true;
        EXPECT(e->d_type == DT_REG || e->d_type == DT_UNKNOWN);
    }
    closedir(d);
    for (int i = 0; i < N; i++)
        EXPECT(seen[i]);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "d/entry-with-a-name-%d", i);
        OK(unlink(name));
    }
    EXPECT_EQ(count_names("d"), 0);
    OK(rmdir("d"));
}

CASE(directory, removal_while_listing_misses_no_other)
{
    enum { N = 400 };
    static bool seen[N];
    char name[32];
    OK(mkdir("d", 0777));
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "d/%d", i);
        OK(close((int)OK(open(name, O_WRONLY | O_CREAT, 0600))));
    }
    int fd = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    char buf[512];
    long n;
    int listed = 0;
    while ((n = OK(syscall(SYS_getdents64, fd, buf, sizeof(buf)))) > 0) {
        for (long at = 0; at < n;) {
            struct dirent64 *e = (struct dirent64 *)(void *)(buf + at);
            at += e->d_reclen;
            if (e->d_name[0] == '.')
                continue;
            int i = atoi(e->d_name);
            EXPECT(!seen[i]);
            seen[i] = true;
            listed++;
            snprintf(name, sizeof(name), "d/%d", i);
            OK(unlink(name)); /* each as soon as it is seen */
        }
    }
    EXPECT_EQ(listed, N);
    OK(rmdir("d"));
}

CASE(directory, getdents_details)
{
    char buf[1024];
    OK(mkdir("d", 0777));
    make_file("d/f", 0644);
    OK(mkdir("d/s", 0777));
    OK(symlink("x", "d/l"));
    OK(mkfifo("d/p", 0600));
    int fd = (int)OK(open("d", O_RDONLY));
    EXPECT_ERR(syscall(SYS_getdents64, fd, buf, 4), EINVAL); /* no room for one */
    long n = OK(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
    for (long at = 0; at < n;) {
        struct dirent64 *e = (struct dirent64 *)(void *)(buf + at);
        struct stat st;
        EXPECT_EQ(e->d_reclen % 8, 0);
        if (strcmp(e->d_name, "..") != 0) {
            OK(fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW));
            EXPECT_EQ(st.st_ino, e->d_ino);
            EXPECT(e->d_type == DT_UNKNOWN || e->d_type == IFTODT(st.st_mode));
        }
        at += e->d_reclen;
    }
    EXPECT_EQ(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
    make_file("g", 0644);
    EXPECT_ERR(syscall(SYS_getdents64, (int)OK(open("g", O_RDONLY)), buf, 1024), ENOTDIR);
}

CASE(directory, rewind_and_seek)
{
    char name[16];
    OK(mkdir("d", 0777));
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "d/%d", i);
        make_file(name, 0600);
    }
    DIR *d = opendir("d");
    struct dirent *e;
    for (int i = 0; i < 20; i++)
        EXPECT(readdir(d) != NULL);
    long at = telldir(d);
    e = readdir(d);
    char want[256];
    strcpy(want, e->d_name);
    while (readdir(d))
        ;
    seekdir(d, at);
    e = readdir(d);
    EXPECT(e != NULL);
    EXPECT_STR(e->d_name, want);
    make_file("d/new", 0600);
    rewinddir(d);
    int n = 0;
    while (readdir(d))
        n++;
    EXPECT_EQ(n, 53);
    closedir(d);
}

CASE(directory, open_directory_outlives_its_removal)
{
    char buf[256];
    OK(mkdir("d", 0777));
    int fd = (int)OK(open("d", O_RDONLY));
    OK(rmdir("d"));
    EXPECT_ERR(openat(fd, "f", O_WRONLY | O_CREAT, 0600), ENOENT);
    EXPECT_ERR(mkdirat(fd, "e", 0700), ENOENT);
    EXPECT_EQ(syscall(SYS_getdents64, fd, buf, sizeof(buf)), -1);
    EXPECT_EQ(errno, ENOENT);
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
}

CASE(directory, unlinked_file_lives_until_closed)
{
    char buf[8];
    struct stat st;
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(write(fd, "alive", 5));
    OK(unlink("f"));
    EXPECT(!exists("f"));
    EXPECT_ERR(unlink("f"), ENOENT);
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    OK(write(fd, "!", 1));
    EXPECT_EQ(pread(fd, buf, 8, 0), 6);
    EXPECT(memcmp(buf, "alive!", 6) == 0);
    make_file("f", 0600); /* another file */
    EXPECT_EQ(size_of("f"), 0);
}

CASE(directory, hard_links_are_one_file)
{
    struct stat a, b;
    write_file("a", "one", 3);
    OK(link("a", "b"));
    OK(stat("a", &a));
    OK(stat("b", &b));
    EXPECT(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    EXPECT_EQ(a.st_nlink, 2);
    write_file("b", "two", 3);
    expect_file("a", "two");
    OK(unlink("a"));
    OK(stat("b", &b));
    EXPECT_EQ(b.st_nlink, 1);
    expect_file("b", "two");
}

CASE(directory, link_refusals)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    OK(symlink("f", "l"));
    EXPECT_ERR(link("f", "d"), EEXIST);
    EXPECT_ERR(link("missing", "x"), ENOENT);
    EXPECT_ERR(link("f", "missing/x"), ENOENT);
    EXPECT_ERR(link("d", "x"), EPERM);
    EXPECT_ERR(link("f", "x/"), ENOENT);
    EXPECT_ERR(link("f", "f/x"), ENOTDIR);
    EXPECT_ERR(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x1), EINVAL);
    struct stat st;
    OK(link("l", "hard")); /* the symlink itself */
    OK(lstat("hard", &st));
    EXPECT(S_ISLNK(st.st_mode));
    OK(linkat(AT_FDCWD, "l", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    OK(lstat("followed", &st));
    EXPECT(S_ISREG(st.st_mode));
    EXPECT_EQ(st.st_nlink, 2);
    struct stat here;
    OK(stat(".", &here));
    OK(stat("/dev", &st));
    if (st.st_dev != here.st_dev && geteuid() == 0)
        EXPECT_ERR(link("f", "/dev/abi-test-link"), EXDEV);
}

CASE(directory, symlink_and_readlink)
{
    char buf[300], long_target[201];
    struct stat st;
    OK(symlink("some/where", "l"));
    EXPECT_EQ(readlink("l", buf, sizeof(buf)), 10);
    EXPECT(memcmp(buf, "some/where", 10) == 0);
    EXPECT_EQ(readlink("l", buf, 4), 4); /* cut, no NUL */
    OK(lstat("l", &st));
    EXPECT(S_ISLNK(st.st_mode));
    EXPECT_EQ(st.st_size, 10);
    memset(long_target, 't', 200);
    long_target[200] = '\0';
    OK(symlink(long_target, "ll"));
    EXPECT_EQ(readlink("ll", buf, sizeof(buf)), 200);
    EXPECT(memcmp(buf, long_target, 200) == 0);
    EXPECT_ERR(symlink("x", "l"), EEXIST);
    EXPECT_ERR(symlink("", "e"), ENOENT);
    make_file("f", 0644);
    EXPECT_ERR(readlink("f", buf, sizeof(buf)), EINVAL);
    EXPECT_ERR(readlink("missing", buf, sizeof(buf)), ENOENT);
    EXPECT_ERR(readlink("l", buf, 0), EINVAL);
    OK(unlink("l")); /* removes the link */
}

CASE(directory, page_long_symlink)
{
    static char target[PATH_MAX + 2], buf[PATH_MAX + 2];
    memset(target, 'a', PATH_MAX);
    target[PATH_MAX] = '\0';
    EXPECT_ERR(symlink(target, "l"), ENAMETOOLONG);
    target[1500] = '\0';
    for (int i = 100; i < 1500; i += 100)
        target[i] = '/';
    OK(symlink(target, "l"));
    EXPECT_EQ(readlink("l", buf, sizeof(buf)), 1500);
    EXPECT(memcmp(buf, target, 1500) == 0);
    EXPECT_ERR(open("l", O_RDONLY), ENOENT);
}

CASE(directory, concurrent_creation_and_removal)
{
    enum { N = 4, ROUNDS = 100 };
    pid_t pids[N];
    OK(mkdir("d", 0777));
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            char a[32], b[32];
            for (int j = 0; j < ROUNDS; j++) {
                snprintf(a, sizeof(a), "d/%d-%d", i, j);
                snprintf(b, sizeof(b), "d/%d-%d-renamed", i, j);
                write_file(a, a, strlen(a));
                OK(rename(a, b));
                expect_file(b, a);
                EXPECT(!exists(a));
                OK(unlink(b));
            }
        }
    }
    for (int i = 0; i < N; i++)
        EXPECT_EXIT(pids[i], 0);
    EXPECT_EQ(count_names("d"), 0);
}
