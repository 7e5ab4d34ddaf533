// SPDX-License-Identifier: MIT
/* dbjournal: a data base as SQLite keeps one, as small as it can be and still lose something on a bad file system.
 *
 * With a **rollback journal**, pages are changed in their place, and what was there is saved first:
 *
 *     journal: old pages, sync     journal: how many they are, sync, and its name     db: new pages, sync
 *     unlink the journal, sync its directory: at this moment the transaction is committed
 *
 * Whoever finds a journal puts the old pages back. With a **log ahead** (--wal), new pages are appended to a log, and the
 * last one of a transaction says that it is committed; an index in a shared mapping tells readers where the newest
 * version of a page is. Now and then the log is copied into the data base and begun anew, with another salt, which
 * makes what it still holds behind its end invalid.
 *
 * Every transaction reads back all pages by the way that readers go. `--check` recovers as after a crash, and compares
 * with the transactions that were committed (db.c).
 *
 * Source: SQLite, "Atomic Commit In SQLite" and "WAL-mode File Format". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/test/crash/mark.h"
#include "user/test/db/db.h"

static const char help[] =
    "usage: dbjournal [--wal] [--marks DEVICE] [--count N] DIRECTORY\n"
    "       dbjournal --check DIRECTORY COMMITTED BEGUN\n"
    "\n"
    "Make a small data base and N transactions, with a rollback journal or a log ahead. --marks writes to the\n"
    "last 4 KiB of a device when each begins and is committed. --check recovers the data base after a power cut,\n"
    "and ends with 0 if all committed transactions are there, and none that had not begun.\n";

#define MAGIC         0x6c6e726au
#define CHECKPOINT_AT 40u /* frames of the log */

static int db_fd;

static int must_open(const char *name, int flags)
{
    int fd = open(name, flags | O_CLOEXEC, 0644);

    if (fd < 0) {
        db_fail(name);
    }
    return fd;
}

static uint64_t place_of(uint32_t number)
{
    return (uint64_t)number * DB_PAGE_BYTES;
}

/* Whether the pages are as after so many transactions. */
static bool is_state(const struct db_page pages[DB_NR_PAGES], unsigned last)
{
    static struct db_page should;

    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        db_fill(&should, i, db_writer(i, last));
        if (memcmp(&should, &pages[i], sizeof(should)) != 0) {
            return false;
        }
    }
    return true;
}

/* The newest transaction that has written one of the pages. */
static unsigned newest(const struct db_page pages[DB_NR_PAGES])
{
    unsigned last = 0;

    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        last = pages[i].transaction > last ? pages[i].transaction : last;
    }
    return last;
}

static void make_empty(void)
{
    static struct db_page page;

    db_fd = must_open("db", O_RDWR | O_CREAT | O_EXCL);
    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        db_fill(&page, i, 0);
        db_write(db_fd, &page, sizeof(page), place_of(i));
    }
    db_sync(db_fd, false);
    db_sync_names();
}

/* ---- The rollback journal ------------------------------------------------------------------------ */

struct journal_head {
    uint32_t magic, transaction, nr_pages, sum;
};

static uint32_t head_sum(const struct journal_head *head)
{
    return db_sum(MAGIC, head, offsetof(struct journal_head, sum));
}

static uint64_t saved_place(unsigned index)
{
    return 512 + (uint64_t)index * DB_PAGE_BYTES;
}

static void save_old_pages(unsigned transaction, const uint32_t *numbers, unsigned nr)
{
    struct journal_head head = {.magic = MAGIC, .transaction = transaction, .nr_pages = nr};
    int fd = must_open("db-journal", O_RDWR | O_CREAT | O_EXCL);
    static struct db_page page;

    for (unsigned i = 0; i < nr; i++) {
        if (!db_read(db_fd, &page, sizeof(page), place_of(numbers[i]))) {
            db_fail("db is short");
        }
        db_write(fd, &page, sizeof(page), saved_place(i));
    }
    db_sync(fd, false);
    head.sum = head_sum(&head);
    db_write(fd, &head, sizeof(head), 0);
    db_sync(fd, false);
    db_sync_names();
    close(fd);
}

