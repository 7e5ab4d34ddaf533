// SPDX-License-Identifier: MIT
/* Telling other harts to forget translations or instructions, and waiting until they have. Theory in
 * shootdown.c. */
#ifndef CAIRN_ARCH_SHOOTDOWN_H
#define CAIRN_ARCH_SHOOTDOWN_H

#include "kernel/base/types.h"

enum shootdown_what {
    SHOOTDOWN_SPACE = 1u << 0,  /* the address space that the hart uses, if its stale bit is set */
    SHOOTDOWN_KERNEL = 1u << 1, /* everything */
    SHOOTDOWN_CODE = 1u << 2,   /* fetched instructions */
};

/** Make harts (a mask of logical numbers, the caller's own may be among them) forget. The change
 *  that they are to see has been stored before. Context: any, with interrupts on or off; waits. No
 *  spinlock should be held: a hart that waits for it with interrupts off is only reached through the
 *  firmware, after a while. */
void shootdown(uint64_t harts, enum shootdown_what what);

/** Do what this hart has been asked for. Context: interrupts off. */
void shootdown_serve(void);

/** Sleep for LONG_RELAX_NS, or until anything happens, serving others: for spin loops, whatever the
 *  interrupts' state. */
void shootdown_rest(void);

/** Wait for an interrupt, as one that need not be told: the idle task's. Interrupts off. */
void shootdown_doze(void);

#endif
