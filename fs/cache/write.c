// SPDX-License-Identifier: MIT
/* Dirty pages, and writing them out.
 *
 * What is dirty is known twice: by sector in the page (so that a 1 KiB metadata block is written
 * alone) and by page in the mapping's tree (so that dirty pages are found without looking at the
 * others). The two orders below make sure that a change is never lost between them:
 *
 *    who changes:  content, then sectors |= …, then DIRTY if it is not set
 *    who writes:   clears DIRTY, then takes the sectors, then reads the content
 *
 * If the changer finds DIRTY still set, the writer has not yet taken the sectors and will see the
 * new ones; if it finds it cleared it sets it again, and the page is written once more. A page
 * under WRITEBACK may be changed and become dirty again; it is written a second time only after the
 * first write has ended.
 *
 * A mapped page is made read-only in every address space before it is written, so that later
 * stores fault and mark it dirty again through make_writable(). */
#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/vmstat.h"

static uint8_t sector_mask(uint32_t offset_bytes, uint32_t len_bytes)
{
    uint32_t first = offset_bytes >> SECTOR_SHIFT;
    uint32_t end = (offset_bytes + len_bytes + SECTOR_SIZE - 1) >> SECTOR_SHIFT;

    return (uint8_t)(((1u << end) - 1) & ~((1u << first) - 1));
}

