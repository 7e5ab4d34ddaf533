// SPDX-License-Identifier: MIT
/* Extended attributes, which a file system may have or not: what must be so in both cases, so that programs that copy files go on. */
#include "abi.h"

#include <sys/xattr.h>

static char bytes[70000];

CASE(xattr, a_file_without_has_an_empty_list)
{
    write_file("f", "x", 1);
    OK(symlink("f", "l"));
    int fd = (int)OK(open("f", O_RDWR));
    EXPECT_EQ(listxattr("f", NULL, 0), 0);
    EXPECT_EQ(listxattr("l", bytes, sizeof(bytes)), 0);
    EXPECT_EQ(llistxattr("l", bytes, sizeof(bytes)), 0);
    EXPECT_EQ(flistxattr(fd, bytes, sizeof(bytes)), 0);
}

/* What is not there is missing, or nothing is there at all: copying programs take both for "none". */
static bool is_none(long result)
{
    return result == -1 && (errno == ENODATA || errno == EOPNOTSUPP);
}

CASE(xattr, what_is_not_there_is_none)
{
    write_file("f", "x", 1);
    OK(symlink("f", "l"));
    int fd = (int)OK(open("f", O_RDWR));
    EXPECT(is_none(getxattr("l", "user.none", bytes, 10)));
    EXPECT(is_none(lgetxattr("l", "user.none", bytes, 10)));
    EXPECT(is_none(fgetxattr(fd, "user.none", NULL, 0)));
    EXPECT(is_none(getxattr("f", "system.posix_acl_access", bytes, 10)));
    EXPECT(is_none(removexattr("f", "user.none")));
    EXPECT(is_none(fremovexattr(fd, "user.none")));
}

CASE(xattr, an_unknown_class_is_refused)
{
    write_file("f", "x", 1);
    EXPECT_ERR(setxattr("f", "nonsense.a", "x", 1, 0), EOPNOTSUPP);
    EXPECT_ERR(getxattr("f", "nonsense.a", bytes, 1), EOPNOTSUPP);
    EXPECT_ERR(removexattr("f", "nonsense.a"), EOPNOTSUPP);
}

CASE(xattr, wrong_arguments_get_their_errors)
{
    char name[300];
    write_file("f", "x", 1);
    OK(symlink("missing", "dangling"));
    EXPECT_ERR(getxattr("missing", "user.a", bytes, 10), ENOENT);
    EXPECT_ERR(listxattr("dangling", bytes, 10), ENOENT);
    OK(llistxattr("dangling", bytes, 10));
    EXPECT_ERR(setxattr("f/x", "user.a", "x", 1, 0), ENOTDIR);
    EXPECT_ERR(fgetxattr(-1, "user.a", bytes, 10), EBADF);
    EXPECT_ERR(flistxattr(-1, bytes, 10), EBADF);
    int fd = (int)OK(open("f", O_PATH));
    EXPECT_ERR(fsetxattr(fd, "user.a", "x", 1, 0), EBADF);
    EXPECT_ERR(setxattr("f", "", "x", 1, 0), ERANGE);
    memset(name, 'a', sizeof(name));
    name[256] = '\0';
    EXPECT_ERR(getxattr("f", name, bytes, 10), ERANGE);
    EXPECT_ERR(removexattr("f", name), ERANGE);
    EXPECT_ERR(setxattr("f", "user.a", "x", 1, 4), EINVAL);
    EXPECT_ERR(setxattr("f", "user.a", bytes, sizeof(bytes), 0), E2BIG);
    EXPECT_ERR(getxattr("f", (char *)8, bytes, 10), EFAULT);
}
