// SPDX-License-Identifier: MIT
/* Reading the first page of a swap area, which anybody may have written. */
#ifndef CAIRN_FS_SWAP_SWAP_HEADER_H
#define CAIRN_FS_SWAP_SWAP_HEADER_H

#include "fs/swap/disk.h"

struct swap_layout {
    uint64_t nr_pages;          /* with the header's own */
    unsigned nr_bad;            /* of bad */
    uint32_t bad[SWAP_MAX_BAD]; /* 1 .. nr_pages - 1 */
};

/** Check a header against the room that there is, and take it apart. name is for the log line that
 *  says what is wrong with it. Returns 0 or -EINVAL. */
int must_check swap_header_read(const struct swap_header *header, uint64_t nr_pages_there,
                                const char *name, struct swap_layout *layout);

#endif
