// SPDX-License-Identifier: MIT
/* Operations: what happens as a whole or not at all.
 *
 * Each call of the VFS that changes metadata is one operation of the journal: a name with its inode, its
 * directory and its bitmaps; blocks given to a page; one step of freeing a file. Without a journal (ext2) the
 * same calls only mark blocks as dirty: inodes are put into their tables by writeback, and what little order there
 * has to be comes from settle.c. The rest of this is about journals.
 *
 * An operation puts the inodes that it has changed into their tables itself, so that pointers and bitmaps
 * agree in every transaction. It holds the blocks that they stand in from its beginning on: one that cannot be read is an
 * error of this operation, before it has changed anything, and none of the whole journal. Attributes that change by
 * themselves (times, a size after a write) are put there by writeback, each an operation of its own.
 *
 * Blocks that are given to a file hold what somebody else left there, and behind its end there are zeros. So
 * the file's pages are written before the transaction that gives it blocks, or a larger size, is committed (ordered
 * data): such inodes stand on a list, which the journal's thread empties before each commit. An inode that is evicted
 * takes itself off, and waits if the thread is just writing it.
 *
 * What an operation frees is frozen until its transaction is durable (freeze.c): else a power cut could
 * bring the old owner back, with somebody else's content. When nothing but frozen blocks is left, the next operation
 * begins with a commit.
 *
 * Locks: none here is held over anything that waits, but for operations themselves: inside one, nobody waits for
 * a lock of a page of a file, or for a commit. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"

#define FEW_BLOCKS 256u
#define FEW_INODES 16u

static bool should_thaw(struct ext_fs *fs)
{
    bool result;

    mutex_lock(&fs->alloc_lock);
    result = ext_has_frozen(fs) &&
             (fs->nr_free_blocks < fs->nr_frozen_blocks[0] + fs->nr_frozen_blocks[1] + FEW_BLOCKS ||
              fs->nr_free_inodes < fs->nr_frozen_inodes[0] + fs->nr_frozen_inodes[1] + FEW_INODES);
    mutex_unlock(&fs->alloc_lock);
    return result;
}

int ext_begin(struct ext_fs *fs, unsigned nr_blocks)
{
    if (should_thaw(fs)) {
        (void)!(fs->journal != NULL ? journal_commit_all(fs->journal) : ext_settle(fs));
    }
    return fs->journal != NULL ? journal_begin(fs->journal, nr_blocks) : 0;
}

void ext_end(struct ext_fs *fs, unsigned nr_blocks)
{
    if (fs->journal != NULL) {
        journal_end(fs->journal, nr_blocks);
    }
}

void ext_forget(struct ext_fs *fs, uint32_t block)
{
    meta_forget(fs->super, block, 1, fs->block_bytes);
    if (fs->journal != NULL) {
        journal_revoke(fs->journal, block);
    }
}

/* ---- Inodes ------------------------------------------------------------------------------------ */

/* Its block is held. Were it not, and could not be read, the transaction would contradict itself and must not be
 * committed. */
static void log_inode(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    int error = ext_write_inode(inode);

    if (error != 0) {
        journal_abort(fs->journal, error);
    }
}

void ext_log_inodes(struct inode *const *inodes, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        if (inodes[i] != NULL && ext_fs(inodes[i]->super)->journal != NULL) {
            log_inode(inodes[i]);
        }
    }
}

int ext_begin_inode(struct inode *inode, unsigned nr_blocks, struct meta_block *table)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_disk_inode *disk;
    int error = ext_begin(fs, nr_blocks);

    *table = (struct meta_block){.page = NULL};
    if (error == 0 && fs->journal != NULL) {
        error = ext_inode_read_table(fs, (uint32_t)inode->number, table, &disk);
        if (error != 0) {
            ext_end(fs, nr_blocks);
        }
    }
    return error;
}

