// SPDX-License-Identifier: MIT
/* What a part of an address space really holds, for /proc/PID/smaps and pagemap. */
#ifndef CAIRN_MM_SPACE_USAGE_H
#define CAIRN_MM_SPACE_USAGE_H

#include "kernel/base/types.h"

struct space;

#define USAGE_PSS_SHIFT 12 /* shares are counted in 1/4096 of a byte */

struct space_usage { /* in bytes */
    uint64_t resident;
    uint64_t pss, pss_dirty, pss_anon; /* proportional shares, shifted: a page that n map counts
                                        *     for each of them by an n-th */
    uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
    uint64_t referenced, anonymous;
    uint64_t large;       /* of anonymous: in large pages */
    uint64_t swapped;     /* not there, but in swap space */
    uint64_t swapped_pss; /* the same, shared among the entries that name a slot; shifted */
};

/** Add up the pages that are there in [start, end). Context: any task; takes the page-table lock in
 *  turns. */
void space_add_usage(struct space *space, uint64_t start, uint64_t end, struct space_usage *usage);

/* Bits of an entry of /proc/PID/pagemap, as Linux has them; the frame's number is below. */
#define PAGEMAP_FRAME_BITS 55
#define PAGEMAP_EXCLUSIVE  (1ull << 56) /* nobody else maps it */
#define PAGEMAP_SWAPPED    (1ull << 62) /* in swap space */
#define PAGEMAP_FILE       (1ull << 61) /* a page of a file, or shared memory */
#define PAGEMAP_PRESENT    (1ull << 63)

/** The entries of nr pages from an address on. Context as above. */
void space_read_pagemap(struct space *space, uint64_t address, uint64_t *entries, size_t nr);

#endif
