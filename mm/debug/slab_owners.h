// SPDX-License-Identifier: MIT
/* Every live object of the debugged caches, and who has it: for /proc/slab_owners. */
#ifndef CAIRN_MM_DEBUG_SLAB_OWNERS_H
#define CAIRN_MM_DEBUG_SLAB_OWNERS_H

#include "mm/debug/owner.h"

struct slab_owned {
    uint64_t address;
    uint32_t size_bytes;
    char cache[28];
    struct owner owner;
};

/** A list of them all, as they are now; free it with vfree(). What comes while it is made may be
 *  missing. Returns 0, -EOPNOTSUPP when no cache is debugged, or -ENOMEM. Context: may sleep. */
int must_check slab_owners_list(struct slab_owned **list, size_t *nr);

#endif
