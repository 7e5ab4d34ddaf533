// SPDX-License-Identifier: MIT
/* Many objects at once, and objects put by for later.
 *
 * Bulk calls move objects between the caller's array and the hart's loaded magazine for as long as that
 * serves, with interrupts off once for all of them; where it runs out or over, one object goes the
 * ordinary way, which brings another magazine, and the next run begins.
 *
 * A reserve is for sections that must not fail: in the middle of changing a structure, say, under a
 * spinlock, where a NULL could be answered neither by waiting nor by going back. The objects are taken
 * before, where both is possible; taking them out is a pop and can't fail; what was not needed goes back
 * afterwards. A reserve belongs to one task, so it has no lock.
 *
 * Locks: none; interrupts off for the hart's magazine. */
#include "kernel/abi/errno.h"
#include "kernel/base/assert.h"
#include "mm/slab_fast.h"

/* Objects of the loaded magazine. Returns how many. */
static unsigned pop_many(struct slab_cache *cache, void **objects, unsigned nr)
{
    uint64_t state = port_irq_save();
    struct slab_hart *hart = slab_this_hart(cache);
    void **top = load_relaxed(&hart->loaded.top);
    unsigned taken = 0;

    while (taken < nr && top != load_relaxed(&hart->loaded.bottom)) {
        objects[taken++] = *--top;
    }
    store_relaxed(&hart->loaded.top, top);
    port_irq_restore(state);
    for (unsigned i = 0; i < taken; i++) {
        slab_allow(cache, objects[i], cache->size_bytes);
    }
    return taken;
}

/* Whether a free has nothing to check and nothing to look up. */
static inline bool is_plain_free(const void *object)
{
#if defined(CAIRN_DEBUG) || defined(CAIRN_KASAN)
    (void)object;
    return false; /* each is checked by slab_free() */
#else
    return is_direct_pointer(object);
#endif
}

/* The last of the objects into the loaded magazine. Returns how many. */
static unsigned push_many(struct slab_cache *cache, void *const *objects, unsigned nr)
{
    uint64_t state = port_irq_save();
    struct slab_hart *hart = slab_this_hart(cache);
    void **top = load_relaxed(&hart->loaded.top);
    unsigned given = 0;

    while (given < nr && top != hart->loaded.end && is_plain_free(objects[nr - 1 - given])) {
        void *object = objects[nr - 1 - given++];
        slab_forbid(cache, object, cache->size_bytes);
        *top++ = object;
    }
    store_relaxed(&hart->loaded.top, top);
    port_irq_restore(state);
    return given;
}

unsigned slab_alloc_bulk(struct slab_cache *cache, void **objects, unsigned nr,
                         enum alloc_flags flags)
{
    enum alloc_flags plain = flags & ~(unsigned)ALLOC_ZERO;
    unsigned taken = 0;

    while (taken < nr) {
        void *object = slab_alloc(cache, plain);
        if (object == NULL) {
            break;
        }
        objects[taken++] = object;
        taken += pop_many(cache, objects + taken, nr - taken);
    }
    for (unsigned i = 0; (flags & ALLOC_ZERO) != 0 && i < taken; i++) {
        (void)slab_zero_object(cache, objects[i]);
    }
    return taken;
}

void slab_free_bulk(struct slab_cache *cache, void *const *objects, unsigned nr)
{
    while (nr != 0) {
        nr -= push_many(cache, objects, nr);
        if (nr != 0) {
            slab_free(cache, objects[--nr]);
        }
    }
}

/* ---- Reserves -------------------------------------------------------------------------------- */

int slab_reserve_fill(struct slab_reserve *reserve, struct slab_cache *cache, unsigned nr,
                      enum alloc_flags flags)
{
    if (nr > SLAB_RESERVE_MAX) {
        return -EINVAL;
    }
    reserve->cache = cache;
    reserve->nr = slab_alloc_bulk(cache, reserve->objects, nr, flags);
    if (reserve->nr < nr) {
        slab_reserve_drop(reserve);
        return -ENOMEM;
    }
    return 0;
}

void *slab_reserve_take(struct slab_reserve *reserve)
{
    assert(reserve->nr != 0); /* more were taken than put by */
    return reserve->objects[--reserve->nr];
}

void slab_reserve_drop(struct slab_reserve *reserve)
{
    slab_free_bulk(reserve->cache, reserve->objects, reserve->nr);
    reserve->nr = 0;
}
