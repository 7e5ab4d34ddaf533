// SPDX-License-Identifier: MIT
/* Block groups: the disk in equal parts, each with its own bitmaps and a share of the inodes.
 *
 *     | super block, descriptors (in some groups) | block bitmap | inode bitmap | inode table |
 *     data … |
 *
 * The descriptors say where each group's parts lie. They are checked once, at mount, so that the
 * rest of the driver may trust them: every part lies inside the file system, outside the super
 * block and descriptors, and no two of the same group meet.
 *
 * Their blocks are held for as long as the file system is mounted, so that counts can be stored without asking the disk
 * or the allocator for anything: what changes a bitmap cannot fail half-way. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "mm/kmalloc.h"
#include "mm/vmalloc.h"

uint32_t ext_group_of(const struct ext_fs *fs, uint32_t block)
{
    return (block - fs->first_data_block) / fs->blocks_per_group;
}

uint32_t ext_group_first_block(const struct ext_fs *fs, uint32_t group)
{
    return fs->first_data_block + group * fs->blocks_per_group;
}

uint32_t ext_group_nr_blocks(const struct ext_fs *fs, uint32_t group)
{
    return min_of(fs->blocks_per_group, fs->nr_blocks - ext_group_first_block(fs, group));
}

static bool is_power_of(uint32_t value, uint32_t base)
{
    while (value % base == 0) {
        value /= base;
    }
    return value == 1;
}

/* Groups that begin with copies of the super block and the descriptors. */
static bool has_super(const struct ext_fs *fs, uint32_t group)
{
    return !fs->has_sparse_super || group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
           is_power_of(group, 7);
}

static uint32_t nr_head_blocks(const struct ext_fs *fs, uint32_t group)
{
    return has_super(fs, group) ? 1 + fs->group_table_blocks : 0;
}

static bool ranges_meet(uint32_t a, uint64_t nr_a, uint32_t b, uint64_t nr_b)
{
    return a < b + nr_b && b < a + nr_a;
}

/* Whether the range, which lies in this group, holds some of its bookkeeping. */
static bool has_metadata(const struct ext_fs *fs, uint32_t index, uint32_t block, uint64_t nr)
{
    const struct ext_group *group = &fs->groups[index];

    return ranges_meet(block, nr, ext_group_first_block(fs, index), nr_head_blocks(fs, index)) ||
           ranges_meet(block, nr, group->block_bitmap, 1) ||
           ranges_meet(block, nr, group->inode_bitmap, 1) ||
           ranges_meet(block, nr, group->inode_table, fs->table_blocks);
}

bool ext_is_data_range(const struct ext_fs *fs, uint32_t block, uint64_t nr)
{
    if (block <= fs->first_data_block || block >= fs->nr_blocks || nr > fs->nr_blocks - block) {
        return false;
    }
    while (nr != 0) {
        uint32_t index = ext_group_of(fs, block);
        uint64_t part =
            min_of(nr, (uint64_t)ext_group_first_block(fs, index) + fs->blocks_per_group - block);

        if (has_metadata(fs, index, block, part)) {
            return false;
        }
        block += (uint32_t)part;
        nr -= part;
    }
    return true;
}

static uint32_t groups_per_block(const struct ext_fs *fs)
{
    return fs->block_bytes / (uint32_t)sizeof(struct ext_disk_group);
}

static uint32_t nr_descriptor_blocks(const struct ext_fs *fs)
{
    return (fs->nr_groups + groups_per_block(fs) - 1) / groups_per_block(fs);
}

static struct meta_block *descriptors_of(const struct ext_fs *fs, uint32_t group)
{
    return &fs->descriptors[group / groups_per_block(fs)];
}

static struct ext_disk_group *descriptor_of(const struct ext_fs *fs, uint32_t group)
{
    return (struct ext_disk_group *)descriptors_of(fs, group)->data + group % groups_per_block(fs);
}

/* A part of `nr` blocks lies in its own group, behind the head. (Without flex_bg, which is
 * refused, it must.) */
static bool is_part_ok(const struct ext_fs *fs, uint32_t group, uint32_t block, uint32_t nr)
{
    uint32_t first = ext_group_first_block(fs, group) + nr_head_blocks(fs, group);
    uint32_t end = ext_group_first_block(fs, group) + ext_group_nr_blocks(fs, group);

    return block >= first && block < end && nr <= end - block;
}

static bool overlaps(uint32_t a, uint32_t b, uint32_t nr_b)
{
    return a >= b && a - b < nr_b;
}

