// SPDX-License-Identifier: MIT
/* The boot sector: how a FAT file system is laid out, and whether it can be so.
 *
 *     | boot sector, reserved | table 1 | table 2 | root directory (FAT12, FAT16) | cluster 2 |
 *     cluster 3 | …
 *
 * Everything that will be divided by, shifted by or used as a bound is checked here, once, in 64
 * bits, with a log line that names the field that is wrong. A sector without a boot signature, or
 * that does not look like a boot sector of FAT, is some other format: no damage, and no line when
 * types are only being tried.
 *
 * The kind follows from where the table's size stands (FAT32) or from the number of clusters
 * (FAT12, FAT16), never from the name in the boot sector. */
#include "drivers/block.h"
#include "fs/fat/fat_internal.h"
#include "kernel/abi/errno.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"

struct check {
    struct super *super;
    const struct fat_disk_boot *boot;
    struct fat_layout *layout;
    uint32_t shift;      /* from the file system's sectors to those of 512 bytes */
    uint64_t nr_sectors; /* in the file system, of 512 bytes */
};

/* One log line, then the mount fails. */
static int refuse(const struct check *check, const char *field, unsigned long long value)
{
    pr_err("vfat: %s: %s is %llu: not mounted", check->super->device->name, field, value);
    return -EUCLEAN;
}

/* Does anything say that this is FAT, if perhaps a damaged one? */
static bool looks_like_fat(const uint8_t *sector)
{
    const struct fat_disk_boot *boot = (const struct fat_disk_boot *)sector;

    return get_le16(sector + FAT_BOOT_SIGNATURE_OFFSET) == FAT_BOOT_SIGNATURE &&
           (boot->jump[0] == 0xeb || boot->jump[0] == 0xe9 ||
            memcmp(boot->tail16.type_name, "FAT", 3) == 0 ||
            memcmp(boot->tail32.type_name, "FAT", 3) == 0) &&
           (boot->media == 0xf0 || boot->media >= 0xf8);
}

static int check_units(struct check *check)
{
    const struct fat_disk_boot *boot = check->boot;
    uint32_t sector_bytes = get_le16(boot->sector_bytes);

    if (sector_bytes < 512 || sector_bytes > 4096 || !is_power_of_two(sector_bytes)) {
        return refuse(check, "the number of bytes per sector", sector_bytes);
    }
    if (!is_power_of_two(boot->cluster_sectors)) {
        return refuse(check, "the number of sectors per cluster", boot->cluster_sectors);
    }
    check->shift = log2_floor(sector_bytes) - 9;
    check->layout->cluster_shift = log2_floor(sector_bytes) + log2_floor(boot->cluster_sectors);
    return 0;
}

static int check_tables(struct check *check)
{
    const struct fat_disk_boot *boot = check->boot;
    struct fat_layout *layout = check->layout;
    uint32_t nr_reserved = get_le16(boot->reserved_sectors);
    uint64_t table_sectors = get_le16(boot->table_sectors16);

    layout->bits = table_sectors == 0 ? 32 : 0;
    if (layout->bits == 32) {
        table_sectors = get_le32(boot->table_sectors32);
    }
    if (nr_reserved == 0) {
        return refuse(check, "the number of reserved sectors", nr_reserved);
    }
    if (boot->nr_tables == 0) {
        return refuse(check, "the number of tables", boot->nr_tables);
    }
    if (table_sectors == 0) {
        return refuse(check, "the number of sectors of a table", table_sectors);
    }
    layout->table_sector = (uint64_t)nr_reserved << check->shift;
    layout->table_sectors = table_sectors << check->shift;
    layout->nr_tables = boot->nr_tables;
    layout->active_table = 0;
    return 0;
}

/* What only FAT32 has. */
static int check_fat32(struct check *check)
{
    const struct fat_disk_boot *boot = check->boot;
    struct fat_layout *layout = check->layout;
    uint32_t flags = get_le16(boot->extended_flags);
    uint32_t info = get_le16(boot->info_sector);

    if (get_le16(boot->version) != 0) {
        return refuse(check, "the version of FAT32", get_le16(boot->version));
    }
    if ((flags & FAT_EXT_NO_MIRRORING) != 0) {
        layout->active_table = flags & FAT_EXT_ACTIVE_MASK;
        if (layout->active_table >= layout->nr_tables) {
            return refuse(check, "the number of the active table", layout->active_table);
        }
        layout->nr_tables = 1;
    }
    layout->root_slots = 0;
    layout->root_cluster = get_le32(boot->root_cluster);
    if (info != 0 && info < get_le16(boot->reserved_sectors)) {
        layout->info_sector = info << check->shift;
    }
    layout->volume_id = get_le32(boot->tail32.volume_id);
    return 0;
}

static int check_root16(struct check *check)
{
    uint32_t nr_slots = get_le16(check->boot->root_slots);

    if (nr_slots == 0 || nr_slots % (FAT_SLOTS_PER_SECTOR << check->shift) != 0) {
        return refuse(check, "the number of entries of the root directory", nr_slots);
    }
    check->layout->root_slots = nr_slots;
    check->layout->root_cluster = 0;
    check->layout->volume_id = get_le32(check->boot->tail16.volume_id);
    return 0;
}

