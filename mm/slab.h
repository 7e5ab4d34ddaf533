// SPDX-License-Identifier: MIT
/* Slab caches: objects of one type, allocated and freed in a few dozen instructions. The theory
 * stands in slab.c. A cache is a static that initialises itself on first use:
 *
 *     SLAB_CACHE(inode_cache, struct inode, inode_construct);
 *     struct inode *inode = slab_alloc(&inode_cache, ALLOC_KERNEL); */
#ifndef CAIRN_MM_SLAB_H
#define CAIRN_MM_SLAB_H

#include "kernel/base/list.h"
#include "kernel/base/once.h"
#include "kernel/base/ring.h"
#include "kernel/sync/spinlock.h"
#include "mm/alloc_flags.h"

struct magazine;

/* A magazine that a hart uses. All zero is none: it holds nothing and has room for nothing. */
struct slab_rounds {
    void **_Atomic top;    /* [hart] behind its hottest object; other harts count */
    void **_Atomic bottom; /* [hart] where top is when it is empty */
    void **end;            /* [hart] where top is when it is full */
};

/* A hart's two magazines of a cache, in a cache line of its own. It is all zero in a cache that has never
 * been used. */
struct slab_hart {
    _Alignas(64) struct slab_rounds loaded;
    struct slab_rounds previous;
    uint64_t exchanges_since_ns; /* [hart] when it began to count them */
    uint32_t nr_exchanges;       /* [hart] visits to the depot */
    uint32_t reap_seen;          /* [hart] the last reap that it has obeyed */
};

enum slab_flags {
    SLAB_PLAIN = 1u << 0,       /* no magazines: for the objects that magazines are made of, and for
                                 * debugged caches, all of whose operations take the slow path */
    SLAB_TYPE_STABLE = 1u << 1, /* slabs are never given back: a freed object stays one of this type
                                 * for ever, in its constructed state, and may be looked at */
    SLAB_RECLAIMABLE = 1u << 2, /* a shrinker gives its objects up when memory is short */
    /* What slab_debug= asked for: mm/debug/slab_debug.c. Debugged caches are SLAB_PLAIN. */
    SLAB_DEBUG_CHECKS = 1u << 8,  /* F: wrong frees are found at the call */
    SLAB_DEBUG_REDZONE = 1u << 9, /* Z: bytes around each object that nobody may write */
    SLAB_DEBUG_POISON = 1u << 10, /* P: free objects have a pattern that nobody may write */
    SLAB_DEBUG_OWNER = 1u << 11,  /* U: every live object knows who took it */
    SLAB_DEBUG_ANY = 0xfu << 8,
};

struct slab_cache {
    const char *name;                /* [I] */
    uint32_t size_bytes;             /* [I] of an object as the caller sees it */
    uint32_t align_bytes;            /* [I] */
    void (*construct)(void *object); /* [I] run once for each object when its slab is made, or NULL;
                                      *     a freed object must be in its constructed state again */
    void (*destruct)(
        void *object);     /* [I] run once for each object before its slab is given back, or
                                      *     NULL; must not sleep */
    struct once once;      /* guards all below it */
    uint8_t frame_tag;     /* [I] the tag of its frames: kmalloc.c; 0: none */
    uint32_t flags;        /* [once] enum slab_flags */
    uint32_t stride_bytes; /* [once] from object to object */
    uint32_t slab_order;   /* [once] log2 of the frames of a slab */
    uint32_t nr_per_slab;  /* [once] */
    _Atomic uint32_t magazine_class;  /* [a] which size of magazines it uses: adapts */
    uint32_t max_magazine_class;      /* [once] its bound */
    uint32_t colour_step_bytes;       /* [once] slabs begin at multiples of this, in turn */
    struct slab_depot *depot;         /* [once] the cells of the two rings */
    struct slab_annex *_Atomic annex; /* [a] a third ring, or NULL: depot.c */
    _Atomic uint64_t nr_in_depot;     /* [a] objects in full magazines there */
    struct ring full;                 /* the depot: full magazines */
    struct ring empty;                /* the depot: empty magazines */
    struct spinlock lock;
    struct list partial;  /* [lock] slabs with free and used objects */
    struct list whole;    /* [lock] slabs with no used object */
    struct list used_up;  /* [lock] slabs with no free object */
    uint64_t nr_slabs;    /* [lock] */
    uint64_t nr_whole;    /* [lock] length of whole */
    uint64_t nr_objects;  /* [lock] in all slabs */
    uint64_t nr_taken;    /* [lock] of them, in magazines or with callers */
    uint32_t next_colour; /* [lock] */
    struct list all;      /* [registry lock] every cache, for /proc/slabinfo and reaping */
    struct slab_hart harts[MAX_HARTS];
};

/* clang-format off */
#define SLAB_CACHE_INIT(cache, cache_name, object_size, object_align, object_construct)          \
    {.name = (cache_name), .size_bytes = (object_size), .align_bytes = (object_align),            \
     .construct = (object_construct), .once = ONCE_INIT(cache_name, ONCE_RETRY)}
