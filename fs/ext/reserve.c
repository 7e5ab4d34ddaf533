// SPDX-License-Identifier: MIT
/* The reserve: the last blocks, which are the administrator's.
 *
 * mke2fs keeps a part of the disk (a twentieth, by default) from everybody but root, and a user and a group that the
 * super block names. So root can log in and mend things when users have filled the disk, and as that share of the
 * blocks stays free, there is room to keep files in one piece.
 *
 * Who counts is the task that runs, not whoever opened the file: blocks are given by the very write, store
 * or new name that needs them, never later by writeback (fs/cache/file_write.c). So the question can be put here,
 * where blocks are taken, to the same witness who tells mm whose promise of memory it is (mm/commit.h).
 *
 * Blocks that are frozen (freeze.c) count as free, here as in statfs.
 *
 * Lock: alloc_lock. */
#include "fs/ext/ext_internal.h"
#include "mm/commit.h"

static bool may_use_reserve(const struct ext_fs *fs)
{
    struct payer payer;

    commit_describe_payer(&payer);
    return payer.is_privileged || payer.cred == NULL || payer.cred->fsuid == fs->reserved_uid ||
           (fs->reserved_gid != 0 && cred_in_group(payer.cred, fs->reserved_gid));
}

uint64_t ext_nr_available(struct ext_fs *fs)
{
    mutex_assert_held(&fs->alloc_lock);
    return fs->nr_free_blocks - min_of(fs->nr_free_blocks, (uint64_t)fs->nr_reserved_blocks);
}

uint32_t ext_cut_to_reserve(struct ext_fs *fs, uint32_t wanted)
{
    uint64_t nr_available = ext_nr_available(fs);

    return likely(wanted <= nr_available) || may_use_reserve(fs) ? wanted : (uint32_t)nr_available;
}