static int check_size(struct check *check)
{
    const struct fat_disk_boot *boot = check->boot;
    uint64_t nr = get_le16(boot->nr_sectors16);

    if (nr == 0) {
        nr = get_le32(boot->nr_sectors32);
    }
    check->nr_sectors = nr << check->shift;
    if (check->nr_sectors == 0 || check->nr_sectors > check->super->device->nr_sectors) {
        pr_err("vfat: %s: has %llu sectors of 512 bytes on a device of %llu: not mounted",
               check->super->device->name, (unsigned long long)check->nr_sectors,
               (unsigned long long)check->super->device->nr_sectors);
        return -EUCLEAN;
    }
    return 0;
}

/* Where the clusters begin, how many there are, and which kind of table that makes. */
static int check_clusters(struct check *check)
{
    struct fat_layout *layout = check->layout;
    uint64_t nr_clusters, nr_table_bits;

    layout->root_sector = layout->table_sector + check->boot->nr_tables * layout->table_sectors;
    layout->data_sector = layout->root_sector + layout->root_slots / FAT_SLOTS_PER_SECTOR;
    if (layout->data_sector >= check->nr_sectors) {
        return refuse(check, "the number of sectors before the first cluster", layout->data_sector);
    }
    nr_clusters = (check->nr_sectors - layout->data_sector) >> (layout->cluster_shift - 9);
    if (layout->bits != 32) {
        layout->bits = nr_clusters <= FAT12_MAX_CLUSTERS ? 12 : 16;
    }
    if (nr_clusters == 0 ||
        nr_clusters > (layout->bits == 32 ? FAT32_MAX_CLUSTERS : FAT16_MAX_CLUSTERS)) {
        return refuse(check, "the number of clusters", nr_clusters);
    }
    nr_table_bits = layout->table_sectors * FAT_SECTOR_BYTES * 8;
    if ((nr_clusters + FAT_FIRST_CLUSTER) * layout->bits > nr_table_bits) {
        return refuse(check, "the number of sectors of a table (of 512 bytes, too few)",
                      layout->table_sectors);
    }
    layout->nr_clusters = (uint32_t)nr_clusters;
    if (layout->bits == 32 && (layout->root_cluster < FAT_FIRST_CLUSTER ||
                               layout->root_cluster - FAT_FIRST_CLUSTER >= layout->nr_clusters)) {
        return refuse(check, "the first cluster of the root directory", layout->root_cluster);
    }
    /* Blocks are as large as they can be and still lie on the device at multiples of their size. */
    layout->block_shift = min_of(layout->cluster_shift, bit_first(layout->data_sector) + 9);
    layout->block_shift = min_of(layout->block_shift, (uint32_t)PAGE_SHIFT);
    return 0;
}

static int check_all(struct check *check)
{
    int error = check_units(check);

    if (error == 0) {
        error = check_tables(check);
    }
    if (error == 0) {
        error = check->layout->bits == 32 ? check_fat32(check) : check_root16(check);
    }
    if (error == 0) {
        error = check_size(check);
    }
    return error != 0 ? error : check_clusters(check);
}

static uint8_t *state_of(struct fat_disk_boot *boot, uint32_t bits)
{
    return bits == 32 ? &boot->tail32.state : &boot->tail16.state;
}

int fat_layout_read(struct super *super, struct fat_layout *layout, bool *is_dirty)
{
    struct meta_block meta;
    int error;

    if (super->device->nr_sectors < 3) {
        return -EINVAL;
    }
    error = meta_read(super, 0, FAT_SECTOR_BYTES, &meta);
    if (error != 0) {
        return error;
    }
    memset(layout, 0, sizeof(*layout));
    if (looks_like_fat(meta.data)) {
        struct check check = {.super = super, .boot = meta.data, .layout = layout};

        error = check_all(&check);
        if (error == 0) {
            *is_dirty = (*state_of(meta.data, layout->bits) & FAT_STATE_DIRTY) != 0;
        }
    } else {
        if ((super->flags & SUPER_SILENT) == 0) {
            pr_err("vfat: %s: the first sector is no boot sector of FAT: not mounted",
                   super->device->name);
        }
        error = -EINVAL;
    }
    meta_put(&meta);
    return error;
}

int fat_layout_mark(struct fat_fs *fs, bool is_dirty)
{
    struct meta_block meta;
    uint8_t *state;
    int error = meta_read(fs->super, 0, FAT_SECTOR_BYTES, &meta);

    if (error != 0) {
        return error;
    }
    state = state_of(meta.data, fs->layout.bits);
    *state = (uint8_t)(is_dirty ? *state | FAT_STATE_DIRTY : *state & ~FAT_STATE_DIRTY);
    meta_mark_dirty(&meta);
    error = meta_write_sync(&meta);
    meta_put(&meta);
    return error != 0 ? error : block_flush(fs->super->device);
}
