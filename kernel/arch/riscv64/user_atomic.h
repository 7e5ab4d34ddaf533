// SPDX-License-Identifier: MIT
/* Atomic accesses to one word of user memory: for futexes and robust lists. They fault in and stop
 * short like the copies of kernel/base/port.h. Context: may sleep, unless inside
 * port_user_nofault_begin(). */
#ifndef CAIRN_ARCH_USER_ATOMIC_H
#define CAIRN_ARCH_USER_ATOMIC_H

#include "kernel/base/types.h"

/** Returns 0 and the value, or -EFAULT. */
int must_check user_atomic_load(user_t address, uint32_t *value);

/** Store `value` if the word is `expected`. Returns 0 and what the word was, or -EFAULT. */
int must_check user_atomic_cmpxchg(user_t address, uint32_t expected, uint32_t value,
                                   uint32_t *old);

#endif
