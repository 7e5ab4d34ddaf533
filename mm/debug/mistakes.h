// SPDX-License-Identifier: MIT
/* A mistake that one of the tools has found: counted, reported in one piece, and named to whoever
 * runs the tests. */
#ifndef CAIRN_MM_DEBUG_MISTAKES_H
#define CAIRN_MM_DEBUG_MISTAKES_H

#include "kernel/base/types.h"

/** Begin and end a report of several lines: those of two harts don't mix. Context: any; between
 *  the two nothing but printk(). */
void mistake_begin(void);
void mistake_end(void);

/** The nearest caller outside of the allocators: who called slab_free(), say. Context: any. */
const void *mistake_caller(void);

/** How many have been reported since boot. */
unsigned mistake_count(void);

/** With the kernel argument panic_on_warn, the end of a report is a panic: for tests that must not
 *  go on, and for a debugger. Context: boot. */
void mistake_set_panic(bool on);

#endif
