// SPDX-License-Identifier: MIT
/* Page tables, as mm sees them: map, unmap, look up, walk, and make other harts forget.
 *
 * The host has the same header in tools/host/port/, over a simulated Sv39 tree. */
#ifndef CAIRN_PORT_PAGETABLE_H
#define CAIRN_PORT_PAGETABLE_H

#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/types.h"
#include "mm/alloc_flags.h"
#include "port/memory.h"

/* What mm asks for. The values are those of the bits in an Sv39 entry, so that they are taken over
 * as they stand; the rest of the encoding is below. */
enum pte_flags {
    PTE_FLAG_READ = 1u << 1,
    PTE_FLAG_WRITE = 1u << 2,
    PTE_FLAG_EXEC = 1u << 3,
    PTE_FLAG_USER = 1u << 4,
    PTE_FLAG_ACCESSED = 1u << 6, /* used through this entry */
    PTE_FLAG_DIRTY = 1u << 7,    /* written through this entry */
    PTE_FLAG_DEVICE = 1u << 10,  /* no bit: memory attributes tell devices from memory */
};

struct pagetable {
    phys_t root;                 /* [I] */
    phys_t spare_tables;         /* [page-table lock] one for each large leaf: pagetable_large.c */
    _Atomic uint64_t nr_tables;  /* [a] frames of the tree and the spare ones */
    _Atomic uint64_t asid;       /* [a] generation and number: see asid.c */
    _Atomic uint64_t hart_mask;  /* [a] harts whose TLB may hold entries of this space */
    _Atomic uint64_t stale_mask; /* [a] harts that must flush this space before they use it again */
};

struct pte {
    phys_t frame;   /* valid when present */
    uint32_t flags; /* enum pte_flags */
    bool is_present;
    bool is_swapped; /* not present, and yet not empty: whoever fills it must bring the page back */
};

/** An empty user half with the kernel's upper half in place. Returns 0 or -ENOMEM. */
int must_check pagetable_init(struct pagetable *table);

/** Free the tables themselves; every entry of the user half must have been cleared. */
void pagetable_destroy(struct pagetable *table);

/* The place of a page's entry in the tree: found once, used as often as needed. Tables are freed
 * only with the whole tree, so it stays good for as long as the caller's space does. The
 * neighbouring pages' places in the same lowest-level table, which maps
 * PAGETABLE_SPAN_BYTES, follow it. */
#define PAGETABLE_SPAN_BYTES (PAGE_SIZE << 9)

struct pte_slot {
    _Atomic uint64_t *entry;
};

/** Make sure that the tables that lead to `address` exist, and find the place of its entry; what is
 *  done there cannot fail any more. Where a large page is mapped, the place is NULL.
 *  Returns 0 or -ENOMEM. Context: as flags say; needs no lock. */
int must_check pagetable_prepare(struct pagetable *table, uint64_t address, enum alloc_flags flags,
                                 struct pte_slot *slot);

/** Look up an entry. Caller: page-table lock. */
struct pte pagetable_get(struct pagetable *table, uint64_t address);

/** Set an entry whose tables exist, and clear one: pte_slot_set() and pte_slot_clear() for those who
 *  have no slot. A large page around it is split. */
void pagetable_set(struct pagetable *table, uint64_t address, phys_t frame, uint32_t flags);
struct pte pagetable_clear(struct pagetable *table, uint64_t address);

/** Go over the entries of [*address, end) in runs: the entries of one lowest-level table each,
 *  skipping what has no table. Large pages there are split. Returns how many entries the next run
 *  has, its first one's place and address in *slot and *address; 0 when there is none. Many of them
 *  may be empty. Caller: page-table lock. */
unsigned pagetable_next_run(struct pagetable *table, uint64_t *address, uint64_t end,
                            struct pte_slot *slot);

/** Call visit for every user entry in [start, end) that is present or swapped, skipping empty tables
 *  quickly; visit may set or clear that entry. Large pages there are split. A visit that returns false ends the
 *  walk. Caller: page-table lock. */
