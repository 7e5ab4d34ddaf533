// SPDX-License-Identifier: MIT
/* The address map on the host: an arena stands for the machine's RAM, and both the direct map and
 * the vmalloc window are views of it. The kernel's counterpart is
 * kernel/arch/riscv64/port/memory.h. */
#ifndef CAIRN_PORT_MEMORY_H
#define CAIRN_PORT_MEMORY_H

#include "kernel/base/types.h"

#define USER_END 0x0000004000000000ul

/* Not constants here: the host's own address space decides. Set by host_arena(). */
extern uint64_t host_direct_map_offset; /* address of a frame minus its physical address */
extern uint64_t host_vmalloc_base;
#define DIRECT_MAP_BASE host_direct_map_offset
#define DIRECT_MAP_SIZE 0x0000002000000000ul
#define VMALLOC_BASE    host_vmalloc_base
#define VMALLOC_SIZE    0x0000000040000000ul

#define KERNEL_STACK_SIZE (16ul << 10)

static inline void *phys_to_virt(phys_t address)
{
    return (void *)(address.addr + host_direct_map_offset);
}

static inline bool is_direct_pointer(const void *pointer)
{
    return (uint64_t)pointer - DIRECT_MAP_BASE < DIRECT_MAP_SIZE &&
           (uint64_t)pointer - VMALLOC_BASE >= VMALLOC_SIZE;
}

static inline phys_t virt_to_phys(const void *pointer)
{
    return phys((uint64_t)pointer - host_direct_map_offset);
}

#endif
