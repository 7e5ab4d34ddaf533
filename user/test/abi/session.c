// SPDX-License-Identifier: MIT
/* Process groups and sessions: who may move where. (A case starts as leader of its own group.) */
#include "abi.h"

CASE(session, group_and_session_are_inherited)
{
    pid_t group = getpgrp(), session = getsid(0), pid;
    EXPECT_EQ(group, getpid());
    CHILD (pid) {
        EXPECT_EQ(getpgrp(), group);
        EXPECT_EQ(getpgid(0), group);
        EXPECT_EQ(getpgid(getpid()), group);
        EXPECT_EQ(getsid(0), session);
    }
    EXPECT_EQ(getpgid(pid), group);
    EXPECT_EXIT(pid, 0);
}

CASE(session, setsid_makes_leader_of_both)
{
    pid_t pid, old = getsid(0);
    CHILD (pid) {
        EXPECT_EQ(setsid(), getpid());
        EXPECT_EQ(getsid(0), getpid());
        EXPECT_EQ(getpgrp(), getpid());
        EXPECT_ERR(setsid(), EPERM);
        EXPECT_ERR(setpgid(0, 0), EPERM);
    }
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(getsid(0), old);
}

CASE(session, setsid_by_group_leader_is_eperm)
{
    EXPECT_ERR(setsid(), EPERM);
}

CASE(session, setpgid_moves_a_child)
{
    struct gate g;
    pid_t a, b;
    gate_init(&g);
    CHILD (a) {
        gate_wait(&g);
    }
    CHILD (b) {
        gate_wait(&g);
    }
    OK(setpgid(a, 0));
    EXPECT_EQ(getpgid(a), a);
    OK(setpgid(b, a));
    EXPECT_EQ(getpgid(b), a);
    OK(setpgid(b, getpgrp()));
    EXPECT_EQ(getpgid(b), getpgrp());
    gate_open(&g);
    gate_open(&g);
    EXPECT_EXIT(a, 0);
    EXPECT_EXIT(b, 0);
}

CASE(session, setpgid_after_exec_is_eacces)
{
    struct gate in;
    int ready[2];
    char c;
    pid_t pid;
    gate_init(&in);
    OK(pipe2(ready, O_CLOEXEC));
    CHILD (pid) {
        char *argv[] = {abi_self, "@exit_after_stdin", "0", NULL};
        dup2(in.fd[0], 0);
        execv(abi_self, argv);
    }
    OK(close(ready[1]));
    EXPECT_EQ(read(ready[0], &c, 1), 0); /* the exec closed the other end */
    EXPECT_ERR(setpgid(pid, pid), EACCES);
    gate_open(&in);
    EXPECT_EXIT(pid, 0);
}

CASE(session, setpgid_bad_targets)
{
    struct gate g;
    pid_t dead, other_session;
    CHILD (dead) {
    }
    EXPECT_EXIT(dead, 0);
    EXPECT_ERR(setpgid(dead, 0), ESRCH);
    EXPECT_ERR(setpgid(getppid(), 0), ESRCH); /* not a child of ours */
    EXPECT_ERR(setpgid(0, -1), EINVAL);
    EXPECT_ERR(setpgid(0, dead), EPERM); /* no such group in this session */
    gate_init(&g);
    struct gate ready;
    gate_init(&ready);
    CHILD (other_session) {
        OK(setsid());
        gate_open(&ready);
        gate_wait(&g);
    }
    gate_wait(&ready);
    EXPECT_ERR(setpgid(other_session, 0), EPERM);
    EXPECT_ERR(setpgid(0, other_session), EPERM);
    gate_open(&g);
    EXPECT_EXIT(other_session, 0);
}

CASE(session, queries_about_nobody_are_esrch)
{
    pid_t dead;
    CHILD (dead) {
    }
    EXPECT_EXIT(dead, 0);
    EXPECT_ERR(getpgid(dead), ESRCH);
    EXPECT_ERR(getsid(dead), ESRCH);
    EXPECT_ERR(getpgid(-1), ESRCH);
}

CASE(session, signal_to_group_reaches_every_member)
{
    enum { N = 5 };
    pid_t pids[N], outsider;
    int status;
    for (int i = 0; i < N; i++) {
        CHILD (pids[i]) {
            setpgid(0, i ? pids[0] : 0);
            for (;;)
                pause();
        }
        OK(setpgid(pids[i], pids[0]));
    }
    CHILD (outsider) {
        for (;;)
            pause();
    }
    OK(kill(-pids[0], SIGTERM));
    for (int i = 0; i < N; i++)
        EXPECT_KILLED(pids[i], SIGTERM);
    EXPECT_EQ(waitpid(outsider, &status, WNOHANG), 0);
    EXPECT_ERR(kill(-pids[0], 0), ESRCH);
    OK(kill(outsider, SIGKILL));
    EXPECT_KILLED(outsider, SIGKILL);
}

CASE(session, group_outlives_its_leader)
{
    struct gate g;
    pid_t leader, member;
    gate_init(&g);
    CHILD (leader) {
        gate_wait(&g);
    }
    OK(setpgid(leader, 0));
    CHILD (member) {
        for (;;)
            pause();
    }
    OK(setpgid(member, leader));
    gate_open(&g);
    EXPECT_EXIT(leader, 0);
    EXPECT_EQ(getpgid(member), leader);
    OK(kill(-leader, SIGUSR1));
    EXPECT_KILLED(member, SIGUSR1);
}

CASE(session, newly_orphaned_stopped_group_gets_hup_and_cont)
{
    pid_t pid, stopped = 0;
    int report[2];
    siginfo_t si;
    char c;

    OK(pipe(report));
    CHILD (pid) {
        OK(setsid()); /* so that the group below has no other anchor than this process */
        CHILD (stopped) {
            OK(setpgid(0, 0));
            raise(SIGSTOP);
            pause(); /* never reached: SIGHUP ends it first */
        }
        OK(waitid(P_PID, (id_t)stopped, &si, WSTOPPED));
    }
    EXPECT_EXIT(pid, 0);
    OK(close(report[1]));
    EXPECT_EQ(read(report[0], &c, 1), 0); /* returns when the stopped one is dead */
}

CASE(session, stop_keys_do_nothing_in_an_orphaned_group)
{
    pid_t pid, inner;
    CHILD (pid) {
        OK(setsid());
        CHILD (inner) {
            raise(SIGTSTP);
            raise(SIGTTIN);
            raise(SIGTTOU);
            _exit(11);
        }
        EXPECT_EXIT(inner, 11);
    }
    EXPECT_EXIT(pid, 0);
}
