// SPDX-License-Identifier: MIT
/* From inodes back to directory entries: what an entry says, changing attributes, and the end of an inode.
 *
 * An inode is stored into the slot that is its entry at that moment (place.c); how far the entry reaches has an order of
 * its own (reach.c).
 *
 * A file whose last name and last user are gone is doomed with all of its clusters (free.c). One that has a name gives
 * back what it has behind its end: writers are given more than they ask for. */
#include "fs/fat/fat_internal.h"
#include "fs/fat/time.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

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
    struct timespec64 born = inode_now_as(super, TIME_BORN);

    memset(entry, 0, sizeof(*entry));
    entry->attributes = (uint8_t)attributes;
    put_times(entry, born, born, born);
    fat_entry_set_start(fat_fs(super), entry, start);
}

void fat_inode_fill_entry(struct inode *inode, struct fat_reach reach, struct fat_disk_entry *entry)
{
    struct fat_fs *fs = fat_fs(inode->super);
    bool is_dir = inode_is(inode, S_IFDIR);
    bool is_read_only = !is_dir && (inode->mode & FAT_WRITE_BITS) == 0 &&
                        (~fs->options.file_mask & FAT_WRITE_BITS) != 0;

    entry->attributes = (uint8_t)(fat_inode(inode)->attributes | (is_dir ? FAT_ATTR_DIRECTORY : 0) |
                                  (is_read_only ? FAT_ATTR_READ_ONLY : 0));
    spin_lock(&inode->state_lock);
    put_times(entry, inode->mtime, inode->atime, inode->btime);
    spin_unlock(&inode->state_lock);
    fat_entry_set_start(fs, entry, reach.start);
    entry->size_bytes = le32_of(reach.size_bytes);
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
        inode_store_attr(inode, &stored);
    }
    return error;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* Whether what nobody needs any more may be given back: on a mount that writes, also while it becomes read-only and
 * waits for the change that this is the end of. */
static bool may_free(struct super *super)
{
    return __atomic_load_n(&fat_fs(super)->is_marked, __ATOMIC_RELAXED) &&
           !(fat_is_read_only(super) && super_is_damaged(super));
}

void fat_evict_inode(struct inode *inode)
{
    struct fat_fs *fs = fat_fs(inode->super);
    struct fat_inode *fat = fat_inode(inode);

    if (may_free(inode->super) && fat->chain != FAT_CHAIN_BAD) {
        if (inode->nr_links != 0 && inode_is(inode, S_IFREG)) {
            (void)!fat_reach_finish(inode); /* its pages have told fsync of the error */
            fat_trim(inode);
        } else if (inode->nr_links != 0) { /* who reads it again knows nothing of it */
            (void)!fat_dir_settle_erased(inode, FAT_NO_SLOT, FAT_NO_SLOT);
        } else if (fat->start != 0) {
            struct fat_doomed_chain chain = {
                .start = fat->start,
                .nr = (uint32_t)(inode->nr_sectors >> (fs->layout.cluster_shift - 9)),
                .is_dir = inode_is(inode, S_IFDIR),
            };

            fat_doom_chain(fs, &chain);
        }
    }
    fat_place_set(inode, NULL);
}
