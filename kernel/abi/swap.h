// SPDX-License-Identifier: MIT
/* swapon(2). */
#ifndef CAIRN_ABI_SWAP_H
#define CAIRN_ABI_SWAP_H

#define ABI_SWAP_FLAG_PRIO_MASK     0x7fffu
#define ABI_SWAP_FLAG_PREFER        0x8000u /* the low bits are a priority */
#define ABI_SWAP_FLAG_DISCARD       0x10000u
#define ABI_SWAP_FLAG_DISCARD_ONCE  0x20000u
#define ABI_SWAP_FLAG_DISCARD_PAGES 0x40000u
#define ABI_SWAP_FLAGS_VALID        0x7ffffu

#endif
