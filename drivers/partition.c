// SPDX-License-Identifier: MIT
/* Partition tables: MBR (with the four primary entries) and GPT.
 *
 * Read once when a disk appears. Nothing in them is trusted: an entry that does not lie on the disk is left out with a log
 * line, and a disk without a table is simply a whole disk, which is the common case here (file systems written straight
 * onto the image).  A boot sector of a FAT file system carries the same 0x55aa mark as an MBR; its "entries" are boot code, which
 * the checks below turn down quietly.
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
#define GPT_MAX_ENTRIES     15u
#define GPT_MIN_ENTRY_BYTES 128u

static bool register_part(struct block_device *disk, unsigned number, uint64_t start,
                          uint64_t nr_sectors)
{
    struct block_device *part;

    if (start == 0 || nr_sectors == 0 || start >= disk->nr_sectors ||
        nr_sectors > disk->nr_sectors - start) {
        pr_warn("block: %s: partition %u (sectors %llu+%llu) does not lie on the disk: left out",
                disk->name, number, (unsigned long long)start, (unsigned long long)nr_sectors);
        return false;
    }
    part = kzalloc(sizeof(*part), ALLOC_KERNEL);
    if (part == NULL) {
        return false;
    }
    part->start_sector = start;
    part->nr_sectors = nr_sectors;
    if (block_register_partition(part, disk, number) != 0) {
        kfree(part);
        return false;
    }
    pr_info("block: %s: partition %s, %llu MiB", disk->name, part->name,
            (unsigned long long)(nr_sectors >> 11));
    return true;
}

/* Whether the four entries look like a table: a status byte of 0 or 0x80 in each, and no two entries overlapping. */
static bool is_plausible_mbr(const uint8_t *sector)
{
    bool has_entry = false;

    if (sector[510] != 0x55 || sector[511] != 0xaa) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *entry = sector + MBR_ENTRIES_OFFSET + i * MBR_ENTRY_BYTES;

        if ((entry[0] & 0x7f) != 0) {
            return false;
        }
        if (entry[4] != 0) {
            has_entry = has_entry || (get_le32(entry + 8) != 0 && get_le32(entry + 12) != 0);
        }
    }
    return has_entry;
}

static void scan_gpt(struct block_device *disk, uint8_t *buffer)
{
    uint64_t table_sector;
    uint32_t nr_entries, entry_bytes;
    unsigned number = 0;

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
    nr_entries = min_of(nr_entries, 128u);
    for (uint32_t i = 0; i < nr_entries && number < GPT_MAX_ENTRIES; i++) {
        uint64_t offset = table_sector * SECTOR_SIZE + (uint64_t)i * entry_bytes;
        const uint8_t *entry = buffer + offset % SECTOR_SIZE;
        static const uint8_t unused_type[16];

        if ((i == 0 || offset % SECTOR_SIZE == 0) &&
            block_read_sync(disk, align_down(offset, (uint64_t)SECTOR_SIZE), buffer, SECTOR_SIZE) !=
                0) {
            return;
        }
        if (memcmp(entry, unused_type, sizeof(unused_type)) != 0 &&
            get_le64(entry + 40) >= get_le64(entry + 32)) {
            number++;
            (void)register_part(disk, number, get_le64(entry + 32),
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
    buffer = kmalloc(SECTOR_SIZE, ALLOC_KERNEL);
    if (buffer == NULL) {
        return;
    }
    if (block_read_sync(disk, 0, buffer, SECTOR_SIZE) == 0 && is_plausible_mbr(buffer)) {
        if (buffer[MBR_ENTRIES_OFFSET + 4] == MBR_TYPE_GPT) {
            scan_gpt(disk, buffer);
        } else {
            for (unsigned i = 0; i < 4; i++) {
                const uint8_t *entry = buffer + MBR_ENTRIES_OFFSET + i * MBR_ENTRY_BYTES;

                if (entry[4] != 0 && get_le32(entry + 12) != 0) {
                    (void)register_part(disk, i + 1, get_le32(entry + 8), get_le32(entry + 12));
                }
            }
        }
    }
    kfree(buffer);
}
