// SPDX-License-Identifier: MIT
/* Ranges of user addresses as calls about memory take them: a page-aligned start, and a length in bytes. */
#ifndef CAIRN_SYSCALL_RANGE_H
#define CAIRN_SYSCALL_RANGE_H

#include "mm/space.h"

static inline bool range_is_page_aligned(uint64_t address)
{
    return (address & PAGE_MASK) == 0;
}

/** Round a length up to pages. Returns whether [address, address + length) is a range of the
 *  user half. */
static inline bool range_round_up(uint64_t address, uint64_t *len_bytes)
{
    if (*len_bytes > USER_END) {
        return false;
    }
    *len_bytes = align_up(*len_bytes, PAGE_SIZE);
    return address <= USER_END && *len_bytes <= USER_END - address;
}

#endif
