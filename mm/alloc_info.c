// SPDX-License-Identifier: MIT
/* Live memory by tag.
 *
 * A tag says what a piece of memory is for. The usual way is a counter for each place in the source
 * that allocates, raised there and lowered by whoever frees; but then each object has to remember its
 * tag, and each allocation and each free pays for the counter: some thirty instructions, on a pair that
 * takes forty. Here nothing is counted. The tag is found in what the allocators know anyway, and the
 * sums are made when somebody asks:
 *
 *     piece of memory                    its tag
 *     object of a typed cache            the cache: "slab:inode_cache"
 *     kmalloc block                      its size class, a cache too: "slab:kmalloc-64"
 *     object of a debugged cache         cache and call site, from the object's owner record
 *     frame that is no slab's            its kind: "frames:anon", "frames:table"
 *
 * So whoever has a type of his own has a tag of his own, always, and it costs nothing. Who took the
 * blocks of kmalloc is known for debugged caches: each of their live objects has a record of its
 * chain of calls (mm/debug/owner.h), and the first call is the tag. With the kernel argument
 * slab_debug=U,kmalloc-* (or slab_debug=U: all caches) the users of these pay for it, and no others.
 *
 * A cache has few call sites and many objects; under its lock, where nothing can be allocated, a site
 * is looked for among those that the same cache has already. The list has a fixed room: when that
 * is too small, all is done again with twice as much.
 *
 * Frames are walked without a lock. The owner of a frame changes its kind with a single store, so each
 * look sees one that it really had; a block that is split or joined meanwhile may be seen in part.
 *
 * Invariants: the sum over the tags of a cache is what /proc/slabinfo calls its active objects; frames
 * of tags, frames of slabs and free frames are all of memory.
 * Locks: those of slab_visit_caches() and slab_pages_visit(). */
#include "mm/alloc_info.h"

#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "mm/buddy.h"
#include "mm/debug/slab_debug.h"
#include "mm/frames.h"
#include "mm/frames_visit.h"
#include "mm/slab_inspect.h"
#include "mm/vmalloc.h"

#define FIRST_ROOM 256u

struct collection {
    struct alloc_info *list;
    size_t nr, nr_max;
    size_t first; /* entry of the cache that is visited */
    bool is_full; /* something had no room */
};

static const char *const kind_names[] = {
    [PAGE_USED] = "frames:other",  [PAGE_LARGE] = "frames:kmalloc",
    [PAGE_ANON] = "frames:anon",   [PAGE_CACHE] = "frames:cache",
    [PAGE_TABLE] = "frames:table", [PAGE_WINDOW] = "frames:vmalloc",
};

/* The entry of a call site among those from collection->first on; NULL when there is no room. */
static struct alloc_info *find_entry(struct collection *collection, const char *prefix,
                                     const char *name, const void *caller)
{
    struct alloc_info *entry;

    for (size_t i = collection->first; i < collection->nr; i++) {
        if (collection->list[i].caller == caller) {
            return &collection->list[i];
        }
    }
    if (collection->nr == collection->nr_max) {
        collection->is_full = true;
        return NULL;
    }
    entry = &collection->list[collection->nr++];
    *entry = (struct alloc_info){.caller = caller};
    ksnprintf(entry->what, sizeof(entry->what), "%s%s", prefix, name);
    return entry;
}

/* ---- Objects --------------------------------------------------------------------------------- */

static bool count_object(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    const struct owner *allocated, *freed;
    struct alloc_info *entry;

    if (is_free) {
        return true;
    }
    slab_debug_owners(cache, object, &allocated, &freed);
    entry = find_entry(arg, "slab:", cache->name, owner_call(allocated, 0));
    if (entry == NULL) {
        return false;
    }
    entry->nr_live++;
    entry->live_bytes += cache->size_bytes;
    return true;
}

static void count_cache(struct slab_cache *cache, void *arg)
{
    struct collection *collection = arg;
    struct slab_stats stats;
    struct alloc_info *entry;

    collection->first = collection->nr;
    if (slab_is_debugged(cache)) {
        slab_pages_visit(cache, NULL, count_object, collection);
        return;
    }
    slab_get_stats(cache, &stats);
    entry = stats.nr_active == 0 ? NULL : find_entry(collection, "slab:", cache->name, NULL);
    if (entry != NULL) {
        entry->nr_live = stats.nr_active;
        entry->live_bytes = stats.nr_active * stats.size_bytes;
    }
}

/* ---- Frames ---------------------------------------------------------------------------------- */

struct frame_sums {
    uint64_t nr_blocks[array_size(kind_names)];
    uint64_t nr_frames[array_size(kind_names)];
    const struct page *large_end; /* of the run of kmalloc's that was met last */
};

static void count_block(struct page *page, void *arg)
{
    struct frame_sums *sums = arg;
    unsigned kind = page->kind;

    if (kind >= array_size(kind_names) || kind_names[kind] == NULL) {
        return;
    }
    if (kind == PAGE_LARGE) {
        sums->large_end = page + min_of(page->large.nr_frames, 1ull << BUDDY_MAX_ORDER);
    } else if (kind == PAGE_USED && page < sums->large_end) {
        kind = PAGE_LARGE; /* a run is several blocks: see kmalloc_large.c */
        sums->nr_blocks[kind]--;
    }
    sums->nr_blocks[kind]++;
    sums->nr_frames[kind] += 1ull << page_order(page);
}

static void count_frames(struct collection *collection)
{
    struct frame_sums sums = {0};

    frames_visit_blocks(count_block, &sums);
    for (size_t kind = 0; kind < array_size(kind_names); kind++) {
        struct alloc_info *entry;
        collection->first = collection->nr; /* no caller tells them apart */
        entry = sums.nr_blocks[kind] == 0 ? NULL
                                          : find_entry(collection, kind_names[kind], "", NULL);
        if (entry != NULL) {
            entry->nr_live = sums.nr_blocks[kind];
            entry->live_bytes = sums.nr_frames[kind] * PAGE_SIZE;
        }
    }
}

/* ---- The list -------------------------------------------------------------------------------- */

int alloc_info_list(struct alloc_info **list, size_t *nr)
{
    for (size_t room = FIRST_ROOM;; room *= 2) {
        struct collection collection = {.nr_max = room};

        collection.list = vmalloc(room * sizeof(*collection.list), ALLOC_KERNEL);
        if (collection.list == NULL) {
            return -ENOMEM;
        }
        slab_visit_caches(0, count_cache, &collection);
        count_frames(&collection);
        if (!collection.is_full) {
            *list = collection.list;
            *nr = collection.nr;
            return 0;
        }
        vfree(collection.list);
    }
}
