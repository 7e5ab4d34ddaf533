// SPDX-License-Identifier: MIT
/* The kernel heap and slab caches behind the allocator interface.
 *
 * Nothing is kept here. What kmalloc() and the caches guarantee about alignment is turned into what
 * a layout asks for: kmalloc aligns a power of two up to a page to itself, and what is larger than
 * its largest class, being blocks of frames, to its power of two. So a request with an alignment
 * above kmalloc's 16 asks for a power of two that is no smaller than the alignment.
 *
 * Locks: those of kmalloc.c and slab.c. */
#include "mm/alloc/heap.h"

#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "mm/buddy.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "mm/slab.h"

#define KMALLOC_ALIGN 16u

/* How much kmalloc is asked for, or 0 when that can't be had. */
static size_t request_bytes(struct layout layout)
{
    size_t least = layout.size_bytes;

    if (layout.align_bytes <= KMALLOC_ALIGN) {
        return least;
    }
    if (layout.size_bytes > PAGE_SIZE << BUDDY_MAX_ORDER) {
        return 0;
    }
    /* Slabs are aligned to a page only: above that it has to be a block of frames. */
    least = max_of(least, layout.align_bytes > PAGE_SIZE ? 4 * PAGE_SIZE : layout.align_bytes);
    return 1ul << log2_ceil(max_of(least, layout.align_bytes));
}

static void *heap_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    size_t size_bytes = request_bytes(layout);

    return size_bytes == 0 ? NULL : kmalloc(size_bytes, flags);
}

/* What kmalloc could have given out; live or not is for kfree() to find. */
static bool heap_owns(void *object, const void *memory)
{
    const struct page *page = page_from_virt(memory);

    return page != NULL && (page->kind == PAGE_SLAB || page->kind == PAGE_LARGE);
}

static int heap_deallocate(void *object, void *memory, struct layout layout)
{
    if (!heap_owns(object, memory) || ksize(memory) < layout.size_bytes) {
        return -EINVAL;
    }
    kfree(memory);
    return 0;
}

static bool heap_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    return new_size_bytes <= ksize(memory);
}

static void check_nothing(void *object)
{
}

static const struct allocator_ops heap_ops = {
    .allocate = heap_allocate,
    .deallocate = heap_deallocate,
    .resize = heap_resize,
    .owns = heap_owns,
    .check = check_nothing,
};

struct allocator heap_allocator(void)
{
    return (struct allocator){&heap_ops, NULL, "heap"};
}

/* ---- One cache ------------------------------------------------------------------------------- */

static void *cache_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    struct slab_cache *cache = object;
    bool fits = layout.size_bytes <= cache->size_bytes && layout.align_bytes <= cache->align_bytes;

    return fits ? slab_alloc(cache, flags) : NULL;
}

/* As above: live or not is for slab_free(). */
static bool cache_owns(void *object, const void *memory)
{
    const struct page *page = page_from_virt(memory);

    return page != NULL && page->kind == PAGE_SLAB && page->slab.cache == object;
}

static int cache_deallocate(void *object, void *memory, struct layout layout)
{
    if (!cache_owns(object, memory)) {
        return -EINVAL;
    }
    slab_free(object, memory);
    return 0;
}

static bool cache_resize(void *object, void *memory, struct layout layout, size_t new_size_bytes)
{
    return new_size_bytes <= ((const struct slab_cache *)object)->size_bytes;
}

static void cache_check(void *object)
{
    slab_check(object);
}

const struct allocator_ops cache_allocator_ops = {
    .allocate = cache_allocate,
    .deallocate = cache_deallocate,
    .resize = cache_resize,
    .owns = cache_owns,
    .check = cache_check,
};

struct allocator cache_allocator(struct slab_cache *cache)
{
    return (struct allocator){&cache_allocator_ops, cache, cache->name};
}
