// SPDX-License-Identifier: MIT
/* Who has the kernel's memory: what is live, by tag, for /proc/allocinfo. Theory in alloc_info.c. */
#ifndef CAIRN_MM_ALLOC_INFO_H
#define CAIRN_MM_ALLOC_INFO_H

#include "kernel/base/types.h"

struct alloc_info {
    char what[40];      /* "slab:inode_cache", "frames:anon" */
    const void *caller; /* the call that allocated, for %pS; NULL where that isn't recorded */
    uint64_t live_bytes;
    uint64_t nr_live; /* objects, or blocks of frames */
};

/** A list of all tags with something live, as they are now; free it with vfree(). Each cache's
 *  objects, and each frame that is no slab's, are in it once. What comes and goes while the list is
 *  made may be missing. Returns 0 or -ENOMEM. Context: may sleep. */
int must_check alloc_info_list(struct alloc_info **list, size_t *nr);

#endif
