// SPDX-License-Identifier: MIT
// bench: page faults, one kind at a time, each figure for one page.
#include "user/bench/bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Less than a huge page, so that every kernel takes these faults one by one. */
enum { NR_PAGES = 256, LEN = NR_PAGES * BENCH_PAGE, HUGE_LEN = 8 << 20 };

static void write_pages(volatile char *start)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        start[i * BENCH_PAGE] = 1;
}

static void read_pages(volatile char *start)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        (void)start[i * BENCH_PAGE];
}

BENCH(memory, fault_anon, "page fault: first write to anonymous memory")
{
    while (bench_round(b)) {
        char *start = bench_map(LEN);
        bench_start(b);
        write_pages(start);
        bench_stop(b, NR_PAGES);
        munmap(start, LEN);
    }
}

BENCH(memory, fault_zero, "page fault: first read of anonymous memory")
{
    while (bench_round(b)) {
        char *start = bench_map(LEN);
        bench_start(b);
        read_pages(start);
        bench_stop(b, NR_PAGES);
        munmap(start, LEN);
    }
}

BENCH(memory, fault_cow, "page fault: write to a page shared by fork (a copy)")
{
    while (bench_round(b)) {
        char *start = bench_map(LEN);
        pid_t pid;

        write_pages(start);
        pid = (pid_t)NEED(fork());
        if (pid == 0) {
            pause();
            _exit(0);
        }
        bench_start(b);
        write_pages(start);
        bench_stop(b, NR_PAGES);
        bench_end_child(pid);
        munmap(start, LEN);
    }
}

BENCH(memory, fault_reuse, "page fault: write to a page shared by fork, the other side gone")
{
    while (bench_round(b)) {
        char *start = bench_map(LEN);
        pid_t pid;

        write_pages(start);
        pid = (pid_t)NEED(fork());
        if (pid == 0)
            _exit(0);
        bench_end_child(pid);
        bench_start(b);
        write_pages(start);
        bench_stop(b, NR_PAGES);
        munmap(start, LEN);
    }
}

static char *map_file(int prot, int flags)
{
    static int fd = -1;
    char *start;

    if (fd < 0) {
        bench_make_file("file", LEN);
        fd = (int)NEED(open("file", O_RDWR));
    }
    start = mmap(NULL, LEN, prot, flags, fd, 0);
    if (start == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    return start;
}

/* A kernel may map what lies around the page, and does so here as it does for programs; so the pages
 * are far enough apart for each to be a fault. */
BENCH(memory, fault_file, "page fault: cached file, a page each 64 KiB")
{
    enum { STRIDE = 16, NR = NR_PAGES / STRIDE };

    while (bench_round(b)) {
        volatile char *start = map_file(PROT_READ, MAP_SHARED);
        bench_start(b);
        for (unsigned i = 0; i < NR; i++)
            (void)start[i * STRIDE * BENCH_PAGE];
        bench_stop(b, NR);
        munmap((void *)start, LEN);
    }
}

BENCH(memory, read_file_map, "read each page of a mapped cached file, for a page")
{
    while (bench_round(b)) {
        char *start = map_file(PROT_READ, MAP_SHARED);
        bench_start(b);
        read_pages(start);
        bench_stop(b, NR_PAGES);
        munmap(start, LEN);
    }
}

BENCH(memory, fault_file_private,
      "page fault: write to a private mapping of a cached file (a copy)")
{
    while (bench_round(b)) {
        char *start = map_file(PROT_READ | PROT_WRITE, MAP_PRIVATE);
        bench_start(b);
        write_pages(start);
        bench_stop(b, NR_PAGES);
        munmap(start, LEN);
    }
}

BENCH(memory, fault_shared, "page fault: first write to shared anonymous memory, mapped again")
{
    char *other = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (other == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    write_pages(other);
    while (bench_round(b)) {
        NEED(madvise(other, LEN, MADV_DONTNEED));
        bench_start(b);
        write_pages(other);
        bench_stop(b, NR_PAGES);
    }
}

BENCH(memory, touch_8m, "write to each page of 8 MiB, pages as the kernel likes, for a page")
{
    while (bench_round(b)) {
        volatile char *start = mmap(NULL, HUGE_LEN, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED)
            bench_fail(__FILE__, __LINE__, "mmap");
        bench_start(b);
        for (unsigned i = 0; i < HUGE_LEN / BENCH_PAGE; i++)
            start[i * BENCH_PAGE] = 1;
        bench_stop(b, HUGE_LEN / BENCH_PAGE);
        munmap((void *)start, HUGE_LEN);
    }
}
