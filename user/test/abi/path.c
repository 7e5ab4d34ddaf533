// SPDX-License-Identifier: MIT
/* How paths are walked: dots, slashes, symlinks, lengths, descriptors as starting points, and cwd. */
#include "abi.h"

CASE(path, dots_and_slashes)
{
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    write_file("d/f", "F", 1);
    expect_file("./d/./f", "F");
    expect_file("d//f", "F");
    expect_file("d/e/../f", "F");
    expect_file("d/e/.././//./f", "F");
    EXPECT_ERR(open("d/missing/../f", O_RDONLY), ENOENT); /* every step must exist */
    EXPECT_ERR(open("d/f/../f", O_RDONLY), ENOTDIR);
    EXPECT_ERR(open("d/f/.", O_RDONLY), ENOTDIR);
    struct stat a, b;
    OK(stat("/..", &a));
    OK(stat("/", &b));
    EXPECT_EQ(a.st_ino, b.st_ino);
    OK(stat("/../../..", &a));
    EXPECT_EQ(a.st_ino, b.st_ino);
    OK(stat("d/..", &a));
    OK(stat(".", &b));
    EXPECT_EQ(a.st_ino, b.st_ino);
}

CASE(path, trailing_slash_demands_a_directory)
{
    struct stat st;
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    OK(symlink("d", "l"));
    OK(symlink("f", "m"));
    EXPECT_ERR(stat("f/", &st), ENOTDIR);
    OK(stat("d///", &st));
    EXPECT_ERR(unlink("f/"), ENOTDIR);
    OK(lstat("l/", &st)); /* a slash follows the link */
    EXPECT(S_ISDIR(st.st_mode));
    OK(lstat("l", &st));
    EXPECT(S_ISLNK(st.st_mode));
    EXPECT_ERR(lstat("m/", &st), ENOTDIR);
}

CASE(path, symlinks_relative_and_absolute)
{
    char cwd[PATH_MAX], target[PATH_MAX + 8];
    EXPECT(getcwd(cwd, sizeof(cwd)));
    OK(mkdir("d", 0755));
    OK(mkdir("e", 0755));
    write_file("d/f", "F", 1);
    snprintf(target, sizeof(target), "%s/d/f", cwd);
    OK(symlink(target, "abs"));
    OK(symlink("../d", "e/up")); /* relative to where the link lies */
    OK(symlink("e/up/f", "two"));
    OK(symlink("two", "three"));
    expect_file("abs", "F");
    expect_file("e/up/f", "F");
    expect_file("three", "F");
    expect_file("e/up/../d/f", "F"); /* .. of the target's place */
}

CASE(path, forty_symlinks_and_no_more)
{
    char name[16], target[16];
    make_file("0", 0644);
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "%d", i);
        snprintf(target, sizeof(target), "%d", i - 1);
        OK(symlink(target, name));
    }
    OK(close((int)OK(open("40", O_RDONLY))));
    EXPECT_ERR(open("41", O_RDONLY), ELOOP);
}

CASE(path, symlink_loops_are_eloop)
{
    struct stat st;
    OK(symlink("b", "a"));
    OK(symlink("a", "b"));
    OK(symlink("self/x", "self"));
    EXPECT_ERR(open("a", O_RDONLY), ELOOP);
    EXPECT_ERR(stat("self", &st), ELOOP);
    EXPECT_ERR(mkdir("a/d", 0755), ELOOP);
    EXPECT_ERR(open("a", O_WRONLY | O_CREAT, 0600), ELOOP);
    OK(lstat("a", &st));
}

