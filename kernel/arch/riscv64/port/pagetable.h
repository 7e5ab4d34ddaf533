// SPDX-License-Identifier: MIT
/* Page tables, as mm sees them: map, unmap, look up, walk, and make other harts forget.
 *
 * The host has the same header in tools/host/port/, over a simulated Sv39 tree. */
#ifndef CAIRN_PORT_PAGETABLE_H
#define CAIRN_PORT_PAGETABLE_H

#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

struct page;

/* What mm asks for; their encoding is pagetable.c's business. */
enum pte_flags {
    PTE_FLAG_READ = 1u << 0,
    PTE_FLAG_WRITE = 1u << 1,
    PTE_FLAG_EXEC = 1u << 2,
    PTE_FLAG_USER = 1u << 3,
    PTE_FLAG_DIRTY = 1u << 4,    /* written through this entry */
    PTE_FLAG_ACCESSED = 1u << 5, /* used through this entry */
    PTE_FLAG_COW = 1u << 6,      /* software: shared copy-on-write, a write must copy */
    PTE_FLAG_DEVICE = 1u << 7,
};

struct pagetable {
    phys_t root;                 /* [I] */
    _Atomic uint64_t asid;       /* [a] generation and number: see asid.c */
    _Atomic uint64_t hart_mask;  /* [a] harts whose TLB may hold entries of this space */
    _Atomic uint64_t stale_mask; /* [a] harts that must flush this space before they use it again */
};

struct pte {
    phys_t frame;   /* valid when present */
    uint32_t flags; /* enum pte_flags */
    bool is_present;
};

/** An empty user half with the kernel's upper half in place. Returns 0 or -ENOMEM. */
int must_check pagetable_init(struct pagetable *table);

/** Free the tables themselves; every entry of the user half must have been cleared. */
void pagetable_destroy(struct pagetable *table);

/** Make sure that the tables that lead to `address` exist, so that a following pagetable_set()
 *  cannot fail. Does not need the page-table lock to be dropped: allocates with flags given.
 *  Returns 0 or -ENOMEM.
 *  Context: caller holds the lock only when flags has no ALLOC_WAIT. */
int must_check pagetable_prepare(struct pagetable *table, uint64_t address, enum alloc_flags flags);

/** Set a 4 KiB entry; the tables exist (pagetable_prepare). Does not flush. To take rights away
 *  from a present entry, clear it first: the hardware may set its dirty bit at any moment, and
 *  pagetable_clear() misses none. No right at all (neither read, write nor execute) makes an entry
 *  that faults and is still present. Caller: page-table lock. */
void pagetable_set(struct pagetable *table, uint64_t address, phys_t frame, uint32_t flags);

/** Look up an entry. Caller: page-table lock. */
struct pte pagetable_get(struct pagetable *table, uint64_t address);

/** Clear an entry and return what it held. Does not flush. Caller: page-table lock. */
struct pte pagetable_clear(struct pagetable *table, uint64_t address);

/** Call visit for every present user entry in [start, end), skipping empty tables quickly; visit
 *  may call pagetable_set/clear on that address. A visit that returns false ends the walk. Caller:
 *  page-table lock. */
void pagetable_walk(struct pagetable *table, uint64_t start, uint64_t end,
                    bool (*visit)(struct pagetable *table, uint64_t address, struct pte pte,
                                  void *arg),
                    void *arg);

/** Make every hart that may have cached them forget translations of [start, end). Called after the
 *  change, before the frames are reused. Context: interrupts on or off, no spinlock held; waits for
 *  the other harts that use the space. */
void pagetable_flush(struct pagetable *table, uint64_t start, uint64_t end);

/** After a fault that only added rights or a mapping: forget this hart's stale entry, if the
 *  machine may keep such. */
void pagetable_flush_local(struct pagetable *table, uint64_t address);

/** Map or unmap kernel pages in the vmalloc window (one table for all). prepare + set + flush
 *  inside. */
int must_check pagetable_map_kernel(uint64_t address, phys_t frame, uint32_t flags);
void pagetable_unmap_kernel(uint64_t address, uint64_t len_bytes);

/** Take away one page's entry, and have only this hart forget it: for addresses that only ever lead
 *  to one frame. The tables stay, so mapping the page again can't fail. Context: any. */
void pagetable_hide_kernel(uint64_t address);

/** After an instruction page was written: make instruction fetches of every hart see it (fence.i
 *  everywhere). */
void pagetable_sync_icache(void);

#endif
