// SPDX-License-Identifier: MIT
/* Listing directories.
 *
 * A position is the slot where reading goes on, plus two for "." and "..", which the root has none
 * of on the disk. Slots do not move when other entries come and go, so a listing in steps shows
 * every entry that stays exactly once.
 *
 * Lock: dir->lock, for reading. */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/dirent.h"
#include "kernel/abi/errno.h"

/* Positions: 0 is ".", 1 is "..", and from 2 on the slots. */
#define FIRST_POSITION 2u

/* What the entry is called. A long name that is no UTF-16, or too long in UTF-8, could not be
 * opened: the short one can. */
static size_t name_text(const struct fat_found *found, char text[NAME_MAX])
{
    struct fat_name short_name;
    ssize_t len = -EINVAL;

    if (found->nr_long != 0) {
        len = fat_name_to_utf8(&found->long_name, text, NAME_MAX);
    }
    if (len < 0) {
        fat_short_decode(found->entry.name, found->entry.short_case, &short_name);
        len = fat_name_to_utf8(&short_name, text, NAME_MAX);
    }
    return len < 0 ? 0 : (size_t)len;
}

static uint64_t number_of(struct fat_fs *fs, const struct fat_found *found)
{
    return (found->entry.attributes & FAT_ATTR_DIRECTORY) != 0
               ? fat_entry_start(fs, &found->entry)
               : fat_place_number(fs, found->position, 0);
}

/* The number of the directory above, from ".." in the second slot; the root's is its own. */
static int parent_number(struct inode *dir, uint64_t *number)
{
    struct fat_fs *fs = fat_fs(dir->super);
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    uint32_t start = 0;
    int error;

    if (dir->number != FAT_ROOT_NUMBER) {
        fat_dir_begin(&cursor, dir, 1);
        error = fat_dir_slot(&cursor, &slot);
        if (error == 0) {
            start = fat_entry_start(fs, slot);
        }
        fat_dir_end(&cursor);
        if (error != 0 && error != -ENOENT) {
            return error;
        }
    }
    *number = start == 0 || start == fs->layout.root_cluster ? FAT_ROOT_NUMBER : start;
    return 0;
}

/* "." and "..". Returns 0 with the position moved on, or -ENOENT when there is no more room. */
static int emit_dots(struct inode *dir, struct dir_context *context)
{
    while (context->position < FIRST_POSITION) {
        struct dir_entry entry = {.name = "..",
                                  .name_len = context->position + 1,
                                  .inode_number = dir->number,
                                  .next_position = context->position + 1,
                                  .type = DT_DIR};
        int error = context->position == 1 ? parent_number(dir, &entry.inode_number) : 0;

        if (error != 0) {
            return error;
        }
        if (!context->emit(context, &entry)) {
            return -ENOENT;
        }
        context->position = entry.next_position;
    }
    return 0;
}

static bool emit_found(struct fat_fs *fs, struct dir_context *context,
                       const struct fat_found *found)
{
    char text[NAME_MAX];
    struct dir_entry entry = {
        .name = text,
        .name_len = name_text(found, text),
        .inode_number = number_of(fs, found),
        .next_position = FIRST_POSITION + found->slot + 1u,
        .type = (found->entry.attributes & FAT_ATTR_DIRECTORY) != 0 ? DT_DIR : DT_REG,
    };

    if (!context->emit(context, &entry)) {
        return false;
    }
    context->position = entry.next_position;
    return true;
}

/* Entries may have come and gone since a position was handed out, so that it now lies within a
 * long name: the walk begins early enough to see all of it, and leaves out what lies before the
 * position. */
static int fat_readdir(struct file *file, struct dir_context *context)
{
    struct inode *dir = file->inode;
    struct fat_dir_cursor cursor;
    struct fat_found found;
    uint32_t first;
    int error = emit_dots(dir, context);

    if (error != 0 || context->position - FIRST_POSITION >= UINT32_MAX) {
        return error == -ENOENT ? 0 : error;
    }
    first = (uint32_t)(context->position - FIRST_POSITION);
    fat_dir_begin(&cursor, dir, first > FAT_MAX_LONG_SLOTS ? first - FAT_MAX_LONG_SLOTS : 0);
    while ((error = fat_dir_next(&cursor, &found)) == 0) {
        if (found.slot >= first && !emit_found(fat_fs(dir->super), context, &found)) {
            break;
        }
    }
    fat_dir_end(&cursor);
    return error == -ENOENT ? 0 : error;
}

const struct file_ops fat_dir_file_ops = {
    .readdir = fat_readdir,
    .fsync = generic_file_fsync,
};
