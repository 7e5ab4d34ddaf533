// SPDX-License-Identifier: MIT
/* Walks over all frames, for the leak search and for figures; frames_visit.c. */
#ifndef CAIRN_MM_FRAMES_VISIT_H
#define CAIRN_MM_FRAMES_VISIT_H

#include "mm/page.h"

/** Call visit for the first page of every allocated block. Context: any; exact when nobody allocates
 *  or frees meanwhile. */
void frames_visit_blocks(void (*visit)(struct page *page, void *arg), void *arg);

/** The first page of the allocated block that a page belongs to; NULL for free and reserved frames.
 *  Context: nobody allocates or frees meanwhile. */
struct page *frames_block_of(struct page *page);

/** Call visit for the first page of every free block, and for every frame in a hot list, with the
 *  frames that are free from there on. Context: as above. */
void frames_visit_free(void (*visit)(struct page *page, uint64_t nr_frames));

/** The first page of the run of frames that kmalloc() gave out and that a page is in; or NULL. Context:
 *  any, for reports: what changes meanwhile may be missed. */
const struct page *frames_large_of(const struct page *page);

#endif
