// SPDX-License-Identifier: MIT
/* The ext2 driver. */
#ifndef CAIRN_FS_EXT_EXT_H
#define CAIRN_FS_EXT_EXT_H

/** Register the file-system type "ext2". Called once at boot. */
void ext_register(void);

#endif
