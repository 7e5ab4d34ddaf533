// SPDX-License-Identifier: MIT
/* Directories: blocks of entries.
 *
 *     | inode record_len name_len type name… | inode record_len … | … up to the end of the block
 *
 * Entries follow one another by record_len and never cross a block. An entry is removed by giving
 * its room to the one before it in the block (or, if it is the first, by inode 0); it is added in
 * the first room that is large enough, be it behind a shorter entry or in an unused one; when there
 * is none, the directory grows by a block.
 *
 * Directory blocks are metadata: they live in the device's cache, like bitmaps. Each record is
 * checked before it is used: its length, that its name fits, that its inode can exist, that the
 * name can be a name. The first that is wrong ends the call with an error; nothing is silently
 * skipped.
 *
 * A hashed directory (INDEX) is also a valid linear one; it is read as such, and loses its hash
 * when it is changed.
 *
 * Lock: dir->lock is held by the VFS, for writing around changes. */
#include "fs/ext/ext_internal.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

static uint32_t record_bytes(size_t name_len)
{
    return (uint32_t)align_up(sizeof(struct ext_disk_entry) + name_len, 4ul);
}

static uint8_t entry_type(const struct ext_fs *fs, uint32_t mode)
{
    static const uint8_t types[16] = {
        [S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2,  [S_IFCHR >> 12] = 3, [S_IFBLK >> 12] = 4,
        [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6, [S_IFLNK >> 12] = 7,
    };

    return fs->has_file_types ? types[(mode & S_IFMT) >> 12] : 0;
}

static uint8_t dirent_type(uint8_t entry_file_type)
{
    static const uint8_t types[] = {DT_UNKNOWN, DT_REG,  DT_DIR,  DT_CHR,
                                    DT_BLK,     DT_FIFO, DT_SOCK, DT_LNK};

    return entry_file_type < array_size(types) ? types[entry_file_type] : DT_UNKNOWN;
}

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

/* ---- Walking --------------------------------------------------------------------------------- */

struct dir_walk {
    struct inode *dir;
    uint64_t nr_blocks;
    uint64_t block;                /* of the directory */
    uint32_t offset;               /* of `entry` in it */
    struct meta_block meta;        /* page NULL: no block at hand */
    struct ext_disk_entry *entry;  /* the current one */
    struct ext_disk_entry *before; /* the one before it in the block, or NULL */
};

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
    if (entry->name_len == 0 || record_bytes(entry->name_len) > len) {
        return "a name does not fit its record";
    }
    if (memchr(entry->name, '/', entry->name_len) != NULL ||
        memchr(entry->name, '\0', entry->name_len) != NULL) {
        return "a name has a character that no name can have";
    }
    return NULL;
}

/* Check the record at walk->offset and make it the current one. */
static int enter_record(struct dir_walk *walk)
{
    struct ext_disk_entry *entry =
        (struct ext_disk_entry *)((char *)walk->meta.data + walk->offset);
    const char *fault = record_fault(walk, entry, walk->offset);

    if (fault != NULL) {
        return super_damaged(walk->dir->super, "directory %llu: block %llu: offset %u: %s",
                             (unsigned long long)walk->dir->number, (unsigned long long)walk->block,
                             walk->offset, fault);
    }
    walk->entry = entry;
    return 0;
}

static void walk_begin(struct dir_walk *walk, struct inode *dir, uint64_t block)
{
    *walk = (struct dir_walk){
        .dir = dir,
        .nr_blocks = inode_size(dir) >> ext_fs(dir->super)->block_shift,
        .block = block,
    };
}

static void walk_end(struct dir_walk *walk)
{
    meta_put(&walk->meta);
}

/* Move to the next record, used or not. Returns 0, -ENOENT at the end, or an error. */
static int walk_next(struct dir_walk *walk)
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
    if (walk->block >= walk->nr_blocks) {
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

/* Walk to the entry of this name. Returns 0, -ENOENT or an error; walk_end() in any case. */
static int walk_to_name(struct dir_walk *walk, struct inode *dir, const char *name, size_t len)
{
    int error;

    walk_begin(walk, dir, 0);
    while ((error = walk_next(walk)) == 0) {
        if (le32_get(walk->entry->inode) != 0 && walk->entry->name_len == len &&
            memcmp(walk->entry->name, name, len) == 0) {
            break;
        }
    }
    return error;
}

int ext_dir_find(struct inode *dir, const char *name, size_t len, uint32_t *number)
{
    struct dir_walk walk;
    int error = walk_to_name(&walk, dir, name, len);

    if (error == 0) {
        *number = le32_get(walk.entry->inode);
    }
    walk_end(&walk);
    return error;
}

int ext_dir_check_empty(struct inode *dir)
{
    struct dir_walk walk;
    int error;

    walk_begin(&walk, dir, 0);
    while ((error = walk_next(&walk)) == 0) {
        const struct ext_disk_entry *entry = walk.entry;
        bool is_dot = (entry->name_len == 1 && entry->name[0] == '.') ||
                      (entry->name_len == 2 && entry->name[0] == '.' && entry->name[1] == '.');

        if (le32_get(entry->inode) != 0 && !is_dot) {
            error = -ENOTEMPTY;
            break;
        }
    }
    walk_end(&walk);
    return error == -ENOENT ? 0 : error;
}

/* ---- Changing -------------------------------------------------------------------------------- */

static void note_change(struct inode *dir)
{
    ext_inode(dir)->flags &= ~(uint32_t)EXT_FLAG_INDEX;
    atomic_fetch_add_explicit(&dir->generation, 1, memory_order_relaxed);
    inode_touch_modified(dir);
}

static void fill_entry(struct inode *dir, struct ext_disk_entry *entry, const char *name,
                       size_t len, uint32_t number, uint32_t mode)
{
    entry->inode = le32_of(number);
    entry->name_len = (uint8_t)len;
    entry->file_type = entry_type(ext_fs(dir->super), mode);
    memcpy(entry->name, name, len);
}

/* Put the name into the current record's spare room, if there is enough. */
static bool try_add_here(struct dir_walk *walk, const char *name, size_t len, uint32_t number,
                         uint32_t mode)
{
    struct ext_disk_entry *entry = walk->entry;
    uint32_t record_len = le16_get(entry->record_len);
    uint32_t used = le32_get(entry->inode) != 0 ? record_bytes(entry->name_len) : 0;

    if (record_len - used < record_bytes(len)) {
        return false;
    }
    if (used != 0) {
        entry->record_len = le16_of((uint16_t)used);
        entry = (struct ext_disk_entry *)((char *)entry + used);
        entry->record_len = le16_of((uint16_t)(record_len - used));
    }
    fill_entry(walk->dir, entry, name, len, number, mode);
    ext_dirty(ext_fs(walk->dir->super), &walk->meta);
    return true;
}

/* Grow by a block that holds one unused record. */
static int append_block(struct inode *dir, struct meta_block *meta)
{
    struct ext_fs *fs = ext_fs(dir->super);
    uint64_t size = inode_size(dir);
    struct block_extent extent;
    struct ext_disk_entry *entry;
    int error = ext_map_blocks(dir, size >> fs->block_shift, 1, true, &extent);

    if (error != 0) {
        return error;
    }
    error = meta_new(dir->super, extent.disk_block, fs->block_bytes, meta);
    if (error != 0) {
        (void)!ext_take_back_blocks(dir, size);
        return error;
    }
    entry = meta->data;
    entry->record_len = le16_of((uint16_t)fs->block_bytes);
    ext_dirty(fs, meta);
    inode_set_size(dir, size + fs->block_bytes);
    return 0;
}

int ext_dir_add(struct inode *dir, const char *name, size_t len, uint32_t number, uint32_t mode)
{
    struct dir_walk walk;
    int error;

    walk_begin(&walk, dir, 0);
    while ((error = walk_next(&walk)) == 0) {
        if (try_add_here(&walk, name, len, number, mode)) {
            break;
        }
    }
    if (error == -ENOENT) {
        error = append_block(dir, &walk.meta);
        if (error == 0) {
            fill_entry(dir, walk.meta.data, name, len, number, mode);
        }
    }
    walk_end(&walk);
    if (error == 0) {
        note_change(dir);
    }
    return error;
}

int ext_dir_remove(struct inode *dir, const char *name, size_t len)
{
    struct dir_walk walk;
    int error = walk_to_name(&walk, dir, name, len);

    if (error == 0) {
        if (walk.before != NULL) {
            walk.before->record_len = le16_of(
                (uint16_t)(le16_get(walk.before->record_len) + le16_get(walk.entry->record_len)));
        }
        walk.entry->inode = le32_of(0);
        ext_dirty(ext_fs(dir->super), &walk.meta);
        note_change(dir);
    }
    walk_end(&walk);
    return error;
}

int ext_dir_replace(struct inode *dir, const char *name, size_t len, uint32_t number, uint32_t mode)
{
    struct dir_walk walk;
    int error = walk_to_name(&walk, dir, name, len);

    if (error == 0) {
        walk.entry->inode = le32_of(number);
        walk.entry->file_type = entry_type(ext_fs(dir->super), mode);
        ext_dirty(ext_fs(dir->super), &walk.meta);
        note_change(dir);
    }
    walk_end(&walk);
    return error;
}

int ext_dir_init(struct inode *dir, uint32_t parent)
{
    struct ext_fs *fs = ext_fs(dir->super);
    struct ext_disk_entry *dot, *dotdot;
    struct meta_block meta;
    int error = append_block(dir, &meta);

    if (error != 0) {
        return error;
    }
    dot = meta.data;
    fill_entry(dir, dot, ".", 1, (uint32_t)dir->number, S_IFDIR);
    dot->record_len = le16_of((uint16_t)record_bytes(1));
    dotdot = (struct ext_disk_entry *)((char *)meta.data + record_bytes(1));
    fill_entry(dir, dotdot, "..", 2, parent, S_IFDIR);
    dotdot->record_len = le16_of((uint16_t)(fs->block_bytes - record_bytes(1)));
    ext_dirty(fs, &meta);
    meta_put(&meta);
    return 0;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* A position is a byte offset into the directory. Records may have been joined since it was
 * handed out, so the walk begins at its block's start and goes on behind it. */
static int ext_readdir(struct file *file, struct dir_context *context)
{
    struct inode *dir = file->inode;
    uint32_t shift = ext_fs(dir->super)->block_shift;
    struct dir_walk walk;
    int error;

    walk_begin(&walk, dir, context->position >> shift);
    while ((error = walk_next(&walk)) == 0) {
        uint64_t position = (walk.block << shift) + walk.offset;
        struct dir_entry entry = {
            .name = walk.entry->name,
            .name_len = walk.entry->name_len,
            .inode_number = le32_get(walk.entry->inode),
            .next_position = position + le16_get(walk.entry->record_len),
            .type = dirent_type(walk.entry->file_type),
        };

        if (position < context->position || entry.inode_number == 0) {
            continue;
        }
        if (!context->emit(context, &entry)) {
            context->position = position;
            break;
        }
        context->position = entry.next_position;
    }
    walk_end(&walk);
    return error == -ENOENT ? 0 : error;
}

const struct file_ops ext_dir_file_ops = {
    .readdir = ext_readdir,
    .fsync = generic_file_fsync,
};
