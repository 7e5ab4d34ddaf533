// SPDX-License-Identifier: MIT
/* From inodes back to directory entries: storing attributes, changing them, and the end of an
 * inode.
 *
 * An inode is stored into the slot that is its entry at that moment. entry_lock is held around it,
 * so that the entry cannot become another file's in between (place.c).
 *
 * The first cluster is stored only with a size: an entry of size 0 that leads to clusters would
 * be a fault to fsck.fat, and so would clusters behind the end of the file, which are given back
 * when the inode leaves memory. */
#include "fs/fat/fat_internal.h"
#include "fs/fat/time.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define SECONDS_PER_DAY 86400

/* ---- To an entry ----------------------------------------------------------------------------- */

static void put_times(struct fat_disk_entry *entry, struct timespec64 modified,
                      struct timespec64 accessed, struct timespec64 created)
{
    struct fat_stamp stamp = fat_time_encode(modified);

    entry->modified_date = le16_of(stamp.date);
    entry->modified_time = le16_of(stamp.time);
    entry->accessed_date = le16_of(fat_time_encode(accessed).date);
    stamp = fat_time_encode(created);
    entry->created_date = le16_of(stamp.date);
    entry->created_time = le16_of(stamp.time);
    entry->created_10ms = stamp.ten_ms;
}

void fat_inode_new_entry(struct super *super, uint32_t attributes, uint32_t start,
                         struct fat_disk_entry *entry)
{
    struct timespec64 now = inode_now(super);

    memset(entry, 0, sizeof(*entry));
    entry->attributes = (uint8_t)attributes;
    put_times(entry, now, now, now);
    fat_entry_set_start(fat_fs(super), entry, start);
}

void fat_inode_fill_entry(struct inode *inode, uint32_t start, struct fat_disk_entry *entry)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    bool is_dir = inode_is(inode, S_IFDIR);
    uint32_t size = is_dir ? 0 : (uint32_t)inode_size(inode);
    bool is_read_only = !is_dir && (inode->mode & FAT_WRITE_BITS) == 0 &&
                        (~fs->options.file_mask & FAT_WRITE_BITS) != 0;

    if (!is_dir && size == 0) {
        start = 0;
    }
    entry->attributes = (uint8_t)(fat->attributes | (is_dir ? FAT_ATTR_DIRECTORY : 0) |
                                  (is_read_only ? FAT_ATTR_READ_ONLY : 0));
    spin_lock(&inode->state_lock);
    put_times(entry, inode->mtime, inode->atime, inode->btime);
    spin_unlock(&inode->state_lock);
    fat_entry_set_start(fs, entry, start);
    entry->size_bytes = le32_of(size);
    fat->stored_start = start;
    fat->stored_size = size;
}

int fat_write_inode(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);
    struct meta_block meta;
    int error = 0;

    mutex_lock(&fat->map_lock);
    mutex_lock(&fs->entry_lock);
    if (fat->place.position != FAT_NO_POSITION) {
        error = meta_read(fs->super, fat->place.position / FAT_SLOTS_PER_SECTOR, FAT_SECTOR_BYTES,
                          &meta);
        if (error == 0) {
            struct fat_disk_entry *entry = (struct fat_disk_entry *)meta.data +
                                           fat->place.position % FAT_SLOTS_PER_SECTOR;

            fat_inode_fill_entry(inode, fat->start, entry);
            meta_mark_dirty(&meta);
            meta_put(&meta);
        }
    }
    mutex_unlock(&fs->entry_lock);
    mutex_unlock(&fat->map_lock);
    return error;
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* The mode that the file will have. FAT has one bit of it: writing, for all or for nobody. What else a
 * mode asks for is not done and not an error, as on Linux: `cp -p` and `tar` are to work. Bits that mean
 * something to execve are no such matter: they are refused. */
static int choose_mode(struct inode *inode, uint32_t wanted, uint32_t *mode)
{
    const struct fat_options *options = &fat_fs(inode->super)->options;
    bool is_dir = inode_is(inode, S_IFDIR);
    uint32_t full = 0777 & ~(is_dir ? options->dir_mask : options->file_mask);

    if ((wanted & ~0777u) != 0) {
        return -EPERM;
    }
    wanted &= full;
    if (wanted == full || (!is_dir && wanted == (full & ~FAT_WRITE_BITS))) {
        *mode = wanted;
    } else {
        *mode = inode->mode & 0777;
    }
    return 0;
}

/* A time as it can be stored: what is told now is what a later mount will tell. */
static struct timespec64 storable(struct timespec64 time)
{
    struct fat_stamp stamp = fat_time_encode(time);

    stamp.ten_ms = 0;
    return fat_time_decode(stamp);
}

int fat_setattr(struct inode *inode, const struct attr_change *change)
{
    struct attr_change stored = *change;
    int error = 0;

    if (((change->valid & ATTR_UID) != 0 && change->uid != inode->uid) ||
        ((change->valid & ATTR_GID) != 0 && change->gid != inode->gid)) {
        return -EPERM;
    }
    if ((change->valid & ATTR_MODE) != 0) {
        error = choose_mode(inode, change->mode, &stored.mode);
    }
    if (error == 0 && (change->valid & ATTR_SIZE) != 0) {
        error = change->size_bytes > FAT_MAX_FILE_BYTES ? -EFBIG
                                                        : fat_resize(inode, change->size_bytes);
    }
    if (error == 0) {
        if ((change->valid & ATTR_MTIME) != 0) {
            stored.mtime = storable(stored.mtime);
        }
        if ((change->valid & ATTR_ATIME) != 0) {
            stored.atime = storable(stored.atime);
            stored.atime.sec -= stored.atime.sec % SECONDS_PER_DAY;
            stored.atime.nsec = 0;
        }
        inode_store_attr(inode, &stored);
    }
    return error;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* What is cached of a directory that is gone must not be written any more. */
static void forget_sectors(struct inode *dir)
{
    struct fat_fs *fs = fat_fs(dir->super);
    struct fat_inode *fat = fat_inode(dir);
    struct fat_run run;

    for (uint32_t index = 0; index < fat->nr_clusters; index += run.nr) {
        if (fat_chain_find(dir, index, fat->nr_clusters - index, &run) != 0) {
            return;
        }
        meta_forget(dir->super, fat_cluster_sector(fs, run.cluster),
                    (uint64_t)run.nr << (fs->layout.cluster_shift - 9), FAT_SECTOR_BYTES);
    }
}

void fat_evict_inode(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);

    if (!fat_is_read_only(inode->super) && fat->chain != FAT_CHAIN_BAD) {
        if (inode->nr_links != 0 && inode_is(inode, S_IFREG)) {
            fat_trim(inode);
        } else if (inode->nr_links == 0 && fat->start != 0) {
            mutex_lock(&fat->map_lock);
            if (inode_is(inode, S_IFDIR)) {
                forget_sectors(inode);
            }
            fat_doom_chain(fs, fat->start,
                           (uint32_t)(inode->nr_sectors >> (fs->layout.cluster_shift - 9)));
            mutex_unlock(&fat->map_lock);
        }
    }
    fat_place_set(inode, NULL);
}
