// SPDX-License-Identifier: MIT
/* Holes of files: finding them, making them, filling them.
 *
 * A hole is a run of blocks without a place on the disk; it reads as zeros. Blocks are given to a file by the very
 * write that needs them (file_write.c), so what the block map says is the truth: no dirty page waits in a hole.
 * Objects without a disk have a hole where no page is.
 *
 * Making one (punching) is like cutting the end of a file off (mapping.c), with both ends inside it. The parts of
 * blocks at the edges are zeroed in their pages; whole pages are dropped, dirty or not; then the file system
 * frees the blocks in between. While it does that, their old content must not be read in again, and nobody
 * may store into a page whose blocks are going. So the range is announced first, and then the tree is looked at: who
 * puts a page there later sees the announcement, and has zeros instead of reading; who wants to write to such
 * a page through a mapping waits until the blocks are gone, and gets new ones. Extents that were remembered
 * before are forgotten (io.c).
 *
 * Filling one gives it blocks whose content is zeros. On the disk there is no mark for "allocated, and never
 * written", so zeros are really written, by way of the cache like any others.
 *
 * Locks: inode->lock for writing around making and filling. punch_start and punch_end are under mapping->lock; a
 * punch_end of 0, that nothing is going on, may be seen without. */
#include "fs/cache/cache_internal.h"
#include "fs/cache/writeback.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "kernel/sync/waitq.h"

#define THROTTLE_PAGES 256u /* filled between two looks at how much is dirty */

static struct waitq punched = WAITQ_INIT(punched); /* some punch has ended */

static uint32_t block_shift_of(const struct mapping *mapping)
{
    return mapping->device != NULL ? mapping->block_shift : PAGE_SHIFT;
}

/* ---- The announcement ------------------------------------------------------------------------------ */

static void announce(struct mapping *mapping, uint64_t start, uint64_t end)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);

    mapping_extents_changed(mapping);
    mapping->punch_start = start;
    store_release(&mapping->punch_end, end);
    spin_unlock_irqrestore(&mapping->lock, irq);
}

bool mapping_is_punched_slow(struct mapping *mapping, uint64_t start, uint64_t end)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool result = start < load_relaxed(&mapping->punch_end) && end > mapping->punch_start;

    spin_unlock_irqrestore(&mapping->lock, irq);
    return result;
}

void mapping_wait_punched(struct mapping *mapping, uint64_t index)
{
    uint64_t start = index << PAGE_SHIFT;

    waitq_wait_event(&punched, !mapping_is_punched(mapping, start, start + PAGE_SIZE));
}

/* ---- Making ------------------------------------------------------------------------------------------ */

/* A part of a page becomes zeros, also for those who have it mapped: they are to ask before they store again. */
static void zero_part(struct mapping *mapping, struct page *page, uint32_t offset, uint32_t len)
{
    page_lock(page);
    page_wait_writeback(page);
    if (page_mapping(page) == mapping) {
        if (atomic_load_explicit(&page->maps, memory_order_acquire) != 0) {
            (void)map_object_clean(&mapping->object, page->cache.index);
        }
        memset((char *)page_address(page) + offset, 0, len);
        page_clear(page, PAGE_MAPPED);
        page_mark_dirty(page, offset, len);
    }
    page_unlock(page);
}

/* The same for bytes [start, end) of a file, all in one page. */
static int zero_in_page(struct mapping *mapping, uint64_t start, uint64_t end)
{
    uint64_t index = start >> PAGE_SHIFT;
    struct page *page;
    int error = 0;

    if (mapping->device == NULL) {
        page = mapping_find(mapping, index);
        if (page == NULL) {
            return 0;
        }
    } else {
        error = mapping_read(mapping, index, 1, &page);
    }
    if (error == 0) {
        zero_part(mapping, page, (uint32_t)(start & PAGE_MASK), (uint32_t)(end - start));
        page_put(page);
    }
    return error;
}

int mapping_punch_begin(struct mapping *mapping, uint64_t start, uint64_t end)
{
    uint64_t block_bytes = 1ull << block_shift_of(mapping);
    uint64_t first_whole = align_up(start, PAGE_SIZE);
    uint64_t end_whole = align_down(end, PAGE_SIZE);
    int error = 0;

    if (align_up(start, block_bytes) < align_down(end, block_bytes)) {
        announce(mapping, align_up(start, block_bytes), align_down(end, block_bytes));
    }
    if (end_whole < first_whole) { /* all in one page */
        return zero_in_page(mapping, start, end);
    }
    if (start < first_whole) {
        error = zero_in_page(mapping, start, first_whole);
    }
    if (error == 0 && end_whole < end) {
        error = zero_in_page(mapping, end_whole, end);
    }
    if (error == 0 && first_whole < end_whole) {
        mapping_cut_pages(mapping, first_whole >> PAGE_SHIFT, (end_whole >> PAGE_SHIFT) - 1);
    }
    return error;
}

void mapping_punch_end(struct mapping *mapping)
{
    announce(mapping, 0, 0);
    waitq_wake_all(&punched);
}

