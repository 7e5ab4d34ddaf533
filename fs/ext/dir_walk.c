// SPDX-License-Identifier: MIT
/* Walking over the records of a directory: some of its blocks, or all, one record after the other.
 *
 * Directory blocks are metadata: they live in the device's cache, like bitmaps. Each record is
 * checked before it is used: its length, that its name fits, that its inode can exist; and before
 * its name is handed out, that it can be a name (a search compares with one that can). The first
 * that is wrong ends the walk with an error; nothing is silently skipped.
 *
 * Lock: dir->lock is held by the VFS, for writing around changes. */
#include "fs/ext/dir_walk.h"

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

/* Block `index` of a directory. A directory has no holes. */
static int read_dir_block(struct inode *dir, uint64_t index, struct meta_block *meta)
{
    struct block_extent extent;
    int error = ext_map_blocks(dir, index, 1, false, &extent);

    if (error != 0) {
        return error;
    }
    if (extent.is_hole) {
        return super_damaged(dir->super, "directory %llu: block %llu is missing",
                             (unsigned long long)dir->number, (unsigned long long)index);
    }
    return meta_read(dir->super, extent.disk_block, ext_fs(dir->super)->block_bytes, meta);
}

static const char *record_fault(const struct dir_walk *walk, const struct ext_disk_entry *entry,
                                uint32_t offset)
{
    const struct ext_fs *fs = ext_fs(walk->dir->super);
    uint32_t left = fs->block_bytes - offset;
    uint32_t len;

    if (left < sizeof(*entry)) {
        return "no room for a record";
    }
    len = le16_get(entry->record_len);
    if (len < sizeof(*entry) || len % 4 != 0 || len > left) {
        return "a record's length is wrong";
    }
    if (le32_get(entry->inode) == 0) {
        return NULL;
    }
    if (le32_get(entry->inode) > fs->nr_inodes) {
        return "a record's inode is out of range";
    }
    if (entry->name_len == 0 || dir_record_bytes(entry->name_len) > len) {
        return "a name does not fit its record";
    }
    return NULL;
}

static int record_damaged(const struct dir_walk *walk, const char *fault)
{
    return super_damaged(walk->dir->super, "directory %llu: block %llu: offset %u: %s",
                         (unsigned long long)walk->dir->number, (unsigned long long)walk->block,
                         walk->offset, fault);
}

/* Check the record at walk->offset and make it the current one. */
static int enter_record(struct dir_walk *walk)
{
    struct ext_disk_entry *entry =
        (struct ext_disk_entry *)((char *)walk->meta.data + walk->offset);
    const char *fault = record_fault(walk, entry, walk->offset);

    if (fault != NULL) {
        return record_damaged(walk, fault);
    }
    walk->entry = entry;
    return 0;
}

void dir_walk_begin(struct dir_walk *walk, struct inode *dir, uint64_t first, uint64_t end)
{
    uint64_t nr_blocks = inode_size(dir) >> ext_fs(dir->super)->block_shift;

    *walk = (struct dir_walk){
        .dir = dir,
        .end = min_of(end, nr_blocks),
        .block = first,
    };
}

void dir_walk_end(struct dir_walk *walk)
{
    meta_put(&walk->meta);
}

int dir_walk_next(struct dir_walk *walk)
{
    uint32_t block_bytes = ext_fs(walk->dir->super)->block_bytes;
    int error;

    if (walk->meta.page != NULL) {
        walk->before = walk->entry;
        walk->offset += le16_get(walk->entry->record_len);
        if (walk->offset < block_bytes) {
            return enter_record(walk);
        }
        meta_put(&walk->meta);
        walk->block++;
    }
    if (walk->block >= walk->end) {
        return -ENOENT;
    }
    error = read_dir_block(walk->dir, walk->block, &walk->meta);
    if (error != 0) {
        return error;
    }
    walk->offset = 0;
    walk->before = NULL;
    return enter_record(walk);
}

int dir_walk_check_name(const struct dir_walk *walk)
{
    const struct ext_disk_entry *entry = walk->entry;

    if (memchr(entry->name, '/', entry->name_len) != NULL ||
        memchr(entry->name, '\0', entry->name_len) != NULL) {
        return record_damaged(walk, "a name has a character that no name can have");
    }
    return 0;
}
