// SPDX-License-Identifier: MIT
/* Device nodes: open files that are devices. Theory in special.c. */
#ifndef CAIRN_FS_VFS_SPECIAL_H
#define CAIRN_FS_VFS_SPECIAL_H

#include "fs/vfs/file.h"

struct block_device;
struct char_device;

/** The device behind an open file, or NULL when it is none. Lives for ever. */
struct char_device *file_char_device(const struct file *file);
struct block_device *file_block_device(const struct file *file);

/** The pages that an open file reads and writes: a regular file's, or a block device's. NULL: it has none. */
struct mapping *file_mapping(const struct file *file);

#endif
