// SPDX-License-Identifier: MIT
/* What the benchmark programs share; see bench.h. Nothing here allocates memory while something is
 * measured. */
#define _GNU_SOURCE
#include "tools/bench/bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 8 };

static bool takes_turns;

void bench_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void bench_result(const char *name, double value)
{
    printf("%s\t%.4f\n", name, value);
    fflush(stdout);
}

void bench_take_turns(void)
{
    takes_turns = true;
}

/* write() and read(), since those of stdio may allocate memory. */
void bench_end_turn(void)
{
    char go = 0;

    if (takes_turns &&
        (write(STDOUT_FILENO, "turn\n", 5) != 5 || read(STDIN_FILENO, &go, 1) != 1)) {
        bench_fail("bench: who called the turns is gone");
    }
}

void bench_pin(unsigned index)
{
    static cpu_set_t allowed; /* as the program found it */
    cpu_set_t one;
    unsigned seen = 0;

    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        bench_fail("bench: the system does not tell its processors");
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && seen++ == index % (unsigned)CPU_COUNT(&allowed)) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof(one), &one); /* the calling thread */
            return;
        }
    }
}

/* ---- Threads --------------------------------------------------------------------------------- */

struct crew {
    void (*work)(unsigned index, void *arg);
    void *arg;
    pthread_barrier_t start;
};

struct member {
    struct crew *crew;
    unsigned index;
    pthread_t thread;
};

static void *run_member(void *arg)
{
    struct member *member = arg;

    bench_pin(member->index);
    pthread_barrier_wait(&member->crew->start);
    member->crew->work(member->index, member->crew->arg);
    return NULL;
}

uint64_t bench_run_threads(unsigned nr_threads, void (*work)(unsigned index, void *arg), void *arg)
{
    struct crew crew = {.work = work, .arg = arg};
    struct member members[MAX_THREADS];
    uint64_t start_ns;

    if (nr_threads <= 1) {
        start_ns = bench_now_ns();
        work(0, arg);
        return bench_now_ns() - start_ns;
    }
    if (nr_threads > MAX_THREADS) {
        bench_fail("bench: at most %d threads", MAX_THREADS);
    }
    bench_pin(0); /* asks which processors there are before the threads do */
    pthread_barrier_init(&crew.start, NULL, nr_threads + 1);
    for (unsigned i = 0; i < nr_threads; i++) {
        members[i] = (struct member){.crew = &crew, .index = i};
        if (pthread_create(&members[i].thread, NULL, run_member, &members[i]) != 0) {
            bench_fail("bench: no thread");
        }
    }
    start_ns = bench_now_ns();
    pthread_barrier_wait(&crew.start);
    for (unsigned i = 0; i < nr_threads; i++) {
        pthread_join(members[i].thread, NULL);
    }
    return bench_now_ns() - start_ns;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* From smaps_rollup, which counts pages; the figures of /proc/self/status may be some hundred
 * kilobytes behind. Read without an allocation. */
uint64_t bench_resident_bytes(void)
{
    char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t len_bytes = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    const char *line;

    if (file >= 0) {
        close(file);
    }
    if (len_bytes <= 0) {
        return 0;
    }
    text[len_bytes] = '\0';
    line = strstr(text, "\nRss:");
    return line == NULL ? 0 : strtoull(line + 5, NULL, 10) * 1024;
}
