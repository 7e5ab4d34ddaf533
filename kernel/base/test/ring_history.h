// SPDX-License-Identifier: MIT
/* Whether a history of operations on a ring is one that its specification (ring.c) allows.
 *
 * A history is what threads wrote down: for each operation when it was called and when it returned, on
 * one clock for all, and what came of it. It is allowed if each operation can be given one moment
 * between call and return such that, in the order of these moments, all of them behave as the queue
 * says. The search (Wing and Gong 1993) builds that order from the front: next may come any
 * operation that was called before the earliest return of those still left. It goes back when no one
 * fits, and remembers the situations in which that happened (Lowe 2017), so that it stays short.
 *
 * The moment of an operation is taken as early as possible: the latest call so far. That makes "had
 * not returned at that moment" a comparison. */
#ifndef CAIRN_BASE_TEST_RING_HISTORY_H
#define CAIRN_BASE_TEST_RING_HISTORY_H

#include <stdlib.h>
#include <string.h>

#include "kernel/base/types.h"

enum { HISTORY_MAX_OPS = 64, HISTORY_MAX_BATCH = 3, HISTORY_MAX_VALUES = 192 };

struct history_op {
    bool is_push;
    unsigned nr_asked, nr_done;
    uint64_t values[HISTORY_MAX_BATCH]; /* each value is pushed once in a history */
    uint64_t called, returned;
};

struct history {
    uint64_t nr_cells;
    unsigned nr_ops;
    struct history_op ops[HISTORY_MAX_OPS];
};

struct history_search {
    const struct history *history;
    uint64_t done;                       /* operations that have their moment: one bit each */
    uint64_t moment;                     /* of the latest of them */
    unsigned nr_pushed, nr_popped;       /* values */
    uint64_t pushed[HISTORY_MAX_VALUES]; /* in order; the queue is [nr_popped, nr_pushed) */
    unsigned pushed_by[HISTORY_MAX_VALUES];
    unsigned popped_by[HISTORY_MAX_VALUES];
    uint64_t *dead;       /* hashes of situations without a way on */
    size_t nr_dead, room; /* room: a power of two */
};

static inline uint64_t history_hash(const struct history_search *search)
{
    uint64_t hash = search->done * 0x9e3779b97f4a7c15u;

    for (unsigned i = 0; i < search->nr_pushed; i++) {
        hash = (hash ^ search->pushed[i]) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash | 1;
}

/* Whether it was there already. */
static inline bool history_remember(struct history_search *search, uint64_t hash)
{
    size_t at = hash & (search->room - 1);

    while (search->dead[at] != 0 && search->dead[at] != hash) {
        at = (at + 1) & (search->room - 1);
    }
    if (search->dead[at] == hash) {
        return true;
    }
    search->dead[at] = hash;
    if (++search->nr_dead > search->room / 2) {
        abort(); /* a longer history than this was made for */
    }
    return false;
}

/* Why an operation got `nr_done` values and no more: "maybe empty" or "maybe full". A batch looks at
 * all its cells before its moment, so its last look may be as early as its call. */
static inline bool history_may_stop(const struct history_search *search,
                                    const struct history_op *op)
{
    const struct history_op *ops = search->history->ops;
    uint64_t moment = op->nr_done == 0 && op->called < search->moment ? search->moment : op->called;
    uint64_t next = (op->is_push ? search->nr_pushed : search->nr_popped) + op->nr_done;

    if (op->nr_asked == op->nr_done) {
        return true;
    }
    if (!op->is_push) {
        return next >= search->nr_pushed || ops[search->pushed_by[next]].returned > moment;
    }
    if (next < search->history->nr_cells) {
        return false; /* the first lap: every cell is free */
    }
    next -= search->history->nr_cells;
    return next >= search->nr_popped || ops[search->popped_by[next]].returned > moment;
}

/* Let the operation take place now. Returns whether the queue agrees with what came of it. */
static inline bool history_apply(struct history_search *search, unsigned index)
{
    const struct history_op *op = &search->history->ops[index];

    if (!history_may_stop(search, op)) {
        return false;
    }
    for (unsigned i = 0; i < op->nr_done; i++) {
        if (op->is_push) {
            if (search->nr_pushed - search->nr_popped == search->history->nr_cells) {
                return false;
            }
            search->pushed[search->nr_pushed] = op->values[i];
            search->pushed_by[search->nr_pushed++] = index;
        } else {
            if (search->nr_popped == search->nr_pushed ||
                search->pushed[search->nr_popped] != op->values[i]) {
                return false;
            }
            search->popped_by[search->nr_popped++] = index;
        }
    }
    search->done |= 1ull << index;
    search->moment = op->called > search->moment ? op->called : search->moment;
    return true;
}

static inline bool history_search_on(struct history_search *search)
{
    const struct history *history = search->history;
    uint64_t first_return = UINT64_MAX;

    for (unsigned i = 0; i < history->nr_ops; i++) {
        if ((search->done >> i & 1) == 0 && history->ops[i].returned < first_return) {
            first_return = history->ops[i].returned;
        }
    }
    if (first_return == UINT64_MAX) {
        return true; /* all have their moment */
    }
    if (history_remember(search, history_hash(search))) {
        return false;
    }
    for (unsigned i = 0; i < history->nr_ops; i++) {
        if ((search->done >> i & 1) == 0 && history->ops[i].called < first_return) {
            uint64_t done = search->done, moment = search->moment;
            unsigned nr_pushed = search->nr_pushed, nr_popped = search->nr_popped;

            if (history_apply(search, i) && history_search_on(search)) {
                return true;
            }
            search->done = done;
            search->moment = moment;
            search->nr_pushed = nr_pushed;
            search->nr_popped = nr_popped;
        }
    }
    return false;
}

static inline bool history_is_allowed(const struct history *history)
{
    struct history_search search = {.history = history, .room = 1u << 16};
    bool is_allowed;

    search.dead = calloc(search.room, sizeof(search.dead[0]));
    is_allowed = search.dead != NULL && history_search_on(&search);
    free(search.dead);
    return is_allowed;
}

#endif
