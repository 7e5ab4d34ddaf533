// SPDX-License-Identifier: MIT
/* What the calls that write to files share: the process's limit and signals. */
#ifndef CAIRN_SYSCALL_FILE_WRITE_H
#define CAIRN_SYSCALL_FILE_WRITE_H

#include "fs/vfs/file.h"

/** RLIMIT_FSIZE: may a file become this long? Returns 0, or -EFBIG and sends SIGXFSZ. */
int must_check file_limit_check(uint64_t size_bytes);

/** vfs_write() for the running task: cut to RLIMIT_FSIZE, with SIGXFSZ and SIGPIPE. */
int64_t must_check syscall_write_file(struct file *file, struct iter *iter, uint64_t *position);

#endif
