// SPDX-License-Identifier: MIT
/* rename: what may take whose place. */
#include "abi.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

static ino_t inode_of(const char *path)
{
    struct stat st;
    OK(lstat(path, &st));
    return st.st_ino;
}

CASE(rename, moves_and_replaces_a_file)
{
    write_file("a", "A", 1);
    write_file("b", "B", 1);
    ino_t a = inode_of("a");
    OK(rename("a", "c"));
    EXPECT(!exists("a"));
    EXPECT_EQ(inode_of("c"), a);
    OK(rename("c", "b"));
    EXPECT(!exists("c"));
    EXPECT_EQ(inode_of("b"), a);
    expect_file("b", "A");
}

CASE(rename, replaced_file_lives_while_open)
{
    char c;
    write_file("a", "A", 1);
    write_file("b", "B", 1);
    int fd = (int)OK(open("b", O_RDONLY));
    OK(rename("a", "b"));
    EXPECT_EQ(read(fd, &c, 1), 1);
    EXPECT_EQ(c, 'B');
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
}

CASE(rename, onto_itself_or_its_hard_link_does_nothing)
{
    write_file("a", "A", 1);
    OK(link("a", "b"));
    OK(rename("a", "a"));
    OK(rename("a", "b"));
    EXPECT(exists("a") && exists("b"));
    struct stat st;
    OK(stat("a", &st));
    EXPECT_EQ(st.st_nlink, 2);
}

CASE(rename, directory_takes_its_tree_along)
{
    char cwd[PATH_MAX];
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    write_file("d/e/f", "deep", 4);
    OK(mkdir("target", 0755));
    OK(chdir("d/e"));
    OK(rename("../../d", "../../target/moved"));
    EXPECT(getcwd(cwd, sizeof(cwd)));
    EXPECT_STR(cwd + strlen(cwd) - 15, "/target/moved/e"); /* getcwd follows the move */
    expect_file("f", "deep");
    OK(chdir("../.."));
    EXPECT(getcwd(cwd, sizeof(cwd)));
    EXPECT_STR(cwd + strlen(cwd) - 7, "/target"); /* .. leads to the new parent */
    expect_file("moved/e/f", "deep");
}

CASE(rename, directory_replaces_an_empty_directory_only)
{
    OK(mkdir("a", 0755));
    make_file("a/x", 0644);
    OK(mkdir("empty", 0755));
    OK(mkdir("full", 0755));
    make_file("full/y", 0644);
    int err = rename("a", "full") == -1 ? errno : 0;
    EXPECT(err == ENOTEMPTY || err == EEXIST);
    OK(rename("a", "empty"));
    EXPECT(exists("empty/x") && !exists("a"));
}

CASE(rename, file_and_directory_do_not_replace_each_other)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    EXPECT_ERR(rename("f", "d"), EISDIR);
    EXPECT_ERR(rename("d", "f"), ENOTDIR);
    EXPECT_ERR(rename("f", "new/"), ENOTDIR);
    EXPECT(exists("f") && exists("d"));
    OK(rename("d/", "e/")); /* slashes are right for directories */
    EXPECT(exists("e"));
}

CASE(rename, into_its_own_tree_is_einval)
{
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    EXPECT_ERR(rename("d", "d/x"), EINVAL);
    EXPECT_ERR(rename("d", "d/e/x"), EINVAL);
    EXPECT_ERR(rename("d", "d/e"), EINVAL);
    EXPECT_ERR(rename("d/e", "d"), ENOTEMPTY);
    EXPECT(exists("d/e"));
}

CASE(rename, dots_and_root_are_refused)
{
    OK(mkdir("d", 0755));
    EXPECT_ERR(rename("d/.", "x"), EBUSY);
    EXPECT_ERR(rename("d/..", "x"), EBUSY);
    EXPECT_ERR(rename("d", "."), EBUSY);
    EXPECT_ERR(rename("d", "d/.."), EBUSY);
    /* the root may lie on another file system, which is looked at first */
    EXPECT(rename("/", "x") == -1 && (errno == EBUSY || errno == EXDEV));
    EXPECT(rename("d", "/") == -1 && (errno == EBUSY || errno == EXDEV));
}

CASE(rename, missing_and_bad_paths)
{
    make_file("f", 0644);
    EXPECT_ERR(rename("missing", "x"), ENOENT);
    EXPECT_ERR(rename("f", "missing/x"), ENOENT);
    EXPECT_ERR(rename("f", "f/x"), ENOTDIR);
    EXPECT_ERR(rename("", "x"), ENOENT);
    EXPECT_ERR(rename("f", ""), ENOENT);
    EXPECT(exists("f"));
}

CASE(rename, moves_symlinks_themselves)
{
    make_file("f", 0644);
    OK(symlink("f", "l"));
    OK(rename("l", "m"));
    EXPECT(exists("f") && !exists("l"));
    make_file("g", 0644);
    OK(rename("g", "m")); /* replaces the link, not its target */
    struct stat st;
    OK(lstat("m", &st));
    EXPECT(S_ISREG(st.st_mode));
    EXPECT(exists("f"));
}

CASE(rename, noreplace_flag)
{
    write_file("a", "A", 1);
    write_file("b", "B", 1);
    long r = syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE);
    EXPECT_ERR(r, EEXIST);
    expect_file("b", "B");
    OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    expect_file("c", "A");
    EXPECT_ERR(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "d", 0x80), EINVAL);
}

