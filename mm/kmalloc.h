// SPDX-License-Identifier: MIT
/* Memory of any size: four size classes a doubling from 8 bytes up, each a slab cache; above them runs
 * of frames. The size is found from the pointer, so kfree() needs nothing
 * else. */
#ifndef CAIRN_MM_KMALLOC_H
#define CAIRN_MM_KMALLOC_H

#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

/** Memory of at least size_bytes, aligned for every type of that size: to the largest power of two,
 *  up to a page, that divides size_bytes, and to 8. Size 0 gives a pointer that may be freed and not
 *  used. NULL when there is none, or when the size is more than any block has. Context: any; may sleep
 *  only with ALLOC_WAIT. */
void *must_check kmalloc(size_t size_bytes, enum alloc_flags flags);
void *must_check kzalloc(size_t size_bytes, enum alloc_flags flags);

/** nr * size_bytes; NULL when the product overflows. kcalloc: zeroed. */
void *must_check kmalloc_array(size_t nr, size_t size_bytes, enum alloc_flags flags);
void *must_check kcalloc(size_t nr, size_t size_bytes, enum alloc_flags flags);

/** Memory at a multiple of align_bytes; kfree() gives it back.
 *  @align_bytes: a power of two, or the answer is NULL and a report that names the caller. */
void *must_check kmalloc_aligned(size_t size_bytes, size_t align_bytes, enum alloc_flags flags);

/** Resize, in place where it fits. On failure NULL, and the old block stays. pointer may be NULL. What
 *  is no block of kmalloc is reported, and the answer is NULL. The alignment is kmalloc's.
 *  krealloc_array: to nr * size_bytes; NULL when the product overflows. */
void *must_check krealloc(void *pointer, size_t size_bytes, enum alloc_flags flags);
void *must_check krealloc_array(void *pointer, size_t nr, size_t size_bytes,
                                enum alloc_flags flags);

/** Free what any of these, kstrdup or kmemdup gave; NULL is ignored. Context: any. */
void kfree(const void *pointer);

/** The usable size of a live block; 0 for no bytes, and, with a report, for what is no block. */
size_t ksize(const void *pointer);

char *must_check kstrdup(const char *string, enum alloc_flags flags);
char *must_check kstrndup(const char *string, size_t len_bytes, enum alloc_flags flags);
void *must_check kmemdup(const void *src, size_t len_bytes, enum alloc_flags flags);

#endif
