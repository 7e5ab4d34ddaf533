// SPDX-License-Identifier: MIT
/* What a signal does to a call that sleeps: EINTR, restart, or nothing.
 * A repeating timer sends the signals, so that it never matters when exactly the call fell asleep. */
#include "abi.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/uio.h>

enum { TICK_MS = 20, ENOUGH = 5 };

static volatile sig_atomic_t ticks;
static volatile int feed_fd = -1;

/* Lets some ticks go by, then ends the sleep through the descriptor, if there is one. */
static void on_tick(int sig)
{
    (void)sig;
    if (++ticks == ENOUGH && feed_fd >= 0)
        (void)!write(feed_fd, "x", 1);
}

static void start_ticks(int flags)
{
    ticks = 0;
    on_signal(SIGALRM, on_tick, flags);
    tick_every(TICK_MS);
}

CASE(restart, pipe_read_is_restarted)
{
    int fd[2];
    char c = 0;
    OK(pipe(fd));
    feed_fd = fd[1];
    start_ticks(SA_RESTART);
    EXPECT_EQ(read(fd[0], &c, 1), 1);
    EXPECT_EQ(c, 'x');
    EXPECT(ticks >= ENOUGH);
}

CASE(restart, pipe_read_without_restart_is_eintr)
{
    int fd[2];
    char c;
    OK(pipe(fd));
    start_ticks(0);
    EXPECT_ERR(read(fd[0], &c, 1), EINTR);
    struct iovec iov = {&c, 1};
    EXPECT_ERR(readv(fd[0], &iov, 1), EINTR);
}

CASE(restart, full_pipe_write_is_eintr_or_partial)
{
    int fd[2];
    static char buf[200000];
    OK(pipe(fd));
    start_ticks(0);
    ssize_t n = OK(write(fd[1], buf, sizeof(buf))); /* what had fitted counts */
    EXPECT(n > 0 && n < (ssize_t)sizeof(buf));
    EXPECT_ERR(write(fd[1], buf, 100), EINTR);
}

CASE(restart, wait_is_restarted)
{
    struct gate g;
    pid_t pid;
    gate_init(&g);
    CHILD (pid) {
        gate_wait(&g);
        _exit(2);
    }
    feed_fd = g.fd[1];
    start_ticks(SA_RESTART);
    int status;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), 2);
    EXPECT(ticks >= ENOUGH);
}

CASE(restart, wait_without_restart_is_eintr)
{
    pid_t pid;
    siginfo_t si;
    CHILD (pid) {
        for (;;)
            pause();
    }
    start_ticks(0);
    EXPECT_ERR(waitpid(pid, NULL, 0), EINTR);
    EXPECT_ERR(waitid(P_PID, (id_t)pid, &si, WEXITED), EINTR);
    OK(kill(pid, SIGKILL));
}

CASE(restart, nanosleep_is_never_restarted_and_tells_the_rest)
{
    struct timespec req = {100, 0}, rem = {0, 0};
    start_ticks(SA_RESTART);
    EXPECT_ERR(nanosleep(&req, &rem), EINTR);
    EXPECT(rem.tv_sec >= 1 && (rem.tv_sec < 100 || rem.tv_nsec == 0));
    EXPECT(rem.tv_nsec >= 0 && rem.tv_nsec < 1000000000);
    EXPECT_ERR(nanosleep(&req, NULL), EINTR);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &req, &rem), EINTR);
}

CASE(restart, absolute_sleep_leaves_the_rest_alone)
{
    struct timespec until, rem = {77, 88};
    OK(clock_gettime(CLOCK_MONOTONIC, &until));
    until.tv_sec += 100;
    start_ticks(0);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &rem), EINTR);
    EXPECT(rem.tv_sec == 77 && rem.tv_nsec == 88);
}

