// SPDX-License-Identifier: MIT
/* The scheduler's core: from one task to the next.
 *
 * Every hart has a run queue of its own, so that harts choose without asking each other. Which
 * of the waiting tasks comes next is the business of scheduling classes (sched_rt.c above
 * sched_fair.c); a hart without any runs its idle task.
 *
 * A task's state is changed by three parties, and the rules that keep them apart are these:
 *
 *   the task itself   stores a blocked state (port_block_prepare), looks at its condition
 *                     again, and calls schedule();
 *   schedule()        under rq->lock, takes the task out of the queue if its state is still
 *                     not RUNNABLE;
 *   a waker           under rq->lock of the task's hart, turns a blocked state into RUNNABLE,
 *                     and puts the task into a queue if schedule() has taken it out.
 *
 * A wake-up between the task's store and schedule() is thus never lost: schedule() then sees
 * RUNNABLE and keeps the task. And because rq->lock is held from the choice of the next task
 * until that one runs and lets go of it (finish_switch), a waker that has the lock and finds the
 * task in no queue knows that its registers are saved: it may run elsewhere at once. A task that
 * is in no queue and RUNNABLE is in the hands of exactly one hart, which is about to queue it.
 *
 * Preemption (trap_upcall_preempt) is schedule() without the look at the state: a task that has
 * announced that it will block and is preempted before it does stays runnable.
 *
 * Locks: run queues in the order of their harts; stealing tries the second one only. Interrupts
 * off throughout. */
#include "kernel/arch/riscv64/asid.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/assert.h"
#include "kernel/task/sched_internal.h"
#include "kernel/task/switch.h"
#include "mm/space.h"

struct run_queue run_queues[MAX_HARTS];
_Atomic uint64_t sched_idle_harts;

void sched_resched_hart(struct run_queue *rq)
{
    __atomic_store_n(&rq->current->thread.need_resched, 1, __ATOMIC_RELEASE);
    if (rq->hart != port_hart_id()) {
        trap_send_ipi(rq->hart);
    }
}

/** Whether a task that became runnable should have the hart now. */
static bool preempts_current(struct run_queue *rq, const struct task *task)
{
    const struct task *running = rq->current;

    if (running == rq->idle) {
        return true;
    }
    if (running->sched.class != task->sched.class) {
        return task->sched.class->rank > running->sched.class->rank;
    }
    return task->sched.class->preempts(rq, running, task);
}

void sched_enqueue(struct run_queue *rq, struct task *task, enum sched_reason reason)
{
    uint32_t nr = atomic_load_explicit(&rq->nr_runnable, memory_order_relaxed);

    spin_assert_held(&rq->lock);
    task->thread.hart = rq->hart;
    task->sched.is_queued = true;
    task->sched.class->enqueue(rq, task, reason);
    atomic_store_explicit(&rq->nr_runnable, nr + 1, memory_order_relaxed);
    if (preempts_current(rq, task)) {
        sched_resched_hart(rq);
    }
}

void sched_dequeue(struct run_queue *rq, struct task *task)
{
    uint32_t nr = atomic_load_explicit(&rq->nr_runnable, memory_order_relaxed);

    spin_assert_held(&rq->lock);
    task->sched.class->dequeue(rq, task);
    task->sched.is_queued = false;
    atomic_store_explicit(&rq->nr_runnable, nr - 1, memory_order_relaxed);
}

void sched_charge_current(struct run_queue *rq, uint64_t now_ns)
{
    struct task *task = rq->current;
    uint64_t delta_ns = now_ns - task->sched.run_start_ns;

    task->sched.run_start_ns = now_ns;
    if (task == rq->idle) {
        rq->idle_ns += delta_ns;
        return;
    }
    task->sched.run_ns += delta_ns;
    task->sched.class->charge(rq, task, delta_ns);
}

/** Decide what becomes of the task that had the hart. */
static void put_previous(struct run_queue *rq, struct task *prev, bool is_preempted)
{
    uint32_t state = atomic_load_explicit(&prev->state, memory_order_relaxed);

    if (prev == rq->idle) {
        return;
    }
    if (!is_preempted && state != TASK_RUNNABLE) {
        prev->nr_switches++;
        prev->sched.is_queued = false;
        rq->nr_uninterruptible += state == TASK_UNINTERRUPTIBLE;
    } else if (!sched_may_run_on(prev, rq->hart)) {
        prev->sched.is_queued = false;
        sched_leave(rq, prev);
        rq->to_migrate = prev;
    } else {
        prev->nr_preempted += is_preempted;
        prev->sched.class->enqueue(rq, prev, is_preempted ? SCHED_PREEMPTED : SCHED_YIELDED);
        return;
    }
    atomic_fetch_sub_explicit(&rq->nr_runnable, 1, memory_order_relaxed);
}

