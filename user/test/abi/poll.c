// SPDX-License-Identifier: MIT
/* poll, ppoll, select and pselect: states, time-outs, masks, wake-ups. */
#include "abi.h"

#include <poll.h>
#include <pthread.h>
#include <sys/select.h>

static short poll_now(int fd, short events)
{
    struct pollfd p = {fd, events, 0x7fff};
    int n = (int)OK(poll(&p, 1, 0));
    EXPECT_EQ(n, p.revents != 0);
    return p.revents;
}

CASE(poll, states_of_a_pipe)
{
    int fd[2];
    static char buf[4096];
    OK(pipe2(fd, O_NONBLOCK));
    EXPECT_EQ(poll_now(fd[0], POLLIN), 0);
    EXPECT_EQ(poll_now(fd[1], POLLOUT), POLLOUT);
    OK(write(fd[1], "x", 1));
    EXPECT_EQ(poll_now(fd[0], POLLIN), POLLIN);
    EXPECT_EQ(poll_now(fd[0], 0), 0); /* not asked for */
    while (write(fd[1], buf, sizeof(buf)) > 0)
        ;
    EXPECT_EQ(poll_now(fd[1], POLLOUT), 0);
    while (read(fd[0], buf, sizeof(buf)) > 0)
        ;
    EXPECT_EQ(poll_now(fd[1], POLLOUT), POLLOUT);
    OK(write(fd[1], "x", 1));
    OK(close(fd[1]));
    EXPECT_EQ(poll_now(fd[0], POLLIN), POLLIN | POLLHUP);
    OK(read(fd[0], buf, 1));
    EXPECT_EQ(poll_now(fd[0], POLLIN), POLLHUP);
    EXPECT_EQ(poll_now(fd[0], 0), POLLHUP); /* always told */
}

CASE(poll, writer_without_reader_is_pollerr)
{
    int fd[2];
    OK(pipe(fd));
    OK(close(fd[0]));
    EXPECT(poll_now(fd[1], POLLOUT) & POLLERR);
}

CASE(poll, regular_files_and_null_are_always_ready)
{
    int f = (int)OK(open("f", O_RDWR | O_CREAT, 0600)), null = (int)OK(open("/dev/null", O_RDWR));
    EXPECT_EQ(poll_now(f, POLLIN | POLLOUT), POLLIN | POLLOUT);
    EXPECT_EQ(poll_now(null, POLLIN | POLLOUT), POLLIN | POLLOUT);
}

CASE(poll, bad_and_negative_descriptors)
{
    struct pollfd p[3] = {{150, POLLIN, 0}, {-1, POLLIN, 0x7f}, {0, 0, 0}};
    p[2].fd = (int)OK(open("/dev/null", O_RDWR));
    EXPECT_EQ(poll(p, 3, 0), 1);
    EXPECT_EQ(p[0].revents, POLLNVAL);
    EXPECT_EQ(p[1].revents, 0); /* ignored */
    EXPECT_EQ(poll(p + 1, 1, 1), 0);
    EXPECT_EQ(poll(NULL, 0, 1), 0);
    EXPECT_ERR(syscall(SYS_ppoll, p, 1u << 30, NULL, NULL, 8), EINVAL);
}

CASE(poll, timeouts_are_not_early)
{
    int fd[2];
    OK(pipe(fd));
    struct pollfd p = {fd[0], POLLIN, 0};
    int64_t t = now_ns(CLOCK_MONOTONIC);
    EXPECT_EQ(poll(&p, 1, 30), 0);
    EXPECT(now_ns(CLOCK_MONOTONIC) - t >= 30000000);
    struct timespec ts = {0, 30000000};
    t = now_ns(CLOCK_MONOTONIC);
    EXPECT_EQ(ppoll(&p, 1, &ts, NULL), 0);
    EXPECT(now_ns(CLOCK_MONOTONIC) - t >= 30000000);
    struct timeval tv = {0, 30000};
    t = now_ns(CLOCK_MONOTONIC);
    EXPECT_EQ(select(0, NULL, NULL, NULL, &tv), 0);
    EXPECT(now_ns(CLOCK_MONOTONIC) - t >= 30000000);
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    EXPECT_ERR(syscall(SYS_ppoll, &p, 1, &bad, NULL, 8), EINVAL);
    EXPECT_ERR(syscall(SYS_ppoll, &p, 1, &negative, NULL, 8), EINVAL);
    EXPECT_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &bad, NULL), EINVAL);
}

CASE(poll, sleeper_is_woken_by_data)
{
    int fd[2];
    pid_t pid, me = getpid();
    OK(pipe(fd));
    CHILD (pid) {
        wait_until_asleep(me);
        OK(write(fd[1], "x", 1));
    }
    struct pollfd p = {fd[0], POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, -1), 1);
    EXPECT_EQ(p.revents, POLLIN);
    EXPECT_EXIT(pid, 0);
}

