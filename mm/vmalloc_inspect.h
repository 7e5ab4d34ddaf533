// SPDX-License-Identifier: MIT
/* What the leak search asks of the kernel's window; implemented by vmalloc.c. */
#ifndef CAIRN_MM_VMALLOC_INSPECT_H
#define CAIRN_MM_VMALLOC_INSPECT_H

#include "mm/debug/owner.h"

/* An area of memory, or a kernel stack. */
struct vmalloc_view {
    uint64_t start;
    uint64_t len_bytes;
    bool is_stack;
    struct owner *owner; /* set while the leak search is on */
    void **mark;         /* the leak search's own */
    const void *record;  /* the word of the area's own record that holds its start: no pointer */
};

/** The area that an address lies in; false: none, or a device's registers. Context:
 *  any. */
bool vmalloc_find(uint64_t address, struct vmalloc_view *view);

/** The first area at or behind an address; false: none. Context: any. */
bool vmalloc_next(uint64_t address, struct vmalloc_view *view);

/** The start of the area whose mark this is. */
const void *vmalloc_of_mark(void **mark);

#endif
