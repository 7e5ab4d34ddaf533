// SPDX-License-Identifier: MIT
/* Writing a file through the cache.
 *
 * For each page of the range: the page is found or made and locked; made up to date, unless all
 * that the file has there is overwritten in its place; its blocks get their places on the disk (so
 * that a full disk is an error of write(2) and not of some later writeback); the bytes are copied
 * in; the page is dirty.
 *
 * What a block held on the disk before it was given to the file must never be seen. So blocks are
 * only given to pages that are up to date, and are dirty from that moment on, whether or not the
 * copy succeeds; what a failed write was given behind the end of the file is taken back.
 *
 * The copy runs under the page lock, and its source may be a mapping of the very page that is
 * locked, whose page fault would wait for ever. So the source is touched first, and the copy
 * itself must not fault: if the source has vanished again in between, it stops short, and the
 * round is repeated. */
#include "fs/cache/cache_internal.h"
#include "fs/cache/writeback.h"
#include "kernel/abi/errno.h"
#include "kernel/base/iter.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/base/test_point.h"

/* A write's part in one page. */
struct page_write {
    struct mapping *mapping;
    struct page *page; /* locked */
    uint32_t offset, len;
    bool must_read; /* an earlier try copied less than len: the old content is needed */
};

/* A part of a page, in blocks of the file: [first, end). */
struct block_range {
    uint64_t first, end;
    uint64_t page_first; /* the page's first block */
    uint32_t shift;
};

static uint32_t offset_in_page(const struct block_range *range, uint64_t block)
{
    return (uint32_t)((block - range->page_first) << range->shift);
}

static int give_blocks(struct mapping *mapping, struct page *page, const struct block_range *range,
                       uint32_t *end)
{
    uint64_t block = range->first;

    while (block < range->end) {
        struct block_extent extent;
        int error = mapping_map(mapping, block, range->end - block, true, &extent);

        if (error != 0) {
            *end = offset_in_page(range, block);
            return error == -ENOSPC && block > range->first ? 0 : error;
        }
        if (extent.is_new) {
            mapping_extents_changed(mapping);
            page_mark_dirty(page, offset_in_page(range, block),
                            (uint32_t)min_of(extent.nr_blocks, range->end - block) << range->shift);
        }
        block += extent.nr_blocks;
    }
    *end = offset_in_page(range, range->end);
    return 0;
}

static bool has_all_blocks(struct mapping *mapping, const struct block_range *range)
{
    uint64_t block = range->first;

    while (block < range->end) {
        struct block_extent extent;

        if (mapping_map(mapping, block, range->end - block, false, &extent) != 0 ||
            extent.is_hole) {
            return false;
        }
        block += extent.nr_blocks;
    }
    return true;
}

/* In an operation of the file system, which begins without page locks: whoever holds one may have to wait for
 * the transaction's end, and that for the page. It ends when the caller says so. */
static int give_blocks_in_operation(struct mapping *mapping, struct page *page,
                                    const struct block_range *range, uint32_t *end,
                                    struct mapping_give *give)
{
    struct inode *inode = mapping->inode;
    uint64_t size = mapping_size(mapping);
    int error;

    page_unlock(page);
    error = mapping->ops->begin_allocate(inode, &give->held);
    page_lock(page);
    if (error != 0) {
        return error;
    }
    give->is_open = true;
    return page_mapping(page) == mapping && mapping_size(mapping) >= size
               ? give_blocks(mapping, page, range, end)
               : -EAGAIN; /* it was cut meanwhile */
}

void mapping_end_allocate(struct mapping *mapping, struct mapping_give *give)
{
    if (give->is_open) {
        mapping->ops->end_allocate(mapping->inode, &give->held, give->has_excess);
    }
}

