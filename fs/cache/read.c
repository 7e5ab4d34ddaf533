// SPDX-License-Identifier: MIT
/* Reading pages in, and reading ahead.
 *
 * mapping_read() gives a page that is up to date: at once when it is cached, else by starting to
 * read it, with as many of its neighbours as the caller thinks will be wanted, and waiting for that
 * one page only.
 *
 * Reading ahead. A file that is read in order shows it by asking for the page where the last read
 * ended. Its window then doubles with each round, from 16 KiB to 512 KiB. One page in the window is
 * marked READAHEAD: meeting the mark starts the next window while the reader still consumes this
 * one, so that a sequential reader rarely waits. A read elsewhere resets the window: random readers
 * fetch what they ask for and no more.
 *
 * Pieces of a page that lie in a hole or behind the last block are zeroed here and never read. */
#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/iter.h"
#include "kernel/base/string.h"

#define READAHEAD_MIN_PAGES 4u
#define READAHEAD_MAX_PAGES 128u

/* Queue the reads that one locked page needs. nr_wanted_blocks: how far the whole run goes, for
 * map_blocks. */
static int read_page(struct io_builder *builder, struct page *page, struct extent_cursor *cursor,
                     uint64_t nr_wanted_blocks)
{
    struct mapping *mapping = builder->mapping;
    uint32_t shift = mapping->device == NULL
                         ? PAGE_SHIFT
                         : (mapping->ops == NULL ? SECTOR_SHIFT : mapping->block_shift);
    uint32_t block_bytes = 1u << shift;
    uint64_t first_block = page->cache.index << (PAGE_SHIFT - shift);
    uint64_t end_block = (mapping_size(mapping) + block_bytes - 1) >> shift;
    bool has_hole = false;
    int error = 0;

    for (uint32_t offset = 0; offset < PAGE_SIZE; offset += block_bytes) {
        uint64_t block = first_block + (offset >> shift);

        if (mapping->device != NULL && block < end_block &&
            !mapping_is_punched(mapping, block << shift, (block + 1) << shift)) {
            error = extent_cursor_find(mapping, cursor, block,
                                       min_of(nr_wanted_blocks, end_block - block));
            if (error != 0) {
                page_set(page, PAGE_ERROR);
                break;
            }
            if (!cursor->extent.is_hole) {
                io_builder_add(builder, page, offset, block_bytes,
                               extent_cursor_block(cursor, block) << (shift - SECTOR_SHIFT));
                continue;
            }
            has_hole = true;
        } else {
            has_hole = true;
        }
        memset((char *)page_address(page) + offset, 0, block_bytes);
    }
    if (error == 0 && !has_hole && mapping->ops != NULL) {
        page_set(page, PAGE_MAPPED);
    }
    return error;
}

/* An object without a disk: a missing page is a page of zeros. */
static int fill_zero_page(struct mapping *mapping, uint64_t index)
{
    struct page *page;
    int error = mapping_add_page(mapping, index, ALLOC_WAIT | ALLOC_NOFS | ALLOC_USER, &page);

    if (error != 0) {
        return error == -EEXIST ? 0 : error;
    }
    memset(page_address(page), 0, PAGE_SIZE);
    page_set(page, PAGE_UPTODATE);
    page_unlock(page);
    page_put(page);
    return 0;
}

/* Make page `index` and queue its reads. What is only hoped to be useful is not worth reclaiming
 * other memory for. Returns 0, also when the page is there already, or an error. */
static int start_page(struct io_builder *builder, uint64_t index, bool is_wanted, bool is_marker,
                      struct extent_cursor *cursor, uint64_t nr_wanted_blocks)
{
    enum alloc_flags flags = is_wanted ? ALLOC_WAIT | ALLOC_NOFS : ALLOC_ATOMIC | ALLOC_QUIET;
    struct page *page;
    int error;

