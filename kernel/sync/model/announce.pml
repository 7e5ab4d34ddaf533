// SPDX-License-Identifier: MIT
/* Why "announce, then look" needs a full fence: the pattern of wait queues, mutexes, once cells, the
 * console and page faults, on two harts with store buffers, for SPIN.
 *
 * A hart does not wait until its store has reached memory: it goes into the hart's store buffer, and
 * the hart reads on. So each side may look at the other's word while its own announcement is still on
 * its way. This is the one reordering that even strong machines (x86) have, and the release and
 * acquire fences allow it: `fence rw,w` orders a store behind others, not before a later load.
 * Only the full fence waits until the buffer is empty.
 *
 * The other models of this folder and of kernel/base/model put in "the fence is missing" as "these
 * two accesses change places"; this one shows, for the fence that matters most, that this is what
 * a store buffer does.
 *
 * Proved: the waiter never sleeps for ever.
 *
 * Mutants, each of which must fail:
 *   NO_WAITER_FENCE   the waiter looks while its announcement is in the buffer
 *   NO_WAKER_FENCE    the same on the other side
 *   RELEASE_ONLY      both have release fences, which order stores with stores only */

#define NOTHING 0

/* Memory. */
bool is_standing, is_ready, is_woken;

/* One store may be on its way from each hart; it arrives at any time. */
bool waiter_buffer, waker_buffer;

#define STORE(buffer) buffer = true
#ifdef RELEASE_ONLY
#define RELEASE_FENCE(buffer) skip /* no later store may pass; the buffer keeps the order anyway */
#define FENCE(buffer) RELEASE_FENCE(buffer)
#else
#define FENCE(buffer) buffer == NOTHING
#endif

active proctype waiter_stores()
{
    do
    :: atomic { waiter_buffer -> is_standing = true; waiter_buffer = NOTHING }
    :: timeout -> break
    od
}

active proctype waker_stores()
{
    do
    :: atomic { waker_buffer -> is_ready = true; waker_buffer = NOTHING }
    :: timeout -> break
    od
}

active proctype waiter()
{
    STORE(waiter_buffer);
#ifndef NO_WAITER_FENCE
    FENCE(waiter_buffer);
#endif
    if
    :: is_ready
    :: !is_ready -> is_woken /* asleep */
    fi
}

active proctype waker()
{
    STORE(waker_buffer);
#ifndef NO_WAKER_FENCE
    FENCE(waker_buffer);
#endif
    if
    :: is_standing -> is_woken = true
    :: !is_standing
    fi
}
