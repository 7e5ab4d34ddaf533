// SPDX-License-Identifier: MIT
/* What is remembered of a large directory, in memory, so that not every call reads all of it.
 *
 *   names: under which slots the names with a given hash are (fs/vfs/name_index.c): of each entry the long name and the
 *          short one, their letters folded, since a file is found by both in any case
 *   room:  of each stretch of slots, the longest row of free ones that may begin in it; never less than is true
 *   end:   the first slot behind the last entry
 *
 * The first search in a directory of at least INDEX_SLOTS walks over all of it and makes the index, and each change of
 * the directory changes it, too. A name's place in it is a hint: what stands there is read and compared. That no place
 * is given is certain. When there is no memory for the index, or something does not fit, it is dropped, and the directory
 * is walked over from its start to its end.
 *
 * `room` is a bound. A look for a row that found only shorter ones in a stretch has measured it; an erasure only says that
 * anything may be there now, and in the stretch before, whose last row may have become longer.
 *
 * Locking: the directory's inode.lock, for writing where something is changed. Searches that hold it for reading may make
 * the index at the same time: the first one publishes its own. */
#include "fs/fat/fat_internal.h"
#include "fs/vfs/name_index.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/hash.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define INDEX_SLOTS   128u
#define STRETCH_SLOTS 128u
#define ANYTHING      UINT8_MAX
#define INDEX_FLAGS   (ALLOC_WAIT | ALLOC_NOFS | ALLOC_QUIET)

struct fat_dir_index {
    struct name_index names; /* place: slot of the entry << LONG_BITS | slots of its long name */
    uint32_t end;
    uint8_t room[FAT_MAX_DIR_SLOTS / STRETCH_SLOTS];
};

#define LONG_BITS 5u
static_assert(FAT_MAX_LONG_SLOTS < 1u << LONG_BITS, "a place");

static uint32_t place_of(uint32_t slot, uint32_t nr_long)
{
    return slot << LONG_BITS | nr_long;
}

static uint32_t name_hash(const struct fat_name *name)
{
    uint64_t hash = name->nr_units;

    for (uint32_t i = 0; i < name->nr_units; i++) {
        hash = (hash ^ fat_fold_unit(name->units[i])) * 0x100000001b3ull;
    }
    return (uint32_t)hash_u64(hash);
}

static uint32_t short_hash(const uint8_t bytes[FAT_SHORT_BYTES])
{
    struct fat_name name;

    fat_short_decode(bytes, 0, &name);
    return name_hash(&name);
}

static struct fat_dir_index *index_of(struct inode *dir)
{
    return atomic_load_explicit(&fat_inode(dir)->dir_index, memory_order_acquire);
}

static void index_free(struct fat_dir_index *index)
{
    if (index != NULL) {
        name_index_release(&index->names);
        kfree(index);
    }
}

void fat_dir_index_drop(struct inode *dir)
{
    struct fat_dir_index *index = index_of(dir);

    store_relaxed(&fat_inode(dir)->dir_index, NULL);
    index_free(index);
}

/* ---- Making it ------------------------------------------------------------------------------- */

static int add_names(struct fat_dir_index *index, const struct fat_found *found)
{
    uint32_t place = place_of(found->slot, found->nr_long);
    int error = name_index_add(&index->names, short_hash(found->entry.name), place);

    if (error == 0 && found->nr_long != 0) {
        error = name_index_add(&index->names, name_hash(&found->long_name), place);
    }
    return error;
}

static int fill(struct fat_dir_index *index, struct inode *dir)
{
    struct fat_dir_cursor cursor;
    struct fat_found found;
    int error;

    memset(index->room, ANYTHING, sizeof(index->room));
    fat_dir_begin(&cursor, dir, 0);
    while ((error = fat_dir_next(&cursor, &found)) == 0) {
        error = add_names(index, &found);
        if (error != 0) {
            break;
        }
    }
    index->end = cursor.next;
    fat_dir_end(&cursor);
    return error == -ENOENT ? 0 : error;
}

static struct fat_dir_index *make(struct inode *dir)
{
    struct fat_dir_index *index = kzalloc(sizeof(*index), INDEX_FLAGS);

    if (index == NULL) {
        return NULL;
    }
    if (name_index_init(&index->names, fat_dir_nr_slots(dir)) != 0 || fill(index, dir) != 0) {
        index_free(index);
        return NULL;
    }
    return index;
}

static struct fat_dir_index *get_or_make(struct inode *dir)
{
    struct fat_dir_index *index = index_of(dir);
    struct fat_dir_index *none = NULL;
    uint32_t nr_slots = fat_dir_nr_slots(dir);

