// SPDX-License-Identifier: MIT
/* What can be mapped into address spaces: an inode's pages, seen from mm.
 *
 * mm knows nothing of files. Whoever owns pages that can be mapped (fs/cache, for the pages of
 * an inode) embeds a `struct map_object` and fills its operations; mm keeps in it the list of
 * areas that map it, so that truncation can unmap pages and writeback can make them read-only
 * again (the reverse map of file pages). */
#ifndef CAIRN_MM_MAP_OBJECT_H
#define CAIRN_MM_MAP_OBJECT_H

#include "kernel/base/list.h"
#include "kernel/sync/mutex.h"
#include "mm/page.h"

struct map_object;

struct map_object_ops {
    /** Find or read in page `index`. On success *page has a reference for the caller, is up to
     *  date, and not locked.
     *  @nr_around: a hint, how many pages from index on will likely be wanted.
     *  Returns 0, -ENOMEM, -EIO, or -EFAULT when index lies beyond the object's end (SIGBUS). May
     *  sleep; called with the address space's lock held for reading, so it must take no inode lock. */
    int (*get_page)(struct map_object *object, uint64_t index, unsigned nr_around,
                    struct page **page);

    /** Those of pages [index, index + nr) that are in memory and up to date, each with a reference;
     *  NULL in pages[] for the others. For mapping pages around a fault before they are asked for.
     *  Must not sleep. May be NULL. */
    void (*find_pages)(struct map_object *object, uint64_t index, unsigned nr, struct page **pages);

    /** A shared mapping is about to write to this page: reserve its disk blocks, mark it dirty.
     *  Called with a reference. On success the page is returned LOCKED, so that mm can map it
     *  writable before writeback starts; mm unlocks it through unlock_page. Because every first
     *  write passes here and writeback makes pages read-only again (map_object_clean), a page that
     *  can be written through a mapping is always already dirty: page-table dirty bits are never
     *  needed.
     *  Returns 0, -ENOSPC, -EIO, -ENOMEM, -EFAULT when the object ends before the page now, or -EAGAIN
     *  when it has left the object: the caller asks for it anew. May sleep. */
    int (*make_writable)(struct map_object *object, struct page *page);
    void (*unlock_page)(struct page *page);

    /** Whether the page still belongs to the object. Asked when a page is about to be mapped, after
     *  page->maps was raised and a full fence: truncation takes the page out, fences, and then
     *  unmaps it if maps is not 0. Must not sleep. NULL: it always does. */
    bool (*has_page)(struct map_object *object, const struct page *page);

    /** Keep and release the object (its inode): an area holds one reference. */
    void (*get)(struct map_object *object);
    void (*put)(struct map_object *object);
};

struct map_object {
    const struct map_object_ops *ops; /* [I] */
    bool is_memory;    /* [I] its pages have no disk: what tools call shared memory */
    struct mutex lock; /* LOCK_RANK_MAP_OBJECT */
    struct list areas; /* [lock] struct area, by their object_node */
};

void map_object_init(struct map_object *object, const struct map_object_ops *ops);

/** Remove pages [first, first + nr) from every address space that maps them (truncate, punch,
 *  invalidate); private copies already made stay unless also_private. Context: may sleep; takes the
 *  object's lock and page-table locks. */
void map_object_unmap(struct map_object *object, uint64_t first, uint64_t nr, bool also_private);

/** Make page `index` read-only wherever it is mapped shared, so that the next write is noticed.
 *  Returns whether any mapping could write to it until then. Context: may sleep; the page is locked
 *  by the caller. */
bool map_object_clean(struct map_object *object, uint64_t index);

/** Remove one page from every address space, for reclaim, unless one of them keeps it locked. Returns
 *  whether it is now unmapped everywhere. */
bool map_object_unmap_page(struct map_object *object, struct page *page);

#endif