    if (!is_wanted && mapping_has(builder->mapping, index)) {
        return 0; /* before a frame is taken for it */
    }
    error = mapping_add_page(builder->mapping, index, flags, &page);
    if (error != 0) {
        return error == -EEXIST ? 0 : error;
    }
    if (is_marker) {
        page_set(page, PAGE_READAHEAD);
    }
    io_builder_open_page(builder, page);
    error = read_page(builder, page, cursor, nr_wanted_blocks);
    io_builder_close_page(builder, page);
    page_put(page);
    return error;
}

int mapping_start_read(struct mapping *mapping, uint64_t index, unsigned nr, uint64_t marker)
{
    uint64_t end = min_of(index + nr, mapping_nr_pages(mapping));
    uint32_t shift = mapping->ops == NULL ? SECTOR_SHIFT : mapping->block_shift;
    struct extent_cursor cursor = {0};
    struct io_builder builder;
    int error = 0;

    if (mapping->device == NULL) {
        return index < end ? fill_zero_page(mapping, index) : 0;
    }
    io_builder_begin(&builder, mapping, BLOCK_READ);
    for (uint64_t i = index; i < end && error == 0; i++) {
        error = start_page(&builder, i, i == index, i == marker, &cursor,
                           (end - i) << (PAGE_SHIFT - shift));
        if (error != 0 && i != index) { /* only hoped for: whoever needs the page will hear of it */
            error = 0;
            break;
        }
    }
    io_builder_end(&builder);
    return error;
}

/* A cached page that is not up to date and not being read: an earlier read failed. Try again. */
static int reread_page(struct mapping *mapping, struct page *page)
{
    struct extent_cursor cursor = {0};
    struct io_builder builder;
    int error = 0;

    page_lock(page);
    if (page_mapping(page) != mapping || page_has(page, PAGE_UPTODATE)) {
        page_unlock(page);
        return 0;
    }
    if (mapping->device == NULL) {
        memset(page_address(page), 0, PAGE_SIZE);
        page_set(page, PAGE_UPTODATE);
        page_unlock(page);
        return 0;
    }
    io_builder_begin(&builder, mapping, BLOCK_READ);
    io_builder_open_page(&builder, page);
    error = read_page(&builder, page, &cursor, PAGE_SIZE >> SECTOR_SHIFT);
    io_builder_close_page(&builder, page);
    io_builder_end(&builder);
    page_wait_unlocked(page);
    if (error != 0) {
        return error;
    }
    return page_has(page, PAGE_UPTODATE) || page_mapping(page) != mapping ? 0 : -EIO;
}

int mapping_read(struct mapping *mapping, uint64_t index, unsigned nr_ahead, struct page **out)
{
    for (;;) {
        struct page *page = mapping_find(mapping, index);
        int error = 0;

        if (page == NULL) {
            error = mapping_start_read(mapping, index, max_of(nr_ahead, 1u), UINT64_MAX);
            if (error != 0) {
                return error;
            }
            page = mapping_find(mapping, index);
            if (page == NULL) {
                if (index >= mapping_nr_pages(mapping)) {
                    return -EFAULT; /* the object ends before it */
                }
                continue;
            }
        }
        if (likely(page_has(page, PAGE_UPTODATE))) {
            *out = page;
            return 0;
        }
        page_wait_unlocked(page);
        if (!page_has(page, PAGE_UPTODATE)) {
            /* The read that failed may have been another's, for want of memory: only a read of
             * our own tells the reason. */
            error = reread_page(mapping, page);
        }
        if (error == 0 && page_has(page, PAGE_UPTODATE) && page_mapping(page) == mapping) {
            *out = page;
            return 0;
        }
        page_put(page);
        if (error != 0) {
            return error;
        }
    }
}

void mapping_read_ahead(struct mapping *mapping, uint64_t first, uint64_t nr)
{
    uint64_t limit = mapping_nr_pages(mapping);
    uint64_t end = first < limit ? first + min_of(nr, limit - first) : first;

    while (first < end) {
        unsigned part = (unsigned)min_of(end - first, (uint64_t)READAHEAD_MAX_PAGES);

        if (mapping_start_read(mapping, first, part, UINT64_MAX) != 0) {
            break; /* whoever needs the page will hear of it */
        }
        first += part;
    }
}

