// SPDX-License-Identifier: MIT
/* kmalloc's blocks above the slab classes: runs of whole frames. The idea stands in kmalloc_large.c. */
#ifndef CAIRN_MM_KMALLOC_LARGE_H
#define CAIRN_MM_KMALLOC_LARGE_H

#include "mm/alloc_flags.h"
#include "mm/page.h"

/** As many frames as size_bytes takes, side by side.
 *  @align_bytes: a power of two. Returns the block, or NULL. Context: as the flags say. */
void *must_check large_alloc(size_t size_bytes, size_t align_bytes, enum alloc_flags flags);

/** @page: the first of a run, kind PAGE_LARGE.
 *  @caller: who frees, remembered for a report. Context: any. */
void large_free(struct page *page, const void *caller);

/** The bytes of a run. */
size_t large_size(const struct page *page);

#endif
