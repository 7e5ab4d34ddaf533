// SPDX-License-Identifier: MIT
/* One `struct page` for every frame of memory: who uses the frame, and how.
 *
 * The `kind` says which arm of the union is valid; only the owner of the frame changes it.
 * Reference counts serve frames that several parties share (page-cache pages, and anonymous
 * pages shared copy-on-write): such a frame goes back to the allocator when the last reference
 * is dropped. */
#ifndef CAIRN_MM_PAGE_H
#define CAIRN_MM_PAGE_H

#include "kernel/base/list.h"
#include "kernel/base/types.h"
#include "mm/debug/owner.h"
#include "port/memory.h" /* phys_to_virt(), virt_to_phys(): the direct map */
#include <stdatomic.h>

/* From PAGE_USED on, a frame is its owner's to give back with frames_free(). */
enum page_kind {
    PAGE_RESERVED = 0, /* not the allocator's: firmware, image, the page array itself */
    PAGE_FREE,         /* in the buddy; `order` valid on the first frame of a block */
    PAGE_HOT,          /* on a hart's hot list, or first of a block of a hot run */
    PAGE_TAIL,         /* inside a block, not its first frame (free or allocated) */
    PAGE_SLAB,         /* holds objects of a slab cache */
    PAGE_USED,         /* allocated, of no more special kind */
    PAGE_LARGE,        /* first frame of a large kmalloc block */
    PAGE_ANON,         /* private memory of processes; refs counts its page-table entries */
    PAGE_CACHE,        /* in the page cache */
    PAGE_TABLE,        /* a page table */
    PAGE_WINDOW,       /* behind an area of the vmalloc window */
};

/* Bits of page->flags. All are changed atomically. */
enum page_flag {
    PAGE_LOCKED = 1u << 0,     /* content or state is being changed: see fs/cache/page_lock.c */
    PAGE_UPTODATE = 1u << 1,   /* content is what the disk says, or newer */
    PAGE_DIRTY = 1u << 2,      /* content is newer than the disk's */
    PAGE_WRITEBACK = 1u << 3,  /* a write to disk is under way */
    PAGE_ERROR = 1u << 4,      /* the last read or write failed */
    PAGE_REFERENCED = 1u << 5, /* used since reclaim last looked */
    PAGE_WAITERS = 1u << 6,    /* somebody sleeps for LOCKED or WRITEBACK to end */
    PAGE_READAHEAD = 1u << 7,  /* reading this page should start the next readahead */
    PAGE_ON_LRU = 1u << 8,     /* on a reclaim list */
    PAGE_ICACHE = 1u << 10,    /* instruction fetches of every hart see its content */
    PAGE_SWAPCACHE = 1u << 11, /* PAGE_ANON: has a swap slot, anon.slot: see swap.c */
    PAGE_MAPPED = 1u << 9,     /* all its blocks have a place on the disk: no ENOSPC on writing */
};

/* In `order` of the first frame of a free block. The buddy tells a free neighbour by this mark
 * alone: `order` is changed only under its lock, while `kind` belongs to whoever has the frame. */
#define PAGE_ORDER_FREE 0x80u

/* In `order` of an allocated single frame: it was taken for movable use, and goes back to the hot
 * list of its like. */
#define PAGE_ORDER_MOVABLE 0x40u

struct anon_family;
struct mapping;
struct slab_cache;

