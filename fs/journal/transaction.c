// SPDX-License-Identifier: MIT
/* The running transaction: who changes what, and how it is closed off.
 *
 *     begin ──> change change ──> end       operations, many at once
 *          begin ──> change ──> end
 *     ─────────────────────────────────┤ close off: nobody is inside; copy all that was changed; the next
 *                                        transaction may begin
 *
 * An operation pays before it begins. For each block that it may change it needs a record with a frame
 * for the copy; if there is no memory for that, the operation fails before it has done anything, and
 * once it has begun nothing that the journal does can fail.
 *
 * The copy is what makes commits cheap for everybody else: operations stand still for as long as it takes
 * to copy some hundred blocks in memory, and not while those are written to the disk.
 *
 * A record finds its block by a hash. It lives from the first change until the copy of the last is in its place,
 * and holds a reference to the page, which therefore stays in the cache: what is on the disk meanwhile
 * is old.
 *
 * A block that is revoked was freed. If it was only changed in this transaction that change is forgotten; in any
 * case the revocation is written, since the ring may still hold older copies.
 *
 * Lock: journal->lock around all lists that operations touch. */
#include "fs/journal/journal_internal.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/frames.h"
#include "mm/slab.h"

#define MAX_SPARE 64u /* kept for the next operations */

SLAB_CACHE(journal_record_cache, struct journal_record, NULL);

/* ---- Records ----------------------------------------------------------------------------------- */

static struct list *bucket_of(struct journal *journal, uint64_t block)
{
    return &journal->hash[(block ^ block >> 8) % JOURNAL_NR_BUCKETS];
}

struct journal_record *journal_find(struct journal *journal, uint64_t block)
{
    struct journal_record *record;

    spin_assert_held(&journal->lock);
    list_for_each (record, bucket_of(journal, block), hash_node) {
        if (record->block == block) {
            return record;
        }
    }
    return NULL;
}

static struct journal_record *record_alloc(void)
{
    struct journal_record *record = slab_alloc(&journal_record_cache, ALLOC_KERNEL);

    if (record == NULL) {
        return NULL;
    }
    record->copy = frames_alloc(0, ALLOC_KERNEL);
    if (record->copy == NULL) {
        slab_free(&journal_record_cache, record);
        return NULL;
    }
    list_init(&record->hash_node);
    list_init(&record->node);
    list_init(&record->copy_node);
    return record;
}

static void record_free(struct journal_record *record)
{
    frames_free(record->copy, 0);
    slab_free(&journal_record_cache, record);
}

/* One of those that the operation has paid for. */
static struct journal_record *take_spare(struct journal *journal, uint64_t block)
{
    struct journal_record *record;

    assert(!list_is_empty(&journal->spare)); /* else it has changed more than it said */
    record = list_first(&journal->spare, struct journal_record, node);
    list_remove(&record->node);
    journal->nr_spare--;
    record->block = block;
    record->page = NULL;
    record->data = NULL;
    record->is_changed = false;
    return record;
}

void journal_record_done(struct journal *journal, struct journal_record *record)
{
    struct page *page = record->page;
    bool is_kept;

    spin_lock(&journal->lock);
    is_kept = journal->nr_spare < journal->nr_promised + MAX_SPARE;
    if (is_kept) {
        list_push_back(&journal->spare, &record->node);
        journal->nr_spare++;
    }
    spin_unlock(&journal->lock);
    if (page != NULL) {
        page_put(page);
    }
    if (!is_kept) {
        record_free(record);
    }
}

void journal_free_spares(struct journal *journal)
{
    struct journal_record *record, *after;

    list_for_each_safe (record, after, &journal->spare, node) {
        list_remove(&record->node);
        record_free(record);
    }
    journal->nr_spare = 0;
}

/* ---- Operations -------------------------------------------------------------------------------- */

static bool is_broken(struct journal *journal)
{
    return load_relaxed(&journal->error) != 0;
}

/* Have the thread commit what is running. Caller: lock held; it wakes the queue afterwards. */
static void want_commit(struct journal *journal)
{
    if ((int32_t)(journal->wanted - journal->number) < 0) {
        journal->wanted = journal->number;
    }
}

enum entry { MAY_ENTER, MUST_WAIT, MUST_COMMIT, MUST_PAY, IS_OVER };

static enum entry try_to_enter(struct journal *journal, unsigned nr_blocks)
{
    if (is_broken(journal) || journal->is_stopping) {
        return IS_OVER;
    }
    if (journal->is_closing_off) {
        return MUST_WAIT;
    }
    if (journal->nr_changed + journal->nr_promised + nr_blocks > journal->max_blocks &&
        journal->nr_changed + journal->nr_active != 0) {
        want_commit(journal);
        return MUST_COMMIT;
    }
    if (journal->nr_spare < journal->nr_promised + nr_blocks) {
        return MUST_PAY;
    }
    journal->nr_promised += nr_blocks;
    journal->nr_active++;
    return MAY_ENTER;
}

/* Whether there is a reason to try again: the transaction that was full, or being closed off, is over. */
static bool may_try_again(struct journal *journal, uint32_t number)
{
    bool result;

    spin_lock(&journal->lock);
    result = (journal->number != number && !journal->is_closing_off) || is_broken(journal) ||
             journal->is_stopping ||
             (!journal->is_closing_off && journal->nr_changed + journal->nr_active == 0);
    spin_unlock(&journal->lock);
    return result;
}

