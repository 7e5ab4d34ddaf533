// SPDX-License-Identifier: MIT
/* Wait queues.
 *
 * What must not happen is that a waiter looks (condition false), the waker makes it true and wakes nobody, and
 * the waiter then sleeps for ever. Each side therefore announces first and looks afterwards, a full fence between:
 *
 *      waiter:  stand on the queue;  prepare to block;   full fence;   is the condition true?   no: block
 *      waker:   make the condition true;                 full fence;   does anybody stand there?   wake them
 *
 * If the waiter doesn't see the condition, then the waker sees the waiter. That is why waitq_wake_*() begin with the
 * fence, and may then skip the lock when the queue is empty: a wake-up that nobody waits for costs a fence
 * and a load. Between the look and the block, port_wake() makes the block return at once (port.h).
 *
 * Exclusive waiters wait for something that only one can have (a mutex). Waking all of them would send all but one
 * back to sleep; waking one is enough as long as the one who was woken either takes the thing or passes the wake-up
 * on. `was_woken` tells him which: whoever gives up (a signal, a deadline) with it set calls waitq_wake_one().
 * A waiter that has been woken and has not yet run again is not counted twice: the next waitq_wake_one() goes on
 * to the one behind it.
 *
 * A waiter lives on its task's stack. It is touched only under the queue's lock, and waitq_remove() takes that lock,
 * so when it returns no waker holds a pointer to it any more. Removal is needed after every wait: waking does not
 * remove.
 *
 * Locks: queue->lock, taken with interrupts off, because interrupt handlers wake. Inside it port_wake() takes
 * the scheduler's, which rank behind. */
#include "kernel/sync/waitq.h"
#include "kernel/base/atomic.h"

void waitq_init(struct waitq *queue)
{
    spin_init(&queue->lock, LOCK_RANK_WAITQ, "waitq");
    list_init(&queue->waiters);
    store_relaxed(&queue->nr_waiters, 0);
}

void waitq_add(struct waitq *queue, struct waiter *waiter, bool is_exclusive)
{
    waiter->queue = queue;
    waiter->task = port_self();
    waiter->is_exclusive = is_exclusive;
    store_relaxed(&waiter->was_woken, false);

    uint64_t irq_state = spin_lock_irqsave(&queue->lock);
    list_push_back(&queue->waiters, &waiter->node);
    store_relaxed(&queue->nr_waiters, load_relaxed(&queue->nr_waiters) + 1);
    spin_unlock_irqrestore(&queue->lock, irq_state);
    /* Standing there is visible before the caller looks at its condition. */
    fence_full();
}

void waitq_remove(struct waiter *waiter)
{
    struct waitq *queue = waiter->queue;
    uint64_t irq_state = spin_lock_irqsave(&queue->lock);

    list_remove(&waiter->node);
    store_relaxed(&queue->nr_waiters, load_relaxed(&queue->nr_waiters) - 1);
    spin_unlock_irqrestore(&queue->lock, irq_state);
}

/* Returns whether the waiter counts as the one that this wake-up went to. */
static bool wake_waiter(struct waiter *waiter)
{
    bool is_first_wake = !load_relaxed(&waiter->was_woken);

    store_relaxed(&waiter->was_woken, true);
    bool was_blocked = port_wake(waiter->task);
    return is_first_wake || was_blocked;
}

void waitq_wake_waiters(struct waitq *queue, bool all)
{
    struct waiter *waiter;
    bool has_woken_one = false;
    uint64_t irq_state = spin_lock_irqsave(&queue->lock);
    list_for_each (waiter, &queue->waiters, node) {
        if (all || !waiter->is_exclusive) {
            (void)wake_waiter(waiter);
        } else if (!has_woken_one) {
            has_woken_one = wake_waiter(waiter);
        }
    }
    spin_unlock_irqrestore(&queue->lock, irq_state);
}
