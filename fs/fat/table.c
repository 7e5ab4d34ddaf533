// SPDX-License-Identifier: MIT
/* The table: one entry for each cluster, which tells whether it is free, and which cluster of its
 * file follows.
 *
 * Entries have 12, 16 or 32 bits (of these the top four are not part of it, and kept as found).
 * Those of 12 bits lie one and a half bytes apart, two of them in three bytes, and may straddle
 * sectors; so all are read and written byte by byte through a cursor that holds the sector used
 * last. Chains mostly stay within a sector for a while, which makes the next entry a few
 * instructions away.
 *
 * There are usually two tables. The first is the one that is used; when the cursor leaves a sector
 * that it changed, it copies it to the same place in the others. While it changes a sector it holds the page's lock: the disk
 * must not get one with half of a cluster's number in it.
 *
 * Whatever makes an entry free, or takes one, comes through fat_table_set(): so here the counts of free clusters are kept
 * (groups.c).
 *
 * An entry of 12 bits may lie in two sectors, which come to the disk one by one: half of a number leads into somebody
 * else's chain. A table has fewer than twelve of these, and they are given to nobody: free, they do not count as free.
 *
 * Lock: alloc_lock. */
#include "fs/fat/fat_internal.h"

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define AHEAD_SECTORS \
    128u /* read with the one that is asked for: who walks a chain soon needs the next */

void fat_cursor_begin(struct fat_cursor *cursor, struct fat_fs *fs)
{
    *cursor = (struct fat_cursor){.fs = fs};
}

/* Copy the sector at hand to the other tables. */
static int copy_to_mirrors(struct fat_cursor *cursor)
{
    const struct fat_layout *layout = &cursor->fs->layout;
    int result = 0;

    for (uint32_t i = 1; i < layout->nr_tables; i++) {
        struct meta_block mirror;
        uint64_t sector = layout->table_sector + i * layout->table_sectors + cursor->sector;
        int error = meta_read(cursor->fs->super, sector, FAT_SECTOR_BYTES, &mirror);

        if (error != 0) {
            result = error;
            continue;
        }
        fat_begin_change(&mirror);
        memcpy(mirror.data, cursor->meta.data, FAT_SECTOR_BYTES);
        fat_end_change(&mirror);
        meta_put(&mirror);
    }
    return result;
}

int fat_cursor_end(struct fat_cursor *cursor)
{
    int error = 0;

    if (cursor->meta.page != NULL) {
        if (cursor->is_changed) {
            fat_end_change(&cursor->meta);
            cursor->is_changed = false;
            error = copy_to_mirrors(cursor);
        }
        meta_put(&cursor->meta);
    }
    return error;
}

static int load_sector(struct fat_cursor *cursor, uint64_t sector)
{
    struct fat_fs *fs = cursor->fs;
    uint64_t on_device = fs->layout.table_sector +
                         fs->layout.active_table * fs->layout.table_sectors + sector;
    int error = fat_cursor_end(cursor);

    if (error != 0) {
        return error;
    }
    cursor->sector = sector;
    return fat_read_sector(fs, on_device, AHEAD_SECTORS, &cursor->meta);
}

/* The table's byte at this offset. */
static inline int reach_byte(struct fat_cursor *cursor, uint64_t offset, uint8_t **byte)
{
    if (cursor->meta.page == NULL || cursor->sector != offset / FAT_SECTOR_BYTES) {
        int error = load_sector(cursor, offset / FAT_SECTOR_BYTES);

        if (error != 0) {
            return error;
        }
    }
    *byte = (uint8_t *)cursor->meta.data + offset % FAT_SECTOR_BYTES;
    return 0;
}

/* End marks and the bad mark as FAT32 has them. */
static uint32_t widen(uint32_t bits, uint32_t value)
{
    uint32_t mask = bits == 32 ? FAT_MASK32 : (1u << bits) - 1;

    value &= mask;
    if (value >= (FAT_END_MIN & mask)) {
        return FAT_END;
    }
    return value == (FAT_BAD & mask) ? FAT_BAD : value;
}

int fat_table_get(struct fat_cursor *cursor, uint32_t cluster, uint32_t *value)
{
    uint32_t bits = cursor->fs->layout.bits;
    uint64_t offset = (uint64_t)cluster * bits / 8;
    uint8_t *byte;
    uint32_t raw;
    int error = reach_byte(cursor, offset, &byte);

    if (error != 0) {
        return error;
    }
    if (bits == 32) {
        raw = get_le32(byte);
    } else if (bits == 16) {
        raw = get_le16(byte);
    } else {
        raw = *byte;
        error = reach_byte(cursor, offset + 1, &byte);
        if (error != 0) {
            return error;
        }
        raw |= (uint32_t)*byte << 8;
        raw = (cluster & 1) != 0 ? raw >> 4 : raw;
    }
    *value = widen(bits, raw);
    return 0;
}

static void begin_change(struct fat_cursor *cursor)
{
    if (!cursor->is_changed) {
        fat_begin_change(&cursor->meta);
        cursor->is_changed = true;
    }
}

/* Change the bits of a byte that the mask has. */
static int set_bits(struct fat_cursor *cursor, uint64_t offset, uint8_t mask, uint32_t bits)
{
    uint8_t *byte;
    int error = reach_byte(cursor, offset, &byte);

    if (error == 0) {
        begin_change(cursor);
        *byte = (uint8_t)((*byte & ~mask) | (bits & mask));
    }
    return error;
}

