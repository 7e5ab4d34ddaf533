// SPDX-License-Identifier: MIT
/* Checkpoint: putting committed blocks in their places, so that the ring can be used again.
 *
 *     1. the copies are written to their places, in the disk's order
 *     2. flush
 *     3. the journal's super block says that the log begins at the head: none of what lies behind
 *        is needed any more; durable before any of it is overwritten
 *
 * What is written are the copies and not the blocks in the page cache, for those may hold changes that have
 * not been committed yet. A cut in the middle is no harm: the log still has all of it.
 *
 * It is done when the ring has no room for two more transactions of the largest size (one, with its descriptors, must
 * always fit), when the copies take too much memory, and when the journal is stopped. */
#include "fs/journal/journal_internal.h"
#include "fs/vfs/inode.h"
#include "kernel/base/assert.h"

/* Sort by block: merge sort, from the bottom up, as fits lists. */
static void merge(struct list *to, struct list *left, struct list *right)
{
    while (!list_is_empty(left) && !list_is_empty(right)) {
        struct journal_record *a = list_first(left, struct journal_record, copy_node);
        struct journal_record *b = list_first(right, struct journal_record, copy_node);
        struct journal_record *first = a->block <= b->block ? a : b;

        list_remove(&first->copy_node);
        list_push_back(to, &first->copy_node);
    }
    list_splice_back(to, left);
    list_splice_back(to, right);
}

#define MAX_POWERS 24u /* 2^24 blocks are more than any journal has */

static void sort_by_block(struct list *records)
{
    struct list sorted[MAX_POWERS]; /* [i] is empty or has 2^i records */
    struct list carry;

    for (unsigned i = 0; i < MAX_POWERS; i++) {
        list_init(&sorted[i]);
    }
    list_init(&carry);
    while (!list_is_empty(records)) {
        struct list *one = records->next;
        unsigned power = 0;

        list_remove(one);
        list_push_back(&carry, one);
        for (; !list_is_empty(&sorted[power]); power++) {
            struct list merged;

            list_init(&merged);
            merge(&merged, &sorted[power], &carry);
            list_splice_back(&carry, &merged);
        }
        list_splice_back(&sorted[power], &carry);
    }
    for (unsigned i = 0; i < MAX_POWERS; i++) {
        struct list merged;

        list_init(&merged);
        merge(&merged, &sorted[i], records);
        list_splice_back(records, &merged);
    }
}

static int write_copies(struct journal *journal)
{
    struct journal_record *record;
    struct journal_io io;
    int error;

    journal_io_begin(&io, journal->place.super->device, false);
    list_for_each (record, &journal->copies, copy_node) {
        journal_io_write(&io, record->copy, journal->place.block_bytes,
                         journal_sector(journal, record->block));
    }
    error = journal_io_wait(&io);
    return error != 0 ? error : block_flush(journal->place.super->device);
}

/* The disk has them. Those that were changed again meanwhile stay. */
static void drop_copies(struct journal *journal)
{
    while (!list_is_empty(&journal->copies)) {
        struct journal_record *record = list_first(&journal->copies, struct journal_record,
                                                   copy_node);
        bool is_unused;

        spin_lock(&journal->lock);
        list_remove(&record->copy_node);
        is_unused = !record->is_changed;
        if (is_unused) {
            list_remove(&record->hash_node);
        }
        spin_unlock(&journal->lock);
        if (is_unused) {
            journal_record_done(journal, record);
        }
    }
}

int journal_checkpoint(struct journal *journal)
{
    int error;

    debug_assert(list_is_empty(&journal->committing));
    sort_by_block(&journal->copies);
    error = write_copies(journal);
    if (error != 0) {
        journal_break(journal, error, "blocks could not be put in their places");
        return error;
    }
    drop_copies(journal);
    journal->nr_copies = 0;
    journal->nr_used = 0;
    return journal_write_super(journal, journal->head, journal->committed + 1);
}
