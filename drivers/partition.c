// SPDX-License-Identifier: MIT
/* Partition tables: MBR (with the four primary entries) and GPT.
 *
 * Read once when a disk appears. Nothing in them is trusted: an entry that does not lie on the disk
 * is left out with a log line, and a disk without a table is simply a whole disk, which is the
 * common case here (file systems written straight onto the image).  A boot sector of a FAT file
 * system carries the same 0x55aa mark as an MBR; its "entries" are boot code, which the checks
 * below turn down quietly.
 * Source: UEFI Specification 2.10, chapter 5 (GPT disk layout, and 5.2.1 for the legacy MBR). */
#include "drivers/block.h"
#include "kernel/abi/errno.h"
#include "kernel/base/endian.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "mm/kmalloc.h"

#define MBR_ENTRIES_OFFSET  446
#define MBR_ENTRY_BYTES     16
#define MBR_TYPE_GPT        0xee
#define GPT_MAX_ENTRIES     15u /* as many as have device numbers */
#define GPT_MIN_ENTRY_BYTES 128u

static void register_part(struct block_device *disk, unsigned number, uint64_t start,
                          uint64_t nr_sectors)
{
    struct block_device *part;

    if (start == 0 || nr_sectors == 0 || start >= disk->nr_sectors ||
        nr_sectors > disk->nr_sectors - start) {
        pr_warn("block: %s: partition %u (sectors %llu+%llu) does not lie on the disk: left out",
                disk->name, number, (unsigned long long)start, (unsigned long long)nr_sectors);
        return;
    }
    part = kzalloc(sizeof(*part), ALLOC_KERNEL);
    if (part == NULL) {
        return;
    }
    part->start_sector = start;
    part->nr_sectors = nr_sectors;
    if (block_register_partition(part, disk, number) != 0) {
        kfree(part);
        return;
    }
    pr_info("block: %s: partition %s, %llu MiB", disk->name, part->name,
            (unsigned long long)(nr_sectors >> 11));
}

struct mbr_entry {
    uint8_t status, type;
    uint32_t start, nr_sectors;
};

static struct mbr_entry mbr_entry(const uint8_t *sector, unsigned index)
{
    const uint8_t *entry = sector + MBR_ENTRIES_OFFSET + index * MBR_ENTRY_BYTES;

    return (struct mbr_entry){entry[0], entry[4], get_le32(entry + 8), get_le32(entry + 12)};
}

static bool is_used(const struct mbr_entry *entry)
{
    return entry->type != 0 && entry->nr_sectors != 0;
}

static bool overlap(const struct mbr_entry *a, const struct mbr_entry *b)
{
    return is_used(a) && is_used(b) && a->start < (uint64_t)b->start + b->nr_sectors &&
           b->start < (uint64_t)a->start + a->nr_sectors;
}

/* Whether the four entries look like a table: a status byte of 0 or 0x80 in each, at least one
 * in use, no used one at the table's own sector, and no two of them overlapping. */
static bool is_plausible_mbr(const uint8_t *sector)
{
    bool has_entry = false;

    if (sector[510] != 0x55 || sector[511] != 0xaa) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);

        if ((entry.status & 0x7f) != 0 || (is_used(&entry) && entry.start == 0)) {
            return false;
        }
        has_entry = has_entry || is_used(&entry);
        for (unsigned j = 0; j < i; j++) {
            struct mbr_entry other = mbr_entry(sector, j);

            if (overlap(&entry, &other)) {
                return false;
            }
        }
    }
    return has_entry;
}

static void register_mbr(struct block_device *disk, const uint8_t *sector)
{
    for (unsigned i = 0; i < 4; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);

        if (is_used(&entry)) {
            register_part(disk, i + 1, entry.start, entry.nr_sectors);
        }
    }
}

static void scan_gpt(struct block_device *disk, uint8_t *buffer)
{
    uint64_t table_sector;
    uint32_t nr_entries, entry_bytes;

    if (block_read_sync(disk, SECTOR_SIZE, buffer, SECTOR_SIZE) != 0) {
        return;
    }
    if (memcmp(buffer, "EFI PART", 8) != 0) {
        pr_warn("block: %s: the MBR announces a GPT that is not there", disk->name);
        return;
    }
    table_sector = get_le64(buffer + 72);
    nr_entries = get_le32(buffer + 80);
    entry_bytes = get_le32(buffer + 84);
    if (entry_bytes < GPT_MIN_ENTRY_BYTES || entry_bytes > SECTOR_SIZE ||
        (entry_bytes & (entry_bytes - 1)) != 0 || table_sector >= disk->nr_sectors) {
        pr_warn("block: %s: GPT header with entries of %u bytes at sector %llu: not used",
                disk->name, entry_bytes, (unsigned long long)table_sector);
        return;
    }
    nr_entries = min_of(nr_entries, GPT_MAX_ENTRIES);
    for (uint32_t i = 0; i < nr_entries; i++) {
        uint64_t offset = table_sector * SECTOR_SIZE + (uint64_t)i * entry_bytes;
        const uint8_t *entry = buffer + offset % SECTOR_SIZE;
        static const uint8_t unused_type[16];

        if ((i == 0 || offset % SECTOR_SIZE == 0) &&
            block_read_sync(disk, align_down(offset, (uint64_t)SECTOR_SIZE), buffer, SECTOR_SIZE) !=
                0) {
            return;
        }
        if (memcmp(entry, unused_type, sizeof(unused_type)) != 0) {
            /* One that ends before it starts comes to no sectors, or to more than any disk has. */
            register_part(disk, i + 1, get_le64(entry + 32),
                          get_le64(entry + 40) - get_le64(entry + 32) + 1);
        }
    }
}

void block_scan_partitions(struct block_device *disk)
{
    uint8_t *buffer;

    if (disk->nr_sectors < 2) {
        return;
    }
    buffer = kmalloc(SECTOR_SIZE, ALLOC_KERNEL | ALLOC_DIRECT);
    if (buffer == NULL) {
        return;
    }
    if (block_read_sync(disk, 0, buffer, SECTOR_SIZE) == 0 && is_plausible_mbr(buffer)) {
        if (mbr_entry(buffer, 0).type == MBR_TYPE_GPT) {
            scan_gpt(disk, buffer);
        } else {
            register_mbr(disk, buffer);
        }
    }
    kfree(buffer);
}
