// SPDX-License-Identifier: MIT
/* A journal: many changes of a file system's metadata, made one.
 *
 * Creating a file changes a directory, two bitmaps, a table of inodes and some counts: five blocks in five places,
 * and a power cut between any two of them leaves a tree that contradicts itself. So nothing is changed in its
 * place. Operations put what they change into the running transaction; every few seconds, or when somebody waits for
 * it, the transaction is written to the ring as a whole and committed; later its blocks are put where they belong.
 *
 *     operations ──> running ──close off──> committing ──commit block──> copies ──checkpoint──> the disk
 *                    (memory)               (being written               (in the ring, and
 *                                            to the ring)                 not yet in place)
 *
 * At most one transaction is running and one committing; numbers count them. A power cut loses what runs, and
 * replays the rest (replay.c). One commit serves all who wait: whoever comes while one is being written
 * joins the next.
 *
 * transaction.c has operations and closing off, commit.c the writing, checkpoint.c the way home. This file has the
 * thread that drives them, and the beginning and the end.
 *
 * When the ring, or a place, cannot be written, the journal is broken: the file system turns read-only, what was
 * committed stays in the ring for the next mount, and whoever waits is told.
 *
 * Source: S. Tweedie, "Journaling the Linux ext2fs Filesystem" (1998); the format is jbd2's (disk.h). */
#include "fs/journal/journal_internal.h"
#include "fs/vfs/inode.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "mm/frames.h"
#include "mm/kmalloc.h"

#define COMMIT_PERIOD_NS 5000000000ull
#define MAX_TRANSACTION  2048u /* blocks */
#define MIN_TRANSACTION  80u

/* Threads that have ended are waited for here: the journal may be gone before the wake-up is over. */
static struct waitq stopped_waitq = WAITQ_INIT(stopped_waitq);

/* ---- The thread -------------------------------------------------------------------------------- */

static bool must_commit(struct journal *journal)
{
    return (int32_t)(journal->wanted - journal->committed) > 0 &&
           load_relaxed(&journal->error) == 0;
}

static bool has_work(struct journal *journal)
{
    bool result;

    spin_lock(&journal->lock);
    result = must_commit(journal) || journal->is_stopping;
    spin_unlock(&journal->lock);
    return result;
}

static void journal_main(void *arg)
{
    struct journal *journal = arg;
    bool is_stopping = false;

    while (!is_stopping) {
        (void)waitq_wait(&journal->waitq, PORT_BLOCK_UNINTERRUPTIBLE,
                         port_clock_ns() + COMMIT_PERIOD_NS, has_work(journal));
        spin_lock(&journal->lock);
        is_stopping = journal->is_stopping;
        spin_unlock(&journal->lock);
        if (load_relaxed(&journal->error) == 0) {
            journal_commit_running(journal);
        }
    }
    spin_lock(&journal->lock);
    journal->is_stopped = true;
    spin_unlock(&journal->lock); /* and nothing of it is touched any more */
    waitq_wake_all(&stopped_waitq);
}

static bool is_committed(struct journal *journal, uint32_t number)
{
    bool result;

    spin_lock(&journal->lock);
    /* A running transaction in which nothing was changed has nothing to wait for. */
    result = (int32_t)(journal->committed - number) >= 0 ||
             (number == journal->number && journal->nr_changed + journal->nr_active == 0 &&
              journal->committed + 1 == number && !journal->is_closing_off);
    spin_unlock(&journal->lock);
    return result || load_relaxed(&journal->error) != 0;
}

int journal_commit(struct journal *journal, uint32_t number)
{
    if (!is_committed(journal, number)) {
        spin_lock(&journal->lock);
        if ((int32_t)(journal->wanted - number) < 0) {
            journal->wanted = number;
        }
        spin_unlock(&journal->lock);
        waitq_wake_all(&journal->waitq);
        waitq_wait_event(&journal->waitq, is_committed(journal, number));
    }
    return load_relaxed(&journal->error) != 0 ? -EIO : 0;
}

int journal_commit_all(struct journal *journal)
{
    uint32_t number;

    spin_lock(&journal->lock);
    number = journal->nr_changed + journal->nr_active != 0 ? journal->number : journal->number - 1;
    spin_unlock(&journal->lock);
    return journal_commit(journal, number);
}

/* ---- The journal's super block ----------------------------------------------------------------- */

int journal_write_super(struct journal *journal, uint32_t start, uint32_t number)
{
    struct journal_disk_super *disk = journal->super_block.data;
    int error;

    disk->start = be32_of(start);
    disk->header.sequence = be32_of(0);
    disk->sequence = be32_of(number);
    meta_mark_dirty(&journal->super_block);
    error = meta_write_sync(&journal->super_block);
    if (error == 0) {
        error = block_flush(journal->place.super->device);
    }
    if (error != 0) {
        journal_break(journal, error, "its super block could not be written");
    }
    return error;
}

static int refuse(const struct journal *journal, const char *what, unsigned long long value)
{
    pr_err("journal: %s: %s %llu: not used", journal->place.super->device->name, what, value);
    return -EUCLEAN;
}

