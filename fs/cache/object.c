// SPDX-License-Identifier: MIT
/* Cached pages as mm sees them: what page faults on file mappings call.
 *
 * A fault runs with the address space's lock held for reading, and a write(2) may hold
 * inode->lock while it faults on its source; so nothing here takes inode->lock. A file that is
 * truncated meanwhile is noticed by the page's mapping field. */
#include "fs/cache/cache_internal.h"
#include "fs/vfs/super.h"
#include "kernel/abi/errno.h"
#include "mm/vmstat.h"

static struct mapping *mapping_of(struct map_object *object)
{
    return container_of(object, struct mapping, object);
}

/* They are not marked as used: most are only neighbours of the page that is. */
static void object_find_pages(struct map_object *object, uint64_t index, unsigned nr,
                              struct page **pages)
{
    struct mapping *mapping = mapping_of(object);
    uint64_t nr_pages = mapping_nr_pages(mapping);
    uint64_t irq = spin_lock_irqsave(&mapping->lock);

    for (unsigned done = 0; done < nr;) {
        unsigned run = nr - done;
        void *const *found = radix_lookup_run(&mapping->pages, index + done, &run);

        run = min_of(run, nr - done);
        for (unsigned i = done; i < done + run; i++) {
            struct page *page = found != NULL && index + i < nr_pages ? found[i - done] : NULL;

            pages[i] = page != NULL && page_has(page, PAGE_UPTODATE) ? page : NULL;
            if (pages[i] != NULL) {
                page_get(page);
            }
        }
        done += run;
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
}

/* The page, with a reference, if it is in memory and up to date. */
static inline struct page *find_page(struct mapping *mapping, uint64_t index)
{
    bool is_inside = index < mapping_nr_pages(mapping);
    uint64_t irq = spin_lock_irqsave(&mapping->lock);
    struct page *page = radix_lookup(&mapping->pages, index);

    if (unlikely(page == NULL || !is_inside || !page_has(page, PAGE_UPTODATE))) {
        page = NULL;
    } else {
        page_get(page);
    }
    spin_unlock_irqrestore(&mapping->lock, irq);
    return page;
}

static int object_get_page(struct map_object *object, uint64_t index, unsigned nr_around,
                           struct page **page)
{
    struct mapping *mapping = mapping_of(object);
    struct page *cached = find_page(mapping, index);

    if (likely(cached != NULL)) {
        if (!page_has(cached, PAGE_REFERENCED)) {
            page_set(cached, PAGE_REFERENCED);
        }
        *page = cached;
        return 0;
    }
    if (index >= mapping_nr_pages(mapping)) {
        return -EFAULT;
    }
    if (mapping->device != NULL) {
        vm_count_major_fault();
    }
    return mapping_read(mapping, index, nr_around, page);
}

/* Whether a locked page may be written through a mapping; all its blocks inside the file have
 * their places then. */
static int check_writable(struct mapping *mapping, struct page *page)
{
    uint64_t start = page->cache.index << PAGE_SHIFT;
    uint64_t size = mapping_size(mapping);
    uint32_t wanted, end;
    struct mapping_give give;
    int error;

    if (start >= size) {
        return -EFAULT;
    }
    if (page_mapping(page) != mapping || mapping_is_punched(mapping, start, start + PAGE_SIZE)) {
        return -EAGAIN;
    }
    wanted = (uint32_t)min_of(size - start, PAGE_SIZE);
    error = mapping_allocate(mapping, page, 0, wanted, &end, &give);
    mapping_end_allocate(mapping, &give);
    return error == 0 && end < wanted ? -ENOSPC : error;
}

static int make_writable(struct mapping *mapping, struct page *page)
{
    int error;

    page_lock(page);
    error = check_writable(mapping, page);
    if (error != 0) {
        page_unlock(page);
        if (error == -EAGAIN) {
            mapping_wait_punched(mapping, page->cache.index);
        }
        return error;
    }
    page_mark_dirty(page, 0, PAGE_SIZE);
    if (mapping->inode != NULL) {
        inode_touch_modified(mapping->inode);
    }
    return 0;
}

/* A store is a change of the file, as a write is. */
static int object_make_writable(struct map_object *object, struct page *page)
{
    struct mapping *mapping = mapping_of(object);
    int error;

    if (mapping->inode == NULL) {
        return make_writable(mapping, page);
    }
    error = super_begin_change(mapping->inode->super);
    if (error == 0) {
        error = make_writable(mapping, page);
        super_end_change(mapping->inode->super);
    }
    return error;
}

static bool object_has_page(struct map_object *object, const struct page *page)
{
    return page_mapping(page) == mapping_of(object);
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
    .find_pages = object_find_pages,
    .make_writable = object_make_writable,
    .unlock_page = page_unlock,
    .has_page = object_has_page,
    .get = object_get,
    .put = object_put,
};
