// SPDX-License-Identifier: MIT
/* Where in a large directory the names with a given hash are. See name_index.c. */
#ifndef CAIRN_FS_VFS_NAME_INDEX_H
#define CAIRN_FS_VFS_NAME_INDEX_H

#include "kernel/base/types.h"

#define NAME_INDEX_PLACES    8u
#define NAME_INDEX_MAX_PLACE (UINT32_MAX - 1)

struct name_index {
    uint64_t *slots;   /* hash << 32 | place + 1; 0: free */
    uint32_t nr_slots; /* a power of two */
    uint32_t nr_names;
};

/** An empty index with room for nr_names before it must grow. Returns 0 or -ENOMEM, also for more names than any index
 *  may have. Context: may sleep. */
int must_check name_index_init(struct name_index *index, uint64_t nr_names);

/** The memory goes back. An index of zeroes is allowed. */
void name_index_release(struct name_index *index);

/** Add a name's hash and its place, at most NAME_INDEX_MAX_PLACE. Returns 0 or -ENOMEM; then nothing
 *  was added. Context: may sleep. */
int must_check name_index_add(struct name_index *index, uint32_t hash, uint32_t place);

/** Remove one such pair. Returns whether there was one. */
bool must_check name_index_remove(struct name_index *index, uint32_t hash, uint32_t place);

/** The places of a hash, each once. Returns how many; more than NAME_INDEX_PLACES: too many to tell. */
unsigned must_check name_index_find(const struct name_index *index, uint32_t hash,
                                    uint32_t places[NAME_INDEX_PLACES]);

#endif
