// SPDX-License-Identifier: MIT
/* rename(2).
 *
 * On FAT a file is its entry, so renaming it means writing another entry and erasing the first: two sectors, and a power cut
 * may come between. Whenever it comes, at least one of the two must be there, complete; so for a moment both are, and lead
 * to the same clusters. fsck.fat gives these to the entry that it meets first and empties the other one.
 *
 *     to a new name                              over an existing file
 *     1. the new entry reaches as far as the     1. the source is made durable
 *        old one does now                        2. (only if the source's entry comes before the target's: see below)
 *     2. all metadata written, flush             3. the target's entry, in one sector write: now the source's content
 *     3. from now on the new one is the file's   4. flush
 *     4. the old entry is erased                 5. the source's entry is erased; the target's old clusters are doomed
 *
 * So a file that replaces another is complete on the disk before the other one is gone, even without an fsync(2): the usual
 * way to write a configuration file survives. The replaced name keeps its spelling. If both entries lie in one sector they
 * change in one write, and steps 2 and 4 are not needed.
 *
 * Who replaces a file relies on its name having the old content or the new one. Between 4 and 5 fsck.fat must therefore meet
 * the target first. If it would meet the source first, step 2 is
 *
 *     in one directory: the source moves behind the target, like to a new name, but under its own;
 *     in another one, or without room: the source gets clusters of its own, with a copy of the content (rehouse.c). Its
 *     entry leads to the old ones, the target's will lead to the new ones, and nothing is shared.
 *
 * What was erased is durable before its name or its slots are used again: dir_edit.c.
 *
 * A directory in two places costs fsck.fat two runs: the first empties the entry that it meets second, the second run
 * removes it, or dir.c does. Nothing of the directory is lost. */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

struct move {
    struct inode *old_dir, *new_dir;
    struct inode *source, *replaced; /* replaced may be NULL */
    struct fat_place from, to;       /* the source's entry, before and after */
};

/* Whether one sector has the slots of the new entry, and the old one: then it changes as a whole. */
static bool is_one_sector(const struct move *move)
{
    return move->from.position / FAT_SLOTS_PER_SECTOR == move->to.position / FAT_SLOTS_PER_SECTOR &&
           (move->replaced != NULL || move->to.slot % FAT_SLOTS_PER_SECTOR >= move->to.nr_long);
}

/* Change the entry at move->to, which is there. */
static int fill_new(struct move *move, struct fat_reach reach)
{
    struct fat_fs *fs = fat_fs(move->source->super);
    struct fat_disk_entry *slots;
    struct meta_block meta;
    int error = meta_read(fs->super, move->to.position / FAT_SLOTS_PER_SECTOR, FAT_SECTOR_BYTES,
                          &meta);

    if (error != 0) {
        return error;
    }
    slots = meta.data;
    fat_begin_change(&meta);
    fat_inode_fill_entry(move->source, reach, &slots[move->to.position % FAT_SLOTS_PER_SECTOR]);
    if (move->replaced != NULL && is_one_sector(move)) {
        slots[move->from.position % FAT_SLOTS_PER_SECTOR].name[0] = FAT_SLOT_DELETED;
    }
    fat_end_change(&meta);
    meta_put(&meta);
    return 0;
}

/* ---- To a new name ----------------------------------------------------------------------------- */

/* Make the new entry durable, and the file's. When the old one came to reach further meanwhile, the new one has to, too. */
static int switch_entry(struct move *move, struct fat_reach reach)
{
    for (;;) {
        int error = is_one_sector(move) ? 0 : fat_write_metadata(fat_fs(move->source->super));

        if (error != 0 || fat_place_switch(move->source, &move->to, reach)) {
            return error;
        }
        reach = fat_reach_stored(move->source);
        error = fill_new(move, reach);
        if (error != 0) {
            return error;
        }
    }
}

/* name: as text, or NULL: `again`, behind the slot `behind`. */
static int move_to(struct move *move, const char *text, size_t len, const struct fat_name *again,
                   uint32_t behind)
{
    struct fat_reach reach = fat_reach_stored(move->source);
    struct fat_disk_entry entry;
    int error;

    memset(&entry, 0, sizeof(entry));
    fat_inode_fill_entry(move->source, reach, &entry);
    error = text != NULL ? fat_dir_add(move->new_dir, text, len, &entry, &move->to)
                         : fat_dir_add_again(move->new_dir, again, behind + 1, &entry, &move->to);
    if (error != 0) {
        return error;
    }
    error = switch_entry(move, reach);
    if (error != 0) {
        (void)!fat_dir_erase(move->new_dir, &move->to); /* what was just written */
        return error;
    }
    error = fat_dir_erase_moved(move->old_dir, &move->from);
    if (error != 0) {
        return super_damaged(move->source->super,
                             "inode %llu: error %d while its former entry was erased",
                             (unsigned long long)move->source->number, -error);
    }
    return 0;
}

