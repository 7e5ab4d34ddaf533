// SPDX-License-Identifier: MIT
/* statfs(2). */
#ifndef CAIRN_ABI_STATFS_H
#define CAIRN_ABI_STATFS_H

#include <stdint.h>

struct abi_statfs {
    int64_t f_type, f_bsize;
    uint64_t f_blocks, f_bfree, f_bavail, f_files, f_ffree;
    int32_t f_fsid[2];
    int64_t f_namelen, f_frsize, f_flags, f_spare[4];
};
_Static_assert(sizeof(struct abi_statfs) == 120, "struct statfs of riscv64");

#define ST_RELATIME 0x1000 /* not the bit of MS_RELATIME */
#define ST_VALID    0x0020 /* f_flags is filled in; its bits below are those of mount(2) */

/* f_type */
#define TMPFS_MAGIC         0x01021994
#define PROC_SUPER_MAGIC    0x9fa0
#define PIPEFS_MAGIC        0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934
#define EXT2_SUPER_MAGIC    0xef53
#define MSDOS_SUPER_MAGIC   0x4d44

#endif
