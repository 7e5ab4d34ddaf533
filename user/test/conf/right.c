// SPDX-License-Identifier: MIT
/* Owners, modes, sticky and set-id bits, with several users. */
#include "conf.h"

#include <grp.h>

CASE(right, owner_is_who_made_it)
{
    NEED_ROOT();
    make_open_directory("d");
    AS_USER (TEST_UID, TEST_GID) {
        make_file("d/f", 0600);
        EXPECT_EQ(stat_of("d/f").st_uid, TEST_UID);
        EXPECT_EQ(stat_of("d/f").st_gid, TEST_GID);
    }
    AS_USER (OTHER_UID, OTHER_GID)
        EXPECT_ERR(open("d/f", O_RDONLY), EACCES);
}

CASE(right, each_class_has_its_three_bits)
{
    NEED_ROOT();
    make_file("f", 0);
    OK(chown("f", TEST_UID, TEST_GID));
    for (int class = 0; class < 3; class ++) {
        for (mode_t bits = 0; bits < 8; bits++) {
            OK(chmod("f", bits << (6 - 3 * class)));
            AS_USER (class == 0 ? TEST_UID : OTHER_UID, class == 1 ? TEST_GID : OTHER_GID) {
                EXPECT_EQ(access("f", R_OK) == 0, (bits & 4) != 0);
                EXPECT_EQ(access("f", W_OK) == 0, (bits & 2) != 0);
                EXPECT_EQ(access("f", X_OK) == 0, (bits & 1) != 0);
            }
        }
    }
}

CASE(right, chmod_is_the_owners)
{
    NEED_ROOT();
    make_file("f", 0666);
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(chmod("f", 0600), EPERM);
        EXPECT_ERR(fchmod((int)OK(open("f", O_RDWR)), 0600), EPERM);
    }
    EXPECT_EQ(mode_of("f"), S_IFREG | 0666);
}

CASE(right, chmod_sets_all_twelve_bits)
{
    make_file("f", 0644);
    OK(mkdir("d", 0755));
    for (mode_t mode = 0; mode <= 07777; mode += 0111) {
        OK(chmod("f", mode));
        EXPECT_EQ(mode_of("f"), S_IFREG | mode);
    }
    OK(chmod("d", 01777));
    EXPECT_EQ(mode_of("d"), S_IFDIR | 01777);
}

CASE(right, chown_is_roots_and_chgrp_the_owners)
{
    NEED_ROOT();
    make_open_directory("d");
    make_file("d/f", 0644);
    OK(chown("d/f", TEST_UID, TEST_GID));
    EXPECT_EQ(stat_of("d/f").st_uid, TEST_UID);
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(chown("d/f", OTHER_UID, -1u), EPERM);
        EXPECT_ERR(chown("d/f", -1u, OTHER_GID), EPERM);
        OK(chown("d/f", TEST_UID, TEST_GID));
        OK(chown("d/f", -1u, -1u));
    }
    AS_USER (OTHER_UID, OTHER_GID)
        EXPECT_ERR(chown("d/f", -1u, OTHER_GID), EPERM);
}

CASE(right, large_ids_are_kept)
{
    NEED_ROOT();
    make_file("f", 0644);
    OK(chown("f", 1234567, 7654321));
    EXPECT_EQ(stat_of("f").st_uid, 1234567);
    EXPECT_EQ(stat_of("f").st_gid, 7654321);
}

CASE(right, chown_takes_set_id_bits_away)
{
    NEED_ROOT();
    make_file("f", 06755);
    OK(chmod("f", 06755));
    OK(chown("f", TEST_UID, TEST_GID));
    EXPECT_EQ(mode_of("f"), S_IFREG | 0755);
    OK(chmod("f", 02644)); /* without x for the group it is mandatory locking's old mark: stays */
    OK(chown("f", 0, 0));
    EXPECT_EQ(mode_of("f"), S_IFREG | 02644);
    OK(mkdir("d", 0755));
    OK(chmod("d", 06755));
    OK(chown("d", TEST_UID, TEST_GID));
    EXPECT_EQ(mode_of("d"), S_IFDIR | 06755); /* directories keep them */
}

CASE(right, write_takes_set_id_bits_away)
{
    NEED_ROOT();
    make_file("f", 0644);
    OK(chown("f", TEST_UID, TEST_GID));
    OK(chmod("f", 06777));
    int fd = (int)OK(open("f", O_WRONLY));
    OK(write(fd, "x", 1)); /* root's write leaves them */
    EXPECT_EQ(mode_of("f"), S_IFREG | 06777);
    AS_USER (OTHER_UID, OTHER_GID)
        OK(write((int)OK(open("f", O_WRONLY)), "x", 1));
    EXPECT_EQ(mode_of("f"), S_IFREG | 0777);
}

CASE(right, truncate_takes_set_id_bits_away)
{
    NEED_ROOT();
    write_file("f", "abc", 3);
    OK(chown("f", TEST_UID, TEST_GID));
    OK(chmod("f", 06777));
    AS_USER (OTHER_UID, OTHER_GID)
        OK(truncate("f", 1));
    EXPECT_EQ(mode_of("f"), S_IFREG | 0777);
}