/* A transaction is at most a quarter of the ring, and all copies together at most a thirty-second part of memory, or
 * what two of the smallest transactions need. */
static void set_limits(struct journal *journal, uint32_t ring_blocks)
{
    uint32_t by_ring = min_of(ring_blocks / 4, MAX_TRANSACTION);
    struct frames_stats stats;
    uint32_t by_memory;

    frames_get_stats(&stats);
    by_memory = (uint32_t)max_of(stats.nr_total / 64, (uint64_t)MIN_TRANSACTION);
    journal->max_blocks = min_of(by_memory, by_ring);
    journal->max_copies = by_memory;
}

/* Check what stands in it, and take it. It was replayed, so the rest of the ring means nothing. */
static int load_super(struct journal *journal)
{
    const struct journal_place *place = &journal->place;
    const struct journal_disk_super *disk = journal->super_block.data;
    uint32_t unknown = be32_get(disk->feature_incompat) & ~(uint32_t)JOURNAL_INCOMPAT_REVOKE;

    if (be32_get(disk->header.magic) != JOURNAL_MAGIC ||
        be32_get(disk->header.type) != JOURNAL_SUPER_V2) {
        return refuse(journal, "its first block has type", be32_get(disk->header.type));
    }
    if (be32_get(disk->block_size) != place->block_bytes) {
        return refuse(journal, "its block size is", be32_get(disk->block_size));
    }
    if (unknown != 0 || be32_get(disk->feature_ro_compat) != 0) {
        return refuse(journal, "it needs features", unknown | be32_get(disk->feature_ro_compat));
    }
    if (be32_get(disk->start) != 0) {
        return refuse(journal, "it was not replayed: its log begins at", be32_get(disk->start));
    }
    journal->first = be32_get(disk->first);
    journal->end = be32_get(disk->nr_blocks);
    if (journal->end > place->nr_blocks || journal->first == 0 ||
        journal->end < JOURNAL_MIN_BLOCKS || journal->first > journal->end / 2) {
        return refuse(journal, "its last block is", journal->end);
    }
    set_limits(journal, journal->end - journal->first);
    journal->head = journal->first;
    journal->number = max_of(be32_get(disk->sequence), 1u);
    journal->committed = journal->number - 1;
    journal->wanted = journal->committed;
    return 0;
}

/* ---- Where the ring lies ----------------------------------------------------------------------- */

static int add_run(struct journal *journal, uint32_t *nr_room, uint32_t index, uint64_t disk_block)
{
    struct journal_run *last = journal->nr_runs != 0 ? &journal->runs[journal->nr_runs - 1] : NULL;

    if (last != NULL && last->disk_block + last->nr_blocks == disk_block) {
        last->nr_blocks++;
        return 0;
    }
    if (journal->nr_runs == *nr_room) {
        struct journal_run *more = krealloc(journal->runs, *nr_room * 2 * sizeof(*more),
                                            ALLOC_KERNEL);

        if (more == NULL) {
            return -ENOMEM;
        }
        journal->runs = more;
        *nr_room *= 2;
    }
    journal->runs[journal->nr_runs++] =
        (struct journal_run){.index = index, .nr_blocks = 1, .disk_block = disk_block};
    return 0;
}

/* The map is made once, so that a commit asks nobody where its blocks lie. */
static int map_ring(struct journal *journal)
{
    uint32_t nr_room = 16;
    int error = 0;

    journal->runs = kmalloc(nr_room * sizeof(*journal->runs), ALLOC_KERNEL);
    if (journal->runs == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < journal->end && error == 0; i++) {
        uint64_t disk_block;

        error = journal->place.map(&journal->place, i, &disk_block);
        if (error == 0) {
            error = add_run(journal, &nr_room, i, disk_block);
        }
    }
    return error;
}

/* Frames for all that a transaction of the largest size needs besides its copies. */
static int set_frames_aside(struct journal *journal)
{
    uint32_t tags = (journal->place.block_bytes - 32) / (uint32_t)sizeof(struct journal_disk_tag);
    uint32_t nr = journal->max_blocks / tags + 1 + journal->max_blocks / (2 * tags - 2) + 1 + 1;

    journal->frames = kcalloc(nr, sizeof(struct page *), ALLOC_KERNEL);
    if (journal->frames == NULL) {
        return -ENOMEM;
    }
    for (; journal->nr_frames < nr; journal->nr_frames++) {
        struct page *page = frames_alloc(0, ALLOC_KERNEL);

        if (page == NULL) {
            return -ENOMEM;
        }
        journal->frames[journal->nr_frames] = page;
    }
    return 0;
}

/* ---- Beginning and end ------------------------------------------------------------------------- */

static struct journal *journal_new(const struct journal_place *place, const struct journal_ops *ops)
{
    struct journal *journal = kzalloc(sizeof(*journal), ALLOC_KERNEL);

