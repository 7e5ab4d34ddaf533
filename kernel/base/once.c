// SPDX-License-Identifier: MIT
/* The slow path of once cells: run the initialiser, or wait for the one who does.
 *
 *      EMPTY ──claim──> RUNNING ──success──> DONE
 *        ^                 │
 *        └──── RETRY ──────┴──── POISON ───> POISONED
 *
 * The claim is a compare-and-exchange of `owner` from NULL to the running task, and only the owner changes `state`.
 * So there is no moment in which a cell is claimed and its owner unknown: an interrupt handler or a recursion that
 * meets its own task there always finds it, and panics with the cell's name. (An interrupt handler runs as the task
 * that it interrupted; that task can't go on before the handler returns, so waiting would be a hang.)
 *
 * The end: store the state (release, so that who sees DONE sees what the initialiser wrote), store owner = NULL,
 * wake the waiters. Somebody may claim in between, and finds in `state` that nothing is left to do.
 *
 * Waiters that may sleep stand on a stack of their own stack frames, in `waiters`: this folder is below wait queues,
 * and an initialiser may run before there is an allocator. Whoever takes the stack, by exchanging it with NULL, wakes
 * all on it. Announce, then look, on both sides, loses nobody:
 *
 *      waiter:  push itself;     full fence;  is there still an owner?  no: wake all, itself too
 *      owner:   owner = NULL;    full fence;  take the stack and wake all on it
 *
 * A waiter's frame must outlive the waking: it returns only when `woken` says that its waker has let go.
 *
 * Waiters that may not sleep spin: their initialiser must then be short and itself not sleep. If it is on
 * the same hart, below us, it can never go on; SPIN_LIMIT_NS turns that hang into a panic.
 *
 * Source: the named states after musl's pthread_once; the recorded owner is ours. */
#include "kernel/base/once.h"
#include "kernel/base/assert.h"
#include "kernel/base/test_point.h"

enum { SPINS_PER_LOOK = 1024 };
#define SPIN_LIMIT_NS (5ull * 1000 * 1000 * 1000)

enum woken { WAITING = 0, BEING_WOKEN = 1, RELEASED = 2 };

struct once_waiter {
    struct once_waiter *next;
    struct task *task;
    _Atomic uint32_t woken; /* [a] enum woken; the waker's until RELEASED, then the waiter's */
};

static void wake_all(struct once *once)
{
    /* Acquire: see the fields of all who pushed themselves. */
    struct once_waiter *waiter = atomic_exchange_explicit(&once->waiters, NULL,
                                                          memory_order_acq_rel);

    /* Not preempted between the two stores: the waiter spins from the first to the second. */
    port_preempt_disable();
    while (waiter != NULL) {
        struct once_waiter *next = waiter->next;
        store_relaxed(&waiter->woken, BEING_WOKEN);
        fence_full(); /* a waiter that misses this is found asleep by port_wake, or about to be */
        (void)port_wake(waiter->task);
        TEST_POINT(TEST_ONCE_WAKING, once);
        /* Release: the last touch; the frame may vanish after it. */
        store_release(&waiter->woken, RELEASED);
        waiter = next;
    }
    port_preempt_enable();
}

static void sleep_until_released(struct once *once)
{
    struct once_waiter waiter = {.task = port_self()};
    struct once_waiter *head = load_relaxed(&once->waiters);

    TEST_POINT(TEST_ONCE_ABOUT_TO_WAIT, once);
    /* Release: whoever takes the stack sees this frame's fields. */
    do {
        waiter.next = head;
    } while (!atomic_compare_exchange_weak_explicit(&once->waiters, &head, &waiter,
                                                    memory_order_release, memory_order_relaxed));
    TEST_POINT(TEST_ONCE_PUSHED, once);
    /* The announcement is visible before the look: else both sides could miss each other. */
    fence_full();
    if (load_relaxed(&once->owner) == NULL) {
        wake_all(once);
    }
    for (;;) {
        port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
        if (load_relaxed(&waiter.woken) != WAITING) {
            break;
        }
        int error = port_block(PORT_NO_DEADLINE);
        assert(error == 0);
    }
    port_block_cancel();
    /* Acquire: the waker's accesses to this frame come before whatever it is used for next. */
    while (load_acquire(&waiter.woken) != RELEASED) {
        port_relax();
    }
}

static void spin_until_released(struct once *once, struct task *owner)
{
    uint64_t start_ns = port_clock_ns();

    for (unsigned spins = 1; load_relaxed(&once->owner) == owner; spins++) {
        port_relax();
        if (spins % SPINS_PER_LOOK == 0 && port_clock_ns() - start_ns > SPIN_LIMIT_NS) {
            panic("once: %s: its initialiser does not end, and this context can't sleep",
                  once->name);
        }
    }
}

/* The cell is ours to initialise. Returns what the initialiser returned. */
static int run_initialiser(struct once *once, int (*init)(void *arg), void *arg)
{
    store_relaxed(&once->state, ONCE_RUNNING);
    int error = init(arg);
    enum once_state state = ONCE_DONE;
    if (error != 0) {
        state = once->policy == ONCE_POISON ? ONCE_POISONED : ONCE_EMPTY;
        once->error = error;
    }
    /* Release: pairs with the acquire load of once_get(). */
    store_release(&once->state, state);
    return error;
}

static void release_claim(struct once *once)
{
    /* Release: the state is there before the claim is gone. */
    store_release(&once->owner, NULL);
    TEST_POINT(TEST_ONCE_OWNER_GONE, once);
    /* The other half of "announce, then look": see sleep_until_released(). */
    fence_full();
    if (load_relaxed(&once->waiters) != NULL) {
        wake_all(once);
    }
}

int once_get_slow(struct once *once, int (*init)(void *arg), void *arg)
{
    struct task *self = port_self();

    for (;;) {
        /* Acquire: DONE brings what the initialiser wrote, POISONED brings `error`. */
        uint32_t state = load_acquire(&once->state);
        if (state == ONCE_DONE) {
            return 0;
        }
        if (state == ONCE_POISONED) {
            return once->error;
        }
        struct task *owner = NULL;
        /* Acquire: a former owner's state is seen. */
        if (atomic_compare_exchange_strong_explicit(&once->owner, &owner, self,
                                                    memory_order_acquire, memory_order_relaxed)) {
            TEST_POINT(TEST_ONCE_CLAIMED, once);
            if (load_relaxed(&once->state) == ONCE_EMPTY) {
                int error = run_initialiser(once, init, arg);
                TEST_POINT(TEST_ONCE_STATE_SET, once);
                release_claim(once);
                return error;
            }
            release_claim(once);
        } else if (owner == self) {
            panic("once: %s: its initialiser needs the cell itself", once->name);
        } else if (port_may_sleep()) {
            sleep_until_released(once);
        } else {
            spin_until_released(once, owner);
        }
    }
}
