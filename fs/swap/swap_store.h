// SPDX-License-Identifier: MIT
/* Swap space on a disk or in a file of one: what swapon(2) and swapoff(2) do. Theory in
 * swap_store.c. */
#ifndef CAIRN_FS_SWAP_SWAP_STORE_H
#define CAIRN_FS_SWAP_SWAP_STORE_H

#include "kernel/base/types.h"

struct file;

/** Begin to use an open disk or file as swap space; a reference to the file is taken.
 *  @name: for /proc/swaps and the log. @priority: negative: behind those that there are.
 *  Returns 0; -EINVAL (neither a disk nor a file with blocks on one; no or a wrong header; holes);
 *  -EISDIR; -EBUSY (in use as swap space, or mounted); -ETXTBSY (open for writing, or a running
 *  program); -EROFS; -EPERM (too many areas); -ENOMEM; -EIO. Each but -ENOMEM has a log line.
 *  Context: may sleep. */
int must_check swap_on(struct file *file, const char *name, int priority);

/** Bring everything back and give it up. Returns 0, -EINVAL (is no swap space), -EBUSY, -ENOMEM,
 *  -EINTR, -EIO. Context: may sleep. */
int must_check swap_off(struct file *file, bool (*is_interrupted)(void));

#endif
