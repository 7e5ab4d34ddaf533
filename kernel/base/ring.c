// SPDX-License-Identifier: MIT
/* A bounded queue for many producers and many consumers, without locks.
 *
 * Positions count pushes and pops since the beginning and never wrap (64 bits last longer than the machine).
 * Position p uses cell p mod nr_cells, in "lap" p / nr_cells. Each cell's sequence number says whose turn it is:
 *
 *      sequence == p               free, for the producer of position p
 *      sequence == p + 1           holds the value of position p, for its consumer
 *      sequence == p + nr_cells    taken: free again, for the producer one lap later
 *
 * An operation has three steps. It looks whether the cell at its side's position is ready for it; it reserves the
 * position by moving push_position (or pop_position) on with a compare-and-exchange; it moves the value and
 * publishes by storing the next sequence number. The middle step is the only one that two can contend for, and who
 * loses it does so because another has won: the only loop is over that race, so some thread always gets on.
 *
 * A thread may be stopped between its reservation and its publication, by an interrupt for instance. Everybody
 * else then sees a cell that is not ready, and *nobody waits for it*: a consumer that meets it reports "empty",
 * a producer one lap later reports "full". Both answers mean "maybe": values pushed behind the stopped producer
 * become visible when it has published. A caller for which that matters looks again later; those in this kernel
 * take another way meanwhile (the depot of the slab allocator), or are woken again (what a terminal has
 * received). That is also why an interrupt handler may use a ring that it has interrupted in the middle of an
 * operation.
 *
 * A batch reserves n positions at once. It first verifies that all n cells are ready, and they stay so until
 * somebody reserves them: a cell that is free for position p changes only by the hand of the one who reserved p. So
 * when the compare-and-exchange from p to p + n succeeds, nobody has reserved any of them, and all are ours.
 *
 * Guarantees: no value is lost or delivered twice; the values of one producer come out in its order, as seen by
 * one consumer. Lock-free as a whole, wait-free for nobody.
 *
 * Specification. The reservation is the moment at which an operation takes place, and in that order the operations
 * are those of a queue. False, or a count that falls short, says "maybe", and is told only if, at some moment of the call,
 *
 *      pop     the queue was empty, or the push of its oldest value had not returned;
 *      push    the queue was full, or the pop of the value pushed nr_cells earlier had not returned.
 *
 * (model/ring.pml tries all orders of a small ring; test/test_ring_history.c checks what real threads did.)
 *
 * Source: Vyukov, "Bounded MPMC queue", 1024cores.net, 2010. The batches, and the rule never to wait, are ours. */
#include "kernel/base/ring.h"
#include "kernel/abi/errno.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/test_point.h"

int ring_init(struct ring *ring, struct ring_cell *cells, uint64_t nr_cells)
{
    if (nr_cells < 2 || !is_power_of_two(nr_cells)) {
        return -EINVAL;
    }
    ring->cells = cells;
    ring->mask = nr_cells - 1;
    for (uint64_t i = 0; i < nr_cells; i++) {
        store_relaxed(&cells[i].sequence, i);
        cells[i].value = 0;
    }
    store_relaxed(&ring->push_position, 0);
    store_relaxed(&ring->pop_position, 0);
    return 0;
}

static inline struct ring_cell *cell_at(struct ring *ring, uint64_t position)
{
    return &ring->cells[position & ring->mask];
}

/* How a cell's sequence number stands to the one that this side waits for: negative: not yet (full, or maybe
 * empty); 0: ready; positive: the position is out of date, somebody else has used it.
 *
 * Acquire: the other side's access to the value comes before ours; it pairs with the two releases below. Without it
 * a consumer could read the value that the cell held a lap before. (A producer's store could not come early on
 * RISC-V, where a store waits for the branch it depends on; C promises no such thing.) It permits everything else:
 * earlier accesses may still be under way, and nothing orders the two positions with each other. */
static inline int64_t cell_state(struct ring_cell *cell, uint64_t ready_sequence)
{
    return (int64_t)(load_acquire(&cell->sequence) - ready_sequence);
}

/* How many cells from `position` on are ready, up to nr. `lead` is what a ready sequence is ahead of its position:
 * 0 for a producer, 1 for a consumer. The state of the first that is not ready goes to *state. */
static inline size_t count_ready(struct ring *ring, uint64_t position, uint64_t lead, size_t nr,
                                 int64_t *state)
{
    size_t nr_ready = 0;

    *state = 0;
    while (nr_ready < nr) {
        *state = cell_state(cell_at(ring, position + nr_ready), position + nr_ready + lead);
        if (*state != 0) {
            break;
        }
        nr_ready++;
    }
    return nr_ready;
}

