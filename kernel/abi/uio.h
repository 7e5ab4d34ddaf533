// SPDX-License-Identifier: MIT
/* readv(2) and its relatives. */
#ifndef CAIRN_ABI_UIO_H
#define CAIRN_ABI_UIO_H

#include <stdint.h>

struct abi_iovec { /* struct iovec */
    uint64_t base;
    uint64_t len;
};

#define UIO_MAXIOV 1024

/* preadv2, pwritev2 */
#define RWF_HIPRI  0x01
#define RWF_DSYNC  0x02
#define RWF_SYNC   0x04
#define RWF_NOWAIT 0x08
#define RWF_APPEND 0x10

#endif
