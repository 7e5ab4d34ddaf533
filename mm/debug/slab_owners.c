// SPDX-License-Identifier: MIT
/* The list of live objects. Objects are visited under their cache's lock, where nothing can be
 * allocated; so they are counted first, and then written into an array with some room to spare. */
#include "mm/debug/slab_owners.h"

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "mm/debug/slab_debug.h"
#include "mm/slab_inspect.h"
#include "mm/vmalloc.h"

#define ROOM_TO_SPARE 256u

struct collection {
    struct slab_owned *list; /* NULL: only count */
    size_t nr, nr_max;
};

static bool collect_object(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    struct collection *collection = arg;
    const struct owner *allocated, *freed;
    struct slab_owned *entry;

    if (is_free || !slab_debug_is_live(cache, object)) {
        return true;
    }
    if (collection->list == NULL) {
        collection->nr++;
        return true;
    }
    if (collection->nr == collection->nr_max) {
        return false;
    }
    entry = &collection->list[collection->nr++];
    slab_debug_owners(cache, object, &allocated, &freed);
    entry->address = (uint64_t)object;
    entry->size_bytes = cache->size_bytes;
    entry->owner = *allocated;
    strlcpy(entry->cache, cache->name, sizeof(entry->cache));
    return true;
}

static void collect_cache(struct slab_cache *cache, void *arg)
{
    slab_pages_visit(cache, NULL, collect_object, arg);
}

int slab_owners_list(struct slab_owned **list, size_t *nr)
{
    struct collection collection = {0};

    slab_visit_caches(SLAB_DEBUG_ANY, collect_cache, &collection);
    if (collection.nr == 0) {
        return -EOPNOTSUPP;
    }
    collection.nr_max = collection.nr + ROOM_TO_SPARE;
    collection.list = vmalloc(collection.nr_max * sizeof(struct slab_owned), ALLOC_KERNEL);
    if (collection.list == NULL) {
        return -ENOMEM;
    }
    collection.nr = 0;
    slab_visit_caches(SLAB_DEBUG_ANY, collect_cache, &collection);
    *list = collection.list;
    *nr = collection.nr;
    return 0;
}
