// SPDX-License-Identifier: MIT
// bench: the way into the kernel and back, and calls that do little else.
#include "user/bench/bench.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { NR_CALLS = 1000, NR_WATCHED = 100, FIRST_WATCHED = 20 };

BENCH(call, null, "null system call (getppid)")
{
    BENCH_LOOP(b, NR_CALLS, syscall(SYS_getppid));
}

BENCH(call, read_byte, "read 1 byte of /dev/zero")
{
    int fd = (int)NEED(open("/dev/zero", O_RDONLY));
    char byte;

    BENCH_LOOP(b, NR_CALLS, NEED(read(fd, &byte, 1)));
}

BENCH(call, write_byte, "write 1 byte to /dev/null")
{
    int fd = (int)NEED(open("/dev/null", O_WRONLY));

    BENCH_LOOP(b, NR_CALLS, NEED(write(fd, "x", 1)));
}

BENCH(call, dup_close, "dup and close")
{
    BENCH_LOOP(b, NR_CALLS, NEED(close((int)NEED(dup(0)))));
}

BENCH(call, fcntl, "fcntl F_GETFL")
{
    BENCH_LOOP(b, NR_CALLS, NEED(fcntl(0, F_GETFL)));
}

BENCH(call, uname, "uname")
{
    struct utsname name;

    BENCH_LOOP(b, NR_CALLS, NEED(uname(&name)));
}

BENCH(call, clock, "clock_gettime, as the C library does it")
{
    struct timespec now;

    BENCH_LOOP(b, NR_CALLS, clock_gettime(CLOCK_MONOTONIC, &now));
}

BENCH(call, clock_syscall, "clock_gettime, the system call")
{
    struct timespec now;

    BENCH_LOOP(b, NR_CALLS, NEED(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now)));
}

/* A hundred descriptors of one file, all of them ready; the first is FIRST_WATCHED. */
static void open_watched(void)
{
    int file;

    bench_make_file("watched", 1);
    file = (int)NEED(open("watched", O_RDONLY));
    for (int i = 0; i < NR_WATCHED; i++)
        NEED(dup2(file, FIRST_WATCHED + i));
}

static int select_watched(const fd_set *watched)
{
    fd_set ready = *watched;

    return select(FIRST_WATCHED + NR_WATCHED, &ready, NULL, NULL, NULL);
}

BENCH(call, select100, "select on 100 descriptors")
{
    fd_set watched;

    open_watched();
    FD_ZERO(&watched);
    for (int i = 0; i < NR_WATCHED; i++)
        FD_SET(FIRST_WATCHED + i, &watched);
    if (select_watched(&watched) != NR_WATCHED)
        bench_fail(__FILE__, __LINE__, "all descriptors are ready");
    BENCH_LOOP(b, NR_CALLS / 10, select_watched(&watched));
}

BENCH(call, poll100, "poll of 100 descriptors")
{
    struct pollfd watched[NR_WATCHED];

    open_watched();
    for (int i = 0; i < NR_WATCHED; i++)
        watched[i] = (struct pollfd){.fd = FIRST_WATCHED + i, .events = POLLIN};
    BENCH_LOOP(b, NR_CALLS / 10, NEED(poll(watched, NR_WATCHED, -1)));
}

BENCH(call, poll100_pipe, "poll of 100 empty pipes and one that is ready")
{
    struct pollfd watched[NR_WATCHED + 1];
    int fds[2];

    for (int i = 0; i <= NR_WATCHED; i++) {
        NEED(pipe(fds));
        watched[i] = (struct pollfd){.fd = fds[0], .events = POLLIN};
    }
    NEED(write(fds[1], "x", 1));
    BENCH_LOOP(b, NR_CALLS / 10, NEED(poll(watched, NR_WATCHED + 1, -1)));
}