CASE(right, set_group_id_needs_membership)
{
    NEED_ROOT();
    make_file("f", 0755);
    OK(chown("f", TEST_UID, OTHER_GID));
    AS_USER (TEST_UID, TEST_GID)
        OK(chmod("f", 02755));
    EXPECT_EQ(mode_of("f"), S_IFREG | 0755);
}

CASE(right, set_user_id_program_runs_as_its_owner)
{
    NEED_ROOT();
    copy_file(abi_self, "prog", 0755);
    OK(chown("prog", OTHER_UID, OTHER_GID));
    OK(chmod("prog", 06755));
    AS_USER (TEST_UID, TEST_GID) {
        pid_t pid;
        CHILD (pid) {
            execl("./prog", "./prog", "@print_ids", NULL);
            _exit(9);
        }
        EXPECT_EXIT(pid, 4);
    }
}

HELPER(print_ids)
{
    (void)argc, (void)argv;
    return geteuid() == OTHER_UID && getegid() == OTHER_GID && getuid() == TEST_UID ? 4 : 5;
}

CASE(right, sticky_directory_protects_files_and_directories)
{
    NEED_ROOT();
    make_open_directory("s");
    OK(chmod("s", 01777));
    AS_USER (TEST_UID, TEST_GID) {
        make_file("s/f", 0666);
        OK(mkdir("s/d", 0777));
    }
    AS_USER (OTHER_UID, OTHER_GID) {
        EXPECT_ERR(unlink("s/f"), EPERM);
        EXPECT_ERR(rmdir("s/d"), EPERM);
    }
    AS_USER (TEST_UID, TEST_GID) {
        OK(unlink("s/f"));
        OK(rmdir("s/d"));
    }
}

CASE(right, owner_of_a_sticky_directory_may_remove_all)
{
    NEED_ROOT();
    make_open_directory("s");
    OK(chown("s", TEST_UID, TEST_GID));
    OK(chmod("s", 01777));
    AS_USER (OTHER_UID, OTHER_GID)
        make_file("s/f", 0600);
    AS_USER (TEST_UID, TEST_GID)
        OK(unlink("s/f"));
}

CASE(right, directory_bits_read_lists_and_search_reaches)
{
    NEED_ROOT();
    OK(mkdir("d", 0755));
    make_file("d/f", 0644);
    OK(chmod("d", 0711));
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_ERR(open("d", O_RDONLY), EACCES);
        OK(access("d/f", R_OK));
    }
    OK(chmod("d", 0744));
    AS_USER (TEST_UID, TEST_GID) {
        EXPECT_EQ(count_entries("d"), 1);
        EXPECT_ERR(access("d/f", F_OK), EACCES);
        EXPECT_ERR(chdir("d"), EACCES);
    }
}

CASE(right, groups_beyond_the_first_count)
{
    NEED_ROOT();
    make_file("f", 0040);
    OK(chown("f", 0, OTHER_GID));
    pid_t pid;
    CHILD (pid) {
        gid_t more[] = {77, OTHER_GID};
        OK(setgroups(2, more));
        OK(setresgid(TEST_GID, TEST_GID, TEST_GID));
        OK(setresuid(TEST_UID, TEST_UID, TEST_UID));
        OK(close((int)OK(open("f", O_RDONLY))));
        EXPECT_ERR(open("f", O_WRONLY), EACCES);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(right, descriptor_outlives_the_right)
{
    NEED_ROOT();
    make_file("f", 0666);
    pid_t pid;
    struct gate gone, back;
    gate_init(&gone);
    gate_init(&back);
    CHILD (pid) {
        become_user(TEST_UID, TEST_GID);
        int fd = (int)OK(open("f", O_RDWR));
        gate_open(&gone);
        gate_wait(&back);
        OK(write(fd, "x", 1));
        EXPECT_ERR(open("f", O_RDWR), EACCES);
    }
    OK(close(gone.fd[1]));
    gate_wait(&gone);
    OK(chmod("f", 0));
    gate_open(&back);
    EXPECT_EXIT(pid, 0);
}

CASE(right, umask_takes_away_from_all_that_is_made)
{
    umask(0137);
    make_file("f", 0640);
    OK(mkdir("d", 0777));
    OK(close((int)OK(open("g", O_CREAT | O_WRONLY, 0777))));
    EXPECT_EQ(mode_of("d"), S_IFDIR | 0640);
    EXPECT_EQ(mode_of("g"), S_IFREG | 0640);
}

CASE(right, lchown_changes_the_link)
{
    NEED_ROOT();
    make_file("f", 0644);
    OK(symlink("f", "l"));
    OK(lchown("l", TEST_UID, TEST_GID));
    EXPECT_EQ(stat_of("l").st_uid, TEST_UID);
    EXPECT_EQ(stat_of("f").st_uid, 0);
}