/* ---- Over a file ------------------------------------------------------------------------------- */

/* The name in the source's entry. */
static int read_name(const struct move *move, struct fat_name *name)
{
    struct fat_dir_cursor cursor;
    struct fat_found found;
    int error;

    fat_dir_begin(&cursor, move->old_dir, move->from.slot - move->from.nr_long);
    error = fat_dir_next(&cursor, &found);
    fat_dir_end(&cursor);
    if (error == 0 && found.slot != move->from.slot) {
        error = -ENOENT;
    }
    if (error != 0) {
        return error == -ENOENT ? super_damaged(move->source->super,
                                                "inode %llu: its entry has changed on the disk",
                                                (unsigned long long)move->source->number)
                                : error;
    }
    if (found.nr_long != 0) {
        *name = found.long_name;
    } else {
        fat_short_decode(found.entry.name, found.entry.short_case, name);
    }
    return 0;
}

/* Move the source behind the target, in the directory in which both are. */
static int step_behind(struct move *move, const struct fat_place *target)
{
    struct move step = {.old_dir = move->old_dir,
                        .new_dir = move->old_dir,
                        .source = move->source,
                        .from = move->from};
    struct fat_name name;
    int error = read_name(move, &name);

    if (error == 0) {
        error = move_to(&step, NULL, 0, &name, target->slot);
    }
    if (error == 0) {
        move->from = step.to;
    }
    return error;
}

/* Step 2. old: clusters of the source that are to be doomed when it has no entry any more; nr 0: none. */
static int part(struct move *move, const struct fat_place *target, struct fat_doomed_chain *old)
{
    int error = -ENOSPC;

    *old = (struct fat_doomed_chain){0};
    if (fat_reach_now(move->source).size_bytes == 0 ||
        (move->old_dir == move->new_dir && target->slot < move->from.slot)) {
        return 0;
    }
    if (target->position / FAT_SLOTS_PER_SECTOR == move->from.position / FAT_SLOTS_PER_SECTOR) {
        return 0;
    }
    if (move->old_dir == move->new_dir) {
        error = step_behind(move, target);
    }
    if (error == -ENOSPC) {
        fat_place_set(move->source, NULL); /* nobody must store the new clusters in its entry */
        error = fat_rehouse(move->source, old);
    }
    return error;
}

/* Steps 3 to 5. From the moment the target's entry is changed there is no way back: an error of the disk is told, and the
 * names are as the cache has them. */
static int take_over(struct move *move, const struct fat_doomed_chain *old)
{
    struct fat_fs *fs = fat_fs(move->source->super);
    struct fat_reach reach = fat_reach_now(move->source);
    int error, last;

    fat_dir_index_remove(move->old_dir, &move->from); /* which reads it */
    error = fill_new(move, reach);
    mutex_lock(&fs->entry_lock);
    fat_reach_note(fat_inode(move->source), reach, true);
    mutex_unlock(&fs->entry_lock);
    if (error == 0 && !is_one_sector(move)) {
        error = fat_write_metadata(fs);
    }
    last = fat_dir_erase_slots(move->old_dir, &move->from);
    if (old->nr != 0) {
        fat_doom_chain(fs, old);
    }
    error = error != 0 ? error : last;
    if (error != 0) {
        (void)!super_damaged(move->source->super,
                             "inode %llu: error %d while it replaced another file",
                             (unsigned long long)move->source->number, -error);
    }
    return error;
}

static int move_over(struct move *move)
{
    struct fat_place target = fat_place_of(move->replaced);
    struct fat_doomed_chain old = {0};
    int error = fat_make_durable(move->source);

    if (error == 0 && inode_is(move->source, S_IFREG)) {
        error = part(move, &target, &old);
    }
    if (error != 0) {
        fat_place_set(move->source, &move->from);
        return error;
    }
    fat_place_set(move->source, NULL);
    fat_place_set(move->replaced, NULL);
    move->to = target;
    error = take_over(move, &old);
    fat_place_set(move->source, &move->to);
    return error;
}

/* ---- Both -------------------------------------------------------------------------------------- */

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
    error = replaced != NULL ? move_over(&move) : move_to(&move, new_name, new_len, NULL, 0);
    inode_touch_changed(source);
    if (error != 0) {
        return error;
    }
    count_links(&move);
    return is_dir && old_dir != new_dir ? fat_dir_set_parent(source, fat_dir_start(new_dir)) : 0;
}
