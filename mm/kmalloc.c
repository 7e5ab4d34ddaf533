// SPDX-License-Identifier: MIT
/* Memory of any size.
 *
 * Sizes up to KMALLOC_MAX_SLAB come from slab caches, four sizes a doubling (16 bytes apart at the
 * lower end), so that at most a fifth of a block is lost to rounding up; a request finds its cache
 * by one look-up in a table of bytes:
 *
 *     16 32 48 64 80 96 112 128 | 160 192 224 256 | 320 384 448 512 | … | 5120 6144 7168 8192
 *
 * Larger ones are whole blocks of frames, kind PAGE_LARGE. A pointer's frame says which of the two
 * it is and, for slabs, of which cache; so kfree() needs no size, and no header stands before a
 * block.
 *
 * A block is aligned to the largest power of two that divides its class: 16 bytes at least, the
 * size itself for powers of two up to a page.
 *
 * Zero bytes are answered with NO_BYTES, an address in a page that is never mapped: it isn't NULL,
 * it can be freed, and to use it is a fault.
 *
 * Locks: none; those of slab.c and frames.c below. */
#include "mm/kmalloc.h"

#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/debug/guard_pool.h"
#include "mm/debug/mistakes.h"
#include "mm/frames.h"
#include "mm/frames_internal.h"
#include "mm/slab.h"

#define KMALLOC_MAX_SLAB 8192u
#define NO_BYTES         ((void *)16)

#define FINE_STEP   16u /* up to FINE_LIMIT, one table entry for every 16 bytes */
#define FINE_LIMIT  1024u
#define COARSE_STEP 128u /* above it, one for every 128 bytes */

