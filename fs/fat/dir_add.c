// SPDX-License-Identifier: MIT
/* Adding entries to directories.
 *
 * An entry and the slots of its long name stand in one row, so adding looks for a row of free slots
 * that is long enough; when there is none, the directory grows by a few clusters. The same pass
 * over the directory finds which short names are taken. A large directory is asked for both through its index
 * (dir_index.c), one short name after the other; therefore only the first few numbers of a name are tried there.
 *
 * What follows the end mark is free, whatever it holds: when the mark is overwritten, the next slot
 * becomes the mark. In a sector behind that of the mark, where others may have left anything, this is made durable first: a
 * power cut must not leave old slots as the ones that follow.
 *
 * An entry that leads to clusters may be a second one for them (rename.c), and the one that fsck.fat leaves. It must not come
 * to the disk without its long name: if they lie in several sectors, the name is made durable first.
 *
 * Lock: dir->lock for writing. */
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"

#define NR_HASHED      64u /* other bases for a short name that are tried */
#define NR_INDEX_TAILS 4u

struct plan { /* what one pass over a directory finds for a new name */
    const struct fat_name *name;
    uint32_t from;   /* it must not stand before this slot */
    uint32_t needed; /* slots */
    uint32_t
        first; /* of the free row, if `has_room`; else of the row that the directory ends with */
    bool has_room;
    uint32_t end; /* the first slot behind the last entry */
    struct fat_short short_name;
    bool is_taken;                                     /* the short name without a tail */
    uint64_t tails[BITMAP_NR_WORDS(FAT_MAX_TAIL + 1)]; /* numbers that are taken */
};

static void note_short_name(struct plan *plan, const struct fat_disk_entry *slot)
{
    unsigned number;

    if ((slot->attributes & FAT_ATTR_VOLUME) != 0) {
        return; /* a label, or a piece of a long name */
    }
    plan->is_taken |= memcmp(slot->name, plan->short_name.bytes, FAT_SHORT_BYTES) == 0;
    number = fat_short_tail_number(plan->short_name.bytes, slot->name);
    if (number != 0) {
        bitmap_set(plan->tails, number);
    }
}

static int survey(struct inode *dir, struct plan *plan)
{
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    uint32_t row = 0; /* free slots up to here */
    int error;

    plan->is_taken = false;
    plan->has_room = false;
    memset(plan->tails, 0, sizeof(plan->tails));
    fat_dir_begin(&cursor, dir, 0);
    while ((error = fat_dir_slot(&cursor, &slot)) == 0 && slot->name[0] != FAT_SLOT_END) {
        if (slot->name[0] != FAT_SLOT_DELETED) {
            note_short_name(plan, slot);
            row = 0;
        } else if (cursor.next > plan->from && ++row == plan->needed && !plan->has_room) {
            plan->has_room = true;
            plan->first = cursor.next - row;
        }
    }
    fat_dir_end(&cursor);
    if (error != 0 && error != -ENOENT) {
        return error;
    }
    plan->end = error == -ENOENT ? fat_dir_nr_slots(dir) : cursor.next - 1;
    if (!plan->has_room) {
        plan->first = plan->end - row;
    }
    return 0;
}

static uint32_t slots_needed(const struct plan *plan)
{
    return 1 +
           (plan->short_name.needs_long ? div_round_up(plan->name->nr_units, FAT_LONG_UNITS) : 0);
}

/* The short name is that of a file with another long name. */
static void make_long(struct plan *plan)
{
    plan->short_name.needs_long = true;
    plan->short_name.short_case = 0;
    plan->needed = slots_needed(plan);
}

