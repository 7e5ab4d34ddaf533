// SPDX-License-Identifier: MIT
/* Short names: eight bytes and three, padded with spaces, capitals only.
 *
 * Every file has one. If it says the whole name (README.TXT), there is no long name beside it; two
 * bits tell that base or extension are to be shown in small letters (readme.txt), so that most
 * names of programmers need one slot only. Otherwise it is made from the long name: capitals,
 * without spaces and all dots but the last, other characters replaced by '_'; and "~1" or a higher
 * number at the end of the base makes it differ from the other short names of the directory.
 *
 * Bytes above 127 belong to whatever code page the writer had. They are read as code page 437,
 * which old systems had most, and never written.
 *
 * Source: Microsoft, FAT: General Overview of On-Disk Format, 1.03, "Name Limits and Character
 * Sets". */
#include "fs/fat/name.h"

#include "kernel/base/hash.h"
#include "kernel/base/string.h"

#define BASE_BYTES 8u
#define EXT_BYTES  3u

/* Code page 437 from 128 on. */
static const uint16_t code_page[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

/* ---- Reading --------------------------------------------------------------------------------- */

static void decode_part(const uint8_t *bytes, uint32_t nr, bool is_lower, struct fat_name *name)
{
    while (nr > 0 && bytes[nr - 1] == ' ') {
        nr--;
    }
    for (uint32_t i = 0; i < nr; i++) {
        uint16_t unit = bytes[i] < 0x80 ? bytes[i] : code_page[bytes[i] - 0x80];

        name->units[name->nr_units++] = is_lower ? fat_fold_unit(unit) : unit;
    }
}

void fat_short_decode(const uint8_t bytes[FAT_SHORT_BYTES], uint8_t short_case,
                      struct fat_name *name)
{
    uint8_t copy[FAT_SHORT_BYTES];

    memcpy(copy, bytes, sizeof(copy));
    if (copy[0] == FAT_SLOT_E5) {
        copy[0] = FAT_SLOT_DELETED;
    }
    name->nr_units = 0;
    decode_part(copy, BASE_BYTES, (short_case & FAT_CASE_LOWER_BASE) != 0, name);
    if (copy[BASE_BYTES] != ' ' || copy[BASE_BYTES + 1] != ' ' || copy[BASE_BYTES + 2] != ' ') {
        name->units[name->nr_units++] = '.';
        decode_part(copy + BASE_BYTES, EXT_BYTES, (short_case & FAT_CASE_LOWER_EXT) != 0, name);
    }
}

uint8_t fat_short_checksum(const uint8_t bytes[FAT_SHORT_BYTES])
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < FAT_SHORT_BYTES; i++) {
        sum = (uint8_t)((sum >> 1 | sum << 7) + bytes[i]);
    }
    return sum;
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* A part of the name on its way into a field of the short name. */
struct field {
    uint8_t *bytes;
    uint32_t size, used;
    bool has_lower, has_upper;
    bool is_lossy; /* something did not fit or was replaced */
};

static void add_unit(struct field *field, uint16_t unit)
{
    uint8_t byte = '_';

    if (unit == ' ' || unit == '.') {
        field->is_lossy = true; /* left out */
        return;
    }
    if (field->used == field->size) {
        field->is_lossy = true;
        return;
    }
    if (unit >= 0x80 || strchr("+,;=[]", unit) != NULL) {
        field->is_lossy = true;
    } else {
        byte = (uint8_t)char_to_upper(unit);
        field->has_lower |= unit >= 'a' && unit <= 'z';
        field->has_upper |= unit >= 'A' && unit <= 'Z';
    }
    field->bytes[field->used++] = byte;
}

/* Where the extension's dot is, or nr_units. A dot at the start is no extension's. */
static uint32_t find_dot(const struct fat_name *name)
{
    for (uint32_t i = name->nr_units; i-- > 1;) {
        if (name->units[i] == '.') {
            return i;
        }
    }
    return name->nr_units;
}

void fat_short_make(const struct fat_name *name, struct fat_short *result)
{
    struct field base = {.bytes = result->bytes, .size = BASE_BYTES};
    struct field ext = {.bytes = result->bytes + BASE_BYTES, .size = EXT_BYTES};
    uint32_t dot = find_dot(name);

    memset(result->bytes, ' ', FAT_SHORT_BYTES);
    for (uint32_t i = 0; i < dot; i++) {
        add_unit(&base, name->units[i]);
    }
    for (uint32_t i = dot + 1; i < name->nr_units; i++) {
        add_unit(&ext, name->units[i]);
    }
    if (base.used == 0) { /* nothing but dots and spaces before the extension */
        add_unit(&base, '_');
        base.is_lossy = true;
    }
    result->needs_tail = base.is_lossy || ext.is_lossy;
    result->needs_long = result->needs_tail || (base.has_lower && base.has_upper) ||
                         (ext.has_lower && ext.has_upper);
    result->short_case = 0;
    if (!result->needs_long) {
        result->short_case = (uint8_t)((base.has_lower ? FAT_CASE_LOWER_BASE : 0) |
                                       (ext.has_lower ? FAT_CASE_LOWER_EXT : 0));
    }
}

/* ---- Tails ----------------------------------------------------------------------------------- */

static uint32_t base_len(const uint8_t *bytes)
{
    uint32_t len = BASE_BYTES;

    while (len > 0 && bytes[len - 1] == ' ') {
        len--;
    }
    return len;
}

void fat_short_with_tail(const uint8_t basis[FAT_SHORT_BYTES], unsigned number,
                         uint8_t result[FAT_SHORT_BYTES])
{
    uint32_t nr_digits = number < 10 ? 1 : number < 100 ? 2 : 3;
    uint32_t len = min_of(base_len(basis), BASE_BYTES - 1 - nr_digits);

    memcpy(result, basis, FAT_SHORT_BYTES);
    memset(result + len, ' ', BASE_BYTES - len);
    result[len] = '~';
    for (uint32_t i = nr_digits; i > 0; i--, number /= 10) {
        result[len + i] = (uint8_t)('0' + number % 10);
    }
}

unsigned fat_short_tail_number(const uint8_t basis[FAT_SHORT_BYTES],
                               const uint8_t bytes[FAT_SHORT_BYTES])
{
    uint8_t expected[FAT_SHORT_BYTES];
    uint32_t len = base_len(bytes);
    unsigned number = 0;
    unsigned weight = 1;

    while (len > 0 && char_is_digit(bytes[len - 1]) && weight <= 100) {
        number += weight * (unsigned)(bytes[--len] - '0');
        weight *= 10;
    }
    if (number == 0 || len == 0 || bytes[len - 1] != '~') {
        return 0;
    }
    fat_short_with_tail(basis, number, expected);
    return memcmp(expected, bytes, FAT_SHORT_BYTES) == 0 ? number : 0;
}

void fat_short_hashed(const struct fat_name *name, unsigned attempt, uint8_t basis[FAT_SHORT_BYTES])
{
    uint64_t hash = hash_combine(hash_bytes(name->units, name->nr_units * sizeof(name->units[0])),
                                 attempt);
    struct fat_short plain;
    uint32_t len;

    fat_short_make(name, &plain);
    memcpy(basis, plain.bytes, FAT_SHORT_BYTES);
    len = min_of(base_len(basis), 2u);
    memset(basis + len, ' ', BASE_BYTES - len);
    for (uint32_t i = 0; i < 4; i++, hash >>= 4) {
        basis[len + i] = (uint8_t) "0123456789ABCDEF"[hash & 15];
    }
}
