// SPDX-License-Identifier: MIT
/* eventfd(2): a counter with a file around it. */
#ifndef CAIRN_FS_PIPE_EVENTFD_H
#define CAIRN_FS_PIPE_EVENTFD_H

#include "fs/vfs/file.h"

/** is_semaphore: each read takes 1. open_flags: O_NONBLOCK. Returns 0 or -ENOMEM, -ENFILE. */
int must_check eventfd_create(uint32_t initial, bool is_semaphore, uint32_t open_flags,
                              struct file **file);

#endif
