// SPDX-License-Identifier: MIT
/* Reading directories: slots of 32 bytes, one for each file, and before it those of its long name.
 *
 *     | long 2 of 2, last | long 1 of 2 | entry | deleted | entry | … | end
 *
 * A long name is believed only if its slots are complete, in order, and carry the checksum of the
 * short name that follows; otherwise the short name is the file's name. That is how systems that
 * know short names only can rename and remove files without knowing of the rest. Names that no Unix
 * program could use ('/', control characters) are damage: the call ends with an error. Nothing is
 * silently skipped but volume labels, which are no files.
 *
 * A directory that was being moved when the power failed has two entries, and fsck.fat -a leaves one of them without a first
 * cluster; only a second run of it takes that away. Such an entry leads nowhere and is no damage: it is not shown, on a mount for
 * writing it is erased, and the log says so.
 *
 * The root of FAT12 and FAT16 is a fixed row of sectors; all others are chains of clusters, as long
 * as the chain.
 *
 * Directories are metadata: they live in the device's cache. Lock: dir->lock, for reading at
 * least. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

#define AHEAD_CLUSTERS 64u

uint32_t fat_entry_start(const struct fat_fs *fs, const struct fat_disk_entry *entry)
{
    uint32_t high = fs->layout.bits == 32 ? le16_get(entry->start_high) : 0u;

    return high << 16 | le16_get(entry->start_low);
}

void fat_entry_set_start(const struct fat_fs *fs, struct fat_disk_entry *entry, uint32_t start)
{
    entry->start_low = le16_of((uint16_t)start);
    if (fs->layout.bits == 32) {
        entry->start_high = le16_of((uint16_t)(start >> 16));
    }
}

/* ---- Slots ----------------------------------------------------------------------------------- */

void fat_dir_begin(struct fat_dir_cursor *cursor, struct inode *dir, uint32_t slot)
{
    *cursor = (struct fat_dir_cursor){.dir = dir, .next = slot};
}

void fat_dir_end(struct fat_dir_cursor *cursor)
{
    meta_put(&cursor->meta);
}

/* The device's sector that holds a slot, and how many follow it there. */
static int locate_slot(struct fat_dir_cursor *cursor, uint32_t slot, uint64_t *sector,
                       uint64_t *nr_ahead)
{
    struct fat_inode *fat = fat_inode(cursor->dir);
    struct fat_fs *fs = fat_fs(cursor->dir->super);
    uint32_t index_shift = fs->layout.cluster_shift - 5; /* slots in a cluster */
    uint32_t index = slot >> index_shift;
    uint64_t within = (slot & ((1u << index_shift) - 1)) / FAT_SLOTS_PER_SECTOR;
    int error = 0;

    if (fat_is_fixed_root(cursor->dir)) {
        *sector = fs->layout.root_sector + slot / FAT_SLOTS_PER_SECTOR;
        *nr_ahead = fs->layout.data_sector - *sector;
        return 0;
    }
    if (index < cursor->run.index || index - cursor->run.index >= cursor->run.nr) {
        mutex_lock(&fat->map_lock);
        error = fat_chain_find(cursor->dir, index, AHEAD_CLUSTERS, &cursor->run);
        mutex_unlock(&fat->map_lock);
    }
    if (error == 0) {
        const struct fat_run *run = &cursor->run;

        *sector = fat_cluster_sector(fs, run->cluster + (index - run->index)) + within;
        *nr_ahead = ((uint64_t)(run->index + run->nr - index) << (fs->layout.cluster_shift - 9)) -
                    within;
    }
    return error;
}

int fat_dir_slot(struct fat_dir_cursor *cursor, struct fat_disk_entry **result)
{
    struct fat_fs *fs = fat_fs(cursor->dir->super);
    uint32_t slot = cursor->next;
    uint64_t nr_ahead = 0;

    if ((uint64_t)slot * FAT_SLOT_BYTES >= inode_size(cursor->dir)) {
        return -ENOENT;
    }
    if (cursor->meta.page == NULL || cursor->first_slot != slot - slot % FAT_SLOTS_PER_SECTOR) {
        int error;

        meta_put(&cursor->meta);
        error = locate_slot(cursor, slot, &cursor->sector, &nr_ahead);
        if (error == 0) {
            error = fat_read_sector(fs, cursor->sector, nr_ahead, &cursor->meta);
        }
        if (error != 0) {
            return error;
        }
        cursor->first_slot = slot - slot % FAT_SLOTS_PER_SECTOR;
    }
    *result = (struct fat_disk_entry *)cursor->meta.data + slot % FAT_SLOTS_PER_SECTOR;
    cursor->next = slot + 1;
    return 0;
}

