// SPDX-License-Identifier: MIT
/* Telling the disk which blocks hold nothing (FITRIM).
 *
 * A disk of flash cells, or an image file of the host, keeps what was ever written until it is told that nobody
 * wants it. Each free run of the bitmaps is discarded, group by group. What is discarded is gone at once, so
 * a block must be free *on the disk*, not only in memory: after a power cut its old owner would be back, with
 * nothing in it. That is what is free and not frozen (freeze.c); everything is committed or synced first, so that
 * little is.
 *
 * Windows end: blocks of theirs may be known to hold zeros (clear.c), and will not after that.
 *
 * Lock: alloc_lock, from the look at a bitmap to the end of the discard: nobody is given a block that is just
 * going. It is let go between two runs. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "fs/vfs/vfs.h"
#include "kernel/abi/errno.h"

/* In blocks. */
struct trim {
    struct ext_fs *fs;
    uint64_t start, end; /* of the file system */
    uint32_t min;        /* shorter runs are left alone */
    uint64_t nr_trimmed;
};

/* Discard the first run of a group at or behind *from. *from moves behind it; to nr_bits when there is no more. */
static int trim_run(struct trim *trim, uint32_t group, uint64_t *from, uint64_t nr_bits)
{
    struct ext_fs *fs = trim->fs;
    uint32_t shift = fs->block_shift - SECTOR_SHIFT;
    uint64_t base = ext_group_first_block(fs, group);
    uint32_t start, nr;
    int error;

    mutex_lock(&fs->alloc_lock);
    error = ext_find_free_run(fs, group, (uint32_t)*from, (uint32_t)nr_bits, &start, &nr);
    if (error != 0 || nr == 0) {
        *from = nr_bits;
    } else {
        if (!ext_is_data_range(fs, (uint32_t)base + start, nr)) {
            error = super_damaged(fs->super,
                                  "group %u: metadata blocks %llu+%u are free in its bitmap", group,
                                  (unsigned long long)base + start, nr);
        } else if (nr >= trim->min) {
            (void)ext_windows_drop_all(fs);
            error = block_discard(fs->super->device, (base + start) << shift,
                                  (uint64_t)nr << shift);
            trim->nr_trimmed += error == 0 ? nr : 0;
        }
        *from = start + nr;
    }
    mutex_unlock(&fs->alloc_lock);
    return error;
}

static int trim_group(struct trim *trim, uint32_t group)
{
    uint64_t base = ext_group_first_block(trim->fs, group);
    uint64_t nr_bits = ext_group_nr_blocks(trim->fs, group);
    uint64_t from = trim->start > base ? trim->start - base : 0;
    int error = 0;

    nr_bits = trim->end < base + nr_bits ? trim->end - base : nr_bits;
    while (from < nr_bits && error == 0) {
        error = trim_run(trim, group, &from, nr_bits);
    }
    return error;
}

int ext_trim(struct super *super, struct trim_range *range)
{
    struct ext_fs *fs = ext_fs(super);
    struct trim trim = {.fs = fs, .start = range->start_bytes >> fs->block_shift};
    uint64_t min = (range->min_bytes + fs->block_bytes - 1) >> fs->block_shift;
    uint64_t nr = range->len_bytes >> fs->block_shift;
    int error;

    if (min > fs->blocks_per_group || trim.start >= fs->nr_blocks || nr == 0) {
        return -EINVAL;
    }
    if (!super->device->has_discard) {
        return -EOPNOTSUPP;
    }
    trim.min = (uint32_t)min;
    trim.end = nr < fs->nr_blocks - trim.start ? trim.start + nr : fs->nr_blocks;
    trim.start = max_of(trim.start, (uint64_t)fs->first_data_block);
    error = vfs_sync_super(super);
    for (uint64_t block = trim.start; block < trim.end && error == 0;) {
        uint32_t group = ext_group_of(fs, (uint32_t)block);

        error = trim_group(&trim, group);
        block = (uint64_t)ext_group_first_block(fs, group) + ext_group_nr_blocks(fs, group);
    }
    range->trimmed_bytes = trim.nr_trimmed << fs->block_shift;
    return error;
}
