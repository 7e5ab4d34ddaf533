// SPDX-License-Identifier: MIT
/* fragment: break memory into pieces, then ask for 2 MiB at a time.
 *
 * All of memory is filled, page by page in turn, with memory of this process, a file's cached pages,
 * and what the kernel keeps for pipes; then most of the process's pages are given back at random, so
 * that much is free and no two megabytes of it lie side by side. /proc/buddyinfo must say so. Then, while
 * other processes go on allocating, 2 MiB are touched as often as asked where madvise(MADV_HUGEPAGE) wants
 * them in one piece, and all are kept: each comes out of pieces. /proc/vmstat says how many did. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB       (1ul << 20)
#define HUGE      (2 * MIB)
#define PAGE      4096ul
#define LARGE     9 /* the order of 2 MiB */
#define FILE_NAME "/root/fragment.tmp"

enum { MAX_PIPES = 400, KEPT_OF = 8 };

static uint64_t seed = 1;

static uint64_t random_below(uint64_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

/* Free blocks of 2 MiB and more. */
static unsigned large_blocks(void)
{
    FILE *f = fopen("/proc/buddyinfo", "r");
    unsigned count, sum = 0;
    char line[256], *at;

    if (!f)
        fail("/proc/buddyinfo");
    while (fgets(line, sizeof(line), f)) {
        at = strstr(line, "Normal");
        at = at ? at + strlen("Normal") : line;
        for (unsigned order = 0;
             (count = (unsigned)strtoul(at, &at, 10)), *at != '\0' && order < 16; order++)
            sum += order >= LARGE ? count : 0;
    }
    fclose(f);
    return sum;
}

static unsigned long vmstat(const char *name)
{
    FILE *f = fopen("/proc/vmstat", "r");
    unsigned long value;
    char found[64];

    if (!f)
        fail("/proc/vmstat");
    while (fscanf(f, "%63s %lu", found, &value) == 2) {
        if (!strcmp(found, name)) {
            fclose(f);
            return value;
        }
    }
    fprintf(stderr, "fragment: /proc/vmstat has no %s\n", name);
    exit(2);
}

static char *map(size_t length, int advice)
{
    /* As much as there is, and that is not to be promised. */
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED || madvise(memory, length, advice))
        fail("mmap");
    return memory;
}

/* A page for the kernel, which nobody can move. */
static void fill_pipe(unsigned i)
{
    int ends[2];
    char byte = 1;

    if (i < MAX_PIPES && (pipe(ends) || write(ends[1], &byte, 1) != 1))
        fail("pipe");
}

/* Returns how many pages were touched. */
static uint64_t fill(char *memory, uint64_t pages, uint64_t file_pages)
{
    static char block[PAGE];
    int file = open(FILE_NAME, O_CREAT | O_RDWR | O_TRUNC, 0600);
    uint64_t i;

    if (file < 0)
        fail(FILE_NAME);
    for (i = 0; i < pages; i++) {
        memory[i * PAGE] = (char)i;
        if (i / 4 < file_pages && i % 4 == 0) {
            memset(block, (int)(i / 4), sizeof(block));
            if (write(file, block, sizeof(block)) != sizeof(block))
                fail(FILE_NAME);
        }
        if (i % 64 == 0) {
            fill_pipe((unsigned)(i / 64));
            if (i / 4 > file_pages && large_blocks() == 0)
                break;
        }
    }
    if (fsync(file))
        fail("fsync");
    close(file);
    return i;
}

static void thin_out(char *memory, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        if (random_below(KEPT_OF) && madvise(memory + i * PAGE, PAGE, MADV_DONTNEED))
            fail("madvise");
}

/* What is left must be what was written. Returns the pages that are wrong. */
static uint64_t check(const char *memory, uint64_t pages, uint64_t file_pages)
{
    static char block[PAGE];
    int file = open(FILE_NAME, O_RDONLY);
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < pages; i++)
        wrong += memory[i * PAGE] != 0 && memory[i * PAGE] != (char)i;
    for (uint64_t i = 0; i < file_pages; i++)
        wrong += read(file, block, sizeof(block)) != sizeof(block) || block[0] != (char)i ||
                 block[PAGE - 1] != (char)i;
    close(file);
    return wrong;
}

/* Allocate and free small things until killed. */
static void work(unsigned number)
{
    char *memory = map(64 * PAGE, MADV_NOHUGEPAGE);

    seed += number;
    for (;;) {
        uint64_t page = random_below(64);
        int ends[2];

        memory[page * PAGE] = (char)page;
        if (random_below(16) == 0 && madvise(memory, 64 * PAGE, MADV_DONTNEED))
            _exit(2);
        if (random_below(64) == 0 && !pipe(ends)) {
            if (write(ends[1], memory, PAGE) != (ssize_t)PAGE)
                _exit(2);
            close(ends[0]);
            close(ends[1]);
        }
        if (random_below(256) == 0) {
            pid_t child = fork();

            if (child == 0) {
                memory[0] = 1;
                _exit(0);
            }
            if (child > 0)
                waitpid(child, NULL, 0);
        }
    }
}

/* Returns how many of the tries got their 2 MiB in one piece. */
static unsigned take_large(unsigned tries)
{
    char *memory = map((tries + 1) * HUGE, MADV_HUGEPAGE);
    char *first = (char *)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
    unsigned got = 0;

    for (unsigned i = 0; i < tries; i++) {
        unsigned long before = vmstat("thp_fault_alloc");

        first[i * HUGE] = 1;
        got += vmstat("thp_fault_alloc") == before + 1;
    }
    return got;
}

static int usage(const char *name, int status)
{
    fprintf(
        status == 0 ? stdout : stderr,
        "usage: %s MiB [TRIES [WORKERS]]\n"
        "Break MiB of memory (nearly all that there is) into pieces, then take 2 MiB TRIES (100) times,\n"
        "while WORKERS (2) processes allocate. Status 1: fewer than 95 of 100 came, or a page is wrong;\n"
        "2: memory could not be broken.\n",
        name);
    return status;
}

int main(int argc, char **argv)
{
    uint64_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, pages = mib << 8, touched, wrong;
    unsigned tries = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100, got;
    unsigned workers = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2;
    uint64_t file_pages = pages / 16;
    pid_t pids[16];
    char *memory;

    if (argc > 1 && !strcmp(argv[1], "--help"))
        return usage(argv[0], 0);
    if (argc > 4 || mib == 0 || mib > 1 << 16 || tries == 0 || workers > 16)
        return usage(argv[0], 2);
    memory = map(pages * PAGE, MADV_NOHUGEPAGE);
    touched = fill(memory, pages, file_pages);
    thin_out(memory, touched);
    printf("fragment: %u blocks of 2 MiB left\n", large_blocks());
    if (large_blocks() != 0)
        return 2;
    for (unsigned i = 0; i < workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            work(i);
    }
    got = take_large(tries);
    for (unsigned i = 0; i < workers; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    wrong = check(memory, touched, file_pages);
    printf("fragment: %u of %u in one piece, %lu pages moved, %lu wrong\n", got, tries,
           vmstat("pgmigrate_success"), (unsigned long)wrong);
    unlink(FILE_NAME);
    return got * 100 >= tries * 95 && wrong == 0 ? 0 : 1;
}
