// SPDX-License-Identifier: MIT
/* bench: much data, many names, and what comes from the disk.
 *
 * Waiting for the disk is left out (busy.c); what is asked of it is counted beside, as
 * /proc/diskstats has it. A cold read is one after sync and drop_caches. */
#include "user/bench/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    NR_NAMES = 10000,
    MEGABYTE = 1 << 20,
    COLD_BYTES = 16 * MEGABYTE,
    LARGE_BYTES = 64 * MEGABYTE
};

static char block[MEGABYTE];

BENCH(file, pread_1m, "pread of 1 MiB, cached")
{
    int fd;

    bench_make_file("file", MEGABYTE);
    fd = (int)NEED(open("file", O_RDONLY));
    BENCH_LOOP(b, 2, NEED(pread(fd, block, MEGABYTE, 0)));
}

BENCH(file, pwrite_1m, "pwrite of 1 MiB over what is there")
{
    int fd;

    bench_make_file("file", MEGABYTE);
    fd = (int)NEED(open("file", O_RDWR));
    BENCH_LOOP(b, 2, NEED(pwrite(fd, block, MEGABYTE, 0)));
}

BENCH(file, write_fsync_64m, "a new file: write 64 MiB and fsync, without the wait for the disk")
{
    bench_keep_busy();
    while (bench_round(b)) {
        int fd = (int)NEED(open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));

        bench_start(b);
        for (unsigned i = 0; i < LARGE_BYTES / MEGABYTE; i++)
            NEED(write(fd, block, MEGABYTE));
        NEED(fsync(fd));
        bench_stop(b, 1);
        NEED(close(fd));
        NEED(unlink("file"));
    }
}

/* ---- Many names ------------------------------------------------------------------------------ */

static void name_of(unsigned which, char name[32])
{
    snprintf(name, 32, "file-%u", which);
}

static void make_names(unsigned first, unsigned nr)
{
    char name[32];

    for (unsigned i = first; i < first + nr; i++) {
        name_of(i, name);
        bench_make_file(name, 0);
    }
}

static void remove_names(unsigned first, unsigned nr)
{
    char name[32];

    for (unsigned i = first; i < first + nr; i++) {
        name_of(i, name);
        NEED(unlink(name));
    }
}

static void list_all(int fd)
{
    NEED(lseek(fd, 0, SEEK_SET));
    while (NEED(syscall(SYS_getdents64, fd, block, 32768)) > 0) {
    }
}

BENCH(file, readdir_10000, "getdents64, from start to end of a directory with 10,000 files")
{
    int fd;

    make_names(0, NR_NAMES);
    fd = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));
    while (bench_round(b)) {
        bench_start(b);
        list_all(fd);
        bench_stop(b, 1);
    }
    remove_names(0, NR_NAMES);
}

BENCH(file, create_among_10000, "create an empty file among 10,000 and close it")
{
    make_names(0, NR_NAMES);
    while (bench_round(b)) {
        bench_start(b);
        make_names(NR_NAMES, 100);
        bench_stop(b, 100);
        remove_names(NR_NAMES, 100);
    }
    remove_names(0, NR_NAMES);
}

/* ---- From the disk --------------------------------------------------------------------------- */

static void drop_caches(void)
{
    int fd = (int)NEED(open("/proc/sys/vm/drop_caches", O_WRONLY));

    sync();
    NEED(write(fd, "3", 1));
    NEED(close(fd));
}

static void read_cold_file(void)
{
    int fd = (int)NEED(open("file", O_RDONLY));

    while (NEED(read(fd, block, 65536)) > 0) {
    }
    NEED(close(fd));
}

/* Reads that the disk below the current directory has completed. */
static uint64_t count_reads(void)
{
    static const char file[] = "/proc/diskstats";
    struct stat here;
    unsigned maj, min;
    unsigned long long reads;
    char line[256];
    FILE *stats = fopen(file, "r");

    if (stats == NULL)
        bench_fail(__FILE__, __LINE__, file);
    NEED(stat(".", &here));
    while (fgets(line, sizeof(line), stats) != NULL) {
        if (sscanf(line, "%u %u %*s %llu", &maj, &min, &reads) == 3 && maj == major(here.st_dev) &&
            min == minor(here.st_dev)) {
            fclose(stats);
            return reads;
        }
    }
    bench_fail(__FILE__, __LINE__, "a line for this disk");
}

BENCH(file, read_cold, "read 16 MiB that are not cached, 64 KiB at a time, without the wait")
{
    bench_make_file("file", COLD_BYTES);
    bench_keep_busy();
    while (bench_round(b)) {
        drop_caches();
        bench_start(b);
        read_cold_file();
        bench_stop(b, 1);
    }
}

BENCH(file, read_cold_requests, "requests (not instructions) to the disk for the same")
{
    bench_make_file("file", COLD_BYTES);
    while (bench_round(b)) {
        uint64_t before;

        drop_caches();
        before = count_reads();
        read_cold_file();
        bench_count(b, count_reads() - before);
    }
}
