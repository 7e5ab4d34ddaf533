// SPDX-License-Identifier: MIT
/* The journal of ext3: where it lies, and when it is replayed.
 *
 * It is a file like others, only without a name: inode 8 of the usual disk. A super block that has the
 * flag RECOVER says that somebody was writing when the power went; then the journal is replayed before
 * anything else is believed, and the flag is taken away when all of it has reached the disk.
 *
 * A mount that only reads replays as well: what it would show otherwise is a tree in pieces. Who must
 * not write at all, as for the evidence of a crime, says noload, and gets the pieces.
 *
 * What a journal is: fs/journal/replay.c. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "fs/journal/journal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"

bool ext_journal_needs_replay(struct ext_fs *fs)
{
    const struct ext_disk_super *disk = ext_disk_super(fs);

    return le32_get(disk->revision) != 0 &&
           (le32_get(disk->feature_incompat) & EXT_INCOMPAT_RECOVER) != 0;
}

static int map_journal(const struct journal_place *place, uint64_t index, uint64_t *disk_block)
{
    struct inode *inode = place->map_arg;
    struct block_extent extent;
    int error = ext_map_blocks(inode, index, 1, false, &extent);

    if (error == 0 && extent.is_hole) {
        error = super_damaged(inode->super, "the journal has a hole at block %llu",
                              (unsigned long long)index);
    }
    if (error == 0) {
        *disk_block = extent.disk_block;
    }
    return error;
}

/* The flag says that the journal holds what the disk doesn't; now it holds nothing. */
static int finish(struct ext_fs *fs, const struct journal_replay_result *result)
{
    struct ext_disk_super *disk = ext_disk_super(fs);
    uint32_t features = le32_get(disk->feature_incompat);
    int error;

    pr_info("ext: %s: journal replayed: %u transactions, %u blocks, %u more were void",
            fs->super->device->name, result->nr_transactions, result->nr_blocks,
            result->nr_revoked);
    disk->feature_incompat = le32_of(features & ~(uint32_t)EXT_INCOMPAT_RECOVER);
    if (result->had_error) {
        disk->state = le16_of(le16_get(disk->state) | EXT_STATE_ERRORS);
    }
    meta_mark_dirty(&fs->super_block);
    error = meta_write_sync(&fs->super_block);
    return error != 0 ? error : block_flush(fs->super->device);
}

static int find_place(struct ext_fs *fs, struct inode *inode, struct journal_place *place)
{
    if (!inode_is(inode, S_IFREG)) {
        return super_damaged(fs->super, "the journal, inode %llu, is not a regular file",
                             (unsigned long long)inode->number);
    }
    *place = (struct journal_place){
        .super = fs->super,
        .block_bytes = fs->block_bytes,
        /* A file larger than the disk has blocks twice, and would be mapped for days. */
        .nr_blocks = min_of(inode_size(inode) >> fs->block_shift, (uint64_t)fs->nr_blocks),
        .fs_blocks = fs->nr_blocks,
        .map = map_journal,
        .map_arg = inode,
        .ops_arg = fs,
    };
    return 0;
}

static int replay_inode(struct ext_fs *fs, struct inode *inode)
{
    struct journal_replay_result result;
    struct journal_place place;
    int error = find_place(fs, inode, &place);

    if (error == 0) {
        error = journal_replay(&place, &result);
    }
    return error != 0 ? error : finish(fs, &result);
}

int ext_journal_replay(struct ext_fs *fs)
{
    const struct ext_disk_super *disk = ext_disk_super(fs);
    struct super *super = fs->super;
    uint32_t number = le32_get(disk->journal_inode);
    struct inode *inode;
    int error;

    if (super->device->is_read_only) {
        pr_err("ext: %s: its journal must be replayed, and the device is read-only: mount it with "
               "-o ro,noload to see what is there without it",
               super->device->name);
        return -EROFS;
    }
    if ((le32_get(disk->feature_compat) & EXT_COMPAT_HAS_JOURNAL) == 0 || number == 0) {
        pr_err("ext: %s: its journal must be replayed, and is not on this disk: not mounted",
               super->device->name);
        return -EINVAL;
    }
    error = ext_inode_get_new(super, number, &inode);
    if (error == 0) {
        error = replay_inode(fs, inode);
        inode_fail_new(inode); /* what was read before the replay is not kept */
    }
    return error;
}

/* ---- In use ------------------------------------------------------------------------------------ */

static bool has_journal(struct ext_fs *fs)
{
    const struct ext_disk_super *disk = ext_disk_super(fs);

    return le32_get(disk->revision) != 0 &&
           (le32_get(disk->feature_compat) & EXT_COMPAT_HAS_JOURNAL) != 0;
}

static int open_journal(struct ext_fs *fs)
{
    struct journal_place place;
    struct inode *inode;
    int error = ext_inode_get_new(fs->super, le32_get(ext_disk_super(fs)->journal_inode), &inode);

    if (error != 0) {
        return error;
    }
    error = find_place(fs, inode, &place);
    if (error == 0) {
        error = journal_open(&place, &ext_journal_ops, &fs->journal);
    }
    inode_fail_new(inode); /* the journal knows its blocks by now */
    return error;
}

/* Set or clear the mark that there may be something to replay, durably. */
static int mark(struct ext_fs *fs, bool needs_replay)
{
    struct ext_disk_super *disk = ext_disk_super(fs);
    uint32_t features = le32_get(disk->feature_incompat) & ~(uint32_t)EXT_INCOMPAT_RECOVER;
    int error;

    disk->feature_incompat = le32_of(features | (needs_replay ? EXT_INCOMPAT_RECOVER : 0));
    meta_mark_dirty(&fs->super_block);
    error = meta_write_sync(&fs->super_block);
    return error != 0 ? error : block_flush(fs->super->device);
}

int ext_journal_start(struct ext_fs *fs)
{
    int error = 0;

    if (!has_journal(fs)) {
        return 0;
    }
    if (fs->journal == NULL) {
        error = open_journal(fs);
    }
    if (error == 0) {
        error = mark(fs, true);
    }
    return error != 0 ? error : journal_start(fs->journal);
}

int ext_journal_stop(struct ext_fs *fs)
{
    int error;

    if (fs->journal == NULL) {
        return 0;
    }
    error = journal_stop(fs->journal);
    return error != 0 ? error : mark(fs, false);
}
