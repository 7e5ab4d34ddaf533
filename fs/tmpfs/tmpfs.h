// SPDX-License-Identifier: MIT
/* Files in memory. Theory in tmpfs.c. */
#ifndef CAIRN_FS_TMPFS_TMPFS_H
#define CAIRN_FS_TMPFS_TMPFS_H

#include "fs/vfs/inode.h"

struct file;

/** Register the types "tmpfs" and "ramfs": called once at boot by main.c. */
void tmpfs_init(void);

/** A file with no name, open for reading and writing: shared anonymous memory, and memfd_create.
 *  Returns 0 or -ENOMEM, -ENFILE. Context: may sleep. */
int must_check tmpfs_new_file(uint64_t size_bytes, struct file **file);
/** The same with a name that /proc/PID/fd shows as "/memfd:name (deleted)". */
int must_check tmpfs_new_named_file(const char *name, uint32_t open_flags, struct file **file);

#endif
