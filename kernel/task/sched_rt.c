// SPDX-License-Identifier: MIT
/* The real-time class: SCHED_FIFO and SCHED_RR, above everything fair.
 *
 * One list for each priority, and a bitmap of the lists that are not empty: the highest is found
 * with two words. A FIFO task keeps the hart until it blocks, yields, or a higher one comes;
 * preempted, it goes back to the head of its list. An RR task does the same for the length of
 * its slice, then goes to the tail.
 * Source: POSIX.1-2017, 2.8.4 Process Scheduling. */
#include "kernel/abi/sched.h"
#include "kernel/base/bits.h"
#include "kernel/task/sched_internal.h"

#define RR_SLICE_NS 100000000ull

static void rt_enqueue(struct run_queue *rq, struct task *task, enum sched_reason reason)
{
    struct list *list = &rq->rt[task->sched.rt_priority];

    if (reason == SCHED_PREEMPTED && task->sched.slice_end_ns > port_clock_ns()) {
        list_push_front(list, &task->sched.rt_node);
    } else {
        list_push_back(list, &task->sched.rt_node);
        task->sched.slice_end_ns = 0;
    }
    bitmap_set(rq->rt_map, task->sched.rt_priority);
}

static void rt_dequeue(struct run_queue *rq, struct task *task)
{
    list_remove(&task->sched.rt_node);
    if (list_is_empty(&rq->rt[task->sched.rt_priority])) {
        bitmap_clear(rq->rt_map, task->sched.rt_priority);
    }
}

static struct task *rt_pick(struct run_queue *rq)
{
    struct task *task;
    unsigned priority;

    if (likely((rq->rt_map[0] | rq->rt_map[1]) == 0)) {
        return NULL;
    }
    priority = rq->rt_map[1] != 0 ? 64 + bit_last(rq->rt_map[1]) : bit_last(rq->rt_map[0]);
    task = list_first(&rq->rt[priority], struct task, sched.rt_node);
    rt_dequeue(rq, task);
    if (task->sched.slice_end_ns == 0) {
        task->sched.slice_end_ns = task->sched.policy == ABI_SCHED_RR
                                       ? port_clock_ns() + RR_SLICE_NS
                                       : UINT64_MAX;
    }
    return task;
}

static void rt_charge(struct run_queue *rq, struct task *task, uint64_t delta_ns)
{
    (void)rq;
    (void)task;
    (void)delta_ns;
}

static bool rt_preempts(struct run_queue *rq, const struct task *running, const struct task *task)
{
    (void)rq;
    return task->sched.rt_priority > running->sched.rt_priority;
}

static bool rt_is_slice_over(struct run_queue *rq, const struct task *running, uint64_t now_ns)
{
    return running->sched.slice_end_ns <= now_ns &&
           bitmap_find_set(rq->rt_map, SCHED_NR_RT_LISTS, running->sched.rt_priority) <
               SCHED_NR_RT_LISTS;
}

static struct task *rt_candidate(struct run_queue *rq, unsigned hart)
{
    struct task *task;
    unsigned priority;

    if (likely((rq->rt_map[0] | rq->rt_map[1]) == 0)) {
        return NULL;
    }
    for (priority = SCHED_NR_RT_LISTS; priority-- > 0;) {
        list_for_each (task, &rq->rt[priority], sched.rt_node) {
            if (sched_may_run_on(task, hart)) {
                return task;
            }
        }
    }
    return NULL;
}

const struct sched_class sched_rt_class = {
    .rank = 2,
    .enqueue = rt_enqueue,
    .dequeue = rt_dequeue,
    .pick = rt_pick,
    .charge = rt_charge,
    .preempts = rt_preempts,
    .is_slice_over = rt_is_slice_over,
    .candidate = rt_candidate,
};

void sched_rt_init(struct run_queue *rq)
{
    unsigned priority;

    for (priority = 0; priority < SCHED_NR_RT_LISTS; priority++) {
        list_init(&rq->rt[priority]);
    }
}
