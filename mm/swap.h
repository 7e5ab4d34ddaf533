// SPDX-License-Identifier: MIT
/* Swap space: where pages of processes go when memory is short, and come back from. Theory in
 * swap.c.
 *
 * mm knows nothing of disks: whoever offers room for pages embeds a `struct swap_store` and fills
 * its operations (fs/swap). */
#ifndef CAIRN_MM_SWAP_H
#define CAIRN_MM_SWAP_H

#include "kernel/base/types.h"
#include "mm/alloc_flags.h"
#include "mm/page.h"

#define SWAP_MAX_AREAS 8u
#define SWAP_CLUSTER   32u /* pages that are written together */
#define SWAP_NAME_SIZE 128u

struct area;
struct space;
struct swap_round;

struct swap_io { /* pages on their way, to or from consecutive slots */
    bool is_write;
    uint64_t index;                   /* of the first slot, in its area */
    unsigned nr;                      /* 1 .. SWAP_CLUSTER */
    struct page *pages[SWAP_CLUSTER]; /* one a slot */
    _Atomic unsigned nr_parts;        /* [a] the store's own: requests that it made of this */
    _Atomic int error;                /* [a] the store's own: the first that failed */
    unsigned area_number;             /* [swap] */
    struct swap_round *round;         /* [swap] of a write: who waits for it */
    _Atomic bool is_done;             /* [swap] of a read */
    bool is_taken;                    /* [swap] [io_lock] */
};

struct swap_store;

struct swap_store_ops {
    /** Read or write the pages of io. Ends in one swap_io_done(), from any context. Waits for no
     *  memory that reclaim would have to find: reclaim is who calls. Context: may sleep. */
    void (*start)(struct swap_store *store, struct swap_io *io);
    /** The area is given up. Context: may sleep. */
    void (*release)(struct swap_store *store);
};

struct swap_store {
    const struct swap_store_ops *ops; /* [I] */
};

void swap_io_done(struct swap_io *io, int error);

/* ---- Areas ----------------------------------------------------------------------------------- */

struct swap_setup {
    struct swap_store *store;
    const char *name;    /* for /proc/swaps, and to find it again */
    bool is_file;        /* for /proc/swaps */
    uint64_t nr_pages;   /* slots, with the first, which holds the header */
    const uint32_t *bad; /* slots that are not to be used */
    unsigned nr_bad;
    int priority; /* higher is filled first; negative: behind all that were added before */
};

/** Begin to use a store as swap space; it belongs to the area then. Returns 0, -ENOMEM, or -EPERM
 *  when there are SWAP_MAX_AREAS. Context: may sleep. */
int must_check swap_area_add(const struct swap_setup *setup);

/** Whether a store is the one that is looked for. It is in use, and stays so while this runs;
 *  must not sleep. */
typedef bool (*swap_store_matcher)(struct swap_store *store, const void *arg);

/** Whether an area has such a store. Context: may sleep. */
bool must_check swap_area_has(swap_store_matcher matches, const void *arg);

/** Bring back everything that lies in the area of such a store, and give it up. is_interrupted is
 *  asked now and then. Returns 0, -EINVAL when no area has one, -EBUSY while another removes it,
 *  -ENOMEM when it does not fit into memory, -EINTR; then all is as before. Context: may sleep. */
int must_check swap_area_remove(swap_store_matcher matches, const void *arg,
                                bool (*is_interrupted)(void));

struct swap_area_info {
    char name[SWAP_NAME_SIZE];
    bool is_file;
    uint64_t nr_pages, nr_used; /* without header and bad slots */
    int priority;
};

/** The n-th area, 0, 1, … Returns false when there are not so many. Context: any task. */
bool must_check swap_area_get(unsigned n, struct swap_area_info *info);

struct swap_stats {
    uint64_t nr_total, nr_free; /* slots */
    uint64_t nr_cached;         /* pages in memory that have a slot, too */
};
void swap_get_stats(struct swap_stats *stats);

/* ---- For the rest of mm ---------------------------------------------------------------------- */

/** A further entry names the slot (fork). The caller's entry is held still by its page-table lock. */
void swap_slot_get(uint64_t slot);

/** How many entries name the slot. The caller's entry is held still by its page-table lock. */
uint32_t must_check swap_slot_count(uint64_t slot);

/** An entry that named the slot is gone. Context: any. */
void swap_slot_put(uint64_t slot);

/** Account for entries of a space that begin (+1) or cease (-1) to name a slot. Caller: table_lock. */
void swap_count_entry(struct space *space, int change);

/** The space is about to go: forget it. */
void swap_forget_space(struct space *space);

/** Bring back the page of an entry that names a slot. Caller: space->lock for reading.
 *  Returns 0 (try again, as for any fault), -ENOMEM, -EIO when it cannot be read. Context: may
 *  sleep. */
int must_check swap_in(struct area *area, uint64_t address, uint64_t slot, bool is_write,
                       enum alloc_flags flags);

/** 0 .. 200: how readily processes' pages are taken while there are pages of files. 0: only when
 *  the latter are used up; 100: as many of the one as of the other; 200: before them. */
extern _Atomic uint32_t swap_swappiness;

#endif