/* The short name that the new one gets, and where it can stand. */
static int plan_by_survey(struct inode *dir, struct plan *plan)
{
    int error = survey(dir, plan);

    if (error == 0 && plan->is_taken && !plan->short_name.needs_long) {
        make_long(plan);
        error = survey(dir, plan);
    }
    for (unsigned attempt = 0; error == 0 && (plan->is_taken || plan->short_name.needs_tail);
         attempt++) {
        size_t number = bitmap_find_clear(plan->tails, FAT_MAX_TAIL + 1, 1);

        if (number <= FAT_MAX_TAIL) {
            uint8_t basis[FAT_SHORT_BYTES];

            memcpy(basis, plan->short_name.bytes, sizeof(basis));
            fat_short_with_tail(basis, (unsigned)number, plan->short_name.bytes);
            break;
        }
        if (attempt == NR_HASHED) {
            return -ENOSPC; /* as many as a directory can hold */
        }
        fat_short_hashed(plan->name, attempt, plan->short_name.bytes);
        plan->short_name.needs_tail = true;
        error = survey(dir, plan);
    }
    return error;
}

/* Try the first few numbers behind the short name. Returns -ENOENT when one of them is free, 0 when none is. */
static int number_by_index(struct inode *dir, struct plan *plan)
{
    uint8_t basis[FAT_SHORT_BYTES];
    int error = 0;

    memcpy(basis, plan->short_name.bytes, sizeof(basis));
    for (unsigned number = 1; number <= NR_INDEX_TAILS && error == 0; number++) {
        fat_short_with_tail(basis, number, plan->short_name.bytes);
        error = fat_dir_index_find_short(dir, plan->short_name.bytes);
    }
    return error;
}

/* The same by the index. -EAGAIN: it cannot tell. */
static int plan_by_index(struct inode *dir, struct plan *plan)
{
    struct fat_row row;
    int error = fat_dir_index_find_short(dir, plan->short_name.bytes);

    if (error == 0 && !plan->short_name.needs_long) {
        make_long(plan);
    }
    if (error == 0 || (error == -ENOENT && plan->short_name.needs_tail)) {
        error = number_by_index(dir, plan);
    }
    for (unsigned attempt = 0; error == 0 && attempt < NR_HASHED; attempt++) {
        fat_short_hashed(plan->name, attempt, plan->short_name.bytes);
        error = number_by_index(dir, plan);
    }
    if (error != -ENOENT) {
        return error == 0 ? -EAGAIN : error;
    }
    error = fat_dir_index_find_row(dir, plan->from, plan->needed, &row, &plan->end);
    if (error == 0) {
        plan->first = row.first;
        plan->has_room = row.nr >= plan->needed;
    }
    return error;
}

static int make_plan(struct inode *dir, struct plan *plan)
{
    int error;

    fat_short_make(plan->name, &plan->short_name);
    plan->needed = slots_needed(plan);
    error = plan_by_index(dir, plan);
    if (error == -EAGAIN) {
        fat_short_make(plan->name, &plan->short_name);
        plan->needed = slots_needed(plan);
        error = plan_by_survey(dir, plan);
    }
    return error;
}

/* One slot of a directory, in one piece. */
static int write_slot(struct fat_dir_cursor *cursor, uint32_t slot, const void *content)
{
    struct fat_disk_entry *place;
    int error;

    cursor->next = slot;
    error = fat_dir_slot(cursor, &place);
    if (error == 0) {
        fat_begin_change(&cursor->meta);
        memcpy(place, content, sizeof(*place));
        fat_end_change(&cursor->meta);
    }
    return error;
}

static void fill_piece(struct fat_disk_long *piece, const struct fat_name *name, uint32_t ordinal,
                       uint8_t checksum)
{
    uint32_t first = (ordinal - 1) * FAT_LONG_UNITS;

    memset(piece, 0, sizeof(*piece));
    piece->ordinal = (uint8_t)(first + FAT_LONG_UNITS >= name->nr_units ? ordinal | FAT_LONG_LAST
                                                                        : ordinal);
    piece->attributes = FAT_ATTR_LONG_NAME;
    piece->checksum = checksum;
    for (uint32_t i = 0; i < FAT_LONG_UNITS; i++) {
        uint32_t at = first + i;
        uint8_t *unit = i < 5    ? piece->units1 + 2 * i
                        : i < 11 ? piece->units2 + 2 * (i - 5)
                                 : piece->units3 + 2 * (i - 11);

        put_le16(unit, at < name->nr_units ? name->units[at] : at == name->nr_units ? 0 : 0xffff);
    }
}

