// SPDX-License-Identifier: MIT
/* /dev: a node for every device that the drivers registered. Theory in devfs.c. */
#ifndef CAIRN_FS_DEVFS_DEVFS_H
#define CAIRN_FS_DEVFS_DEVFS_H

/** Register the types "devfs" and "devtmpfs" (its name on Linux): called once at boot by main.c. */
void devfs_init(void);

#endif