/* ---- Filling ----------------------------------------------------------------------------------------- */

static int fill_page_in_memory(struct mapping *mapping, uint64_t index)
{
    struct page *page;
    int error = mapping_grab(mapping, index, &page);

    if (error != 0) {
        return error;
    }
    if (!page_has(page, PAGE_UPTODATE)) {
        memset(page_address(page), 0, PAGE_SIZE);
        page_set(page, PAGE_UPTODATE);
    }
    page_unlock(page);
    page_put(page);
    return 0;
}

/* Give blocks to bytes [start, end), all in one page. -EAGAIN: the page has left the cache. */
static int fill_in_page(struct mapping *mapping, uint64_t start, uint64_t end)
{
    uint32_t offset = (uint32_t)(start & PAGE_MASK);
    uint32_t len = (uint32_t)(end - start);
    uint32_t given = 0;
    struct page *page;
    struct mapping_give give;
    int error = mapping_read(mapping, start >> PAGE_SHIFT, 1, &page);

    if (error != 0) {
        return error;
    }
    page_lock(page);
    error = page_mapping(page) == mapping ? 0 : -EAGAIN;
    if (error == 0) {
        error = mapping_allocate(mapping, page, offset, len, &given, &give);
        mapping_end_allocate(mapping, &give);
    }
    page_unlock(page);
    page_put(page);
    return error == 0 && given < offset + len ? -ENOSPC : error;
}

/* How many bytes from `start` on lie in blocks that are there, at most up to `end`. */
static int count_filled(struct mapping *mapping, uint64_t start, uint64_t end, uint64_t *nr_bytes)
{
    uint32_t shift = mapping->block_shift;
    uint64_t block = start >> shift;
    struct block_extent extent;
    int error = mapping_map(mapping, block, ((end - 1) >> shift) - block + 1, false, &extent);

    if (error == 0) {
        *nr_bytes = extent.is_hole ? 0 : min_of((block + extent.nr_blocks) << shift, end) - start;
    }
    return error;
}

static int fill_step(struct mapping *mapping, uint64_t start, uint64_t end, uint64_t *nr_bytes)
{
    uint64_t page_end = min_of(align_down(start, PAGE_SIZE) + PAGE_SIZE, end);
    int error;

    if (mapping->device == NULL) {
        *nr_bytes = page_end - start;
        return fill_page_in_memory(mapping, start >> PAGE_SHIFT);
    }
    error = count_filled(mapping, start, end, nr_bytes);
    if (error == 0 && *nr_bytes == 0) {
        error = fill_in_page(mapping, start, page_end);
        *nr_bytes = error == 0 ? page_end - start : 0;
    }
    return error == -EAGAIN ? 0 : error;
}

int mapping_fill(struct mapping *mapping, uint64_t start, uint64_t end)
{
    unsigned nr_steps = 0;
    int error = 0;

    while (start < end && error == 0) {
        uint64_t nr_bytes = 0;

        error = fill_step(mapping, start, end, &nr_bytes);
        start += nr_bytes;
        if (++nr_steps % THROTTLE_PAGES == 0) {
            writeback_throttle();
        }
    }
    return error;
}

/* ---- Finding ----------------------------------------------------------------------------------------- */

static uint64_t find_in_memory(struct mapping *mapping, uint64_t position, bool is_data)
{
    uint64_t index = position >> PAGE_SHIFT;
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    void *page;

    if (!is_data) {
        index = radix_first_hole(&mapping->pages, index);
    } else if (radix_gather(&mapping->pages, index, UINT64_MAX, &page, &index, 1) == 0) {
        index = UINT64_MAX >> PAGE_SHIFT;
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    return max_of(position, index << PAGE_SHIFT);
}

static int find_on_disk(struct mapping *mapping, uint64_t position, uint64_t size, bool is_data,
                        uint64_t *found)
{
    uint32_t shift = mapping->block_shift;
    uint64_t block = position >> shift;
    uint64_t end = ((size - 1) >> shift) + 1;
    struct block_extent extent;

    while (block < end) {
        int error = mapping_map(mapping, block, end - block, false, &extent);

        if (error != 0) {
            return error;
        }
        if (extent.is_hole != is_data) {
            break;
        }
        block += extent.nr_blocks;
    }
    *found = max_of(position, block << shift);
    return 0;
}

int mapping_find_edge(struct inode *inode, uint64_t position, bool is_data, uint64_t *found)
{
    struct mapping *mapping = &inode->mapping;
    uint64_t size = inode_size(inode);
    uint64_t at = position;
    int error = 0;

    if (position >= size) {
        return -ENXIO;
    }
    if (mapping->device == NULL) {
        at = find_in_memory(mapping, position, is_data);
    } else if (mapping->ops != NULL) {
        error = find_on_disk(mapping, position, size, is_data, &at);
    } else {
        at = is_data ? position : size;
    }
    if (error != 0) {
        return error;
    }
    if (at >= size && is_data) {
        return -ENXIO;
    }
    *found = min_of(at, size);
    return 0;
}
