// SPDX-License-Identifier: MIT
// bench: making processes and threads, and their end.
#include "user/bench/bench.h"

#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_FORKS = 4, LARGE = 100 << 20, NR_THREADS = 20 };

static void fork_and_exit(void)
{
    pid_t pid = (pid_t)NEED(fork());

    if (pid == 0)
        _exit(0);
    NEED(waitpid(pid, NULL, 0));
}

BENCH(process, fork_exit, "fork, exit, wait")
{
    BENCH_LOOP(b, NR_FORKS, fork_and_exit());
}

static void fork_and_exec(void)
{
    pid_t pid = (pid_t)NEED(fork());
    int status;

    if (pid == 0) {
        execl(bench_self, bench_self, "@nothing", (char *)NULL);
        _exit(1);
    }
    NEED(waitpid(pid, &status, 0));
    if (status != 0)
        bench_fail(__FILE__, __LINE__, bench_self);
}

BENCH(process, fork_exec, "fork, execve of a static program, exit, wait")
{
    BENCH_LOOP(b, NR_FORKS, fork_and_exec());
}

static void spawn_and_wait(void)
{
    char *words[] = {(char *)bench_self, "@nothing", NULL};
    char *none[] = {NULL};
    pid_t pid;
    int status;

    if (posix_spawn(&pid, bench_self, NULL, NULL, words, none) != 0)
        bench_fail(__FILE__, __LINE__, bench_self);
    NEED(waitpid(pid, &status, 0));
}

BENCH(process, spawn, "posix_spawn of a static program, exit, wait")
{
    BENCH_LOOP(b, NR_FORKS, spawn_and_wait());
}

/* fork alone: the child is waited for outside of what is measured. */
static void measure_fork(struct bench *b)
{
    while (bench_round(b)) {
        pid_t pid;

        bench_start(b);
        pid = (pid_t)NEED(fork());
        if (pid == 0)
            _exit(0);
        bench_stop(b, 1);
        NEED(waitpid(pid, NULL, 0));
    }
}

BENCH(process, fork, "fork of a small process, until it returns to the parent")
{
    measure_fork(b);
}

BENCH(process, fork_100m, "fork of a process with 100 MiB in small pages")
{
    memset(bench_map(LARGE), 1, LARGE);
    measure_fork(b);
}

BENCH(process, fork_100m_default, "fork of a process with 100 MiB, pages as the kernel likes")
{
    void *large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (large == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    memset(large, 1, LARGE);
    measure_fork(b);
}

BENCH(process, fork_exit_100m, "fork of a process with 100 MiB in small pages, exit, wait")
{
    memset(bench_map(LARGE), 1, LARGE);
    BENCH_LOOP(b, 1, fork_and_exit());
}

static void *return_at_once(void *argument)
{
    return argument;
}

static void make_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, return_at_once, NULL) != 0 || pthread_join(thread, NULL) != 0)
        bench_fail(__FILE__, __LINE__, "thread");
}

BENCH(process, thread, "thread create and join")
{
    BENCH_LOOP(b, NR_THREADS, make_thread());
}

BENCH(process, wait_none, "waitid for a child that still runs, WNOHANG")
{
    int pid = (int)NEED(fork());

    if (pid == 0) {
        pause();
        _exit(0);
    }
    BENCH_LOOP(b, 500, NEED(waitpid(pid, NULL, WNOHANG)));
    bench_end_child(pid);
}
