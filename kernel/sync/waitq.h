// SPDX-License-Identifier: MIT
/* Wait queues: tasks that wait until something becomes true.
 *
 * The condition is always checked between "I am on the queue and prepared to block" and the blocking itself, so
 * that a wake-up in between is never lost (see port.h). A waiter may stand on several queues at once: that is
 * how poll() works. */
#ifndef CAIRN_SYNC_WAITQ_H
#define CAIRN_SYNC_WAITQ_H

#include "kernel/base/atomic.h"
#include "kernel/base/list.h"
#include "kernel/base/port.h"
#include "kernel/sync/spinlock.h"

struct waitq {
    struct spinlock lock;
    struct list waiters;         /* [lock] struct waiter, first come first */
    _Atomic uint32_t nr_waiters; /* [a] length of the list; changed under the lock, read without */
};

struct waiter {
    struct list node;       /* [queue->lock] */
    struct waitq *queue;    /* [I] while added */
    struct task *task;      /* [I] whom to wake */
    bool is_exclusive;      /* [I] waitq_wake_one stops after the first of these that it woke */
    _Atomic bool was_woken; /* [a] set when a wake-up met this waiter */
};

/* clang-format off */
#define WAITQ_INIT(queue) \
    {.lock = SPINLOCK_INIT(LOCK_RANK_WAITQ, "waitq"), .waiters = LIST_INIT((queue).waiters)}
/* clang-format on */

void waitq_init(struct waitq *queue);

/** Put the running task on a queue, and take it off. Context: any task. */
void waitq_add(struct waitq *queue, struct waiter *waiter, bool is_exclusive);
void waitq_remove(struct waiter *waiter);

/** Whether nobody waits: a hint for fast paths; the caller needs a full fence between its change and this. */
static inline bool waitq_is_idle(const struct waitq *queue)
{
    return load_relaxed(&queue->nr_waiters) == 0;
}

/** The halves below when somebody waits. */
void waitq_wake_waiters(struct waitq *queue, bool all);

/** Wake every waiter that is not exclusive, and one (or all) of the exclusive ones. The caller has made the
 *  condition true before; both begin with a full fence, and return at once if nobody waits: inline, for that
 *  is the usual end of an unlock. Context: any, also interrupt handlers. */
static inline void waitq_wake_one(struct waitq *queue)
{
    fence_full();
    if (unlikely(!waitq_is_idle(queue))) {
        waitq_wake_waiters(queue, false);
    }
}

static inline void waitq_wake_all(struct waitq *queue)
{
    fence_full();
    if (unlikely(!waitq_is_idle(queue))) {
        waitq_wake_waiters(queue, true);
    }
}

/* Wait until `condition` is true. The value is 0, -ERESTARTSYS (a signal, as the mode allows) or -ETIMEDOUT.
 * The condition is evaluated with the task prepared to block, so it must not sleep. Context: may sleep. */
#define waitq_wait(waitq, block_mode, deadline_ns, condition) \
    ({                                                        \
        int waitq_error = 0;                                  \
        if (!(condition)) {                                   \
            struct waiter waitq_waiter;                       \
            waitq_add((waitq), &waitq_waiter, false);         \
            for (;;) {                                        \
                port_block_prepare(block_mode);               \
                if (condition) {                              \
                    waitq_error = 0;                          \
                    break;                                    \
                }                                             \
                if (waitq_error != 0) {                       \
                    break;                                    \
                }                                             \
                waitq_error = port_block(deadline_ns);        \
            }                                                 \
            port_block_cancel();                              \
            waitq_remove(&waitq_waiter);                      \
        }                                                     \
        waitq_error;                                          \
    })

/* The common form: nothing but the condition ends it. */
#define waitq_wait_event(waitq, condition) \
    ((void)waitq_wait((waitq), PORT_BLOCK_UNINTERRUPTIBLE, PORT_NO_DEADLINE, condition))

#endif
