// SPDX-License-Identifier: MIT
/* The states in which a power cut may leave a disk, made from a tape of its writes. Theory in states.c. */
#ifndef CAIRN_TOOLS_CRASH_STATES_H
#define CAIRN_TOOLS_CRASH_STATES_H

#include <stdbool.h>
#include <stdint.h>

struct image;
struct tape;

#define STATES_AT_ONCE 16u /* no position has more */

enum state_kind { STATE_PREFIX, STATE_TORN, STATE_SUBSET };

struct state {
    unsigned number; /* position * STATES_AT_ONCE and something */
    enum state_kind kind;
    unsigned position;   /* so many writes and flushes had been issued */
    unsigned nr_pending; /* of these, so many were writes that no flush had made durable */
    unsigned mark;       /* what had been promised: tape_promise() */
};

struct state_plan {
    uint64_t seed;         /* of the selections */
    unsigned nr_subsets;   /* for each position */
    unsigned nr_positions; /* take about so many, evenly; 0 for all */
    unsigned nr_shares;    /* and of those each so-manieth: 0 or 1 for all */
    unsigned share;        /* which: 0 .. nr_shares - 1 */
    int only;              /* this state alone, or -1 */
    bool ignores_flush;    /* play a disk that lies: a flush makes nothing durable */
};

/** Make each state in `image` and call judge, which may change the image, until it returns false. States that are equal
 *  to an earlier one, promises included, are left out.
 *  @base: scratch of the same size as the image. */
void states_for_each(const struct tape *tape, const struct state_plan *plan, struct image *image,
                     struct image *base, bool (*judge)(const struct state *state, void *arg),
                     void *arg);

#endif
