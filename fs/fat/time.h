// SPDX-License-Identifier: MIT
/* FAT's dates and times. */
#ifndef CAIRN_FS_FAT_TIME_H
#define CAIRN_FS_FAT_TIME_H

#include "kernel/base/types.h"

struct time_format;
struct timespec64;

struct fat_stamp {
    uint16_t date;  /* year - 1980: 7 bits, month: 4, day: 5 */
    uint16_t time;  /* hour: 5 bits, minute: 6, second / 2: 5 */
    uint8_t ten_ms; /* 0 .. 199: what is missing to the two seconds */
};

/** What of a time a directory entry keeps. Days are those of UTC. */
extern const struct time_format fat_time_format;

/** Impossible fields (month 0, hour 31) are taken as the nearest possible ones. */
struct timespec64 fat_time_decode(struct fat_stamp stamp);

/** Times before 1980 and after 2107 become the first and the last one that can be stored. */
struct fat_stamp fat_time_encode(struct timespec64 time);

#endif
