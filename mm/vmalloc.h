// SPDX-License-Identifier: MIT
/* The kernel's own address window: big buffers from scattered frames, kernel stacks, device
 * registers. Every area is followed by an unmapped guard page (stacks also preceded by one). */
#ifndef CAIRN_MM_VMALLOC_H
#define CAIRN_MM_VMALLOC_H

#include "kernel/base/types.h"
#include "mm/alloc_flags.h"

/** Page-aligned memory, contiguous only in the window. NULL when memory or window is exhausted.
 *  Context: may sleep. */
void *must_check vmalloc(size_t size_bytes, enum alloc_flags flags);

/** Give back what vmalloc() or vmalloc_map_device() returned; NULL is ignored.
 *  Context: any but an interrupt handler. */
void vfree(const void *pointer);

/** A kernel stack of KERNEL_STACK_SIZE bytes, aligned to twice its size, so that one bit of an
 *  address tells whether it has run out below. Returns its lowest address, or NULL. */
void *must_check vmalloc_stack(void);
void vfree_stack(void *stack);

/** Map device registers, uncached as the platform sees it. Returns their address, or NULL. */
volatile void *must_check vmalloc_map_device(phys_t start, size_t len_bytes);

/** Whether an address lies in the window, and in a mapped area of it. */
bool vmalloc_contains(const void *pointer);

uint64_t vmalloc_nr_pages(void);

#endif
