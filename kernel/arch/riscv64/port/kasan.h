// SPDX-License-Identifier: MIT
/* The shadow of a KASAN build, mapped: kasan_shadow.c. In other builds there is none, and these are
 * nothing. */
#ifndef CAIRN_PORT_KASAN_H
#define CAIRN_PORT_KASAN_H

#include "kernel/base/types.h"
#include "mm/frames.h"

#define KASAN_SHADOW_BASE 0xfffffff000000000ul
#define KASAN_SHADOW_SIZE 0x0000000800000000ul
#define KASAN_OFFSET      0xdffffff800000000ul /* the compiler has it, too: tools/make/kernel.mk */

/** The byte of shadow for an address of the kernel's half. */
static inline int8_t *kasan_shadow_of(uint64_t address)
{
    return (int8_t *)((address >> 3) + KASAN_OFFSET);
}

#ifdef CAIRN_KASAN

/** A first shadow for everything, of one page, which nobody reads. Called by entry.S before C that
 *  is instrumented runs. */
void kasan_map_early(void);

/** The shadow that counts, into the final root, which is not in use yet: RAM and image have their
 *  own, the window gets it as it is mapped, all else shares a page of zeroes.
 *  Returns 0 or -ENOMEM. */
int must_check kasan_map_final(_Atomic uint64_t *root, const struct frame_range *ram,
                               unsigned nr_ram);

/** With the final root in use: the shared page is zeroes, and read-only. */
void kasan_seal(void);

/** Make sure that a page of the vmalloc window has a shadow of its own. Returns 0 or -ENOMEM.
 *  Context: any. */
int must_check kasan_map_window(uint64_t address);

#else

static inline int must_check kasan_map_final(_Atomic uint64_t *root, const struct frame_range *ram,
                                             unsigned nr_ram)
{
    (void)root, (void)ram, (void)nr_ram;
    return 0;
}

static inline int must_check kasan_map_window(uint64_t address)
{
    (void)address;
    return 0;
}

#endif
#endif