static struct task *pick_next(struct run_queue *rq)
{
    struct task *next = sched_rt_class.pick(rq);

    if (next == NULL) {
        next = sched_fair_class.pick(rq);
    }
    if (next == NULL && sched_steal(rq)) {
        next = pick_next(rq);
    }
    return next != NULL ? next : rq->idle;
}

static void note_idleness(struct run_queue *rq, const struct task *prev, const struct task *next)
{
    uint64_t bit = 1ull << rq->hart;

    if (next == rq->idle) {
        atomic_fetch_or_explicit(&sched_idle_harts, bit, memory_order_relaxed);
    } else if (prev == rq->idle) {
        atomic_fetch_and_explicit(&sched_idle_harts, ~bit, memory_order_relaxed);
        rq->tick_due_ns = next->sched.run_start_ns + SCHED_TICK_NS;
        timer_program(rq);
    }
}

/** What the task that was switched to does first: let go of the queue, and see the previous task
 *  off. */
static void finish_switch(void)
{
    struct run_queue *rq = this_run_queue();
    struct task *prev = rq->switched_from;
    struct task *migrating = rq->to_migrate;

    rq->to_migrate = NULL;
    if (atomic_load_explicit(&prev->state, memory_order_relaxed) == TASK_DEAD) {
        list_push_back(&rq->dead, &prev->dead_node);
    }
    spin_unlock(&rq->lock);
    if (unlikely(migrating != NULL)) {
        sched_place(migrating, sched_choose_hart(migrating, SCHED_MOVED), SCHED_MOVED);
    }
}

static void switch_to(struct run_queue *rq, struct task *prev, struct task *next)
{
    rq->current = next;
    rq->switched_from = prev;
    rq->nr_switches++;
    next->thread.hart = rq->hart;
    note_idleness(rq, prev, next);
    if (next->space != rq->active_space) {
        rq->active_space = next->space;
        pagetable_activate(next->space != NULL ? &next->space->table : NULL);
    }
    thread_switch(&prev->thread, &next->thread);
    finish_switch();
}

static void reschedule(bool is_preempted)
{
    uint64_t irq_state = port_irq_save();
    struct run_queue *rq = this_run_queue();
    struct task *prev = rq->current;
    struct task *next;
    uint64_t now_ns = port_clock_ns();

    spin_lock(&rq->lock);
    assert(prev->thread.preempt_count == 1);
    __atomic_store_n(&prev->thread.need_resched, 0, __ATOMIC_RELAXED);
    sched_charge_current(rq, now_ns);
    put_previous(rq, prev, is_preempted);
    next = pick_next(rq);
    next->sched.run_start_ns = now_ns;
    if (next == prev) {
        spin_unlock(&rq->lock);
    } else {
        switch_to(rq, prev, next);
    }
    port_irq_restore(irq_state);
}

void schedule(void)
{
    reschedule(false);
}

void trap_upcall_preempt(void)
{
    reschedule(true);
}

void trap_upcall_ipi(void)
{
    /* Whoever sent it has set need_resched or work before: the way out of the trap looks at
     * both. */
}

void task_begin_user(void)
{
    finish_switch();
}

void task_begin_kernel(void)
{
    finish_switch();
    port_irq_restore(PORT_SSTATUS_SIE);
}

void sched_exit(void)
{
    struct task *self = task_current();

    (void)port_irq_save();
    atomic_store_explicit(&self->state, TASK_DEAD, memory_order_relaxed);
    schedule();
    panic("task %d went on after its end", self->tid);
}

struct space *sched_set_space(struct space *space)
{
    uint64_t irq_state = port_irq_save();
    struct run_queue *rq = this_run_queue();
    struct task *self = task_current();
    struct space *old = self->space;

    spin_lock(&self->resource_lock);
    self->space = space;
    spin_unlock(&self->resource_lock);
    rq->active_space = space;
    pagetable_activate(space != NULL ? &space->table : NULL);
    port_irq_restore(irq_state);
    return old;
}
