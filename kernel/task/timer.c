// SPDX-License-Identifier: MIT
/* Timers and the tick.
 *
 * Each hart has a tree of timers ordered by deadline, and its one hardware timer is set for the
 * first of them, or for the next scheduler tick, whichever comes sooner. An idle hart has no
 * tick: it sleeps until its first timer.
 *
 * A timer function runs in the interrupt, without the tree's lock, so that it may start its
 * timer again. While it runs, the hart's `running` names it: that is what timer_stop_sync()
 * waits for.
 *
 * The timer's `hart` says whose lock guards it. It changes only while that lock is held, so a
 * lock taken by it is good if it says the same afterwards. Two starts of one timer at the same
 * time are kept apart by its owner. */
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/port.h"
#include "kernel/sync/spinlock.h"
#include "kernel/task/account.h"
#include "kernel/task/sched_internal.h"
#include "kernel/task/timer.h"

struct timer_hart {
    struct spinlock lock;          /* LOCK_RANK_TIMER; irqsave */
    struct rb_tree tree;           /* [lock] by deadline */
    struct timer *_Atomic running; /* [a] whose function is being called */
    uint64_t programmed_ns;        /* [this hart, interrupts off] */
};

#define TIMER_HART_INIT                                                               \
    {                                                                                 \
        .lock = SPINLOCK_INIT(LOCK_RANK_TIMER, "timers"), .programmed_ns = UINT64_MAX \
    }

static struct timer_hart timer_harts[MAX_HARTS] = {
    TIMER_HART_INIT, TIMER_HART_INIT, TIMER_HART_INIT, TIMER_HART_INIT,
    TIMER_HART_INIT, TIMER_HART_INIT, TIMER_HART_INIT, TIMER_HART_INIT,
};
static_assert(MAX_HARTS == 8, "an initialiser for each hart");

static int compare(const struct rb_node *a, const struct rb_node *b)
{
    uint64_t at_a = rb_entry(a, struct timer, node)->deadline_ns;
    uint64_t at_b = rb_entry(b, struct timer, node)->deadline_ns;

    return at_a < at_b ? -1 : at_a > at_b;
}

static struct timer *first_timer(const struct timer_hart *hart)
{
    struct rb_node *node = rbtree_first(&hart->tree);

    return node != NULL ? rb_entry(node, struct timer, node) : NULL;
}

void timer_program(struct run_queue *rq)
{
    struct timer_hart *hart = &timer_harts[rq->hart];
    uint64_t deadline_ns = UINT64_MAX;
    struct timer *first;

    spin_lock(&hart->lock);
    first = first_timer(hart);
    if (first != NULL) {
        deadline_ns = first->deadline_ns;
    }
    spin_unlock(&hart->lock);
    if (rq->current != rq->idle && rq->tick_due_ns < deadline_ns) {
        deadline_ns = rq->tick_due_ns;
    }
    if (deadline_ns != hart->programmed_ns) {
        hart->programmed_ns = deadline_ns;
        timer_set_deadline(deadline_ns);
    }
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    rb_node_init(&timer->node);
    timer->deadline_ns = 0;
    timer->fire = fire;
    atomic_store_explicit(&timer->hart, 0, memory_order_relaxed);
}

/** Lock the tree that the timer belongs to. Interrupts off. */
static struct timer_hart *lock_timer(struct timer *timer)
{
    for (;;) {
        uint32_t number = atomic_load_explicit(&timer->hart, memory_order_relaxed);
        struct timer_hart *hart = &timer_harts[number];

        spin_lock(&hart->lock);
        if (likely(atomic_load_explicit(&timer->hart, memory_order_relaxed) == number)) {
            return hart;
        }
        spin_unlock(&hart->lock);
    }
}

static bool erase_locked(struct timer_hart *hart, struct timer *timer)
{
    if (!rb_node_is_linked(&timer->node)) {
        return false;
    }
    rbtree_erase(&hart->tree, &timer->node);
    return true;
}

void timer_start(struct timer *timer, uint64_t deadline_ns)
{
    uint64_t irq_state = port_irq_save();
    uint32_t here = port_hart_id();
    struct timer_hart *hart = lock_timer(timer);
    bool is_first;

    (void)erase_locked(hart, timer);
    if (hart != &timer_harts[here]) {
        atomic_store_explicit(&timer->hart, here, memory_order_relaxed);
        spin_unlock(&hart->lock);
        hart = &timer_harts[here];
        spin_lock(&hart->lock);
    }
    timer->deadline_ns = deadline_ns;
    rbtree_insert(&hart->tree, &timer->node, compare);
    is_first = first_timer(hart) == timer;
    spin_unlock(&hart->lock);
    if (is_first && deadline_ns < hart->programmed_ns) {
        hart->programmed_ns = deadline_ns;
        timer_set_deadline(deadline_ns);
    }
    port_irq_restore(irq_state);
}

bool timer_stop(struct timer *timer)
{
    uint64_t irq_state = port_irq_save();
    struct timer_hart *hart = lock_timer(timer);
    bool was_pending = erase_locked(hart, timer);

    spin_unlock(&hart->lock);
    port_irq_restore(irq_state);
    return was_pending;
}

void timer_stop_sync(struct timer *timer)
{
    unsigned number;

    if (timer_stop(timer)) {
        return;
    }
    for (number = 0; number < MAX_HARTS; number++) {
        while (atomic_load_explicit(&timer_harts[number].running, memory_order_acquire) == timer) {
            port_relax();
        }
    }
}

static void fire_due(struct timer_hart *hart, uint64_t now_ns)
{
    for (;;) {
        struct timer *first;

        spin_lock(&hart->lock);
        first = first_timer(hart);
        if (first == NULL || first->deadline_ns > now_ns) {
            spin_unlock(&hart->lock);
            return;
        }
        rbtree_erase(&hart->tree, &first->node);
        atomic_store_explicit(&hart->running, first, memory_order_relaxed);
        spin_unlock(&hart->lock);
        first->fire(first);
        atomic_store_explicit(&hart->running, NULL, memory_order_release);
    }
}

void trap_upcall_timer(void)
{
    struct run_queue *rq = this_run_queue();
    struct timer_hart *hart = &timer_harts[rq->hart];
    uint64_t now_ns = port_clock_ns();

    hart->programmed_ns = UINT64_MAX;
    timer_set_deadline(UINT64_MAX);
    fire_due(hart, now_ns);
    if (rq->current != rq->idle && now_ns >= rq->tick_due_ns) {
        rq->tick_due_ns = now_ns + SCHED_TICK_NS;
        sched_tick(now_ns);
        account_tick(rq->hart);
    }
    timer_program(rq);
}