void page_mark_dirty(struct page *page, uint32_t offset_bytes, uint32_t len_bytes)
{
    struct mapping *mapping = page_mapping(page);

    if (unlikely(page_has(
            page, PAGE_ICACHE))) { /* mapped for execution again, it is to be synced again */
        page_clear(page, PAGE_ICACHE);
    }
    if (mapping == NULL || mapping->device == NULL) {
        return; /* truncated, or an object that lives in memory alone */
    }
    atomic_fetch_or_explicit(&page->dirty_sectors, sector_mask(offset_bytes, len_bytes),
                             memory_order_seq_cst);
    /* Full fence: the flag must be read after the sectors are seen by the writer (see the orders
     * above). */
    atomic_thread_fence(memory_order_seq_cst);
    if (page_has(page, PAGE_DIRTY)) {
        return;
    }
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool is_new = (page_set(page, PAGE_DIRTY) & PAGE_DIRTY) == 0;

    if (is_new) {
        radix_tag_set(&mapping->pages, page->cache.index, MAPPING_TAG_DIRTY);
        store_relaxed(&mapping->nr_dirty, load_relaxed(&mapping->nr_dirty) + 1);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    if (is_new) {
        writeback_count_dirty(1);
        if (mapping->inode != NULL) {
            inode_mark_pages_dirty(mapping->inode);
        }
    }
}

/* Dirty → writeback. Returns the sectors to write; 0 when there is nothing to do. */
static uint8_t begin_writeback(struct mapping *mapping, struct page *page)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    bool was_dirty = (page_clear(page, PAGE_DIRTY) & PAGE_DIRTY) != 0;
    uint8_t sectors = 0;

    if (was_dirty) {
        radix_tag_clear(&mapping->pages, page->cache.index, MAPPING_TAG_DIRTY);
        store_relaxed(&mapping->nr_dirty, load_relaxed(&mapping->nr_dirty) - 1);
        sectors = atomic_exchange_explicit(&page->dirty_sectors, 0, memory_order_seq_cst);
    }
    if (sectors != 0) {
        page_set(page, PAGE_WRITEBACK);
        vm_count(VM_NR_WRITEBACK);
        writeback_count_begin();
        radix_tag_set(&mapping->pages, page->cache.index, MAPPING_TAG_WRITEBACK);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    if (was_dirty) {
        writeback_count_dirty(-1);
    }
    return sectors;
}

/* Name the sectors of one page of a device's own mapping. */
static void add_device_sectors(struct io_builder *builder, struct page *page, uint8_t sectors)
{
    uint64_t first = page->cache.index << (PAGE_SHIFT - SECTOR_SHIFT);

    for (uint32_t i = 0; i < PAGE_SIZE / SECTOR_SIZE; i++) {
        if ((sectors & (1u << i)) != 0 && first + i < builder->device->nr_sectors) {
            io_builder_add(builder, page, i * SECTOR_SIZE, SECTOR_SIZE, first + i);
        }
    }
}

/* Name the blocks of one page of a file: those with dirty sectors that have a place on the disk, and keep it
 * (holes.c): a block that is being freed may be somebody else's when the write arrives. */
static int add_file_blocks(struct io_builder *builder, struct page *page, uint8_t sectors)
{
    struct mapping *mapping = builder->mapping;
    uint32_t shift = mapping->block_shift;
    uint32_t block_bytes = 1u << shift;
    uint64_t size = mapping_size(mapping);
    uint64_t start = page->cache.index << PAGE_SHIFT;
    struct extent_cursor cursor = {0};

    if (start < size &&
        size - start < PAGE_SIZE) { /* what a mapping wrote behind the end stays out of the file */
        memset((char *)page_address(page) + (size - start), 0, PAGE_SIZE - (size - start));
    }
    for (uint32_t offset = 0; offset < PAGE_SIZE && start + offset < size; offset += block_bytes) {
        uint64_t block = (start + offset) >> shift;
        int error;

        if ((sectors & sector_mask(offset, block_bytes)) == 0 ||
            mapping_is_punched(mapping, start + offset, start + offset + block_bytes)) {
            continue;
        }
        error = extent_cursor_find(mapping, &cursor, block, (PAGE_SIZE - offset) >> shift);
        if (error != 0) {
            return error;
        }
        if (!cursor.extent.is_hole) {
            io_builder_add(builder, page, offset, block_bytes,
                           extent_cursor_block(&cursor, block) << (shift - SECTOR_SHIFT));
        }
    }
    return 0;
}

/* A page that could not be written for want of a place: memory that is short now will not stay
 * so, and the content waits; any other error would only come again. */
static void give_up_write(struct mapping *mapping, struct page *page, uint8_t sectors, int error)
{
    if (error == -ENOMEM) {
        atomic_fetch_or_explicit(&page->dirty_sectors, sectors, memory_order_seq_cst);
        page_mark_dirty(page, 0, 0);
        return;
    }
    page_set(page, PAGE_ERROR);
    mapping_set_error(mapping, error);
}

int mapping_write_page(struct mapping *mapping, struct page *page, struct io_builder *builder)
{
    uint8_t sectors;
    int error = 0;

    page_wait_writeback(page);
    if (page_mapping(page) != mapping) {
        page_unlock(page);
        return 0;
    }
    if (atomic_load_explicit(&page->maps, memory_order_acquire) != 0) {
        (void)map_object_clean(&mapping->object, page->cache.index);
    }
    sectors = begin_writeback(mapping, page);
    if (sectors == 0) {
        page_unlock(page);
        return 0;
    }
    io_builder_open_page(builder, page);
    if (mapping->ops == NULL) {
        add_device_sectors(builder, page, sectors);
    } else {
        error = add_file_blocks(builder, page, sectors);
    }
    if (error != 0) {
        give_up_write(mapping, page, sectors, error);
    }
    page_unlock(page);
    io_builder_close_page(builder, page);
    return error;
}

/* Referenced pages of [first, last] that have the tag. */
static size_t gather_tagged(struct mapping *mapping, uint64_t first, uint64_t last, unsigned tag,
                            struct page **pages)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    size_t nr = radix_gather_tagged(&mapping->pages, first, last, tag, (void **)pages, NULL,
                                    CACHE_BATCH);

    for (size_t i = 0; i < nr; i++) {
        page_get(pages[i]);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    return nr;
}

/* A sleeping writer must not sit on requests that others wait for: they are sent before waiting. */
static void lock_for_write(struct page *page, struct io_builder *builder)
{
    if (!page_trylock(page)) {
        io_builder_end(builder);
        page_lock(page);
    }
    if (page_has(page, PAGE_WRITEBACK)) {
        io_builder_end(builder);
    }
}

/* Start writing up to nr dirty pages of [*next, last]; *next moves behind them. The first error
 * ends nothing: other pages may still be written. Returns how many were looked at. */
static uint64_t start_write_range(struct mapping *mapping, uint64_t *next, uint64_t last,
                                  uint64_t nr, int *error)
{
    struct page *pages[CACHE_BATCH];
    struct io_builder builder;
    uint64_t done = 0;
    size_t found;

    io_builder_begin(&builder, mapping, BLOCK_WRITE);
    while (done < nr && *next <= last &&
           (found = gather_tagged(mapping, *next, last, MAPPING_TAG_DIRTY, pages)) != 0) {
        uint64_t last_index = pages[found - 1]->cache.index;

        for (size_t i = 0; i < found; i++) {
            lock_for_write(pages[i], &builder);
            int page_error = mapping_write_page(mapping, pages[i], &builder);

            if (page_error != 0 && *error == 0) {
                *error = page_error;
            }
            page_put(pages[i]);
        }
        done += found;
        if (last_index == UINT64_MAX) {
            break;
        }
        *next = last_index + 1;
    }
    io_builder_end(&builder);
    return done;
}

static uint64_t exchange_writeback_index(struct mapping *mapping, uint64_t index)
{
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    uint64_t old = mapping->writeback_index;

    mapping->writeback_index = index;
    spin_unlock_irqrestore(&mapping->lock, irq);
    return old;
}

ssize_t mapping_start_write(struct mapping *mapping, uint64_t nr)
{
    uint64_t start, next;
    int error = 0;
    uint64_t done;

    if (mapping->device == NULL || load_relaxed(&mapping->nr_dirty) == 0) {
        return 0;
    }
    start = exchange_writeback_index(mapping, 0);
    next = start;
    done = start_write_range(mapping, &next, UINT64_MAX, nr, &error);
    if (done < nr) { /* the end was reached: go on from the start next time */
        next = 0;
        done += start_write_range(mapping, &next, start, nr - done, &error);
    }
    (void)exchange_writeback_index(mapping, next);
    return error != 0 ? error : (ssize_t)done;
}

static void wait_range(struct mapping *mapping, uint64_t first, uint64_t last)
{
    struct page *pages[CACHE_BATCH];
    size_t nr;

    while (first <= last &&
           (nr = gather_tagged(mapping, first, last, MAPPING_TAG_WRITEBACK, pages)) != 0) {
        uint64_t last_index = pages[nr - 1]->cache.index;

        for (size_t i = 0; i < nr; i++) {
            page_wait_writeback(pages[i]);
            page_put(pages[i]);
        }
        if (last_index == UINT64_MAX) {
            break;
        }
        first = last_index + 1;
    }
}

int mapping_write_and_wait(struct mapping *mapping, uint64_t first, uint64_t last)
{
    uint32_t seq = atomic_load_explicit(&mapping->error_seq, memory_order_acquire);
    uint64_t next = first;
    int error = 0;

    if (mapping->device == NULL) {
        return 0;
    }
    (void)start_write_range(mapping, &next, last, UINT64_MAX, &error);
    wait_range(mapping, first, last);
    if (error == 0) {
        error = mapping_check_error(mapping, &seq);
    }
    return error;
}
