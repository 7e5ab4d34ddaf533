// SPDX-License-Identifier: MIT
/* All caches: their figures, reaping, and caches made at run time.
 *
 * Every cache that has been used stands on one list, in order of first use. The list changes under
 * registry_lock; a cache leaves it only by slab_cache_destroy(), which holds reap_lock as well. So
 * whoever holds reap_lock may step from cache to cache without the spinlock held in between, and
 * reaping calls into slabs and frames with no spinlock at all.
 *
 * reap_lock (LOCK_RANK_RECLAIM) is never held while anything else is waited for. So a visitor that might
 * allocate, and come back here to reap, is called without it (slab_for_each()); one that is called
 * with it must not (slab_visit_caches()). */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "mm/debug/guard_pool.h"
#include "mm/debug/slab_debug.h"
#include "mm/reclaim.h"
#include "mm/slab_internal.h"

#define MAX_NAME_BYTES 32

/* A cache made at run time keeps its own copy of the name. */
struct named_cache {
    struct slab_cache cache;
    char name[MAX_NAME_BYTES];
};
SLAB_CACHE(named_caches, struct named_cache, NULL);

static struct spinlock registry_lock = SPINLOCK_INIT(LOCK_RANK_REGISTRY, "slab registry");
static struct list caches = LIST_INIT(caches); /* [registry_lock] */
static struct mutex reap_lock = MUTEX_INIT(reap_lock, LOCK_RANK_RECLAIM, "slab reap");
static _Atomic uint32_t idle_seen[MAX_HARTS]; /* [hart] the reap that an idle hart obeyed last */

static uint64_t shrink_slabs(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    (void)shrinker;
    (void)nr_frames;
    (void)flags;
    return slab_reap();
}

static struct shrinker slab_shrinker = {
    .name = "slab", .shrink = shrink_slabs, .order = RECLAIM_SLABS};

void slab_register(struct slab_cache *cache)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);
    bool is_first = list_is_empty(&caches);

    list_push_back(&caches, &cache->all);
    spin_unlock_irqrestore(&registry_lock, state);
    if (is_first) {
        shrinker_register(&slab_shrinker);
    }
}

struct slab_cache *slab_next_cache(struct slab_cache *cache)
{
    uint64_t state = spin_lock_irqsave(&registry_lock);
    struct list *node = cache == NULL ? caches.next : cache->all.next;

    spin_unlock_irqrestore(&registry_lock, state);
    return node == &caches ? NULL : list_entry(node, struct slab_cache, all);
}

/* ---- Reaping --------------------------------------------------------------------------------- */

uint64_t slab_reap(void)
{
    uint64_t nr_frames = 0;
    struct slab_cache *cache;

    if (mutex_is_held(&reap_lock)) {
        return 0;
    }
    mutex_lock(&reap_lock);
    atomic_fetch_add_explicit(&slab_reap_count, 1, memory_order_relaxed);
    for (cache = slab_next_cache(NULL); cache != NULL; cache = slab_next_cache(cache)) {
        nr_frames += magazine_flush_hart(cache);
        nr_frames += magazine_flush_depot(cache);
    }
    /* Only now, since magazines are objects themselves, and of a cache that may stand further up. */
    for (cache = slab_next_cache(NULL); cache != NULL; cache = slab_next_cache(cache)) {
        nr_frames += slab_pages_shrink(cache);
    }
    mutex_unlock(&reap_lock);
    return nr_frames;
}

void slab_idle(void)
{
    uint64_t state = port_irq_save();
    _Atomic uint32_t *seen = &idle_seen[port_hart_id()];
    uint32_t now = load_relaxed(&slab_reap_count);

    /* An idle task must not wait for reap_lock; when it is taken, the next time will do. */
    if (unlikely(load_relaxed(seen) != now) && mutex_trylock(&reap_lock)) {
        struct slab_cache *cache;
        store_relaxed(seen, now);
        for (cache = slab_next_cache(NULL); cache != NULL; cache = slab_next_cache(cache)) {
            (void)magazine_flush_hart(cache);
        }
        mutex_unlock(&reap_lock);
    }
    port_irq_restore(state);
}

/* ---- Figures --------------------------------------------------------------------------------- */

