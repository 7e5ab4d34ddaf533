// SPDX-License-Identifier: MIT
/* bench: files and names, on the file system of the current directory.
 *
 * Everything is in the caches before it is measured; only fsync waits for the disk. */
#include "user/bench/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEEP "one/two/three/file"
enum { NR_CALLS = 200, NR_FILES = 100, LEN = 512 << 10, MEGABYTE = 1 << 20 };

static void make_deep(void)
{
    NEED(mkdir("one", 0755));
    NEED(mkdir("one/two", 0755));
    NEED(mkdir("one/two/three", 0755));
    bench_make_file(DEEP, 100);
}

BENCH(file, stat, "stat, a path of 4 components")
{
    struct stat st;

    make_deep();
    BENCH_LOOP(b, NR_CALLS, NEED(stat(DEEP, &st)));
}

BENCH(file, stat_missing, "stat of a name that does not exist, 4 components")
{
    struct stat st;

    make_deep();
    BENCH_LOOP(b, NR_CALLS, stat("one/two/three/none", &st));
}

BENCH(file, fstat, "fstat")
{
    struct stat st;
    int fd;

    make_deep();
    fd = (int)NEED(open(DEEP, O_RDONLY));
    BENCH_LOOP(b, NR_CALLS, NEED(fstat(fd, &st)));
}

BENCH(file, open_close, "open and close, a path of 4 components")
{
    make_deep();
    BENCH_LOOP(b, NR_CALLS, NEED(close((int)NEED(open(DEEP, O_RDONLY)))));
}

BENCH(file, access, "access, a path of 4 components")
{
    make_deep();
    BENCH_LOOP(b, NR_CALLS, NEED(access(DEEP, R_OK)));
}

BENCH(file, readlink, "readlink")
{
    char target[64];

    NEED(symlink("where it points", "link"));
    BENCH_LOOP(b, NR_CALLS, NEED(readlink("link", target, sizeof(target))));
}

static void list(int fd)
{
    static char entries[8192];

    NEED(lseek(fd, 0, SEEK_SET));
    while (NEED(syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
    }
}

static void make_files(size_t len)
{
    char name[32];

    for (unsigned i = 0; i < NR_FILES; i++) {
        snprintf(name, sizeof(name), "file%u", i);
        bench_make_file(name, len);
    }
}

static void delete_files(void)
{
    char name[32];

    for (unsigned i = 0; i < NR_FILES; i++) {
        snprintf(name, sizeof(name), "file%u", i);
        NEED(unlink(name));
    }
}

BENCH(file, getdents, "getdents64, from start to end of a directory with 100 files")
{
    int fd;

    make_files(0);
    fd = (int)NEED(open(".", O_RDONLY | O_DIRECTORY));
    BENCH_LOOP(b, 20, list(fd));
}

/* Creating and deleting: the one is the preparation of the other. */
static void measure_files(struct bench *b, size_t len, bool deleting)
{
    while (bench_round(b)) {
        if (!deleting)
            bench_start(b);
        make_files(len);
        if (!deleting)
            bench_stop(b, NR_FILES);
        else
            bench_start(b);
        delete_files();
        if (deleting)
            bench_stop(b, NR_FILES);
    }
}

BENCH(file, create_0k, "create an empty file and close it")
{
    measure_files(b, 0, false);
}

BENCH(file, create_10k, "create a file, write 10 KiB, close it")
{
    measure_files(b, 10 << 10, false);
}

BENCH(file, delete_0k, "unlink an empty file")
{
    measure_files(b, 0, true);
}

BENCH(file, delete_10k, "unlink a file of 10 KiB")
{
    measure_files(b, 10 << 10, true);
}

BENCH(file, rename, "rename, there and back")
{
    bench_make_file("here", 1);
    BENCH_LOOP(b, 50, (NEED(rename("here", "there")), NEED(rename("there", "here"))));
}

static void read_whole(int fd)
{
    static char block[65536];

    while (NEED(read(fd, block, sizeof(block))) > 0) {
    }
}

BENCH(file, read_again, "read a cached file of 512 KiB, 64 KiB at a time")
{
    int fd;

    bench_make_file("file", LEN);
    fd = (int)NEED(open("file", O_RDONLY));
    BENCH_LOOP(b, 2, (NEED(lseek(fd, 0, SEEK_SET)), read_whole(fd)));
}

static void open_read_close(void)
{
    int fd = (int)NEED(open("file", O_RDONLY));

    read_whole(fd);
    NEED(close(fd));
}

BENCH(file, open_read_close, "open, read, close a cached file of 512 KiB")
{
    bench_make_file("file", LEN);
    BENCH_LOOP(b, 2, open_read_close());
}

/* Every word is read, as lmbench and most programs would. */
static void map_read_unmap(void)
{
    int fd = (int)NEED(open("file", O_RDONLY));
    const uint64_t *words = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);
    uint64_t sum = 0;

    if (words == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    for (size_t i = 0; i < LEN / sizeof(*words); i++)
        sum += words[i];
    __asm__ volatile("" ::"r"(sum));
    NEED(munmap((void *)words, LEN));
    NEED(close(fd));
}

BENCH(file, map_read, "open, mmap, read each word, close a cached file of 512 KiB")
{
    bench_make_file("file", LEN);
    BENCH_LOOP(b, 2, map_read_unmap());
}

BENCH(file, pread_4k, "pread of 4 KiB")
{
    static char block[BENCH_PAGE];
    int fd;

    bench_make_file("file", LEN);
    fd = (int)NEED(open("file", O_RDONLY));
    BENCH_LOOP(b, NR_CALLS, NEED(pread(fd, block, sizeof(block), 8 * BENCH_PAGE)));
}

BENCH(file, pwrite_4k, "pwrite of 4 KiB over what is there")
{
    static char block[BENCH_PAGE];
    int fd;

    bench_make_file("file", LEN);
    fd = (int)NEED(open("file", O_RDWR));
    BENCH_LOOP(b, NR_CALLS, NEED(pwrite(fd, block, sizeof(block), 8 * BENCH_PAGE)));
}

BENCH(file, write_fsync, "write 1 MiB and fsync, without the wait for the disk")
{
    static char block[65536];
    int fd = (int)NEED(open("file", O_RDWR | O_CREAT, 0644));

    bench_keep_busy();
    while (bench_round(b)) {
        NEED(lseek(fd, 0, SEEK_SET));
        bench_start(b);
        for (unsigned i = 0; i < MEGABYTE / sizeof(block); i++)
            NEED(write(fd, block, sizeof(block)));
        NEED(fsync(fd));
        bench_stop(b, 1);
    }
}
