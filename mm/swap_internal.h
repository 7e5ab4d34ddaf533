// SPDX-License-Identifier: MIT
/* What the files of swapping share. */
#ifndef CAIRN_MM_SWAP_INTERNAL_H
#define CAIRN_MM_SWAP_INTERNAL_H

#include "kernel/sync/spinlock.h"
#include "kernel/sync/waitq.h"
#include "mm/swap.h"

#define SLOT_WRITING 0x80000000u /* its page is on the way to the store */
#define SLOT_BAD     0x40000000u /* never to be used (again) */
#define SLOT_ENTRIES 0x3fffffffu /* page-table entries that name it */

struct swap_slot {
    struct page *page; /* [area->lock] in the swap cache; a reference; or NULL */
    uint32_t state;    /* [area->lock] SLOT_* */
};

struct swap_area {
    struct spinlock lock;      /* LOCK_RANK_SWAP, interrupts off */
    struct swap_store *store;  /* [lock] NULL: not in use */
    struct swap_slot *slots;   /* [lock] */
    uint64_t *used_bits;       /* [lock] a bit a slot */
    uint64_t nr_slots;         /* [lock] */
    uint64_t nr_usable;        /* [lock] without header and bad ones */
    uint64_t nr_used;          /* [lock] of them */
    uint64_t nr_held;          /* [lock] not of them: bad ones whose page is in the cache */
    uint64_t nr_writing;       /* [lock] of them */
    uint64_t next;             /* [lock] where the search for a free one goes on */
    int priority;              /* [I] while in use */
    bool is_leaving;           /* [lock] nothing more may be put here */
    bool is_file;              /* [I] while in use */
    char name[SWAP_NAME_SIZE]; /* [I] while in use */
};

/* A slot's number: of the area, and in the area. */
#define SLOT_INDEX_BITS 40u

static inline uint64_t slot_make(unsigned area_number, uint64_t index)
{
    return (uint64_t)area_number << SLOT_INDEX_BITS | index;
}

static inline unsigned slot_area_number(uint64_t slot)
{
    return (unsigned)(slot >> SLOT_INDEX_BITS);
}

static inline uint64_t slot_index(uint64_t slot)
{
    return slot & ((1ull << SLOT_INDEX_BITS) - 1);
}

/* ---- swap_area.c ----------------------------------------------------------------------------- */

/** Areas that ever were in use: 0 .. this - 1 have a lock. */
unsigned swap_nr_known(void);
struct swap_area *swap_area_of(unsigned number);

/** Whether there is anything to put pages into. Context: any. */
bool swap_has_room(void);

/** Change the sums over all areas that are not leaving. Context: any. */
void swap_count_slots(int64_t total, int64_t free);

/* ---- swap.c: slots and the swap cache -------------------------------------------------------- */

/** Pages in the cache. Context: any. */
uint64_t swap_cache_count(void);

/** Give an anonymous page, which the caller has locked and has a reference to, a slot, and so put
 *  it into the cache, dirty. Returns false when there is none. */
bool must_check swap_cache_add(struct page *page);

/** A cached page by its slot, with a reference, or NULL. *is_used: whether an entry names it. */
struct page *must_check swap_cache_find(uint64_t slot, bool *is_used);

/** Put a fresh locked page into the cache for a slot whose content is about to be read. Returns
 *  -EAGAIN when another was faster, or no entry names the slot any more. */
int must_check swap_cache_insert(uint64_t slot, struct page *page);

/** Any page of the machine, of which nothing is known: take a reference if it is in the cache. */
bool must_check swap_cache_hold(struct page *page);

/** Take a page out of the cache, because it is clean, unless somebody besides the cache and the caller
 *  has it; or because it could not be read, in any case. Returns whether that was done; the caller's
 *  reference stays. */
bool must_check swap_cache_remove(struct page *page, bool even_if_used);

/** Keep the slot of a cached page as one more entry would, until swap_slot_put(*slot). Returns false when the page is
 *  cached no more. Caller: a reference to the page. Context: any task. */
bool must_check swap_cache_pin(struct page *page, uint64_t *slot);

/** Give up the cached pages of an area that are in nobody's page tables: whoever had them is gone, and reclaim has not
 *  come by. The area is being given up: its slots stay. Context: may sleep. */
void swap_cache_drop_unused(unsigned area_number);

enum swap_claim {
    SWAP_GONE,   /* the slot has another page by now */
    SWAP_SHARED, /* the entry may map the page, read-only */
    SWAP_ALONE,  /* it is the only one that will: also for writing */
};

/** The caller, under his page-table lock, replaces an entry that names the slot by one that maps the
 *  page, which he has a reference to. */
enum swap_claim must_check swap_cache_claim(uint64_t slot, struct page *page);

/** A write of a cached page begins, if nobody but the cache and the caller has it: the caller passes
 *  his reference on. Returns whether, and the slot's number. */
bool must_check swap_cache_begin_write(struct page *page, uint64_t *number);
/** It has ended. Returns whether the page was given up, being of no use in memory any more. */
bool swap_cache_end_write(unsigned area_number, uint64_t index, struct page *page, int error);

/** Walk an area's slots and compare with its sums. Context: nobody writes to it meanwhile. */
void swap_area_check(unsigned number);

/* ---- swap_out.c ------------------------------------------------------------------------------ */

struct swap_io *swap_io_take(unsigned area_number, bool is_write);
void swap_io_give(struct swap_io *io);
/** Hand it to the store. */
void swap_io_start(struct swap_io *io);

/** Register the shrinkers: when the first area is added. */
void swap_out_start(void);

/** The pages of a write have arrived, or not. */
void swap_out_done(struct swap_io *io, int error);

/* ---- swap_in.c ------------------------------------------------------------------------------- */

/** Bring back every page that lies in an area. Returns 0, -ENOMEM, -EIO, -EINTR. */
int must_check swap_in_all(unsigned area_number, bool (*is_interrupted)(void));

#endif
