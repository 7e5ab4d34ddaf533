// SPDX-License-Identifier: MIT
/* Owners, modes and who may do what. Cases that need another user run as root and drop to one. */
#include "abi.h"

#include <grp.h>

/* AS_USER(pid) { body }: in a child, as an ordinary user. */
#define AS_USER(pid) for (CHILD_AS_USER(pid); (pid) == 0; _exit(0), (pid)++)
#define CHILD_AS_USER(pid) \
    (pid) = (pid_t)OK(fork()), (pid) == 0 ? become_user(TEST_UID, TEST_GID) : (void)0

CASE(permission, read_write_execute_of_a_file)
{
    pid_t pid;
    NEED_ROOT();
    make_file("none", 0600);
    make_file("read", 0604);
    make_file("write", 0602);
    AS_USER (pid) {
        EXPECT_ERR(open("none", O_RDONLY), EACCES);
        EXPECT_ERR(open("none", O_WRONLY), EACCES);
        OK(open("read", O_RDONLY));
        EXPECT_ERR(open("read", O_RDWR), EACCES);
        OK(open("write", O_WRONLY));
        EXPECT_ERR(open("write", O_RDWR), EACCES);
        EXPECT_ERR(open("read", O_RDONLY | O_TRUNC), EACCES);
        EXPECT_ERR(truncate("read", 0), EACCES);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, the_first_matching_class_decides)
{
    pid_t pid;
    NEED_ROOT();
    make_file("owner", 0077); /* the owner's bits are empty, the others' are not */
    OK(chown("owner", TEST_UID, 0));
    make_file("group", 0707);
    OK(chown("group", 0, TEST_GID));
    make_file("other", 0007);
    AS_USER (pid) {
        EXPECT_ERR(open("owner", O_RDONLY), EACCES);
        EXPECT_ERR(open("group", O_RDONLY), EACCES);
        OK(open("other", O_RDWR));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, supplementary_groups_count)
{
    pid_t pid;
    NEED_ROOT();
    make_file("f", 0060);
    OK(chown("f", 0, 777));
    CHILD (pid) {
        gid_t groups[] = {5, 777, 9};
        OK(setgroups(3, groups));
        OK(setresgid(TEST_GID, TEST_GID, TEST_GID));
        OK(setresuid(TEST_UID, TEST_UID, TEST_UID));
        OK(open("f", O_RDWR));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, directories_need_search_and_write)
{
    pid_t pid;
    NEED_ROOT();
    OK(mkdir("nosearch", 0));
    OK(chmod("nosearch", 0754));
    make_file("nosearch/f", 0644);
    OK(mkdir("noread", 0));
    OK(chmod("noread", 0751));
    make_file("noread/f", 0644);
    OK(mkdir("nowrite", 0755));
    make_file("nowrite/f", 0666);
    OK(mkdir("all", 0));
    OK(chmod("all", 0777));
    AS_USER (pid) {
        OK(open("nosearch", O_RDONLY)); /* may list */
        EXPECT_ERR(open("nosearch/f", O_RDONLY), EACCES);
        EXPECT_ERR(chdir("nosearch"), EACCES);
        EXPECT_ERR(open("nosearch/../nowrite/f", O_RDONLY), EACCES);
        EXPECT_ERR(open("noread", O_RDONLY), EACCES);
        OK(open("noread/f", O_RDONLY)); /* may pass */
        EXPECT_ERR(open("nowrite/new", O_WRONLY | O_CREAT, 0600), EACCES);
        OK(open("nowrite/f", O_WRONLY | O_CREAT, 0600));
        EXPECT_ERR(unlink("nowrite/f"), EACCES);
        EXPECT_ERR(rename("nowrite/f", "all/f"), EACCES);
        EXPECT_ERR(mkdir("nowrite/d", 0700), EACCES);
        EXPECT_ERR(symlink("x", "nowrite/l"), EACCES);
        make_file("all/mine", 0600);
        OK(unlink("all/mine"));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, owner_of_new_files)
{
    pid_t pid;
    struct stat st;
    NEED_ROOT();
    OK(mkdir("all", 0));
    OK(chmod("all", 0777));
    OK(mkdir("setgid", 0));
    OK(chown("setgid", 0, 777));
    OK(chmod("setgid", 02777));
    AS_USER (pid) {
        make_file("all/f", 0600);
        make_file("setgid/f", 0600);
        OK(mkdir("setgid/d", 0700));
    }
    EXPECT_EXIT(pid, 0);
    OK(stat("all/f", &st));
    EXPECT(st.st_uid == TEST_UID && st.st_gid == TEST_GID);
    OK(stat("setgid/f", &st));
    EXPECT(st.st_uid == TEST_UID && st.st_gid == 777);
    OK(stat("setgid/d", &st));
    EXPECT_EQ(st.st_gid, 777);
    EXPECT(st.st_mode & S_ISGID); /* inherited by directories */
}

CASE(permission, sticky_directory)
{
    pid_t pid;
    NEED_ROOT();
    OK(mkdir("tmp", 0));
    OK(chmod("tmp", 01777));
    make_file("tmp/root", 0666);
    OK(mkdir("tmp/dir", 0777));
    AS_USER (pid) {
        EXPECT_ERR(unlink("tmp/root"), EPERM);
        EXPECT_ERR(rename("tmp/root", "tmp/x"), EPERM);
        EXPECT_ERR(rmdir("tmp/dir"), EPERM);
        make_file("tmp/mine", 0600);
        EXPECT_ERR(rename("tmp/mine", "tmp/root"), EPERM);
        OK(rename("tmp/mine", "tmp/still-mine"));
        OK(unlink("tmp/still-mine"));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, chmod_only_by_owner)
{
    pid_t pid;
    NEED_ROOT();
    make_file("root", 0666);
    make_file("mine", 0644);
    OK(chown("mine", TEST_UID, TEST_GID));
    make_file("foreign_group", 0644);
    OK(chown("foreign_group", TEST_UID, 0));
    AS_USER (pid) {
        EXPECT_ERR(chmod("root", 0777), EPERM);
        OK(chmod("mine", 02755));
        EXPECT_EQ(mode_of("mine") & 07777, 02755);
        OK(chmod("foreign_group", 02755)); /* the set-group-id bit is quietly left out */
        EXPECT_EQ(mode_of("foreign_group") & 07777, 0755);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, chmod_family)
{
    make_file("f", 0644);
    OK(symlink("f", "l"));
    OK(chmod("l", 07777));
    EXPECT_EQ(mode_of("f"), S_IFREG | 07777);
    int fd = (int)OK(open("f", O_RDONLY));
    OK(fchmod(fd, 0600));
    EXPECT_EQ(mode_of("f"), S_IFREG | 0600);
    OK(fchmodat(AT_FDCWD, "f", 0, 0));
    EXPECT_EQ(mode_of("f"), S_IFREG);
    OK(fchmod(fd, S_IFDIR | 0711)); /* type bits are ignored */
    EXPECT_EQ(mode_of("f"), S_IFREG | 0711);
    EXPECT_ERR(chmod("missing", 0600), ENOENT);
}

CASE(permission, chown_rules)
{
    pid_t pid;
    struct stat st;
    NEED_ROOT();
    make_file("f", 0755);
    OK(chown("f", 1, 2));
    OK(stat("f", &st));
    EXPECT(st.st_uid == 1 && st.st_gid == 2);
    OK(chown("f", (uid_t)-1, 3)); /* -1 leaves it */
    OK(chown("f", 4, (gid_t)-1));
    OK(stat("f", &st));
    EXPECT(st.st_uid == 4 && st.st_gid == 3);
    OK(symlink("f", "l"));
    OK(lchown("l", 7, 8));
    OK(lstat("l", &st));
    EXPECT(st.st_uid == 7 && st.st_gid == 8);
    OK(stat("f", &st));
    EXPECT_EQ(st.st_uid, 4);
    OK(fchown((int)OK(open("f", O_RDONLY)), TEST_UID, 70000));
    OK(stat("f", &st));
    EXPECT(st.st_uid == TEST_UID && st.st_gid == 70000);
    AS_USER (pid) {
        EXPECT_ERR(chown("f", 0, (gid_t)-1), EPERM);
        EXPECT_ERR(chown("f", (uid_t)-1, 0), EPERM);
        OK(chown("f", (uid_t)-1, TEST_GID)); /* to a group one belongs to */
        OK(chown("f", TEST_UID, (gid_t)-1));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, chown_clears_set_id_bits)
{
    NEED_ROOT();
    make_file("f", 06755);
    OK(chown("f", 5, 5));
    EXPECT_EQ(mode_of("f") & 07777, 0755);
}

CASE(permission, access_uses_the_real_ids)
{
    pid_t pid;
    NEED_ROOT();
    make_file("none", 0600);
    make_file("exec", 0601);
    OK(access("none", R_OK | W_OK));
    EXPECT_ERR(access("none", X_OK), EACCES); /* nobody may execute it, not even root */
    OK(access("exec", X_OK));
    OK(access("none", F_OK));
    EXPECT_ERR(access("missing", F_OK), ENOENT);
    EXPECT_ERR(access("none", 8), EINVAL);
    CHILD (pid) {
        OK(setresuid(TEST_UID, 0, 0)); /* effective root, real user */
        EXPECT_ERR(access("none", R_OK), EACCES);
        OK(open("none", O_RDONLY));
        OK(faccessat(AT_FDCWD, "none", R_OK, AT_EACCESS));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, descriptor_keeps_its_right_after_a_change)
{
    pid_t pid;
    char c;
    NEED_ROOT();
    write_file("f", "x", 1);
    OK(chmod("f", 0644));
    CHILD (pid) {
        int fd = (int)OK(open("f", O_RDONLY));
        OK(chmod("f", 0));
        become_user(TEST_UID, TEST_GID);
        EXPECT_EQ(read(fd, &c, 1), 1);
        EXPECT_ERR(open("f", O_RDONLY), EACCES);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(permission, root_overrides_modes)
{
    NEED_ROOT();
    make_file("f", 0);
    OK(chown("f", TEST_UID, TEST_GID));
    OK(open("f", O_RDWR));
    OK(mkdir("d", 0));
    make_file("d/f", 0);
    OK(unlink("d/f"));
}

CASE(permission, umask_rules)
{
    EXPECT_EQ(umask(0777), 022);
    EXPECT_EQ(umask(0xffff), 0777);
    EXPECT_EQ(umask(0777), 0777);
    OK(mkdir("d", 0777));
    EXPECT_EQ(mode_of("d") & 07777, 0);
    umask(0);
    OK(mkdir("e", 01777));
    EXPECT_EQ(mode_of("e") & 07777, 01777);
    umask(022);
    OK(mkfifo("p", 0666));
    EXPECT_EQ(mode_of("p"), S_IFIFO | 0644);
}
