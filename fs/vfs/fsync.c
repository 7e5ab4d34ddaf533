// SPDX-License-Identifier: MIT
/* fsync: for file systems that have no order of their own to keep, and for those with a journal.
 *
 * Data pages first, then the attributes and block maps that point to them, then a flush of the
 * device's cache: at no moment does metadata on the disk point to blocks whose content has not
 * been written. */
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