struct page {
    _Atomic uint32_t flags;        /* [a] enum page_flag */
    _Atomic uint32_t refs;         /* [a] references; 0 for free frames and kinds not counted */
    uint8_t kind;                  /* [owner] enum page_kind */
    uint8_t order;                 /* [buddy->lock] log2 of the block's frames, on its first one;
                                    *     see PAGE_ORDER_FREE, PAGE_ORDER_MOVABLE */
    uint8_t region;                /* [I] which frame region it belongs to */
    _Atomic uint8_t dirty_sectors; /* [a] PAGE_CACHE: its dirty 512-byte sectors, bit 0 first */
    _Atomic uint32_t maps;         /* [a] PAGE_CACHE: page-table entries that map it */
    union {
        struct {                  /* PAGE_FREE, PAGE_HOT */
            struct list node;     /* [buddy->lock] */
            const void *freed_by; /* who gave it back last: named when it is given back twice */
        } free;
        struct {                      /* PAGE_SLAB, on the slab's first frame */
            struct slab_cache *cache; /* [I] on all its frames */
            struct list node;         /* [cache->lock] */
            union {                   /* one bit an object, 1: free; see slab_pages.c */
                uint64_t free_bits;   /* [cache->lock] for up to 64 objects */
                uint64_t *free_map;   /* [cache->lock] for more: at the slab's end */
            };
            uint16_t nr_used;      /* [cache->lock] */
            uint16_t nr_objects;   /* [I] */
            uint32_t colour_bytes; /* [I] offset of the first object */
            struct page *head;     /* [I] on all its frames: the first one */
        } slab;
        struct {                         /* PAGE_CACHE */
            struct mapping *mapping;     /* [page lock] NULL after truncation */
            uint64_t index;              /* [page lock] in pages from the file's start */
            struct list lru;             /* [lru lock] */
            _Atomic uint32_t io_pending; /* [a] block requests that carry parts of this page,
                                          *     plus one while they are made */
        } cache;
        struct {                        /* PAGE_ANON: see anon.c */
            struct anon_family *family; /* [I] while mapped: areas whose entries may map it */
            uint64_t index;             /* [I] its number there */
            uint64_t slot;              /* [area->lock] with PAGE_SWAPCACHE: see swap.c */
        } anon;
        struct {                  /* PAGE_USED, PAGE_WINDOW */
            uint64_t private;     /* the owner's own */
            const void *taken_by; /* who allocated it: named when it is given back wrongly */
        } used;
        struct {                /* PAGE_LARGE */
            uint64_t nr_frames; /* [owner] of the run that begins here */
            struct owner owner; /* [owner] set while the leak search is on */
            void *mark;         /* [leak search] */
        } large;
    };
};

static_assert(sizeof(struct page) == 64, "one cache line a frame");

/** The page of a physical address, or NULL when it is not RAM that the allocator knows. Context:
 *  any. */
struct page *page_from_phys(phys_t address);

/** The page that a direct-map pointer points into; NULL for pointers that lie in no frame we
 *  know. */
struct page *page_from_virt(const void *pointer);

/* Where the pages of a region's frames would begin if its first frame were number 0. */
extern uint64_t page_origins[]; /* [I] after boot: by page->region */

static inline phys_t page_to_phys(const struct page *page)
{
    /* Divided by the size of a page's record, times that of its frame. */
    return phys(((uint64_t)page - page_origins[page->region]) * (PAGE_SIZE / sizeof(*page)));
}

/** The kernel's own address of the frame, in the direct map. */
static inline void *page_address(const struct page *page)
{
    return phys_to_virt(page_to_phys(page));
}

/** log2 of the frames of an allocated block, asked of its first page. */
static inline unsigned page_order(const struct page *page)
{
    return page->order & ~PAGE_ORDER_MOVABLE;
}

static inline bool page_has(const struct page *page, uint32_t flags)
{
    return (atomic_load_explicit(&page->flags, memory_order_acquire) & flags) != 0;
}

static inline uint32_t page_set(struct page *page, uint32_t flags)
{
    return atomic_fetch_or_explicit(&page->flags, flags, memory_order_acq_rel);
}

static inline uint32_t page_clear(struct page *page, uint32_t flags)
{
    return atomic_fetch_and_explicit(&page->flags, ~flags, memory_order_acq_rel);
}

/** Take a further reference. The caller holds one, or the lock of the structure that does. */
static inline void page_get(struct page *page)
{
    atomic_fetch_add_explicit(&page->refs, 1, memory_order_relaxed);
}

/** Take a reference unless the count has already fallen to zero. */
bool must_check page_try_get(struct page *page);

/** Drop a reference, or nr of them; the last one frees the frame (order 0 only). Context: any. */
void page_put(struct page *page);
void page_put_refs(struct page *page, unsigned nr);

/** Drop a reference to each of nr pages; pages[] is scratch afterwards. Context: any. */
void page_put_bulk(struct page **pages, unsigned nr);

static inline uint32_t page_refs(const struct page *page)
{
    return atomic_load_explicit(&page->refs, memory_order_acquire);
}

#endif
