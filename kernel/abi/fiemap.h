// SPDX-License-Identifier: MIT
/* Where a file's blocks lie, and which blocks are free: the structures of FS_IOC_FIEMAP and FITRIM. */
#ifndef CAIRN_ABI_FIEMAP_H
#define CAIRN_ABI_FIEMAP_H

#include <stdint.h>

struct abi_fiemap_extent { /* in bytes */
    uint64_t fe_logical, fe_physical, fe_length;
    uint64_t fe_reserved64[2];
    uint32_t fe_flags;
    uint32_t fe_reserved[3];
};
_Static_assert(sizeof(struct abi_fiemap_extent) == 56, "as Linux has it");

struct abi_fiemap { /* the extents follow */
    uint64_t fm_start, fm_length;
    uint32_t fm_flags;
    uint32_t fm_mapped_extents; /* out */
    uint32_t fm_extent_count;   /* room for so many; 0: only count */
    uint32_t fm_reserved;
};
_Static_assert(sizeof(struct abi_fiemap) == 32, "as Linux has it");

#define FIEMAP_FLAG_SYNC     1u
#define FIEMAP_EXTENT_LAST   0x0001u
#define FIEMAP_EXTENT_MERGED 0x1000u /* of blocks that the format names one by one */
#define FIEMAP_MAX_EXTENTS   (UINT32_MAX / sizeof(struct abi_fiemap_extent))

struct abi_fstrim_range { /* in bytes */
    uint64_t start, len;  /* len is also the result */
    uint64_t minlen;
};
_Static_assert(sizeof(struct abi_fstrim_range) == 24, "as Linux has it");

#endif
