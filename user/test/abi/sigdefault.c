// SPDX-License-Identifier: MIT
/* Signals nobody catches: which kill, which stop, which do nothing; stop and continue. */
#include "abi.h"

static pid_t pausing_child(void)
{
    pid_t pid;
    CHILD (pid) {
        for (;;)
            pause();
    }
    return pid;
}

static void expect_stopped(pid_t pid, int sig)
{
    int status;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), sig);
}

static void expect_continued(pid_t pid)
{
    int status;
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
    EXPECT(WIFCONTINUED(status));
}

CASE(sigdefault, most_signals_kill)
{
    static const int killing[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP,   SIGABRT, SIGBUS,
                                  SIGFPE,  SIGKILL,   SIGUSR1, SIGSEGV, SIGUSR2,   SIGPIPE, SIGALRM,
                                  SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,
                                  SIGPWR,  SIGSYS,    34,      64};
    for (size_t i = 0; i < ARRAY_LEN(killing); i++) {
        pid_t pid = pausing_child();
        OK(kill(pid, killing[i]));
        EXPECT_KILLED(pid, killing[i]);
    }
}

CASE(sigdefault, some_signals_do_nothing)
{
    static const int idle[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    struct gate g;
    pid_t pid;
    gate_init(&g);
    CHILD (pid) {
        gate_wait(&g);
        _exit(6);
    }
    for (size_t i = 0; i < ARRAY_LEN(idle); i++)
        OK(kill(pid, idle[i]));
    gate_open(&g);
    EXPECT_EXIT(pid, 6);
}

CASE(sigdefault, four_signals_stop)
{
    static const int stopping[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    pid_t pid = pausing_child();
    for (size_t i = 0; i < ARRAY_LEN(stopping); i++) {
        OK(kill(pid, stopping[i]));
        expect_stopped(pid, stopping[i]);
        OK(kill(pid, SIGCONT));
        expect_continued(pid);
    }
    OK(kill(pid, SIGTERM));
    EXPECT_KILLED(pid, SIGTERM);
}

CASE(sigdefault, kill_ends_a_stopped_process)
{
    pid_t pid = pausing_child();
    OK(kill(pid, SIGSTOP));
    expect_stopped(pid, SIGSTOP);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(sigdefault, other_signals_wait_while_stopped)
{
    pid_t pid = pausing_child();
    OK(kill(pid, SIGSTOP));
    expect_stopped(pid, SIGSTOP);
    OK(kill(pid, SIGTERM));
    sleep_ms(20);
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
    OK(kill(pid, SIGCONT));
    EXPECT_KILLED(pid, SIGTERM);
}

CASE(sigdefault, continue_works_though_blocked_or_ignored)
{
    pid_t pid;
    CHILD (pid) {
        sigset_t set;
        sigfillset(&set);
        OK(sigprocmask(SIG_BLOCK, &set, NULL));
        raise(SIGSTOP);
        sigemptyset(&set);
        sigaddset(&set, SIGCONT);
        siginfo_t si;
        struct timespec zero = {0, 0};
        EXPECT_EQ(sigtimedwait(&set, &si, &zero), SIGCONT);
        signal(SIGCONT, SIG_IGN);
        raise(SIGSTOP);
    }
    for (int i = 0; i < 2; i++) {
        expect_stopped(pid, SIGSTOP);
        OK(kill(pid, SIGCONT));
    }
    EXPECT_EXIT(pid, 0);
}

static volatile sig_atomic_t continued;

static void on_continue(int sig)
{
    continued += sig == SIGCONT;
}

CASE(sigdefault, continue_handler_runs_after_the_stop)
{
    pid_t pid;
    CHILD (pid) {
        on_signal(SIGCONT, on_continue, 0);
        raise(SIGSTOP);
        EXPECT_EQ(continued, 1);
    }
    expect_stopped(pid, SIGSTOP);
    OK(kill(pid, SIGCONT));
    EXPECT_EXIT(pid, 0);
}

CASE(sigdefault, stop_and_continue_discard_each_other_while_pending)
{
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGTTIN);
    sigaddset(&set, SIGCONT);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    OK(raise(SIGTSTP));
    OK(raise(SIGTTIN));
    OK(raise(SIGCONT));
    OK(sigpending(&pending));
    EXPECT(!sigismember(&pending, SIGTSTP) && !sigismember(&pending, SIGTTIN));
    EXPECT(sigismember(&pending, SIGCONT));
    OK(raise(SIGTSTP));
    OK(sigpending(&pending));
    EXPECT(sigismember(&pending, SIGTSTP) && !sigismember(&pending, SIGCONT));
    OK(raise(SIGCONT)); /* take the stop back */
}

CASE(sigdefault, stop_key_can_be_caught_and_ignored)
{
    pid_t pid;
    CHILD (pid) {
        on_signal(SIGTSTP, on_continue, 0);
        raise(SIGTSTP);
        signal(SIGTTIN, SIG_IGN);
        raise(SIGTTIN);
        _exit(3);
    }
    EXPECT_EXIT(pid, 3);
}

CASE(sigdefault, stopped_reader_goes_on_reading)
{
    int fd[2];
    char c = 0;
    pid_t pid;
    OK(pipe(fd));
    CHILD (pid) {
        EXPECT_EQ(read(fd[0], &c, 1), 1);
        EXPECT_EQ(c, 'x');
    }
    wait_until_asleep(pid);
    OK(kill(pid, SIGSTOP));
    expect_stopped(pid, SIGSTOP);
    OK(kill(pid, SIGCONT));
    expect_continued(pid);
    OK(write(fd[1], "x", 1));
    EXPECT_EXIT(pid, 0);
}

CASE(sigdefault, stopped_process_makes_no_progress)
{
    volatile long *counter = map_shared_page();
    pid_t pid;
    CHILD (pid) {
        for (;;)
            ++*counter;
    }
    while (*counter == 0)
        sleep_ms(1);
    OK(kill(pid, SIGSTOP));
    expect_stopped(pid, SIGSTOP);
    long seen = *counter;
    sleep_ms(50);
    EXPECT_EQ(*counter, seen);
    OK(kill(pid, SIGCONT));
    while (*counter == seen)
        sleep_ms(1);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(sigdefault, busy_process_without_calls_can_be_killed)
{
    pid_t pid;
    struct gate ready;
    gate_init(&ready);
    CHILD (pid) {
        gate_open(&ready);
        for (volatile int i = 0;; i++)
            ;
    }
    gate_wait(&ready);
    OK(kill(pid, SIGKILL));
    EXPECT_KILLED(pid, SIGKILL);
}

CASE(sigdefault, abort_kills_even_if_ignored)
{
    pid_t pid;
    CHILD (pid) {
        signal(SIGABRT, SIG_IGN);
        abort();
    }
    EXPECT_KILLED(pid, SIGABRT);
}
