// SPDX-License-Identifier: MIT
/* Allocating inodes.
 *
 * A file's inode goes into its directory's group, so that what is used together lies together.
 * Directories are spread: a new one goes into the group with the fewest directories among those
 * that have at least the average of free inodes and blocks, so that each has room for its files.
 * (After M. McKusick et al., A Fast File System for UNIX, 1984, 3.2.) */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"

static uint32_t choose_dir_group(const struct ext_fs *fs, uint32_t parent_group)
{
    uint64_t average_inodes = fs->nr_free_inodes / fs->nr_groups;
    uint64_t average_blocks = fs->nr_free_blocks / fs->nr_groups;
    uint32_t best = parent_group;
    uint32_t fewest = UINT32_MAX;

    for (uint32_t i = 0; i < fs->nr_groups; i++) {
        const struct ext_group *group = &fs->groups[i];

        if (group->nr_free_inodes != 0 && group->nr_free_inodes >= average_inodes &&
            group->nr_free_blocks >= average_blocks && group->nr_dirs < fewest) {
            fewest = group->nr_dirs;
            best = i;
        }
    }
    return best;
}

/* Take a free inode of one group. Returns 0 with *number 0 when it has none. */
static int alloc_in_group(struct ext_fs *fs, uint32_t group, bool is_dir, uint32_t *number)
{
    uint32_t from = group == 0 ? fs->first_inode - 1 : 0;
    struct meta_block bitmap;
    const struct ext_frozen *frozen = &fs->groups[group].frozen_inodes;
    size_t index;
    int error;

    *number = 0;
    if (fs->groups[group].nr_free_inodes == 0 || from >= fs->inodes_per_group) {
        return 0;
    }
    error = meta_read(fs->super, fs->groups[group].inode_bitmap, fs->block_bytes, &bitmap);
    if (error != 0) {
        return error;
    }
    index = ext_find_usable(bitmap.data, frozen, fs->inodes_per_group, from, true);
    if (index < fs->inodes_per_group) {
        bitmap_set(bitmap.data, index);
        ext_dirty(fs, &bitmap);
        fs->groups[group].nr_free_inodes--;
        fs->groups[group].nr_dirs += is_dir ? 1 : 0;
        fs->nr_free_inodes -= fs->nr_free_inodes != 0 ? 1 : 0;
        *number = group * fs->inodes_per_group + (uint32_t)index + 1;
        ext_group_store(fs, group);
    } else if (!ext_is_frozen(frozen)) {
        fs->groups[group].nr_free_inodes = 0;
    }
    meta_put(&bitmap);
    return 0;
}

int ext_alloc_inode(struct ext_fs *fs, uint32_t parent, bool is_dir, uint32_t *number)
{
    uint32_t group = (parent - 1) / fs->inodes_per_group;
    int error = 0;

    *number = 0;
    if (ext_is_read_only(fs)) {
        return -EROFS;
    }
    mutex_lock(&fs->alloc_lock);
    if (is_dir) {
        group = choose_dir_group(fs, group);
    }
    for (uint32_t i = 0; i < fs->nr_groups && *number == 0 && error == 0; i++) {
        error = alloc_in_group(fs, group, is_dir, number);
        group = (group + 1) % fs->nr_groups;
    }
    mutex_unlock(&fs->alloc_lock);
    if (error != 0) {
        return error;
    }
    return *number != 0 ? 0 : -ENOSPC;
}

int ext_read_inode_bitmap(struct ext_fs *fs, uint32_t number, struct meta_block *bitmap)
{
    uint32_t group = (number - 1) / fs->inodes_per_group;

    return meta_read(fs->super, fs->groups[group].inode_bitmap, fs->block_bytes, bitmap);
}

int ext_free_inode(struct ext_fs *fs, uint32_t number, bool is_dir)
{
    uint32_t group = (number - 1) / fs->inodes_per_group;
    uint32_t index = (number - 1) % fs->inodes_per_group;
    struct meta_block bitmap;
    int error;

    mutex_lock(&fs->alloc_lock);
    error = ext_read_inode_bitmap(fs, number, &bitmap);
    if (error == 0) {
        if (!bitmap_test(bitmap.data, index)) {
            error = super_damaged(fs->super, "inode %u was freed, and it was free already", number);
        } else {
            ext_freeze_inode(fs, group, index);
            bitmap_clear(bitmap.data, index);
            ext_dirty(fs, &bitmap);
            fs->groups[group].nr_free_inodes++;
            fs->groups[group].nr_dirs -= is_dir && fs->groups[group].nr_dirs != 0 ? 1 : 0;
            fs->nr_free_inodes++;
            ext_group_store(fs, group);
        }
        meta_put(&bitmap);
    }
    mutex_unlock(&fs->alloc_lock);
    return error;
}
