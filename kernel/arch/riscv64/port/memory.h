// SPDX-License-Identifier: MIT
/* The kernel's address map (Sv39), and the direct map through which every frame has an address.
 *
 *   0x00000000_00000000 .. 0x00000040_00000000   user
 *   0xffffffc0_00000000 .. 0xffffffe0_00000000   direct map: physical 0 .. 128 GiB, largest leaves
 *   0xffffffe0_00000000 .. 0xffffffe4_00000000   vmalloc window, 16 GiB
 *   0xfffffff0_00000000 .. 0xfffffff8_00000000   the shadow of all this in a KASAN build (port/kasan.h)
 *   0xffffffff_80000000 .. 0xffffffff_ffffffff   the kernel image, linked at its load offset
 *
 * The upper half's top-level entries are the same in every page table, made once at boot. */
#ifndef CAIRN_PORT_MEMORY_H
#define CAIRN_PORT_MEMORY_H

#include "kernel/base/types.h"

#define USER_END          0x0000004000000000ul
#define DIRECT_MAP_BASE   0xffffffc000000000ul
#define DIRECT_MAP_SIZE   0x0000002000000000ul
#define VMALLOC_BASE      0xffffffe000000000ul
#define VMALLOC_SIZE      0x0000000400000000ul
#define KERNEL_IMAGE_BASE 0xffffffff80000000ul

static_assert(DIRECT_MAP_SIZE == 1ul << 37 && DIRECT_MAP_BASE % DIRECT_MAP_SIZE == 0, "one shift");

/* Frames of KASAN builds have gaps between their variables. */
#ifdef CAIRN_KASAN
#define KERNEL_STACK_SIZE (32ul << 10)
#else
#define KERNEL_STACK_SIZE (16ul << 10)
#endif

/* Physical address of the image's first byte, minus its link address: set by entry.S. */
extern uint64_t kernel_image_offset;

static inline void *phys_to_virt(phys_t address)
{
    return (void *)(address.addr + DIRECT_MAP_BASE);
}

/** Whether a pointer lies in the direct map; NULL does not. Two instructions and a branch: the upper
 *  bits of all its addresses are the same. */
static inline bool is_direct_pointer(const void *pointer)
{
    return (int64_t)pointer >> 37 == (int64_t)DIRECT_MAP_BASE >> 37;
}

/** Physical address of a direct-map or image pointer. */
static inline phys_t virt_to_phys(const void *pointer)
{
    uint64_t address = (uint64_t)pointer;

    if (address >= KERNEL_IMAGE_BASE) {
        return phys(address + kernel_image_offset);
    }
    return phys(address - DIRECT_MAP_BASE);
}

#endif
