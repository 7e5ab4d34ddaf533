// SPDX-License-Identifier: MIT
/* Order without a journal: ext2.
 *
 * Metadata is changed in its cached pages, and they reach the disk in any order. After a power cut e2fsck makes
 * the rest consistent; but it knows only what it finds, and five things it cannot find out:
 *
 *     a name was moved: the old place is on the disk, empty, and the new one is not
 *     what a name stood for is freed, and the name, which stands for something else now, is as it was
 *     a block of a directory, or an array of pointers, was new: it is led to, and holds what it held before
 *     a file had a hole, which reads as zeros: a block was put there, and holds what it held before
 *     a block or an inode was freed and given to somebody else, and the old owner is as it was
 *
 * So some steps wait until those before them are durable, which is what settling means: all that was changed is
 * written, and the disk's cache flushed. A rename settles between entering the new name and removing the old one,
 * unless both are one change of one sector. A new array of pointers, and a block for a hole that may have been promised,
 * hold zeros before they are led to (clear.c); a directory's block that an array leads to is written at once, empty
 * (map.c). Where the inode itself leads to a directory's new block, it is the inode that waits: the block has a number,
 * and the inode is stored after a settling that began later. So a thousand new directories cost one settling. What is
 * freed is frozen: free in the bitmap, and given to nobody before the next settling (freeze.c). An fsync of a directory stores all inodes that are
 * dirty, for among them may be those that its names lead to.
 *
 * Two names that change places (rename.c) do not settle: no order of two entries would leave both files with a name. After a
 * cut between them e2fsck finds one without, and asks.
 *
 * A promise is made by fsync and sync. That is not asked for: what was stored of the size is taken for promised.
 *
 * Settlings are numbered, as transactions are with a journal: what is frozen belongs to the next one. One runs at a time,
 * and who finds one under way only writes.
 *
 * Source: G. Ganger, Y. Patt, "Metadata Update Performance in File Systems" (OSDI 1994): the three rules. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/base/atomic.h"

static void note_settled(struct ext_fs *fs, uint64_t nr_new_blocks)
{
    uint64_t before = atomic_load(&fs->nr_settled_blocks);

    while (before < nr_new_blocks &&
           !atomic_compare_exchange_weak(&fs->nr_settled_blocks, &before, nr_new_blocks)) {
    }
}

int ext_settle(struct ext_fs *fs)
{
    uint64_t nr_new_blocks = atomic_load(&fs->nr_new_blocks);
    bool is_alone = !atomic_exchange(&fs->is_settling, true);
    uint32_t number = 0;
    int error;

    if (is_alone) {
        mutex_lock(&fs->alloc_lock);
        number = fs->next_settling++;
        mutex_unlock(&fs->alloc_lock);
    }
    error = meta_write_all(fs->super);
    if (error == 0) {
        error = block_flush(fs->super->device);
    }
    if (error == 0) {
        note_settled(fs, nr_new_blocks);
    }
    if (is_alone) {
        if (error == 0) {
            ext_thaw(fs, number);
        }
        atomic_store(&fs->is_settling, false);
    }
    return error;
}

/* The caller writes and flushes everything himself, once more, when this has returned: so there is nothing to do here when
 * nothing is frozen. */
int ext_settle_for_sync(struct super *super, struct inode *inode)
{
    struct ext_fs *fs = ext_fs(super);
    bool has_frozen;
    int error = 0;

    if (inode != NULL && inode_is(inode, S_IFDIR)) {
        error = super_write_inodes(super, UINT64_MAX, true);
    }
    mutex_lock(&fs->alloc_lock);
    has_frozen = ext_has_frozen(fs);
    mutex_unlock(&fs->alloc_lock);
    return error == 0 && has_frozen ? ext_settle(fs) : error;
}

int ext_settle_name(struct inode *dir, struct inode *inode)
{
    struct ext_fs *fs = ext_fs(dir->super);
    int error = 0;

    if (fs->journal != NULL) {
        return 0;
    }
    error = ext_write_inode(inode);
    if (error == 0) {
        error = ext_write_inode(dir);
    }
    return error != 0 ? error : ext_settle(fs);
}

int ext_settle_block(struct ext_fs *fs, struct meta_block *block)
{
    int error = meta_write_sync(block);

    return error != 0 ? error : block_flush(fs->super->device);
}

void ext_note_new_block(struct inode *inode)
{
    struct ext_fs *fs = ext_fs(inode->super);

    ext_inode(inode)->new_block = atomic_fetch_add(&fs->nr_new_blocks, 1) + 1;
}

bool ext_is_settled(struct inode *inode)
{
    return ext_inode(inode)->new_block <= atomic_load(&ext_fs(inode->super)->nr_settled_blocks);
}

bool ext_is_promised(struct inode *inode, uint64_t block)
{
    uint64_t bytes = min_of(load_relaxed(&ext_inode(inode)->stored_bytes), inode_size(inode));

    return block << ext_fs(inode->super)->block_shift < bytes;
}
