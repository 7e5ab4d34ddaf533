// SPDX-License-Identifier: MIT
/* Memory of any size.
 *
 * Sizes up to KMALLOC_MAX_SLAB come from slab caches, four sizes a doubling, so that above 64 bytes
 * at most a fifth of a block is lost to rounding up, and below that at most 7 bytes; a request finds
 * its cache by one look-up in a table:
 *
 *     8 16 24 32 40 48 56 64 | 80 96 112 128 | 160 192 224 256 | … | 5120 6144 7168 8192
 *
 * Larger ones are runs of frames (kmalloc_large.c), kind PAGE_LARGE. A pointer's frame says which of
 * the two it is and, for slabs, of which cache; so kfree() needs no size, and no header stands before
 * a block.
 *
 * The frame says it twice: in its page, and in its *tag*, 1 + the number of the class. Tags of a region
 * are an array of bytes, so one line of the processor's cache knows 64 frames, where it holds a single
 * page. Blocks are freed in any order: with ten thousand frames of them, nearly each look at a page
 * would wait for memory, and the tags of all of them fit into the fastest cache.
 *
 * A block is aligned to the largest power of two that divides its class. So a block whose size is a
 * multiple of a power of two, up to a page, is aligned to that: the classes between two powers of two
 * divide the distance in four, and the class of a multiple of 2^k is one, too. In particular every type
 * gets the alignment that it needs, and kmalloc_aligned() has only to round its size up.
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
#include "mm/frames_internal.h"
#include "mm/kmalloc_large.h"
#include "mm/slab_fast.h"

#define KMALLOC_MAX_SLAB 8192u
#define NO_BYTES         ((void *)16)

#define FINE_STEP   8u /* up to FINE_LIMIT, one table entry for every 8 bytes */
#define FINE_LIMIT  512u
#define COARSE_STEP 128u /* above it, one for every 128 bytes */

