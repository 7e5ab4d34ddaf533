// SPDX-License-Identifier: MIT
/* The page cache: the pages of one object (a file's content, or a block device's) that are in
 * memory. Theory in mapping.c.
 *
 * A page is found by its index in a sparse tree. It is LOCKED while its content is read in or
 * its place changes; UPTODATE when its content may be used; DIRTY when the disk is behind;
 * WRITEBACK while a write is under way. Dirt is kept by 512-byte sector, so that metadata blocks
 * smaller than a page are written alone. */
#ifndef CAIRN_FS_CACHE_MAPPING_H
#define CAIRN_FS_CACHE_MAPPING_H

#include "kernel/base/radix.h"
#include "kernel/base/types.h"
#include "kernel/sync/spinlock.h"
#include "mm/map_object.h"
#include "mm/page.h"

struct block_device;
struct inode;
struct iter;
struct mapping;
struct super;

struct block_extent {    /* where blocks of a file lie */
    uint64_t disk_block; /* in file-system blocks from the device's start; meaningless for a hole */
    uint64_t nr_blocks;  /* how many, contiguous; at least 1 */
    bool is_hole;
    bool is_new; /* just allocated: its content on disk is not to be read */
};

struct meta_block { /* a piece of metadata in the device's page cache: holds a page reference */
    struct page *page;
    void *data; /* the block's bytes, inside the page */
    uint32_t offset_bytes, len_bytes;
};

struct mapping_ops {
    /** Where block `block` of the inode lies, and how many follow contiguously (at most
     *  max_blocks). create: allocate what is missing (at least the first block). Called without
     *  inode->lock from page faults and writeback (create only from writes and make_writable): the
     *  file system locks its own block map. Returns 0, -ENOSPC, -EIO, -EUCLEAN. NULL: the object
     *  has no disk (tmpfs): missing pages are zero, pages stay in memory for ever. */
    int (*map_blocks)(struct inode *inode, uint64_t block, uint64_t max_blocks, bool create,
                      struct block_extent *extent);
    /** Around calls of map_blocks with create, and until the pages that were given new blocks are marked as
     *  dirty and the file's size covers them: with a journal that is one operation. No page lock is held when it
     *  begins. begin_allocate returns 0 or -errno (-ENOMEM, -EIO, -EROFS). NULL: not needed.
     *  @held: the file system's own, from the one to the other. @has_excess: some of the blocks that were given may lie
     *  behind the end of the file, since a write has failed, and are to be freed. */
    int (*begin_allocate)(struct inode *inode, struct meta_block *held);
    void (*end_allocate)(struct inode *inode, struct meta_block *held, bool has_excess);
};

enum mapping_tag { MAPPING_TAG_DIRTY = 0, MAPPING_TAG_WRITEBACK = 1 };

struct mapping {
    struct map_object object;    /* who has it mapped */
    struct inode *inode;         /* [I] the host; NULL for a block device's */
    struct block_device *device; /* [I] where its blocks are; NULL without a disk */
    bool is_prepaid; /* [I] without a disk: its pages are in the account of mm/commit.c already */
    const struct mapping_ops *ops; /* [I] NULL for a block device's own: identity */
    uint32_t block_shift;          /* [I] log2 of the block size that map_blocks speaks of */
    struct spinlock lock;          /* LOCK_RANK_MAPPING; irqsave: completions change tags */
    struct radix pages;            /* [lock] index → struct page */
    _Atomic uint64_t nr_pages;     /* [lock to change, a] */
    _Atomic uint64_t nr_dirty;     /* [lock to change, a] */
    uint64_t writeback_index;      /* [lock] where background writeback goes on */
    _Atomic uint64_t
        limit_bytes; /* [a] while it is being cut: nothing exists from here on; else UINT64_MAX */
    /* [lock] the bytes whose blocks are being freed (holes.c); punch_end 0: none */
    uint64_t punch_start;
    _Atomic uint64_t punch_end;
    _Atomic uint32_t map_seq;   /* [a] remembered extents are good while it is the same (io.c) */
    _Atomic uint32_t error_seq; /* [a] counts write errors; a file remembers what it has reported */
    _Atomic int32_t error;      /* [a] the last write error */
};

void mapping_init(struct mapping *mapping, struct inode *inode, struct block_device *device,
                  const struct mapping_ops *ops, uint32_t block_shift);

/* ---- Pages ----------------------------------------------------------------------------------- */

/** The cached page with a reference, or NULL. Context: any task. */
struct page *mapping_find(struct mapping *mapping, uint64_t index);

/** The page, made if missing, locked, with a reference; maybe not up to date. Returns 0, -ENOMEM, or
 *  -ENOSPC when a page without a disk may not be promised. May sleep. */
int must_check mapping_grab(struct mapping *mapping, uint64_t index, struct page **page);

/** The page, read in if need be, with a reference, unlocked. nr_ahead: pages likely wanted next.
 *  Returns 0, -EIO, -ENOMEM, or what map_blocks said. May sleep. */
int must_check mapping_read(struct mapping *mapping, uint64_t index, unsigned nr_ahead,
                            struct page **page);

void page_lock(struct page *page); /* may sleep */
bool must_check page_trylock(struct page *page);
void page_unlock(struct page *page);         /* any context */
void page_wait_writeback(struct page *page); /* may sleep */

/** Mark [offset, offset + len) of a page dirty (rounded to sectors). The caller holds the page
 *  lock, or a reference and the inode's lock. Tags the tree and puts the inode on its super block's
 *  dirty list. */
void page_mark_dirty(struct page *page, uint32_t offset_bytes, uint32_t len_bytes);

