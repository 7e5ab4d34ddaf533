// SPDX-License-Identifier: MIT
/* Telling the disk which clusters hold nothing (FITRIM). Why, and what must be durable first: fs/ext/trim.c.
 *
 * A cluster becomes free in the table only when no entry on the disk reaches it any more (free.c). So each free one can be
 * discarded at once, even if the table on the disk still has it in a chain: after a power cut that is a lost chain, or one
 * longer than its file. Everything is synced first, so that what was doomed is free.
 *
 * Lock: alloc_lock, from the look at the table to the end of the discard; it is let go between two runs. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"

/* Discard the first free run in [*from, end), unless it is shorter than `min`. *from moves behind it. */
static int trim_run(struct fat_fs *fs, uint32_t *from, uint32_t end, uint64_t min,
                    uint64_t *nr_trimmed)
{
    uint32_t shift = fs->layout.cluster_shift - SECTOR_SHIFT;
    uint32_t first = 0, nr = 0;
    int error;

    mutex_lock(&fs->alloc_lock);
    error = fat_find_free_run(fs, *from, end, &first, &nr);
    *from = error == 0 && nr != 0 ? first + nr : end;
    if (error == 0 && nr != 0 && nr >= min) {
        error = block_discard(fs->super->device, fat_cluster_sector(fs, first),
                              (uint64_t)nr << shift);
        *nr_trimmed += error == 0 ? nr : 0;
    }
    mutex_unlock(&fs->alloc_lock);
    return error;
}

/* Bytes are counted from the first cluster on, as on Linux. */
int fat_trim_free(struct super *super, struct trim_range *range)
{
    struct fat_fs *fs = fat_fs(super);
    uint32_t shift = fs->layout.cluster_shift;
    uint64_t start = range->start_bytes >> shift, nr = range->len_bytes >> shift, nr_trimmed = 0;
    uint64_t min = (range->min_bytes >> shift) + ((range->min_bytes & ((1ull << shift) - 1)) != 0);
    uint32_t from, end;
    int error;

    if (min > fs->layout.nr_clusters || start >= fs->layout.nr_clusters || nr == 0) {
        return -EINVAL;
    }
    if (!super->device->has_discard) {
        return -EOPNOTSUPP;
    }
    from = FAT_FIRST_CLUSTER + (uint32_t)start;
    end = from + (uint32_t)min_of(nr, fs->layout.nr_clusters - start);
    error = vfs_sync_super(super);
    while (from < end && error == 0) {
        error = trim_run(fs, &from, end, min, &nr_trimmed);
    }
    range->trimmed_bytes = nr_trimmed << shift;
    return error;
}
