// SPDX-License-Identifier: MIT
/* Long names.
 *
 * On the disk a long name is UTF-16; programs speak UTF-8. Characters above U+FFFF are surrogate
 * pairs here and four bytes there. What is not valid in one form has no counterpart in the other
 * and is refused, so that every name that readdir shows can be opened by what it shows.
 *
 * Names are compared without regard to case, and keep the case they were given. FAT never said
 * which table of cases it means; this one knows the alphabets that have case and stand in simple
 * rows: Latin, Greek, Cyrillic.
 *
 * Source: RFC 3629 (UTF-8), RFC 2781 (UTF-16). */
#include "fs/fat/name.h"

#include "kernel/abi/errno.h"
#include "kernel/base/string.h"

#define SURROGATE_HIGH 0xd800u /* … 0xdbff, followed by a low one */
#define SURROGATE_LOW  0xdc00u /* … 0xdfff */
#define SURROGATE_END  0xe000u

/* ---- UTF-8 and UTF-16 ------------------------------------------------------------------------ */

/* The character at text, and how many bytes it has; 0: this is not UTF-8. */
static size_t decode_utf8(const char *text, size_t len, uint32_t *character)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = (const uint8_t *)text;
    uint32_t value = bytes[0];
    size_t nr = value < 0x80   ? 1
                : value < 0xc0 ? 0
                : value < 0xe0 ? 2
                : value < 0xf0 ? 3
                : value < 0xf8 ? 4
                               : 0;

    if (nr == 0 || nr > len) {
        return 0;
    }
    if (nr > 1) {
        value &= 0x7fu >> nr;
    }
    for (size_t i = 1; i < nr; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (bytes[i] & 0x3f);
    }
    if (value < lowest[nr] || value > 0x10ffff ||
        (value >= SURROGATE_HIGH && value < SURROGATE_END)) {
        return 0;
    }
    *character = value;
    return nr;
}

static size_t encode_utf8(uint32_t character, uint8_t bytes[4])
{
    size_t nr = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;

    for (size_t i = nr; i-- > 1; character >>= 6) {
        bytes[i] = (uint8_t)(0x80 | (character & 0x3f));
    }
    bytes[0] = (uint8_t)(nr == 1 ? character : (0xf00u >> nr & 0xff) | character);
    return nr;
}

int fat_name_from_utf8(const char *text, size_t len, struct fat_name *name)
{
    uint32_t nr = 0;

    while (len > 0 && text[len - 1] == '.') {
        len--;
    }
    if (len == 0) {
        return -EINVAL;
    }
    while (len > 0) {
        uint32_t character = 0;
        size_t nr_bytes = decode_utf8(text, len, &character);
        uint32_t nr_units = character < 0x10000 ? 1 : 2;

        if (nr_bytes == 0) {
            return -EINVAL;
        }
        if (nr + nr_units > FAT_MAX_NAME_UNITS) {
            return -ENAMETOOLONG;
        }
        if (nr_units == 1) {
            name->units[nr++] = (uint16_t)character;
        } else {
            name->units[nr++] = (uint16_t)(SURROGATE_HIGH + ((character - 0x10000) >> 10));
            name->units[nr++] = (uint16_t)(SURROGATE_LOW + (character & 0x3ff));
        }
        text += nr_bytes;
        len -= nr_bytes;
    }
    name->nr_units = nr;
    return 0;
}

/* The character at units, and how many of them it has; 0: this is not UTF-16. */
static uint32_t decode_utf16(const uint16_t *units, uint32_t nr, uint32_t *character)
{
    if (units[0] < SURROGATE_HIGH || units[0] >= SURROGATE_END) {
        *character = units[0];
        return 1;
    }
    if (units[0] >= SURROGATE_LOW || nr < 2 || units[1] < SURROGATE_LOW ||
        units[1] >= SURROGATE_END) {
        return 0;
    }
    *character = 0x10000 + ((units[0] - SURROGATE_HIGH) << 10) + (units[1] - SURROGATE_LOW);
    return 2;
}

ssize_t fat_name_to_utf8(const struct fat_name *name, char *text, size_t size_bytes)
{
    size_t len = 0;

    for (uint32_t at = 0; at < name->nr_units;) {
        uint32_t character = 0;
        uint32_t nr_units = decode_utf16(&name->units[at], name->nr_units - at, &character);
        uint8_t bytes[4];
        size_t nr_bytes;

        if (nr_units == 0) {
            return -EINVAL;
        }
        nr_bytes = encode_utf8(character, bytes);
        if (nr_bytes > size_bytes - len) {
            return -EINVAL;
        }
        memcpy(text + len, bytes, nr_bytes);
        len += nr_bytes;
        at += nr_units;
    }
    return (ssize_t)len;
}

/* ---- What names may be ----------------------------------------------------------------------- */

int fat_name_check(const struct fat_name *name)
{
    for (uint32_t i = 0; i < name->nr_units; i++) {
        uint16_t unit = name->units[i];

        if (unit < ' ' || (unit < 0x80 && strchr("\"*/:<>?\\|", unit) != NULL)) {
            return -EINVAL;
        }
    }
    return name->units[name->nr_units - 1] == ' ' ? -EINVAL : 0;
}

bool fat_name_is_sane(const struct fat_name *name)
{
    for (uint32_t i = 0; i < name->nr_units; i++) {
        if (name->units[i] < ' ' || name->units[i] == '/') {
            return false;
        }
    }
    return name->nr_units != 0;
}

/* ---- Case ------------------------------------------------------------------------------------ */

/* In Latin Extended-A capital and small letters alternate; which of the two is even changes
 * along the way. */
static uint16_t fold_latin_extended(uint16_t unit)
{
    if (unit == 0x178) {
        return 0xff; /* y with diaeresis */
    }
    if ((unit >= 0x139 && unit <= 0x148) || unit >= 0x179) {
        return (unit & 1) != 0 && unit != 0x17f ? unit + 1 : unit;
    }
    /* Without partner: dotted and dotless i, kra, n with apostrophe */
    return (unit & 1) == 0 && unit != 0x130 && unit != 0x138 ? unit + 1 : unit;
}

uint16_t fat_fold_unit(uint16_t unit)
{
    if (unit < 0x80) {
        return (uint16_t)char_to_lower(unit);
    }
    if ((unit >= 0xc0 && unit <= 0xde && unit != 0xd7) ||
        (unit >= 0x391 && unit <= 0x3ab && unit != 0x3a2) || (unit >= 0x410 && unit <= 0x42f)) {
        return unit + 0x20;
    }
    if (unit >= 0x100 && unit <= 0x17f) {
        return fold_latin_extended(unit);
    }
    return unit >= 0x400 && unit <= 0x40f ? unit + 0x50 : unit;
}

bool fat_name_equal(const struct fat_name *a, const struct fat_name *b)
{
    if (a->nr_units != b->nr_units) {
        return false;
    }
    for (uint32_t i = 0; i < a->nr_units; i++) {
        if (a->units[i] != b->units[i] &&
            fat_fold_unit(a->units[i]) != fat_fold_unit(b->units[i])) {
            return false;
        }
    }
    return true;
}
