// SPDX-License-Identifier: MIT
/* Open files behind mapped areas. */
#ifndef CAIRN_TASK_MAP_FILE_H
#define CAIRN_TASK_MAP_FILE_H

/** Tell mm how to keep and release the file of an area. Called once at boot, before the first
 *  program. */
void map_file_init(void);

#endif