/* The largest power of two in a class's size, and no more than a page. */
#define CLASS_ALIGN(size) ((size) % PAGE_SIZE == 0 ? (uint32_t)PAGE_SIZE : (size) & (~(size) + 1u))
#define CLASS(number, size)                                                                  \
    {                                                                                        \
        .name = "kmalloc-" #size, .size_bytes = (size), .align_bytes = CLASS_ALIGN(size##u), \
        .once = ONCE_INIT("kmalloc-" #size, ONCE_RETRY), .frame_tag = (number),              \
    }

static struct slab_cache kmalloc_caches[] SLAB_CACHES = {
    CLASS(1, 8),     CLASS(2, 16),    CLASS(3, 24),    CLASS(4, 32),    CLASS(5, 40),
    CLASS(6, 48),    CLASS(7, 56),    CLASS(8, 64),    CLASS(9, 80),    CLASS(10, 96),
    CLASS(11, 112),  CLASS(12, 128),  CLASS(13, 160),  CLASS(14, 192),  CLASS(15, 224),
    CLASS(16, 256),  CLASS(17, 320),  CLASS(18, 384),  CLASS(19, 448),  CLASS(20, 512),
    CLASS(21, 640),  CLASS(22, 768),  CLASS(23, 896),  CLASS(24, 1024), CLASS(25, 1280),
    CLASS(26, 1536), CLASS(27, 1792), CLASS(28, 2048), CLASS(29, 2560), CLASS(30, 3072),
    CLASS(31, 3584), CLASS(32, 4096), CLASS(33, 5120), CLASS(34, 6144), CLASS(35, 7168),
    CLASS(36, 8192),
};

/* Cache by (size - 1) / FINE_STEP, and by (size - 1) / COARSE_STEP. */
#define AT(class) (&kmalloc_caches[(class)])
/* clang-format off */
static struct slab_cache *const fine_cache[FINE_LIMIT / FINE_STEP] = {
    [0] = AT(0),           [1] = AT(1),           [2] = AT(2),           [3] = AT(3),
    [4] = AT(4),           [5] = AT(5),           [6] = AT(6),           [7] = AT(7),
    [8 ... 9] = AT(8),     [10 ... 11] = AT(9),   [12 ... 13] = AT(10),  [14 ... 15] = AT(11),
    [16 ... 19] = AT(12),  [20 ... 23] = AT(13),  [24 ... 27] = AT(14),  [28 ... 31] = AT(15),
    [32 ... 39] = AT(16),  [40 ... 47] = AT(17),  [48 ... 55] = AT(18),  [56 ... 63] = AT(19),
};
static struct slab_cache *const coarse_cache[KMALLOC_MAX_SLAB / COARSE_STEP] = {
    [0 ... 3] = AT(19),    [4] = AT(20),          [5] = AT(21),          [6] = AT(22),
    [7] = AT(23),          [8 ... 9] = AT(24),    [10 ... 11] = AT(25),  [12 ... 13] = AT(26),
    [14 ... 15] = AT(27),  [16 ... 19] = AT(28),  [20 ... 23] = AT(29),  [24 ... 27] = AT(30),
    [28 ... 31] = AT(31),  [32 ... 39] = AT(32),  [40 ... 47] = AT(33),  [48 ... 55] = AT(34),
    [56 ... 63] = AT(35),
};
/* clang-format on */

/* Caller: 1 <= size_bytes <= KMALLOC_MAX_SLAB. */
static inline struct slab_cache *cache_for(size_t size_bytes)
{
    if (likely(size_bytes <= FINE_LIMIT)) {
        return fine_cache[(size_bytes - 1) / FINE_STEP];
    }
    return coarse_cache[(size_bytes - 1) / COARSE_STEP];
}

/* A sanitizer is told how much of its block a caller has asked for: the rest he must not touch unless he
 * asks for the block's size. In other builds this is nothing. */
static inline __attribute__((always_inline)) void *exactly(void *block, size_t size_bytes,
                                                           size_t block_bytes)
{
    if (SANITIZE_IS_ON && block != NULL) {
        sanitize_allow(block, size_bytes);
        sanitize_forbid((char *)block + size_bytes, block_bytes - size_bytes);
    }
    return block;
}

/* A function of its own, called in the last position: so the sizes that are asked for most are told from
 * all others by one comparison. */
static SLAB_NO_FRAME __attribute__((noinline)) void *kmalloc_coarse(size_t size_bytes,
                                                                    enum alloc_flags flags)
{
    if (likely(size_bytes - 1 < KMALLOC_MAX_SLAB)) {
        struct slab_cache *cache = coarse_cache[(size_bytes - 1) / COARSE_STEP];
        return exactly(slab_alloc_fast(cache, flags), size_bytes, cache->size_bytes);
    }
    return size_bytes == 0 ? NO_BYTES : large_alloc(size_bytes, PAGE_SIZE, flags);
}

SLAB_NO_FRAME void *kmalloc(size_t size_bytes, enum alloc_flags flags)
{
    if (likely(size_bytes - 1 < FINE_LIMIT)) { /* 0 wraps around */
        struct slab_cache *cache = fine_cache[(size_bytes - 1) / FINE_STEP];
        return exactly(slab_alloc_fast(cache, flags), size_bytes, cache->size_bytes);
    }
    return kmalloc_coarse(size_bytes, flags);
}

void *kzalloc(size_t size_bytes, enum alloc_flags flags)
{
    return kmalloc(size_bytes, flags | ALLOC_ZERO);
}

void *kmalloc_array(size_t nr, size_t size_bytes, enum alloc_flags flags)
{
    size_t total_bytes;

    if (__builtin_mul_overflow(nr, size_bytes, &total_bytes)) {
        return NULL;
    }
    return kmalloc(total_bytes, flags);
}

void *kcalloc(size_t nr, size_t size_bytes, enum alloc_flags flags)
{
    return kmalloc_array(nr, size_bytes, flags | ALLOC_ZERO);
}

void *kmalloc_aligned(size_t size_bytes, size_t align_bytes, enum alloc_flags flags)
{
    size_t rounded_bytes;

    if (!is_power_of_two(align_bytes)) {
        pr_err("kmalloc: alignment %zu by %pS: not a power of two", align_bytes,
               __builtin_return_address(0));
        return NULL;
    }
    if (size_bytes == 0 || __builtin_add_overflow(size_bytes, align_bytes - 1, &rounded_bytes)) {
        return size_bytes == 0 ? NO_BYTES : NULL;
    }
    rounded_bytes &= ~(align_bytes - 1);
    if (rounded_bytes <= KMALLOC_MAX_SLAB && align_bytes <= PAGE_SIZE) {
        struct slab_cache *cache = cache_for(rounded_bytes);
        return exactly(slab_alloc(cache, flags), size_bytes, cache->size_bytes);
    }
    return large_alloc(size_bytes, align_bytes, flags);
}

/* ---- What a pointer is ----------------------------------------------------------------------- */

static inline bool is_kmalloc_cache(const struct slab_cache *cache)
{
    return (uint64_t)cache - (uint64_t)kmalloc_caches < sizeof(kmalloc_caches);
}

/* The page of a live kmalloc block, as far as a look at it tells; or NULL. */
static struct page *page_of_block(const void *pointer)
{
    struct page *page = page_of_pointer(pointer);

    if (page == NULL) {
        return NULL;
    }
    if (page->kind == PAGE_SLAB) {
        bool is_ours = is_kmalloc_cache(page->slab.cache) && (uint64_t)pointer % FINE_STEP == 0;
        return is_ours ? page : NULL;
    }
    return page->kind == PAGE_LARGE && (uint64_t)pointer % PAGE_SIZE == 0 ? page : NULL;
}

/* The cache of a sampled block (mm/debug/guard_pool.c), or NULL. */
static struct slab_cache *cache_of_sample(const void *pointer)
{
    struct slab_cache *cache = guard_pool_cache_of(pointer);

    return cache != NULL && is_kmalloc_cache(cache) ? cache : NULL;
}

static void refuse(const char *what, const void *pointer, const void *caller)
{
    const struct page *page = page_of_pointer(pointer);

    pr_err("kmalloc: %s of %p by %pS: not a block of kmalloc", what, pointer, caller);
    if (page != NULL && page->kind == PAGE_HOT && page->free.freed_by != NULL) {
        pr_err("kmalloc: … its frame was last freed by %pS", page->free.freed_by);
    }
}

/* Runs of frames, sampled blocks, other regions, nothing at all, and what is none of ours. */
static __attribute__((noinline)) void kfree_slow(const void *pointer)
{
    struct page *page;

    if (pointer == NULL || pointer == NO_BYTES) {
        return;
    }
    page = page_of_block(pointer);
    if (page != NULL && page->kind == PAGE_SLAB) { /* in another region than the first */
        slab_free(page->slab.cache, (void *)pointer);
    } else if (page != NULL) {
        large_free(page, __builtin_return_address(0)); /* kfree() has no frame: its caller's */
    } else if (cache_of_sample(pointer) != NULL) {
        slab_free(cache_of_sample(pointer), (void *)pointer);
    } else {
        refuse("kfree", pointer, mistake_caller());
    }
}

SLAB_NO_FRAME void kfree(const void *pointer)
{
    size_t tag = tag_of_near_pointer(pointer);

    if (likely(tag != 0 && (uint64_t)pointer % FINE_STEP == 0)) {
        slab_free_fast(&kmalloc_caches[tag - 1], (void *)pointer, __builtin_return_address(0));
    } else {
        kfree_slow(pointer);
    }
}

/* The size of a live block, or 0 after a report. Caller: neither NULL nor NO_BYTES. */
static size_t block_size(const char *what, const void *pointer, const void *caller)
{
    struct page *page = page_of_block(pointer);
    struct slab_cache *sampled;

    if (page != NULL) {
        return page->kind == PAGE_SLAB ? page->slab.cache->size_bytes : large_size(page);
    }
    sampled = cache_of_sample(pointer);
    if (sampled == NULL) {
        refuse(what, pointer, caller);
        return 0;
    }
    return sampled->size_bytes;
}

size_t ksize(const void *pointer)
{
    size_t size_bytes;

    if (pointer == NULL || pointer == NO_BYTES) {
        return 0;
    }
    size_bytes = block_size("ksize", pointer, __builtin_return_address(0));
    if (size_bytes != 0) {
        sanitize_allow(pointer, size_bytes); /* who asks may use it all */
    }
    return size_bytes;
}

/* ---- Resizing -------------------------------------------------------------------------------- */

static void *resize(void *pointer, size_t size_bytes, enum alloc_flags flags, const void *caller)
{
    size_t old_bytes;
    void *fresh;

    if (pointer == NULL || pointer == NO_BYTES) {
        return kmalloc(size_bytes, flags);
    }
    old_bytes = block_size("krealloc", pointer, caller);
    if (old_bytes == 0) {
        return NULL;
    }
    /* In place while at least half of the block is used. */
    if (size_bytes <= old_bytes && size_bytes > old_bytes / 2) {
        return exactly(pointer, size_bytes, old_bytes);
    }
    fresh = kmalloc(size_bytes, flags);
    if (fresh == NULL) { /* making it smaller can't fail */
        return size_bytes <= old_bytes ? exactly(pointer, size_bytes, old_bytes) : NULL;
    }
    sanitize_allow(pointer, old_bytes); /* it is not known how much of it was asked for */
    memcpy(fresh, pointer, min_of(size_bytes, old_bytes));
    kfree(pointer);
    return fresh;
}

void *krealloc(void *pointer, size_t size_bytes, enum alloc_flags flags)
{
    return resize(pointer, size_bytes, flags, __builtin_return_address(0));
}

void *krealloc_array(void *pointer, size_t nr, size_t size_bytes, enum alloc_flags flags)
{
    size_t total_bytes;

    if (__builtin_mul_overflow(nr, size_bytes, &total_bytes)) {
        return NULL;
    }
    return resize(pointer, total_bytes, flags, __builtin_return_address(0));
}

/* ---- Copies ---------------------------------------------------------------------------------- */

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
