// SPDX-License-Identifier: MIT
/* fsync: for file systems that have no order of their own to keep, and for those with a journal.
 *
 * Data pages first, then the attributes and block maps that point to them, then a flush of the
 * device's cache. Each step has arrived at the device before the next begins; but its cache keeps no
 * order, and metadata is written in the background, too. So it is when the call has returned that
 * nothing points to what is not there; on the way a power cut may find that. Whoever needs more has a
 * journal (commit), an order of its own (FAT: super_ops.fsync), or settles (fs/ext/settle.c). */
#include "drivers/block.h"
#include "fs/vfs/inode_internal.h"

int generic_fsync(struct inode *inode, uint64_t first_byte, uint64_t last_byte, bool is_datasync)
{
    struct super *super = inode->super;
    int error;
    int last;

    if (super->device == NULL) {
        return 0; /* memory is all there is */
    }
    error = mapping_write_and_wait(&inode->mapping, first_byte >> PAGE_SHIFT,
                                   last_byte >> PAGE_SHIFT);
    /* Also waits when somebody else is storing the attributes just now. */
    last = inode_write(inode, false);
    error = error != 0 ? error : last;
    if (super->ops->commit != NULL) {
        last = super->ops->commit(super, inode);
        error = error != 0 ? error : last;
    }
    last = meta_write_all(super);
    error = error != 0 ? error : last;
    last = block_flush(super->device);
    return error != 0 ? error : last;
}
