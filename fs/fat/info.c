// SPDX-License-Identifier: MIT
/* How many clusters are free, and FSInfo.
 *
 * The count is the sum over all groups (groups.c). FAT32 has a sector where the last system left its own count and where it
 * had last found a free cluster. Both may be anything: the count is not believed, and the place only says where to begin to
 * look.
 *
 * Lock: alloc_lock. */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"

int fat_count_free(struct fat_fs *fs, uint64_t *nr)
{
    int error;

    mutex_lock(&fs->alloc_lock);
    error = fat_groups_count(fs);
    if (error == 0) {
        *nr = min_of(fs->nr_free + fs->nr_doomed_clusters, (uint64_t)fs->layout.nr_clusters);
    }
    mutex_unlock(&fs->alloc_lock);
    return error;
}

/* FSInfo, if it is there and is one. */
static struct fat_disk_info *info_of(struct meta_block *meta)
{
    struct fat_disk_info *info = meta->data;

    return le32_get(info->signature1) == FAT_INFO_SIGNATURE1 &&
                   le32_get(info->signature2) == FAT_INFO_SIGNATURE2 &&
                   le32_get(info->signature3) == FAT_INFO_SIGNATURE3
               ? info
               : NULL;
}

void fat_info_load(struct fat_fs *fs)
{
    struct meta_block meta;

    fs->next_free = FAT_FIRST_CLUSTER;
    if (fs->layout.info_sector == 0 ||
        meta_read(fs->super, fs->layout.info_sector, FAT_SECTOR_BYTES, &meta) != 0) {
        return; /* it is a hint */
    }
    struct fat_disk_info *info = info_of(&meta);

    if (info != NULL && fat_is_cluster(fs, le32_get(info->next_free))) {
        fs->next_free = le32_get(info->next_free);
    }
    meta_put(&meta);
}

static int store_info_locked(struct fat_fs *fs, struct meta_block *meta)
{
    struct fat_disk_info *info = info_of(meta);
    int error = info != NULL ? fat_groups_count(fs) : 0;

    if (info != NULL && error == 0) {
        info->nr_free = le32_of(fs->nr_free);
        info->next_free = le32_of(fs->next_free);
        meta_mark_dirty(meta);
        fs->is_info_stale = false;
    }
    return error;
}

int fat_info_store(struct fat_fs *fs)
{
    struct meta_block meta;
    int error;

    if (fs->layout.info_sector == 0) {
        return 0;
    }
    error = meta_read(fs->super, fs->layout.info_sector, FAT_SECTOR_BYTES, &meta);
    if (error != 0) {
        return error;
    }
    mutex_lock(&fs->alloc_lock);
    error = fs->is_info_stale ? store_info_locked(fs, &meta) : 0;
    mutex_unlock(&fs->alloc_lock);
    meta_put(&meta);
    return error;
}
