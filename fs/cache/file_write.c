// SPDX-License-Identifier: MIT
/* Writing a file through the cache.
 *
 * For each page of the range: the page is found or made and locked; made up to date unless all of it is overwritten;
 * its blocks get their places on the disk (so that a full disk is an error of write(2) and not of some later writeback); the
 * bytes are copied in; the page is dirty.
 *
 * The copy runs under the page lock, and its source may be a mapping of the very page that is locked, whose page fault
 * would wait for ever. So the source is touched first, and the copy itself must not fault: if the source has vanished again
 * in between, it stops short, and the round is repeated. */
#include "fs/cache/cache_internal.h"
#include "fs/vfs/inode.h"
#include "kernel/abi/errno.h"
#include "kernel/base/iter.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "fs/cache/writeback.h"

/* Make a locked page fit for a write of [offset, offset + len): up to date, unless the write or zeros replace all of it.
 * Returns 0 with the page still locked, or an error with it unlocked. */
static int prepare_content(struct mapping *mapping, struct page *page, uint32_t offset,
                           uint32_t len, bool must_read)
{
    uint64_t size = inode_size(mapping->inode);
    uint64_t start = page->cache.index << PAGE_SHIFT;
    struct page *same;
    int error;

    if (page_has(page, PAGE_UPTODATE)) {
        return 0;
    }
    if (start >= size || (offset == 0 && start + len >= size && len < PAGE_SIZE && !must_read) ||
        mapping->device == NULL) {
        /* Nothing of the old content remains: what the write does not cover is behind the end of the file. */
        memset(page_address(page), 0, PAGE_SIZE);
        page_set(page, PAGE_UPTODATE);
        return 0;
    }
    if (len == PAGE_SIZE && !must_read) {
        return 0; /* overwritten whole; up to date after the copy */
    }
    page_unlock(page);
    error = mapping_read(mapping, page->cache.index, 1, &same);
    if (error != 0) {
        return error;
    }
    page_put(same);
    page_lock(page);
    if (page->cache.mapping != mapping) {
        page_unlock(page);
        return -EAGAIN; /* truncated: impossible while inode->lock is held, but reclaim may have taken it */
    }
    return 0;
}

/* Give every block of [offset, offset + len) of the page a place on the disk. Returns how far that is now true, in bytes
 * from the page's start, through *end; less than asked when the disk is full. */
static int allocate_blocks(struct mapping *mapping, struct page *page, uint32_t offset,
                           uint32_t len, uint32_t *end)
{
    uint32_t shift = mapping->block_shift;
    uint64_t page_block = page->cache.index << (PAGE_SHIFT - shift);
    uint64_t block = page_block + (offset >> shift);
    uint64_t end_block = page_block + ((offset + len + (1u << shift) - 1) >> shift);
    bool is_whole = block == page_block && end_block == page_block + (1u << (PAGE_SHIFT - shift));

    *end = offset + len;
    if (mapping->ops == NULL || page_has(page, PAGE_MAPPED)) {
        return 0;
    }
    while (block < end_block) {
        struct block_extent extent;
        int error = mapping->ops->map_blocks(mapping->inode, block, end_block - block, true,
                                             &extent);

        if (error != 0) {
            *end = (uint32_t)((block - page_block) << shift);
            return *end > offset ? 0 : error;
        }
        block += max_of(extent.nr_blocks, (uint64_t)1);
    }
    if (is_whole) {
        page_set(page, PAGE_MAPPED);
    }
    return 0;
}

/* Write up to len bytes, all in one page. Returns the bytes written, 0 to try again, or -errno. */
static ssize_t write_in_page(struct mapping *mapping, struct iter *iter, uint64_t position,
                             uint32_t len, bool must_read)
{
    uint32_t offset = (uint32_t)(position & PAGE_MASK);
    uint32_t block_bytes = 1u << mapping->block_shift;
    struct page *page;
    uint32_t end;
    size_t copied;
    int error = mapping_grab(mapping, position >> PAGE_SHIFT, &page);

    if (error != 0) {
        return error;
    }
    error = prepare_content(mapping, page, offset, len, must_read);
    if (error != 0) {
        page_put(page);
        return error == -EAGAIN ? 0 : error;
    }
    error = allocate_blocks(mapping, page, offset, len, &end);
    if (error == 0) {
        bool is_uptodate = page_has(page, PAGE_UPTODATE);

        if (!is_uptodate && end - offset != PAGE_SIZE) {
            copied =
                0; /* the disk filled up in the middle of a page that was to be overwritten whole */
        } else {
            port_user_nofault_begin();
            copied = iter_copy_from(iter, (char *)page_address(page) + offset, end - offset);
            port_user_nofault_end();
        }
        if (!is_uptodate && copied != PAGE_SIZE) {
            iter_revert(iter, copied); /* a torn page: read it, then try again */
            copied = 0;
        }
        if (copied != 0) {
            uint32_t first = align_down(offset, block_bytes);
            uint32_t last = (uint32_t)min_of(
                (uint64_t)align_up(offset + (uint32_t)copied, block_bytes), PAGE_SIZE);

            page_set(page, PAGE_UPTODATE | PAGE_REFERENCED);
            if (position + copied > inode_size(mapping->inode)) {
                inode_set_size(mapping->inode, position + copied);
            }
            page_mark_dirty(page, first, last - first);
        }
    }
    page_unlock(page);
    page_put(page);
    return error != 0 ? error : (ssize_t)copied;
}

/* The last page of the file is about to lie inside it: what the disk holds behind the old end must become zeros. */
static int zero_old_end(struct mapping *mapping, uint64_t old_size, uint64_t position)
{
    uint32_t offset = (uint32_t)(old_size & PAGE_MASK);
    struct page *page;
    int error;

    if (offset == 0 || position <= old_size || mapping->device == NULL) {
        return 0;
    }
    error = mapping_read(mapping, old_size >> PAGE_SHIFT, 1, &page);
    if (error != 0) {
        return error;
    }
    page_lock(page);
    if (page->cache.mapping == mapping) {
        memset((char *)page_address(page) + offset, 0, PAGE_SIZE - offset);
        page_mark_dirty(page, offset, 1);
    }
    page_unlock(page);
    page_put(page);
    return 0;
}

ssize_t mapping_write_iter(struct inode *inode, struct iter *iter, uint64_t position)
{
    struct mapping *mapping = &inode->mapping;
    uint64_t max_bytes = inode->super->max_file_bytes;
    uint64_t start = position;
    bool must_read = false;
    ssize_t result = 0;

    if (position >= max_bytes && iter->remaining_bytes != 0) {
        return -EFBIG;
    }
    result = zero_old_end(mapping, inode_size(inode), position);
    while (result >= 0 && iter->remaining_bytes != 0 && position < max_bytes) {
        uint64_t len = min_of(PAGE_SIZE - (position & PAGE_MASK), iter->remaining_bytes);

        len = min_of(len, max_bytes - position);
        len = iter_fault_in(iter, len);
        if (len == 0) {
            result = -EFAULT;
            break;
        }
        result = write_in_page(mapping, iter, position, (uint32_t)len, must_read);
        must_read = result == 0;
        position += result > 0 ? (uint64_t)result : 0;
    }
    if (position != start) {
        writeback_throttle();
        return (ssize_t)(position - start);
    }
    return result;
}
