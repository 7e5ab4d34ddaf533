// SPDX-License-Identifier: MIT
/* What the little data bases for the power-cut harness share: pages, transactions that can be computed again, options. */
#ifndef CAIRN_USER_TEST_DB_DB_H
#define CAIRN_USER_TEST_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_PAGE_BYTES 4096u
#define DB_NR_PAGES   12u /* that transactions change */
#define DB_MAX_TOUCH  4u  /* in one of them */

struct db_page {
    uint32_t sum;         /* of all that follows */
    uint32_t number;      /* of the page */
    uint32_t transaction; /* that wrote it */
    uint8_t bytes[DB_PAGE_BYTES - 12];
};

struct db_options {
    const char *dir;
    uint64_t seed;
    unsigned count; /* transactions */
    bool is_check;  /* or: recover, and see that between done and begun of them are there */
    unsigned done, begun;
    bool other_way; /* --wal, --map */
};

/** Read the options, open the marks, and go to the directory. @other_way: the name of that option.
 *  Ends the program after --help, or with a message. */
struct db_options db_start(int argc, char **argv, const char *help, const char *other_way);

/** Write what this transaction makes of a page. */
void db_fill(struct db_page *page, uint32_t number, uint32_t transaction);
/** Whether the page is whole: the sum is right. */
bool db_is_whole(const struct db_page *page);
void db_seal(struct db_page *page);

/** The pages that a transaction (1, 2, …) changes. Returns how many; none twice. */
unsigned db_touches(unsigned transaction, uint32_t numbers[DB_MAX_TOUCH]);
/** The last transaction that changed a page, of the first `last` ones; 0: none did. */
unsigned db_writer(uint32_t number, unsigned last);

/** The number of a sum that is carried on: FNV-1a, 32 bits. */
uint32_t db_sum(uint32_t sum, const void *bytes, size_t len_bytes);

/** End the program with a message that has errno's. */
void db_fail(const char *what) __attribute__((noreturn));
/** pwrite and pread of all of it, or the end of the program. db_read returns false at the file's end. */
void db_write(int fd, const void *bytes, size_t len_bytes, uint64_t at);
bool db_read(int fd, void *bytes, size_t len_bytes, uint64_t at);
/** fsync or fdatasync, or the end of the program. */
void db_sync(int fd, bool is_datasync);
/** fsync of the directory: names are durable. */
void db_sync_names(void);

/** What the check has found; ends the program: 0 when it is so, 1 when it is not. */
void db_verdict(const struct db_options *options, bool is_readable, unsigned found)
    __attribute__((noreturn));

#endif
