// SPDX-License-Identifier: MIT
/* An index of the names of one large directory, in memory.
 *
 * On a disk, a directory is a row of entries, and to find a name, or to learn that it is not there, is
 * to look at all of them. With a hundred thousand files that is too much for every creat(). So a driver
 * keeps, for a directory beyond a certain size, pairs of a name's 32-bit hash and the *place* where its
 * entry is: a number of the driver's own, a block or a slot. The names themselves stay where they are;
 * a place is a hint where to look, and the driver compares there. That no place is given is certain: no
 * such name.
 *
 *     hash & mask ─▶ | h1 p1 | h2 p2 | free | h3 p3 | …      a search goes on to the first free slot
 *
 * An open hash table, at most three quarters full, with linear probing: a pair stands in the first free
 * slot from where its hash points. When one is removed, those behind it that a search could no longer
 * reach move up (Knuth, TAOCP vol. 3, section 6.4, algorithm R), so there are no tombstones.
 *
 * Names are chosen by strangers, who may make many with one hash. A search then gives up, and the driver
 * looks at every entry, as it would without an index: never worse than that. And there is a largest size, so that
 * a disk's word for how large a directory is cannot use up memory.
 *
 * Locking: the caller's. */
#include "fs/vfs/name_index.h"

#include "kernel/abi/errno.h"
#include "mm/vmalloc.h"

#define INDEX_FLAGS (ALLOC_WAIT | ALLOC_NOFS | ALLOC_QUIET | ALLOC_ZERO)
#define MIN_SLOTS   512u       /* a page */
#define MAX_SLOTS   (1u << 21) /* 16 MiB */

static uint64_t pair(uint32_t hash, uint32_t place)
{
    return (uint64_t)hash << 32 | (place + 1);
}

/* The free slot that ends the search for a hash. */
static void insert(struct name_index *index, uint64_t entry)
{
    uint32_t mask = index->nr_slots - 1;
    uint32_t at = (uint32_t)(entry >> 32) & mask;

    while (index->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    index->slots[at] = entry;
    index->nr_names++;
}

int name_index_init(struct name_index *index, uint64_t nr_names)
{
    uint64_t nr_slots = MIN_SLOTS;

    if (nr_names >= MAX_SLOTS / 4 * 3) {
        return -ENOMEM;
    }
    while (nr_slots / 4 * 3 <= nr_names) {
        nr_slots *= 2;
    }
    *index = (struct name_index){.nr_slots = (uint32_t)nr_slots};
    index->slots = vmalloc(nr_slots * sizeof(index->slots[0]), INDEX_FLAGS);
    return index->slots != NULL ? 0 : -ENOMEM;
}

void name_index_release(struct name_index *index)
{
    vfree(index->slots);
    *index = (struct name_index){0};
}

static int grow(struct name_index *index)
{
    struct name_index larger;
    int error = name_index_init(&larger, index->nr_slots);

    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < index->nr_slots; i++) {
        if (index->slots[i] != 0) {
            insert(&larger, index->slots[i]);
        }
    }
    name_index_release(index);
    *index = larger;
    return 0;
}

int name_index_add(struct name_index *index, uint32_t hash, uint32_t place)
{
    if (index->nr_names + 1 > index->nr_slots / 4 * 3) {
        int error = grow(index);

        if (error != 0) {
            return error;
        }
    }
    insert(index, pair(hash, place));
    return 0;
}

/* The slot `hole` has become free. Whoever stands behind it, up to the next free slot, and whose search
 * would pass the hole, moves into it and leaves the next hole. */
static void close_hole(struct name_index *index, uint32_t hole)
{
    uint32_t mask = index->nr_slots - 1;

    for (uint32_t at = (hole + 1) & mask; index->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)(index->slots[at] >> 32) & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole] = 0;
}

bool name_index_remove(struct name_index *index, uint32_t hash, uint32_t place)
{
    uint32_t mask = index->nr_slots - 1;

    for (uint32_t at = hash & mask; index->slots[at] != 0; at = (at + 1) & mask) {
        if (index->slots[at] == pair(hash, place)) {
            close_hole(index, at);
            index->nr_names--;
            return true;
        }
    }
    return false;
}

static bool is_among(const uint32_t *places, unsigned nr, uint32_t place)
{
    for (unsigned i = 0; i < nr; i++) {
        if (places[i] == place) {
            return true;
        }
    }
    return false;
}

unsigned name_index_find(const struct name_index *index, uint32_t hash,
                         uint32_t places[NAME_INDEX_PLACES])
{
    uint32_t mask = index->nr_slots - 1;
    unsigned nr = 0;

    for (uint32_t at = hash & mask; index->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t place = (uint32_t)index->slots[at] - 1;

        if (index->slots[at] >> 32 != hash || is_among(places, nr, place)) {
            continue;
        }
        if (nr == NAME_INDEX_PLACES) {
            return NAME_INDEX_PLACES + 1;
        }
        places[nr++] = place;
    }
    return nr;
}
