// SPDX-License-Identifier: MIT
/* Walking over a directory's records. See dir_walk.c. */
#ifndef CAIRN_FS_EXT_DIR_WALK_H
#define CAIRN_FS_EXT_DIR_WALK_H

#include "fs/ext/ext_internal.h"

struct dir_walk {
    struct inode *dir;
    uint64_t block;                /* of the directory */
    uint64_t end;                  /* the block before which it ends */
    uint32_t offset;               /* of `entry` in its block */
    struct meta_block meta;        /* page NULL: no block at hand */
    struct ext_disk_entry *entry;  /* the current one, used or not */
    struct ext_disk_entry *before; /* the one before it in the block, or NULL */
};

/** The least length of a record with a name of name_len bytes. */
static inline uint32_t dir_record_bytes(size_t name_len)
{
    return (uint32_t)align_up(sizeof(struct ext_disk_entry) + name_len, 4ul);
}

/** The room for a further record in this one: all of it when it is unused. */
static inline uint32_t dir_record_room(const struct ext_disk_entry *entry)
{
    uint32_t used = le32_get(entry->inode) != 0 ? dir_record_bytes(entry->name_len) : 0;

    return le16_get(entry->record_len) - used;
}

/** Begin before the first record of block `first`; the walk ends before block `end` or where the directory
 *  does. dir_walk_end() in any case. */
void dir_walk_begin(struct dir_walk *walk, struct inode *dir, uint64_t first, uint64_t end);
void dir_walk_end(struct dir_walk *walk);

/** Move to the next record, used or not. Returns 0, -ENOENT at the end, or an error. */
int must_check dir_walk_next(struct dir_walk *walk);

/** Whether the current record's name can be a name, as it must be before it is handed out: 0 or damage. */
int must_check dir_walk_check_name(const struct dir_walk *walk);

#endif
