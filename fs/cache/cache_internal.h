// SPDX-License-Identifier: MIT
/* What the files of fs/cache share among themselves. */
#ifndef CAIRN_FS_CACHE_CACHE_INTERNAL_H
#define CAIRN_FS_CACHE_CACHE_INTERNAL_H

#include "drivers/block.h"
#include "fs/cache/mapping.h"
#include "fs/vfs/inode.h"
#include "kernel/base/atomic.h"
#include "kernel/base/test_point.h"
#include "mm/alloc_flags.h"

/* Pages gathered from a mapping's tree at a time: bounded by what is comfortable on a kernel
 * stack. */
#define CACHE_BATCH 32u

/** The page's mapping; NULL once it has left. It stays what it is while the page is locked. */
static inline struct mapping *page_mapping(const struct page *page)
{
    return __atomic_load_n(&page->cache.mapping, __ATOMIC_RELAXED);
}

/** Where the object ends now, in bytes; a file that is being cut ends at the cut. */
static inline uint64_t mapping_size(struct mapping *mapping)
{
    /* Acquire, and first: who sees that a cut is over also sees the size that it left. */
    uint64_t limit = load_acquire(&mapping->limit_bytes);

    TEST_POINT(TEST_LIMIT_READ, mapping);
    return min_of(limit, mapping->inode != NULL ? inode_size(mapping->inode)
                                                : mapping->device->nr_sectors * SECTOR_SIZE);
}

/** Whether nothing may be written to the file's disk, be it by mount or because damage was found. */
static inline bool is_read_only(const struct inode *inode)
{
    return (__atomic_load_n(&inode->super->flags, __ATOMIC_RELAXED) & SUPER_RDONLY) != 0;
}

/* ---- page_lock.c ----------------------------------------------------------------------------- */

/** Make the wait queues. Called for each new mapping, before it has a page: the queues are then
 *  there for interrupt handlers, which must not come first to a once cell. */
void page_queues_prepare(void);

/** End a page's WRITEBACK and wake who waits for it. Context: any. */
void page_wake_writeback(struct page *page);

/** Wait until nobody holds the page's lock, without taking it. Context: may sleep. */
void page_wait_unlocked(struct page *page);

/* ---- lru.c ----------------------------------------------------------------------------------- */

/** Cached pages: put one on the list that reclaim takes from, or on the other for those that have no
 *  disk; take it off. Context: any task. */
void lru_add(struct page *page);
void lru_remove(struct page *page);

/** Put another page in the place of one. */
void lru_replace(struct page *old, struct page *fresh);

/** Take a reference to a frame if it is a cached page. Any frame may be asked about. */
bool must_check lru_get(struct page *page);

/* ---- migrate.c ------------------------------------------------------------------------------- */

/** A cache_mover_t: see mm/migrate.h. */
int must_check cache_migrate_page(struct page *old, struct page *fresh);

/* ---- mapping.c ------------------------------------------------------------------------------- */

/** Take a locked page out of its mapping and drop the cache's reference; its content is lost.
 *  The caller has a reference of its own. */
void mapping_remove_locked(struct mapping *mapping, struct page *page);

/** The same for reclaim: only if nobody but the cache and the caller has a reference and it is
 *  clean. */
bool mapping_remove_if_unused(struct mapping *mapping, struct page *page);

/** The number of whole and partial pages that hold the object's bytes; UINT64_MAX for objects
 *  without an end. */
static inline uint64_t mapping_nr_pages(struct mapping *mapping)
{
    return (mapping_size(mapping) + PAGE_MASK) >> PAGE_SHIFT;
}

/** Where a block of the object lies on its device; identity for a device's own mapping. */
int must_check mapping_map(struct mapping *mapping, uint64_t block, uint64_t max_blocks,
                           bool create, struct block_extent *extent);

/** Blocks were given to the object, or are about to be taken from it, or have been: extents that
 *  were remembered before are too old (io.c). */
static inline void mapping_extents_changed(struct mapping *mapping)
{
    atomic_fetch_add_explicit(&mapping->map_seq, 1, memory_order_release);
}

/** Whether a page is cached. */
bool mapping_has(struct mapping *mapping, uint64_t index);

/** Make a page that is not there yet, locked and referenced.
 *  Returns 0, -EEXIST when another was faster, -ENOMEM. */
int must_check mapping_add_page(struct mapping *mapping, uint64_t index, enum alloc_flags flags,
                                struct page **page);

/** Drop whole pages [first, last], dirty or not; private copies stay. */
void mapping_cut_pages(struct mapping *mapping, uint64_t first, uint64_t last);

/* ---- holes.c --------------------------------------------------------------------------------- */