    if (journal == NULL) {
        return NULL;
    }
    journal->place = *place;
    journal->ops = ops;
    journal->is_stopping = true;
    journal->is_stopped = true;
    spin_init(&journal->lock, LOCK_RANK_LEAF, "journal");
    waitq_init(&journal->waitq);
    for (unsigned i = 0; i < JOURNAL_NR_BUCKETS; i++) {
        list_init(&journal->hash[i]);
    }
    list_init(&journal->changed);
    list_init(&journal->revoked);
    list_init(&journal->spare);
    list_init(&journal->committing);
    list_init(&journal->voided);
    list_init(&journal->copies);
    return journal;
}

/* Records of a broken journal: nobody will write them any more. */
static void drop_list(struct journal *journal, struct list *records, bool is_copies)
{
    while (!list_is_empty(records)) {
        struct journal_record *record = is_copies
                                            ? list_first(records, struct journal_record, copy_node)
                                            : list_first(records, struct journal_record, node);

        list_remove(&record->copy_node);
        list_remove(&record->node);
        list_remove(&record->hash_node);
        journal_record_done(journal, record);
    }
}

/* A super block that could not be written stays dirty, and would keep a page in the cache that the ring shares. */
static void forget_super(struct journal *journal)
{
    struct meta_block *meta = &journal->super_block;

    if (meta->page != NULL) {
        uint64_t offset = (meta->page->cache.index << PAGE_SHIFT) + meta->offset_bytes;

        meta_forget(journal->place.super, offset / meta->len_bytes, 1, meta->len_bytes);
        meta_put(meta);
        (void)!meta_write_all(
            journal->place.super); /* its page is clean now, and knows that then */
    }
}

void journal_close(struct journal *journal)
{
    assert(journal->is_stopped);
    drop_list(journal, &journal->changed, false);
    drop_list(journal, &journal->revoked, false);
    drop_list(journal, &journal->voided, false);
    drop_list(journal, &journal->committing, true);
    drop_list(journal, &journal->copies, true);
    journal_free_spares(journal);
    for (uint32_t i = 0; i < journal->nr_frames; i++) {
        frames_free(journal->frames[i], 0);
    }
    kfree(journal->frames);
    kfree(journal->runs);
    forget_super(journal);
    /* The ring was written past the device's cache: what is there of it is old, and the next mount must not replay that. */
    (void)mapping_drop_clean(journal->place.super->metadata);
    kfree(journal);
}

static int prepare(struct journal *journal)
{
    uint64_t disk_block;
    int error = journal->place.map(&journal->place, 0, &disk_block);

    if (error == 0) {
        error = meta_read(journal->place.super, disk_block, journal->place.block_bytes,
                          &journal->super_block);
    }
    if (error == 0) {
        error = load_super(journal);
    }
    if (error == 0) {
        error = map_ring(journal);
    }
    if (error == 0) {
        error = set_frames_aside(journal);
    }
    return error;
}

int journal_open(const struct journal_place *place, const struct journal_ops *ops,
                 struct journal **out)
{
    struct journal *journal = journal_new(place, ops);
    int error;

    if (journal == NULL) {
        return -ENOMEM;
    }
    error = prepare(journal);
    if (error != 0) {
        pr_err("journal: %s: cannot be used: error %d", place->super->device->name, error);
        journal_close(journal);
        return error;
    }
    *out = journal;
    return 0;
}

int journal_start(struct journal *journal)
{
    struct journal_disk_super *disk = journal->super_block.data;
    int error;

    assert(journal->is_stopped);
    disk->feature_incompat = be32_of(be32_get(disk->feature_incompat) | JOURNAL_INCOMPAT_REVOKE);
    error = journal_write_super(journal, journal->head, journal->number);
    if (error != 0) {
        return -EIO;
    }
    journal->is_stopping = false;
    journal->is_stopped = false;
    if (port_spawn("journal", journal_main, journal) == NULL) {
        journal->is_stopping = true;
        journal->is_stopped = true;
        error = journal_write_super(journal, 0, journal->number);
        return error != 0 ? -EIO : -ENOMEM;
    }
    return 0;
}

static bool has_stopped(struct journal *journal)
{
    bool result;

    spin_lock(&journal->lock);
    result = journal->is_stopped;
    spin_unlock(&journal->lock);
    return result;
}

/* Whoever replays it learns that it broke. */
static void leave_note(struct journal *journal)
{
    struct journal_disk_super *disk = journal->super_block.data;

    disk->error = be32_of(EIO);
    meta_mark_dirty(&journal->super_block);
    (void)!meta_write_sync(&journal->super_block);
}

int journal_stop(struct journal *journal)
{
    int error;

    spin_lock(&journal->lock);
    journal->is_stopping = true;
    spin_unlock(&journal->lock);
    waitq_wake_all(&journal->waitq);
    waitq_wait_event(&stopped_waitq, has_stopped(journal));
    error = load_relaxed(&journal->error);
    if (error == 0) {
        error = journal_checkpoint(journal);
    }
    if (error == 0) {
        return journal_write_super(journal, 0, journal->number) != 0 ? -EIO : 0;
    }
    leave_note(journal);
    return -EIO;
}