void ext_end_inode(struct inode *inode, unsigned nr_blocks, struct meta_block *table)
{
    ext_log_inodes(&inode, 1);
    ext_end(ext_fs(inode->super), nr_blocks);
    meta_put(table);
}

int ext_begin_for_sync(struct ext_fs *fs)
{
    int error = ext_begin(fs, 1);

    return error == -EROFS ? -EIO : error;
}

int ext_write_inode_alone(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    int error = ext_begin_for_sync(fs);

    if (error == 0) {
        error = ext_write_inode(inode);
        ext_end(fs, 1);
    }
    return error;
}

int ext_commit(struct super *super, struct inode *inode)
{
    struct ext_fs *fs = ext_fs(super);

    if (fs->journal == NULL) {
        return ext_settle_for_sync(super, inode);
    }
    return inode != NULL ? journal_commit(fs->journal, load_relaxed(&ext_inode(inode)->transaction))
                         : journal_commit_all(fs->journal);
}

/* ---- Ordered data ------------------------------------------------------------------------------ */

int ext_begin_allocate(struct inode *inode, struct meta_block *table)
{
    return ext_begin_inode(inode, EXT_GIVE_BLOCKS, table);
}

void ext_order(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);
    struct ext_inode *ext = ext_inode(inode);

    spin_lock(&fs->ordered_lock);
    if (!list_is_linked(&ext->ordered_node)) {
        list_push_back(&fs->ordered, &ext->ordered_node);
    }
    spin_unlock(&fs->ordered_lock);
}

/* What lies behind the end is taken back in the same operation; if that fails, the inode goes onto the list of orphans in
 * it, and whoever finishes with those cuts it to its size. */
void ext_end_allocate(struct inode *inode, struct meta_block *table, bool has_excess)
{
    if (has_excess && ext_take_back_blocks(inode, inode_size(inode)) != 0) {
        ext_orphan_add(inode);
    }
    if (ext_fs(inode->super)->journal != NULL) {
        ext_order(inode);
    }
    ext_end_inode(inode, EXT_GIVE_BLOCKS, table);
}

static bool is_left_alone(struct ext_fs *fs, struct ext_inode *ext)
{
    bool result;

    spin_lock(&fs->ordered_lock);
    result = !ext->is_being_written;
    if (result && list_is_linked(&ext->ordered_node)) {
        list_remove(&ext->ordered_node);
    }
    spin_unlock(&fs->ordered_lock);
    return result;
}

void ext_unorder(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);

    if (fs->journal != NULL) {
        waitq_wait_event(&fs->ordered_waitq, is_left_alone(fs, ext_inode(inode)));
    }
}

static struct ext_inode *take_ordered(struct ext_fs *fs)
{
    struct ext_inode *ext = NULL;

    spin_lock(&fs->ordered_lock);
    if (!list_is_empty(&fs->ordered)) {
        ext = list_first(&fs->ordered, struct ext_inode, ordered_node);
        list_remove(&ext->ordered_node);
        ext->is_being_written = true;
    }
    spin_unlock(&fs->ordered_lock);
    return ext;
}

/* What comes onto the list meanwhile belongs to the next transaction, but that may be said only of what was not
 * there when this one was closed off; so all of it is written. */
static int write_ordered(void *arg)
{
    struct ext_fs *fs = arg;
    struct ext_inode *ext;
    int result = 0;

    while ((ext = take_ordered(fs)) != NULL) {
        int error = mapping_write_and_wait(&ext->vfs.mapping, 0, UINT64_MAX);

        result = result != 0 ? result : error;
        spin_lock(&fs->ordered_lock);
        ext->is_being_written = false;
        spin_unlock(&fs->ordered_lock);
        waitq_wake_all(&fs->ordered_waitq);
    }
    return result;
}

static void note_committed(void *arg, uint32_t number)
{
    ext_thaw(arg, number);
}

const struct journal_ops ext_journal_ops = {
    .write_data = write_ordered,
    .committed = note_committed,
};
