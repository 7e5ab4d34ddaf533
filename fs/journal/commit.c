// SPDX-License-Identifier: MIT
/* Committing a transaction: from memory to the ring, in an order that a power cut cannot confuse.
 *
 *     1. ring        descriptors and copies, revocations
 *     2. data        meanwhile: what the changed blocks point to (ordered data), the file system's part
 *     3. flush       all of that is durable
 *     4. commit      one block, durable itself (FUA): from now on it has happened
 *
 * Without the second, a file could after a cut show what its blocks held before they were its own. Without
 * the third the commit block could be there and the copies not. A cut anywhere before the fourth leaves a
 * log that ends before this transaction.
 *
 *     | descriptor | copy … | descriptor | copy … | revoke | commit |
 *
 * Then the copies wait to be put in their places (checkpoint.c), and what the transaction has freed
 * may be used again.
 *
 * A copy that begins with the journal's magic number is written with zeros there, and gets it back when it
 * has been written (see replay.c).
 *
 * Nothing here allocates memory: the frames for descriptors and the like were set aside when the journal was
 * opened, as many as the largest transaction needs. Locks: none; the thread alone knows these lists. */
#include "fs/journal/journal_internal.h"
#include "fs/vfs/inode.h"
#include "kernel/base/assert.h"
#include "kernel/base/string.h"
#include "mm/frames.h"

/* The writing of one transaction. */
struct log_writer {
    struct journal *journal;
    uint32_t number;
    struct journal_io io;
    uint32_t nr_frames;     /* of journal->frames that are in use */
    struct page *current;   /* a descriptor or revoke block that is being filled, or NULL */
    uint32_t current_index; /* its place in the ring */
    uint32_t offset_bytes;  /* where it goes on */
    struct journal_disk_tag *last_tag;
};

/* ---- Blocks of the ring ------------------------------------------------------------------------ */