int mapping_allocate(struct mapping *mapping, struct page *page, uint32_t offset, uint32_t len,
                     uint32_t *end, struct mapping_give *give)
{
    uint32_t shift = mapping->block_shift;
    uint64_t page_first = page->cache.index << (PAGE_SHIFT - shift);
    struct block_range range = {
        .first = page_first + (offset >> shift),
        .end = page_first + ((offset + len + (1u << shift) - 1) >> shift),
        .page_first = page_first,
        .shift = shift,
    };
    uint32_t given;
    int error = 0;

    *give = (struct mapping_give){.is_open = false};
    if (mapping->ops == NULL || page_has(page, PAGE_MAPPED)) {
        *end = offset + len;
        return 0;
    }
    if (mapping->ops->begin_allocate == NULL) {
        error = give_blocks(mapping, page, &range, &given);
    } else if (has_all_blocks(mapping, &range)) {
        given = offset_in_page(&range, range.end);
    } else {
        error = give_blocks_in_operation(mapping, page, &range, &given, give);
    }
    if (error != 0) {
        return error;
    }
    if (given == PAGE_SIZE && range.first == page_first) {
        page_set(page, PAGE_MAPPED);
    }
    *end = min_of(given, offset + len);
    return 0;
}

/* Whether the write replaces all that the file has in the page, in blocks that it has already:
 * then the old content need not be read. (New blocks are only given to pages that are up to
 * date; see mapping_allocate.) */
static bool replaces_all(const struct page_write *write)
{
    struct mapping *mapping = write->mapping;
    uint32_t shift = mapping->block_shift;
    uint64_t start = write->page->cache.index << PAGE_SHIFT;
    struct block_range range = {
        .first = start >> shift,
        .end = (start + write->len + (1u << shift) - 1) >> shift,
    };

    if (write->must_read || write->offset != 0 ||
        (write->len < PAGE_SIZE && start + write->len < inode_size(mapping->inode))) {
        return false;
    }
    return has_all_blocks(mapping, &range);
}

/* Make the page fit for the write: up to date, unless the write will make it so. Returns 0 with
 * the page still locked, or an error with it unlocked; -EAGAIN: it has left the cache. */
static int prepare_content(const struct page_write *write)
{
    struct mapping *mapping = write->mapping;
    struct page *page = write->page;
    struct page *same;
    int error;

    if (page_has(page, PAGE_UPTODATE)) {
        return 0;
    }
    if (mapping->device == NULL || page->cache.index << PAGE_SHIFT >=
                                       inode_size(mapping->inode)) { /* there is no old content */
        memset(page_address(page), 0, PAGE_SIZE);
        page_set(page, PAGE_UPTODATE);
        return 0;
    }
    if (replaces_all(write)) {
        return 0;
    }
    page_unlock(page);
    error = mapping_read(mapping, page->cache.index, 1, &same);
    if (error != 0) {
        return error;
    }
    page_put(same);
    page_lock(page);
    if (page_mapping(page) != mapping) { /* reclaim took it, and another is in its place */
        page_unlock(page);
        return -EAGAIN;
    }
    return 0;
}

/* Copy the bytes up to `end` in. Returns how many; 0: the source was not there, or too little of
 * it to make the page up to date. */
static uint32_t copy_in(const struct page_write *write, struct iter *iter, uint32_t end)
{
    char *content = page_address(write->page);
    uint32_t wanted = end - write->offset;
    uint32_t copied;

    TEST_POINT(TEST_WRITE_PREPARED, write->page);
    port_user_nofault_begin();
    copied = (uint32_t)iter_copy_from(iter, content + write->offset, wanted);
    port_user_nofault_end();
    if (!page_has(write->page, PAGE_UPTODATE)) {
        if (copied != write->len) {
            iter_revert(iter, copied);
            return 0;
        }
        memset(content + copied, 0, PAGE_SIZE - copied); /* what lies behind the end of the file */
        page_set(write->page, PAGE_UPTODATE);
    }
    return copied;
}