/* How much to read for a miss at index, of which the caller wants nr_wanted pages; updates the
 * habit. */
static unsigned readahead_window(struct readahead *readahead, uint64_t index, unsigned nr_wanted)
{
    if (readahead->is_random) {
        readahead->nr_pages = 0;
    } else if (index == readahead->next_index && (index != 0 || readahead->nr_pages != 0)) {
        readahead->nr_pages = min_of(max_of(readahead->nr_pages * 2, READAHEAD_MIN_PAGES),
                                     READAHEAD_MAX_PAGES);
    } else if (index == 0) {
        readahead->nr_pages = READAHEAD_MIN_PAGES; /* most files are read from their start */
    } else {
        readahead->nr_pages = 0;
    }
    return min_of(max_of(readahead->nr_pages, nr_wanted), READAHEAD_MAX_PAGES);
}

/* The page for mapping_read_iter, with the reader's habit put to use. */
static int read_with_habit(struct mapping *mapping, uint64_t index, unsigned nr_wanted,
                           struct readahead *readahead, struct page **out)
{
    struct page *page = mapping_find(mapping, index);

    if (page == NULL && mapping->device != NULL) {
        unsigned nr = readahead_window(readahead, index, nr_wanted);
        int error = mapping_start_read(mapping, index, nr, nr > 1 ? index + nr / 2 : UINT64_MAX);

        if (error != 0) {
            return error;
        }
    } else if (page != NULL) {
        if (unlikely(page_has(page, PAGE_READAHEAD))) {
            uint64_t next = index + max_of(readahead->nr_pages, 2u) -
                            max_of(readahead->nr_pages, 2u) / 2;

            page_clear(page, PAGE_READAHEAD);
            readahead->nr_pages = min_of(max_of(readahead->nr_pages * 2, READAHEAD_MIN_PAGES),
                                         READAHEAD_MAX_PAGES);
            /* Only hoped for: an error will be met again, and reported, by the read that needs
             * the page. */
            (void)!mapping_start_read(mapping, next, readahead->nr_pages,
                                      next + readahead->nr_pages / 2);
        }
        if (likely(page_has(page, PAGE_UPTODATE))) {
            *out = page;
            return 0;
        }
        page_put(page);
    }
    return mapping_read(mapping, index, 1, out);
}

ssize_t mapping_read_iter(struct inode *inode, struct iter *iter, uint64_t position,
                          struct readahead *readahead)
{
    struct mapping *mapping = &inode->mapping;
    struct readahead none = {.next_index = UINT64_MAX};
    uint64_t start = position;
    ssize_t error = 0;

    if (readahead == NULL) {
        readahead = &none;
    }
    while (iter->remaining_bytes != 0) {
        uint64_t size = inode_size(inode);
        uint32_t offset = (uint32_t)(position & PAGE_MASK);
        uint64_t len = min_of(PAGE_SIZE - offset, iter->remaining_bytes);
        struct page *page;

        if (position >= size) {
            break;
        }
        len = min_of(len, size - position);
        error = read_with_habit(
            mapping, position >> PAGE_SHIFT,
            (unsigned)min_of((iter->remaining_bytes + offset + PAGE_MASK) >> PAGE_SHIFT,
                             (uint64_t)READAHEAD_MAX_PAGES),
            readahead, &page);
        if (error != 0) {
            if (error == -EFAULT) { /* the file shrank under us */
                error = 0;
            }
            break;
        }
        size_t copied = iter_copy_to(iter, (char *)page_address(page) + offset, len);

        page_put(page);
        position += copied;
        readahead->next_index = (position + PAGE_MASK) >> PAGE_SHIFT;
        if (copied < len) {
            error = -EFAULT;
            break;
        }
    }
    return position != start ? (ssize_t)(position - start) : error;
}
