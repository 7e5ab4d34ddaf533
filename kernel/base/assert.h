// SPDX-License-Identifier: MIT
/* Assertions are for what this kernel's own code promises itself. Bad disks, bad user data and exhausted
 * memory are errors and never come here. */
#ifndef CAIRN_BASE_ASSERT_H
#define CAIRN_BASE_ASSERT_H

#include "kernel/base/types.h"

/** Stop the machine with a report: the cause in words, hart, task, registers, backtrace. Context: any. */
_Noreturn void panic(const char *format, ...) printf_like(1, 2);

/* Always on: cheap checks. */
#define assert(condition)                                                          \
    do {                                                                           \
        if (unlikely(!(condition))) {                                              \
            panic("assertion failed: %s (%s:%d)", #condition, __FILE__, __LINE__); \
        }                                                                          \
    } while (0)

/* Checks that cost: `make DEBUG=1` and the host tests. */
#ifdef CAIRN_DEBUG
#define debug_assert(condition) assert(condition)
#else
#define debug_assert(condition) ((void)sizeof(condition))
#endif

#endif