CASE(path, name_and_path_length_limits)
{
    static char name[300], path[PATH_MAX + 10];
    memset(name, 'n', 255);
    OK(close((int)OK(open(name, O_WRONLY | O_CREAT, 0600))));
    OK(unlink(name));
    name[255] = 'n';
    EXPECT_ERR(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
    EXPECT_ERR(open(name, O_RDONLY), ENAMETOOLONG);
    EXPECT_ERR(mkdir(name, 0755), ENAMETOOLONG);
    for (int i = 0; i < PATH_MAX - 2; i += 2)
        memcpy(path + i, "./", 2);
    path[PATH_MAX - 2] = '.';
    path[PATH_MAX - 1] = '\0';
    OK(close((int)OK(open(path, O_RDONLY)))); /* 4095 bytes */
    path[PATH_MAX - 1] = '/';
    path[PATH_MAX] = '\0';
    EXPECT_ERR(open(path, O_RDONLY), ENAMETOOLONG);
}

CASE(path, odd_bytes_are_ordinary)
{
    static const char *const names[] = {" ",   "a b", "\n", "\\", "*", "\xff\xfe", "-rf",
                                        "...", "..a", ".a", "\"", "'", "ä",        "\t"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        write_file(names[i], names[i], strlen(names[i]));
        expect_file(names[i], names[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        OK(unlink(names[i]));
}

CASE(path, names_are_case_sensitive)
{
    write_file("name", "lower", 5);
    write_file("NAME", "upper", 5);
    expect_file("name", "lower");
    expect_file("NAME", "upper");
}

CASE(path, at_calls_start_from_the_descriptor)
{
    struct stat st;
    OK(mkdir("d", 0755));
    int d = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    make_file("here", 0644);
    int f = (int)OK(open("here", O_RDONLY));
    OK(close((int)OK(openat(d, "f", O_WRONLY | O_CREAT, 0600))));
    OK(mkdirat(d, "e", 0755));
    OK(symlinkat("f", d, "l"));
    OK(mknodat(d, "p", S_IFIFO | 0600, 0));
    OK(linkat(d, "f", d, "g", 0));
    OK(fstatat(d, "e", &st, 0));
    EXPECT(S_ISDIR(st.st_mode));
    OK(fchmodat(d, "f", 0640, 0));
    OK(faccessat(d, "f", R_OK, 0));
    EXPECT(exists("d/f") && exists("d/e") && exists("d/l") && exists("d/p") && exists("d/g"));
    OK(unlinkat(d, "f", 0));
    OK(unlinkat(d, "e", AT_REMOVEDIR));
    OK(fstatat(d, "../here", &st, 0));
    EXPECT_ERR(openat(f, "x", O_RDONLY), ENOTDIR);
    EXPECT_ERR(openat(150, "x", O_RDONLY), EBADF);
    OK(close((int)OK(openat(150, "/", O_RDONLY)))); /* absolute: the descriptor is not looked at */
}

CASE(path, empty_path_flag_means_the_descriptor)
{
    struct stat a, b;
    int fd = (int)OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(fstatat(fd, "", &a, AT_EMPTY_PATH));
    OK(fstat(fd, &b));
    EXPECT_EQ(a.st_ino, b.st_ino);
    EXPECT_ERR(fstatat(fd, "", &a, 0), ENOENT);
    OK(fstatat(AT_FDCWD, "", &a, AT_EMPTY_PATH));
    OK(stat(".", &b));
    EXPECT_EQ(a.st_ino, b.st_ino);
    EXPECT_ERR(fstatat(fd, "f", &a, 0x8), EINVAL);
}

CASE(path, chdir_fchdir_getcwd)
{
    char before[PATH_MAX], now[PATH_MAX];
    EXPECT(getcwd(before, sizeof(before)));
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    OK(symlink("d/e", "l"));
    int top = (int)OK(open(".", O_RDONLY));
    OK(chdir("l"));
    EXPECT(getcwd(now, sizeof(now)));
    EXPECT(!strncmp(now, before, strlen(before)));
    EXPECT_STR(now + strlen(before), "/d/e"); /* the real place */
    OK(chdir(".."));
    EXPECT(exists("e"));
    OK(fchdir(top));
    EXPECT(getcwd(now, sizeof(now)));
    EXPECT_STR(now, before);
    OK(chdir("/"));
    EXPECT(getcwd(now, sizeof(now)));
    EXPECT_STR(now, "/");
    EXPECT_EQ(syscall(SYS_getcwd, now, 2), 2); /* with its NUL */
    EXPECT_ERR(syscall(SYS_getcwd, now, 1), ERANGE);
    OK(fchdir(top));
    make_file("f", 0644);
    EXPECT_ERR(chdir("f"), ENOTDIR);
    EXPECT_ERR(chdir("missing"), ENOENT);
    EXPECT_ERR(fchdir((int)OK(open("f", O_RDONLY))), ENOTDIR);
}

CASE(path, removed_cwd)
{
    char buf[PATH_MAX];
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    OK(rmdir("../d"));
    EXPECT_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
    EXPECT_ERR(open("f", O_WRONLY | O_CREAT, 0600), ENOENT);
    EXPECT_ERR(mkdir("e", 0755), ENOENT);
    OK(chdir(".."));
    EXPECT(getcwd(buf, sizeof(buf)));
}

CASE(path, deep_trees)
{
    enum { DEPTH = 60 };
    char cwd[PATH_MAX];
    for (int i = 0; i < DEPTH; i++) {
        OK(mkdir("a-directory", 0755));
        OK(chdir("a-directory"));
    }
    EXPECT(getcwd(cwd, sizeof(cwd)));
    EXPECT(strlen(cwd) >= DEPTH * 12);
    write_file("f", "deep", 4);
    OK(chdir("/"));
    OK(chdir(cwd));
    expect_file("f", "deep");
    OK(unlink("f"));
    for (int i = 0; i < DEPTH; i++) {
        OK(chdir(".."));
        OK(rmdir("a-directory"));
    }
}

CASE(path, negative_lookups_do_not_stick)
{
    for (int i = 0; i < 20; i++) {
        EXPECT_ERR(open("f", O_RDONLY), ENOENT);
        write_file("f", "1", 1);
        expect_file("f", "1");
        OK(unlink("f"));
        EXPECT_ERR(open("f", O_RDONLY), ENOENT);
        OK(mkdir("f", 0755));
        EXPECT_ERR(open("f/x", O_RDONLY), ENOENT);
        write_file("f/x", "2", 1);
        expect_file("f/x", "2");
        OK(unlink("f/x"));
        OK(rmdir("f"));
        EXPECT_ERR(open("f/x", O_RDONLY), ENOENT);
    }
}
