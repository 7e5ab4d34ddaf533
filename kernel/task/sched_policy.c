// SPDX-License-Identifier: MIT
/* What can be asked of and told to the scheduler about one task: policy, niceness, affinity,
 * times. */
#include "kernel/abi/errno.h"
#include "kernel/abi/sched.h"
#include "kernel/task/sched_internal.h"

const struct sched_class *sched_class_of(uint32_t policy)
{
    return policy == ABI_SCHED_FIFO || policy == ABI_SCHED_RR ? &sched_rt_class : &sched_fair_class;
}

void sched_init_task(struct task *task, const struct task *parent)
{
    struct sched_entity *entity = &task->sched;

    *entity = (struct sched_entity){.affinity = ~0ull};
    if (parent != NULL) {
        entity->policy = parent->sched.policy;
        entity->nice = parent->sched.nice;
        entity->rt_priority = parent->sched.rt_priority;
        entity->affinity = parent->sched.affinity;
        task->thread.hart = port_hart_id();
    }
    entity->weight = sched_fair_weight(entity->nice, entity->policy);
    entity->class = sched_class_of(entity->policy);
    rb_node_init(&entity->fair_node);
    list_init(&entity->rt_node);
}

/** Run `change` with the task out of its queue, and put it back where it then belongs. */
static void change_entity(struct task *task, void (*change)(struct task *task, const void *arg),
                          const void *arg)
{
    uint64_t irq_state;
    struct run_queue *rq;
    bool is_waiting;

    port_preempt_disable();
    irq_state = port_irq_save();
    rq = sched_lock_task(task);
    is_waiting = task->sched.is_queued && rq->current != task;
    if (rq->current == task) {
        sched_charge_current(rq, port_clock_ns());
        sched_resched_hart(rq);
    }
    if (is_waiting) {
        sched_dequeue(rq, task);
        sched_leave(rq, task);
    }
    change(task, arg);
    if (is_waiting && sched_may_run_on(task, rq->hart)) {
        sched_enqueue(rq, task, SCHED_MOVED);
        is_waiting = false;
    }
    spin_unlock(&rq->lock);
    if (is_waiting) {
        sched_place(task, sched_choose_hart(task, SCHED_MOVED), SCHED_MOVED);
    }
    port_irq_restore(irq_state);
    port_preempt_enable();
}

struct policy_change {
    uint32_t policy;
    uint32_t rt_priority;
    int nice;
};

static void change_policy(struct task *task, const void *arg)
{
    const struct policy_change *wanted = arg;
    struct sched_entity *entity = &task->sched;

    entity->policy = wanted->policy;
    entity->rt_priority = wanted->rt_priority;
    entity->nice = wanted->nice;
    entity->weight = sched_fair_weight(wanted->nice, wanted->policy);
    entity->class = sched_class_of(wanted->policy);
    entity->slice_end_ns = 0;
}

void sched_set_policy(struct task *task, uint32_t policy, uint32_t rt_priority, int nice)
{
    struct policy_change wanted = {policy, rt_priority, nice};

    change_entity(task, change_policy, &wanted);
}

static void change_affinity(struct task *task, const void *arg)
{
    task->sched.affinity = *(const uint64_t *)arg;
}

int sched_set_affinity(struct task *task, uint64_t affinity)
{
    if ((affinity & sched_online_harts()) == 0) {
        return -EINVAL;
    }
    change_entity(task, change_affinity, &affinity);
    return 0;
}

uint64_t sched_run_time_ns(struct task *task)
{
    uint64_t irq_state = port_irq_save();
    struct run_queue *rq = sched_lock_task(task);
    uint64_t run_ns;

    if (rq->current == task) {
        sched_charge_current(rq, port_clock_ns());
    }
    run_ns = task->sched.run_ns;
    spin_unlock(&rq->lock);
    port_irq_restore(irq_state);
    return run_ns;
}

void sched_cpu_times(struct task *task, uint64_t *user_ns, uint64_t *system_ns)
{
    uint64_t run_ns = sched_run_time_ns(task);
    uint64_t user = atomic_load_explicit(&task->user_ticks, memory_order_relaxed);
    uint64_t system = atomic_load_explicit(&task->system_ticks, memory_order_relaxed);

    /* A task that no tick has met has run for less than a few of them; its time counts as the
     * system's, as most of a short program's life is. */
    *user_ns = user == 0 ? 0 : run_ns / (user + system) * user;
    *system_ns = run_ns - *user_ns;
}

void sched_get_hart_stats(unsigned hart, struct sched_hart_stats *stats)
{
    struct run_queue *rq = &run_queues[hart];
    uint64_t irq_state = spin_lock_irqsave(&rq->lock);

    sched_charge_current(rq, port_clock_ns());
    stats->user_ns = rq->user_ns;
    stats->system_ns = rq->system_ns;
    stats->idle_ns = rq->idle_ns;
    stats->nr_switches = rq->nr_switches;
    spin_unlock_irqrestore(&rq->lock, irq_state);
}

unsigned sched_nr_runnable(void)
{
    unsigned nr = 0;
    unsigned hart;

    for (hart = 0; hart < MAX_HARTS; hart++) {
        nr += atomic_load_explicit(&run_queues[hart].nr_runnable, memory_order_relaxed);
    }
    return nr;
}