static void commit_with_journal(unsigned transaction)
{
    uint32_t numbers[DB_MAX_TOUCH];
    unsigned nr = db_touches(transaction, numbers);
    static struct db_page page;

    save_old_pages(transaction, numbers, nr);
    for (unsigned i = 0; i < nr; i++) {
        db_fill(&page, numbers[i], transaction);
        db_write(db_fd, &page, sizeof(page), place_of(numbers[i]));
    }
    db_sync(db_fd, true);
    if (unlink("db-journal") != 0) {
        db_fail("db-journal");
    }
    db_sync_names();
}

/* A journal that is whole is rolled back; one whose head was not written yet is of a transaction that has changed
 * nothing. */
static void roll_back(void)
{
    int fd = open("db-journal", O_RDONLY);
    struct journal_head head;
    static struct db_page page;

    if (fd < 0) {
        return;
    }
    if (db_read(fd, &head, sizeof(head), 0) && head.magic == MAGIC && head.sum == head_sum(&head)) {
        for (unsigned i = 0; i < head.nr_pages; i++) {
            if (!db_read(fd, &page, sizeof(page), saved_place(i)) || !db_is_whole(&page)) {
                printf("db: page %u of the journal, whose head is valid, is damaged\n", i);
                exit(1);
            }
            db_write(db_fd, &page, sizeof(page), place_of(page.number));
        }
    }
    close(fd);
}

/* ---- The log ahead ------------------------------------------------------------------------------- */

struct frame_head {
    uint32_t salt, number, committed,
        sum; /* committed: the transaction that is complete with it, or 0 */
};

#define FRAME_BYTES (sizeof(struct frame_head) + DB_PAGE_BYTES)

static int wal_fd;
static uint32_t
    *wal_index; /* in a shared mapping: of each page, its newest frame and one, 0 for none */
static uint32_t salt, nr_frames, chain;

static uint32_t frame_sum(const struct frame_head *head, const struct db_page *page,
                          uint32_t before)
{
    return db_sum(db_sum(before, head, offsetof(struct frame_head, sum)), page, sizeof(*page));
}

static void open_wal(void)
{
    int fd = must_open("db-shm", O_RDWR | O_CREAT);

    wal_fd = must_open("db-wal", O_RDWR | O_CREAT);
    if (ftruncate(fd, (off_t)DB_PAGE_BYTES) != 0) {
        db_fail("db-shm");
    }
    wal_index = mmap(NULL, DB_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (wal_index == MAP_FAILED) {
        db_fail("db-shm");
    }
    close(fd);
    memset(wal_index, 0, DB_PAGE_BYTES);
    db_sync(wal_fd, false);
    db_sync_names();
}

static void append_frame(uint32_t number, unsigned transaction, bool is_last)
{
    struct frame_head head = {
        .salt = salt, .number = number, .committed = is_last ? transaction : 0};
    static struct db_page page;

    db_fill(&page, number, transaction);
    chain = head.sum = frame_sum(&head, &page, chain);
    db_write(wal_fd, &head, sizeof(head), nr_frames * FRAME_BYTES);
    db_write(wal_fd, &page, sizeof(page), nr_frames * FRAME_BYTES + sizeof(head));
    nr_frames++;
}

/* The newest pages by the index that readers use. */
static void read_through_index(struct db_page pages[DB_NR_PAGES])
{
    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        uint64_t at = wal_index[i] != 0
                          ? (wal_index[i] - 1) * FRAME_BYTES + sizeof(struct frame_head)
                          : place_of(i);

        if (!db_read(wal_index[i] != 0 ? wal_fd : db_fd, &pages[i], sizeof(pages[i]), at)) {
            db_fail("a file is short");
        }
    }
}

