// SPDX-License-Identifier: MIT
/* wait4 and waitid: whom they wait for, what they report, and what each option changes. */
#include "abi.h"

#include <sys/resource.h>

static pid_t stopped_child(void)
{
    pid_t pid;
    int status;
    CHILD (pid) {
        for (;;)
            pause();
    }
    OK(kill(pid, SIGSTOP));
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGSTOP);
    return pid;
}

static pid_t exiting_child(int code)
{
    pid_t pid;
    CHILD (pid) {
        _exit(code);
    }
    return pid;
}

CASE(wait, without_children_is_echild)
{
    int status;
    siginfo_t si;
    EXPECT_ERR(wait4(-1, &status, 0, NULL), ECHILD);
    EXPECT_ERR(wait4(-1, &status, WNOHANG, NULL), ECHILD);
    EXPECT_ERR(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
}

CASE(wait, for_a_stranger_is_echild)
{
    pid_t pid = exiting_child(0);
    EXPECT_ERR(waitpid(getppid(), NULL, 0), ECHILD);
    EXPECT_ERR(waitpid(getpid(), NULL, 0), ECHILD);
    EXPECT_EXIT(pid, 0);
    EXPECT_ERR(waitpid(pid, NULL, 0), ECHILD);
}

CASE(wait, wnohang_returns_zero_while_child_lives)
{
    struct gate g;
    pid_t pid;
    int status = 0x5a5a;
    gate_init(&g);
    CHILD (pid) {
        gate_wait(&g);
        _exit(6);
    }
    EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
    EXPECT_EQ(waitpid(-1, &status, WNOHANG), 0);
    EXPECT_EQ(status, 0x5a5a);
    gate_open(&g);
    EXPECT_EXIT(pid, 6);
}

CASE(wait, blocks_until_the_chosen_child_ends)
{
    struct gate g;
    pid_t slow, fast;
    gate_init(&g);
    CHILD (slow) {
        gate_wait(&g);
        _exit(1);
    }
    fast = exiting_child(2);
    OK(waitid(P_PID, (id_t)fast, &(siginfo_t){0}, WEXITED | WNOWAIT));
    gate_open(&g);
    EXPECT_EXIT(slow, 1);
    EXPECT_EXIT(fast, 2);
}

CASE(wait, by_process_group)
{
    pid_t a, b;
    int status;
    CHILD (a) {
        OK(setpgid(0, 0));
        _exit(1);
    }
    (void)setpgid(a, a); /* whoever comes first: it must not be in our group any more */
    b = exiting_child(2);
    EXPECT_EQ(waitpid(0, &status, 0), b); /* our own group */
    EXPECT_EQ(WEXITSTATUS(status), 2);
    EXPECT_EQ(waitpid(-a, &status, 0), a);
    EXPECT_EQ(WEXITSTATUS(status), 1);
    EXPECT_ERR(waitpid(-a, &status, 0), ECHILD);
}

CASE(wait, wuntraced_reports_a_stop_once)
{
    pid_t pid = stopped_child();
    int status;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(wait, without_wuntraced_a_stop_is_not_reported)
{
    pid_t pid;
    siginfo_t si;
    CHILD (pid) {
        raise(SIGSTOP);
    }
    OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT));
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
    EXPECT_EQ(waitpid(pid, NULL, WUNTRACED), pid);
    OK(kill(pid, SIGCONT));
    EXPECT_EXIT(pid, 0);
}

CASE(wait, wcontinued_reports_a_continue_once)
{
    pid_t pid = stopped_child();
    int status;
    OK(kill(pid, SIGCONT));
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
    EXPECT(WIFCONTINUED(status));
    EXPECT_EQ(status, 0xffff);
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(wait, waitid_tells_exit_kill_stop_and_continue)
{
    siginfo_t si;
    pid_t pid = exiting_child(0x123);

    OK(waitid(P_PID, (id_t)pid, &si, WEXITED));
    EXPECT_EQ(si.si_signo, SIGCHLD);
    EXPECT_EQ(si.si_code, CLD_EXITED);
    EXPECT_EQ(si.si_status, 0x23);
    EXPECT_EQ(si.si_pid, pid);
    EXPECT_EQ(si.si_uid, getuid());

    pid = stopped_child();
    OK(kill(pid, SIGCONT));
    OK(waitid(P_PID, (id_t)pid, &si, WCONTINUED));
    EXPECT_EQ(si.si_code, CLD_CONTINUED);
    EXPECT_EQ(si.si_status, SIGCONT);
    OK(kill(pid, SIGSTOP));
    OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
    EXPECT_EQ(si.si_code, CLD_STOPPED);
    EXPECT_EQ(si.si_status, SIGSTOP);
    OK(kill(pid, SIGKILL));
    OK(waitid(P_PID, (id_t)pid, &si, WEXITED));
    EXPECT_EQ(si.si_code, CLD_KILLED);
    EXPECT_EQ(si.si_status, SIGKILL);
}

CASE(wait, waitid_wnowait_leaves_the_child_waitable)
{
    siginfo_t si;
    pid_t pid = exiting_child(8);
    for (int i = 0; i < 3; i++) {
        OK(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT));
        EXPECT_EQ(si.si_pid, pid);
    }
    EXPECT_EXIT(pid, 8);
}

CASE(wait, waitid_wnohang_without_news_zeroes_si_pid)
{
    struct gate g;
    pid_t pid;
    siginfo_t si;
    gate_init(&g);
    CHILD (pid) {
        gate_wait(&g);
    }
    memset(&si, 0x55, sizeof(si));
    EXPECT_EQ(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG), 0);
    EXPECT_EQ(si.si_pid, 0);
    EXPECT_EQ(si.si_signo, 0);
    gate_open(&g);
    EXPECT_EXIT(pid, 0);
}