    if (index != NULL || nr_slots < INDEX_SLOTS || nr_slots > FAT_MAX_DIR_SLOTS) {
        return index;
    }
    index = make(dir);
    if (index != NULL &&
        !atomic_compare_exchange_strong_explicit(&fat_inode(dir)->dir_index, &none, index,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        index_free(index);
        index = none; /* somebody else's, as good as ours */
    }
    return index;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* What stands at a place. -ENOENT: no entry. */
static int read_place(struct inode *dir, uint32_t place, struct fat_found *found)
{
    uint32_t slot = place >> LONG_BITS;
    struct fat_dir_cursor cursor;
    int error;

    fat_dir_begin(&cursor, dir, slot - (place & ((1u << LONG_BITS) - 1)));
    error = fat_dir_next(&cursor, found);
    fat_dir_end(&cursor);
    return error == 0 && found->slot != slot ? -ENOENT : error;
}

/* The first entry with this hash that is the one. -ENOENT: there is none; -EAGAIN: the directory must be walked over. */
static int find(struct inode *dir, uint32_t hash,
                bool (*is_it)(const struct fat_found *found, const void *arg), const void *arg,
                struct fat_found *found)
{
    const struct fat_dir_index *index = get_or_make(dir);
    uint32_t places[NAME_INDEX_PLACES];
    unsigned nr = index != NULL ? name_index_find(&index->names, hash, places)
                                : NAME_INDEX_PLACES + 1;

    if (nr > NAME_INDEX_PLACES) {
        return -EAGAIN;
    }
    for (unsigned i = 0; i < nr; i++) {
        int error = read_place(dir, places[i], found);

        if (error == 0 && is_it(found, arg)) {
            return 0;
        }
        if (error != 0 && error != -ENOENT) {
            return error;
        }
    }
    return -ENOENT;
}

static bool has_name(const struct fat_found *found, const void *name)
{
    return fat_found_has_name(found, name);
}

int fat_dir_index_find(struct inode *dir, const struct fat_name *name, struct fat_found *found)
{
    return find(dir, name_hash(name), has_name, name, found);
}

static bool has_short(const struct fat_found *found, const void *bytes)
{
    return memcmp(found->entry.name, bytes, FAT_SHORT_BYTES) == 0;
}

int fat_dir_index_find_short(struct inode *dir, const uint8_t bytes[FAT_SHORT_BYTES])
{
    struct fat_found found;

    return find(dir, short_hash(bytes), has_short, bytes, &found);
}

void fat_dir_index_add(struct inode *dir, const struct fat_name *name,
                       const struct fat_disk_entry *entry, const struct fat_place *place)
{
    struct fat_dir_index *index = index_of(dir);
    struct fat_found found;

    if (index == NULL) {
        return;
    }
    found = (struct fat_found){.entry = *entry, .slot = place->slot, .nr_long = place->nr_long};
    if (place->nr_long != 0) {
        found.long_name = *name;
    }
    index->end = max_of(index->end, place->slot + 1);
    if (add_names(index, &found) != 0) {
        fat_dir_index_drop(dir);
    }
}

/* A pair for the short name, and one for the long one; with one hash for both they are the same. */
static bool remove_names(struct fat_dir_index *index, const struct fat_found *found)
{
    uint32_t place = place_of(found->slot, found->nr_long);

    return name_index_remove(&index->names, short_hash(found->entry.name), place) &&
           (found->nr_long == 0 ||
            name_index_remove(&index->names, name_hash(&found->long_name), place));
}

void fat_dir_index_remove(struct inode *dir, const struct fat_place *place)
{
    struct fat_dir_index *index = index_of(dir);
    uint32_t stretch = (place->slot - place->nr_long) / STRETCH_SLOTS;
    struct fat_found found;

    if (index == NULL) {
        return;
    }
    index->room[place->slot / STRETCH_SLOTS] = ANYTHING;
    index->room[stretch] = ANYTHING;
    index->room[stretch != 0 ? stretch - 1 : 0] = ANYTHING;
    if (read_place(dir, place_of(place->slot, place->nr_long), &found) != 0 ||
        found.nr_long != place->nr_long || !remove_names(index, &found)) {
        fat_dir_index_drop(dir); /* it should have been there */
    }
}

/* ---- Room ------------------------------------------------------------------------------------ */

/* The first row of `needed` free slots that begins in slots [from, to), or at least the longest that does. */
static int measure(struct inode *dir, uint32_t from, uint32_t to, uint32_t end, uint32_t needed,
                   struct fat_row *row)
{
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    uint32_t nr = 0;
    int error = 0;

    *row = (struct fat_row){0};
    fat_dir_begin(&cursor, dir, from);
    while (cursor.next < end && cursor.next - nr < to && row->nr < needed) {
        error = fat_dir_slot(&cursor, &slot);
        if (error != 0) {
            break;
        }
        nr = slot->name[0] == FAT_SLOT_DELETED ? nr + 1 : 0;
        if (nr > row->nr) {
            *row = (struct fat_row){.first = cursor.next - nr, .nr = nr};
        }
    }
    fat_dir_end(&cursor);
    return error;
}

/* The free slots right before the end: a row that can go on behind it. */
static int measure_tail(struct inode *dir, uint32_t from, uint32_t end, struct fat_row *row)
{
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    int error = 0;

    *row = (struct fat_row){.first = end};
    fat_dir_begin(&cursor, dir, 0);
    while (row->first > from && row->nr < FAT_MAX_LONG_SLOTS) {
        cursor.next = row->first - 1;
        error = fat_dir_slot(&cursor, &slot);
        if (error != 0 || slot->name[0] != FAT_SLOT_DELETED) {
            break;
        }
        *row = (struct fat_row){.first = row->first - 1, .nr = row->nr + 1};
    }
    fat_dir_end(&cursor);
    return error;
}

int fat_dir_index_find_row(struct inode *dir, uint32_t from, uint32_t needed, struct fat_row *row,
                           uint32_t *end)
{
    struct fat_dir_index *index = get_or_make(dir);

    if (index == NULL) {
        return -EAGAIN;
    }
    *end = index->end;
    for (uint32_t at = from; at < index->end; at = align_down(at, STRETCH_SLOTS) + STRETCH_SLOTS) {
        uint32_t stretch = at / STRETCH_SLOTS;
        int error;

        if (index->room[stretch] < needed) {
            continue;
        }
        error = measure(dir, at, (stretch + 1) * STRETCH_SLOTS, index->end, needed, row);
        if (error != 0 || row->nr >= needed) {
            return error;
        }
        if (at % STRETCH_SLOTS == 0) {
            index->room[stretch] = (uint8_t)row->nr;
        }
    }
    return measure_tail(dir, from, index->end, row);
}
