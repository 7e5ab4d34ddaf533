// SPDX-License-Identifier: MIT
/* A mount that writes: what the super block says of it, from the first write to the last.
 *
 * Without a journal the clean bit is off meanwhile, so that after a crash e2fsck knows to look; unmounting puts back
 * what was found. With one the disk is clean all the time, and the mark that there may be something to replay stands
 * from before the journal is started to after it has been emptied.
 *
 * Counts in the super block are written at sync time from those in memory; after a crash they are wrong, and nobody
 * minds, since a mount takes them from the groups. */
#include "drivers/block.h"
#include "fs/ext/ext_internal.h"
#include "kernel/base/printk.h"

/* Store counts and state. After damage the disk says so, and e2fsck will look whatever the clean
 * bit says. */
static void store_super(struct ext_fs *fs, bool is_clean)
{
    struct ext_disk_super *disk = ext_disk_super(fs);
    uint16_t state = le16_get(disk->state) & (uint16_t)~EXT_STATE_CLEAN;

    mutex_assert_held(&fs->alloc_lock);
    if (super_is_damaged(fs->super)) {
        state |= EXT_STATE_ERRORS;
    } else if ((is_clean || fs->journal != NULL) && fs->was_clean) {
        state |= EXT_STATE_CLEAN; /* what a journal repairs is clean */
    }
    disk->free_blocks_count = le32_of((uint32_t)fs->nr_free_blocks);
    disk->free_inodes_count = le32_of((uint32_t)fs->nr_free_inodes);
    disk->write_time = le32_of((uint32_t)inode_now(fs->super).sec);
    disk->state = le16_of(state);
}

/* The super block as it is now goes to the disk at once: no operation is under way. */
static int write_super(struct ext_fs *fs)
{
    meta_mark_dirty(&fs->super_block);
    return meta_write_sync(&fs->super_block);
}

int ext_begin_writing(struct ext_fs *fs)
{
    struct ext_disk_super *disk = ext_disk_super(fs);
    int error = ext_journal_start(fs);

    if (error != 0) {
        return error;
    }
    mutex_lock(&fs->alloc_lock);
    fs->was_clean = (le16_get(disk->state) & EXT_STATE_CLEAN) != 0;
    if (!fs->was_clean) {
        pr_warn("ext: %s: was not unmounted cleanly: e2fsck is advised", fs->super->device->name);
    }
    fs->is_writing = true;
    disk->mount_count = le16_of((uint16_t)(le16_get(disk->mount_count) + 1));
    disk->mount_time = le32_of((uint32_t)inode_now(fs->super).sec);
    store_super(fs, false);
    mutex_unlock(&fs->alloc_lock);
    error = write_super(fs);
    if (error == 0 && fs->journal == NULL) {
        error = block_flush(fs->super->device); /* nothing may be there before it */
    }
    return error != 0 ? error : ext_orphans_release(fs);
}

static int write_everything(struct ext_fs *fs)
{
    int error = ext_journal_stop(fs);

    if (error == 0) {
        error = meta_write_all(fs->super);
    }
    return error != 0 ? error : block_flush(fs->super->device);
}

/* Everything is in its place, the journal is empty, and the super block says so; after a journal that broke, the
 * next mount has the last word. */
int ext_end_writing(struct ext_fs *fs)
{
    int error;

    if (!fs->is_writing) {
        return 0;
    }
    error = write_everything(fs);
    mutex_lock(&fs->alloc_lock);
    fs->is_writing = false;
    store_super(fs, error == 0);
    mutex_unlock(&fs->alloc_lock);
    if (error == 0 || fs->journal == NULL) {
        int last = write_super(fs);

        error = error != 0 ? error : last;
    }
    return error;
}

static int sync_super(struct ext_fs *fs)
{
    int error;

    (void)!ext_orphans_finish(fs); /* their last users have nobody to be told for */
    error = ext_begin_for_sync(fs);
    if (error != 0) {
        return error;
    }
    mutex_lock(&fs->alloc_lock);
    store_super(fs, false);
    ext_dirty(fs, &fs->super_block);
    mutex_unlock(&fs->alloc_lock);
    ext_end(fs, 1);
    return ext_commit(fs->super, NULL);
}

/* Nothing is stored for a file system that was never writable: a read-only mount leaves no
 * trace. */
int ext_sync(struct super *super, bool is_unmount)
{
    struct ext_fs *fs = ext_fs(super);

    if (!__atomic_load_n(&fs->is_writing, __ATOMIC_RELAXED)) {
        return 0;
    }
    return is_unmount ? ext_end_writing(fs) : sync_super(fs);
}
