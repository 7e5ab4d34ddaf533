// SPDX-License-Identifier: MIT
/* O_DIRECT: reading and writing that leaves nothing in the cache.
 *
 * Programs ask for it that cache by themselves (databases), or that move more than is worth keeping (dd, backup). What
 * they rely on is that a write has reached the device when it returns, an error included, and that what they
 * move does not push out what others want to keep. Both are had through the page cache: a write is followed by
 * writing its range out and dropping its pages, a read by dropping the pages it read. So direct and
 * ordinary reads, writes and mappings of a file always agree, at the price of one copy; and there is one way to
 * the disk, with one place for its errors.
 *
 * As on Linux, position, lengths and addresses must be multiples of a sector; files without a disk do not care. */
#include "drivers/block.h"
#include "fs/vfs/file_internal.h"
#include "kernel/abi/errno.h"

int direct_check(const struct inode *inode, const struct iter *iter, uint64_t position)
{
    uint64_t bits = position;

    if (inode->mapping.device == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < iter->nr_segments; i++) {
        bits |= iter->segments[i].base | iter->segments[i].len_bytes;
    }
    return (bits & (SECTOR_SIZE - 1)) != 0 ? -EINVAL : 0;
}

void direct_end_read(struct inode *inode, uint64_t start, uint64_t end)
{
    mapping_drop_range(&inode->mapping, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
}

int direct_end_write(struct inode *inode, uint64_t start, uint64_t end)
{
    uint64_t first = start >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
    int error = mapping_write_and_wait(&inode->mapping, first, last);

    mapping_drop_range(&inode->mapping, first, last);
    return error;
}