CASE(wait, waitid_by_group)
{
    siginfo_t si;
    pid_t pid;
    CHILD (pid) {
        OK(setpgid(0, 0));
        raise(SIGSTOP);
        _exit(4);
    }
    OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
    OK(kill(pid, SIGCONT));
    EXPECT_ERR(waitid(P_PGID, (id_t)getpgrp(), &si, WEXITED), ECHILD);
    OK(waitid(P_PGID, (id_t)pid, &si, WEXITED));
    EXPECT_EQ(si.si_pid, pid);
}

CASE(wait, bad_options_are_einval)
{
    siginfo_t si;
    EXPECT_ERR(wait4(-1, NULL, 0x1000, NULL), EINVAL);
    EXPECT_ERR(waitid(P_ALL, 0, &si, 0), EINVAL);
    EXPECT_ERR(waitid(P_ALL, 0, &si, WNOHANG), EINVAL);
    EXPECT_ERR(waitid(P_ALL, 0, &si, WEXITED | 0x1000), EINVAL);
    EXPECT_ERR(waitid((idtype_t)77, 0, &si, WEXITED), EINVAL);
    EXPECT_ERR(waitid(P_PID, 0, &si, WEXITED), EINVAL);
}

CASE(wait, null_results_are_allowed)
{
    exiting_child(0);
    OK(syscall(SYS_wait4, -1, NULL, 0, NULL));
    exiting_child(0);
    OK(syscall(SYS_waitid, P_ALL, 0, NULL, WEXITED, NULL));
    EXPECT_ERR(wait(NULL), ECHILD);
}

CASE(wait, status_names_the_killing_signal)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGALRM};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        pid_t pid;
        CHILD (pid) {
            for (;;)
                pause();
        }
        OK(kill(pid, signals[i]));
        EXPECT_KILLED(pid, signals[i]);
    }
}

CASE(wait, rusage_counts_the_childs_time)
{
    struct rusage ru;
    int status;
    pid_t pid;
    CHILD (pid) {
        while (clock() < CLOCKS_PER_SEC / 20)
            ;
    }
    EXPECT_EQ(wait4(pid, &status, 0, &ru), pid);
    long used = ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 +
                ru.ru_stime.tv_usec;
    EXPECT(used >= 20000);
    OK(getrusage(RUSAGE_CHILDREN, &ru));
    long sum = ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 +
               ru.ru_stime.tv_usec;
    EXPECT(sum >= used - 20000);
}

CASE(wait, ignored_sigchld_reaps_by_itself)
{
    signal(SIGCHLD, SIG_IGN);
    exiting_child(0);
    exiting_child(0);
    EXPECT_ERR(wait(NULL), ECHILD); /* after both have gone */
    signal(SIGCHLD, SIG_DFL);
    EXPECT_EXIT(exiting_child(3), 3);
}

CASE(wait, sa_nocldwait_reaps_by_itself)
{
    struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    OK(sigaction(SIGCHLD, &sa, NULL));
    exiting_child(0);
    EXPECT_ERR(wait(NULL), ECHILD);
}

static volatile sig_atomic_t chld_count;
static volatile sig_atomic_t chld_code, chld_status, chld_pid;

static void on_chld(int sig, siginfo_t *si, void *uc)
{
    (void)sig;
    (void)uc;
    chld_code = si->si_code;
    chld_status = si->si_status;
    chld_pid = si->si_pid;
    chld_count++;
}

static void catch_chld(int flags)
{
    struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART | flags};
    OK(sigaction(SIGCHLD, &sa, NULL));
}

CASE(wait, sigchld_carries_how_and_who)
{
    catch_chld(0);
    pid_t pid = exiting_child(17);
    while (chld_count == 0)
        sleep_ms(1);
    EXPECT_EQ(chld_code, CLD_EXITED);
    EXPECT_EQ(chld_status, 17);
    EXPECT_EQ(chld_pid, pid);
    EXPECT_EXIT(pid, 17);

    chld_count = 0;
    CHILD (pid) {
        raise(SIGKILL);
    }
    while (chld_count == 0)
        sleep_ms(1);
    EXPECT_EQ(chld_code, CLD_KILLED);
    EXPECT_EQ(chld_status, SIGKILL);
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(wait, sigchld_comes_for_stops_unless_nocldstop)
{
    catch_chld(0);
    pid_t pid = stopped_child();
    while (chld_count < 1)
        sleep_ms(1);
    EXPECT_EQ(chld_code, CLD_STOPPED);
    OK(kill(pid, SIGCONT));
    EXPECT_EQ(waitpid(pid, NULL, WCONTINUED), pid);
    while (chld_count < 2)
        sleep_ms(1);
    EXPECT_EQ(chld_code, CLD_CONTINUED);
    catch_chld(SA_NOCLDSTOP);
    OK(kill(pid, SIGSTOP));
    EXPECT_EQ(waitpid(pid, NULL, WUNTRACED), pid);
    EXPECT_EQ(chld_count, 2);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
    while (chld_count < 3)
        sleep_ms(1);
    EXPECT_EQ(chld_code, CLD_KILLED);
}

CASE(wait, two_waiters_share_children_without_loss)
{
    enum { N = 40 };
    pid_t pid;
    CHILD (pid) {
        int reaped = 0;
        for (int i = 0; i < N; i++)
            exiting_child(i);
        while (wait(NULL) > 0)
            reaped++;
        EXPECT_EQ(reaped, N);
    }
    for (int i = 0; i < N; i++)
        exiting_child(i);
    int reaped = 0;
    while (wait(NULL) > 0)
        reaped++;
    EXPECT_EQ(reaped, N + 1);
}
