// SPDX-License-Identifier: MIT
/* The leak search: which live objects does nobody point to any more? On with the kernel argument
 * kmemleak=on. The theory stands in leak_scan.c. */
#ifndef CAIRN_MM_DEBUG_LEAK_H
#define CAIRN_MM_DEBUG_LEAK_H

#include "mm/debug/owner.h"

/** Track owners from now on. Context: boot, before the first cache is used. */
void leak_enable(void);

extern bool leak_search_is_on; /* [I] after boot */

/** A block that is no slab's has been allocated: note who has it, if anybody will ask. */
static inline void leak_track(struct owner *owner)
{
    if (unlikely(leak_search_is_on)) {
        owner_record(owner);
    }
}

/* What the search needs of the layers above. */
struct leak_world {
    /** Stop all other harts, with what they work on in memory; run fn(arg), interrupts off; let
     *  them go on. Returns 0, or -EBUSY when one does not stop. Context: may sleep. */
    int (*stop_and_call)(void (*fn)(void *arg), void *arg);
    /** Call visit for all memory that is the kernel's and no object: data, live parts of stacks.
     *  All harts are stopped. */
    void (*visit_roots)(void (*visit)(const void *start, const void *end));
};

/** Context: boot. */
void leak_set_world(const struct leak_world *world);

/* ---- For /proc/kmemleak ----------------------------------------------------------------------- */

/** Search. What was found is kept until the next scan. Returns how many, -EOPNOTSUPP when the search
 *  is off, or -EBUSY. Context: may sleep; the machine stands still for some milliseconds. */
int must_check leak_scan(void);

/** Search, and never report again what is unreferenced now. Returns as leak_scan(). */
int must_check leak_clear(void);

#define LEAK_NAME_BYTES 24

struct leak {
    uint64_t address;
    uint64_t size_bytes;
    char name[LEAK_NAME_BYTES]; /* the cache; "kmalloc-large", "vmalloc", "stack" */
    struct owner owner;
};

/** The index-th leak that the last scan found; false: no more (or more than are kept). */
bool leak_get(unsigned index, struct leak *leak);

/** How many the last scan found, kept or not; and how long it took, -1: there was none yet. */
unsigned leak_count(void);
int64_t leak_scan_ns(void);

#endif
