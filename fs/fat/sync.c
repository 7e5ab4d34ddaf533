// SPDX-License-Identifier: MIT
/* What is on the disk when: fsync, sync, and the mark of being mounted.
 *
 * fsync(2) of a file: the data; the table, flush; then the entry with size and first cluster, and with it all other metadata,
 * flush (reach.c says why in this order). fsync of a directory does so for all files, since their entries are what a
 * directory consists of. Either ends with freeing what no entry on the disk reaches any more (free.c).
 *
 * While it is mounted for writing, a bit in the boot sector says so, set before the first change
 * and cleared after the last one is durable. It is left set when it was found set (only fsck.fat
 * clears it then), and when damage was found. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"

static int first_error(int first, int second)
{
    return first != 0 ? first : second;
}

int fat_write_metadata(struct fat_fs *fs)
{
    int error = meta_write_all(fs->super);

    return error != 0 ? error : block_flush(fs->super->device);
}

int fat_make_durable(struct inode *inode)
{
    int error = inode_is(inode, S_IFREG) ? fat_reach_store(inode) : 0;

    return error != 0 ? error : fat_write_metadata(fat_fs(inode->super));
}

/* Whether the entry on the disk leads to all of the file: then fdatasync(2) has nothing to do
 * with it. */
static bool is_entry_enough(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    bool result;

    mutex_lock(&fat->map_lock);
    mutex_lock(&fs->entry_lock);
    result = fat->stored.size_bytes == inode_size(inode) &&
             (fat->stored.size_bytes == 0 || fat->stored.start == fat->start) &&
             fat->durable_at == fat->nr_stored;
    mutex_unlock(&fs->entry_lock);
    mutex_unlock(&fat->map_lock);
    return result;
}

static int fsync_file(struct inode *inode, uint64_t first_byte, uint64_t last_byte,
                      bool is_datasync)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    uint64_t nr_stored;
    int error = mapping_write_and_wait(&inode->mapping, first_byte >> PAGE_SHIFT,
                                       last_byte >> PAGE_SHIFT);

    if (is_datasync && is_entry_enough(inode)) {
        return first_error(error, block_flush(fs->super->device));
    }
    error = first_error(error, fat_reach_store(inode));
    mutex_lock(&fs->entry_lock);
    nr_stored = fat->nr_stored;
    mutex_unlock(&fs->entry_lock);
    error = first_error(error, fat_free_doomed(fs));
    if (error == 0) {
        mutex_lock(&fs->entry_lock);
        fat->durable_at = nr_stored;
        mutex_unlock(&fs->entry_lock);
    }
    return error;
}

/* The second pass over all inodes: what the first one has prepared is settled, and then stored. All metadata after it. */
static int store_all(struct fat_fs *fs)
{
    int error = fat_settle(fs);

    error = first_error(error, super_write_inodes(fs->super, UINT64_MAX, true));
    return first_error(error, fat_free_doomed(fs));
}

static int fsync_dir(struct inode *dir)
{
    int error = super_write_inodes(dir->super, UINT64_MAX, true);

    return first_error(error, store_all(fat_fs(dir->super)));
}

int fat_fsync(struct inode *inode, uint64_t first_byte, uint64_t last_byte, bool is_datasync)
{
    if (!fat_fs(inode->super)->is_marked) {
        return 0; /* read-only: nothing is to be written */
    }
    return inode_is(inode, S_IFDIR) ? fsync_dir(inode)
                                    : fsync_file(inode, first_byte, last_byte, is_datasync);
}

/* ---- The whole file system ------------------------------------------------------------------- */

int fat_begin_writing(struct fat_fs *fs)
{
    int error;

    if (fs->is_marked) {
        return 0;
    }
    error = fat_layout_mark(fs, true);
    if (error == 0) {
        fs->is_marked = true;
    }
    return error;
}

/* Everything else is durable before the mark goes. */
static int end_writing(struct fat_fs *fs)
{
    int error;

    if (!fs->is_marked) {
        return 0;
    }
    error = fat_free_doomed(fs);
    error = first_error(error, fat_info_store(fs));
    error = first_error(error, fat_write_metadata(fs));
    if (error == 0 && !fs->was_dirty && !super_is_damaged(fs->super)) {
        error = fat_layout_mark(fs, false);
    }
    if (error == 0) {
        fs->is_marked = false;
    }
    return error;
}

/* FSInfo comes last, when what nobody needs any more is free. */
int fat_sync(struct super *super, bool is_unmount)
{
    struct fat_fs *fs = fat_fs(super);
    int error;

    if (is_unmount) {
        return end_writing(fs);
    }
    if (!fs->is_marked) {
        return 0;
    }
    error = store_all(fs);
    return first_error(error, fat_info_store(fs));
}

int fat_remount(struct super *super, uint32_t flags, const char *text)
{
    struct fat_fs *fs = fat_fs(super);
    struct fat_options options = fs->options;
    int error = fat_options_parse(super, text, &options);

    if (error == 0 && (flags & SUPER_RDONLY) != 0) {
        error = end_writing(fs);
    } else if (error == 0) {
        error = super_is_damaged(super) ? -EROFS : fat_begin_writing(fs);
    }
    if (error == 0) {
        fs->options = options;
    }
    return error;
}
