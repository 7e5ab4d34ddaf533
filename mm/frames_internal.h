// SPDX-License-Identifier: MIT
/* The table of frame regions: for page.c, frames.c, frames_boot.c and the look-ups of kmalloc.c
 * and slab. */
#ifndef CAIRN_MM_FRAMES_INTERNAL_H
#define CAIRN_MM_FRAMES_INTERNAL_H

#include "mm/buddy.h"
#include "mm/frames.h"

extern struct buddy frame_regions[FRAMES_MAX_REGIONS]; /* [I] after boot; each guards itself */
extern unsigned nr_frame_regions;                      /* [I] after boot */

/** Derive the watermarks from the amount of managed memory. */
void frames_set_watermarks(void);

/* The slow halves of the two below: the other regions. page.c */
struct page *page_of_frame_beyond(uint64_t frame);
struct buddy *region_of_page_beyond(const struct page *page);

/* The page of a frame number, or NULL. Nearly every machine has one region: the first comparison
 * decides. (A region that does not exist has no frames.) */
static inline struct page *page_of_frame(uint64_t frame)
{
    uint64_t index = frame - frame_regions[0].first_frame;

    if (likely(index < frame_regions[0].nr_frames)) {
        return frame_regions[0].pages + index;
    }
    return page_of_frame_beyond(frame);
}

static inline struct page *page_of_pointer(const void *pointer)
{
    return page_of_frame(virt_to_phys(pointer).addr >> PAGE_SHIFT);
}

/* The tag of the frame that a direct-map pointer points into if that is of the first region, or 0: for
 * paths that have another way for all others. */
static inline uint8_t tag_of_near_pointer(const void *pointer)
{
    uint64_t index = ((uint64_t)pointer - frame_regions[0].address) >> PAGE_SHIFT;

    return likely(index < frame_regions[0].nr_frames) ? frame_regions[0].tags[index] : 0;
}

static inline uint8_t *tag_of_page(const struct page *page)
{
    const struct buddy *region = &frame_regions[page->region];

    return &region->tags[page - region->pages];
}

/* Whether a region's page array holds a page; the pointer need not be one to a page at all. */
static inline bool region_has_page(const struct buddy *region, const struct page *page)
{
    uint64_t offset = (uint64_t)page - (uint64_t)region->pages;

    return offset < region->nr_frames * sizeof(struct page) && offset % sizeof(struct page) == 0;
}

/* The region that a page belongs to, or NULL. */
static inline struct buddy *region_of_page(const struct page *page)
{
    if (likely(region_has_page(&frame_regions[0], page))) {
        return &frame_regions[0];
    }
    return region_of_page_beyond(page);
}

#endif
