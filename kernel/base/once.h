// SPDX-License-Identifier: MIT
/* Once cells: globals that initialise themselves on first use.
 *
 * A cell is in one of four named states: EMPTY, RUNNING (its owner is recorded), DONE, POISONED. The first to come
 * runs the initialiser; others that come meanwhile wait until it has ended. The DONE path is one load and one
 * cheap fence. Because the owner is recorded, an initialiser that comes back to its own cell (recursion, or an
 * interrupt handler on the same hart that needs it) is a panic that names the cell, and never a hang.
 * A failing initialiser leaves the cell EMPTY, so that the next user tries again, or POISONED, as declared. */
#ifndef CAIRN_BASE_ONCE_H
#define CAIRN_BASE_ONCE_H

#include "kernel/base/types.h"
#include "kernel/base/atomic.h"

enum once_state {
    ONCE_EMPTY = 0,
    ONCE_RUNNING = 1,
    ONCE_DONE = 2,
    ONCE_POISONED = 3,
};

enum once_policy {
    ONCE_RETRY = 0,  /* a failure leaves the cell EMPTY: the next get tries again */
    ONCE_POISON = 1, /* a failure is remembered: every later get returns the same error */
};

struct once_waiter;

struct once {
    _Atomic uint32_t state;              /* [a] enum once_state */
    int32_t error;                       /* [state] the initialiser's error, when POISONED */
    struct task *_Atomic owner;          /* [a] who runs the initialiser, while RUNNING */
    const char *name;                    /* [I] for the panic and for logs */
    enum once_policy policy;             /* [I] */
    struct once_waiter *_Atomic waiters; /* [a] tasks asleep until the initialiser ends: once.c */
};

/* clang-format off */
#define ONCE_INIT(cell_name, cell_policy) {.name = (cell_name), .policy = (cell_policy)}
/* clang-format on */

/** The slow path of once_get: run init(arg), or wait for the one who does. */
int must_check once_get_slow(struct once *once, int (*init)(void *arg), void *arg);

/** Make sure that the cell's initialiser has run with success.
 *  @init: returns 0 or -errno; it may sleep if every caller may.
 *  Returns 0, the initialiser's error, or the remembered error of a poisoned cell.
 *  Context: any where init may run; once DONE, any. */
static inline int must_check once_get(struct once *once, int (*init)(void *arg), void *arg)
{
    /* The acquire fence orders this load before every read of what the initialiser wrote; without it a
     * hart could see DONE and still read the object's fields from before. */
    if (likely(load_acquire(&once->state) == ONCE_DONE)) {
        return 0;
    }
    return once_get_slow(once, init, arg);
}

#endif
