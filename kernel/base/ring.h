// SPDX-License-Identifier: MIT
/* A bounded, lock-free queue for many producers and many consumers; any context, interrupts included.
 * The theory stands in ring.c. Values are one pointer-sized word; 0 is a value like any other. */
#ifndef CAIRN_BASE_RING_H
#define CAIRN_BASE_RING_H

#include "kernel/base/types.h"
#include <stdatomic.h>

struct ring_cell {
    _Atomic uint64_t sequence; /* [a] whose turn the cell is: see ring.c */
    uint64_t value;            /* [sequence] */
};

struct ring {
    struct ring_cell *cells;                     /* [I] nr_cells of them */
    uint64_t mask;                               /* [I] nr_cells - 1 */
    _Alignas(64) _Atomic uint64_t push_position; /* [a] */
    _Alignas(64) _Atomic uint64_t pop_position;  /* [a] */
};

/** Prepare a ring on cells that the caller provides.
 *  @nr_cells: a power of two, at least 2. Returns 0 or -EINVAL. */
int must_check ring_init(struct ring *ring, struct ring_cell *cells, uint64_t nr_cells);

/** Append a value. Returns false when the ring is full (or a slow consumer still holds the oldest cell: a
 *  peer stopped half-way is never waited for). Context: any. */
bool must_check ring_push(struct ring *ring, uint64_t value);

/* What ring_take() has found. Two registers hold it: a value that went through memory would be one more
 * store that the next reservation has to wait for. */
struct ring_value {
    uint64_t value; /* when is_there */
    bool is_there;
};

/** ring_pop() in this form. */
struct ring_value must_check ring_take(struct ring *ring);

/** Take the oldest value. Returns false when the ring is empty, or when the producer of the oldest value has reserved
 *  its cell and not yet published it ("maybe empty"). Context: any. */
static inline bool must_check ring_pop(struct ring *ring, uint64_t *value)
{
    struct ring_value taken = ring_take(ring);

    if (!taken.is_there) {
        return false;
    }
    *value = taken.value;
    return true;
}

/** Append or take up to nr values with one reservation; a short count means full or (maybe) empty.
 *  Returns how many. Context: any. */
size_t must_check ring_push_batch(struct ring *ring, const uint64_t *values, size_t nr);
size_t must_check ring_pop_batch(struct ring *ring, uint64_t *values, size_t nr);

/** A snapshot of the number of values, for statistics only. */
uint64_t ring_count(const struct ring *ring);

#endif
