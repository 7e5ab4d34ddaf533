// SPDX-License-Identifier: MIT
/* ioctls that every file system answers. */
#ifndef CAIRN_SYSCALL_FILE_IOCTL_H
#define CAIRN_SYSCALL_FILE_IOCTL_H

#include "fs/vfs/file.h"

/** Whether the command is one of them for this file; *result is the call's then. Context: may sleep. */
bool must_check file_system_ioctl(struct file *file, uint32_t command, uint64_t argument,
                                  int64_t *result);

#endif
