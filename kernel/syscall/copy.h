// SPDX-License-Identifier: MIT
/* Copies between system calls and user memory, with the error number that a call returns.
 *
 *     struct abi_timespec wanted;
 *     int error = copy_from_user(&wanted, args->a[1], sizeof(wanted)); */
#ifndef CAIRN_SYSCALL_COPY_H
#define CAIRN_SYSCALL_COPY_H

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"

/** Returns 0 or -EFAULT. Context: may sleep. */
static inline int must_check copy_from_user(void *dst, uint64_t src, size_t len_bytes)
{
    return port_copy_from_user(dst, user_ptr(src), len_bytes) == 0 ? 0 : -EFAULT;
}

static inline int must_check copy_to_user(uint64_t dst, const void *src, size_t len_bytes)
{
    return port_copy_to_user(user_ptr(dst), src, len_bytes) == 0 ? 0 : -EFAULT;
}

/** A path name from user memory, in a buffer of its own of PATH_MAX bytes: to be given back by
 *  name_put().
 *  Returns 0, -EFAULT, -ENAMETOOLONG or -ENOMEM; "" is allowed (the walk decides). */
int must_check name_from_user(uint64_t src, char **name);
void name_put(char *name);

#endif