static void checkpoint(void)
{
    static struct db_page pages[DB_NR_PAGES];

    read_through_index(pages);
    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        if (wal_index[i] != 0) {
            db_write(db_fd, &pages[i], sizeof(pages[i]), place_of(i));
        }
    }
    db_sync(db_fd, true);
    memset(wal_index, 0, DB_PAGE_BYTES);
    salt++;
    nr_frames = 0;
    chain = salt;
}

static void commit_with_wal(unsigned transaction)
{
    uint32_t numbers[DB_MAX_TOUCH];
    unsigned nr = db_touches(transaction, numbers);

    if (nr_frames + nr > CHECKPOINT_AT) {
        checkpoint();
    }
    for (unsigned i = 0; i < nr; i++) {
        append_frame(numbers[i], transaction, i + 1 == nr);
    }
    db_sync(wal_fd, true);
    for (unsigned i = 0; i < nr; i++) {
        wal_index[numbers[i]] = nr_frames - nr + i + 1;
    }
}

/* Put what the log has committed onto the pages, as an index that is made anew would show them. */
static void recover_wal(struct db_page pages[DB_NR_PAGES])
{
    static struct db_page waiting[DB_MAX_TOUCH], page;
    struct frame_head head;
    unsigned nr_waiting = 0;
    int fd = open("db-wal", O_RDONLY);

    for (uint32_t i = 0; fd >= 0 && db_read(fd, &head, sizeof(head), i * FRAME_BYTES) &&
                         db_read(fd, &page, sizeof(page), i * FRAME_BYTES + sizeof(head));
         i++) {
        salt = i == 0 ? head.salt : salt;
        if (head.salt != salt || head.sum != frame_sum(&head, &page, i == 0 ? salt : chain) ||
            head.number >= DB_NR_PAGES || nr_waiting == DB_MAX_TOUCH) {
            break;
        }
        chain = head.sum;
        waiting[nr_waiting++] = page;
        while (head.committed != 0 && nr_waiting != 0) {
            nr_waiting--;
            pages[waiting[nr_waiting].number] = waiting[nr_waiting];
        }
    }
}

/* ---- ---------------------------------------------------------------------------------------------- */

static void check(const struct db_options *options)
{
    static struct db_page pages[DB_NR_PAGES];
    bool is_whole = true;

    db_fd = open("db", O_RDWR);
    if (db_fd < 0) {
        db_verdict(options, false, 0);
    }
    roll_back();
    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        is_whole = db_read(db_fd, &pages[i], sizeof(pages[i]), place_of(i)) && is_whole;
    }
    recover_wal(pages);
    if (!is_whole || !is_state(pages, newest(pages))) {
        printf("db: the pages are not as after any transaction\n");
        db_verdict(options, false, 0);
    }
    db_verdict(options, true, newest(pages));
}

int main(int argc, char **argv)
{
    struct db_options options = db_start(argc, argv, help, "wal");
    static struct db_page pages[DB_NR_PAGES];

    if (options.is_check) {
        check(&options);
    }
    for (unsigned i = 1; i <= options.count; i++) {
        mark_begin(i, "transaction");
        if (i == 1) {
            make_empty();
        }
        if (i == 1 && options.other_way) {
            open_wal();
        }
        (options.other_way ? commit_with_wal : commit_with_journal)(i);
        mark_done(i, "0");
        for (uint32_t j = 0; j < DB_NR_PAGES && !options.other_way; j++) {
            (void)db_read(db_fd, &pages[j], sizeof(pages[j]), place_of(j));
        }
        if (options.other_way) {
            read_through_index(pages);
        }
        if (!is_state(pages, i)) {
            fprintf(stderr, "db: transaction %u is not what is read back\n", i);
            return 1;
        }
    }
    printf("dbjournal: %u transactions\n", options.count);
    return 0;
}
