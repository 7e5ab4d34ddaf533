// SPDX-License-Identifier: MIT
/* Names: UTF-8 as programs see them, UTF-16 as long names are stored, and the 8.3 short names
 * beside them. Pure functions. Theory in name.c and short_name.c. */
#ifndef CAIRN_FS_FAT_NAME_H
#define CAIRN_FS_FAT_NAME_H

#include "fs/fat/disk.h"

struct fat_name {
    uint32_t nr_units;
    uint16_t units[FAT_MAX_LONG_SLOTS *
                   FAT_LONG_UNITS]; /* UTF-16; at most FAT_MAX_NAME_UNITS are used */
};

/* ---- name.c: long names ---------------------------------------------------------------------- */

/** From UTF-8, without the dots at its end, which FAT ignores. Returns 0, -EINVAL (not UTF-8, or
 * nothing but dots), or
 *  -ENAMETOOLONG. */
int must_check fat_name_from_utf8(const char *text, size_t len, struct fat_name *name);

/** To UTF-8. Returns the length, or -EINVAL when it is no valid UTF-16, or does not fit
 * size_bytes. */
ssize_t must_check fat_name_to_utf8(const struct fat_name *name, char *text, size_t size_bytes);

/** Whether a file may be given this name: 0, or -EINVAL for the characters that FAT reserves and
 * a space at the end. */
int must_check fat_name_check(const struct fat_name *name);

/** Whether a name from the disk can be one that Unix knows: not empty, no '/' and no control
 * characters. */
bool fat_name_is_sane(const struct fat_name *name);

/** Whether two names are the same but for case. */
bool fat_name_equal(const struct fat_name *a, const struct fat_name *b);

/** The lower case of a character: Latin, Greek and Cyrillic letters; others are themselves. */
uint16_t fat_fold_unit(uint16_t unit);

/* ---- short_name.c: 8.3 names ----------------------------------------------------------------- */

/** What a directory entry's short name looks like, its case by the entry's case bits. */
void fat_short_decode(const uint8_t bytes[FAT_SHORT_BYTES], uint8_t short_case,
                      struct fat_name *name);

/** What slots of a long name hold so that they can be known to belong to this short one. */
uint8_t fat_short_checksum(const uint8_t bytes[FAT_SHORT_BYTES]);

struct fat_short {
    uint8_t bytes[FAT_SHORT_BYTES];
    uint8_t short_case; /* case bits, when no long name is needed */
    bool needs_long;    /* the short name does not say all of the name */
    bool needs_tail;    /* something was left out or replaced: ~1 must show it */
};

/** The short name for a new long one (which fat_name_check() has passed), still without a tail. */
void fat_short_make(const struct fat_name *name, struct fat_short *result);

#define FAT_MAX_TAIL 999u

/** The short name with "~number" at the end of its base. number: 1 .. FAT_MAX_TAIL. */
void fat_short_with_tail(const uint8_t basis[FAT_SHORT_BYTES], unsigned number,
                         uint8_t result[FAT_SHORT_BYTES]);

/** Which number makes `bytes` out of the basis; 0: none does. */
unsigned fat_short_tail_number(const uint8_t basis[FAT_SHORT_BYTES],
                               const uint8_t bytes[FAT_SHORT_BYTES]);

/** Another basis for the same name, for directories where all tails of the first are taken: two
 * characters and four digits that
 *  depend on the name and the attempt. */
void fat_short_hashed(const struct fat_name *name, unsigned attempt,
                      uint8_t basis[FAT_SHORT_BYTES]);

#endif
