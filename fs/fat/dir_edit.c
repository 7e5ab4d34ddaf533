// SPDX-License-Identifier: MIT
/* Changing directories: growing, erasing entries, making new ones. (Adding entries: dir_add.c.)
 *
 * New clusters of a directory are durable, full of zeros and ended in the table, before anything leads to them: a power cut
 * must never make old data look like entries, nor let the directory go on into what its clusters were a part of before. That
 * is worth a flush, as directories grow rarely.
 *
 * An entry that is erased in memory may be on the disk for a while. What is written meanwhile may come there first:
 *
 *     another file under its name   two entries of one name, of which only the first can be found: a file
 *                                   that was moved away is hidden
 *     another long name in front    the entry comes back under it: its slots lie in two sectors
 *
 * So a directory remembers in which sector it has erased something since it was last made durable (ERASED_MANY: in
 * several). An entry that is added in the same sector, and nowhere else, comes to the disk with the erasure; before any
 * other is added, the erasure is made durable. Mostly it is the same, since the slots that became free last
 * are often the first that are.
 *
 * Of a file that was moved to a new name, the old entry must never be left under its short name only: should fsck.fat
 * meet it first, the content would be there, and nowhere else. So when its slots lie in several sectors, the one with the
 * entry itself is made durable before the others change (fat_dir_erase_moved).
 *
 * Lock: dir->lock for writing. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define GROW_BYTES 4096u /* directories grow by about this much */

void fat_dir_note_change(struct inode *dir)
{
    atomic_fetch_add_explicit(&dir->generation, 1, memory_order_relaxed);
    inode_touch_modified(dir);
}

/* ---- Growing --------------------------------------------------------------------------------- */

/* Make clusters durable that nothing leads to yet, and their chain. */
static int settle_clusters(struct fat_fs *fs, uint32_t first, uint32_t nr)
{
    uint32_t shift = PAGE_SHIFT - SECTOR_SHIFT;
    uint64_t sector = fat_cluster_sector(fs, first);
    uint64_t end = sector + ((uint64_t)nr << (fs->layout.cluster_shift - 9));
    int error = mapping_write_and_wait(fs->super->metadata, sector >> shift, (end - 1) >> shift);

    return error != 0 ? error : fat_settle(fs);
}

/* Fill clusters with zeros, in the cache. */
static int zero_clusters(struct fat_fs *fs, uint32_t cluster, uint32_t nr)
{
    uint64_t sector = fat_cluster_sector(fs, cluster);
    uint64_t end = sector + ((uint64_t)nr << (fs->layout.cluster_shift - 9));

    for (; sector < end; sector++) {
        struct meta_block meta;
        int error = meta_new(fs->super, sector, FAT_SECTOR_BYTES, &meta);

        if (error != 0) {
            return error;
        }
        meta_mark_dirty(&meta);
        meta_put(&meta);
    }
    return 0;
}

int fat_dir_grow(struct inode *dir)
{
    struct fat_fs *fs = fat_fs(dir->super);
    struct fat_inode *fat = fat_inode(dir);
    uint32_t shift = fs->layout.cluster_shift;
    uint32_t nr_slots = fat_dir_nr_slots(dir);
    uint32_t room = (FAT_MAX_DIR_SLOTS - min_of(nr_slots, FAT_MAX_DIR_SLOTS)) >> (shift - 5);
    uint32_t first = 0, nr = 0;
    int error;

    if (fat_is_fixed_root(dir) || room == 0) {
        return -ENOSPC;
    }
    mutex_lock(&fat->map_lock);
    error = fat_alloc(fs, fat->last, min_of(max_of(GROW_BYTES >> shift, 1u), room), &first, &nr);
    if (error == 0) {
        error = zero_clusters(fs, first, nr);
        if (error == 0) {
            error = settle_clusters(fs, first, nr);
        }
        if (error == 0) {
            error = fat_chain_append(dir, first, nr);
        }
        if (error != 0) {
            (void)!fat_free_chain(fs, first);
        }
    }
    mutex_unlock(&fat->map_lock);
    if (error == 0) {
        inode_set_size(dir, inode_size(dir) + ((uint64_t)nr << shift));
    }
    return error;
}

/* ---- Erasing --------------------------------------------------------------------------------- */

#define ERASED_NOTHING 0u
#define ERASED_MANY    UINT32_MAX

static uint32_t sector_of_slot(uint32_t slot)
{
    return slot / FAT_SLOTS_PER_SECTOR + 1;
}

static void note_erased(struct inode *dir, const struct fat_place *place)
{
    uint32_t erased = load_relaxed(&fat_inode(dir)->erased);
    uint32_t sector = sector_of_slot(place->slot);
    bool is_one = sector_of_slot(place->slot - place->nr_long) == sector &&
                  (erased == ERASED_NOTHING || erased == sector);

    store_relaxed(&fat_inode(dir)->erased, is_one ? sector : ERASED_MANY);
}

