// SPDX-License-Identifier: MIT
/* getdents64(2). */
#ifndef CAIRN_ABI_DIRENT_H
#define CAIRN_ABI_DIRENT_H

#include <stdint.h>

struct abi_dirent64 { /* the name follows, terminated; records are padded to 8 bytes */
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
} __attribute__((packed));
#define ABI_DIRENT64_NAME_OFFSET 19

#define DT_UNKNOWN 0
#define DT_FIFO    1
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8
#define DT_LNK     10
#define DT_SOCK    12

#endif
