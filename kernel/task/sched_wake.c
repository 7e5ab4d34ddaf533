// SPDX-License-Identifier: MIT
/* Which hart: waking, placing, stealing.
 *
 * A woken task goes where it was last, because its data may still be in that hart's cache,
 * unless that hart is busy and another one is idle. A new task has no cache to lose and goes to
 * an idle hart, or the least busy. An idle hart steals from the busiest before it sleeps, and a
 * busy hart with tasks waiting nudges an idle one at each tick: so no hart stays idle while
 * another has two tasks, for longer than a tick. A busy hart looks every few ticks whether
 * another has two tasks more.
 *
 * Locks: the thief holds its own queue's lock and only tries the victim's, so the order of harts
 * does not matter. */
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/task/sched_internal.h"
#include "kernel/task/stack_depth.h"

#define TICKS_PER_BALANCE 16

struct run_queue *sched_lock_task(struct task *task)
{
    for (;;) {
        unsigned hart = __atomic_load_n(&task->thread.hart, __ATOMIC_RELAXED);
        struct run_queue *rq = &run_queues[hart];

        spin_lock(&rq->lock);
        if (likely(__atomic_load_n(&task->thread.hart, __ATOMIC_RELAXED) == hart)) {
            return rq;
        }
        spin_unlock(&rq->lock);
    }
}

static unsigned least_busy_hart(uint64_t allowed, unsigned preferred)
{
    unsigned best = bit_first(allowed);
    uint32_t best_nr = UINT32_MAX;

    for (; allowed != 0; allowed &= allowed - 1) {
        unsigned hart = bit_first(allowed);
        uint32_t nr = atomic_load_explicit(&run_queues[hart].nr_runnable, memory_order_relaxed);

        if (nr < best_nr || (nr == best_nr && hart == preferred)) {
            best = hart;
            best_nr = nr;
        }
    }
    return best;
}

unsigned sched_choose_hart(const struct task *task, enum sched_reason reason)
{
    unsigned last = __atomic_load_n(&task->thread.hart, __ATOMIC_RELAXED);
    uint64_t allowed = task->sched.affinity & sched_online_harts();
    uint64_t idle;

    if (unlikely(allowed == 0)) {
        allowed = sched_online_harts();
    }
    idle = atomic_load_explicit(&sched_idle_harts, memory_order_relaxed) & allowed;
    if (reason == SCHED_WOKEN && (allowed >> last & 1) != 0 &&
        (idle == 0 || (idle >> last & 1) != 0)) {
        return last;
    }
    return idle != 0 ? bit_first(idle) : least_busy_hart(allowed, last);
}

void sched_place(struct task *task, unsigned hart, enum sched_reason reason)
{
    struct run_queue *rq = &run_queues[hart];

    spin_lock(&rq->lock);
    sched_enqueue(rq, task, reason);
    spin_unlock(&rq->lock);
}

void sched_start_task(struct task *task)
{
    uint64_t irq_state;

    port_preempt_disable();
    irq_state = port_irq_save();
    sched_place(task, sched_choose_hart(task, SCHED_NEW), SCHED_NEW);
    port_irq_restore(irq_state);
    port_preempt_enable();
}

/** Put a task whose state has just become RUNNABLE into a queue. rq->lock held on entry, not on
 *  return. */
static void queue_woken(struct run_queue *rq, struct task *task, uint32_t state)
{
    unsigned hart;

    if (task->sched.is_queued) {
        spin_unlock(&rq->lock);
        return;
    }
    rq->nr_uninterruptible -= state == TASK_UNINTERRUPTIBLE;
    hart = sched_choose_hart(task, SCHED_WOKEN);
    if (hart == rq->hart) {
        sched_enqueue(rq, task, SCHED_WOKEN);
        spin_unlock(&rq->lock);
        return;
    }
    sched_leave(rq, task);
    __atomic_store_n(&task->thread.hart, hart, __ATOMIC_RELAXED);
    spin_unlock(&rq->lock);
    sched_place(task, hart, SCHED_MOVED);
}

