// SPDX-License-Identifier: MIT
/* FAT12, FAT16 and FAT32 with long names. Theory in super.c. */
#ifndef CAIRN_FS_FAT_FAT_H
#define CAIRN_FS_FAT_FAT_H

/** Make the type "vfat" known to mount(2). Called once at boot. */
void fat_register(void);

#endif
