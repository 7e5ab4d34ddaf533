// SPDX-License-Identifier: MIT
/* Metadata: the blocks of a device, cached like the pages of a file.
 *
 * A device has one mapping, made on first use, which lives as long as the device. A file system
 * reads a block with meta_read(), changes the bytes in place under its own locks, and says
 * meta_mark_dirty(); writeback does the rest. Programs that open /dev/vda see the same pages. */
#include "fs/cache/cache_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

int bdev_mapping(struct block_device *device, struct mapping **out)
{
    struct mapping *mapping = __atomic_load_n(&device->cache, __ATOMIC_ACQUIRE);
    void *none = NULL;

    if (mapping == NULL) {
        struct mapping *fresh = kmalloc(sizeof(*fresh), ALLOC_KERNEL);

        if (fresh == NULL) {
            return -ENOMEM;
        }
        mapping_init(fresh, NULL, device, NULL, SECTOR_SHIFT);
        /* Two openers may race: the first to publish wins, the other takes what it finds. */
        if (__atomic_compare_exchange_n(&device->cache, &none, fresh, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            mapping = fresh;
        } else {
            mapping_destroy(fresh);
            kfree(fresh);
            mapping = none;
        }
    }
    *out = mapping;
    return 0;
}

static bool lies_on_device(const struct super *super, uint64_t block, uint32_t size_bytes)
{
    return block < super->device->nr_sectors / (size_bytes / SECTOR_SIZE);
}

int meta_read(struct super *super, uint64_t block, uint32_t size_bytes, struct meta_block *out)
{
    uint64_t offset = block * size_bytes;
    struct page *page;
    int error;

    assert(size_bytes >= SECTOR_SIZE && size_bytes <= PAGE_SIZE &&
           (size_bytes & (size_bytes - 1)) == 0);
    if (!lies_on_device(super, block, size_bytes)) {
        return -EIO;
    }
    error = mapping_read(super->metadata, offset >> PAGE_SHIFT, 1, &page);
    if (error != 0) {
        return error == -EFAULT ? -EIO : error;
    }
    *out = (struct meta_block){
        .page = page,
        .data = (char *)page_address(page) + (offset & PAGE_MASK),
        .offset_bytes = (uint32_t)(offset & PAGE_MASK),
        .len_bytes = size_bytes,
    };
    return 0;
}

int meta_new(struct super *super, uint64_t block, uint32_t size_bytes, struct meta_block *out)
{
    uint64_t offset = block * size_bytes;
    int error;

    if (size_bytes == PAGE_SIZE && lies_on_device(super, block, size_bytes)) {
        struct page *page; /* the block is the page: no need to read what will be overwritten */

        error = mapping_grab(super->metadata, offset >> PAGE_SHIFT, &page);
        if (error != 0) {
            return error;
        }
        if (!page_has(page, PAGE_UPTODATE)) {
            page_clear(page, PAGE_ERROR);
            memset(page_address(page), 0, PAGE_SIZE);
            page_set(page, PAGE_UPTODATE);
        }
        page_unlock(page);
        page_put(page);
    }
    error = meta_read(super, block, size_bytes, out);
    if (error == 0) {
        memset(out->data, 0, size_bytes);
    }
    return error;
}

void meta_mark_dirty(struct meta_block *block)
{
    page_mark_dirty(block->page, block->offset_bytes, block->len_bytes);
}

int meta_write_sync(struct meta_block *block)
{
    struct page *page = block->page;
    struct mapping *mapping = page_mapping(page);
    struct io_builder builder;
    int error;

    page_lock(page);
    io_builder_begin(&builder, mapping, BLOCK_WRITE);
    error = mapping_write_page(mapping, page, &builder);
    io_builder_end(&builder);
    page_wait_writeback(page);
    if (error == 0 && page_has(page, PAGE_ERROR)) {
        error = -EIO;
    }
    return error;
}

void meta_put(struct meta_block *block)
{
    if (block->page != NULL) {
        page_put(block->page);
        block->page = NULL;
        block->data = NULL;
    }
}

/* Sectors of one cached page no longer hold metadata: what is dirty of them must not be written. */
static void forget_in_page(struct mapping *mapping, uint64_t index, uint32_t first_sector,
                           uint32_t end_sector)
{
    struct page *page = mapping_find(mapping, index);
    uint8_t mask = (uint8_t)(((1u << end_sector) - 1) & ~((1u << first_sector) - 1));

    if (page == NULL) {
        return;
    }
    page_lock(page);
    page_wait_writeback(page); /* an old write must not land on the new owner's data */
    atomic_fetch_and_explicit(&page->dirty_sectors, (uint8_t)~mask, memory_order_seq_cst);
    page_unlock(page);
    page_put(page);
}

void meta_forget(struct super *super, uint64_t block, uint64_t nr_blocks, uint32_t size_bytes)
{
    uint64_t sector = block * (size_bytes / SECTOR_SIZE);
    uint64_t end = sector + nr_blocks * (size_bytes / SECTOR_SIZE);
    uint32_t per_page = PAGE_SIZE / SECTOR_SIZE;

    while (sector < end) {
        uint32_t first = (uint32_t)(sector % per_page);
        uint32_t nr = (uint32_t)min_of((uint64_t)(per_page - first), end - sector);

        forget_in_page(super->metadata, sector / per_page, first, first + nr);
        sector += nr;
    }
}

int meta_write_all(struct super *super)
{
    return mapping_write_and_wait(super->metadata, 0, UINT64_MAX);
}