static int set12(struct fat_cursor *cursor, uint32_t cluster, uint32_t value)
{
    uint64_t offset = (uint64_t)cluster * 12 / 8;
    bool is_odd = (cluster & 1) != 0;
    int error = set_bits(cursor, offset, is_odd ? 0xf0 : 0xff, is_odd ? value << 4 : value);

    return error != 0 ? error
                      : set_bits(cursor, offset + 1, is_odd ? 0xff : 0x0f,
                                 is_odd ? value >> 4 : value >> 8);
}

static int set_entry(struct fat_cursor *cursor, uint32_t cluster, uint32_t value)
{
    uint32_t bits = cursor->fs->layout.bits;
    uint8_t *byte;
    int error;

    if (bits == 12) {
        return set12(cursor, cluster, value);
    }
    error = reach_byte(cursor, (uint64_t)cluster * bits / 8, &byte);
    if (error != 0) {
        return error;
    }
    begin_change(cursor);
    if (bits == 32) {
        put_le32(byte, (get_le32(byte) & ~FAT_MASK32) | (value & FAT_MASK32));
    } else {
        put_le16(byte, (uint16_t)value);
    }
    return 0;
}

/* Whether the cluster can be given to somebody, its entry being this. */
static bool is_for_taking(const struct fat_cursor *cursor, uint32_t cluster, uint32_t value)
{
    bool is_in_two_sectors = cursor->fs->layout.bits == 12 &&
                             (uint64_t)cluster * 12 / 8 % FAT_SECTOR_BYTES == FAT_SECTOR_BYTES - 1;

    return value == FAT_FREE && !is_in_two_sectors;
}

int fat_table_set(struct fat_cursor *cursor, uint32_t cluster, uint32_t value)
{
    uint32_t old = 0;
    int error = fat_table_get(cursor, cluster, &old);

    if (error != 0) {
        return error;
    }
    error = set_entry(cursor, cluster, value);
    if (error == 0) {
        fat_groups_note(cursor->fs, cluster, is_for_taking(cursor, cluster, old),
                        is_for_taking(cursor, cluster, value));
    } else {
        fat_groups_forget(cursor->fs, cluster);
    }
    return error;
}

/* ---- Searching --------------------------------------------------------------------------------- */

/* The first of entries [from, end), which all lie in the sector at hand, that is free, or that is not. */
static uint32_t find_in_sector(const struct fat_cursor *cursor, uint32_t from, uint32_t end,
                               bool is_free)
{
    if (cursor->fs->layout.bits == 32) {
        const struct le32 *entries = cursor->meta.data;
        uint32_t per_sector = FAT_SECTOR_BYTES / sizeof(*entries);

        while (from < end &&
               ((le32_get(entries[from % per_sector]) & FAT_MASK32) == FAT_FREE) != is_free) {
            from++;
        }
    } else {
        const struct le16 *entries = cursor->meta.data;
        uint32_t per_sector = FAT_SECTOR_BYTES / sizeof(*entries);

        while (from < end && (le16_get(entries[from % per_sector]) == FAT_FREE) != is_free) {
            from++;
        }
    }
    return from;
}

/* Entries of 12 bits, which may lie in two sectors. There are less than 4,085. */
static int find12(struct fat_cursor *cursor, uint32_t from, uint32_t end, bool is_free,
                  uint32_t *found)
{
    for (; from < end; from++) {
        uint32_t value = 0;
        int error = fat_table_get(cursor, from, &value);

        if (error != 0) {
            return error;
        }
        if (is_for_taking(cursor, from, value) == is_free) {
            break;
        }
    }
    *found = from;
    return 0;
}

int fat_table_find(struct fat_cursor *cursor, uint32_t from, uint32_t end, bool is_free,
                   uint32_t *found)
{
    uint32_t bits = cursor->fs->layout.bits;
    uint32_t per_sector = FAT_SECTOR_BYTES * 8 / bits;

    if (bits == 12) {
        return find12(cursor, from, end, is_free, found);
    }
    while (from < end) {
        uint32_t stop = min_of((from / per_sector + 1) * per_sector, end);
        uint8_t *byte;
        int error = reach_byte(cursor, (uint64_t)from * bits / 8, &byte);

        if (error != 0) {
            return error;
        }
        from = find_in_sector(cursor, from, stop, is_free);
        if (from < stop) {
            break;
        }
    }
    *found = from;
    return 0;
}

int fat_table_next(struct fat_cursor *cursor, uint64_t number, uint32_t cluster, uint32_t *next)
{
    uint32_t value = 0;
    int error = fat_table_get(cursor, cluster, &value);

    if (error != 0) {
        return error;
    }
    if (value != FAT_END && !fat_is_cluster(cursor->fs, value)) {
        const char *fault = value == FAT_FREE  ? "a free cluster"
                            : value == FAT_BAD ? "a bad cluster"
                                               : "what is no cluster";

        return super_damaged(cursor->fs->super, "inode %llu: cluster %u is followed by %s (%u)",
                             (unsigned long long)number, cluster, fault, value);
    }
    *next = value;
    return 0;
}
