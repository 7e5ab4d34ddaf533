// SPDX-License-Identifier: MIT
/* Transparent large pages: 2 MiB of anonymous memory at one fault, mapped by one entry. Theory in
 * huge.c. */
#ifndef CAIRN_MM_HUGE_H
#define CAIRN_MM_HUGE_H

#include "mm/space_internal.h"

enum huge_mode { /* what the boot argument transparent_hugepage= says */
                 HUGE_NEVER,
                 HUGE_MADVISE, /* where madvise(MADV_HUGEPAGE) asked for it */
                 HUGE_ALWAYS,  /* also elsewhere, while memory is ample */
};

/** @name: "always", "madvise" or "never". Returns 0 or -EINVAL. Context: any. */
int must_check huge_set_mode(const char *name);

/** Nothing is mapped around the address: map 2 MiB of fresh memory there if policy and memory allow.
 *  Returns whether the fault is served. Caller: space->lock for reading. Context: may sleep. */
bool must_check huge_fault_slow(struct area *area, uint64_t address);

/* Whether the area covers all of the 2 MiB around an address: the one test that each fault makes. */
static inline bool huge_fault(struct area *area, uint64_t address)
{
    uint64_t start = align_down(address, PAGETABLE_SPAN_BYTES);

    return start >= area->start && area->end - start >= PAGETABLE_SPAN_BYTES &&
           area->object == NULL && huge_fault_slow(area, address);
}

/** Unmap the large pages that lie wholly in [start, end), and drop their memory. Context: may
 *  sleep. */
void huge_unmap(struct space *space, uint64_t start, uint64_t end);

/** Bytes of an area that large pages map. Context: takes the page-table lock. */
uint64_t huge_count_bytes(const struct area *area);

#endif