void pagetable_walk(struct pagetable *table, uint64_t start, uint64_t end,
                    bool (*visit)(struct pte_slot slot, uint64_t address, struct pte pte,
                                  void *arg),
                    void *arg);

/** Make every hart that may have cached them forget translations of [start, end). Called after the
 *  change, before the frames are reused. Context: interrupts on or off, no spinlock held; waits for
 *  the other harts that use the space. */
void pagetable_flush(struct pagetable *table, uint64_t start, uint64_t end);

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

/* ---- Large pages: pagetable_large.c ----------------------------------------------------------- */

struct large_slot {
    _Atomic uint64_t *entry;
    uint64_t *spare; /* a table that the page can be split into */
};

/** Whether neither a table nor a large page stands for the PAGETABLE_SPAN_BYTES around the address.
 *  Without the page-table lock it is only a hint. */
bool pagetable_is_vacant(struct pagetable *table, uint64_t address);

/** The large page around an address; not present: there is none. Caller as pagetable_is_vacant(). */
struct pte pagetable_get_large(struct pagetable *table, uint64_t address);

/** What pagetable_set_large() needs. Returns 0 or -ENOMEM; pagetable_end_large() frees what is left
 *  of it, in either case. */
int must_check pagetable_prepare_large(struct pagetable *table, uint64_t address,
                                       enum alloc_flags flags, struct large_slot *slot);
void pagetable_end_large(struct large_slot *slot);

/** Map PAGETABLE_SPAN_BYTES from the frame on by one entry. Returns false when something stands
 *  there. Caller: page-table lock. */
bool must_check pagetable_set_large(struct pagetable *table, struct large_slot *slot, phys_t frame,
                                    uint32_t flags);

/** Clear the first large page that lies wholly in [address, end). Returns whether there was one, and
 *  where, and what the entry held. Does not flush. Caller: page-table lock. */
bool must_check pagetable_clear_large(struct pagetable *table, uint64_t address, uint64_t end,
                                      uint64_t *found, struct pte *pte);

/* ---- Entries --------------------------------------------------------------------------------- */

#define PTE_VALID          (1ul << 0)
#define PTE_GLOBAL         (1ul << 5)
#define PTE_SOFT_NO_ACCESS (1ul << 9) /* a frame is here, and nobody may touch it: valid is clear */
/* In an entry with neither of the two valid bits all others are software's: this one says that the
 * frame number's place holds the number of a swap slot. */
#define PTE_SOFT_SWAP      (1ul << 5)
#define PTE_RIGHTS         (PTE_FLAG_READ | PTE_FLAG_WRITE | PTE_FLAG_EXEC)
#define PTE_OWN_FLAGS      (PTE_RIGHTS | PTE_FLAG_USER | PTE_FLAG_ACCESSED | PTE_FLAG_DIRTY)
#define PTE_FRAME_SHIFT    10
#define PTE_FRAME_BITS     44

static inline phys_t pte_frame(uint64_t entry)
{
    return phys(entry << (64 - PTE_FRAME_SHIFT - PTE_FRAME_BITS) >> (64 - PTE_FRAME_BITS)
                                                                        << PAGE_SHIFT);
}

static inline uint64_t pte_encode(phys_t frame, uint64_t flags)
{
    uint64_t bits = flags & PTE_OWN_FLAGS;

    debug_assert((flags & (PTE_FLAG_READ | PTE_FLAG_WRITE)) != PTE_FLAG_WRITE); /* reserved */
    bits |= (flags & PTE_RIGHTS) != 0 ? PTE_VALID : PTE_SOFT_NO_ACCESS;
    bits |= (flags & PTE_FLAG_USER) != 0 ? 0 : PTE_GLOBAL;
    return frame.addr >> PAGE_SHIFT << PTE_FRAME_SHIFT | bits;
}

static inline struct pte pte_decode(uint64_t entry)
{
    bool is_present = (entry & (PTE_VALID | PTE_SOFT_NO_ACCESS)) != 0;

    return (struct pte){.frame = pte_frame(entry),
                        .flags = entry & PTE_OWN_FLAGS,
                        .is_present = is_present,
                        .is_swapped = !is_present && (entry & PTE_SOFT_SWAP) != 0};
}