/* When the new entry covers the end mark, the slot behind it becomes the mark. */
static int move_end(struct fat_dir_cursor *cursor, const struct plan *plan)
{
    uint32_t next = plan->first + plan->needed;
    bool has_old = false; /* in sectors behind the mark's */
    int error = 0;

    if (next <= plan->end) {
        return 0;
    }
    for (uint32_t at = plan->end + 1;
         at <= next && at < fat_dir_nr_slots(cursor->dir) && error == 0; at++) {
        struct fat_disk_entry *slot;

        cursor->next = at;
        error = fat_dir_slot(cursor, &slot);
        if (error == 0 && slot->name[0] != FAT_SLOT_END) {
            slot->name[0] = FAT_SLOT_END;
            meta_mark_dirty(&cursor->meta);
            has_old |= at / FAT_SLOTS_PER_SECTOR != plan->end / FAT_SLOTS_PER_SECTOR;
        }
    }
    return error != 0 || !has_old ? error : fat_write_metadata(fat_fs(cursor->dir->super));
}

static int write_entry(struct inode *dir, const struct plan *plan,
                       const struct fat_disk_entry *entry, struct fat_place *place)
{
    uint8_t checksum = fat_short_checksum(entry->name);
    uint32_t nr_long = plan->needed - 1;
    struct fat_dir_cursor cursor;
    int error;

    fat_dir_begin(&cursor, dir, 0);
    error = move_end(&cursor, plan);
    for (uint32_t i = 0; i < nr_long && error == 0; i++) {
        struct fat_disk_long piece;

        fill_piece(&piece, plan->name, nr_long - i, checksum);
        error = write_slot(&cursor, plan->first + i, &piece);
    }
    if (error == 0 && fat_entry_start(fat_fs(dir->super), entry) != 0 &&
        plan->first / FAT_SLOTS_PER_SECTOR != (plan->first + nr_long) / FAT_SLOTS_PER_SECTOR) {
        error = fat_write_metadata(fat_fs(dir->super));
    }
    if (error == 0) {
        error = write_slot(&cursor, plan->first + nr_long, entry);
    }
    if (error == 0) {
        place->slot = plan->first + nr_long;
        place->nr_long = nr_long;
        place->position = cursor.sector * FAT_SLOTS_PER_SECTOR + place->slot % FAT_SLOTS_PER_SECTOR;
    }
    fat_dir_end(&cursor);
    return error;
}

int fat_dir_add_again(struct inode *dir, const struct fat_name *name, uint32_t first,
                      struct fat_disk_entry *entry, struct fat_place *place)
{
    struct plan plan = {.name = name, .from = first};
    int error = make_plan(dir, &plan);

    while (error == 0 && !plan.has_room && plan.first + plan.needed > fat_dir_nr_slots(dir)) {
        error = fat_dir_grow(dir);
    }
    if (error != 0) {
        return error;
    }
    error = fat_dir_settle_erased(dir, plan.first, plan.first + plan.needed - 1);
    if (error != 0) {
        return error;
    }
    memcpy(entry->name, plan.short_name.bytes, FAT_SHORT_BYTES);
    entry->short_case = plan.short_name.short_case;
    error = write_entry(dir, &plan, entry, place);
    if (error == 0) {
        fat_dir_index_add(dir, name, entry, place);
        fat_dir_note_change(dir);
    } else {
        fat_dir_index_drop(dir);
    }
    return error;
}

int fat_dir_add(struct inode *dir, const char *text, size_t len, struct fat_disk_entry *entry,
                struct fat_place *place)
{
    struct fat_name name;
    int error = fat_name_from_utf8(text, len, &name);

    if (error == 0) {
        error = fat_name_check(&name);
    }
    return error != 0 ? error : fat_dir_add_again(dir, &name, 0, entry, place);
}
