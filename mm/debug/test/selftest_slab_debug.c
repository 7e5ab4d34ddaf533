// SPDX-License-Identifier: MIT
/* Debugged caches in a running kernel: what is planted is reported with who did it. Without slab_debug=
 * no cache is debugged, and there is nothing to see: `make test-silent` boots with it. */
#include "kernel/base/selftest.h"
#include "mm/debug/mistakes.h"
#include "mm/debug/slab_debug.h"
#include "mm/debug/test/planted.h"
#include "mm/sanitize.h"
#include "mm/slab.h"

enum { SIZE = 120, FULL = SLAB_DEBUG_REDZONE | SLAB_DEBUG_POISON };

static bool is_on(void)
{
    return (slab_debug_flags_for("suspect") & FULL) == FULL;
}

static struct slab_cache *make(void)
{
    struct slab_cache *cache = slab_cache_create("suspect", SIZE, 8, NULL);

    CHECK(cache != NULL);
    return cache;
}

/* No sanitizer stops this. */
SANITIZE_NOT static void overwrite(void *object, size_t from, size_t nr)
{
    volatile unsigned char *bytes = object;

    for (size_t i = 0; i < nr; i++) {
        bytes[from + i] = 0x41;
    }
}

static void expect(const char *text, const char *owner)
{
    CHECK(planted_said(text));
    CHECK(planted_said(owner));
}

SELFTEST(slab_debug_sees_a_write_behind_an_object)
{
    struct slab_cache *cache;
    void *object;

    if (!is_on()) {
        return;
    }
    cache = make();
    object = slab_alloc(cache, ALLOC_KERNEL);
    overwrite(object, SIZE, 3);
    planted_listen();
    slab_free(cache, object);
    expect("3 bytes overwritten, the first at +120 with 0x41", "  allocated ");
    expect("slab: suspect: redzone behind object",
           "found by slab_debug_sees_a_write_behind_an_object+");
    CHECK(slab_cache_destroy(cache) == 0);
}

SELFTEST(slab_debug_sees_a_write_after_free)
{
    struct slab_cache *cache;
    void *object;

    if (!is_on()) {
        return;
    }
    cache = make();
    object = slab_alloc(cache, ALLOC_KERNEL);
    slab_free(cache, object);
    overwrite(object, 8, 1);
    planted_listen();
    CHECK(slab_alloc(cache, ALLOC_KERNEL) == object);
    expect("slab: suspect: poison of free object", "  last freed ");
    slab_free(cache, object);
    CHECK(slab_cache_destroy(cache) == 0);
}

SELFTEST(slab_debug_refuses_a_double_free)
{
    struct slab_cache *cache;
    void *object;
    void *again;

    if (!is_on()) {
        return;
    }
    cache = make();
    object = again = slab_alloc(cache, ALLOC_KERNEL);
    slab_free(cache, object);
    planted_listen();
    __asm__ volatile("" : "+r"(again));
    slab_free(cache, again);
    expect("already free", "  last freed ");
    CHECK(slab_cache_destroy(cache) == 0);
}
