// SPDX-License-Identifier: MIT
/* What file.c does for open.c, and direct.c for read_write.c. */
#ifndef CAIRN_FS_VFS_FILE_INTERNAL_H
#define CAIRN_FS_VFS_FILE_INTERNAL_H

#include "fs/vfs/file.h"

/** A file that is not yet open, access bits and flags set, refs 1; nothing else. Returns 0,
 *  -ENOMEM or -ENFILE. */
int must_check file_alloc(uint32_t flags, const struct cred *cred, struct file **file);
void file_free(struct file *file);

/** Count a file as one that writes its inode. Returns 0, -ETXTBSY, or -EROFS when the file
 *  system just became read-only. */
int must_check inode_begin_writes(struct inode *inode);
void inode_end_writes(struct inode *inode);

/* ---- direct.c -------------------------------------------------------------------------------- */

/** May these bytes be moved directly? Returns 0 or -EINVAL. */
int must_check direct_check(const struct inode *inode, const struct iter *iter, uint64_t position);
/** Bytes [start, end), not none, were read, or written: nothing of them stays in the cache that is not in use.
 *  Returns why they could not be written out. Context: may sleep. */
void direct_end_read(struct inode *inode, uint64_t start, uint64_t end);
int must_check direct_end_write(struct inode *inode, uint64_t start, uint64_t end);

#endif
