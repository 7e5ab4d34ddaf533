// SPDX-License-Identifier: MIT
/* ioctl(2) commands of files, pipes and block devices; a terminal's stand in termios.h. */
#ifndef CAIRN_ABI_IOCTL_H
#define CAIRN_ABI_IOCTL_H

#define FIBMAP        0x01
#define FIGETBSZ      0x02
#define FS_IOC_FIEMAP 0xc020660b
#define FITRIM        0xc0185879

#define FIONREAD 0x541b
#define FIONBIO  0x5421
#define FIONCLEX 0x5450
#define FIOCLEX  0x5451
#define FIOASYNC 0x5452
#define FIOQSIZE 0x5460

#define BLKROGET     0x125e
#define BLKGETSIZE   0x1260
#define BLKFLSBUF    0x1261
#define BLKSSZGET    0x1268
#define BLKBSZGET    0x80081270
#define BLKGETSIZE64 0x80081272
#define BLKPBSZGET   0x127b

#endif