/** Of a swapped entry: the number of the slot that has the page (mm/swap.h), below 2^44. */
static inline uint64_t pte_swap_slot(struct pte pte)
{
    return pte.frame.addr >> PAGE_SHIFT;
}

/** The place of the page `nr` pages further on, in the same lowest-level table. */
static inline struct pte_slot pte_slot_plus(struct pte_slot slot, uint64_t nr)
{
    return (struct pte_slot){slot.entry + nr};
}

/** What stands there. Without the page-table lock it is only a hint: look again under it. */
static inline struct pte pte_slot_get(struct pte_slot slot)
{
    return pte_decode(load_relaxed(slot.entry));
}

/** Set a 4 KiB entry. Does not flush. To take rights away from a present entry, clear it first: the
 *  hardware may set its dirty bit at any moment, and pte_slot_clear() misses none. No right at all
 *  (neither read, write nor execute) makes an entry that faults and is still present; the right to
 *  write alone does not exist. Caller: page-table lock. */
static inline void pte_slot_set(struct pte_slot slot, phys_t frame, uint64_t flags)
{
    /* Release: whoever's walk sees the entry sees the page's content, too. */
    store_release(slot.entry, pte_encode(frame, flags));
}

/** Make the entry say that the page is in a swap slot. Does not flush. Caller: page-table lock. */
static inline void pte_slot_set_swapped(struct pte_slot slot, uint64_t swap_slot)
{
    store_release(slot.entry, swap_slot << PTE_FRAME_SHIFT | PTE_SOFT_SWAP);
}

/** Take these rights away from a present entry, and its dirty mark with the right to write; some
 *  right must be left. Does not flush. Caller: page-table lock. */
static inline void pte_slot_reduce(struct pte_slot slot, uint32_t flags)
{
    atomic_fetch_and_explicit(slot.entry, ~(uint64_t)flags, memory_order_acq_rel);
}

/** Clear an entry and return what it held. Does not flush. Caller: page-table lock. */
static inline struct pte pte_slot_clear(struct pte_slot slot)
{
    return pte_decode(atomic_exchange_explicit(slot.entry, 0, memory_order_acq_rel));
}

/* ---- The way to an entry ---------------------------------------------------------------------- */

/* A virtual address is three indices of 9 bits and an offset of 12. Level 2 is the root. */
#define PT_ENTRIES               512u
#define PT_LEVELS                3
#define pt_level_shift(level)    (PAGE_SHIFT + 9u * (unsigned)(level))
#define pt_index(address, level) (((address) >> pt_level_shift(level)) & (PT_ENTRIES - 1))

static inline bool pte_is_table(uint64_t entry)
{
    return (entry & (PTE_VALID | PTE_RIGHTS)) == PTE_VALID;
}

/* The table that such an entry leads to. It has no bit but PTE_VALID beside the frame's number. */
static inline _Atomic uint64_t *pte_table(uint64_t entry)
{
    return phys_to_virt(phys((entry - PTE_VALID) << (PAGE_SHIFT - PTE_FRAME_SHIFT)));
}

/** The place of the page's entry; NULL when no table leads to it, or a large page is mapped there.
 *  Inline: each fault begins with it. Needs no lock. */
static inline struct pte_slot pagetable_find(struct pagetable *table, uint64_t address)
{
    _Atomic uint64_t *entries = phys_to_virt(table->root);

    debug_assert(address < USER_END);
#pragma GCC unroll 2
    for (int level = PT_LEVELS - 1; level > 0; level--) {
        /* Dependent: the table was zeroed before it was published. */
        uint64_t entry = load_dependent(&entries[pt_index(address, level)]);

        if (unlikely(!pte_is_table(entry))) {
            return (struct pte_slot){NULL};
        }
        entries = pte_table(entry);
    }
    return (struct pte_slot){&entries[pt_index(address, 0)]};
}

#endif
