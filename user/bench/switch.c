// SPDX-License-Identifier: MIT
/* bench: from one task to another: rings of processes, yielding, futexes.
 *
 * A ring passes one byte round through pipes. What the pipes cost is measured by the same reads and
 * writes in one process, and taken off, so that the switches remain. */
#include "user/bench/bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RING = 16, NR_ROUNDS = 100 };

static int pipes[MAX_RING][2];
static int ring_size;

static void pass_on(void *argument)
{
    int place = (int)(intptr_t)argument;
    char byte;

    while (read(pipes[place][0], &byte, 1) == 1)
        NEED(write(pipes[(place + 1) % ring_size][1], &byte, 1));
}

static double pass_cost(void)
{
    struct bench alone = {0};
    char byte;

    BENCH_LOOP(&alone, 500, (NEED(write(pipes[0][1], "x", 1)), NEED(read(pipes[0][0], &byte, 1))));
    return alone.best;
}

static void measure_ring(struct bench *b, int size)
{
    int pids[MAX_RING] = {0};
    char byte;

    ring_size = size;
    for (int i = 0; i < size; i++)
        NEED(pipe(pipes[i]));
    b->less = pass_cost();
    for (int i = 1; i < size; i++)
        pids[i] = bench_child(pass_on, (void *)(intptr_t)i);
    while (bench_round(b)) {
        bench_start(b);
        for (int i = 0; i < NR_ROUNDS; i++) {
            NEED(write(pipes[1][1], "x", 1));
            NEED(read(pipes[0][0], &byte, 1));
        }
        bench_stop(b, NR_ROUNDS * (unsigned)size);
    }
    for (int i = 1; i < size; i++)
        bench_end_child(pids[i]);
}

BENCH(switch, ring2, "context switch, 2 processes, net of the pipe")
{
    measure_ring(b, 2);
}

BENCH(switch, ring8, "context switch, 8 processes, net of the pipe")
{
    measure_ring(b, 8);
}

BENCH(switch, ring16, "context switch, 16 processes, net of the pipe")
{
    measure_ring(b, 16);
}

BENCH(switch, yield_alone, "sched_yield with nobody else to run")
{
    BENCH_LOOP(b, 500, NEED(sched_yield()));
}

static void *pass_through_pipe(void *unused)
{
    pass_on((void *)(intptr_t)1);
    return unused;
}

BENCH(switch, threads2, "context switch, 2 threads, net of the pipe")
{
    pthread_t thread;
    char byte;

    ring_size = 2;
    for (int i = 0; i < ring_size; i++)
        NEED(pipe(pipes[i]));
    b->less = pass_cost();
    if (pthread_create(&thread, NULL, pass_through_pipe, NULL) != 0)
        bench_fail(__FILE__, __LINE__, "pthread_create");
    while (bench_round(b)) {
        bench_start(b);
        for (int i = 0; i < NR_ROUNDS; i++) {
            NEED(write(pipes[1][1], "x", 1));
            NEED(read(pipes[0][0], &byte, 1));
        }
        bench_stop(b, NR_ROUNDS * 2);
    }
}

static long futex(atomic_int *word, int operation, int value)
{
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

BENCH(switch, futex_wake_none, "futex wake with nobody waiting")
{
    atomic_int word = 0;

    BENCH_LOOP(b, 500, NEED(futex(&word, FUTEX_WAKE_PRIVATE, 1)));
}

BENCH(switch, futex_no_wait, "futex wait for a value that has changed")
{
    atomic_int word = 0;

    BENCH_LOOP(b, 500, futex(&word, FUTEX_WAIT_PRIVATE, 1));
}

/* Two tasks take turns: whose the word says, and the other one sleeps on it. */
static void take_turn(atomic_int *word, int mine, int private)
{
    while (atomic_load(word) != mine)
        futex(word, FUTEX_WAIT | private, !mine);
    atomic_store(word, !mine);
    futex(word, FUTEX_WAKE | private, 1);
}

static void take_turns_shared(void *word)
{
    for (;;)
        take_turn(word, 1, 0);
}

static void *take_turns_private(void *word)
{
    for (;;)
        take_turn(word, 1, FUTEX_PRIVATE_FLAG);
    return NULL;
}

BENCH(switch, futex_threads, "futex wake and wait, round trip of 2 threads")
{
    static atomic_int word;
    pthread_t thread;

    if (pthread_create(&thread, NULL, take_turns_private, &word) != 0)
        bench_fail(__FILE__, __LINE__, "pthread_create");
    BENCH_LOOP(b, 200, take_turn(&word, 0, FUTEX_PRIVATE_FLAG));
}

BENCH(switch, futex_processes, "futex wake and wait, round trip of 2 processes")
{
    atomic_int *word = mmap(NULL, BENCH_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                            -1, 0);
    int pid;

    if (word == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    pid = bench_child(take_turns_shared, word);
    BENCH_LOOP(b, 200, take_turn(word, 0, 0));
    bench_end_child(pid);
}

BENCH(switch, sleep, "clock_nanosleep of 10 microseconds, without the wait")
{
    static const struct timespec moment = {.tv_nsec = 10000};

    bench_keep_busy();
    BENCH_LOOP(b, 20, clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL));
}
