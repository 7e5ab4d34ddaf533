// SPDX-License-Identifier: MIT
/* Live memory by tag in the real kernel: in a cache that keeps owners, two places that allocate are two
 * tags, and each has what it took. */
#include "kernel/base/printk.h"
#include "kernel/base/selftest.h"
#include "kernel/base/string.h"
#include "mm/alloc_info.h"
#include "mm/debug/slab_debug.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

enum { NR_HERE = 3, NR_THERE = 5, SIZE = 40 };

static __attribute__((noinline)) void *take_here(struct slab_cache *cache)
{
    void *object = slab_alloc(cache, ALLOC_KERNEL);

    __asm__ volatile("" : : : "memory"); /* no tail call: it would leave no trace in the chain */
    return object;
}

/* Not the same text as take_here(): the compiler would make one function of the two. */
static __attribute__((noinline)) void *take_there(struct slab_cache *cache)
{
    void *object = slab_alloc(cache, ALLOC_KERNEL | ALLOC_ZERO);

    __asm__ volatile("" : : : "memory");
    return object;
}

/* How many objects a function has of the cache. */
static uint64_t live_of(const char *what, const char *function)
{
    struct alloc_info *list;
    uint64_t nr_live = 0;
    char caller[64];
    size_t nr;

    CHECK(alloc_info_list(&list, &nr) == 0);
    for (size_t i = 0; i < nr; i++) {
        ksnprintf(caller, sizeof(caller), "%pS", list[i].caller);
        if (strcmp(list[i].what, what) == 0 && strstr(caller, function) == caller) {
            CHECK(list[i].live_bytes == list[i].nr_live * SIZE);
            nr_live += list[i].nr_live;
        }
    }
    vfree(list);
    return nr_live;
}

SELFTEST(alloc_info_tells_call_sites_apart)
{
    struct slab_cache *cache;
    void *objects[NR_HERE + NR_THERE];

    if (slab_debug_flags_for("owned") == 0) {
        return; /* this case is for a kernel with slab_debug= or kmemleak= */
    }
    cache = slab_cache_create("owned", SIZE, 8, NULL);
    CHECK(cache != NULL);
    for (unsigned i = 0; i < NR_HERE + NR_THERE; i++) {
        objects[i] = i < NR_HERE ? take_here(cache) : take_there(cache);
        CHECK(objects[i] != NULL);
    }
    CHECK(live_of("slab:owned", "take_here+") == NR_HERE);
    CHECK(live_of("slab:owned", "take_there+") == NR_THERE);
    for (unsigned i = 0; i < NR_HERE + NR_THERE; i++) {
        slab_free(cache, objects[i]);
    }
    CHECK(live_of("slab:owned", "") == 0);
    CHECK(slab_cache_destroy(cache) == 0);
}
