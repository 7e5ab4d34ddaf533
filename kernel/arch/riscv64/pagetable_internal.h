// SPDX-License-Identifier: MIT
/* Sv39 as the hardware has it, and what pagetable.c, kernel_map.c and asid.c share.
 * Source: RISC-V Privileged Architecture, 4.4 (Sv39). */
#ifndef CAIRN_ARCH_PAGETABLE_INTERNAL_H
#define CAIRN_ARCH_PAGETABLE_INTERNAL_H

#include "port/pagetable.h"

#define PTE_VALID          (1ul << 0)
#define PTE_READ           (1ul << 1)
#define PTE_WRITE          (1ul << 2)
#define PTE_EXEC           (1ul << 3)
#define PTE_USER           (1ul << 4)
#define PTE_GLOBAL         (1ul << 5)
#define PTE_ACCESSED       (1ul << 6)
#define PTE_DIRTY          (1ul << 7)
/* The two bits that are software's. */
#define PTE_SOFT_COW       (1ul << 8)
#define PTE_SOFT_NO_ACCESS (1ul << 9) /* a frame is here, and nobody may touch it: valid is clear */

#define PTE_LEAF        (PTE_READ | PTE_WRITE | PTE_EXEC)
#define PTE_FRAME_SHIFT 10
#define PTE_FRAME_MASK  ((1ul << 44) - 1)

/* A virtual address is three indices of 9 bits and an offset of 12. Level 2 is the root. */
#define PT_ENTRIES               512u
#define PT_LEVELS                3
#define PT_USER_ENTRIES          256u /* of the root: the lower half */
#define pt_level_shift(level)    (PAGE_SHIFT + 9u * (unsigned)(level))
#define pt_level_size(level)     (1ul << pt_level_shift(level))
#define pt_index(address, level) (((address) >> pt_level_shift(level)) & (PT_ENTRIES - 1))

static inline phys_t pte_frame(uint64_t entry)
{
    return phys(((entry >> PTE_FRAME_SHIFT) & PTE_FRAME_MASK) << PAGE_SHIFT);
}

static inline uint64_t pte_make(phys_t frame, uint64_t bits)
{
    return (frame.addr >> PAGE_SHIFT) << PTE_FRAME_SHIFT | bits;
}

static inline bool pte_is_table(uint64_t entry)
{
    return (entry & (PTE_VALID | PTE_LEAF)) == PTE_VALID;
}

/** The entry that pagetable_set() writes for these flags. */
uint64_t pte_encode(phys_t frame, uint32_t flags);

/** A zeroed table frame, or NULL. */
uint64_t *must_check pagetable_alloc_table(enum alloc_flags flags);
void pagetable_free_table(phys_t frame);

/** The root whose upper half every table has; its lower half is empty. */
const uint64_t *pagetable_kernel_root(void);

/** A table is about to be freed: no hart may have it active. asid.c */
void pagetable_forget(struct pagetable *table);

#endif
