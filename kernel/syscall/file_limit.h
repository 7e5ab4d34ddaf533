// SPDX-License-Identifier: MIT
/* RLIMIT_FSIZE, for the calls that make files longer. */
#ifndef CAIRN_SYSCALL_FILE_LIMIT_H
#define CAIRN_SYSCALL_FILE_LIMIT_H

#include "kernel/base/types.h"

/** May a file become this long? Returns 0, or -EFBIG and sends SIGXFSZ. */
int must_check file_limit_check(uint64_t size_bytes);

#endif
