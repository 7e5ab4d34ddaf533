// SPDX-License-Identifier: MIT
/* The driver of ext2 and ext3. */
#ifndef CAIRN_FS_EXT_EXT_H
#define CAIRN_FS_EXT_EXT_H

/** Register the file-system types "ext3" and "ext2". Called once at boot. */
void ext_register(void);

#endif