static int check_group(struct ext_fs *fs, uint32_t index)
{
    const struct ext_group *group = &fs->groups[index];

    if (!is_part_ok(fs, index, group->block_bitmap, 1) ||
        !is_part_ok(fs, index, group->inode_bitmap, 1) ||
        !is_part_ok(fs, index, group->inode_table, fs->table_blocks) ||
        group->block_bitmap == group->inode_bitmap ||
        overlaps(group->block_bitmap, group->inode_table, fs->table_blocks) ||
        overlaps(group->inode_bitmap, group->inode_table, fs->table_blocks)) {
        pr_err("ext: %s: group %u: bitmaps at %u and %u, inode table at %u: not where they can be",
               fs->super->device->name, index, group->block_bitmap, group->inode_bitmap,
               group->inode_table);
        return -EUCLEAN;
    }
    if (group->nr_free_blocks > fs->blocks_per_group ||
        group->nr_free_inodes > fs->inodes_per_group) {
        pr_err("ext: %s: group %u: %u free blocks and %u free inodes are more than it has",
               fs->super->device->name, index, group->nr_free_blocks, group->nr_free_inodes);
        return -EUCLEAN;
    }
    return 0;
}

static int load_group(struct ext_fs *fs, uint32_t index)
{
    const struct ext_disk_group *disk = descriptor_of(fs, index);

    fs->groups[index] = (struct ext_group){
        .block_bitmap = le32_get(disk->block_bitmap),
        .inode_bitmap = le32_get(disk->inode_bitmap),
        .inode_table = le32_get(disk->inode_table),
        .nr_free_blocks = le16_get(disk->free_blocks_count),
        .nr_free_inodes = le16_get(disk->free_inodes_count),
        .nr_dirs = le16_get(disk->used_dirs_count),
    };
    return check_group(fs, index);
}

/* They lie behind the super block, in the first group. */
static int hold_descriptors(struct ext_fs *fs)
{
    int error = 0;

    for (uint32_t i = 0; i < nr_descriptor_blocks(fs) && error == 0; i++) {
        error = meta_read(fs->super, fs->first_data_block + 1 + i, fs->block_bytes,
                          &fs->descriptors[i]);
        if (error != 0) {
            pr_err("ext: %s: the descriptors from group %u on cannot be read: error %d",
                   fs->super->device->name, i * groups_per_block(fs), error);
        }
    }
    return error;
}

void ext_groups_unload(struct ext_fs *fs)
{
    for (uint32_t i = 0; fs->descriptors != NULL && i < nr_descriptor_blocks(fs); i++) {
        meta_put(&fs->descriptors[i]);
    }
    kfree(fs->descriptors);
    kfree(fs->groups);
    fs->descriptors = NULL;
    fs->groups = NULL;
    fs->nr_free_blocks = 0;
    fs->nr_free_inodes = 0;
}

int ext_groups_load(struct ext_fs *fs)
{
    int error;

    fs->groups = kcalloc(fs->nr_groups, sizeof(*fs->groups), ALLOC_KERNEL);
    fs->descriptors = kcalloc(nr_descriptor_blocks(fs), sizeof(*fs->descriptors), ALLOC_KERNEL);
    if (fs->groups == NULL || fs->descriptors == NULL) {
        pr_err("ext: %s: no memory for %u groups", fs->super->device->name, fs->nr_groups);
        ext_groups_unload(fs);
        return -ENOMEM;
    }
    error = hold_descriptors(fs);
    for (uint32_t i = 0; i < fs->nr_groups && error == 0; i++) {
        error = load_group(fs, i);
        fs->nr_free_blocks += fs->groups[i].nr_free_blocks;
        fs->nr_free_inodes += fs->groups[i].nr_free_inodes;
    }
    if (error != 0) {
        ext_groups_unload(fs);
    }
    return error;
}

void ext_group_store(struct ext_fs *fs, uint32_t index)
{
    const struct ext_group *group = &fs->groups[index];
    struct ext_disk_group *disk = descriptor_of(fs, index);

    mutex_assert_held(&fs->alloc_lock);
    disk->free_blocks_count = le16_of((uint16_t)group->nr_free_blocks);
    disk->free_inodes_count = le16_of((uint16_t)group->nr_free_inodes);
    disk->used_dirs_count = le16_of((uint16_t)group->nr_dirs);
    ext_dirty(fs, descriptors_of(fs, index));
}
