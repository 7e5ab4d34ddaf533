// SPDX-License-Identifier: MIT
/* Nothing is stored that cannot be computed: which pages a transaction changes, and what it writes into them, follow from
 * its number. So a check needs only to be told how many transactions were committed, and knows every byte. */
#include "user/test/db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/test/crash/mark.h"

void db_fail(const char *what)
{
    fprintf(stderr, "db: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- Pages and transactions ---------------------------------------------------------------------- */

uint32_t db_sum(uint32_t sum, const void *bytes, size_t len_bytes)
{
    const uint8_t *at = bytes;

    while (len_bytes-- != 0) {
        sum = (sum ^ *at++) * 16777619u;
    }
    return sum;
}

static uint32_t sum_of(const struct db_page *page)
{
    return db_sum(2166136261u, (const uint8_t *)page + sizeof(page->sum),
                  sizeof(*page) - sizeof(page->sum));
}

void db_seal(struct db_page *page)
{
    page->sum = sum_of(page);
}

bool db_is_whole(const struct db_page *page)
{
    return page->sum == sum_of(page);
}

void db_fill(struct db_page *page, uint32_t number, uint32_t transaction)
{
    uint32_t mixed = number * 2654435761u + transaction * 40503u + 1;

    page->number = number;
    page->transaction = transaction;
    for (size_t i = 0; i < sizeof(page->bytes); i++) {
        mixed = mixed * 1664525u + 1013904223u;
        page->bytes[i] = (uint8_t)(mixed >> 24);
    }
    db_seal(page);
}

unsigned db_touches(unsigned transaction, uint32_t numbers[DB_MAX_TOUCH])
{
    uint32_t mixed = transaction * 2654435761u;
    unsigned nr = 1 + (mixed >> 16) % DB_MAX_TOUCH;

    for (unsigned i = 0; i < nr; i++) { /* a step that has no divisor in common with 12 */
        numbers[i] = ((mixed >> 8) + i * 5) % DB_NR_PAGES;
    }
    return nr;
}

unsigned db_writer(uint32_t number, unsigned last)
{
    uint32_t numbers[DB_MAX_TOUCH];

    for (; last != 0; last--) {
        for (unsigned i = db_touches(last, numbers); i-- != 0;) {
            if (numbers[i] == number) {
                return last;
            }
        }
    }
    return 0;
}

/* ---- Files --------------------------------------------------------------------------------------- */

void db_write(int fd, const void *bytes, size_t len_bytes, uint64_t at)
{
    if (pwrite(fd, bytes, len_bytes, (off_t)at) != (ssize_t)len_bytes) {
        db_fail("write");
    }
}

bool db_read(int fd, void *bytes, size_t len_bytes, uint64_t at)
{
    ssize_t nr = pread(fd, bytes, len_bytes, (off_t)at);

    if (nr < 0) {
        db_fail("read");
    }
    return nr == (ssize_t)len_bytes;
}

void db_sync(int fd, bool is_datasync)
{
    if ((is_datasync ? fdatasync(fd) : fsync(fd)) != 0) {
        db_fail("sync");
    }
}

void db_sync_names(void)
{
    int fd = open(".", O_RDONLY | O_DIRECTORY);

    if (fd < 0) {
        db_fail("the directory");
    }
    db_sync(fd, false);
    close(fd);
}

/* ---- Beginning and end --------------------------------------------------------------------------- */

static void take_check(struct db_options *options, int argc, char **argv)
{
    if (optind + 3 != argc) {
        fprintf(stderr, "db: --check takes a directory and two numbers (--help says more)\n");
        exit(2);
    }
    options->done = (unsigned)strtoul(argv[optind + 1], NULL, 0);
    options->begun = (unsigned)strtoul(argv[optind + 2], NULL, 0);
}

struct db_options db_start(int argc, char **argv, const char *help, const char *other_way)
{
    const struct option table[] = {
        {"marks", 1, NULL, 'm'}, {"count", 1, NULL, 'c'},   {"seed", 1, NULL, 's'},
        {"check", 0, NULL, 'k'}, {other_way, 0, NULL, 'o'}, {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct db_options options = {.count = 50, .seed = 1};
    const char *marks = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'm': marks = optarg; break;
        case 'c': options.count = (unsigned)strtoul(optarg, NULL, 0); break;
        case 's': options.seed = strtoul(optarg, NULL, 0); break;
        case 'k': options.is_check = true; break;
        case 'o': options.other_way = true; break;
        case 'h': fputs(help, stdout); exit(0);
        default: exit(2);
        }
    }
    if (options.is_check) {
        take_check(&options, argc, argv);
    } else if (optind + 1 != argc) {
        fprintf(stderr, "db: which directory? (--help says more)\n");
        exit(2);
    }
    options.dir = argv[optind];
    if (chdir(options.dir) != 0) {
        db_fail(options.dir);
    }
    mark_open(marks);
    return options;
}

void db_verdict(const struct db_options *options, bool is_readable, unsigned found)
{
    if (!is_readable && options->done != 0) {
        printf("db: there is no data base that can be read, and %u transactions were committed\n",
               options->done);
        exit(1);
    }
    if (is_readable && (found < options->done || found > options->begun)) {
        printf("db: %u transactions are there; %u were committed, %u begun\n", found, options->done,
               options->begun);
        exit(1);
    }
    exit(0);
}
