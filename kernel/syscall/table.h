// SPDX-License-Identifier: MIT
/* What a system call is to the kernel: see table.c. */
#ifndef CAIRN_SYSCALL_TABLE_H
#define CAIRN_SYSCALL_TABLE_H

#include "kernel/base/types.h"

struct syscall_args {
    uint64_t a[6]; /* registers a0 to a5 */
};

typedef int64_t syscall_handler(const struct syscall_args *args);

struct syscall {
    const char *name;
    syscall_handler *handler; /* NULL: not there, ENOSYS */
    uint8_t nr_args;
};

extern const struct syscall syscall_table[];
extern const unsigned syscall_table_size;

/** A call's name, for logs; "call 999" is left to the caller when this is NULL. */
static inline const char *syscall_name(uint64_t number)
{
    return number < syscall_table_size ? syscall_table[number].name : NULL;
}

#endif
