// SPDX-License-Identifier: MIT
/* FAT as it lies on the disk. Everything is little-endian; in the boot sector much of it is
 * unaligned.
 * Source: Microsoft, FAT: General Overview of On-Disk Format, 1.03 (2000), and ECMA-107; field
 * names follow the former. */
#ifndef CAIRN_FS_FAT_DISK_H
#define CAIRN_FS_FAT_DISK_H

#include "kernel/base/endian.h"

/* ---- The boot sector ------------------------------------------------------------------------- */

/* Where it stands depends on the kind: behind the common part, or that of FAT32. */
struct fat_disk_boot_tail {
    uint8_t drive;
    uint8_t state;     /* enum fat_disk_state; "reserved" in the specification */
    uint8_t signature; /* 0x29: the three fields below are there */
    uint8_t volume_id[4];
    char volume_label[11];
    char type_name[8]; /* "FAT16   ": a comment, not to be relied on */
} __attribute__((packed));

struct fat_disk_boot {
    uint8_t jump[3];
    char oem_name[8];
    uint8_t sector_bytes[2];
    uint8_t cluster_sectors;
    uint8_t reserved_sectors[2];
    uint8_t nr_tables;
    uint8_t root_slots[2];   /* 0 on FAT32 */
    uint8_t nr_sectors16[2]; /* 0: see nr_sectors32 */
    uint8_t media;
    uint8_t table_sectors16[2]; /* 0 on FAT32 */
    uint8_t track_sectors[2];
    uint8_t nr_heads[2];
    uint8_t hidden_sectors[4];
    uint8_t nr_sectors32[4];
    union {
        struct fat_disk_boot_tail tail16;
        struct {
            uint8_t table_sectors32[4];
            uint8_t extended_flags[2]; /* FAT_EXT_* */
            uint8_t version[2];
            uint8_t root_cluster[4];
            uint8_t info_sector[2];
            uint8_t backup_sector[2];
            uint8_t reserved[12];
            struct fat_disk_boot_tail tail32;
        } __attribute__((packed));
    };
} __attribute__((packed));
static_assert(offsetof(struct fat_disk_boot, nr_sectors32) == 32, "the common part");
static_assert(offsetof(struct fat_disk_boot, tail16.state) == 0x25, "the state on FAT12 and FAT16");
static_assert(offsetof(struct fat_disk_boot, tail32.state) == 0x41, "the state on FAT32");
static_assert(sizeof(struct fat_disk_boot) == 90, "the parameters of the boot sector");

#define FAT_BOOT_SIGNATURE        0xaa55u
#define FAT_BOOT_SIGNATURE_OFFSET 510u

enum fat_disk_state { FAT_STATE_DIRTY = 1 }; /* mounted for writing and not (yet) unmounted */

enum fat_ext_flags {
    FAT_EXT_ACTIVE_MASK = 0x0f,  /* which table is in use, if … */
    FAT_EXT_NO_MIRRORING = 0x80, /* … only one is kept */
};

struct fat_disk_info { /* FAT32: hints for allocation */
    struct le32 signature1;
    uint8_t reserved1[480];
    struct le32 signature2;
    struct le32 nr_free; /* all ones: unknown */
    struct le32 next_free;
    uint8_t reserved2[12];
    struct le32 signature3;
};
static_assert(sizeof(struct fat_disk_info) == 512, "FSInfo");
#define FAT_INFO_SIGNATURE1 0x41615252u
#define FAT_INFO_SIGNATURE2 0x61417272u
#define FAT_INFO_SIGNATURE3 0xaa550000u
#define FAT_INFO_UNKNOWN    0xffffffffu

/* ---- The table ------------------------------------------------------------------------------- */

#define FAT_FIRST_CLUSTER 2u /* entries 0 and 1 belong to no cluster */
#define FAT_MASK32        0x0fffffffu

/* Special values of an entry, as FAT32 has them; FAT12 and FAT16 have the low 12 or 16 bits of
 * these. */
#define FAT_FREE    0u
#define FAT_BAD     0x0ffffff7u
#define FAT_END_MIN 0x0ffffff8u /* this and above end a chain */
#define FAT_END     0x0fffffffu

#define FAT12_MAX_CLUSTERS 4084u
#define FAT16_MAX_CLUSTERS 65524u
#define FAT32_MAX_CLUSTERS 0x0ffffff5u

/* ---- Directories ----------------------------------------------------------------------------- */

#define FAT_SLOT_BYTES     32u
#define FAT_SHORT_BYTES    11u
#define FAT_LONG_UNITS     13u /* UTF-16 units in one slot */
#define FAT_MAX_LONG_SLOTS 20u
#define FAT_MAX_NAME_UNITS 255u
#define FAT_MAX_DIR_SLOTS  65536u
#define FAT_MAX_FILE_BYTES 0xffffffffull

#define FAT_SLOT_END     0x00u /* first byte: unused, and so is all that follows */
#define FAT_SLOT_DELETED 0xe5u
#define FAT_SLOT_E5      0x05u /* stands for a name that begins with the byte 0xe5 */

enum fat_attributes {
    FAT_ATTR_READ_ONLY = 0x01,
    FAT_ATTR_HIDDEN = 0x02,
    FAT_ATTR_SYSTEM = 0x04,
    FAT_ATTR_VOLUME = 0x08,
    FAT_ATTR_DIRECTORY = 0x10,
    FAT_ATTR_ARCHIVE = 0x20,
    FAT_ATTR_LONG_NAME = 0x0f, /* all of the low four: a slot of a long name */
    FAT_ATTR_LONG_NAME_MASK = 0x3f,
};

enum fat_short_case { FAT_CASE_LOWER_BASE = 0x08, FAT_CASE_LOWER_EXT = 0x10 };

struct fat_disk_entry {
    uint8_t name[FAT_SHORT_BYTES];
    uint8_t attributes;
    uint8_t short_case;   /* enum fat_short_case */
    uint8_t created_10ms; /* 0 .. 199 */
    struct le16 created_time;
    struct le16 created_date;
    struct le16 accessed_date;
    struct le16 start_high; /* 0 on FAT12 and FAT16 */
    struct le16 modified_time;
    struct le16 modified_date;
    struct le16 start_low;
    struct le32 size_bytes; /* 0 for directories */
};
static_assert(sizeof(struct fat_disk_entry) == FAT_SLOT_BYTES, "a directory entry");

/* A piece of a long name. The pieces stand before the entry, the last one first. */
struct fat_disk_long {
    uint8_t ordinal; /* 1 for the first piece … */
    uint8_t units1[10];
    uint8_t attributes; /* FAT_ATTR_LONG_NAME */
    uint8_t type;       /* 0 */
    uint8_t checksum;   /* of the short name */
    uint8_t units2[12];
    struct le16 start; /* 0 */
    uint8_t units3[4];
};
static_assert(sizeof(struct fat_disk_long) == FAT_SLOT_BYTES, "a long name's slot");
#define FAT_LONG_LAST 0x40u /* in the ordinal of the last piece, which comes first */

#endif
