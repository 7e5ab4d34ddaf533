// SPDX-License-Identifier: MIT
/* ext2 and ext3 as they lie on the disk. Everything is little-endian.
 * Source: D. Poirier, The Second Extended File System: Internal Layout (2019); field names
 * follow it. */
#ifndef CAIRN_FS_EXT_DISK_H
#define CAIRN_FS_EXT_DISK_H

#include "kernel/base/endian.h"

#define EXT_SUPER_OFFSET    1024u
#define EXT_SUPER_MAGIC     0xef53u
#define EXT_ROOT_INODE      2u
#define EXT_FIRST_INODE_OLD 11u /* of revision 0 */
#define EXT_INODE_SIZE_OLD  128u
#define EXT_FIRST_SECOND    ((int64_t)INT32_MIN)                 /* of a time stamp: 1901 */
#define EXT_LAST_SECOND_OLD ((int64_t)INT32_MAX)                 /* 2038 */
#define EXT_LAST_SECOND     (((int64_t)1 << 34) - 1 + INT32_MIN) /* with the two bits more: 2446 */
#define EXT_MIN_BLOCK_SHIFT 10u
#define EXT_MAX_BLOCK_SHIFT 12u /* a page */
#define EXT_MAX_LINKS       32000u

struct ext_disk_super {
    struct le32 inodes_count;
    struct le32 blocks_count;
    struct le32 reserved_blocks_count;
    struct le32 free_blocks_count;
    struct le32 free_inodes_count;
    struct le32 first_data_block;
    struct le32 log_block_size; /* block size is 1024 << this */
    struct le32 log_frag_size;
    struct le32 blocks_per_group;
    struct le32 frags_per_group;
    struct le32 inodes_per_group;
    struct le32 mount_time;
    struct le32 write_time;
    struct le16 mount_count;
    struct le16 max_mount_count;
    struct le16 magic;
    struct le16 state; /* EXT_STATE_* */
    struct le16 errors;
    struct le16 minor_revision;
    struct le32 last_check;
    struct le32 check_interval;
    struct le32 creator_os;
    struct le32 revision;
    struct le16 reserved_uid;
    struct le16 reserved_gid;
    struct le32 first_inode; /* from here on revision 1 */
    struct le16 inode_size;
    struct le16 block_group_number;
    struct le32 feature_compat;
    struct le32 feature_incompat;
    struct le32 feature_ro_compat;
    uint8_t uuid[16];
    char volume_name[16];
    char last_mounted[64];
    struct le32 algorithm_bitmap;
    uint8_t prealloc_blocks;
    uint8_t prealloc_dir_blocks;
    struct le16 reserved_gdt_blocks;
    uint8_t journal_uuid[16];
    struct le32 journal_inode;
    struct le32 journal_device;
    struct le32 last_orphan;
    struct le32 hash_seed[4];
    uint8_t default_hash_version;
    uint8_t journal_backup_type;
    struct le16 desc_size;
    struct le32 default_mount_options;
    struct le32 first_meta_block_group;
    struct le32 mkfs_time;
    uint8_t rest[756];
};
static_assert(sizeof(struct ext_disk_super) == 1024, "the super block");
static_assert(offsetof(struct ext_disk_super, magic) == 56, "magic");
static_assert(offsetof(struct ext_disk_super, feature_compat) == 92, "features");
static_assert(offsetof(struct ext_disk_super, last_orphan) == 232, "orphans");

enum ext_state { EXT_STATE_CLEAN = 1, EXT_STATE_ERRORS = 2 };

enum ext_compat {
    EXT_COMPAT_HAS_JOURNAL = 0x4,
};
enum ext_incompat {
    EXT_INCOMPAT_FILETYPE = 0x2,
    EXT_INCOMPAT_RECOVER = 0x4,
};
enum ext_ro_compat {
    EXT_RO_COMPAT_SPARSE_SUPER = 0x1,
    EXT_RO_COMPAT_LARGE_FILE = 0x2,
};
#define EXT_INCOMPAT_KNOWN  (EXT_INCOMPAT_FILETYPE | EXT_INCOMPAT_RECOVER)
#define EXT_RO_COMPAT_KNOWN (EXT_RO_COMPAT_SPARSE_SUPER | EXT_RO_COMPAT_LARGE_FILE)

struct ext_disk_group {
    struct le32 block_bitmap;
    struct le32 inode_bitmap;
    struct le32 inode_table;
    struct le16 free_blocks_count;
    struct le16 free_inodes_count;
    struct le16 used_dirs_count;
    struct le16 flags;
    uint8_t rest[12];
};
static_assert(sizeof(struct ext_disk_group) == 32, "a group descriptor");

struct ext_disk_attributes { /* the head of a block of extended attributes */
    struct le32 magic;
    struct le32 nr_inodes; /* that share it */
    struct le32 nr_blocks;
    struct le32 hash;
    struct le32 reserved[4];
};
static_assert(sizeof(struct ext_disk_attributes) == 32, "the head of an attribute block");
#define EXT_ATTRIBUTES_MAGIC 0xea020000u

#define EXT_NR_DIRECT   12u
#define EXT_NR_POINTERS 15u /* and one each of single, double and triple indirect */

struct ext_disk_inode {
    struct le16 mode;
    struct le16 uid_low;
    struct le32 size_low;
    struct le32 atime;
    struct le32 ctime;
    struct le32 mtime;
    struct le32 dtime;
    struct le16 gid_low;
    struct le16 links_count;
    struct le32 nr_sectors;
    struct le32 flags;
    struct le32 os_dependent1;
    struct le32 block[EXT_NR_POINTERS];
    struct le32 generation;
    struct le32 file_acl;
    struct le32 size_high; /* of regular files */
    struct le32 fragment;
    uint8_t fragment_number;
    uint8_t fragment_size;
    struct le16 padding;
    struct le16 uid_high;
    struct le16 gid_high;
    struct le32 reserved;
    /* From here on only where the inode size is above 128 and extra_size covers it. */
    struct le16 extra_size;
    struct le16 checksum_high;
    struct le32 ctime_extra;
    struct le32 mtime_extra;
    struct le32 atime_extra;
    struct le32 btime;
    struct le32 btime_extra;
};
static_assert(offsetof(struct ext_disk_inode, block) == 40, "block pointers");
static_assert(offsetof(struct ext_disk_inode, extra_size) == EXT_INODE_SIZE_OLD, "the old inode");
#define EXT_EXTRA_SIZE_WANTED 28u /* up to and with btime_extra */

enum ext_inode_flags {
    EXT_FLAG_IMMUTABLE = 0x10,
    EXT_FLAG_APPEND = 0x20,
    EXT_FLAG_INDEX = 0x1000, /* a hashed directory */
    EXT_FLAG_EXTENTS = 0x80000,
};

struct ext_disk_entry {
    struct le32 inode; /* 0: unused */
    struct le16 record_len;
    uint8_t name_len;
    uint8_t file_type; /* with EXT_INCOMPAT_FILETYPE */
    char name[];
} __attribute__((packed));
static_assert(sizeof(struct ext_disk_entry) == 8, "a directory entry's head");

#endif