CASE(restart, poll_family_is_never_restarted)
{
    int fd[2];
    OK(pipe(fd));
    struct pollfd p = {fd[0], POLLIN, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd[0], &set);
    start_ticks(SA_RESTART);
    EXPECT_ERR(poll(&p, 1, -1), EINTR);
    EXPECT_ERR(poll(&p, 1, 100000), EINTR);
    EXPECT_ERR(ppoll(&p, 1, NULL, NULL), EINTR);
    EXPECT_ERR(select(fd[0] + 1, &set, NULL, NULL, NULL), EINTR);
    EXPECT_ERR(pselect(fd[0] + 1, &set, NULL, NULL, NULL, NULL), EINTR);
    EXPECT(FD_ISSET(fd[0], &set)); /* untouched */
}

CASE(restart, pause_and_sigsuspend_always_end)
{
    sigset_t none;
    sigemptyset(&none);
    start_ticks(SA_RESTART);
    EXPECT_ERR(pause(), EINTR);
    EXPECT_ERR(sigsuspend(&none), EINTR);
}

CASE(restart, fifo_open_is_eintr_without_restart)
{
    OK(mkfifo("fifo", 0600));
    start_ticks(0);
    EXPECT_ERR(open("fifo", O_RDONLY), EINTR);
    EXPECT_ERR(open("fifo", O_WRONLY), EINTR);
}

CASE(restart, futex_wait_is_restarted_without_timeout)
{
    pid_t pid;
    volatile int *shared = map_shared_page();
    CHILD (pid) {
        start_ticks(SA_RESTART);
        while (*shared == 0)
            OK(syscall(SYS_futex, shared, FUTEX_WAIT, 0, NULL, NULL, 0));
        EXPECT(ticks >= 1);
        _exit(5);
    }
    sleep_ms(8 * TICK_MS);
    wait_until_asleep(pid);
    *shared = 1;
    while (syscall(SYS_futex, shared, FUTEX_WAKE, 1, NULL, NULL, 0) == 0 &&
           waitpid(pid, NULL, WNOHANG) == 0 && ++*shared < 2000)
        sleep_ms(2);
    EXPECT(*shared < 2000);
}

CASE(restart, futex_wait_without_restart_is_eintr)
{
    static volatile int word;
    struct timespec ts = {100, 0};
    start_ticks(0);
    EXPECT_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
    EXPECT_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &ts, NULL, 0), EINTR);
}

CASE(restart, ignored_and_blocked_signals_disturb_nothing)
{
    struct timespec req = {0, 200000000};
    sigset_t set;
    signal(SIGALRM, SIG_IGN);
    tick_every(TICK_MS);
    OK(nanosleep(&req, NULL));
    signal(SIGALRM, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    signal(SIGALRM, on_tick);
    OK(nanosleep(&req, NULL));
    EXPECT_EQ(ticks, 0);
}

CASE(restart, stop_and_continue_do_not_shorten_a_sleep)
{
    pid_t pid;
    int status;
    CHILD (pid) {
        struct timespec req = {0, 300000000};
        int64_t before = now_ns(CLOCK_MONOTONIC);
        OK(nanosleep(&req, NULL));
        EXPECT(now_ns(CLOCK_MONOTONIC) - before >= 300000000);
        struct pollfd none = {-1, 0, 0};
        EXPECT_EQ(poll(&none, 1, 100), 0);
    }
    for (int i = 0; i < 8; i++) {
        sleep_ms(20);
        OK(kill(pid, SIGSTOP));
        if (waitpid(pid, &status, WUNTRACED) == pid && !WIFSTOPPED(status)) {
            EXPECT_EQ(status, 0);
            return;
        }
        OK(kill(pid, SIGCONT));
    }
    EXPECT_EXIT(pid, 0);
}

CASE(restart, handler_may_write_the_pipe_being_read)
{
    int fd[2];
    char c;
    OK(pipe(fd));
    feed_fd = fd[1];
    start_ticks(SA_RESTART);
    for (int i = 0; i < 3; i++) {
        ticks = 0;
        EXPECT_EQ(read(fd[0], &c, 1), 1);
        EXPECT(ticks >= ENOUGH);
    }
}
