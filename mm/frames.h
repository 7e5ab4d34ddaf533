// SPDX-License-Identifier: MIT
/* Frames of physical memory: the one door to the buddies, one a region, with per-hart hot lists
 * before them. */
#ifndef CAIRN_MM_FRAMES_H
#define CAIRN_MM_FRAMES_H

#include "mm/alloc_flags.h"
#include "mm/page.h"

#define FRAMES_MAX_REGIONS 8

struct frame_range {
    phys_t start; /* rounded to pages by the receiver: RAM inwards, what is reserved outwards */
    uint64_t len_bytes;
};

/** Take over the machine's memory: called once at boot, on one hart.
 *  @ram: what exists; @reserved: what of it is taken (firmware, image, device tree, initrd), in
 *  any order, may overlap. The page arrays are carved out of the RAM itself. Returns 0, or
 *  -ENOMEM when there is too little to go on. */
int must_check frames_init(const struct frame_range *ram, unsigned nr_ram,
                           const struct frame_range *reserved, unsigned nr_reserved);

/** Give the allocator memory that was reserved at boot and is no longer needed (an unpacked
 *  initrd). */
void frames_release_reserved(struct frame_range range);

/** Allocate 2^order frames, naturally aligned, refs 1 on the first, kind PAGE_USED.
 *  Returns the first page, or NULL. Context: any; may sleep only with ALLOC_WAIT. */
struct page *must_check frames_alloc(unsigned order, enum alloc_flags flags);

/** Give a block back; order must be the one it was allocated with. A double, misaligned, foreign or
 *  wrong-order free is refused with a report. Context: any. */
void frames_free(struct page *page, unsigned order);

/** Up to nr single frames into pages[]. Returns how many. */
unsigned must_check frames_alloc_bulk(struct page **pages, unsigned nr, enum alloc_flags flags);

/** The same from the buddies alone, not from a hot list, and without reclaim: for who moves pages
 *  from one frame to another. Context: any. */
unsigned must_check frames_alloc_cold(struct page **pages, unsigned nr, enum alloc_flags flags);

/** Give back nr single frames, each as frames_free() would, with less work for many. Context: any. */
void frames_free_bulk(struct page **pages, unsigned nr);

/** Allocate nr frames side by side, the first at a multiple of align_frames, as single frames of
 *  kind PAGE_USED, each with one reference. More than a buddy's largest block, and frames that must
 *  be made free by moving pages, only with ALLOC_WAIT.
 *  @align_frames: a power of two. Returns the first page, or NULL. Context: as frames_alloc(). */
struct page *must_check frames_alloc_contiguous(uint64_t nr, uint64_t align_frames,
                                                enum alloc_flags flags);

/** Give back nr frames from page on, all of them single frames; they may be some of those that were
 *  allocated together. If one is not an allocated single frame, none is freed, with a report.
 *  Context: any. */
void frames_free_contiguous(struct page *page, uint64_t nr);

/** Keep the first nr_frames of a block and give back the others. What is kept are blocks of their own,
 *  one for each binary digit of nr_frames, the largest first, to be given back one by one.
 *  @page: the block's first, just allocated. Context: any. */
void frames_trim(struct page *page, uint64_t nr_frames);

struct frames_stats {
    uint64_t nr_total;   /* frames that the allocator manages */
    uint64_t nr_free;    /* in buddies, hot lists and hot runs */
    uint64_t nr_reserve; /* below this only ALLOC_RESERVE is served */
    uint64_t nr_low;     /* below this the reclaim task runs */
    uint64_t nr_high;    /* up to this it works */
    uint64_t nr_by_order[16];
};

void frames_get_stats(struct frames_stats *stats);

struct frames_type_stats {
    uint64_t nr_by_order[16]; /* free blocks */
    uint64_t nr_page_blocks;
};

/** @type: enum frame_type. Context: any. */
void frames_get_type_stats(unsigned type, struct frames_type_stats *stats);

/** Keep the last nr_frames for ALLOC_RESERVE; the other watermarks follow. Returns 0, or -EINVAL when
 *  that is less than reclaim needs, or more than an eighth of memory. Context: any. */
int must_check frames_set_reserve(uint64_t nr_frames);

/** Free frames, cheap and approximate. */
uint64_t frames_nr_free(void);

/** Frames that the allocator manages. Context: any. */
uint64_t frames_nr_total(void);

/** Return every hart's hot lists and runs to the buddies (memory is short, or a test counts). Context: may
 *  sleep. */
void frames_drain_hot(void);

/** The same for the lists of the hart that the caller is on (or was, a moment ago). Context: any. */
void frames_drain_hot_here(void);

#endif
