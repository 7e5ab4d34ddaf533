// SPDX-License-Identifier: MIT
// bench: pipes, within one process and between two.
#include "user/bench/bench.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NR_TRIPS = 200, CHUNK = 65536, NR_CHUNKS = 16 };

BENCH(pipe, create, "pipe and close of both ends")
{
    int fds[2];

    BENCH_LOOP(b, 200, (NEED(pipe(fds)), NEED(close(fds[0])), NEED(close(fds[1]))));
}

BENCH(pipe, byte, "write and read 1 byte, in one process")
{
    int fds[2];
    char byte;

    NEED(pipe(fds));
    BENCH_LOOP(b, 500, (NEED(write(fds[1], "x", 1)), NEED(read(fds[0], &byte, 1))));
}

BENCH(pipe, page, "write and read 4 KiB, in one process")
{
    static char block[BENCH_PAGE];
    int fds[2];

    NEED(pipe(fds));
    BENCH_LOOP(
        b, 200,
        (NEED(write(fds[1], block, sizeof(block))), NEED(read(fds[0], block, sizeof(block)))));
}

struct ends {
    int to_child[2], to_parent[2];
};

static void send_back(void *argument)
{
    struct ends *ends = argument;
    char byte;

    while (read(ends->to_child[0], &byte, 1) == 1)
        NEED(write(ends->to_parent[1], &byte, 1));
}

BENCH(pipe, round_trip, "1 byte to another process and back")
{
    struct ends ends;
    char byte;
    int pid;

    NEED(pipe(ends.to_child));
    NEED(pipe(ends.to_parent));
    pid = bench_child(send_back, &ends);
    BENCH_LOOP(b, NR_TRIPS,
               (NEED(write(ends.to_child[1], "x", 1)), NEED(read(ends.to_parent[0], &byte, 1))));
    bench_end_child(pid);
}

static void pour(void *argument)
{
    char *block = calloc(1, CHUNK);

    while (write(*(int *)argument, block, CHUNK) > 0) {
    }
}

BENCH(pipe, bandwidth, "64 KiB through a pipe to another process")
{
    static char block[CHUNK];
    int fds[2], pid;

    NEED(pipe(fds));
    pid = bench_child(pour, &fds[1]);
    while (bench_round(b)) {
        bench_start(b);
        for (size_t left = (size_t)NR_CHUNKS * CHUNK; left > 0;)
            left -= (size_t)NEED(read(fds[0], block, left < CHUNK ? left : CHUNK));
        bench_stop(b, NR_CHUNKS);
    }
    bench_end_child(pid);
}

BENCH(pipe, eventfd, "eventfd, write and read, in one process")
{
    int fd = (int)NEED(eventfd(0, 0));
    uint64_t value = 1;

    BENCH_LOOP(b, 500,
               (NEED(write(fd, &value, sizeof(value))), NEED(read(fd, &value, sizeof(value)))));
}
