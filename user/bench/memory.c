// SPDX-License-Identifier: MIT
// bench: the calls that change an address space.
#include "user/bench/bench.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LEN = 512 << 10, NR_PAGES = LEN / BENCH_PAGE };

static void write_pages(volatile char *start, size_t len)
{
    for (size_t at = 0; at < len; at += BENCH_PAGE)
        start[at] = 1;
}

static char *map(size_t len)
{
    char *start = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (start == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    return start;
}

static void map_unmap(size_t len)
{
    NEED(munmap(map(len), len));
}

BENCH(memory, mmap_munmap, "mmap and munmap of 512 KiB, untouched")
{
    BENCH_LOOP(b, 200, map_unmap(LEN));
}

static void map_touch_unmap(void)
{
    char *start = map(LEN);

    write_pages(start, LEN);
    NEED(munmap(start, LEN));
}

BENCH(memory, mmap_touch_munmap, "mmap, write each page, munmap of 512 KiB")
{
    BENCH_LOOP(b, 4, map_touch_unmap());
}

static void map_file_touch_unmap(int fd)
{
    volatile char *start = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);

    if (start == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    for (size_t at = 0; at < LEN; at += 16384)
        (void)start[at];
    NEED(munmap((void *)start, LEN));
}

BENCH(memory, mmap_file, "mmap, read each fourth page, munmap of 512 KiB of a cached file")
{
    int fd;

    bench_make_file("file", LEN);
    fd = (int)NEED(open("file", O_RDONLY));
    BENCH_LOOP(b, 4, map_file_touch_unmap(fd));
}

BENCH(memory, munmap_4m, "munmap of 4 MiB in small pages, for a page")
{
    enum { LARGE = 4 << 20 };

    while (bench_round(b)) {
        char *start = bench_map(LARGE);
        write_pages(start, LARGE);
        bench_start(b);
        munmap(start, LARGE);
        bench_stop(b, LARGE / BENCH_PAGE);
    }
}

static void mprotect_both_ways(char *start, size_t len)
{
    NEED(mprotect(start, len, PROT_READ));
    NEED(mprotect(start, len, PROT_READ | PROT_WRITE));
}

BENCH(memory, mprotect_page, "mprotect of one page in the middle, to read-only and back")
{
    char *start = bench_map(16 * BENCH_PAGE);

    write_pages(start, 16 * BENCH_PAGE);
    BENCH_LOOP(b, 100, mprotect_both_ways(start + 8 * BENCH_PAGE, BENCH_PAGE));
}

BENCH(memory, mprotect_512k, "mprotect of 512 KiB, present, to read-only and back")
{
    char *start = bench_map(LEN);

    write_pages(start, LEN);
    BENCH_LOOP(b, 20, mprotect_both_ways(start, LEN));
}

static void grow_shrink(char *end, size_t len)
{
    NEED(brk(end + len));
    NEED(brk(end));
}

BENCH(memory, brk, "brk up and down by 128 KiB, untouched")
{
    char *end = sbrk(0);

    BENCH_LOOP(b, 200, grow_shrink(end, 128 << 10));
}

static void grow_touch_shrink(char *end, size_t len)
{
    NEED(brk(end + len));
    write_pages(end, len);
    NEED(brk(end));
}

BENCH(memory, brk_touch, "brk up, write each page, down, 128 KiB")
{
    char *end = sbrk(0);

    BENCH_LOOP(b, 10, grow_touch_shrink(end, 128 << 10));
}

static void drop_touch(char *start)
{
    NEED(madvise(start, 16 * BENCH_PAGE, MADV_DONTNEED));
    write_pages(start, 16 * BENCH_PAGE);
}

BENCH(memory, madvise, "madvise DONTNEED of 16 pages, and writing to them again")
{
    char *start = bench_map(LEN);

    BENCH_LOOP(b, 20, drop_touch(start));
}

static void grow_in_place(char *start)
{
    if (mremap(start, LEN, 2 * (size_t)LEN, 0) != start)
        bench_fail(__FILE__, __LINE__, "mremap");
    NEED(mremap(start, 2 * (size_t)LEN, LEN, 0) == start ? 0 : -1);
}

BENCH(memory, mremap_grow, "mremap in place to 1 MiB and back to 512 KiB")
{
    char *start = map(2 * (size_t)LEN);

    NEED(munmap(start + LEN, LEN));
    BENCH_LOOP(b, 200, grow_in_place(start));
}

static void move_both_ways(char *here, char *there)
{
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

    if (mremap(here, LEN, LEN, flags, there) != there ||
        mremap(there, LEN, LEN, flags, here) != here)
        bench_fail(__FILE__, __LINE__, "mremap");
}

BENCH(memory, mremap_move, "mremap of 512 KiB, present, to another address and back")
{
    char *here = bench_map(LEN), *there = bench_map(LEN);

    write_pages(here, LEN);
    BENCH_LOOP(b, 10, move_both_ways(here, there));
}

BENCH(memory, mincore, "mincore of 512 KiB")
{
    static unsigned char present[NR_PAGES];
    char *start = bench_map(LEN);

    write_pages(start, LEN);
    BENCH_LOOP(b, 100, NEED(mincore(start, LEN, present)));
}
