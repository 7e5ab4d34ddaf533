// SPDX-License-Identifier: MIT
/* Measuring: the clock, rounds, and what is taken off.
 *
 * A round costs `elapsed - clock - idle`: the reading of the clock itself is measured once, as the
 * cheapest of many empty rounds; idle is what bench_keep_busy()'s process counted meanwhile. Divided
 * by the number of operations, less what the operation said to take off, that is the round's figure,
 * and the lowest figure wins. The number of rounds is bounded from both sides: few rounds might all
 * be hit by an interrupt, and many would make an expensive operation take minutes. */
#include "user/bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { MIN_ROUNDS = 6, MAX_ROUNDS = 40, BUDGET = 20 * 1000 * 1000 };

/* Nanoseconds; on riscv64 without entering the kernel or the C library. QEMU's virt counts at
 * 10 MHz, and both kernels of a comparison run there. */
static inline uint64_t clock_now(void)
{
#ifdef __riscv
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks)::"memory");
    return ticks * 100;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

bool bench_round(struct bench *b)
{
    return b->nr_done < MIN_ROUNDS || (b->nr_done < MAX_ROUNDS && b->spent < BUDGET);
}

void bench_start(struct bench *b)
{
    b->idle_start = bench_idle();
    b->start = clock_now();
}

static void note_round(struct bench *b, double cost)
{
    b->nr_done++;
    if (b->nr_done == 1 || cost < b->best)
        b->best = cost;
}

void bench_stop(struct bench *b, unsigned nr)
{
    uint64_t elapsed = clock_now() - b->start;
    uint64_t idle = bench_idle() - b->idle_start;
    double cost;

    b->spent += elapsed;
    cost = (elapsed > idle ? (double)(elapsed - idle) : 0.0) / nr - b->less;
    note_round(b, cost > 0 ? cost : 0);
}

void bench_count(struct bench *b, uint64_t count)
{
    note_round(b, (double)count);
}

double bench_loop_cost(void)
{
    enum { TURNS = 20000 };
    static double cost;
    struct bench empty = {0};

    if (cost > 0)
        return cost;
    while (bench_round(&empty)) {
        bench_start(&empty);
        for (unsigned turn = 0; turn < TURNS; turn++)
            __asm__ volatile("" ::: "memory");
        bench_stop(&empty, TURNS);
    }
    return cost = empty.best;
}

void bench_fail(const char *file, int line, const char *text)
{
    fprintf(stderr, "bench: %s:%d: %s: %s\n", file, line, text, strerror(errno));
    _exit(1);
}

long bench_need(const char *file, int line, const char *text, long result)
{
    if (result == -1)
        bench_fail(file, line, text);
    return result;
}

char *bench_map(size_t len)
{
    char *start = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (start == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    madvise(start, len, MADV_NOHUGEPAGE); /* a kernel without huge pages need not know it */
    return start;
}

void bench_make_file(const char *name, size_t len)
{
    static char block[65536];
    int fd = (int)NEED(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));

    while (len > 0) {
        size_t part = len < sizeof(block) ? len : sizeof(block);
        NEED(write(fd, block, part));
        len -= part;
    }
    NEED(close(fd));
}

int bench_child(void (*body)(void *), void *argument)
{
    int pid = (int)NEED(fork());

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(argument);
        _exit(0);
    }
    return pid;
}

void bench_end_child(int pid)
{
    kill(pid, SIGKILL);
    NEED(waitpid(pid, NULL, 0));
}
