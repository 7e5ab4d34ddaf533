// SPDX-License-Identifier: MIT
/* Sv39 as the hardware has it, and what pagetable.c, pagetable_large.c, kernel_map.c and asid.c
 * share.
 * Source: RISC-V Privileged Architecture, 4.4 (Sv39). */
#ifndef CAIRN_ARCH_PAGETABLE_INTERNAL_H
#define CAIRN_ARCH_PAGETABLE_INTERNAL_H

#include "port/pagetable.h"

#define PTE_READ     PTE_FLAG_READ
#define PTE_WRITE    PTE_FLAG_WRITE
#define PTE_EXEC     PTE_FLAG_EXEC
#define PTE_USER     PTE_FLAG_USER
#define PTE_ACCESSED PTE_FLAG_ACCESSED
#define PTE_DIRTY    PTE_FLAG_DIRTY

#define PT_USER_ENTRIES      256u /* of the root: the lower half */
#define pt_level_size(level) (1ul << pt_level_shift(level))

static inline uint64_t pte_make(phys_t frame, uint64_t bits)
{
    return (frame.addr >> PAGE_SHIFT) << PTE_FRAME_SHIFT | bits;
}

static inline bool pte_is_leaf(uint64_t entry)
{
    return (entry & PTE_RIGHTS) != 0;
}

typedef _Atomic uint64_t pt_entry_t;

/** The level-1 entry of an address, or NULL when no table leads to it. */
pt_entry_t *pagetable_find_upper(struct pagetable *table, uint64_t address);

/** Make a level-1 leaf a table of 512 entries that map the same. Caller: page-table lock. */
void pagetable_split(struct pagetable *table, pt_entry_t *upper);

/** Give an empty entry a table. Returns what is there then, or 0: no memory. */
uint64_t must_check pagetable_add_table(struct pagetable *table, pt_entry_t *upper,
                                        enum alloc_flags flags);

/** A zeroed table frame, or NULL. */
uint64_t *must_check pagetable_alloc_table(enum alloc_flags flags);
void pagetable_free_table(phys_t frame);

/** The root whose upper half every table has; its lower half is empty. */
const uint64_t *pagetable_kernel_root(void);

/** A table is about to be freed: no hart may have it active. asid.c */
void pagetable_forget(struct pagetable *table);

#endif