/* ---- Whole objects --------------------------------------------------------------------------- */

/** Write dirty pages [first, last] and wait for them, also for those under way before. Returns 0 or
 *  the first error. */
int must_check mapping_write_and_wait(struct mapping *mapping, uint64_t first, uint64_t last);
/** Start writing up to nr dirty pages, without waiting for their end. Returns how many were
 *  started, or -errno. */
ssize_t mapping_start_write(struct mapping *mapping, uint64_t nr);
/** Cut the object at byte `size`, below its present size: zero the rest of the partial page, unmap
 *  and drop the whole ones, dirty or not, waiting for their writes. Until mapping_cut_end(), which
 *  the caller calls in any case when the new size is set and the blocks are freed, nothing behind
 *  `size` can be read in or made writable. Caller: inode->lock for writing, or the last reference. */
void mapping_cut_begin(struct mapping *mapping, uint64_t size_bytes);
void mapping_cut_end(struct mapping *mapping);
/** The object ends at byte `size` and is about to grow: what its last page holds behind that must
 *  be zeros.
 *  Returns 0, or why the page cannot be read. Caller: inode->lock for writing. */
int must_check mapping_zero_rest(struct mapping *mapping, uint64_t size_bytes);
/** It has grown from old_size_bytes to its present size: who has its old last page mapped for
 *  writing must ask again, for only the part inside the old size had places on the disk; what was
 *  stored behind that since then gets its place now. Caller: inode->lock for writing. */
void mapping_extended(struct mapping *mapping, uint64_t old_size_bytes);
/** Make bytes [start, end) zeros, and drop their pages, so that the blocks that lie wholly inside can be freed:
 *  until mapping_punch_end(), which is called in any case, they read as zeros and nobody can write to them. Returns
 *  0, or why a page at an edge cannot be read. Caller: inode->lock for writing. */
int must_check mapping_punch_begin(struct mapping *mapping, uint64_t start, uint64_t end);
void mapping_punch_end(struct mapping *mapping);
/** Give places, and zeros, to what of bytes [start, end) has none; on a disk they lie inside the file. Returns 0,
 *  -ENOSPC with a part of it done, or what map_blocks said. Caller: inode->lock for writing. */
int must_check mapping_fill(struct mapping *mapping, uint64_t start, uint64_t end);
/** The first byte of data (or of a hole; the end of the file is one) at or behind a position. Returns 0, -ENXIO
 *  when there is none, or what map_blocks said. Caller: inode->lock. */
int must_check mapping_find_edge(struct inode *inode, uint64_t position, bool is_data,
                                 uint64_t *found);
/** Drop clean, unmapped pages of [first, last], or all of them. Returns how many. */
uint64_t mapping_drop_range(struct mapping *mapping, uint64_t first, uint64_t last);
static inline uint64_t mapping_drop_clean(struct mapping *mapping)
{
    return mapping_drop_range(mapping, 0, UINT64_MAX);
}
/** Drop everything: the inode is evicted. */
void mapping_destroy(struct mapping *mapping);
/** Report write errors since *seq once: returns 0 or the error and moves *seq. */
int must_check mapping_check_error(struct mapping *mapping, uint32_t *seq);

/* ---- Reading and writing files through the cache: file_ops of every disk file system and tmpfs  */

struct readahead {       /* one open file's reading habit */
    uint64_t next_index; /* where a sequential read would go on */
    uint32_t nr_pages;   /* the window; 0: not sequential (yet) */
    bool is_random;      /* the program says so (posix_fadvise): nothing is read ahead */
};

/** Begin to read pages [first, first + nr), as far as there is memory to spare; waits for none of them. */
void mapping_read_ahead(struct mapping *mapping, uint64_t first, uint64_t nr);
/** Returns bytes, 0 at the end of file, or -errno. Takes no inode lock. readahead may be NULL. */
ssize_t must_check mapping_read_iter(struct inode *inode, struct iter *iter, uint64_t position,
                                     struct readahead *readahead);
/** Caller holds inode->lock for writing. Extends the size; returns bytes or -errno (-ENOSPC,
 *  -EFBIG, -EFAULT, …). */
ssize_t must_check mapping_write_iter(struct inode *inode, struct iter *iter, uint64_t position);

/** The map_object operations of inode mappings, for mm. */
extern const struct map_object_ops mapping_object_ops;

/* ---- Metadata: blocks of the device itself --------------------------------------------------- */

/** The page cache of a device, made on first use. Returns 0 or -ENOMEM. */
int must_check bdev_mapping(struct block_device *device, struct mapping **mapping);

/** Read a metadata block (size: a power of two, 512 .. PAGE_SIZE). Returns 0, -EIO, -ENOMEM. May
 *  sleep. */
int must_check meta_read(struct super *super, uint64_t block, uint32_t size_bytes,
                         struct meta_block *out);
/** The same for a block that is about to be filled whole: zeroed, never read from the disk. */
int must_check meta_new(struct super *super, uint64_t block, uint32_t size_bytes,
                        struct meta_block *out);
void meta_mark_dirty(struct meta_block *block);
/** Write it now and wait. Returns 0 or -EIO. */
int must_check meta_write_sync(struct meta_block *block);
void meta_put(struct meta_block *block);
/** Blocks were freed: drop what is cached of them, so that an old metadata write can't hit a new
 *  owner. */
void meta_forget(struct super *super, uint64_t block, uint64_t nr_blocks, uint32_t size_bytes);
/** Write all dirty metadata of the device and wait; no flush. */
int must_check meta_write_all(struct super *super);

#endif
