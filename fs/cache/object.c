// SPDX-License-Identifier: MIT
/* Cached pages as mm sees them: what page faults on file mappings call.
 *
 * A fault runs with the address space's lock held for reading, and a write(2) may hold inode->lock while it faults on its
 * source; so nothing here takes inode->lock. A file that is truncated meanwhile is noticed by the page's mapping field. */
#include "fs/cache/cache_internal.h"
#include "fs/vfs/inode.h"
#include "kernel/abi/errno.h"

static struct mapping *mapping_of(struct map_object *object)
{
    return container_of(object, struct mapping, object);
}

static int object_get_page(struct map_object *object, uint64_t index, unsigned nr_around,
                           struct page **page)
{
    struct mapping *mapping = mapping_of(object);

    if (index >= mapping_nr_pages(mapping)) {
        return -EFAULT;
    }
    return mapping_read(mapping, index, nr_around, page);
}

static struct page *object_find_page(struct map_object *object, uint64_t index)
{
    struct mapping *mapping = mapping_of(object);
    struct page *page;

    if (index >= mapping_nr_pages(mapping)) {
        return NULL;
    }
    page = mapping_find(mapping, index);
    if (page != NULL && !page_has(page, PAGE_UPTODATE)) {
        page_put(page);
        return NULL;
    }
    return page;
}

/* Every block of the page that lies inside the file gets its place on the disk. */
static int allocate_page_blocks(struct mapping *mapping, struct page *page, uint64_t size)
{
    uint32_t shift = mapping->block_shift;
    uint64_t block = page->cache.index << (PAGE_SHIFT - shift);
    uint64_t end = min_of(block + (1u << (PAGE_SHIFT - shift)),
                          (size + (1u << shift) - 1) >> shift);

    while (block < end) {
        struct block_extent extent;
        int error = mapping->ops->map_blocks(mapping->inode, block, end - block, true, &extent);

        if (error != 0) {
            return error;
        }
        block += max_of(extent.nr_blocks, (uint64_t)1);
    }
    return 0;
}

static int object_make_writable(struct map_object *object, struct page *page)
{
    struct mapping *mapping = mapping_of(object);
    uint64_t start = page->cache.index << PAGE_SHIFT;
    uint64_t size = mapping->inode != NULL ? inode_size(mapping->inode) : UINT64_MAX;
    int error = 0;

    page_lock(page);
    if (page->cache.mapping != mapping || start >= size) {
        page_unlock(page);
        return -EFAULT;
    }
    if (mapping->ops != NULL && !page_has(page, PAGE_MAPPED)) {
        error = allocate_page_blocks(mapping, page, size);
        if (error == 0 && size - start >= PAGE_SIZE) {
            page_set(page, PAGE_MAPPED);
        }
    }
    if (error != 0) {
        page_unlock(page);
        return error;
    }
    page_mark_dirty(page, 0, PAGE_SIZE);
    if (mapping->inode != NULL) {
        inode_touch_modified(mapping->inode);
    }
    return 0;
}

static void object_get(struct map_object *object)
{
    struct mapping *mapping = mapping_of(object);

    if (mapping->inode != NULL) {
        inode_hold(mapping->inode);
    }
}

static void object_put(struct map_object *object)
{
    struct mapping *mapping = mapping_of(object);

    if (mapping->inode != NULL) {
        inode_put(mapping->inode);
    }
}

const struct map_object_ops mapping_object_ops = {
    .get_page = object_get_page,
    .find_page = object_find_page,
    .make_writable = object_make_writable,
    .unlock_page = page_unlock,
    .get = object_get,
    .put = object_put,
};
