// SPDX-License-Identifier: MIT
/* Run queues and scheduling classes: what the files of the scheduler share. */
#ifndef CAIRN_TASK_SCHED_INTERNAL_H
#define CAIRN_TASK_SCHED_INTERNAL_H

#include "kernel/task/sched.h"

#define SCHED_TICK_NS       4000000ull
#define SCHED_NR_RT_LISTS   100
#define SCHED_WEIGHT_NICE_0 1024

struct run_queue {
    struct spinlock lock; /* LOCK_RANK_RUNQ; held from the choice of the next task until it runs */
    unsigned hart;        /* [I] */
    _Atomic bool is_online;     /* [a] */
    struct task *current;       /* [lock] */
    struct task *idle;          /* [I] */
    struct task *switched_from; /* [lock] across a switch */
    struct task *to_migrate;    /* [lock] across a switch: must go on on another hart */
    struct space *active_space; /* [this hart, interrupts off] whose tables it translates with */
    struct list dead;           /* [lock] ended tasks, by dead_node */

    _Atomic uint32_t nr_runnable; /* [lock to write] with the running one, without idle */
    uint32_t nr_uninterruptible;  /* [lock] may wrap; only the sum over all harts means something */
    uint64_t tick_due_ns;         /* [this hart] */
    uint64_t nr_ticks;            /* [this hart] */

    struct rb_tree fair;      /* [lock] by vruntime; the running task is not in it */
    uint64_t min_vruntime_ns; /* [lock] never falls */
    uint32_t nr_fair;         /* [lock] in the tree */

    uint64_t rt_map[2];                /* [lock] which lists are not empty */
    struct list rt[SCHED_NR_RT_LISTS]; /* [lock] by priority; 99 first */

    uint64_t nr_switches;                 /* [lock] */
    uint64_t user_ns, system_ns, idle_ns; /* [this hart] */
};

enum sched_reason { /* why a task is put into its class's queue */
                    SCHED_NEW,
                    SCHED_WOKEN,
                    SCHED_MOVED,     /* has left another queue or class by sched_leave() */
                    SCHED_PREEMPTED, /* had the hart and is to have it again */
                    SCHED_YIELDED,   /* had the hart and lets others go first */
};

/* A scheduling class orders the tasks that wait for a hart. All with rq->lock held. */
struct sched_class {
    unsigned rank; /* a runnable task of a higher rank runs first */
    void (*enqueue)(struct run_queue *rq, struct task *task, enum sched_reason reason);
    void (*dequeue)(struct run_queue *rq, struct task *task);
    /** Take out the task that is to run next; NULL: none waits. */
    struct task *(*pick)(struct run_queue *rq);
    /** The running task has run for delta_ns more. */
    void (*charge)(struct run_queue *rq, struct task *task, uint64_t delta_ns);
    /** Whether `task`, which became runnable, should take the hart from the running one of the
     *  same class. */
    bool (*preempts)(struct run_queue *rq, const struct task *running, const struct task *task);
    /** At a tick: whether the running task should give way to another one of the class. */
    bool (*is_slice_over)(struct run_queue *rq, const struct task *running, uint64_t now_ns);
    /** A waiting task that may run on the hart, for stealing; NULL: none. Not taken out. */
    struct task *(*candidate)(struct run_queue *rq, unsigned hart);
};

extern const struct sched_class sched_rt_class;
extern const struct sched_class sched_fair_class;
extern struct run_queue run_queues[MAX_HARTS];

static inline struct run_queue *this_run_queue(void)
{
    return &run_queues[port_hart_id()];
}

static inline bool sched_may_run_on(const struct task *task, unsigned hart)
{
    return (task->sched.affinity >> hart & 1) != 0;
}

uint32_t sched_fair_weight(int nice, uint32_t policy);
void sched_fair_init(struct run_queue *rq);
void sched_rt_init(struct run_queue *rq);
const struct sched_class *sched_class_of(uint32_t policy);

/** Put a runnable task that is in no queue into this one, and reschedule the hart if it should
 *  run at once. rq->lock held. */
void sched_enqueue(struct run_queue *rq, struct task *task, enum sched_reason reason);

/** Take a waiting task (not the running one) out of its queue. rq->lock held. */
void sched_dequeue(struct run_queue *rq, struct task *task);

/** The hart's running task is to give way soon. rq->lock held. */
void sched_resched_hart(struct run_queue *rq);

/** Detach a task that is in no queue from the virtual time of the one it was in. rq->lock held. */
void sched_leave(struct run_queue *rq, struct task *task);

/** Lock the run queue that a task belongs to. Interrupts off. */
struct run_queue *sched_lock_task(struct task *task);

/** The best hart for a task that is about to be queued. */
unsigned sched_choose_hart(const struct task *task, enum sched_reason reason);

/** Move a task to this hart's queue from one that has at least two more. rq->lock held. Returns
 *  whether. */
bool sched_steal(struct run_queue *rq);

/** Hand a task that is in no queue to a hart. Interrupts off, no run queue locked. */
void sched_place(struct task *task, unsigned hart, enum sched_reason reason);

/** Add the time since the last call to the running task. rq->lock held. */
void sched_charge_current(struct run_queue *rq, uint64_t now_ns);

/** The periodic tick, from the timer interrupt. */
void sched_tick(uint64_t now_ns);

/** Take a sample for the load averages if one is due. Context: any. load.c */
void sched_sample_load(uint64_t now_ns);

/** Harts that have nothing to run. */
extern _Atomic uint64_t sched_idle_harts;

/** Program the hart's timer for its next event: timers or tick. Interrupts off. timer.c */
void timer_program(struct run_queue *rq);

#endif
