// SPDX-License-Identifier: MIT
/* churn: does the kernel become slower with age?
 *
 * A kernel that has just booted has its free memory in large blocks, its lists short and its caches
 * empty; one that has worked for a while has not. So what single operations of the memory subsystem
 * cost (`bench mm`) is measured, then the machine is worn out for some time, and it is measured again in
 * the same boot. Two kinds of load run in between:
 *
 *   /tests/stress   processes come and go by the thousand: fork, exec, shells, pipes, files, mappings;
 *                   in each ten seconds it runs for the first three (--busy), so that the load begins and
 *                   ends many times
 *   residents       a few processes stay, and all the time touch, drop and map pages, and open and close
 *                   pipes, at random places: so that what is free lies in pieces between what stays
 *
 * During the second measurement the residents are stopped, and keep what they have: memory is in the
 * state that the load left it in. /proc/buddyinfo is shown each time, so that this can be seen.
 *
 * Under `-icount` seconds and figures are the guest's, counted in instructions. Exit status: 0 no
 * figure has grown by more than the limit, 1 one has, 2 wrong use, 3 something could not be run. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_FIGURES = 64,
    NR_RESIDENTS = 8,
    RESIDENT_PAGES = 1536, /* 6 MiB; about half of them are there at any time */
    BURST = 64,            /* steps between two rests */
    NR_PIPES = 16,
    PERIOD_SECONDS = 10,
    PAGE = 4096,
    WARM_UPS = 1, /* runs that make what is made once */
};

struct figure {
    char name[48];
    double cost;
};

static uint64_t seed = 1;
static long limit_percent = 10, busy_percent = 30;
static pid_t running; /* what run() has started */

static uint64_t random_below(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 8) % below;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
    exit(3);
}

/* ---- The load --------------------------------------------------------------------------------- */

static void change_pipe(int ends[2])
{
    char byte = 1;

    if (ends[0] != 0) {
        close(ends[0]);
        close(ends[1]);
        ends[0] = 0;
    } else if (pipe(ends) || write(ends[1], &byte, 1) != 1) {
        fail("pipe");
    }
}

static void map_and_unmap(void)
{
    size_t len = (1 + random_below(64)) * PAGE;
    char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        fail("mmap");
    for (size_t at = 0; at < len; at += (size_t)PAGE << random_below(3))
        memory[at] = 1;
    munmap(memory, len);
}

static _Noreturn void reside(unsigned number)
{
    static int pipes[NR_PIPES][2];
    struct timespec rest = {.tv_nsec = 20 * 1000 * 1000};
    char *memory = mmap(NULL, RESIDENT_PAGES * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (memory == MAP_FAILED)
        fail("mmap");
    madvise(memory, RESIDENT_PAGES * PAGE, MADV_NOHUGEPAGE);
    seed += number * 0x9e3779b97f4a7c15u;
    for (unsigned step = 1;; step++) {
        char *page = memory + random_below(RESIDENT_PAGES) * PAGE;

        if (random_below(2) == 0)
            *page = 1;
        else if (madvise(page, PAGE, MADV_DONTNEED))
            fail("madvise");
        if (random_below(8) == 0)
            change_pipe(pipes[random_below(NR_PIPES)]);
        if (random_below(32) == 0)
            map_and_unmap();
        if (step % BURST == 0)
            nanosleep(&rest, NULL);
    }
}

/* Start a program; its output is read from *out. */
static void run(char **argv, FILE **out)
{
    int ends[2];
    pid_t pid;

    fflush(stdout);
    if (pipe(ends) || (running = pid = fork()) < 0)
        fail(argv[0]);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(argv[0], argv);
        fail(argv[0]);
    }
    close(ends[1]);
    *out = fdopen(ends[0], "r");
    if (!*out)
        fail("fdopen");
}

static void end(const char *name, FILE *out)
{
    int status;

    fclose(out);
    if (waitpid(running, &status, 0) != running)
        fail(name);
    if (status != 0) {
        fprintf(stderr, "churn: %s ended with status %#x\n", name, (unsigned)status);
        exit(3);
    }
}