CASE(poll, sleeper_is_woken_by_room_and_by_hangup)
{
    int fd[2], hup[2];
    static char buf[4096];
    pid_t pid, me = getpid();
    OK(pipe2(fd, O_NONBLOCK));
    OK(pipe(hup));
    while (write(fd[1], buf, sizeof(buf)) > 0)
        ;
    CHILD (pid) {
        close(hup[0]);
        wait_until_asleep(me);
        while (read(fd[0], buf, sizeof(buf)) > 0)
            ;
    }
    close(hup[1]);
    struct pollfd p = {fd[1], POLLOUT, 0}, q = {hup[0], POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, -1), 1);
    EXPECT_EQ(p.revents, POLLOUT);
    EXPECT_EQ(poll(&q, 1, -1), 1); /* when the child ends */
    EXPECT_EQ(q.revents, POLLHUP);
    EXPECT_EXIT(pid, 0);
}

CASE(poll, one_of_many)
{
    enum { N = 60 };
    int fd[N][2];
    struct pollfd p[N];
    for (int i = 0; i < N; i++) {
        OK(pipe(fd[i]));
        p[i] = (struct pollfd){fd[i][0], POLLIN, 0};
    }
    EXPECT_EQ(poll(p, N, 0), 0);
    for (int i = 0; i < N; i += 7) {
        char c;
        OK(write(fd[i][1], "x", 1));
        EXPECT_EQ(poll(p, N, -1), 1);
        for (int j = 0; j < N; j++)
            EXPECT_EQ(p[j].revents, j == i ? POLLIN : 0);
        OK(read(fd[i][0], &c, 1));
    }
}

static volatile sig_atomic_t caught;

static void note(int sig)
{
    (void)sig;
    caught++;
}

CASE(poll, ppoll_mask_lets_a_pending_signal_in)
{
    sigset_t set, none;
    struct timespec ts = {100, 0};
    on_signal(SIGUSR1, note, SA_RESTART);
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    OK(raise(SIGUSR1));
    EXPECT_EQ(caught, 0);
    EXPECT_ERR(ppoll(NULL, 0, &ts, &none), EINTR);
    EXPECT_EQ(caught, 1);
    OK(raise(SIGUSR1));
    EXPECT_EQ(caught, 1); /* the old mask is back */
    EXPECT_ERR(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
    EXPECT_EQ(caught, 2);
}

CASE(poll, ppoll_mask_keeps_signals_out)
{
    sigset_t all;
    struct timespec ts = {0, 50000000};
    on_signal(SIGALRM, note, 0);
    sigfillset(&all);
    tick_every(10);
    EXPECT_EQ(ppoll(NULL, 0, &ts, &all), 0);
    ts = (struct timespec){0, 50000000};
    EXPECT_EQ(pselect(0, NULL, NULL, NULL, &ts, &all), 0);
}

CASE(select, sets_are_cut_to_what_is_ready)
{
    int a[2], b[2];
    fd_set r, w, e;
    OK(pipe(a));
    OK(pipe(b));
    OK(write(a[1], "x", 1));
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&e);
    FD_SET(a[0], &r);
    FD_SET(b[0], &r);
    FD_SET(b[1], &w);
    FD_SET(a[0], &e);
    EXPECT_EQ(select(b[1] + 1, &r, &w, &e, NULL), 2);
    EXPECT(FD_ISSET(a[0], &r) && !FD_ISSET(b[0], &r));
    EXPECT(FD_ISSET(b[1], &w) && !FD_ISSET(a[0], &e));
    struct timeval zero = {0, 0};
    FD_ZERO(&r);
    FD_SET(b[0], &r);
    EXPECT_EQ(select(b[1] + 1, &r, NULL, NULL, &zero), 0);
    EXPECT(!FD_ISSET(b[0], &r));
    OK(close(b[1]));
    FD_SET(b[0], &r);
    EXPECT_EQ(select(b[0] + 1, &r, NULL, NULL, NULL), 1); /* hang-up is readable */
}

CASE(select, refusals)
{
    fd_set r;
    struct timeval zero = {0, 0};
    FD_ZERO(&r);
    FD_SET(150, &r);
    EXPECT_ERR(select(151, &r, NULL, NULL, &zero), EBADF);
    EXPECT_EQ(select(150, &r, NULL, NULL, &zero), 0); /* below nfds there is nothing */
    EXPECT_ERR(select(-1, NULL, NULL, NULL, &zero), EINVAL);
}

CASE(select, high_descriptors)
{
    int fd[2];
    fd_set r;
    OK(pipe(fd));
    OK(dup2(fd[0], 190));
    OK(write(fd[1], "x", 1));
    FD_ZERO(&r);
    FD_SET(190, &r);
    EXPECT_EQ(select(191, &r, NULL, NULL, NULL), 1);
    EXPECT(FD_ISSET(190, &r));
}

static void *close_after_a_while(void *arg)
{
    sleep_ms(30);
    close(*(int *)arg);
    return NULL;
}

CASE(poll, closing_the_write_end_wakes_the_poller)
{
    int fd[2];
    pthread_t t;
    OK(pipe(fd));
    EXPECT_EQ(pthread_create(&t, NULL, close_after_a_while, &fd[1]), 0);
    struct pollfd p = {fd[0], POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, -1), 1);
    EXPECT_EQ(p.revents, POLLHUP);
    pthread_join(t, NULL);
}
