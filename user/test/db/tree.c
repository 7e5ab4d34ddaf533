// SPDX-License-Identifier: MIT
/* dbtree: a data base as LMDB keeps one: nothing is ever changed in its place.
 *
 *     page 0, page 1    meta pages: "the tree of transaction t has its root at page r"; they take turns
 *     the others        leaves with values, and roots that name leaves, or nothing that anybody needs
 *
 * A transaction writes new versions of the leaves that it changes, and of the root, into pages that neither meta page
 * leads to; makes them durable; then writes the older meta page, and makes that durable. That is the commit: a
 * reader takes the meta page that is whole and has the greater number. All reading goes through a shared mapping of the file, and
 * by default writing goes past it (pwrite, fdatasync), so that both must agree; with --map, writing goes through the
 * mapping, too (msync).
 *
 * Source: H. Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP" (2011). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/test/crash/mark.h"
#include "user/test/db/db.h"

static const char help[] =
    "usage: dbtree [--map] [--marks DEVICE] [--count N] DIRECTORY\n"
    "       dbtree --check DIRECTORY COMMITTED BEGUN\n"
    "\n"
    "Make a small copy-on-write data base and N transactions; --map writes through a shared mapping. --marks\n"
    "writes to the last 4 KiB of a device when each begins and is committed. --check ends with 0 if all\n"
    "committed transactions are there, and none that had not begun.\n";

#define NR_FILE_PAGES 64u
#define MAGIC         0x74726565u

struct meta_page {
    uint32_t sum, magic, transaction, root;
};

struct root_page { /* laid out as a struct db_page, so that it is sealed and checked as one */
    uint32_t sum, number, transaction;
    uint32_t leaves[DB_NR_PAGES];
    uint8_t rest[DB_PAGE_BYTES - 12 - 4 * DB_NR_PAGES];
};

_Static_assert(sizeof(struct root_page) == sizeof(struct db_page), "roots are pages");

static int fd;
static struct db_page *map; /* the whole file */
static bool writes_to_map;

static const struct meta_page *meta_at(unsigned index)
{
    return (const struct meta_page *)&map[index];
}

static uint32_t meta_sum(const struct meta_page *meta)
{
    return db_sum(MAGIC, &meta->magic, sizeof(*meta) - sizeof(meta->sum));
}

/* The meta page that counts, or NULL. */
static const struct meta_page *newest_meta(void)
{
    const struct meta_page *best = NULL;

    for (unsigned i = 0; i < 2; i++) {
        const struct meta_page *meta = meta_at(i);

        if (meta->magic == MAGIC && meta->sum == meta_sum(meta) &&
            (best == NULL || meta->transaction > best->transaction)) {
            best = meta;
        }
    }
    return best;
}

static void write_page(uint32_t page, const void *bytes, size_t len_bytes)
{
    if (writes_to_map) {
        memcpy(&map[page], bytes, len_bytes);
    } else {
        db_write(fd, bytes, len_bytes, (uint64_t)page * DB_PAGE_BYTES);
    }
}

static void make_durable(void)
{
    if (!writes_to_map) {
        db_sync(fd, true);
    } else if (msync(map, NR_FILE_PAGES * DB_PAGE_BYTES, MS_SYNC) != 0) {
        db_fail("msync");
    }
}

