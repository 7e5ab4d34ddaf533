// SPDX-License-Identifier: MIT
/* Debugged slab caches: redzones, poison, owners, and checks at the call (kernel argument
 * slab_debug=). The theory stands in slab_debug.c.
 *
 * The slab allocator asks here in its slow paths only. A cache that is not debugged pays one look
 * at cache->flags there, and nothing in its fast paths. */
#ifndef CAIRN_MM_DEBUG_SLAB_DEBUG_H
#define CAIRN_MM_DEBUG_SLAB_DEBUG_H

#include "mm/debug/owner.h"
#include "mm/slab.h"

/* ---- What the user asked for: slab_options.c -------------------------------------------------- */

/** Take the value of the kernel argument slab_debug=: OPTIONS[,CACHE…][;OPTIONS[,CACHE…]…]. The
 *  options are letters: F checks, Z redzones, P poison, U owners, - none; none at all means FZPU.
 *  A cache is a name, which may end in '*'; no cache means all. Unknown letters and caches are
 *  named in the log. Context: boot, before the first cache is used. */
void slab_debug_configure(const char *argument);

/** All caches keep owners from now on, besides what they are asked: for the leak search.
 *  Context: boot, before the first cache is used. */
void slab_debug_track_all(void);

/** The SLAB_DEBUG_ flags of a cache by its name. */
uint32_t slab_debug_flags_for(const char *name);

/* ---- What the slab allocator asks: slab_debug.c ----------------------------------------------- */

static inline bool slab_is_debugged(const struct slab_cache *cache)
{
    return unlikely((cache->flags & SLAB_DEBUG_ANY) != 0);
}

/** Choose the cache's flags and how far apart its objects stand. Returns that.
 *  @align_bytes: a power of two. */
uint32_t slab_debug_plan(struct slab_cache *cache, uint32_t align_bytes);

/** Bytes before a slab's first object that are not colour. */
uint32_t slab_debug_lead(const struct slab_cache *cache);

/** An object of a new slab: free. Takes the constructor's place. */
void slab_debug_format(struct slab_cache *cache, void *object);

/** An object leaves its slab for a caller: check that nobody touched it while it was free, and
 *  write down who takes it. */
void slab_debug_alloc(struct slab_cache *cache, void *object);

/** An object comes back. Returns whether it may go to its slab; otherwise the mistake has been
 *  reported. Context: any; takes cache->lock. */
bool must_check slab_debug_free(struct slab_cache *cache, void *object);

/** What is known of an object of a debugged cache: who allocated it, who freed it last. */
void slab_debug_owners(const struct slab_cache *cache, const void *object,
                       const struct owner **allocated, const struct owner **freed);

/** Whether the object's own record says that a caller has it. */
bool slab_debug_is_live(const struct slab_cache *cache, const void *object);

/** Check redzones and poison of every object of every debugged cache now, and report. Returns the
 *  objects that are damaged. Context: may sleep. */
unsigned slab_debug_check_all(void);

/** The leak search's mark in an object's record: see leak_scan.c. */
void **slab_debug_mark(const struct slab_cache *cache, const void *object);

/** And back: the object whose mark this is. */
void *slab_debug_of_mark(void **mark, struct slab_cache **cache);

/* ---- Kinds of flags --------------------------------------------------------------------------- */

/** The letters of a cache's flags, "FZPU", into a buffer of 8. */
void slab_debug_letters(uint32_t flags, char letters[8]);

#endif
