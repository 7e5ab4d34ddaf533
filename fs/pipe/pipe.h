// SPDX-License-Identifier: MIT
/* Pipes and FIFOs. Theory in pipe.c. */
#ifndef CAIRN_FS_PIPE_PIPE_H
#define CAIRN_FS_PIPE_PIPE_H

#include "fs/vfs/file.h"

/** pipe2(2): files[0] reads, files[1] writes. flags: O_NONBLOCK, O_CLOEXEC is the caller's.
 *  Returns 0 or -ENOMEM, -ENFILE. */
int must_check pipe_create(uint32_t flags, struct file *files[2]);

/** F_GETPIPE_SZ and F_SETPIPE_SZ. Return bytes, or -EBADF when the file is no pipe, -EBUSY,
 *  -EINVAL, -ENOMEM. */
int64_t must_check pipe_get_size(struct file *file);
int64_t must_check pipe_set_size(struct file *file, uint64_t size_bytes);

/** What an open FIFO does: inode_set_special() gives it to S_IFIFO inodes. */
extern const struct file_ops fifo_file_ops;

#endif
