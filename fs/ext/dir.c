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
 * An entry can be given another name where it stands, if that fits: one change of one sector, which a power cut
 * leaves done or not done.
 *
 * A hashed directory (INDEX) is also a valid linear one; it is read as such, and loses its hash
 * when it is changed.
 *
 * Lock: dir->lock is held by the VFS, for writing around changes. */
#include "fs/ext/dir_walk.h"

#include "drivers/block.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

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

/* Walk on to the entry of this name. Returns 0, -ENOENT or an error. */
static int walk_on_to_name(struct dir_walk *walk, const char *name, size_t len)
{
    int error;

    while ((error = dir_walk_next(walk)) == 0) {
        if (le32_get(walk->entry->inode) != 0 && walk->entry->name_len == len &&
            memcmp(walk->entry->name, name, len) == 0) {
            break;
        }
    }
    return error;
}

/* Walk to the entry of this name, over the blocks where it can be. Returns 0, -ENOENT or an error;
 * dir_walk_end() in any case. */
static int walk_to_name(struct dir_walk *walk, struct inode *dir, const char *name, size_t len)
{
    uint32_t blocks[NAME_INDEX_PLACES];
    unsigned nr_blocks = ext_dir_index_find(dir, name, len, blocks);
    int error = -ENOENT;

    if (nr_blocks > NAME_INDEX_PLACES) {
        dir_walk_begin(walk, dir, 0, UINT64_MAX);
        return walk_on_to_name(walk, name, len);
    }
    dir_walk_begin(walk, dir, 0, 0);
    for (unsigned i = 0; i < nr_blocks && error == -ENOENT; i++) {
        dir_walk_end(walk);
        dir_walk_begin(walk, dir, blocks[i], blocks[i] + 1ull);
        error = walk_on_to_name(walk, name, len);
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
    dir_walk_end(&walk);
    return error;
}

int ext_dir_check_empty(struct inode *dir)
{
    struct dir_walk walk;
    int error;

    dir_walk_begin(&walk, dir, 0, UINT64_MAX);
    while ((error = dir_walk_next(&walk)) == 0) {
        const struct ext_disk_entry *entry = walk.entry;
        bool is_dot = (entry->name_len == 1 && entry->name[0] == '.') ||
                      (entry->name_len == 2 && entry->name[0] == '.' && entry->name[1] == '.');

        if (le32_get(entry->inode) != 0 && !is_dot) {
            error = -ENOTEMPTY;
            break;
        }
    }
    dir_walk_end(&walk);
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

/* Put the name into the current record's room, which is large enough. */
static void add_here(struct dir_walk *walk, const char *name, size_t len, uint32_t number,
                     uint32_t mode)
{
    struct ext_disk_entry *entry = walk->entry;
    uint32_t room = dir_record_room(entry);
    uint32_t used = le16_get(entry->record_len) - room;

    if (used != 0) {
        entry->record_len = le16_of((uint16_t)used);
        entry = (struct ext_disk_entry *)((char *)entry + used);
        entry->record_len = le16_of((uint16_t)room);
    }
    fill_entry(walk->dir, entry, name, len, number, mode);
    ext_dirty(ext_fs(walk->dir->super), &walk->meta);
}

/* Walk to a record with so much room. Returns 0, -ENOENT or an error; dir_walk_end() in any case. */
static int walk_to_room(struct dir_walk *walk, struct inode *dir, uint32_t bytes)
{
    uint64_t nr_blocks = inode_size(dir) >> ext_fs(dir->super)->block_shift;
    uint64_t block = ext_dir_index_next_room(dir, 0, bytes);

    dir_walk_begin(walk, dir, 0, 0);
    while (block < nr_blocks) {
        uint32_t most = 0;
        int error;

        dir_walk_end(walk);
        dir_walk_begin(walk, dir, block, block + 1);
        while ((error = dir_walk_next(walk)) == 0) {
            most = max_of(most, dir_record_room(walk->entry));
            if (most >= bytes) {
                return 0;
            }
        }
        if (error != -ENOENT) {
            return error;
        }
        ext_dir_index_note_room(dir, block, most);
        block = ext_dir_index_next_room(dir, block + 1, bytes);
    }
    return -ENOENT;
}

void ext_dir_init_block(struct ext_fs *fs, struct ext_disk_entry *entry)
{
    entry->record_len = le16_of((uint16_t)fs->block_bytes);
}

/* Grow by a block that holds one unused record. */
static int append_block(struct inode *dir, struct meta_block *meta)
{
    struct ext_fs *fs = ext_fs(dir->super);
    uint64_t size = inode_size(dir);
    struct block_extent extent;
    int error = ext_map_blocks(dir, size >> fs->block_shift, 1, true, &extent);

    if (error != 0) {
        return error;
    }
    error = meta_read(dir->super, extent.disk_block, fs->block_bytes, meta);
    if (error != 0) {
        (void)!ext_take_back_blocks(dir, size);
        return error;
    }
    inode_set_size(dir, size + fs->block_bytes);
    return 0;
}

int ext_dir_add(struct inode *dir, const char *name, size_t len, uint32_t number, uint32_t mode)
{
    uint64_t block = inode_size(dir) >> ext_fs(dir->super)->block_shift;
    struct dir_walk walk;
    int error = walk_to_room(&walk, dir, dir_record_bytes(len));

    if (error == 0) {
        block = walk.block;
        add_here(&walk, name, len, number, mode);
    } else if (error == -ENOENT) {
        error = append_block(dir, &walk.meta);
        if (error == 0) {
            fill_entry(dir, walk.meta.data, name, len, number, mode);
            ext_dirty(ext_fs(dir->super), &walk.meta);
        }
    }
    dir_walk_end(&walk);
    if (error == 0) {
        ext_dir_index_add(dir, name, len, block);
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
        ext_dir_index_remove(dir, name, len, walk.block);
        note_change(dir);
    }
    dir_walk_end(&walk);
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
    dir_walk_end(&walk);
    return error;
}

/* Whether a name of len bytes can take the place of the current record's, and lies with the record's head in one
 * sector. */
static bool has_place_for_name(const struct dir_walk *walk, size_t len)
{
    uint32_t last = walk->offset + (uint32_t)(sizeof(*walk->entry) + len) - 1;

    return dir_record_bytes(len) <= le16_get(walk->entry->record_len) &&
           walk->offset / SECTOR_SIZE == last / SECTOR_SIZE;
}

int ext_dir_rename(struct inode *dir, const char *name, size_t len, const char *new_name,
                   size_t new_len)
{
    struct dir_walk walk;
    int error = walk_to_name(&walk, dir, name, len);

    if (error == 0 && !has_place_for_name(&walk, new_len)) {
        error = -ENOSPC;
    }
    if (error == 0) {
        walk.entry->name_len = (uint8_t)new_len;
        memcpy(walk.entry->name, new_name, new_len);
        ext_dirty(ext_fs(dir->super), &walk.meta);
        ext_dir_index_remove(dir, name, len, walk.block);
        ext_dir_index_add(dir, new_name, new_len, walk.block);
        note_change(dir);
    }
    dir_walk_end(&walk);
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
    dot->record_len = le16_of((uint16_t)dir_record_bytes(1));
    dotdot = (struct ext_disk_entry *)((char *)meta.data + dir_record_bytes(1));
    fill_entry(dir, dotdot, "..", 2, parent, S_IFDIR);
    dotdot->record_len = le16_of((uint16_t)(fs->block_bytes - dir_record_bytes(1)));
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

    dir_walk_begin(&walk, dir, context->position >> shift, UINT64_MAX);
    while ((error = dir_walk_next(&walk)) == 0) {
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
        error = dir_walk_check_name(&walk);
        if (error != 0) {
            break;
        }
        if (!context->emit(context, &entry)) {
            context->position = position;
            break;
        }
        context->position = entry.next_position;
    }
    dir_walk_end(&walk);
    return error == -ENOENT ? 0 : error;
}

const struct file_ops ext_dir_file_ops = {
    .readdir = ext_readdir,
    .fsync = generic_file_fsync,
};