/** Whether a part of bytes [start, end) lies in blocks that are being freed. */
bool mapping_is_punched_slow(struct mapping *mapping, uint64_t start, uint64_t end);
static inline bool mapping_is_punched(struct mapping *mapping, uint64_t start, uint64_t end)
{
    /* Acquire: who sees that a punch is over also sees that it has been counted in map_seq. */
    return unlikely(load_acquire(&mapping->punch_end) != 0) &&
           mapping_is_punched_slow(mapping, start, end);
}

/** Wait until no part of page `index` is so. Context: may sleep; no page lock is held. */
void mapping_wait_punched(struct mapping *mapping, uint64_t index);

/* ---- read.c ---------------------------------------------------------------------------------- */

/** Start reading up to nr pages from index on that are not in the cache; waits for none of them.
 *  @marker: which of them shall start the next readahead when it is used; UINT64_MAX: none.
 *  Returns 0 or the error that kept even the first from being started. */
int must_check mapping_start_read(struct mapping *mapping, uint64_t index, unsigned nr,
                                  uint64_t marker);

/* ---- io.c: requests made of runs of pages ---------------------------------------------------- */

/** An extent that map_blocks() has told, remembered for the blocks after the first (see io.c). */
struct extent_cursor {
    uint64_t first_block;
    uint32_t map_seq;           /* the mapping's, before it was asked */
    struct block_extent extent; /* nr_blocks 0: none yet */
};

/** Let cursor->extent say where `block` lies: from what is remembered, or asking for it and up to
 *  max_blocks in all. The caller holds the lock of its page, which is in the tree, and has looked
 *  after that at mapping_is_punched() and mapping_size(). Returns 0 or what map_blocks said. */
int must_check extent_cursor_find(struct mapping *mapping, struct extent_cursor *cursor,
                                  uint64_t block, uint64_t max_blocks);

/** The disk block of `block`, which cursor->extent holds and which is not a hole. */
static inline uint64_t extent_cursor_block(const struct extent_cursor *cursor, uint64_t block)
{
    return cursor->extent.disk_block + (block - cursor->first_block);
}

struct io_builder {
    struct mapping *mapping;
    struct block_device *device;
    struct block_request *request; /* being filled, or NULL */
    enum block_op op;
    uint64_t next_sector; /* where the request would go on */
};

void io_builder_begin(struct io_builder *builder, struct mapping *mapping, enum block_op op);
/** Announce a page: it has io_pending set to 1 and is LOCKED (read) or under WRITEBACK (write). */
void io_builder_open_page(struct io_builder *builder, struct page *page);
/** A part of that page goes from or to this sector. */
void io_builder_add(struct io_builder *builder, struct page *page, uint32_t offset_bytes,
                    uint32_t len_bytes, uint64_t sector);
/** All parts of the page are added; it completes as soon as they have. */
void io_builder_close_page(struct io_builder *builder, struct page *page);
/** Submit what is left. */
void io_builder_end(struct io_builder *builder);

/* ---- write.c --------------------------------------------------------------------------------- */

/** Start writing a locked page through the builder if it is dirty; unlocks it. Returns 0 or what
 *  map_blocks said. */
int must_check mapping_write_page(struct mapping *mapping, struct page *page,
                                  struct io_builder *builder);

struct mapping_give { /* blocks are being given to a page */
    bool is_open;
    bool has_excess;        /* the caller's word: see mapping_ops.end_allocate */
    struct meta_block held; /* the file system's */
};

/** Give every block of [offset, offset + len) of a locked page that is up to date a place on the
 *  disk; new ones are dirty at once, so that what the disk held there before is never read back.
 *  Returns 0 and how far that is now true, in bytes from the page's start, in *end: less than asked
 *  when the disk filled up on the way. Else what map_blocks said; -EAGAIN when the page, which may be unlocked
 *  on the way, has left the cache. It is locked again in any case. If give->is_open, also after an error, an operation of
 *  the file system has begun, which ends with mapping_end_allocate(); until then nobody waits for anything.
 *  (file_write.c) */
int must_check mapping_allocate(struct mapping *mapping, struct page *page, uint32_t offset,
                                uint32_t len, uint32_t *end, struct mapping_give *give);
void mapping_end_allocate(struct mapping *mapping, struct mapping_give *give);

/** Note a write error for fsync to report. Context: any. */
void mapping_set_error(struct mapping *mapping, int error);

/* ---- writeback.c ----------------------------------------------------------------------------- */

/** A page became dirty (+1), or is so no more (-1). Context: any. */
void writeback_count_dirty(int change);

/** A page is on its way to its disk; it has arrived, or failed to. Context: any. */
void writeback_count_begin(void);
void writeback_count_end(void);

#endif