/* The bytes [offset, offset + copied) are in: the file has grown, and the page is dirty. */
static void finish_copy(const struct page_write *write, uint32_t copied)
{
    struct inode *inode = write->mapping->inode;
    uint64_t block_mask = (1u << write->mapping->block_shift) - 1;
    uint32_t first = write->offset & ~(uint32_t)block_mask;
    uint64_t last = min_of((write->offset + copied + block_mask) & ~block_mask, PAGE_SIZE);
    uint64_t end = (write->page->cache.index << PAGE_SHIFT) + write->offset + copied;

    /* Dirty first: who sees the new size and then writes what is dirty, has written all of it. */
    page_set(write->page, PAGE_REFERENCED);
    page_mark_dirty(write->page, first, (uint32_t)last - first);
    if (end > inode_size(inode)) {
        inode_set_size(inode, end);
    }
}

/* Write up to len bytes, all in one page. Returns the bytes written, 0 to try again with
 * must_read, or -errno. */
static ssize_t write_in_page(struct mapping *mapping, struct iter *iter, uint64_t position,
                             uint32_t len, bool must_read)
{
    struct page_write write = {.mapping = mapping,
                               .offset = (uint32_t)(position & PAGE_MASK),
                               .len = len,
                               .must_read = must_read};
    uint32_t end = 0, copied = 0;
    struct mapping_give give;
    int error = mapping_grab(mapping, position >> PAGE_SHIFT, &write.page);

    if (error != 0) {
        return error;
    }
    error = prepare_content(&write);
    if (error != 0) {
        page_put(write.page);
        return error == -EAGAIN ? 0 : error;
    }
    error = mapping_allocate(mapping, write.page, write.offset, len, &end, &give);
    if (error == 0) {
        copied = copy_in(&write, iter, end);
    } else {
        end = write.offset + len; /* some of it may have been given */
    }
    if (copied != 0) {
        finish_copy(&write, copied);
    }
    give.has_excess = write.offset + copied < end &&
                      (position & ~(uint64_t)PAGE_MASK) + end > inode_size(mapping->inode);
    if (give.has_excess) {
        page_clear(write.page, PAGE_MAPPED);
    }
    mapping_end_allocate(mapping, &give); /* with the size that the new blocks are for */
    page_unlock(write.page);
    page_put(write.page);
    if (error != 0) {
        return error == -EAGAIN ? 0 : error;
    }
    return (ssize_t)copied;
}

/* Before a write behind the end: what the last page holds there is about to lie inside the file. */
static int zero_old_end(struct mapping *mapping, uint64_t position)
{
    uint64_t old_size = inode_size(mapping->inode);

    return position > old_size && mapping->device != NULL ? mapping_zero_rest(mapping, old_size)
                                                          : 0;
}

ssize_t mapping_write_iter(struct inode *inode, struct iter *iter, uint64_t position)
{
    struct mapping *mapping = &inode->mapping;
    uint64_t max_bytes = inode->super->max_file_bytes;
    uint64_t old_size = inode_size(inode);
    uint64_t start = position;
    bool must_read = false;
    ssize_t result = 0;

    if (is_read_only(inode)) {
        return -EROFS;
    }
    if (position >= max_bytes && iter->remaining_bytes != 0) {
        return -EFBIG;
    }
    result = zero_old_end(mapping, position);
    while (result >= 0 && iter->remaining_bytes != 0 && position < max_bytes) {
        uint64_t len = min_of(PAGE_SIZE - (position & PAGE_MASK), iter->remaining_bytes);

        len = iter_fault_in(iter, min_of(len, max_bytes - position));
        if (len == 0) {
            result = -EFAULT;
            break;
        }
        result = write_in_page(mapping, iter, position, (uint32_t)len, must_read);
        must_read = result == 0;
        position += result > 0 ? (uint64_t)result : 0;
    }
    if (inode_size(inode) > old_size) {
        mapping_extended(mapping, old_size);
    }
    if (position != start) {
        writeback_throttle();
        return (ssize_t)(position - start);
    }
    return result;
}
