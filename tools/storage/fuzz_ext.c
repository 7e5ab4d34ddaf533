// SPDX-License-Identifier: MIT
/* ext2 and ext3 for the fuzzer: its images, and where their structures lie. The images are sound, so they are
 * read here as the format says, without a check. */
#include "fs/ext/disk.h"
#include "kernel/base/bits.h"
#include "kernel/base/endian.h"
#include "tools/storage/fuzz.h"

struct fuzz_base fuzz_bases[] = {
    {.type = "ext2",
     .size_kib = 3072,
     .command = "mke2fs -q -F -t ext2 -b 1024 -I 128 -N 128 -g 1024 %s >/dev/null 2>&1"},
    {.type = "ext3",
     .size_kib = 4096,
     .command = "mke2fs -q -F -t ext3 -b 1024 -N 64 -J size=1 %s >/dev/null 2>&1"},
    {.type = "ext3",
     .size_kib = 4096,
     .is_crashed = true,
     .command = "mke2fs -q -F -t ext3 -b 1024 -N 64 -J size=1 %s >/dev/null 2>&1"},
    {.type = "ext2",
     .size_kib = 2048,
     .command = "mke2fs -q -F -t ext2 -b 4096 -I 256 -N 64 %s >/dev/null 2>&1"},
    {.type = "ext2",
     .size_kib = 2048,
     .command = "mke2fs -q -F -t ext2 -r 0 -b 2048 -N 64 %s >/dev/null 2>&1"},
};
const unsigned fuzz_nr_bases = array_size(fuzz_bases);

static const struct ext_disk_super *super_of(const uint8_t *image)
{
    return (const struct ext_disk_super *)(image + EXT_SUPER_OFFSET);
}

static uint32_t block_bytes(const uint8_t *image)
{
    return 1024u << le32_get(super_of(image)->log_block_size);
}

static uint32_t inode_bytes(const uint8_t *image)
{
    return le32_get(super_of(image)->revision) == 0 ? 128 : le16_get(super_of(image)->inode_size);
}

static uint32_t nr_groups(const uint8_t *image)
{
    return le32_get(super_of(image)->inodes_count) / le32_get(super_of(image)->inodes_per_group);
}

static uint64_t group_offset(const uint8_t *image, uint32_t group)
{
    return (uint64_t)(le32_get(super_of(image)->first_data_block) + 1) * block_bytes(image) +
           group * sizeof(struct ext_disk_group);
}

static const struct ext_disk_group *group_of(const uint8_t *image, uint32_t group)
{
    return (const struct ext_disk_group *)(image + group_offset(image, group));
}

static uint64_t inode_offset(const uint8_t *image, uint32_t index)
{
    uint32_t per_group = le32_get(super_of(image)->inodes_per_group);

    return (uint64_t)le32_get(group_of(image, index / per_group)->inode_table) *
               block_bytes(image) +
           (uint64_t)(index % per_group) * inode_bytes(image);
}

/* Fields of two bytes nearly everywhere; an even number of four lies on a boundary of four. */
static void set_word(struct fuzz_field *found, uint64_t offset, uint32_t field, uint32_t bytes)
{
    unsigned len = field % 3 == 0 ? 2 : 4;

    *found = (struct fuzz_field){
        .offset_bytes = offset + field / 3 * len % bytes / len * len,
        .len_bytes = len,
    };
}

static bool find_super(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                       struct fuzz_field *found)
{
    set_word(found, EXT_SUPER_OFFSET, field, 264);
    return true;
}

static bool find_group(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                       struct fuzz_field *found)
{
    set_word(found, group_offset(image, index % nr_groups(image)), field,
             sizeof(struct ext_disk_group));
    return true;
}

/* Of the first inodes: those that are in use. */
static bool find_inode(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                       struct fuzz_field *found)
{
    static const uint8_t few[] = {1, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

    set_word(found, inode_offset(image, few[index % array_size(few)]), field, inode_bytes(image));
    return true;
}

static uint32_t pointer(const uint8_t *image, uint32_t inode, unsigned index)
{
    return le32_get(
        ((const struct ext_disk_inode *)(image + inode_offset(image, inode)))->block[index]);
}

/* Record `index / 4` of one of the directories, whichever the first inodes are. */
static bool find_record(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                        struct fuzz_field *found)
{
    static const struct {
        unsigned offset, len;
    } fields[] = {{0, 4}, {4, 2}, {6, 1}, {7, 1}, {8, 1}, {9, 1}, {0, 1}, {12, 4}};
    uint32_t inode = index % 4 == 0 ? 1 : 10 + index % 4;
    const struct ext_disk_inode *disk =
        (const struct ext_disk_inode *)(image + inode_offset(image, inode));
    uint64_t at = (uint64_t)pointer(image, inode, 0) * block_bytes(image),
             end = at + block_bytes(image);

    if ((le16_get(disk->mode) >> 12) != 4 || at == 0) {
        return false;
    }
    for (uint32_t i = 0; i < index / 4; i++) {
        uint64_t next = at + le16_get(((const struct ext_disk_entry *)(image + at))->record_len);

        if (next + 12 > end) {
            break;
        }
        at = next;
    }
    *found = (struct fuzz_field){at + fields[field % array_size(fields)].offset,
                                 fields[field % array_size(fields)].len, false};
    return true;
}

/* A pointer in an indirect block. */
static bool find_indirect(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                          struct fuzz_field *found)
{
    for (uint32_t i = 0; i < 12; i++) {
        uint32_t inode = 10 + (index + i) % 12;
        uint32_t block = pointer(image, inode, 12 + index / 12 % 3);

        if (block != 0 && block < size / block_bytes(image)) {
            *found = (struct fuzz_field){
                (uint64_t)block * block_bytes(image) + field * 4 % block_bytes(image), 4, false};
            return true;
        }
    }
    return false;
}

static bool find_bitmap(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                        struct fuzz_field *found)
{
    const struct ext_disk_group *group = group_of(image, index / 2 % nr_groups(image));
    uint32_t block = le32_get(index % 2 == 0 ? group->block_bitmap : group->inode_bitmap);

    *found = (struct fuzz_field){(uint64_t)block * block_bytes(image) + field * 4 % 128, 4, false};
    return true;
}

/* Word `field` of the journal's block `index`; its own super block more often than others. */
static bool find_journal(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                         struct fuzz_field *found)
{
    uint32_t nr = index % 3 == 0 ? 0 : index / 3 % 24;
    uint32_t block = pointer(image, 7, nr < 12 ? nr : 12);

    if (block == 0) {
        return false;
    }
    if (nr >= 12) {
        block = le32_get(
            ((const struct le32 *)(image + (uint64_t)block * block_bytes(image)))[nr - 12]);
    }
    *found = (struct fuzz_field){(uint64_t)block * block_bytes(image) + field * 4 % 96, 4, true};
    return true;
}

const struct fuzz_kind fuzz_kinds[] = {
    {"super block", find_super},
    {"group", find_group},
    {"inode", find_inode},
    {"inode", find_inode},
    {"directory record", find_record},
    {"indirect block", find_indirect},
    {"bitmap", find_bitmap},
    {"journal", find_journal},
};
const unsigned fuzz_nr_kinds = array_size(fuzz_kinds);