/* ---- Entries --------------------------------------------------------------------------------- */

static int bad_entry(const struct fat_dir_cursor *cursor, const char *fault)
{
    return super_damaged(cursor->dir->super, "directory %llu: slot %u: %s",
                         (unsigned long long)cursor->dir->number, cursor->next - 1, fault);
}

struct long_state { /* the long name that is being put together */
    uint32_t next; /* the ordinal that must come now; 0: the entry itself; NO_LONG: there is none */
    uint32_t nr;   /* pieces */
    uint8_t checksum;
};

#define NO_LONG UINT32_MAX

/* Copy a piece. Returns how many units it has up to the terminator. */
static uint32_t copy_piece(const struct fat_disk_long *piece, uint16_t *units)
{
    uint32_t nr = FAT_LONG_UNITS;

    for (uint32_t i = 0; i < FAT_LONG_UNITS; i++) {
        const uint8_t *at = i < 5    ? piece->units1 + 2 * i
                            : i < 11 ? piece->units2 + 2 * (i - 5)
                                     : piece->units3 + 2 * (i - 11);

        units[i] = get_le16(at);
        if (units[i] == 0 && i < nr) {
            nr = i;
        }
    }
    return nr;
}

static void add_piece(struct long_state *state, const struct fat_disk_long *piece,
                      struct fat_name *name)
{
    uint32_t ordinal = piece->ordinal & ~FAT_LONG_LAST;
    uint32_t nr_units;

    if ((piece->ordinal & FAT_LONG_LAST) != 0) {
        state->nr = ordinal;
        state->checksum = piece->checksum;
    } else if (ordinal != state->next || piece->checksum != state->checksum) {
        ordinal = 0; /* not what had to come */
    }
    if (ordinal == 0 || ordinal > FAT_MAX_LONG_SLOTS) {
        state->next = NO_LONG;
        return;
    }
    nr_units = copy_piece(piece, &name->units[(ordinal - 1) * FAT_LONG_UNITS]);
    if (ordinal == state->nr) {
        name->nr_units = (ordinal - 1) * FAT_LONG_UNITS + nr_units;
    }
    state->next = ordinal - 1;
}

static bool is_dots(const uint8_t *name)
{
    return memcmp(name, ".          ", FAT_SHORT_BYTES) == 0 ||
           memcmp(name, "..         ", FAT_SHORT_BYTES) == 0;
}

static bool is_short_name_sane(const uint8_t *name)
{
    if (name[0] == ' ') {
        return false;
    }
    for (uint32_t i = 0; i < FAT_SHORT_BYTES; i++) {
        if (name[i] == '/' || (name[i] < ' ' && !(i == 0 && name[i] == FAT_SLOT_E5))) {
            return false;
        }
    }
    return true;
}

static bool leads_nowhere(const struct fat_dir_cursor *cursor, const struct fat_disk_entry *slot)
{
    return (slot->attributes & FAT_ATTR_DIRECTORY) != 0 &&
           fat_entry_start(fat_fs(cursor->dir->super), slot) == 0;
}

/* On a mount for writing it goes. dir->lock is held for reading only: others who read meet it or do not. */
static void drop_nowhere(const struct fat_dir_cursor *cursor, uint32_t nr_long)
{
    struct inode *dir = cursor->dir;
    struct fat_place place = {.slot = cursor->next - 1, .nr_long = nr_long};
    bool is_dropped = !fat_is_read_only(dir->super) && fat_dir_erase_slots(dir, &place) == 0;

    if (is_dropped ||
        !atomic_exchange_explicit(&fat_inode(dir)->has_told, true, memory_order_relaxed)) {
        pr_warn("vfat: %s: directory %llu: slot %u: a directory without clusters, as fsck.fat "
                "leaves one that it found in two places: %s",
                dir->super->device->name, (unsigned long long)dir->number, place.slot,
                is_dropped ? "erased" : "not shown");
    }
}

