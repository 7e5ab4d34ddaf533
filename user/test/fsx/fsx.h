// SPDX-License-Identifier: MIT
/* One worker of fsx: a file, what it should hold, and what was done to it. */
#ifndef CAIRN_USER_TEST_FSX_H
#define CAIRN_USER_TEST_FSX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOG_LEN = 80, PAGE = 4096 };

enum operation {
    OP_READ,
    OP_WRITE,
    OP_APPEND,
    OP_MAP_READ,
    OP_MAP_WRITE,
    OP_TRUNCATE,
    OP_GROW,
    OP_PUNCH,
    OP_ALLOCATE,
    OP_KEEP,
    OP_DIRECT_READ,
    OP_DIRECT_WRITE,
    OP_SYNC,
    OP_MSYNC,
    OP_DROP,
    OP_REOPEN,
    OP_CHECK,
    NR_OPERATIONS
};

struct entry {
    enum operation operation;
    size_t offset, len, size; /* size: of the file before it */
    uint64_t number;
};

struct worker {
    int number;
    char path[512];
    int fd, direct_fd;     /* direct_fd: -1 where there is no O_DIRECT */
    unsigned char *model;  /* max_size bytes: what the file holds; beyond size: zeros */
    unsigned char *map;    /* a mapping that lives as long as the opening */
    unsigned char *buffer; /* aligned, max_size bytes */
    size_t size, max_size;
    /* The part of the file that is this worker's: all of it, or a band of a shared file, which keeps its
     * size. Nothing is known of the rest. */
    size_t first, end;
    bool is_shared;
    bool is_possible[NR_OPERATIONS];
    uint64_t random, nr_done;
    bool drops_all; /* may write to /proc/sys/vm/drop_caches */
    struct entry log[LOG_LEN];
};

extern const char *const operation_names[NR_OPERATIONS];

uint32_t worker_random(struct worker *w, uint32_t below);

/* Open the file and find out what the file system can do. false with a message on failure. */
bool worker_open(struct worker *w);

/* One operation, chosen at random. false, everything told, when the file is not as the model says. */
bool worker_step(struct worker *w);

/* Compare everything. */
bool worker_check(struct worker *w);

#endif
