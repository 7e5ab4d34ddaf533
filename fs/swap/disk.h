// SPDX-License-Identifier: MIT
/* The first page of a swap area, as mkswap writes it: "SWAPSPACE2", version 1. Linux and its tools
 * use the same.
 * Source: mkswap(8) and swapon(8); the kernel's Documentation and what mkswap leaves on a disk. */
#ifndef CAIRN_FS_SWAP_DISK_H
#define CAIRN_FS_SWAP_DISK_H

#include "kernel/base/endian.h"
#include "mm/page.h"

#define SWAP_SIGNATURE     "SWAPSPACE2"
#define SWAP_SIGNATURE_LEN 10u
#define SWAP_VERSION       1u
#define SWAP_MAX_BAD       637u

struct swap_header {
    uint8_t boot[1024]; /* not ours: a boot sector may be here */
    struct le32 version;
    struct le32 last_page; /* number of the last page of the area */
    struct le32 nr_bad;
    uint8_t uuid[16];
    uint8_t label[16];
    struct le32 unused[117];
    struct le32 bad[SWAP_MAX_BAD]; /* pages not to be used */
    uint8_t rest[2];
    char signature[SWAP_SIGNATURE_LEN];
};

static_assert(sizeof(struct swap_header) == PAGE_SIZE, "a page");
static_assert(offsetof(struct swap_header, version) == 1024, "behind a boot sector");
static_assert(offsetof(struct swap_header, bad) == 1536, "the list of bad pages");
static_assert(offsetof(struct swap_header, signature) == PAGE_SIZE - SWAP_SIGNATURE_LEN, "last");

#endif
