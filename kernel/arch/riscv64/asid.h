// SPDX-License-Identifier: MIT
/* Which address space a hart translates with. Theory in asid.c. */
#ifndef CAIRN_ARCH_ASID_H
#define CAIRN_ARCH_ASID_H

#include "port/pagetable.h"

/** Make this hart translate with a table; NULL: the kernel's own, with an empty lower half. The
 *  scheduler calls it when the next task's space differs from the last one's, kernel threads
 *  included (NULL), so that a space that is destroyed is active nowhere. Context: interrupts off.
 */
void pagetable_activate(struct pagetable *table);

/** Find out how many address-space numbers the hart has, and take up the kernel's own table. Once,
 *  at boot. */
void asid_init(void);

/** The same on a secondary hart, once it is in hart_running_mask(). */
void asid_init_secondary(void);

/** Make all harts forget translations of a kernel range. Context: any. */
void tlb_flush_kernel(uint64_t start, uint64_t end);

/* What a hart does when it is told to forget (shootdown.c). Context: interrupts off. */

/** Every translation. */
void tlb_flush_local(void);

/** The space that this hart uses, if it is marked stale here. */
void tlb_flush_active(void);

/** Fetched instructions. */
void icache_flush_local(void);

#endif
