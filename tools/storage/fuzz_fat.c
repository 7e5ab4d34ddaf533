// SPDX-License-Identifier: MIT
/* FAT for the fuzzer: its images, and where their structures lie. The images are sound, so they are read here as
 * the format says, without a check. */
#include "fs/fat/disk.h"
#include "kernel/base/bits.h"
#include "kernel/base/endian.h"
#include "tools/storage/fuzz.h"

struct fuzz_base fuzz_bases[] = {
    {.type = "vfat", .size_kib = 2048, .command = "mkfs.fat -F 12 -s 2 %s >/dev/null 2>&1"},
    {.type = "vfat", .size_kib = 8192, .command = "mkfs.fat -F 16 -s 2 %s >/dev/null 2>&1"},
    {.type = "vfat", .size_kib = 34 << 10, .command = "mkfs.fat -F 32 -s 1 %s >/dev/null 2>&1"},
};
const unsigned fuzz_nr_bases = array_size(fuzz_bases);

struct layout {
    uint64_t table, table_bytes, root, data; /* byte offsets */
    uint32_t cluster_bytes, root_bytes;
    unsigned bits;
};

static struct layout read_layout(const uint8_t *image, uint64_t size)
{
    const struct fat_disk_boot *boot = (const struct fat_disk_boot *)image;
    struct layout layout = {.cluster_bytes = boot->cluster_sectors * 512u};

    layout.table = get_le16(boot->reserved_sectors) * 512ull;
    layout.bits = size > 16u << 20 ? 32 : size > 4u << 20 ? 16 : 12;
    layout.table_bytes = layout.bits == 32 ? get_le32(boot->table_sectors32) * 512ull
                                           : get_le16(boot->table_sectors16) * 512ull;
    layout.root = layout.table + 2 * layout.table_bytes;
    layout.root_bytes = layout.bits == 32 ? 512u : get_le16(boot->root_slots) * 32u;
    layout.data = layout.bits == 32 ? layout.root : layout.root + layout.root_bytes;
    return layout;
}

static bool find_boot(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                      struct fuzz_field *found)
{
    unsigned len = 1u << index % 3;

    *found = (struct fuzz_field){11 + field % 80, len,
                                 false}; /* the fields lie on odd places, too */
    return true;
}

static bool find_info(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                      struct fuzz_field *found)
{
    *found = (struct fuzz_field){512 + (index % 2 == 0 ? 484 + field * 4 % 28 : field * 4 % 512), 4,
                                 false};
    return true;
}

/* An entry of the first hundred clusters, in the first table or the second. */
static bool find_table(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                       struct fuzz_field *found)
{
    struct layout layout = read_layout(image, size);
    uint64_t at = layout.table + (index % 3 == 2 ? layout.table_bytes : 0);
    uint32_t entry = field % 100;

    at += layout.bits == 32 ? entry * 4 : layout.bits == 16 ? entry * 2 : entry * 3 / 2;
    *found = (struct fuzz_field){at, layout.bits == 32 ? 4 : 2, false};
    return true;
}

/* A byte, word or number in a slot of the root, or of the directories in the first clusters. */
static bool find_slot(const uint8_t *image, uint64_t size, uint32_t index, uint32_t field,
                      struct fuzz_field *found)
{
    static const struct {
        unsigned offset, len;
    } fields[] = {{0, 1}, {11, 1}, {26, 2}, {20, 2}, {28, 4}, {13, 1},
                  {1, 2}, {8, 1},  {12, 1}, {14, 4}, {22, 4}, {26, 4}};
    struct layout layout = read_layout(image, size);
    uint32_t slot = index / 4;
    uint64_t at = index % 4 == 0 ? layout.root
                                 : layout.data + (index % 4 - 1) * (uint64_t)layout.cluster_bytes;
    uint32_t room = index % 4 == 0 ? layout.root_bytes : layout.cluster_bytes;

    at += slot * FAT_SLOT_BYTES % room;
    *found = (struct fuzz_field){at + fields[field % array_size(fields)].offset,
                                 fields[field % array_size(fields)].len, false};
    return true;
}

const struct fuzz_kind fuzz_kinds[] = {
    {"boot sector", find_boot}, {"FSInfo", find_info}, {"table", find_table},
    {"table", find_table},      {"slot", find_slot},   {"slot", find_slot},
};
const unsigned fuzz_nr_kinds = array_size(fuzz_kinds);
