// SPDX-License-Identifier: MIT
/* What the parts of the slab allocator share: slab.c (interface), magazine.c (harts), depot.c
 * (the depot), slab_pages.c (slabs), slab_registry.c (all caches: figures, reaping, creation). */
#ifndef CAIRN_MM_SLAB_INTERNAL_H
#define CAIRN_MM_SLAB_INTERNAL_H

#include "kernel/base/atomic.h"
#include "mm/frames_internal.h"
#include "mm/sanitize.h"
#include "mm/slab.h"
#include "mm/slab_inspect.h"

#define SLAB_MAX_SIZE       32768u /* of an object */
#define SLAB_MAX_ORDER      6u     /* of a slab */
#define SLAB_WANTED_OBJECTS 4u     /* in a slab, if SLAB_MAX_ORDER allows it */
#define SLAB_KEPT_WHOLE     4u     /* slabs without a used object that a cache keeps */
#define MAGAZINE_MAX_ROUNDS 1022u

struct magazine {
    uint32_t nr;     /* [hart; or whoever took it from the depot] not kept while it is loaded */
    uint32_t nr_max; /* [I] */
    uint32_t class;  /* [I] its size: depot.c */
    void *objects[]; /* [as nr] the hottest last */
};

/* An object gets an owner, or loses it: a sanitizer is told. A free object of a type-stable cache may
 * still be looked at. */
#define slab_allow(cache, object, len_bytes)            \
    do {                                                \
        if (((cache)->flags & SLAB_TYPE_STABLE) == 0) { \
            sanitize_give((object), (len_bytes));       \
        }                                               \
    } while (0)
#define slab_forbid(cache, object, len_bytes)           \
    do {                                                \
        if (((cache)->flags & SLAB_TYPE_STABLE) == 0) { \
            sanitize_take((object), (len_bytes));       \
        }                                               \
    } while (0)

/* ---- slab_pages.c ---------------------------------------------------------------------------- */

/** Fix stride, slab order and colours. Returns 0, or -EINVAL for sizes and alignments that can't
 *  be. */
int must_check slab_pages_plan(struct slab_cache *cache);

/** Up to nr free objects from existing slabs. Returns how many. Context: any; takes cache->lock. */
unsigned must_check slab_pages_take(struct slab_cache *cache, void **objects, unsigned nr);

/** Put objects back into their slabs; wrong ones are reported and left alone. Returns the frames
 *  that this freed.
 *  Context: any; takes cache->lock. */
uint64_t slab_pages_put(struct slab_cache *cache, void *const *objects, unsigned nr);

/** Add a slab. Context: may sleep with ALLOC_WAIT; no lock held. */
bool must_check slab_pages_grow(struct slab_cache *cache, enum alloc_flags flags);

/** Free all slabs without a used object. Returns their frames. */
uint64_t slab_pages_shrink(struct slab_cache *cache);

void slab_pages_check(struct slab_cache *cache);

/* ---- magazine.c ------------------------------------------------------------------------------ */

/** Prepare a planned cache's harts and its depot. Returns 0 or -ENOMEM. */
int must_check magazine_setup(struct slab_cache *cache);

/** From the hart's two magazines, or into them. Caller: interrupts off; the cache need not be
 *  initialised. Returns NULL or false when there is no object or no room, or a reap to obey. */
void *must_check magazine_alloc_near(struct slab_cache *cache);
bool must_check magazine_free_near(struct slab_cache *cache, void *object);

/** The way beyond them. Caller: interrupts off. Returns an object, or NULL when no slab has one. */
void *must_check magazine_alloc(struct slab_cache *cache);
void magazine_free(struct slab_cache *cache, void *object);

/** Empty this hart's magazines, or the depot. Returns the frames that this freed. Context: any. */
uint64_t magazine_flush_hart(struct slab_cache *cache);
uint64_t magazine_flush_depot(struct slab_cache *cache);

/** Empty all harts and the depot, and free the magazines: nobody else uses the cache. It can be
 *  used on. */
void magazine_teardown(struct slab_cache *cache);

/** Objects resting in magazines. Exact when nobody allocates or frees meanwhile. */
uint64_t magazine_count(struct slab_cache *cache);

/** Whether a magazine of this hart has the object, which is then free. Caller: interrupts off. */
bool magazine_has(struct slab_cache *cache, const void *object);

/* ---- depot.c: interrupts off for all but the last two --------------------------------------------- */

/** Choose the size of magazines for a planned cache, and set its rings up. Returns 0 or -ENOMEM. */
int must_check depot_setup(struct slab_cache *cache);

/** An empty magazine, one that lay here or a new one; NULL without memory. */
struct magazine *must_check depot_get_empty(struct slab_cache *cache);

/** Keep an empty magazine, or free it: one of another size than new ones have is not kept. */
void depot_put_empty(struct slab_cache *cache, struct magazine *magazine);

/** Free an empty magazine. */
void depot_discard(struct magazine *magazine);

/** A full magazine, or NULL when none lies here. */
struct magazine *must_check depot_get_full(struct slab_cache *cache);

/** Keep a full magazine, or give its objects to the slabs when there is no room for it. */
void depot_put_full(struct slab_cache *cache, struct magazine *magazine);

/** Give all objects of a magazine to the slabs. Returns the frames that this freed. */
uint64_t depot_unload(struct slab_cache *cache, struct magazine *magazine);

/** A hart has come for a full magazine, or with one: if it comes too often, magazines grow. */
void depot_note_visit(struct slab_cache *cache, struct slab_hart *hart);

/** Empty the depot, and make the next magazines small. Returns the frames that this freed. Context: any. */
uint64_t depot_flush(struct slab_cache *cache);

/** Free the memory of the rings, which are empty. The cache can't be used any more. */
void depot_release(struct slab_cache *cache);

/* ---- slab.c, slab_registry.c ----------------------------------------------------------------- */

/** What slab_alloc() and slab_free() come to when the loaded magazine does not serve. */
void *must_check slab_alloc_slow(struct slab_cache *cache, enum alloc_flags flags);
void slab_free_slow(struct slab_cache *cache, void *object);

/** Zero a fresh object. Returns it. */
void *slab_zero_object(const struct slab_cache *cache, void *object);

/** In debug builds: what an object's slab and this hart's magazines know about it. Returns whether
 *  it may be freed; otherwise that has been reported. */
bool must_check slab_may_free(struct slab_cache *cache, const void *object, const void *caller);

/** Initialise a cache unless it is. Returns 0, -ENOMEM or -EINVAL. Context: as flags say. */
int must_check slab_ready(struct slab_cache *cache, enum alloc_flags flags);

/** Put an initialised cache on the list of all. Context: any. */
void slab_register(struct slab_cache *cache);

/** Counts the reaps that were asked for; harts compare it with their reap_seen. */
extern _Atomic uint32_t slab_reap_count; /* [a] */

#endif
