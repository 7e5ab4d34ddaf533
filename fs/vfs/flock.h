// SPDX-License-Identifier: MIT
/* Advisory locks on files: fcntl(2) record locks and flock(2). Theory in flock.c. */
#ifndef CAIRN_FS_VFS_FLOCK_H
#define CAIRN_FS_VFS_FLOCK_H

#include "fs/vfs/file.h"
#include "kernel/abi/fcntl.h"

/** A process's record locks. `owner` stands for the process (its table of open files) and pid is
 *  what others are told. request: l_type, l_whence, l_start, l_len as in fcntl(2). Returns 0,
 *  -EAGAIN, -EDEADLK, -EBADF (not open for that), -EINVAL, -EOVERFLOW, -ENOLCK, or -ERESTARTSYS
 *  (a signal ended the wait). */
int must_check flock_set_record(struct file *file, const void *owner, pid_t pid,
                                const struct abi_flock *request, bool wait);
/** F_GETLK: the first lock in the way, or l_type F_UNLCK. */
int must_check flock_get_record(struct file *file, const void *owner, struct abi_flock *request);
/** A descriptor of the file was closed: the process loses all its record locks on it. Cheap when
 *  there are none. */
void flock_drop_owner(struct file *file, const void *owner);

/** flock(2): operation is LOCK_SH, LOCK_EX or LOCK_UN, with or without LOCK_NB. Belongs to the
 *  open file. */
int must_check flock_set_whole(struct file *file, int operation);
/** The open file ends: its flock(2) lock and OFD locks with it. */
void flock_drop_file(struct file *file);

#endif
