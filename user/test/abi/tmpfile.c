// SPDX-License-Identifier: MIT
/* O_TMPFILE: files without a name, and giving them one. */
#include "abi.h"

#ifndef O_TMPFILE
#define O_TMPFILE 020200000
#endif

static int make_nameless(int flags)
{
    int fd = open(".", O_TMPFILE | O_RDWR | flags, 0640);
    if (fd < 0 && errno == EOPNOTSUPP)
        SKIP("this file system has no files without names");
    return (int)OK(fd);
}

static int nr_links(int fd)
{
    struct stat st;
    OK(fstat(fd, &st));
    return (int)st.st_nlink;
}

/* Linking by /proc/self/fd needs no right but those of linkat. */
static long link_by_proc(int fd, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

CASE(tmpfile, has_no_name_and_works)
{
    char link[PATH_MAX], path[64];
    umask(027);
    int fd = make_nameless(0);
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    EXPECT_EQ(st.st_mode, S_IFREG | 0640);
    EXPECT_EQ(write(fd, "content", 7), 7);
    EXPECT_EQ(pread(fd, link, 7, 0), 7);
    EXPECT_EQ(OK(fcntl(fd, F_GETFL)) & O_ACCMODE, O_RDWR);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t len = OK(readlink(path, link, sizeof(link) - 1));
    link[len] = '\0';
    EXPECT(strstr(link, "/#") != NULL && strstr(link, " (deleted)") != NULL);
    EXPECT_ERR(rmdir("."), EINVAL);
    pid_t pid;
    CHILD (pid) {
        EXPECT_EQ(nr_links(fd), 0);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(tmpfile, gets_a_name_by_proc)
{
    int fd = make_nameless(0);
    EXPECT_EQ(write(fd, "content", 7), 7);
    make_file("taken", 0600);
    EXPECT_ERR(link_by_proc(fd, "taken"), EEXIST);
    OK(link_by_proc(fd, "named"));
    EXPECT_EQ(nr_links(fd), 1);
    OK(link_by_proc(fd, "again"));
    EXPECT_EQ(nr_links(fd), 2);
    close(fd);
    expect_file("named", "content");
    OK(unlink("named"));
    OK(unlink("again"));
}

CASE(tmpfile, gets_a_name_by_its_descriptor)
{
    int fd = make_nameless(0);
    EXPECT_EQ(write(fd, "content", 7), 7);
    long r = linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH);
    if (r != 0 && errno == ENOENT && geteuid() != 0)
        SKIP("this kernel lets only root do it");
    OK(r);
    expect_file("named", "content");
}

CASE(tmpfile, that_was_named_and_removed_stays_removed)
{
    int fd = make_nameless(0);
    OK(link_by_proc(fd, "named"));
    OK(unlink("named"));
    EXPECT_EQ(nr_links(fd), 0);
    EXPECT_ERR(link_by_proc(fd, "again"), ENOENT);
}

CASE(tmpfile, with_excl_never_gets_a_name)
{
    int fd = make_nameless(O_EXCL);
    EXPECT_ERR(link_by_proc(fd, "named"), ENOENT);
    EXPECT(!exists("named"));
}

CASE(tmpfile, bad_calls)
{
    make_nameless(0);
    make_file("f", 0644);
    EXPECT_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    EXPECT_ERR(open(".", O_TMPFILE | O_CREAT | O_RDWR, 0600), EINVAL);
    EXPECT_ERR(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
    EXPECT_ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    EXPECT_ERR(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
    NEED_ROOT();
    OK(chmod(".", 0755));
    become_user(TEST_UID, TEST_GID);
    EXPECT_ERR(open(".", O_TMPFILE | O_RDWR, 0600), EACCES);
}

CASE(tmpfile, frees_its_space)
{
    char *bytes = calloc(1, 1 << 20);
    for (int i = 0; i < 40; i++) {
        int fd = make_nameless(0);
        EXPECT_EQ(write(fd, bytes, 1 << 20), 1 << 20);
        OK(close(fd));
    }
    free(bytes);
}
