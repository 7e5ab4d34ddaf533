// SPDX-License-Identifier: MIT
/* From pages to block requests.
 *
 * A reader or writer walks over pages in index order and names, for each piece of each page, the
 * sector it belongs to. The builder joins pieces that are neighbours on the disk into one request,
 * as long as the device's limit on segments allows: a contiguous file is read in requests of 256
 * KiB, a scattered one block by block, by the same code.
 *
 * A page may be carried by several requests (blocks of 1 KiB in four places), so it counts them
 * in io_pending; the count starts at one, which closing the page drops, so that it can't reach
 * zero while parts are still being added. Who brings it to zero finishes the page: a read
 * becomes UPTODATE and is unlocked, a write ends its WRITEBACK. That happens in interrupt
 * context and needs no more than atomic operations and mapping->lock.
 *
 * Where a block lies is remembered for its neighbours, since the file system tells whole extents. A page's
 * blocks are not freed without its lock (cutting and punching take it), but those of a page that comes later in
 * the walk are, and so are a page's own when the punch began before it was locked: the extent is then of
 * yesterday, and the block may be another file's. So is a hole that has been filled. Therefore changes are counted
 * in map_seq: a freeing before the pages are looked for and again when the blocks are free, a filling under the
 * page's lock. An extent is good while the count is what it was before the file system was asked. */
#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"

static void finish_read(struct page *page)
{
    if (!page_has(page, PAGE_ERROR)) {
        page_set(page, PAGE_UPTODATE);
    }
    page_unlock(page);
}

static void finish_write(struct page *page)
{
    struct mapping *mapping = page_mapping(page); /* a page under WRITEBACK does not leave */
    uint64_t irq = spin_lock_irqsave(&mapping->lock);

    radix_tag_clear(&mapping->pages, page->cache.index, MAPPING_TAG_WRITEBACK);
    spin_unlock_irqrestore(&mapping->lock, irq);
    page_wake_writeback(page);
}

/* One of the page's parts, or the builder's own hold, has ended. The reference that the I/O held
 * goes last. */
static void finish_part(struct page *page, enum block_op op)
{
    if (atomic_fetch_sub_explicit(&page->cache.io_pending, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (op == BLOCK_READ) {
        finish_read(page);
    } else {
        finish_write(page);
    }
    page_put(page);
}

/* Metadata that could not be written stays dirty: what the cache holds is what the file system
 * goes by, so when the disk answers again it must get all of it, not only what changes later. One that was given up
 * will not: there it would be dirty for ever, and hold back writers to other disks.
 * File data is given up; fsync has said so. */
static void keep_metadata_dirty(struct mapping *mapping, const struct block_request *request,
                                const struct block_segment *segment)
{
    if (request->op == BLOCK_WRITE && mapping->inode == NULL && !block_is_dead(mapping->device)) {
        page_mark_dirty(segment->page, segment->offset_bytes, segment->len_bytes);
    }
}

static void request_done(struct block_request *request)
{
    struct mapping *mapping = request->owner;

    if (request->error != 0 && request->op == BLOCK_WRITE) {
        mapping_set_error(mapping, request->error);
    }
    for (uint32_t i = 0; i < request->nr_segments; i++) {
        struct page *page = request->segments[i].page;

        if (request->error != 0) {
            page_set(page, PAGE_ERROR);
            keep_metadata_dirty(mapping, request, &request->segments[i]);
        }
        finish_part(page, request->op);
    }
    block_request_free(request);
}

int extent_cursor_find(struct mapping *mapping, struct extent_cursor *cursor, uint64_t block,
                       uint64_t max_blocks)
{
    uint32_t map_seq = load_acquire(&mapping->map_seq);
    int error;

    if (map_seq == cursor->map_seq && block >= cursor->first_block &&
        block - cursor->first_block < cursor->extent.nr_blocks) {
        return 0;
    }
    error = mapping_map(mapping, block, max_blocks, false, &cursor->extent);
    cursor->first_block = block;
    cursor->map_seq = map_seq;
    if (error != 0) {
        cursor->extent.nr_blocks = 0;
    }
    return error;
}

void io_builder_begin(struct io_builder *builder, struct mapping *mapping, enum block_op op)
{
    *builder = (struct io_builder){.mapping = mapping, .device = mapping->device, .op = op};
}

void io_builder_open_page(struct io_builder *builder, struct page *page)
{
    page_get(page); /* the I/O's own */
    page_clear(page, PAGE_ERROR);
    atomic_store_explicit(&page->cache.io_pending, 1, memory_order_relaxed);
}

static void submit_current(struct io_builder *builder)
{
    if (builder->request != NULL) {
        block_submit(builder->device, builder->request);
        builder->request = NULL;
    }
}

/* Grow the last segment when the piece follows it in the same page. */
static bool extend_last_segment(struct block_request *request, struct page *page,
                                uint32_t offset_bytes, uint32_t len_bytes)
{
    struct block_segment *last = &request->segments[request->nr_segments - 1];

    if (last->page != page || last->offset_bytes + last->len_bytes != offset_bytes) {
        return false;
    }
    last->len_bytes += len_bytes;
    return true;
}

void io_builder_add(struct io_builder *builder, struct page *page, uint32_t offset_bytes,
                    uint32_t len_bytes, uint64_t sector)
{
    struct block_request *request = builder->request;
    uint32_t max_segments = min_of(builder->device->max_segments, (uint32_t)BLOCK_MAX_SEGMENTS);

    debug_assert((offset_bytes | len_bytes) % SECTOR_SIZE == 0 &&
                 offset_bytes + len_bytes <= PAGE_SIZE);
    if (request != NULL && builder->next_sector == sector) {
        if (extend_last_segment(request, page, offset_bytes, len_bytes)) {
            builder->next_sector += len_bytes >> SECTOR_SHIFT;
            return;
        }
        if (request->nr_segments == max_segments) {
            submit_current(builder);
        }
    } else {
        submit_current(builder);
    }
    if (builder->request == NULL) {
        request = block_request_alloc();
        request->op = builder->op;
        request->sector = sector;
        request->owner = builder->mapping;
        request->done = request_done;
        builder->request = request;
    }
    atomic_fetch_add_explicit(&page->cache.io_pending, 1, memory_order_relaxed);
    request->segments[request->nr_segments++] =
        (struct block_segment){.page = page, .offset_bytes = offset_bytes, .len_bytes = len_bytes};
    builder->next_sector = sector + (len_bytes >> SECTOR_SHIFT);
    if (block_request_is_reserved(
            request)) { /* one of few: whoever waits for it must not wait for us */
        submit_current(builder);
    }
}

void io_builder_close_page(struct io_builder *builder, struct page *page)
{
    finish_part(page, builder->op);
}

void io_builder_end(struct io_builder *builder)
{
    submit_current(builder);
}
