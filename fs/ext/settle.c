// SPDX-License-Identifier: MIT
/* Order without a journal: ext2.
 *
 * Metadata is changed in its cached pages, and they reach the disk in any order. After a power cut e2fsck makes
 * the rest consistent; but it knows only what it finds, and four things it cannot find out:
 *
 *     a name was moved: the old place is on the disk, empty, and the new one is not
 *     what a name stood for is freed, and the name, which stands for something else now, is as it was
 *     an array of pointers was new: the inode leads to it, and it holds what its block held before
 *     a block or an inode was freed and given to somebody else, and the old owner is as it was
 *
 * So some steps wait until those before them are durable, which is what settling means: all that was changed is
 * written, and the disk's cache flushed. A rename settles between entering the new name and removing the old
 * one. A new array of pointers is written at once, empty. What is freed is frozen: free in the bitmap, and given to
 * nobody before the next settling (freeze.c). An fsync of a directory writes the inodes that its
 * names lead to.
 *
 * Settlings are numbered, as transactions are with a journal: what is frozen belongs to the next one. One runs at a time,
 * and who finds one under way only writes.
 *
 * Source: G. Ganger, Y. Patt, "Metadata Update Performance in File Systems" (OSDI 1994): the three rules. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/base/atomic.h"

int ext_settle(struct ext_fs *fs)
{
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
    int error = 0;

    if (fs->journal == NULL) {
        error = meta_write_sync(block);
        if (error == 0) {
            error = block_flush(fs->super->device);
        }
        if (error != 0) {
            meta_put(block);
        }
    }
    return error;
}
