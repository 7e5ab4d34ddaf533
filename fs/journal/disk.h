// SPDX-License-Identifier: MIT
/* A journal as it lies on the disk: the format of jbd2, which ext3 uses. Everything is big-endian.
 *
 * Source: the Linux kernel's documentation, "Journal (jbd2)" in filesystems/ext4/; the field names
 * follow it. */
#ifndef CAIRN_FS_JOURNAL_DISK_H
#define CAIRN_FS_JOURNAL_DISK_H

#include "kernel/base/endian.h"

#define JOURNAL_MAGIC      0xc03b3998u
#define JOURNAL_MIN_BLOCKS 1024u /* a smaller one is not made by anybody */

enum journal_block_type {
    JOURNAL_DESCRIPTOR = 1,
    JOURNAL_COMMIT = 2,
    JOURNAL_SUPER_V1 = 3,
    JOURNAL_SUPER_V2 = 4,
    JOURNAL_REVOKE = 5,
};

struct journal_disk_header { /* of every block of the journal but the copies */
    struct be32 magic;
    struct be32 type;
    struct be32 sequence; /* the transaction's number */
};

enum journal_incompat {
    JOURNAL_INCOMPAT_REVOKE = 0x1, /* there may be revoke blocks */
};

struct journal_disk_super {
    struct journal_disk_header header;
    struct be32 block_size;
    struct be32 nr_blocks; /* of the journal, with this one */
    struct be32 first;     /* block of the log */
    struct be32 sequence;  /* of the first transaction in the log */
    struct be32 start;     /* where it begins; 0: the log is empty */
    struct be32 error;
    struct be32 feature_compat; /* from here on version 2 */
    struct be32 feature_incompat;
    struct be32 feature_ro_compat;
    uint8_t uuid[16];
    struct be32 nr_users;
    struct be32 dynamic_super;
    struct be32 max_transaction;
    struct be32 max_transaction_data;
    uint8_t rest[172];
    struct be32 checksum;
    uint8_t users[768];
};
static_assert(sizeof(struct journal_disk_super) == 1024, "the journal's super block");
static_assert(offsetof(struct journal_disk_super, feature_incompat) == 40, "features");
static_assert(offsetof(struct journal_disk_super, checksum) == 252, "the checksum");

enum journal_tag_flags {
    JOURNAL_TAG_ESCAPED = 1,   /* the copy began with the magic number; zeros stand there */
    JOURNAL_TAG_SAME_UUID = 2, /* no 16 bytes of UUID follow */
    JOURNAL_TAG_DELETED = 4,   /* never written by anybody */
    JOURNAL_TAG_LAST = 8,
};

#define JOURNAL_UUID_BYTES 16u

struct journal_disk_tag { /* in a descriptor block: where a copy belongs */
    struct be32 block;
    struct be16 checksum;
    struct be16 flags;
};
static_assert(sizeof(struct journal_disk_tag) == 8, "a tag");

struct journal_disk_revoke {
    struct journal_disk_header header;
    struct be32 nr_bytes; /* in use, with this head */
    struct be32 blocks[];
};
static_assert(sizeof(struct journal_disk_revoke) == 16, "a revoke block's head");

struct journal_disk_commit {
    struct journal_disk_header header;
    uint8_t checksum_type;
    uint8_t checksum_size;
    uint8_t padding[2];
    struct be32 checksums[8];
    struct be32 seconds_high, seconds_low; /* since 1970, when it was made */
    struct be32 nanoseconds;
};
static_assert(offsetof(struct journal_disk_commit, seconds_high) == 48, "the time of a commit");

#endif