/* All static caches stand side by side, so that a name can be told from a typing error. */
#define SLAB_CACHES __attribute__((section("slab_caches")))
#define SLAB_CACHE(cache, type, object_construct)                                                \
    static struct slab_cache cache SLAB_CACHES =                                                 \
        SLAB_CACHE_INIT(cache, #cache, sizeof(type), _Alignof(type), object_construct)
/* For types that a shrinker gives up: /proc/meminfo counts them as memory that can be had back. */
#define SLAB_CACHE_RECLAIMABLE(cache, type, object_construct)                                    \
    static struct slab_cache cache SLAB_CACHES = {                                               \
        .name = #cache, .size_bytes = sizeof(type), .align_bytes = _Alignof(type),               \
        .construct = (object_construct), .once = ONCE_INIT(#cache, ONCE_RETRY),                  \
        .flags = SLAB_RECLAIMABLE}
/* For types whose objects are found through pointers that may be stale (see SLAB_TYPE_STABLE). */
#define SLAB_CACHE_TYPE_STABLE(cache, type, object_construct)                                    \
    static struct slab_cache cache SLAB_CACHES = {                                               \
        .name = #cache, .size_bytes = sizeof(type), .align_bytes = _Alignof(type),               \
        .construct = (object_construct), .once = ONCE_INIT(#cache, ONCE_RETRY),                  \
        .flags = SLAB_TYPE_STABLE}
/* A cache and functions typed for it: SLAB_CACHE_TYPED(inodes, struct inode, construct, destruct) gives
 * struct inode *inodes_alloc(flags) and inodes_free(inode). */
#define SLAB_CACHE_TYPED(cache, type, object_construct, object_destruct)                         \
    static struct slab_cache cache SLAB_CACHES = {                                               \
        .name = #cache, .size_bytes = sizeof(type), .align_bytes = _Alignof(type),               \
        .construct = (object_construct), .destruct = (object_destruct),                          \
        .once = ONCE_INIT(#cache, ONCE_RETRY)};                                                  \
    static inline type *must_check cache##_alloc(enum alloc_flags flags)                         \
    {                                                                                            \
        return slab_alloc(&cache, flags);                                                        \
    }                                                                                            \
    static inline void cache##_free(type *object)                                                \
    {                                                                                            \
        slab_free(&cache, object);                                                               \
    }
/* clang-format on */

/** Returns an object (zeroed with ALLOC_ZERO, only for caches without a constructor), or NULL.
 *  Context: any; may sleep only with ALLOC_WAIT. */
void *must_check slab_alloc(struct slab_cache *cache, enum alloc_flags flags);

/** Give an object back to its cache; NULL is ignored. Context: any. */
void slab_free(struct slab_cache *cache, void *object);

/** Up to nr objects at once. Returns how many: fewer when memory is short. Context: as slab_alloc().
 *  slab_bulk.c */
unsigned must_check slab_alloc_bulk(struct slab_cache *cache, void **objects, unsigned nr,
                                    enum alloc_flags flags);

/** Give nr objects back. Context: any. */
void slab_free_bulk(struct slab_cache *cache, void *const *objects, unsigned nr);

#define SLAB_RESERVE_MAX 16u

/* Objects put by for a section that must not fail. */
struct slab_reserve {
    struct slab_cache *cache;
    unsigned nr;
    void *objects[SLAB_RESERVE_MAX];
};

/** Put nr objects by; the reserve needs no preparation. Returns 0, -ENOMEM (and nothing is put by), or
 *  -EINVAL for more than SLAB_RESERVE_MAX. Context: as slab_alloc(). */
int must_check slab_reserve_fill(struct slab_reserve *reserve, struct slab_cache *cache,
                                 unsigned nr, enum alloc_flags flags);

/** One of them, never NULL: to take more than were put by is a panic. Context: any. */
void *must_check slab_reserve_take(struct slab_reserve *reserve);

/** Give back what is left. Context: any. */
void slab_reserve_drop(struct slab_reserve *reserve);

/** Make a cache at run time, for names and sizes not known at compile time. Returns it or NULL.
 *  Context: may sleep. */
struct slab_cache *must_check slab_cache_create(const char *name, uint32_t size_bytes,
                                                uint32_t align_bytes,
                                                void (*construct)(void *object));

/** Destroy a cache made by slab_cache_create. Returns 0, or -EBUSY and a report that names the first
 *  objects that still live; the cache then stays. */
int must_check slab_cache_destroy(struct slab_cache *cache);

/** The cache that a live object belongs to, or NULL when the pointer is none of ours. */
struct slab_cache *slab_cache_of(const void *object);

struct slab_stats {
    const char *name;
    uint32_t size_bytes;
    uint32_t nr_per_slab;
    uint32_t nr_pages_per_slab;
    uint64_t nr_active;  /* objects in use by callers (not those resting in magazines) */
    uint64_t nr_objects; /* in all slabs */
    uint64_t nr_slabs;
    bool is_reclaimable;
};

/** The figures of one cache; nr_active is exact while nobody allocates or frees. Context: any. */
void slab_get_stats(struct slab_cache *cache, struct slab_stats *stats);

/** Call visit for every initialised cache, in order of first use. Context: may sleep. */
void slab_for_each(void (*visit)(const struct slab_stats *stats, void *arg), void *arg);

/** Empty the depots and this hart's magazines and free slabs with no used object; the other harts
 *  empty theirs when they next exchange a magazine or are idle. Returns the frames given back.
 *  Context: may sleep. */
uint64_t slab_reap(void);

/** An idle hart has nothing to keep objects for: obey reaps that were asked for meanwhile. Called
 *  by the idle loop before it waits for an interrupt; cheap when there was none. Context: any. */
void slab_idle(void);

/** Walk a cache's slabs and counts; panics on damage. For tests and debug builds. */
void slab_check(struct slab_cache *cache);

#endif