/* Whether the tree, or its predecessor that the other meta page leads to, needs the page. */
static bool is_needed(uint32_t page)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct meta_page *meta = meta_at(i);
        const struct root_page *root = (const struct root_page *)&map[meta->root];

        if (meta->magic != MAGIC) {
            continue;
        }
        if (page == meta->root) {
            return true;
        }
        for (unsigned j = 0; j < DB_NR_PAGES; j++) {
            if (root->leaves[j] == page) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t take_page(uint32_t *from)
{
    do {
        (*from)++;
    } while (*from < NR_FILE_PAGES && is_needed(*from));
    if (*from == NR_FILE_PAGES) {
        db_fail("no page is free");
    }
    return *from;
}

static void write_meta(unsigned transaction, uint32_t root)
{
    struct meta_page meta = {.magic = MAGIC, .transaction = transaction, .root = root};

    meta.sum = meta_sum(&meta);
    write_page(transaction % 2, &meta, sizeof(meta));
    make_durable();
}

static void commit(unsigned transaction)
{
    const struct meta_page *meta = newest_meta();
    static struct root_page root;
    static struct db_page leaf;
    uint32_t numbers[DB_MAX_TOUCH];
    unsigned nr = db_touches(transaction, numbers);
    uint32_t place = 1;

    if (meta == NULL) { /* the first one writes all leaves */
        nr = 0;
        for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
            db_fill(&leaf, i, db_writer(i, transaction));
            root.leaves[i] = take_page(&place);
            write_page(root.leaves[i], &leaf, sizeof(leaf));
        }
    } else {
        memcpy(&root, &map[meta->root], sizeof(root));
    }
    for (unsigned i = 0; i < nr; i++) {
        db_fill(&leaf, numbers[i], transaction);
        root.leaves[numbers[i]] = take_page(&place);
        write_page(root.leaves[numbers[i]], &leaf, sizeof(leaf));
    }
    root.transaction = transaction;
    root.number = take_page(&place);
    db_seal((struct db_page *)&root);
    write_page(root.number, &root, sizeof(root));
    make_durable();
    write_meta(transaction, root.number);
}

/* Whether all leaves are those of the transactions up to the meta page's. */
static bool is_tree_whole(const struct meta_page *meta)
{
    const struct root_page *root = (const struct root_page *)&map[meta->root % NR_FILE_PAGES];
    static struct db_page should;

    if (!db_is_whole((const struct db_page *)root) || root->transaction != meta->transaction) {
        printf("db: the root of transaction %u is damaged\n", meta->transaction);
        return false;
    }
    for (uint32_t i = 0; i < DB_NR_PAGES; i++) {
        db_fill(&should, i, db_writer(i, meta->transaction));
        if (memcmp(&map[root->leaves[i] % NR_FILE_PAGES], &should, sizeof(should)) != 0) {
            printf("db: leaf %u of transaction %u is damaged\n", i, meta->transaction);
            return false;
        }
    }
    return true;
}

static bool open_data(int flags)
{
    fd = open("data", O_RDWR | O_CLOEXEC | flags, 0644);
    if (fd < 0 || (flags != 0 && ftruncate(fd, (off_t)NR_FILE_PAGES * DB_PAGE_BYTES) != 0) ||
        lseek(fd, 0, SEEK_END) != (off_t)NR_FILE_PAGES * DB_PAGE_BYTES) {
        return false;
    }
    map = mmap(NULL, NR_FILE_PAGES * DB_PAGE_BYTES,
               writes_to_map ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    return map != MAP_FAILED;
}

/* On FAT a file has no holes; a full disk would be an error of a store. So all of it is written first. */
static void make_data(void)
{
    static struct db_page zeros;

    if (!open_data(O_CREAT | O_EXCL)) {
        db_fail("data");
    }
    for (uint32_t i = 0; i < NR_FILE_PAGES; i++) {
        db_write(fd, &zeros, sizeof(zeros), (uint64_t)i * DB_PAGE_BYTES);
    }
    db_sync(fd, false);
    db_sync_names();
}

static void check(const struct db_options *options)
{
    const struct meta_page *meta = open_data(0) ? newest_meta() : NULL;

    db_verdict(options, meta != NULL && is_tree_whole(meta), meta != NULL ? meta->transaction : 0);
}

int main(int argc, char **argv)
{
    struct db_options options = db_start(argc, argv, help, "map");

    writes_to_map = options.other_way;
    if (options.is_check) {
        check(&options);
    }
    for (unsigned i = 1; i <= options.count; i++) {
        mark_begin(i, "transaction");
        if (i == 1) {
            make_data();
        }
        commit(i);
        mark_done(i, "0");
        if (newest_meta()->transaction != i || !is_tree_whole(newest_meta())) {
            fprintf(stderr, "db: transaction %u is not what is read back\n", i);
            return 1;
        }
    }
    printf("dbtree: %u transactions\n", options.count);
    return 0;
}
