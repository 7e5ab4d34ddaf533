// SPDX-License-Identifier: MIT
/* The kernel heap and slab caches behind the allocator interface.
 *
 * Nothing is kept here: kmalloc_aligned() and the caches know about alignment themselves.
 *
 * Locks: those of kmalloc.c and slab.c. */
#include "mm/alloc/heap.h"

#include "kernel/abi/errno.h"
#include "mm/debug/guard_pool.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "mm/slab.h"

static void *heap_allocate(void *object, struct layout layout, enum alloc_flags flags)
{
    /* No bytes have no alignment, but a layout's have. */
    return kmalloc_aligned(max_of(layout.size_bytes, (size_t)1), layout.align_bytes, flags);
}

/* The cache whose memory this is, sampled objects in pages of their own included; or NULL. */
static struct slab_cache *cache_at(const void *memory)
{
    const struct page *page = page_from_virt(memory);

    return page != NULL && page->kind == PAGE_SLAB ? page->slab.cache : guard_pool_cache_of(memory);
}

/* What kmalloc could have given out; live or not is for kfree() to find. */
static bool heap_owns(void *object, const void *memory)
{
    const struct page *page = page_from_virt(memory);

    return (page != NULL && page->kind == PAGE_LARGE) || cache_at(memory) != NULL;
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
    return cache_at(memory) == object;
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