static void fill_stats(struct slab_cache *cache, struct slab_stats *stats)
{
    uint64_t nr_resting = magazine_count(cache);
    uint64_t nr_guarded = guard_pool_count(cache);
    uint64_t state = spin_lock_irqsave(&cache->lock);

    *stats = (struct slab_stats){
        .name = cache->name,
        .size_bytes = cache->size_bytes,
        .nr_per_slab = cache->nr_per_slab,
        .nr_pages_per_slab = 1u << cache->slab_order,
        .nr_active = (cache->nr_taken > nr_resting ? cache->nr_taken - nr_resting : 0) + nr_guarded,
        .nr_objects = cache->nr_objects,
        .nr_slabs = cache->nr_slabs,
        .is_reclaimable = (cache->flags & SLAB_RECLAIMABLE) != 0,
    };
    spin_unlock_irqrestore(&cache->lock, state);
}

void slab_for_each(void (*visit)(const struct slab_stats *stats, void *arg), void *arg)
{
    for (unsigned index = 0;; index++) {
        struct slab_cache *cache;
        struct slab_stats stats;
        char name[MAX_NAME_BYTES];

        mutex_lock(&reap_lock);
        cache = slab_next_cache(NULL);
        for (unsigned i = 0; i < index && cache != NULL; i++) {
            cache = slab_next_cache(cache);
        }
        if (cache != NULL) {
            fill_stats(cache, &stats);
            strlcpy(name, cache->name, sizeof(name));
            stats.name = name;
        }
        mutex_unlock(&reap_lock);
        if (cache == NULL) {
            return;
        }
        visit(&stats, arg);
    }
}

void slab_get_stats(struct slab_cache *cache, struct slab_stats *stats)
{
    *stats = (struct slab_stats){.name = cache->name, .size_bytes = cache->size_bytes};
    if (load_acquire(&cache->once.state) == ONCE_DONE) {
        fill_stats(cache, stats);
    }
}

void slab_visit_caches(uint32_t flags, void (*visit)(struct slab_cache *cache, void *arg),
                       void *arg)
{
    mutex_lock(&reap_lock);
    for (struct slab_cache *cache = slab_next_cache(NULL); cache != NULL;
         cache = slab_next_cache(cache)) {
        if (flags == 0 || (cache->flags & flags) != 0) {
            visit(cache, arg);
        }
    }
    mutex_unlock(&reap_lock);
}

/* ---- Caches made at run time ----------------------------------------------------------------- */

struct slab_cache *slab_cache_create(const char *name, uint32_t size_bytes, uint32_t align_bytes,
                                     void (*construct)(void *object))
{
    struct named_cache *named = slab_alloc(&named_caches, ALLOC_WAIT | ALLOC_ZERO);

    if (named == NULL) {
        return NULL;
    }
    strlcpy(named->name, name, sizeof(named->name));
    named->cache = (struct slab_cache)SLAB_CACHE_INIT(named->cache, named->name, size_bytes,
                                                      align_bytes, construct);
    if (slab_ready(&named->cache, ALLOC_WAIT) != 0) {
        slab_free(&named_caches, named);
        return NULL;
    }
    return &named->cache;
}

/* A visitor: name a live object, as far as the count goes. */
static bool report_live(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    unsigned *nr_left = arg;

    const struct owner *allocated, *freed;

    if (!is_free) {
        pr_err("slab: %s: object %p lives", cache->name, object);
        if (slab_is_debugged(cache)) {
            slab_debug_owners(cache, object, &allocated, &freed);
            owner_log(allocated, "allocated");
        }
        (*nr_left)--;
    }
    return *nr_left != 0;
}

static void report_all_live(struct slab_cache *cache, uint64_t nr_alive)
{
    unsigned nr_left = 8;

    pr_err("slab: %s: destroyed with %llu objects alive: kept", cache->name,
           (unsigned long long)nr_alive);
    slab_pages_visit(cache, NULL, report_live, &nr_left);
}

int slab_cache_destroy(struct slab_cache *cache)
{
    uint64_t nr_alive;
    uint64_t state;

    mutex_lock(&reap_lock);
    magazine_teardown(cache);
    (void)slab_pages_shrink(cache);
    nr_alive = cache->nr_taken + guard_pool_count(cache);
    if (nr_alive != 0) {
        mutex_unlock(&reap_lock);
        report_all_live(cache, nr_alive);
        return -EBUSY;
    }
    state = spin_lock_irqsave(&registry_lock);
    list_remove(&cache->all);
    spin_unlock_irqrestore(&registry_lock, state);
    mutex_unlock(&reap_lock);
    guard_pool_forget(cache);
    depot_release(cache);
    slab_free(&named_caches, container_of(cache, struct named_cache, cache));
    return 0;
}