CASE(rename, between_directories_by_descriptor)
{
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    write_file("a/f", "F", 1);
    int a = (int)OK(open("a", O_RDONLY)), b = (int)OK(open("b", O_RDONLY));
    OK(renameat(a, "f", b, "g"));
    expect_file("b/g", "F");
    EXPECT_ERR(renameat(a, "f", b, "g"), ENOENT);
    EXPECT_ERR(renameat(-1, "f", b, "g"), EBADF);
}

CASE(rename, other_file_system_is_exdev)
{
    struct stat here, there;
    make_file("f", 0644);
    NEED_ROOT();
    OK(stat(".", &here));
    OK(stat("/dev", &there));
    if (here.st_dev == there.st_dev)
        SKIP("/dev is not a file system of its own");
    EXPECT_ERR(rename("f", "/dev/abi-test-rename"), EXDEV);
    EXPECT(exists("f"));
}

CASE(rename, readers_always_see_one_of_the_two)
{
    pid_t pid;
    write_file("f", "old", 3);
    CHILD (pid) {
        for (int i = 0; i < 300; i++) {
            write_file("new", i & 1 ? "old" : "new", 3);
            OK(rename("new", "f"));
        }
    }
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        char buf[8];
        EXPECT_EQ(read_file("f", buf, sizeof(buf)), 3);
        EXPECT(!strcmp(buf, "old") || !strcmp(buf, "new"));
    }
}

CASE(rename, crossing_moves_do_not_deadlock)
{
    pid_t pids[2];
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    OK(mkdir("a/x", 0755));
    OK(mkdir("b/y", 0755));
    for (int i = 0; i < 2; i++) {
        CHILD (pids[i]) {
            for (int j = 0; j < 300; j++) {
                if (i == 0) {
                    OK(rename("a/x", "b/x"));
                    OK(rename("b/x", "a/x"));
                } else {
                    OK(rename("b/y", "a/y"));
                    OK(rename("a/y", "b/y"));
                }
            }
        }
    }
    EXPECT_EXIT(pids[0], 0);
    EXPECT_EXIT(pids[1], 0);
    EXPECT(exists("a/x") && exists("b/y"));
}

/* ---- RENAME_EXCHANGE ----------------------------------------------------------------------------- */

static long exchange(const char *a, const char *b)
{
    return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

CASE(rename, exchange_of_two_files)
{
    write_file("a", "A", 1);
    write_file("b", "BB", 2);
    ino_t a = inode_of("a"), b = inode_of("b");
    OK(exchange("a", "b"));
    EXPECT_EQ(inode_of("a"), b);
    EXPECT_EQ(inode_of("b"), a);
    expect_file("a", "BB");
    expect_file("b", "A");
    OK(exchange("a", "a"));
    OK(link("a", "same"));
    OK(exchange("a", "same"));
    expect_file("a", "BB");
}

CASE(rename, exchange_of_a_directory_and_a_file_moves_link_counts)
{
    struct stat st;
    char cwd[PATH_MAX];
    OK(mkdir("one", 0755));
    OK(mkdir("two", 0755));
    OK(mkdir("one/dir", 0755));
    make_file("one/dir/inside", 0644);
    write_file("two/file", "F", 1);
    OK(chdir("one/dir"));
    OK(exchange("../../one/dir", "../../two/file"));
    EXPECT(getcwd(cwd, sizeof(cwd)));
    EXPECT_STR(cwd + strlen(cwd) - 9, "/two/file");
    EXPECT_EQ(inode_of(".."), inode_of("../../two"));
    OK(chdir("../.."));
    expect_file("one/dir", "F");
    EXPECT(exists("two/file/inside"));
    OK(stat("one", &st));
    EXPECT_EQ(st.st_nlink, 2);
    OK(stat("two", &st));
    EXPECT_EQ(st.st_nlink, 3);
}

CASE(rename, exchange_needs_both_names_and_no_ancestor)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    OK(mkdir("d/e", 0755));
    EXPECT_ERR(exchange("f", "missing"), ENOENT);
    EXPECT_ERR(exchange("missing", "f"), ENOENT);
    EXPECT_ERR(exchange("d", "d/e"), EINVAL);
    EXPECT_ERR(exchange("d/e", "d"), EINVAL);
    EXPECT_ERR(exchange("f/", "d"), ENOTDIR);
    EXPECT_ERR(exchange("d", "f/"), ENOTDIR);
    OK(exchange("d/", "f"));
    EXPECT(exists("f/e"));
    EXPECT_ERR(
        syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "d", RENAME_EXCHANGE | RENAME_NOREPLACE),
        EINVAL);
}

CASE(rename, exchange_obeys_the_sticky_bit_of_both_directories)
{
    NEED_ROOT();
    OK(chmod(".", 0777));
    OK(mkdir("sticky", 01777));
    OK(chmod("sticky", 01777));
    make_file("sticky/theirs", 0666);
    become_user(TEST_UID, TEST_GID);
    make_file("mine", 0644);
    EXPECT_ERR(exchange("mine", "sticky/theirs"), EPERM);
    EXPECT_ERR(exchange("sticky/theirs", "mine"), EPERM);
    make_file("sticky/mine", 0644);
    OK(exchange("mine", "sticky/mine"));
}

CASE(rename, exchange_is_never_seen_half_done)
{
    pid_t pid;
    write_file("a", "one", 3);
    write_file("b", "two", 3);
    CHILD (pid) {
        for (int i = 0; i < 500; i++) {
            OK(exchange("a", "b"));
        }
    }
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        char buf[8];
        EXPECT_EQ(read_file("a", buf, sizeof(buf)), 3);
        EXPECT_EQ(read_file("b", buf, sizeof(buf)), 3);
    }
}
