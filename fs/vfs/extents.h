// SPDX-License-Identifier: MIT
/* Where files lie on their disk, and what of it is free. */
#ifndef CAIRN_FS_VFS_EXTENTS_H
#define CAIRN_FS_VFS_EXTENTS_H

#include "fs/vfs/file.h"

struct file_extent { /* bytes that are neighbours in the file and on the disk */
    uint64_t logical_bytes, physical_bytes, len_bytes;
};

/** The first extent that reaches behind a position, whole or from that block on. Returns 0, -ENXIO when only a
 *  hole follows, -EOPNOTSUPP for what lies on no disk, or what map_blocks said. Context: may sleep; takes
 *  inode->lock. */
int must_check vfs_next_extent(struct inode *inode, uint64_t position, struct file_extent *extent);

/** Tell the disk which blocks of the range are free (super_ops.trim). range->trimmed_bytes is set also after an
 *  error. Returns 0, -EOPNOTSUPP (the file system or its disk cannot), -EROFS, -EINVAL, -EIO. May sleep. */
int must_check vfs_trim(struct super *super, struct trim_range *range);

#endif
