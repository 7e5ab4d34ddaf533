// SPDX-License-Identifier: MIT
/* User and group ids: three of each, and who may change them to what. */
#include "abi.h"

#include <grp.h>
#include <pthread.h>

static void expect_uids(uid_t real, uid_t effective, uid_t saved)
{
    uid_t r, e, s;
    OK(getresuid(&r, &e, &s));
    if (r != real || e != effective || s != saved)
        FAIL("expected uids %u %u %u, came %u %u %u", real, effective, saved, r, e, s);
    EXPECT_EQ(getuid(), real);
    EXPECT_EQ(geteuid(), effective);
}

static void expect_gids(gid_t real, gid_t effective, gid_t saved)
{
    gid_t r, e, s;
    OK(getresgid(&r, &e, &s));
    if (r != real || e != effective || s != saved)
        FAIL("expected gids %u %u %u, came %u %u %u", real, effective, saved, r, e, s);
    EXPECT_EQ(getgid(), real);
    EXPECT_EQ(getegid(), effective);
}

CASE(ids, are_inherited)
{
    pid_t pid;
    uid_t u = getuid();
    gid_t g = getgid();
    CHILD (pid) {
        EXPECT(getuid() == u && getgid() == g);
    }
    EXPECT_EXIT(pid, 0);
}

CASE(ids, root_sets_any_resuid)
{
    NEED_ROOT();
    OK(setresuid(1, 0, 2));
    expect_uids(1, 0, 2);
    OK(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
    expect_uids(1, 0, 2);
    OK(setresuid(5, 6, 7));
    expect_uids(5, 6, 7);
}

CASE(ids, user_only_permutes_its_own)
{
    NEED_ROOT();
    OK(setresuid(5, 6, 7));
    EXPECT_ERR(setresuid((uid_t)-1, 0, (uid_t)-1), EPERM);
    EXPECT_ERR(setresuid(8, (uid_t)-1, (uid_t)-1), EPERM);
    OK(setresuid((uid_t)-1, 7, (uid_t)-1));
    expect_uids(5, 7, 7);
    OK(setresuid(7, 5, 5));
    expect_uids(7, 5, 5);
}

CASE(ids, setuid_as_root_sets_all_as_user_only_effective)
{
    pid_t pid;
    NEED_ROOT();
    CHILD (pid) {
        OK(setuid(9));
        expect_uids(9, 9, 9);
        EXPECT_ERR(setuid(0), EPERM);
    }
    EXPECT_EXIT(pid, 0);
    OK(setresuid(5, 6, 7));
    OK(setuid(7));
    expect_uids(5, 7, 7);
    OK(setuid(5));
    expect_uids(5, 5, 7);
    EXPECT_ERR(setuid(6), EPERM);
}

CASE(ids, seteuid_and_back)
{
    NEED_ROOT();
    make_file("root-only", 0600);
    OK(seteuid(5));
    expect_uids(0, 5, 0);
    EXPECT_ERR(open("root-only", O_RDONLY), EACCES);
    OK(seteuid(0));
    expect_uids(0, 0, 0);
}

CASE(ids, setreuid_saves_by_its_rule)
{
    pid_t pid;
    NEED_ROOT();
    CHILD (pid) {
        OK(setreuid(5, 6));
        expect_uids(5, 6, 6);
        OK(setreuid((uid_t)-1, 5));
        expect_uids(5, 5, 6);
        OK(setreuid(5, 6)); /* the real id was given: saved becomes the new effective */
        expect_uids(5, 6, 6);
        EXPECT_ERR(setreuid((uid_t)-1, 0), EPERM);
    }
    EXPECT_EXIT(pid, 0);
    OK(setreuid((uid_t)-1, 4));
    expect_uids(0, 4, 4);
}

CASE(ids, group_ids_follow_the_same_rules)
{
    pid_t pid;
    NEED_ROOT();
    OK(setresgid(1, 2, 3));
    expect_gids(1, 2, 3);
    CHILD (pid) {
        OK(setresuid(9, 9, 9));
        EXPECT_ERR(setresgid(4, (gid_t)-1, (gid_t)-1), EPERM);
        OK(setresgid((gid_t)-1, 3, (gid_t)-1));
        expect_gids(1, 3, 3);
        OK(setgid(1));
        expect_gids(1, 1, 3);
        EXPECT_ERR(setgid(7), EPERM);
        OK(setregid((gid_t)-1, 3));
        EXPECT_ERR(setregid(7, 7), EPERM);
    }
    EXPECT_EXIT(pid, 0);
    OK(setgid(8));
    expect_gids(8, 8, 8);
    OK(setregid(1, 2));
    expect_gids(1, 2, 2);
}

CASE(ids, supplementary_groups)
{
    gid_t set[] = {10, 70000, 3}, got[8];
    pid_t pid;
    NEED_ROOT();
    OK(setgroups(3, set));
    EXPECT_EQ(getgroups(0, NULL), 3);
    EXPECT_EQ(getgroups(8, got), 3);
    int found = 0;
    for (int i = 0; i < 3; i++)
        found += got[i] == 10 || got[i] == 70000 || got[i] == 3;
    EXPECT_EQ(found, 3);
    EXPECT_ERR(getgroups(2, got), EINVAL);
    EXPECT_ERR(syscall(SYS_getgroups, -1, got), EINVAL);
    EXPECT_ERR(syscall(SYS_setgroups, 65537, set), EINVAL);
    CHILD (pid) {
        EXPECT_EQ(getgroups(0, NULL), 3); /* inherited */
        OK(setresuid(5, 5, 5));
        EXPECT_ERR(setgroups(1, set), EPERM);
    }
    EXPECT_EXIT(pid, 0);
    OK(setgroups(0, NULL));
    EXPECT_EQ(getgroups(0, NULL), 0);
}

CASE(ids, file_system_ids_follow_the_effective)
{
    struct stat st;
    NEED_ROOT();
    OK(chmod(".", 0777));
    OK(setresgid(0, 78, 0));
    OK(setresuid(0, 77, 0));
    make_file("f", 0600);
    OK(stat("f", &st));
    EXPECT(st.st_uid == 77 && st.st_gid == 78);
}

static pthread_barrier_t before, after;

static void *watch_uid(void *arg)
{
    pthread_barrier_wait(&before);
    pthread_barrier_wait(&after);
    EXPECT_EQ(syscall(SYS_getuid), TEST_UID);
    return arg;
}

CASE(ids, threads_change_them_together)
{
    /* each thread has its own in the kernel: the C library signals all of them to follow */
    pthread_t t[3];
    NEED_ROOT();
    pthread_barrier_init(&before, NULL, 4);
    pthread_barrier_init(&after, NULL, 4);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(pthread_create(&t[i], NULL, watch_uid, NULL), 0);
    pthread_barrier_wait(&before);
    OK(setuid(TEST_UID));
    pthread_barrier_wait(&after);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}
