// SPDX-License-Identifier: MIT
/* A model of once cells (kernel/base/once.c) for SPIN: two tasks that may sleep, and
 * either one that must spin, or an interrupt that comes at any moment of the first task, needs the
 * cell as well, and may neither sleep nor go on beside the task that it interrupted. The initialiser fails the first
 * time; the policy is to try again, or to poison the cell.
 *
 * Proved for every order of steps:
 *   - the initialiser never runs twice at once, and not again once the cell is done or poisoned;
 *   - whoever is told "done" sees what the initialiser made, complete;
 *   - nobody sleeps or spins for ever; an interrupt that would have to finds itself as the owner
 *     (the panic), and nobody else ever does;
 *   - nobody touches a waiter's frame after the waiter has returned.
 *
 * What a fence forbids is a choice in the mutant that lacks it: see ring.pml.
 *
 * Mutants, each of which must fail:
 *   NO_RELEASE        run_initialiser(): DONE may be visible before the product
 *   NO_ACQUIRE        once_get(): the product may be read before the state
 *   NO_WAITER_FENCE   sleep_until_released(): the owner may be looked at before the push is seen
 *   NO_OWNER_FENCE    release_claim(): the stack may be looked at before the owner is gone
 *   NO_SECOND_LOOK    sleep_until_released(): no look at the owner after the push
 *   NO_WAKE_FENCE     wake_all(): the waiter may be woken before it can see why
 *   NO_RELEASED       sleep_until_released(): the waiter returns while its waker still works on it
 *   CLAIM_FIRST       the cell is claimed in one step and its owner recorded in the next
 *   OWNER_FIRST       the owner leaves before the state is stored */

/* `provided` below rules out partial-order reduction. */
// pan: -DNOREDUCE

#define EMPTY    0
#define RUNNING  1
#define DONE     2
#define POISONED 3

#define WAITING     0
#define BEING_WOKEN 1
#define IS_RELEASED 2

#define NOBODY 0
#define FIRST  1 /* may sleep; is interrupted */
#define SECOND 2 /* may sleep */
#define SPINS  3 /* may not */

byte state, owner, waiters;
byte woken[3], next[3];
bool is_runnable[3], has_frame[3];
bool is_claimed; /* only with CLAIM_FIRST */

bool is_interrupted, is_poisoning;
bool product, never_again;
byte nr_running, nr_runs;

/* port_block_prepare(), port_wake() and port_block(), as port.h has them. */
#define PREPARE(task) is_runnable[task] = false
#define WAKE(task)    is_runnable[task] = true
#define BLOCK(task)   is_runnable[task]

inline wake_all(waiter, following)
{
    atomic { waiter = waiters; waiters = NOBODY };
    do
    :: waiter != NOBODY ->
        atomic { assert(has_frame[waiter]); following = next[waiter] };
#ifndef NO_WAKE_FENCE
        atomic { assert(has_frame[waiter]); woken[waiter] = BEING_WOKEN };
        WAKE(waiter);
#else
        WAKE(waiter);
        atomic { assert(has_frame[waiter]); woken[waiter] = BEING_WOKEN };
#endif
        atomic { assert(has_frame[waiter]); woken[waiter] = IS_RELEASED; waiter = following }
    :: else -> break
    od;
    following = NOBODY
}

inline push_waiter(self)
{
    atomic { next[self] = waiters; waiters = self }
}

inline sleep_until_released(self, waiter, following)
{
    atomic { has_frame[self] = true; woken[self] = WAITING };
#ifdef NO_WAITER_FENCE
    seen = owner;
    push_waiter(self);
#else
    push_waiter(self);
    seen = owner;
#endif
#ifndef NO_SECOND_LOOK
    if
    :: seen == NOBODY -> wake_all(waiter, following)
    :: else
    fi;
#endif
    do
    :: true ->
        PREPARE(self);
        if
        :: woken[self] != WAITING -> break
        :: else
        fi;
        BLOCK(self)
    od;
    WAKE(self);
#ifndef NO_RELEASED
    woken[self] == IS_RELEASED;
#endif
    atomic { has_frame[self] = false; woken[self] = WAITING; next[self] = NOBODY; seen = NOBODY }
}