bool sched_wake(struct task *task, uint32_t states)
{
    struct run_queue *rq;
    uint64_t irq_state;
    uint32_t state;
    bool was_blocked = false;

    /* The condition that the waker has made true comes before this look at the state, as the
     * sleeper's state comes before its look at the condition: one of the two sees the other. */
    fence_full();
    if ((atomic_load_explicit(&task->state, memory_order_relaxed) & states) == 0) {
        return false;
    }
    port_preempt_disable();
    irq_state = port_irq_save();
    rq = sched_lock_task(task);
    state = atomic_load_explicit(&task->state, memory_order_relaxed);
    /* Compare and exchange: a task that still runs may change its state meanwhile, and its last
     * state, DEAD, must stay. */
    if ((state & states) != 0) {
        was_blocked = atomic_compare_exchange_strong_explicit(
            &task->state, &state, TASK_RUNNABLE, memory_order_relaxed, memory_order_relaxed);
    }
    if (was_blocked) {
        queue_woken(rq, task, state);
    } else {
        spin_unlock(&rq->lock);
    }
    port_irq_restore(irq_state);
    port_preempt_enable();
    return was_blocked;
}

void sched_notify(struct task *task)
{
    unsigned hart;

    __atomic_store_n(&task->thread.work, 1, __ATOMIC_RELEASE);
    fence_full();
    hart = __atomic_load_n(&task->thread.hart, __ATOMIC_RELAXED);
    if (task != task_current() &&
        __atomic_load_n(&run_queues[hart].current, __ATOMIC_RELAXED) == task) {
        trap_send_ipi(hart);
    }
}

static struct task *find_candidate(struct run_queue *victim, unsigned hart)
{
    struct task *task = sched_rt_class.candidate(victim, hart);

    return task != NULL ? task : sched_fair_class.candidate(victim, hart);
}

static bool steal_from(struct run_queue *rq, struct run_queue *victim)
{
    struct task *task;

    if (!spin_trylock(&victim->lock)) {
        return false;
    }
    task = find_candidate(victim, rq->hart);
    if (task != NULL) {
        sched_dequeue(victim, task);
        sched_leave(victim, task);
        __atomic_store_n(&task->thread.hart, rq->hart, __ATOMIC_RELAXED);
    }
    spin_unlock(&victim->lock);
    if (task == NULL) {
        return false;
    }
    sched_enqueue(rq, task, SCHED_MOVED);
    return true;
}

/** Of the harts in the mask, the one with the most tasks, if those are at least `least`. */
static struct run_queue *busiest_of(uint64_t harts, uint32_t least)
{
    struct run_queue *busiest = NULL;

    for (; harts != 0; harts &= harts - 1) {
        struct run_queue *other = &run_queues[bit_first(harts)];
        uint32_t nr = atomic_load_explicit(&other->nr_runnable, memory_order_relaxed);

        if (nr >= least) {
            least = nr + 1;
            busiest = other;
        }
    }
    return busiest;
}

bool sched_steal(struct run_queue *rq)
{
    uint64_t others = sched_online_harts() & ~(1ull << rq->hart);
    /* Taking one must leave the victim with no fewer than this hart then has. */
    uint32_t least = atomic_load_explicit(&rq->nr_runnable, memory_order_relaxed) + 2;
    struct run_queue *victim;

    while ((victim = busiest_of(others, least)) != NULL) {
        if (steal_from(rq, victim)) {
            return true;
        }
        others &= ~(1ull << victim->hart);
    }
    return false;
}

/** Tell one idle hart that there is something to steal. */
static void nudge_idle_hart(void)
{
    uint64_t idle = atomic_load_explicit(&sched_idle_harts, memory_order_relaxed);

    if (idle != 0) {
        unsigned hart = bit_first(idle);

        __atomic_store_n(&run_queues[hart].idle->thread.need_resched, 1, __ATOMIC_RELEASE);
        trap_send_ipi(hart);
    }
}

void sched_tick(uint64_t now_ns)
{
    struct run_queue *rq = this_run_queue();
    struct task *task = rq->current;

    spin_lock(&rq->lock);
    sched_charge_current(rq, now_ns);
    if (task->sched.class->is_slice_over(rq, task, now_ns) || !sched_may_run_on(task, rq->hart)) {
        sched_resched_hart(rq);
    }
    if (++rq->nr_ticks % TICKS_PER_BALANCE == 0) {
        (void)sched_steal(rq);
    }
    spin_unlock(&rq->lock);
    if (atomic_load_explicit(&rq->nr_runnable, memory_order_relaxed) > 1) {
        nudge_idle_hart();
    }
    sched_sample_load(now_ns);
    stack_check_depth(task);
}