uint64_t journal_ring_block(const struct journal *journal, uint32_t index)
{
    uint32_t low = 0, high = journal->nr_runs - 1;

    while (low < high) { /* the last run that begins at or before it */
        uint32_t middle = (low + high + 1) / 2;

        if (journal->runs[middle].index <= index) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return journal->runs[low].disk_block + (index - journal->runs[low].index);
}

static uint32_t take_place(struct journal *journal)
{
    uint32_t index = journal->head;

    journal->head = index + 1 == journal->end ? journal->first : index + 1;
    journal->nr_used++;
    debug_assert(journal->nr_used < journal->end - journal->first);
    return index;
}

static void write_at(struct log_writer *writer, uint32_t index, struct page *page)
{
    struct journal *journal = writer->journal;

    journal_io_write(&writer->io, page, journal->place.block_bytes,
                     journal_sector(journal, journal_ring_block(journal, index)));
}

/* A block of the journal's own, zeroed but for its head. */
static struct page *new_block(struct log_writer *writer, enum journal_block_type type)
{
    struct page *page = writer->journal->frames[writer->nr_frames++];
    struct journal_disk_header *header = page_address(page);

    debug_assert(writer->nr_frames <= writer->journal->nr_frames);
    memset(header, 0, writer->journal->place.block_bytes);
    header->magic = be32_of(JOURNAL_MAGIC);
    header->type = be32_of(type);
    header->sequence = be32_of(writer->number);
    return page;
}

/* ---- Descriptors and copies -------------------------------------------------------------------- */

static void begin_current(struct log_writer *writer, enum journal_block_type type,
                          uint32_t head_bytes)
{
    writer->current = new_block(writer, type);
    writer->current_index = take_place(writer->journal);
    writer->offset_bytes = head_bytes;
    writer->last_tag = NULL;
}

/* Only now is it complete: it goes out behind its copies, which it makes no difference. */
static void end_descriptor(struct log_writer *writer)
{
    if (writer->current != NULL) {
        writer->last_tag->flags = be16_of(be16_get(writer->last_tag->flags) |
                                          (uint16_t)JOURNAL_TAG_LAST);
        write_at(writer, writer->current_index, writer->current);
        writer->current = NULL;
    }
}

/* The tag of one more copy; a descriptor's first has a UUID behind it, of zeros as the journal's. */
static void add_tag(struct log_writer *writer, uint64_t block, bool is_escaped)
{
    uint32_t tag_bytes = sizeof(struct journal_disk_tag);
    bool is_first;

    if (writer->current != NULL &&
        writer->offset_bytes + tag_bytes > writer->journal->place.block_bytes) {
        end_descriptor(writer);
    }
    if (writer->current == NULL) {
        begin_current(writer, JOURNAL_DESCRIPTOR, sizeof(struct journal_disk_header));
    }
    is_first = writer->last_tag == NULL;
    writer->last_tag =
        (struct journal_disk_tag *)((char *)page_address(writer->current) + writer->offset_bytes);
    writer->last_tag->block = be32_of((uint32_t)block);
    writer->last_tag->flags = be16_of((uint16_t)((is_first ? 0 : JOURNAL_TAG_SAME_UUID) |
                                                 (is_escaped ? JOURNAL_TAG_ESCAPED : 0)));
    writer->offset_bytes += tag_bytes + (is_first ? JOURNAL_UUID_BYTES : 0);
}

static void write_copies(struct log_writer *writer)
{
    struct journal_record *record;

    list_for_each (record, &writer->journal->committing, copy_node) {
        void *content = page_address(record->copy);

        record->is_escaped = get_be32(content) == JOURNAL_MAGIC;
        if (record->is_escaped) {
            put_be32(content, 0);
        }
        writer->journal->nr_copies++;
        add_tag(writer, record->block, record->is_escaped);
        write_at(writer, take_place(writer->journal), record->copy);
    }
    end_descriptor(writer);
}

static void undo_escapes(struct journal *journal)
{
    struct journal_record *record;

    list_for_each (record, &journal->committing, copy_node) {
        if (record->is_escaped) {
            put_be32(page_address(record->copy), JOURNAL_MAGIC);
        }
    }
}

static void end_revoke(struct log_writer *writer)
{
    if (writer->current != NULL) {
        struct journal_disk_revoke *revoke = page_address(writer->current);

        revoke->nr_bytes = be32_of(writer->offset_bytes);
        write_at(writer, writer->current_index, writer->current);
        writer->current = NULL;
    }
}

static void write_revoked(struct log_writer *writer)
{
    struct journal_record *record;

    list_for_each (record, &writer->journal->voided, node) {
        if (writer->current != NULL &&
            writer->offset_bytes + 4 > writer->journal->place.block_bytes) {
            end_revoke(writer);
        }
        if (writer->current == NULL) {
            begin_current(writer, JOURNAL_REVOKE, sizeof(struct journal_disk_revoke));
        }
        put_be32((char *)page_address(writer->current) + writer->offset_bytes,
                 (uint32_t)record->block);
        writer->offset_bytes += 4;
    }
    end_revoke(writer);
}

/* ---- The commit -------------------------------------------------------------------------------- */

static int write_commit_block(struct log_writer *writer)
{
    struct timespec64 now = inode_now(writer->journal->place.super);
    struct page *page = new_block(writer, JOURNAL_COMMIT);
    struct journal_disk_commit *commit = page_address(page);

    commit->seconds_high = be32_of((uint32_t)((uint64_t)now.sec >> 32));
    commit->seconds_low = be32_of((uint32_t)now.sec);
    commit->nanoseconds = be32_of(now.nsec);
    journal_io_begin(&writer->io, writer->journal->place.super->device, true);
    write_at(writer, take_place(writer->journal), page);
    return journal_io_wait(&writer->io);
}

static int write_transaction(struct journal *journal, uint32_t number)
{
    struct log_writer writer = {.journal = journal, .number = number};
    struct block_device *device = journal->place.super->device;
    int error;

    journal_io_begin(&writer.io, device, false);
    write_copies(&writer);
    write_revoked(&writer);
    /* While the ring is being written. An error stands in the file's mapping, for fsync to report; the tree is
     * whole without that data. */
    (void)!journal->ops->write_data(journal->place.ops_arg);
    error = journal_io_wait(&writer.io);
    undo_escapes(journal);
    if (error == 0) {
        error = block_flush(device);
    }
    if (error == 0) {
        error = write_commit_block(&writer);
    }
    return error;
}

/* Copies of what has been freed are not to be put anywhere. */
static void drop_voided(struct journal *journal)
{
    while (!list_is_empty(&journal->voided)) {
        struct journal_record *revoked = list_first(&journal->voided, struct journal_record, node);
        struct journal_record *record;
        bool is_unused;

        spin_lock(&journal->lock);
        list_remove(&revoked->node);
        record = journal_find(journal, revoked->block);
        if (record != NULL && list_is_linked(&record->copy_node)) {
            list_remove(&record->copy_node);
        }
        is_unused = record != NULL && !record->is_changed;
        if (is_unused) {
            list_remove(&record->hash_node);
        }
        spin_unlock(&journal->lock);
        if (is_unused) {
            journal_record_done(journal, record);
        }
        journal_record_done(journal, revoked);
    }
}

/* No room for two more transactions of the largest size, or too much memory in copies. */
static bool needs_checkpoint(const struct journal *journal)
{
    uint32_t nr_free = journal->end - journal->first - journal->nr_used;

    return nr_free <= journal->max_blocks * 2 || journal->nr_copies > journal->max_copies;
}

void journal_commit_running(struct journal *journal)
{
    uint32_t number;
    int error;

    if (needs_checkpoint(journal) && journal_checkpoint(journal) != 0) {
        return;
    }
    if (!journal_close_off(journal, &number)) {
        return;
    }
    error = write_transaction(journal, number);
    if (error != 0) {
        journal_break(journal, error, "a transaction could not be written");
        return;
    }
    list_splice_back(&journal->copies, &journal->committing);
    drop_voided(journal);
    journal->ops->committed(journal->place.ops_arg, number);
    spin_lock(&journal->lock);
    journal->committed = number;
    spin_unlock(&journal->lock);
    waitq_wake_all(&journal->waitq);
}
