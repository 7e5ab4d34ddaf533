// SPDX-License-Identifier: MIT
/* The fair class: everybody gets the same share of the hart, weighted by niceness.
 *
 * Each task has a virtual run time: the time that it had the hart, divided by its weight. The
 * task with the least runs next, so that all virtual times stay close together, and a task of
 * twice the weight runs twice as long. Waiting tasks are kept in a tree by virtual time; the
 * running one is not in it, so that being charged does not move it.
 *
 * min_vruntime is where the queue as a whole stands; it only rises. A task that has slept starts
 * a little below it (it gets the hart soon: that is what makes a shell quick beside a compiler)
 * and never far below (sleeping saves up no time). A task that changes harts takes along its
 * distance from min_vruntime (sched_leave).
 *
 * Source: Stoica, Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995, for virtual
 * time. */
#include "kernel/abi/sched.h"
#include "kernel/task/sched_internal.h"

#define SLEEPER_CREDIT_NS     3000000ull
#define NEW_TASK_DEBIT_NS     1000000ull
#define WAKEUP_GRANULARITY_NS 1000000ull
#define NICE_MIN              (-20)
#define WEIGHT_IDLE           3

/* 1024 * 1.25^-nice: one step of niceness is about a tenth of the hart when two tasks compete. */
static const uint32_t nice_weights[40] = {
    88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921, 9537, 7629, 6104, 4883,
    3906,  3125,  2500,  2000,  1600,  1280,  1024,  819,   655,   524,   419,  336,  268,  215,
    172,   137,   110,   88,    70,    56,    45,    36,    29,    23,    18,   15,
};

uint32_t sched_fair_weight(int nice, uint32_t policy)
{
    return policy == ABI_SCHED_IDLE ? WEIGHT_IDLE : nice_weights[nice - NICE_MIN];
}

static uint64_t weigh(uint64_t delta_ns, uint32_t weight)
{
    return weight == SCHED_WEIGHT_NICE_0 ? delta_ns : delta_ns * SCHED_WEIGHT_NICE_0 / weight;
}

static struct task *task_of(const struct rb_node *node)
{
    return rb_entry(node, struct task, sched.fair_node);
}

static int compare(const struct rb_node *a, const struct rb_node *b)
{
    int64_t difference = (int64_t)(task_of(a)->sched.vruntime_ns - task_of(b)->sched.vruntime_ns);

    return difference < 0 ? -1 : difference > 0;
}

static void raise_min_vruntime(struct run_queue *rq)
{
    struct rb_node *first = rbtree_first(&rq->fair);
    const struct task *running = rq->current;
    uint64_t least;

    if (running->sched.class == &sched_fair_class && running->sched.is_queued) {
        least = running->sched.vruntime_ns;
        if (first != NULL && (int64_t)(task_of(first)->sched.vruntime_ns - least) < 0) {
            least = task_of(first)->sched.vruntime_ns;
        }
    } else if (first != NULL) {
        least = task_of(first)->sched.vruntime_ns;
    } else {
        return;
    }
    if ((int64_t)(least - rq->min_vruntime_ns) > 0) {
        rq->min_vruntime_ns = least;
    }
}

static void fair_enqueue(struct run_queue *rq, struct task *task, enum sched_reason reason)
{
    struct sched_entity *entity = &task->sched;
    uint64_t lowest = rq->min_vruntime_ns - SLEEPER_CREDIT_NS;
    struct rb_node *first;

    switch (reason) {
    case SCHED_NEW:
        entity->vruntime_ns = rq->min_vruntime_ns + weigh(NEW_TASK_DEBIT_NS, entity->weight);
        break;
    case SCHED_MOVED: entity->vruntime_ns += rq->min_vruntime_ns; /* fall through */
    case SCHED_WOKEN:
        if ((int64_t)(entity->vruntime_ns - lowest) < 0) {
            entity->vruntime_ns = lowest;
        }
        break;
    case SCHED_YIELDED:
        first = rbtree_first(&rq->fair);
        if (first != NULL && compare(&entity->fair_node, first) < 0) {
            entity->vruntime_ns = task_of(first)->sched.vruntime_ns;
        }
        break;
    case SCHED_PREEMPTED: break;
    }
    rbtree_insert(&rq->fair, &entity->fair_node, compare);
    rq->nr_fair++;
}

void sched_leave(struct run_queue *rq, struct task *task)
{
    task->sched.vruntime_ns -= rq->min_vruntime_ns;
}

static void fair_dequeue(struct run_queue *rq, struct task *task)
{
    rbtree_erase(&rq->fair, &task->sched.fair_node);
    rq->nr_fair--;
}

static struct task *fair_pick(struct run_queue *rq)
{
    struct rb_node *first = rbtree_first(&rq->fair);

    if (first == NULL) {
        return NULL;
    }
    fair_dequeue(rq, task_of(first));
    return task_of(first);
}

static void fair_charge(struct run_queue *rq, struct task *task, uint64_t delta_ns)
{
    task->sched.vruntime_ns += weigh(delta_ns, task->sched.weight);
    raise_min_vruntime(rq);
}

static bool fair_preempts(struct run_queue *rq, const struct task *running, const struct task *task)
{
    uint64_t since_ns = port_clock_ns() - running->sched.run_start_ns;
    uint64_t running_vruntime_ns = running->sched.vruntime_ns +
                                   weigh(since_ns, running->sched.weight);

    (void)rq;
    if (task->sched.policy != ABI_SCHED_OTHER) {
        return false;
    }
    return (int64_t)(running_vruntime_ns - task->sched.vruntime_ns) >
           (int64_t)WAKEUP_GRANULARITY_NS;
}

static bool fair_is_slice_over(struct run_queue *rq, const struct task *running, uint64_t now_ns)
{
    struct rb_node *first = rbtree_first(&rq->fair);

    (void)now_ns;
    return first != NULL &&
           (int64_t)(running->sched.vruntime_ns - task_of(first)->sched.vruntime_ns) > 0;
}

/** The one that would wait longest: stealing it disturbs its hart least, and its cache is the
 *  coldest. */
static struct task *fair_candidate(struct run_queue *rq, unsigned hart)
{
    struct rb_node *node;

    for (node = rbtree_last(&rq->fair); node != NULL; node = rbtree_prev(node)) {
        if (sched_may_run_on(task_of(node), hart)) {
            return task_of(node);
        }
    }
    return NULL;
}

const struct sched_class sched_fair_class = {
    .rank = 1,
    .enqueue = fair_enqueue,
    .dequeue = fair_dequeue,
    .pick = fair_pick,
    .charge = fair_charge,
    .preempts = fair_preempts,
    .is_slice_over = fair_is_slice_over,
    .candidate = fair_candidate,
};

void sched_fair_init(struct run_queue *rq)
{
    rq->fair = (struct rb_tree)RB_TREE_INIT;
    rq->min_vruntime_ns = 0;
}
