// SPDX-License-Identifier: MIT
/* The machine's RAM, for tests on the host. */
#ifndef CAIRN_HOST_ARENA_H
#define CAIRN_HOST_ARENA_H

#include "kernel/base/types.h"

/* Where the arena's first byte lies in physical memory: where QEMU's `virt` has its RAM. */
#define HOST_RAM_START 0x80000000ul

/** Make size_bytes of zeroed RAM; an earlier arena and everything mapped from it is gone. Aligned
 *  to 1 GiB, so that blocks are as aligned in memory as they are physically. Returns its first
 *  physical address; give it to frames_init(). Exits the program when the host has no memory. */
phys_t host_arena(size_t size_bytes);

/** Size of the arena in force. */
size_t host_arena_size(void);

/** Map pages of the arena at an address of the vmalloc window, or unmap them again. Returns 0 or
 *  -ENOMEM. */
int must_check host_arena_map(uint64_t address, phys_t frame, size_t len_bytes);
void host_arena_unmap(uint64_t address, size_t len_bytes);

#endif