/* The largest power of two in a class's size, and no more than a page. */
#define CLASS_ALIGN(size) ((size) % PAGE_SIZE == 0 ? (uint32_t)PAGE_SIZE : (size) & (~(size) + 1u))
#define CLASS(size) \
    SLAB_CACHE_INIT(kmalloc_caches[0], "kmalloc-" #size, size##u, CLASS_ALIGN(size##u), NULL)

static struct slab_cache kmalloc_caches[] SLAB_CACHES = {
    CLASS(16),   CLASS(32),   CLASS(48),   CLASS(64),   CLASS(80),   CLASS(96),   CLASS(112),
    CLASS(128),  CLASS(160),  CLASS(192),  CLASS(224),  CLASS(256),  CLASS(320),  CLASS(384),
    CLASS(448),  CLASS(512),  CLASS(640),  CLASS(768),  CLASS(896),  CLASS(1024), CLASS(1280),
    CLASS(1536), CLASS(1792), CLASS(2048), CLASS(2560), CLASS(3072), CLASS(3584), CLASS(4096),
    CLASS(5120), CLASS(6144), CLASS(7168), CLASS(8192),
};

/* Class by (size - 1) / FINE_STEP, and by (size - 1) / COARSE_STEP. */
static const uint8_t fine_class[FINE_LIMIT / FINE_STEP] = {
    [0] = 0,          [1] = 1,          [2] = 2,          [3] = 3,          [4] = 4,
    [5] = 5,          [6] = 6,          [7] = 7,          [8 ... 9] = 8,    [10 ... 11] = 9,
    [12 ... 13] = 10, [14 ... 15] = 11, [16 ... 19] = 12, [20 ... 23] = 13, [24 ... 27] = 14,
    [28 ... 31] = 15, [32 ... 39] = 16, [40 ... 47] = 17, [48 ... 55] = 18, [56 ... 63] = 19,
};
static const uint8_t coarse_class[KMALLOC_MAX_SLAB / COARSE_STEP] = {
    [0 ... 7] = 19,   [8 ... 9] = 20,   [10 ... 11] = 21, [12 ... 13] = 22, [14 ... 15] = 23,
    [16 ... 19] = 24, [20 ... 23] = 25, [24 ... 27] = 26, [28 ... 31] = 27, [32 ... 39] = 28,
    [40 ... 47] = 29, [48 ... 55] = 30, [56 ... 63] = 31,
};

/* Caller: 1 <= size_bytes <= KMALLOC_MAX_SLAB. */
static inline struct slab_cache *cache_for(size_t size_bytes)
{
    if (likely(size_bytes <= FINE_LIMIT)) {
        return &kmalloc_caches[fine_class[(size_bytes - 1) / FINE_STEP]];
    }
    return &kmalloc_caches[coarse_class[(size_bytes - 1) / COARSE_STEP]];
}

static void *alloc_large(size_t size_bytes, enum alloc_flags flags)
{
    unsigned order;
    struct page *page;

    if (size_bytes > PAGE_SIZE << BUDDY_MAX_ORDER) {
        return NULL;
    }
    order = log2_ceil(div_round_up(size_bytes, PAGE_SIZE));
    page = frames_alloc(order, flags);
    if (page == NULL) {
        return NULL;
    }
    page->kind = PAGE_LARGE;
    return page_address(page);
}

void *kmalloc(size_t size_bytes, enum alloc_flags flags)
{
    if (likely(size_bytes - 1 < KMALLOC_MAX_SLAB)) { /* 0 wraps around */
        return slab_alloc(cache_for(size_bytes), flags);
    }
    return size_bytes == 0 ? NO_BYTES : alloc_large(size_bytes, flags);
}

void *kzalloc(size_t size_bytes, enum alloc_flags flags)
{
    return kmalloc(size_bytes, flags | ALLOC_ZERO);
}

void *kcalloc(size_t nr, size_t size_bytes, enum alloc_flags flags)
{
    size_t total_bytes;

    if (__builtin_mul_overflow(nr, size_bytes, &total_bytes)) {
        return NULL;
    }
    return kmalloc(total_bytes, flags | ALLOC_ZERO);
}

static bool is_kmalloc_cache(const struct slab_cache *cache)
{
    return cache >= kmalloc_caches && cache < kmalloc_caches + array_size(kmalloc_caches);
}

/* The page of a live kmalloc block, as far as a look at it tells; or NULL. */
static inline struct page *page_of_block(const void *pointer)
{
    struct page *page = page_of_pointer(pointer);

    if (unlikely(page == NULL)) {
        return NULL;
    }
    if (likely(page->kind == PAGE_SLAB)) {
        bool is_ours = is_kmalloc_cache(page->slab.cache) && (uint64_t)pointer % FINE_STEP == 0;
        return likely(is_ours) ? page : NULL;
    }
    return page->kind == PAGE_LARGE && (uint64_t)pointer % PAGE_SIZE == 0 ? page : NULL;
}

static __attribute__((noinline)) void refuse(const char *what, const void *pointer,
                                             const void *caller)
{
    pr_err("kmalloc: %s of %p by %pS: not a block of kmalloc", what, pointer, caller);
}

/* The cache of a sampled block (mm/debug/guard_pool.c), or NULL. */
static struct slab_cache *cache_of_sample(const void *pointer)
{
    struct slab_cache *cache = guard_pool_cache_of(pointer);

    return cache != NULL && is_kmalloc_cache(cache) ? cache : NULL;
}

/* Not in a frame of the direct map. */
static __attribute__((noinline)) void free_sample(const void *pointer)
{
    struct slab_cache *cache = cache_of_sample(pointer);

    if (cache != NULL) {
        slab_free(cache, (void *)pointer);
    } else {
        refuse("kfree", pointer, mistake_caller());
    }
}

void kfree(const void *pointer)
{
    struct page *page;

    if (pointer == NULL || pointer == NO_BYTES) {
        return;
    }
    page = page_of_block(pointer);
    if (unlikely(page == NULL)) {
        free_sample(pointer);
    } else if (likely(page->kind == PAGE_SLAB)) {
        slab_free(page->slab.cache, (void *)pointer);
    } else {
        frames_free(page, page->order);
    }
}

size_t ksize(const void *pointer)
{
    struct page *page;

    if (pointer == NULL || pointer == NO_BYTES) {
        return 0;
    }
    page = page_of_block(pointer);
    if (page == NULL && cache_of_sample(pointer) != NULL) {
        return cache_of_sample(pointer)->size_bytes;
    }
    if (page == NULL) {
        refuse("ksize", pointer, __builtin_return_address(0));
        return 0;
    }
    return page->kind == PAGE_SLAB ? page->slab.cache->size_bytes : PAGE_SIZE << page->order;
}

void *krealloc(void *pointer, size_t size_bytes, enum alloc_flags flags)
{
    size_t old_bytes = ksize(pointer);
    void *fresh;

    if (old_bytes == 0) {
        return pointer == NULL || pointer == NO_BYTES ? kmalloc(size_bytes, flags) : NULL;
    }
    /* In place while at least half of the block is used. */
    if (size_bytes <= old_bytes && size_bytes > old_bytes / 2) {
        return pointer;
    }
    fresh = kmalloc(size_bytes, flags);
    if (fresh == NULL) {
        return size_bytes <= old_bytes ? pointer : NULL; /* making it smaller can't fail */
    }
    memcpy(fresh, pointer, min_of(size_bytes, old_bytes));
    kfree(pointer);
    return fresh;
}

void *kmemdup(const void *src, size_t len_bytes, enum alloc_flags flags)
{
    void *copy = kmalloc(len_bytes, flags & ~(unsigned)ALLOC_ZERO);

    if (copy != NULL) {
        memcpy(copy, src, len_bytes);
    }
    return copy;
}

char *kstrndup(const char *string, size_t len_bytes, enum alloc_flags flags)
{
    size_t length = strnlen(string, len_bytes);
    char *copy = kmalloc(length + 1, flags & ~(unsigned)ALLOC_ZERO);

    if (copy != NULL) {
        memcpy(copy, string, length);
        copy[length] = '\0';
    }
    return copy;
}

char *kstrdup(const char *string, enum alloc_flags flags)
{
    return kstrndup(string, strlen(string), flags);
}
