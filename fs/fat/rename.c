// SPDX-License-Identifier: MIT
/* rename(2).
 *
 * On FAT a file is its entry, so renaming it means writing another entry and erasing the first.
 * Whenever the power fails, at least one of the two must be there, complete; if both are, they lead
 * to the same clusters, and fsck.fat gives these to the one it meets first and empties the other.
 * The steps:
 *
 *     to a new name                          over an existing file
 *     1. the new entry                       1. what the source consists of is made durable
 *     2. all metadata written, flush         2. the target's entry, in one sector: now the source's
 *     content
 *     3. the old entry is erased             3. flush (if the source's entry is not in the same
 *     sector)
 *                                            4. the source's entry is erased
 *                                            5. the target's old clusters are freed when 4 is
 *                                            durable (alloc.c)
 *
 * So a file that replaces another is complete on the disk before the other one is gone, even
 * without an fsync(2): the usual way to write a configuration file survives. The replaced name
 * keeps its spelling.
 *
 * While the source is between two entries it has none (fat_place_set(…, NULL)): nobody writes
 * its attributes anywhere. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

struct move {
    struct inode *old_dir, *new_dir;
    struct inode *source, *replaced; /* replaced may be NULL */
    struct fat_place from, to;       /* the source's entry, before and after */
};

static uint32_t start_of(struct inode *inode)
{
    struct fat_inode *fat = fat_inode(inode);
    uint32_t start;

    mutex_lock(&fat->map_lock);
    start = fat->start;
    mutex_unlock(&fat->map_lock);
    return start;
}

static bool in_same_sector(const struct move *move)
{
    return move->from.position / FAT_SLOTS_PER_SECTOR == move->to.position / FAT_SLOTS_PER_SECTOR;
}

/* Steps 1 to 4 of the left column. */
static int move_to_new_name(struct move *move, const char *name, size_t len)
{
    struct fat_fs *fs = fat_fs(move->source->super);
    struct fat_disk_entry entry;
    int error;

    memset(&entry, 0, sizeof(entry));
    fat_inode_fill_entry(move->source, start_of(move->source), &entry);
    error = fat_dir_add(move->new_dir, name, len, &entry, &move->to);
    if (error != 0) {
        return error;
    }
    if (!in_same_sector(move)) {
        error = fat_write_metadata(fs);
    }
    if (error == 0) {
        error = fat_dir_erase(move->old_dir, &move->from);
    }
    if (error != 0) {
        (void)!fat_dir_erase(move->new_dir, &move->to); /* what was just written */
    }
    return error;
}

/* Let the entry at move->to be the source's. */
static int write_target(struct move *move)
{
    struct fat_fs *fs = fat_fs(move->source->super);
    uint32_t start = start_of(move->source);
    struct fat_disk_entry *slots;
    struct meta_block meta;
    int error = meta_read(fs->super, move->to.position / FAT_SLOTS_PER_SECTOR, FAT_SECTOR_BYTES,
                          &meta);

    if (error != 0) {
        return error;
    }
    slots = meta.data;
    fat_inode_fill_entry(move->source, start, &slots[move->to.position % FAT_SLOTS_PER_SECTOR]);
    if (in_same_sector(move)) {
        slots[move->from.position % FAT_SLOTS_PER_SECTOR].name[0] = FAT_SLOT_DELETED;
    }
    meta_mark_dirty(&meta);
    error = meta_write_sync(&meta);
    meta_put(&meta);
    return error != 0 || in_same_sector(move) ? error : block_flush(fs->super->device);
}

/* The right column. From the moment the target's entry is changed there is no way back: an error
 * of the disk is told, and the names are as the cache has them. */
static int move_over(struct move *move)
{
    int error = fat_make_durable(move->source);
    int last;

    if (error != 0) {
        return error;
    }
    move->to = fat_place_of(move->replaced);
    fat_place_set(move->replaced, NULL);
    error = write_target(move);
    last = fat_dir_erase(move->old_dir, &move->from);
    error = error != 0 ? error : last;
    if (error != 0) {
        return super_damaged(move->source->super,
                             "inode %llu: error %d while it replaced another file",
                             (unsigned long long)move->source->number, -error);
    }
    return 0;
}

static void count_links(struct move *move)
{
    struct inode *replaced = move->replaced;

    if (inode_is(move->source, S_IFDIR)) {
        move->old_dir->nr_links--;
        move->new_dir->nr_links += replaced != NULL ? 0 : 1;
        inode_touch_modified(move->old_dir);
        inode_touch_modified(move->new_dir);
    }
    if (replaced != NULL) {
        replaced->nr_links = 0;
        inode_touch_changed(replaced);
    }
}

int fat_rename(struct inode *old_dir, const char *old_name, size_t old_len, struct inode *new_dir,
               const char *new_name, size_t new_len, struct inode *source, struct inode *replaced)
{
    struct move move = {
        .old_dir = old_dir, .new_dir = new_dir, .source = source, .replaced = replaced};
    bool is_dir = inode_is(source, S_IFDIR);
    int error = 0;

    if (replaced != NULL && is_dir) {
        error = fat_dir_check_empty(replaced);
    }
    if (error != 0) {
        return error;
    }
    move.from = fat_place_of(source);
    fat_place_set(source, NULL);
    error = replaced != NULL ? move_over(&move) : move_to_new_name(&move, new_name, new_len);
    if (error != 0) {
        fat_place_set(source, &move.from);
        inode_mark_dirty(source);
        return error;
    }
    fat_place_set(source, &move.to);
    inode_touch_changed(source);
    count_links(&move);
    return is_dir && old_dir != new_dir ? fat_dir_set_parent(source, fat_dir_start(new_dir)) : 0;
}