/* Reserve up to nr positions on one side. Returns how many, from *first on; 0 if the first cell is not ready.
 *
 * The compare-and-exchange needs no order of its own: the value is guarded by the cell's sequence number, whose
 * acquire load came before it, and which only its owner changes afterwards. So other harts may see the position move
 * before or after anything else of this operation. The first load is relaxed as well: a position that is out of date
 * is found out by the cells or by the exchange. */
static inline size_t reserve(struct ring *ring, _Atomic uint64_t *side, uint64_t lead, size_t nr,
                             uint64_t *first)
{
    uint64_t position = load_relaxed(side);

    for (;;) {
        int64_t state;
        size_t nr_ready = count_ready(ring, position, lead, nr, &state);
        if (nr_ready > 0) {
            TEST_POINT(TEST_RING_LOOKED, ring);
            if (atomic_compare_exchange_weak_explicit(side, &position, position + nr_ready,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                *first = position;
                return nr_ready;
            }
        } else if (state < 0 || nr == 0) {
            return 0;
        } else {
            /* The cell has been used since the position was read: lost the race, the position moved. */
            position = load_relaxed(side);
        }
    }
}

/* The same for one position, without the loops: most calls push or pop a single value. The cell is
 * found before the exchange, so that nothing behind the exchange waits for it. */
static inline bool reserve_one(struct ring *ring, _Atomic uint64_t *side, uint64_t lead,
                               uint64_t *position, struct ring_cell **cell)
{
    uint64_t expected = load_relaxed(side);

    for (;;) {
        int64_t state;
        *cell = cell_at(ring, expected);
        state = cell_state(*cell, expected + lead);
        if (likely(state == 0)) {
            TEST_POINT(TEST_RING_LOOKED, ring);
            *position = expected;
            if (likely(atomic_compare_exchange_weak_explicit(
                    side, &expected, expected + 1, memory_order_relaxed, memory_order_relaxed))) {
                return true;
            }
        } else if (state < 0) {
            return false;
        } else {
            expected = load_relaxed(side);
        }
    }
}

/* Release: the value is in place before its consumer sees the sequence. Without it the consumer could
 * take what the cell held a lap before. */
static inline void publish_value(struct ring_cell *cell, uint64_t position, uint64_t value)
{
    cell->value = value;
    store_release(&cell->sequence, position + 1);
}

/* Release: the value has been read before the producer of the next lap may overwrite it. Without it
 * this consumer could get that producer's value, and the next consumer the same once more. */
static inline void take_value(struct ring *ring, struct ring_cell *cell, uint64_t position,
                              uint64_t *value)
{
    *value = cell->value;
    store_release(&cell->sequence, position + ring->mask + 1);
}

bool ring_push(struct ring *ring, uint64_t value)
{
    struct ring_cell *cell;
    uint64_t position;

    if (!reserve_one(ring, &ring->push_position, 0, &position, &cell)) {
        return false;
    }
    TEST_POINT(TEST_RING_PUSH_RESERVED, ring);
    publish_value(cell, position, value);
    return true;
}

struct ring_value ring_take(struct ring *ring)
{
    struct ring_value taken = {.is_there = false};
    struct ring_cell *cell;
    uint64_t position;

    if (reserve_one(ring, &ring->pop_position, 1, &position, &cell)) {
        TEST_POINT(TEST_RING_POP_RESERVED, ring);
        take_value(ring, cell, position, &taken.value);
        taken.is_there = true;
    }
    return taken;
}

size_t ring_push_batch(struct ring *ring, const uint64_t *values, size_t nr)
{
    uint64_t first;
    size_t nr_reserved = reserve(ring, &ring->push_position, 0, nr, &first);

    for (size_t i = 0; i < nr_reserved; i++) {
        TEST_POINT(TEST_RING_PUSH_RESERVED, ring);
        publish_value(cell_at(ring, first + i), first + i, values[i]);
    }
    return nr_reserved;
}

size_t ring_pop_batch(struct ring *ring, uint64_t *values, size_t nr)
{
    uint64_t first;
    size_t nr_reserved = reserve(ring, &ring->pop_position, 1, nr, &first);

    for (size_t i = 0; i < nr_reserved; i++) {
        TEST_POINT(TEST_RING_POP_RESERVED, ring);
        take_value(ring, cell_at(ring, first + i), first + i, &values[i]);
    }
    return nr_reserved;
}

uint64_t ring_count(const struct ring *ring)
{
    /* Popped first: a push in between makes the difference too large, never negative. Acquire keeps the
     * two loads in this order. */
    uint64_t popped = load_acquire(&ring->pop_position);
    uint64_t pushed = load_relaxed(&ring->push_position);

    return min_of(pushed - popped, ring->mask + 1);
}
