// SPDX-License-Identifier: MIT
/* The runtime of `make KASAN=1`: every access of the kernel to memory is checked. The theory stands
 * in kasan.c; other builds have none of it. */
#ifndef CAIRN_MM_DEBUG_KASAN_H
#define CAIRN_MM_DEBUG_KASAN_H

#include "kernel/base/types.h"

#ifdef CAIRN_KASAN

/** Begin to check. Context: boot, once, when the final page tables are in use. */
void kasan_start(void);

#else

static inline void kasan_start(void)
{
}

#endif
#endif
