// SPDX-License-Identifier: MIT
/* What the debugging tools of mm/debug ask of slabs; implemented by slab_pages.c and
 * slab_registry.c. */
#ifndef CAIRN_MM_SLAB_INSPECT_H
#define CAIRN_MM_SLAB_INSPECT_H

#include "mm/slab.h"

struct page;

/* Why an object can't go back to its slab. */
enum slab_verdict { SLAB_OK, SLAB_FOREIGN, SLAB_NOT_FIRST, SLAB_DOUBLE };

/** What is wrong with freeing this object, as far as its slab knows. Context: any; takes
 *  cache->lock. */
enum slab_verdict slab_pages_judge(struct slab_cache *cache, const void *object);

/** A line of the log. @caller: who freed it, NULL: not known any more. */
void slab_report(const struct slab_cache *cache, const void *object, enum slab_verdict verdict,
                 const void *caller);

/** @is_free: what the slab's map says. Runs under cache->lock. Returns whether to go on. */
typedef bool (*slab_visitor)(struct slab_cache *cache, void *object, bool is_free, void *arg);

/** Call visit for every object of the slab that holds `object`, or, when that is NULL, of all slabs
 *  of an initialised cache. Context: any; takes cache->lock. */
void slab_pages_visit(struct slab_cache *cache, const void *object, slab_visitor visit, void *arg);

/** Call visit for every initialised cache that has one of the flags, with 0 for every one. No cache
 *  goes away meanwhile. Context: may sleep; visit must not allocate. */
void slab_visit_caches(uint32_t flags, void (*visit)(struct slab_cache *cache, void *arg),
                       void *arg);

/** The cache after this one (NULL: the first), or NULL. Context: no cache goes away meanwhile. */
struct slab_cache *slab_next_cache(struct slab_cache *cache);

/** The cache whose slab an address lies in. Caller: it does. */
struct slab_cache *slab_cache_at(const void *address);

/** The start of the live or free object that an address points into, whose cache goes to *cache;
 *  NULL when it points into none. Only the address is believed. Context: any. */
void *slab_object_at(const void *address, struct slab_cache **cache);

/** The same, also for the bytes behind an object and before the next. Context: any. */
void *slab_object_near(const void *address, struct slab_cache **cache);

#endif