/* One run of stress. Returns what its last line counts: rounds of work done. */
static long stress(long seconds, const char *procs, const char *seed_text)
{
    char text[24];
    char *argv[] = {"/tests/stress",
                    "--seconds",
                    text,
                    "--procs",
                    (char *)(uintptr_t)procs,
                    "--seed",
                    (char *)(uintptr_t)seed_text,
                    NULL};
    long rounds = 0, failures = 1;
    char line[256];
    FILE *out;

    snprintf(text, sizeof(text), "%ld", seconds);
    run(argv, &out);
    while (fgets(line, sizeof(line), out))
        sscanf(line, "stress: %ld rounds, %ld failures", &rounds, &failures);
    end(argv[0], out);
    if (failures != 0 || rounds == 0) {
        fprintf(stderr, "churn: stress: %ld rounds, %ld failures\n", rounds, failures);
        exit(3);
    }
    return rounds;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Periods in which stress first runs, and then only the residents do. */
static void wear_out(long seconds, const char *procs, const char *seed_text)
{
    double start = now();
    long rounds = 0;

    for (long from = 0; from < seconds; from += PERIOD_SECONDS) {
        long period = seconds - from < PERIOD_SECONDS ? seconds - from : PERIOD_SECONDS;
        long busy = period * busy_percent / 100;
        double rest;

        rounds += stress(busy > 0 ? busy : 1, procs, seed_text);
        rest = start + (double)(from + period) - now();
        if (rest > 0)
            usleep((useconds_t)(rest * 1e6));
        printf("churn: %.0f s, %ld rounds of stress\n", now() - start, rounds);
        fflush(stdout);
    }
}

/* ---- The figures ------------------------------------------------------------------------------ */

static unsigned measure(const char *dir, struct figure *figures)
{
    char *argv[] = {"/bin/bench", "--dir", (char *)(uintptr_t)dir, "mm", NULL};
    char line[256];
    unsigned nr = 0;
    FILE *out;

    run(argv, &out);
    while (fgets(line, sizeof(line), out)) {
        if (nr < MAX_FIGURES &&
            sscanf(line, "%47s\t%lf\t", figures[nr].name, &figures[nr].cost) == 2)
            nr++;
        else
            fprintf(stderr, "churn: no figure: %s", line);
    }
    end(argv[0], out);
    return nr;
}

static void show_free_blocks(const char *when)
{
    FILE *file = fopen("/proc/buddyinfo", "r");
    char line[256];

    while (file && fgets(line, sizeof(line), file))
        printf("churn: %s: %s", when, line);
    if (file)
        fclose(file);
}

/* Pairs and faults must stay as they are. What gives frames back may grow: those that lie apart are joined
 * one by one. */
static bool is_judged(const char *name)
{
    return !strncmp(name, "kernel.", 7) || !strncmp(name, "memory.fault_", 13);
}

/* Returns how many of those judged have grown too much, or have no figure any more. */
static unsigned compare(const struct figure *before, const struct figure *after, unsigned nr)
{
    unsigned nr_grown = 0;

    printf("%-34s %10s %10s %8s\n", "operation", "before", "after", "change");
    for (unsigned i = 0; i < nr; i++) {
        double percent = (after[i].cost - before[i].cost) * 100 / before[i].cost;
        bool has_grown = strcmp(before[i].name, after[i].name) != 0 || !(before[i].cost > 0) ||
                         percent > (double)limit_percent;

        printf("%-34s %10.0f %10.0f %+7.1f%%%s\n", before[i].name, before[i].cost, after[i].cost,
               percent,
               !has_grown                  ? ""
               : is_judged(before[i].name) ? "  GROWN"
                                           : "  (not judged)");
        nr_grown += has_grown && is_judged(before[i].name);
    }
    printf("churn: %u figures, %u grown by more than %ld %%\n", nr, nr_grown, limit_percent);
    return nr_grown;
}

static int churn(long seconds, const char *procs, const char *seed_text, const char *dir)
{
    static struct figure before[MAX_FIGURES], after[MAX_FIGURES];
    pid_t residents[NR_RESIDENTS];
    unsigned nr = 0;

    for (int i = 0; i <= WARM_UPS; i++)
        nr = measure(dir, before);
    show_free_blocks("before");
    for (unsigned i = 0; i < NR_RESIDENTS; i++) {
        residents[i] = fork();
        if (residents[i] < 0)
            fail("fork");
        if (residents[i] == 0)
            reside(i);
    }
    wear_out(seconds, procs, seed_text);
    for (unsigned i = 0; i < NR_RESIDENTS; i++) {
        int status;

        kill(residents[i], SIGSTOP);
        if (waitpid(residents[i], &status, WUNTRACED) != residents[i] || !WIFSTOPPED(status))
            fail("a resident has ended");
    }
    show_free_blocks("after");
    if (measure(dir, after) != nr) {
        fprintf(stderr, "churn: not the same figures as before\n");
        return 1;
    }
    for (unsigned i = 0; i < NR_RESIDENTS; i++)
        kill(residents[i], SIGKILL);
    return compare(before, after, nr) ? 1 : 0;
}

static int usage(FILE *out, int status)
{
    fputs(
        "usage: churn [--seconds 600] [--busy 30] [--procs 24] [--seed 1] [--dir /root] [--limit 10]\n"
        "Measure what memory operations cost (bench mm), wear the machine out, measure again.\n"
        "  --busy PERCENT   how much of the time /tests/stress runs; residents work all the time\n"
        "  --procs N        how many workers it has\n"
        "  --limit PERCENT  exit status 1: a figure has grown by more\n",
        out);
    return status;
}

int main(int argc, char **argv)
{
    const char *procs = "24", *seed_text = "1", *dir = "/root";
    long seconds = 600;

    if (argc > 1 && !strcmp(argv[1], "--help"))
        return usage(stdout, 0);
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            return usage(stderr, 2);
        if (!strcmp(argv[i], "--seconds"))
            seconds = atol(argv[i + 1]);
        else if (!strcmp(argv[i], "--procs"))
            procs = argv[i + 1];
        else if (!strcmp(argv[i], "--seed"))
            seed_text = argv[i + 1];
        else if (!strcmp(argv[i], "--dir"))
            dir = argv[i + 1];
        else if (!strcmp(argv[i], "--busy"))
            busy_percent = atol(argv[i + 1]);
        else if (!strcmp(argv[i], "--limit"))
            limit_percent = atol(argv[i + 1]);
        else
            return usage(stderr, 2);
    }
    if (seconds < 1 || busy_percent < 0 || busy_percent > 100)
        return usage(stderr, 2);
    seed = (strtoull(seed_text, NULL, 10) + 1) * 0x9e3779b97f4a7c15u;
    return churn(seconds, procs, seed_text, dir);
}