inline set_state(outcome)
{
#ifndef NO_RELEASE
    product = (outcome == DONE);
    state = outcome
#else
    state = outcome;
    product = (outcome == DONE)
#endif
}

inline run_initialiser()
{
    atomic {
        state = RUNNING;
        nr_running++;
        nr_runs++;
        assert(nr_running == 1 && !never_again)
    };
    atomic {
        nr_running--;
        if
        :: nr_runs > 1 -> outcome = DONE; never_again = true
        :: nr_runs == 1 && is_poisoning -> outcome = POISONED; never_again = true
        :: nr_runs == 1 && !is_poisoning -> outcome = EMPTY
        fi
    };
#ifdef OWNER_FIRST
    owner = NOBODY;
#endif
    set_state(outcome);
    outcome = 0
}

inline release_claim(waiter, following)
{
#ifdef CLAIM_FIRST
    is_claimed = false;
#endif
#ifndef NO_OWNER_FENCE
    owner = NOBODY;
    seen = waiters;
#else
    seen = waiters;
    owner = NOBODY;
#endif
    if
    :: seen != NOBODY -> wake_all(waiter, following)
    :: else
    fi;
    seen = NOBODY
}

inline claim(self)
{
#ifndef CLAIM_FIRST
    atomic {
        seen = owner;
        if
        :: seen == NOBODY -> owner = self; is_mine = true
        :: else -> is_mine = false
        fi
    }
#else
    atomic { is_mine = !is_claimed; is_claimed = true };
    if
    :: is_mine -> owner = self
    :: else -> seen = owner
    fi
#endif
}

/* The product, as somebody who was told "done" sees it. */
inline use_product()
{
#ifdef NO_ACQUIRE
    if
    :: assert(early)
    :: assert(product)
    fi
#else
    assert(product)
#endif
}

/* once_get() and once_get_slow(). */
inline get(self, may_sleep)
{
    do
    :: true ->
#ifdef NO_ACQUIRE
        early = product;
#endif
        if
        :: atomic { state == DONE -> use_product(); break }
        :: state == POISONED -> assert(is_poisoning && nr_runs == 1); break
        :: else
        fi;
        claim(self);
        if
        :: is_mine && state == EMPTY ->
            is_mine = false;
            run_initialiser();
            release_claim(waiter, following);
            break
        :: is_mine && state != EMPTY -> is_mine = false; release_claim(waiter, following)
        :: !is_mine && seen == self -> assert(is_interrupted); break /* a panic */
        :: !is_mine && seen != self && may_sleep -> sleep_until_released(self, waiter, following)
        :: !is_mine && seen != self && !may_sleep -> owner != seen
        fi
    od
}

#define LOCALS byte outcome, seen, waiter, following; bool is_mine, early

proctype first() provided (!is_interrupted)
{
    LOCALS;
    get(FIRST, true)
}

proctype second()
{
    LOCALS;
    get(SECOND, true)
}

proctype spinner()
{
    LOCALS;
    get(SPINS, false)
}

/* A handler runs as the task that it interrupted, which stands still until it ends. Where it would
 * panic it gives up here, so that the others' orders are tried to their end as well. */
proctype interrupt()
{
    LOCALS;
    is_interrupted = true;
    get(FIRST, false);
    is_interrupted = false
}

init
{
    atomic {
        is_runnable[FIRST] = true;
        is_runnable[SECOND] = true;
        if
        :: is_poisoning = true
        :: true
        fi;
        run first();
        run second();
        if
        :: run spinner()
        :: run interrupt()
        fi
    }
}