static int add_spare(struct journal *journal)
{
    struct journal_record *record = record_alloc();

    if (record == NULL) {
        return -ENOMEM;
    }
    spin_lock(&journal->lock);
    list_push_back(&journal->spare, &record->node);
    journal->nr_spare++;
    spin_unlock(&journal->lock);
    return 0;
}

int journal_begin(struct journal *journal, unsigned nr_blocks)
{
    assert(nr_blocks <= journal->max_blocks);
    for (;;) {
        enum entry entry;
        uint32_t number;
        int error = 0;

        spin_lock(&journal->lock);
        entry = try_to_enter(journal, nr_blocks);
        number = journal->number;
        spin_unlock(&journal->lock);
        switch (entry) {
        case MAY_ENTER: return 0;
        case IS_OVER: return -EROFS;
        case MUST_PAY: error = add_spare(journal); break;
        case MUST_COMMIT: waitq_wake_all(&journal->waitq); /* fall through */
        case MUST_WAIT: waitq_wait_event(&journal->waitq, may_try_again(journal, number)); break;
        }
        if (error != 0) {
            return error;
        }
    }
}

void journal_end(struct journal *journal, unsigned nr_blocks)
{
    bool must_wake;

    spin_lock(&journal->lock);
    journal->nr_promised -= nr_blocks;
    journal->nr_active--;
    must_wake = journal->nr_active == 0;
    spin_unlock(&journal->lock);
    if (must_wake) {
        waitq_wake_all(&journal->waitq);
    }
}

void journal_change(struct journal *journal, const struct meta_block *meta)
{
    uint64_t offset = (meta->page->cache.index << PAGE_SHIFT) + meta->offset_bytes;
    uint64_t block = offset / journal->place.block_bytes;
    struct journal_record *record;

    spin_lock(&journal->lock);
    debug_assert(journal->nr_active != 0 && meta->len_bytes == journal->place.block_bytes);
    record = journal_find(journal, block);
    if (record == NULL) {
        record = take_spare(journal, block);
        page_get(meta->page);
        record->page = meta->page;
        record->data = meta->data;
        list_push_back(bucket_of(journal, block), &record->hash_node);
    }
    if (!record->is_changed) {
        record->is_changed = true;
        list_push_back(&journal->changed, &record->node);
        journal->nr_changed++;
    }
    spin_unlock(&journal->lock);
}

void journal_revoke(struct journal *journal, uint64_t block)
{
    struct journal_record *record, *forgotten = NULL;

    spin_lock(&journal->lock);
    debug_assert(journal->nr_active != 0);
    record = journal_find(journal, block);
    if (record != NULL && record->is_changed) {
        record->is_changed = false;
        list_remove(&record->node);
        journal->nr_changed--;
        if (!list_is_linked(&record->copy_node)) {
            list_remove(&record->hash_node);
            forgotten = record;
        }
    }
    record = take_spare(journal, block);
    list_push_back(&journal->revoked, &record->node);
    journal->nr_changed++;
    spin_unlock(&journal->lock);
    if (forgotten != NULL) {
        journal_record_done(journal, forgotten);
    }
}

void journal_abort(struct journal *journal, int error)
{
    journal_break(journal, error, "an operation could not be completed");
}

uint32_t journal_number(struct journal *journal)
{
    return __atomic_load_n(&journal->number, __ATOMIC_RELAXED);
}

/* ---- Closing off ------------------------------------------------------------------------------- */

static bool is_deserted(struct journal *journal)
{
    bool result;

    spin_lock(&journal->lock);
    result = journal->nr_active == 0;
    spin_unlock(&journal->lock);
    return result;
}

/* Nobody is inside: the content of the blocks stands still. */
static void copy_changed(struct journal *journal)
{
    struct journal_record *record;

    while (!list_is_empty(&journal->changed)) {
        record = list_first(&journal->changed, struct journal_record, node);
        list_remove(&record->node);
        record->is_changed = false;
        if (list_is_linked(&record->copy_node)) {
            list_remove(&record->copy_node); /* the copy of an earlier one gives way */
        }
        list_push_back(&journal->committing, &record->copy_node);
        memcpy(page_address(record->copy), record->data, journal->place.block_bytes);
    }
    list_splice_back(&journal->voided, &journal->revoked);
}

bool journal_close_off(struct journal *journal, uint32_t *number)
{
    bool is_empty;

    spin_lock(&journal->lock);
    journal->is_closing_off = true;
    spin_unlock(&journal->lock);
    waitq_wait_event(&journal->waitq, is_deserted(journal));
    spin_lock(&journal->lock);
    is_empty = journal->nr_changed == 0 || is_broken(journal);
    *number = journal->number;
    spin_unlock(&journal->lock);
    if (!is_empty) {
        copy_changed(journal);
    }
    spin_lock(&journal->lock);
    if (!is_empty) {
        journal->nr_changed = 0;
        __atomic_store_n(&journal->number, journal->number + 1, __ATOMIC_RELAXED);
    } else {
        journal->wanted = journal->committed; /* who has asked gets nothing, and that at once */
    }
    journal->is_closing_off = false;
    spin_unlock(&journal->lock);
    waitq_wake_all(&journal->waitq);
    return !is_empty;
}

/* Said before it is so: whoever is told finds the line in the log. */
void journal_break(struct journal *journal, int error, const char *what)
{
    if (!is_broken(journal)) {
        (void)super_damaged(journal->place.super, "the journal: %s: error %d", what, error);
        store_relaxed(&journal->error, error);
    }
    waitq_wake_all(&journal->waitq);
}