int fat_dir_settle_erased(struct inode *dir, uint32_t first, uint32_t last)
{
    uint32_t erased = load_relaxed(&fat_inode(dir)->erased);
    int error = 0;

    if (erased != ERASED_NOTHING &&
        (erased != sector_of_slot(first) || erased != sector_of_slot(last))) {
        error = fat_write_metadata(fat_fs(dir->super));
        if (error == 0) {
            store_relaxed(&fat_inode(dir)->erased, ERASED_NOTHING);
        }
    }
    return error;
}

int fat_dir_erase_slots(struct inode *dir, const struct fat_place *place)
{
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    int error = 0;

    fat_dir_begin(&cursor, dir, 0);
    for (uint32_t i = 0; i <= place->nr_long && error == 0; i++) { /* the entry itself first */
        cursor.next = place->slot - i;
        error = fat_dir_slot(&cursor, &slot);
        if (error == 0) {
            slot->name[0] = FAT_SLOT_DELETED;
            meta_mark_dirty(&cursor.meta);
        }
    }
    fat_dir_end(&cursor);
    note_erased(dir, place);
    if (error == 0) {
        fat_dir_note_change(dir);
    }
    return error;
}

int fat_dir_erase(struct inode *dir, const struct fat_place *place)
{
    fat_dir_index_remove(dir, place);
    return fat_dir_erase_slots(dir, place);
}

int fat_dir_erase_moved(struct inode *dir, const struct fat_place *place)
{
    uint32_t nr_near = min_of(place->nr_long, place->slot % FAT_SLOTS_PER_SECTOR);
    struct fat_place near = {.position = place->position, .slot = place->slot, .nr_long = nr_near};
    struct fat_place far = {.slot = place->slot - nr_near - 1, .nr_long = place->nr_long - nr_near};
    int error, last;

    if (far.nr_long == 0) {
        return fat_dir_erase(dir, place);
    }
    far.nr_long--; /* of its slots, one stands for the entry */
    fat_dir_index_remove(dir, place);
    error = fat_dir_erase_slots(dir, &near);
    if (error == 0) {
        error = fat_write_metadata(fat_fs(dir->super));
    }
    last = fat_dir_erase_slots(dir, &far);
    return error != 0 ? error : last;
}

/* ---- Directories as a whole ------------------------------------------------------------------ */

int fat_dir_init(struct fat_fs *fs, const struct fat_disk_entry *entry, uint32_t nr_clusters,
                 uint32_t parent)
{
    uint32_t start = fat_entry_start(fs, entry);
    uint64_t sector = fat_cluster_sector(fs, start);
    struct fat_disk_entry *slots;
    struct meta_block meta;
    int error = zero_clusters(fs, start, nr_clusters);

    if (error == 0) {
        error = meta_read(fs->super, sector, FAT_SECTOR_BYTES, &meta);
    }
    if (error != 0) {
        return error;
    }
    slots = meta.data;
    slots[0] = *entry;
    memcpy(slots[0].name, ".          ", FAT_SHORT_BYTES);
    slots[1] = *entry;
    memcpy(slots[1].name, "..         ", FAT_SHORT_BYTES);
    slots[0].short_case = slots[1].short_case = 0;
    fat_entry_set_start(fs, &slots[1], parent);
    meta_mark_dirty(&meta);
    meta_put(&meta);
    return settle_clusters(fs, start, nr_clusters);
}

int fat_dir_set_parent(struct inode *dir, uint32_t parent)
{
    struct fat_dir_cursor cursor;
    struct fat_disk_entry *slot;
    int error;

    fat_dir_begin(&cursor, dir, 1);
    error = fat_dir_slot(&cursor, &slot);
    if (error == 0 && memcmp(slot->name, "..         ", FAT_SHORT_BYTES) != 0) {
        error = super_damaged(dir->super, "directory %llu: its second slot is not \"..\"",
                              (unsigned long long)dir->number);
    }
    if (error == 0) {
        fat_entry_set_start(fat_fs(dir->super), slot, parent);
        meta_mark_dirty(&cursor.meta);
    }
    fat_dir_end(&cursor);
    return error;
}

uint32_t fat_dir_start(struct inode *dir)
{
    struct fat_inode *fat = fat_inode(dir);
    uint32_t start;

    if (dir->number == FAT_ROOT_NUMBER) {
        return 0; /* what ".." of its children says, also where the root has clusters */
    }
    mutex_lock(&fat->map_lock);
    start = fat->start;
    mutex_unlock(&fat->map_lock);
    return start;
}
