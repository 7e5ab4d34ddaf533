// SPDX-License-Identifier: MIT
/* What is on the disk when: fsync, sync, and the mark of being mounted.
 *
 * fsync(2) of a file keeps the order that lets an entry never tell more than is true: the data;
 * then the table, flush; then the entry with size and first cluster, flush. fsync of a directory
 * does so for all files, since their entries are what a directory consists of.
 *
 * While it is mounted for writing, a bit in the boot sector says so, set before the first change
 * and cleared after the last one is durable. It is left set when it was found set (only fsck.fat
 * clears it then), and when damage was found. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"

static int first_error(int first, int second)
{
    return first != 0 ? first : second;
}

int fat_write_metadata(struct fat_fs *fs)
{
    int error = meta_write_all(fs->super);

    return error != 0 ? error : block_flush(fs->super->device);
}

/* Only the tables: entries may still tell what was, not what will be. */
static int write_tables(struct fat_fs *fs)
{
    uint32_t shift = PAGE_SHIFT - SECTOR_SHIFT;
    const struct fat_layout *layout = &fs->layout;
    int error = mapping_write_and_wait(fs->super->metadata, layout->table_sector >> shift,
                                       (layout->root_sector - 1) >> shift);

    return error != 0 ? error : block_flush(fs->super->device);
}

/* All metadata, durable; and with it the end of what was doomed before. */
static int commit(struct fat_fs *fs)
{
    struct list doomed;
    int error, last;

    fat_take_doomed(fs, &doomed);
    error = fat_write_metadata(fs);
    last = fat_free_list(fs, &doomed, error == 0);
    return first_error(error, last);
}

int fat_make_durable(struct inode *inode)
{
    int error = inode_is(inode, S_IFREG) ? mapping_write_and_wait(&inode->mapping, 0, UINT64_MAX)
                                         : 0;

    return first_error(error, fat_write_metadata(fat_fs(inode->super)));
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
    result = fat->stored_size == inode_size(inode) &&
             (fat->stored_size == 0 || fat->stored_start == fat->start) &&
             fat->durable_size == fat->stored_size && fat->durable_start == fat->stored_start;
    mutex_unlock(&fs->entry_lock);
    mutex_unlock(&fat->map_lock);
    return result;
}

static int fsync_file(struct inode *inode, uint64_t first_byte, uint64_t last_byte,
                      bool is_datasync)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    uint32_t size, start;
    int error = mapping_write_and_wait(&inode->mapping, first_byte >> PAGE_SHIFT,
                                       last_byte >> PAGE_SHIFT);

    if (is_datasync && is_entry_enough(inode)) {
        return first_error(error, block_flush(fs->super->device));
    }
    /* The entry will tell the size of now, so all of the data must be there. */
    error = first_error(error, mapping_write_and_wait(&inode->mapping, 0, UINT64_MAX));
    error = first_error(error, write_tables(fs));
    error = first_error(error, inode_write(inode, true));
    mutex_lock(&fs->entry_lock);
    size = fat->stored_size;
    start = fat->stored_start;
    mutex_unlock(&fs->entry_lock);
    error = first_error(error, commit(fs));
    if (error == 0) {
        mutex_lock(&fs->entry_lock);
        fat->durable_size = size;
        fat->durable_start = start;
        mutex_unlock(&fs->entry_lock);
    }
    return error;
}

static int fsync_dir(struct inode *dir)
{
    int error = super_write_inodes(dir->super, UINT64_MAX, true);

    error = first_error(error, write_tables(fat_fs(dir->super)));
    return first_error(error, commit(fat_fs(dir->super)));
}

int fat_fsync(struct inode *inode, uint64_t first_byte, uint64_t last_byte, bool is_datasync)
{
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
    if (fs->was_dirty) {
        pr_warn("vfat: %s: was not unmounted cleanly: fsck.fat is advised",
                fs->super->device->name);
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
    error = commit(fs);
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

int fat_sync(struct super *super, bool is_unmount)
{
    struct fat_fs *fs = fat_fs(super);

    if (is_unmount) {
        return end_writing(fs);
    }
    if (!fs->is_marked) {
        return 0;
    }
    return first_error(commit(fs), fat_info_store(fs));
}

int fat_remount(struct super *super, uint32_t flags, const char *options)
{
    struct fat_fs *fs = fat_fs(super);
    int error = fat_options_parse(super, options, &fs->options);

    if (error != 0) {
        return error;
    }
    if ((flags & SUPER_RDONLY) != 0) {
        return end_writing(fs);
    }
    return super_is_damaged(super) ? -EROFS : fat_begin_writing(fs);
}
