// SPDX-License-Identifier: MIT
/* Memory of any size: four size classes a doubling from 16 bytes up, each a slab cache; above
 * them whole blocks of frames. The size is found from the pointer, so kfree() needs nothing
 * else. */
#ifndef CAIRN_MM_KMALLOC_H
#define CAIRN_MM_KMALLOC_H

#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

/** Memory of at least size_bytes, aligned to 16 (to the size, for powers of two up to a page).
 *  Size 0 gives a pointer that may be freed and not used. NULL when there is none. Context: any;
 *  may sleep only with ALLOC_WAIT. */
void *must_check kmalloc(size_t size_bytes, enum alloc_flags flags);
void *must_check kzalloc(size_t size_bytes, enum alloc_flags flags);

/** nr * size_bytes, zeroed; NULL when the product overflows. */
void *must_check kcalloc(size_t nr, size_t size_bytes, enum alloc_flags flags);

/** Resize, in place where it fits. On failure NULL, and the old block stays. pointer may be
 *  NULL. */
void *must_check krealloc(void *pointer, size_t size_bytes, enum alloc_flags flags);

/** Free what any of these, kstrdup or kmemdup gave; NULL is ignored. Context: any. */
void kfree(const void *pointer);

/** The usable size of a live block. */
size_t ksize(const void *pointer);

char *must_check kstrdup(const char *string, enum alloc_flags flags);
char *must_check kstrndup(const char *string, size_t len_bytes, enum alloc_flags flags);
void *must_check kmemdup(const void *src, size_t len_bytes, enum alloc_flags flags);

#endif
