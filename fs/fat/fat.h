// SPDX-License-Identifier: MIT
/* The FAT driver: FAT12, FAT16 and FAT32 with long names. */
#ifndef CAIRN_FS_FAT_FAT_H
#define CAIRN_FS_FAT_FAT_H

/** Register the file-system type "vfat". Called once at boot. */
void fat_register(void);

#endif
