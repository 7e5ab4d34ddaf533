// SPDX-License-Identifier: MIT
/* A model of wait queues (kernel/sync/waitq.c) and the mutex that stands on them (mutex.c) for
 * SPIN: a task that holds the mutex, unlocks it and tries to have it once more, and two that lock
 * and unlock it; the wait of one of these may be ended by a signal at any moment.
 *
 * Proved for every order of steps: at most one has the mutex, and nobody sleeps for ever: no
 * wake-up is lost, and one that went to the task that left with a signal is passed on.
 *
 * What a fence forbids is a choice in the mutant that lacks it: the two accesses around it may be
 * done in either order. The queue's spinlock is taken as correct: what it guards is one step.
 *
 * Mutants, each of which must fail:
 *   NO_WAITER_FENCE   waitq_add(): the mutex may be looked at before standing there is visible
 *   NO_WAKER_FENCE    wake(): the queue may be looked at before the mutex is free
 *   LOOK_FIRST        the waiter looks at the mutex and only then prepares to block
 *   NO_PASSING_ON     who leaves with a signal keeps the wake-up to himself */

#define NOBODY 0
#define HOLDER 3

byte owner = HOLDER;
byte nr_waiters;
byte queue[2]; /* tasks 1 and 2, the first to come first */
bool was_woken[3], is_runnable[3];
byte nr_inside, nr_ended;

inline add(self)
{
    atomic { queue[nr_waiters] = self; nr_waiters++; was_woken[self] = false }
}

inline remove(self)
{
    atomic {
        if
        :: queue[0] == self -> queue[0] = queue[1]
        :: else
        fi;
        queue[1] = NOBODY;
        nr_waiters--
    }
}

/* wake_waiter(): sets `counts` if the wake-up went to this waiter. */
inline wake_waiter(task)
{
    counts = !was_woken[task] || !is_runnable[task];
    was_woken[task] = true;
    is_runnable[task] = true
}

inline wake_one()
{
    if
    :: nr_waiters == 0
    :: nr_waiters > 0 ->
        atomic {
            counts = false;
            if
            :: nr_waiters > 0 -> wake_waiter(queue[0])
            :: else
            fi;
            if
            :: nr_waiters > 1 && !counts -> wake_waiter(queue[1])
            :: else
            fi;
            counts = false
        }
    fi
}

inline unlock()
{
#ifndef NO_WAKER_FENCE
    owner = NOBODY;
    wake_one()
#else
    if
    :: owner = NOBODY; wake_one()
    :: nr_waiters == 0 -> owner = NOBODY
    fi
#endif
}

inline try_take(self)
{
    atomic {
        is_mine = (owner == NOBODY);
        if
        :: is_mine -> owner = self
        :: else
        fi
    }
}

/* wait_and_take(). */
inline take(self, has_signal)
{
#ifdef NO_WAITER_FENCE
    try_take(self); /* the look that came too early... */
    add(self);
    was_woken[self] = false;
    is_runnable[self] = false;
    if
    :: is_mine -> goto taken
    :: !is_mine -> is_runnable[self] /* ...counts for the one behind the announcement */
    fi;
#else
    add(self);
#endif
    do
    :: true ->
        was_woken[self] = false;
#ifndef LOOK_FIRST
        is_runnable[self] = false; /* port_block_prepare() */
        try_take(self);
#else
        try_take(self);
        is_runnable[self] = false;
#endif
        if
        :: is_mine || has_left -> break
        :: else
        fi;
        if
        :: is_runnable[self]
        :: has_signal -> has_left = true
        fi
    od;
taken:
    is_runnable[self] = true;
    remove(self);
    if
    :: is_mine -> has_left = false
    :: else ->
#ifndef NO_PASSING_ON
        if
        :: was_woken[self] -> wake_one()
        :: else
        fi
#else
        skip
#endif
    fi
}

inline use_mutex()
{
    atomic { nr_inside++; assert(nr_inside == 1) };
    nr_inside--
}

proctype holder()
{
    bool counts, is_mine;

    use_mutex();
    unlock();
    try_take(HOLDER); /* comes by again, before those who were woken */
    if
    :: is_mine -> use_mutex(); unlock()
    :: else
    fi;
    nr_ended++
}

proctype waiter(byte self; bool has_signal)
{
    bool is_mine, counts, has_left;

    take(self, has_signal);
    if
    :: is_mine -> use_mutex(); unlock()
    :: else -> assert(has_signal)
    fi;
    nr_ended++
}

init
{
    atomic {
        is_runnable[1] = true;
        is_runnable[2] = true;
        run holder();
        run waiter(1, true);
        run waiter(2, false)
    };
    nr_ended == 3;
    assert(owner == NOBODY && nr_waiters == 0)
}
