// SPDX-License-Identifier: MIT
/* Harts: how they come to the scheduler, and what they do when there is nothing to do.
 *
 * The context that boots hart 0 becomes a task before anything can block, and at the end hart
 * 0's idle task; the other harts start as theirs. An idle task is in no queue: it runs when
 * nothing else can, and never blocks. */
#include "kernel/abi/sched.h"
#include "kernel/arch/riscv64/hart.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/task/kthread.h"
#include "kernel/task/process.h"
#include "kernel/task/sched_internal.h"
#include "kernel/task/stack.h"
#include "kernel/task/stack_depth.h"

static struct task idle_tasks[MAX_HARTS];
static _Atomic uint64_t online_harts = 1;

uint64_t sched_online_harts(void)
{
    return atomic_load_explicit(&online_harts, memory_order_relaxed);
}

static void init_idle(struct run_queue *rq, struct task *idle)
{
    refcount_init(&idle->refs, 1);
    spin_init(&idle->resource_lock, LOCK_RANK_FS_CONTEXT, "task resources");
    signal_queue_init(&idle->pending);
    list_init(&idle->thread_node);
    list_init(&idle->dead_node);
    ksnprintf(idle->name, sizeof(idle->name), "idle/%u", rq->hart);
    idle->is_kernel = true;
    idle->process = &kernel_process;
    sched_init_task(idle, NULL);
    idle->sched.affinity = 1ull << rq->hart;
    idle->sched.run_start_ns = port_clock_ns();
    rq->idle = idle;
    rq->current = idle;
}

static void init_run_queue(struct run_queue *rq, unsigned hart)
{
    spin_init(&rq->lock, LOCK_RANK_RUNQ, "run queue");
    rq->hart = hart;
    list_init(&rq->dead);
    sched_fair_init(rq);
    sched_rt_init(rq);
}

void sched_init(void)
{
    unsigned hart;

    for (hart = 0; hart < MAX_HARTS; hart++) {
        init_run_queue(&run_queues[hart], hart);
    }
    assert(port_hart_id() == 0);
    idle_tasks[0].thread = *port_thread();
    init_idle(&run_queues[0], &idle_tasks[0]);
    port_thread_in_tp = &idle_tasks[0].thread;
}

static _Noreturn void run_idle(void)
{
    struct run_queue *rq = this_run_queue();
    struct thread *self = port_thread();

    for (;;) {
        uint64_t irq_state;

        sched_free_dead();
        irq_state = port_irq_save();
        atomic_fetch_or_explicit(&sched_idle_harts, 1ull << rq->hart, memory_order_relaxed);
        if (__atomic_load_n(&self->need_resched, __ATOMIC_ACQUIRE) == 0) {
            hart_wait_for_interrupt();
        }
        port_irq_restore(irq_state);
        if (__atomic_load_n(&self->need_resched, __ATOMIC_RELAXED) != 0) {
            schedule();
        }
    }
}

static void start_hart(unsigned hart)
{
    run_queues[hart].idle->sched.run_start_ns = port_clock_ns();
    port_thread()->preempt_count = 0;
    atomic_fetch_or_explicit(&online_harts, 1ull << hart, memory_order_release);
    port_irq_restore(PORT_SSTATUS_SIE);
    run_idle();
}

unsigned sched_start_harts(void)
{
    struct thread *idle[MAX_HARTS];
    unsigned hart;

    idle[0] = &idle_tasks[0].thread;
    for (hart = 1; hart < hart_nr_known(); hart++) {
        idle_tasks[hart].thread.hart = hart;
        init_idle(&run_queues[hart], &idle_tasks[hart]);
        idle[hart] = &idle_tasks[hart].thread;
        idle[hart]->stack = (uint64_t)stack_alloc();
        if (idle[hart]->stack == 0) {
            panic("no memory for the stack of hart %u", hart);
        }
    }
    return harts_start(idle, start_hart);
}

void sched_run(void)
{
    port_irq_restore(PORT_SSTATUS_SIE);
    __atomic_store_n(&port_thread()->need_resched, 1, __ATOMIC_RELAXED);
    run_idle();
}

void sched_free_dead(void)
{
    uint64_t left = sched_online_harts();

    for (; left != 0; left &= left - 1) {
        struct run_queue *rq = &run_queues[bit_first(left)];
        struct list dead = LIST_INIT(dead);
        uint64_t irq_state;

        if (list_is_empty(&rq->dead)) {
            continue;
        }
        irq_state = spin_lock_irqsave(&rq->lock);
        list_splice_back(&dead, &rq->dead);
        spin_unlock_irqrestore(&rq->lock, irq_state);
        while (!list_is_empty(&dead)) {
            struct task *task = list_first(&dead, struct task, dead_node);
            void *stack = (void *)task->thread.stack;

            list_remove(&task->dead_node);
            stack_check_depth(task);
            spin_lock(&task->resource_lock); /* somebody may look how deep it has been */
            task->thread.stack = 0;
            spin_unlock(&task->resource_lock);
            stack_free(stack);
            task_put(task);
        }
    }
}