/* The slot just read is a file's: say what is known of it. */
static int finish_entry(struct fat_dir_cursor *cursor, const struct fat_disk_entry *slot,
                        const struct long_state *state, struct fat_found *found)
{
    bool has_long = state->next == 0 && state->checksum == fat_short_checksum(slot->name) &&
                    found->long_name.nr_units <= FAT_MAX_NAME_UNITS;

    if (!is_short_name_sane(slot->name)) {
        return bad_entry(cursor, "a short name has characters that no name can have");
    }
    if (has_long && !fat_name_is_sane(&found->long_name)) {
        return bad_entry(cursor, "a long name has characters that no name can have");
    }
    found->entry = *slot;
    found->slot = cursor->next - 1;
    found->position = cursor->sector * FAT_SLOTS_PER_SECTOR + found->slot % FAT_SLOTS_PER_SECTOR;
    found->nr_long = has_long ? state->nr : 0;
    return 0;
}

int fat_dir_next(struct fat_dir_cursor *cursor, struct fat_found *found)
{
    struct long_state state = {.next = NO_LONG};
    struct fat_disk_entry *slot;
    int error;

    while ((error = fat_dir_slot(cursor, &slot)) == 0) {
        if (slot->name[0] == FAT_SLOT_END) {
            cursor->next--; /* it stays the end, however often one asks */
            return -ENOENT;
        }
        if (slot->name[0] == FAT_SLOT_DELETED) {
            state.next = NO_LONG;
        } else if ((slot->attributes & FAT_ATTR_LONG_NAME_MASK) == FAT_ATTR_LONG_NAME) {
            add_piece(&state, (const struct fat_disk_long *)slot, &found->long_name);
        } else if ((slot->attributes & FAT_ATTR_VOLUME) != 0 || is_dots(slot->name)) {
            state.next = NO_LONG;
        } else if (leads_nowhere(cursor, slot)) {
            drop_nowhere(cursor, state.next == 0 ? state.nr : 0);
            state.next = NO_LONG;
        } else {
            return finish_entry(cursor, slot, &state, found);
        }
    }
    return error;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

bool fat_found_has_name(const struct fat_found *found, const struct fat_name *name)
{
    struct fat_name short_name;

    if (found->nr_long != 0 && fat_name_equal(&found->long_name, name)) {
        return true;
    }
    if (name->nr_units > FAT_SHORT_BYTES + 1) {
        return false;
    }
    fat_short_decode(found->entry.name, found->entry.short_case, &short_name);
    return fat_name_equal(&short_name, name);
}

int fat_dir_find(struct inode *dir, const char *text, size_t len, struct fat_found *found)
{
    struct fat_dir_cursor cursor;
    struct fat_name name;
    int error;

    if (fat_name_from_utf8(text, len, &name) != 0) {
        return -ENOENT; /* no file can have it */
    }
    error = fat_dir_index_find(dir, &name, found);
    if (error != -EAGAIN) {
        return error;
    }
    fat_dir_begin(&cursor, dir, 0);
    while ((error = fat_dir_next(&cursor, found)) == 0 && !fat_found_has_name(found, &name)) {
    }
    fat_dir_end(&cursor);
    return error;
}

int fat_dir_check_empty(struct inode *dir)
{
    struct fat_dir_cursor cursor;
    struct fat_found found;
    int error;

    fat_dir_begin(&cursor, dir, 0);
    error = fat_dir_next(&cursor, &found);
    fat_dir_end(&cursor);
    return error == 0 ? -ENOTEMPTY : error == -ENOENT ? 0 : error;
}

int fat_dir_count_dirs(struct inode *dir, uint32_t *nr)
{
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    uint32_t count = 0;
    int error;

    fat_dir_begin(&cursor, dir, 0);
    while ((error = fat_dir_slot(&cursor, &slot)) == 0 && slot->name[0] != FAT_SLOT_END) {
        if (slot->name[0] != FAT_SLOT_DELETED && !is_dots(slot->name) &&
            !leads_nowhere(&cursor, slot) &&
            (slot->attributes & (FAT_ATTR_DIRECTORY | FAT_ATTR_VOLUME)) == FAT_ATTR_DIRECTORY) {
            count++;
        }
    }
    fat_dir_end(&cursor);
    if (error != 0 && error != -ENOENT) {
        return error;
    }
    *nr = count;
    return 0;
}
