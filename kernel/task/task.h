// SPDX-License-Identifier: MIT
/* Tasks: threads of user programs and of the kernel. What threads of one program have in common
 * stands in `struct process` (process.h); what clone(2) can share or not, each in a counted
 * structure of its own.
 *
 * Letters: [I] immutable once the task runs; [s] written by the task itself; [r] the lock of the
 * run queue of its hart; [t] task_tree_lock; [g] process->signal_lock; [a] atomic. */
#ifndef CAIRN_TASK_TASK_H
#define CAIRN_TASK_TASK_H

#include "fs/vfs/cred.h"
#include "kernel/abi/signal.h"
#include "kernel/arch/riscv64/thread.h"
#include "kernel/base/list.h"
#include "kernel/base/port.h"
#include "kernel/base/rbtree.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/spinlock.h"
#include "kernel/task/signal_queue.h"

struct fd_table;
struct fs_context;
struct pid;
struct process;
struct sched_class;
struct space;

#define TASK_NAME_SIZE 16

enum task_state { /* one bit each, so that a wake-up can name several */
                  TASK_RUNNABLE = 0,
                  TASK_UNINTERRUPTIBLE = 1,
                  TASK_KILLABLE = 2,
                  TASK_INTERRUPTIBLE = 4,
                  TASK_STOPPED = 8,
                  TASK_DEAD = 16,
                  TASK_BLOCKED = TASK_UNINTERRUPTIBLE | TASK_KILLABLE | TASK_INTERRUPTIBLE,
};

/* What the scheduler keeps of a task. */
struct sched_entity {
    const struct sched_class *class; /* [r] */
    struct rb_node fair_node;        /* [r] in the fair tree, while waiting for the hart */
    struct list rt_node;             /* [r] in a real-time list */
    uint64_t vruntime_ns;            /* [r] run time, weighted by niceness */
    uint64_t run_start_ns;           /* [r] when it was last given the hart */
    uint64_t slice_end_ns;           /* [r] */
    uint64_t run_ns;                 /* [r] in all */
    uint32_t weight;                 /* [r] */
    uint32_t policy;                 /* [r] ABI_SCHED_* */
    int32_t nice;                    /* [r] -20 .. 19 */
    uint32_t rt_priority;            /* [r] 1 .. 99 for real-time policies */
    uint64_t affinity;               /* [r] a bit for each hart it may run on */
    bool is_queued;                  /* [r] runnable: waits for the hart, or has it */
};

struct task {
    struct thread thread; /* first: register tp points here */
    struct refcount refs;
    _Atomic uint32_t state; /* [a] enum task_state; how it changes is explained in sched.c */
    struct sched_entity sched;

    pid_t tid;                 /* [I] */
    struct pid *pid;           /* [t] */
    struct process *process;   /* [I] */
    struct list thread_node;   /* [t and g to write, either to read] in process->threads */
    struct list dead_node;     /* [r] finished, waiting to be freed */
    bool is_kernel;            /* [I] has no user mode */
    bool is_exiting;           /* [s] */
    bool has_deep_stack;       /* [s] and that has been logged: stack_depth.c */
    char name[TASK_NAME_SIZE]; /* [s] */

    struct space *space;           /* [s; others: task_get_space()] NULL: none */
    struct fd_table *files;        /* [s; others: task_get_files()] */
    struct fs_context *fs;         /* [s; others: task_get_fs()] */
    struct cred cred;              /* [s] */
    struct spinlock resource_lock; /* around changes of the three pointers above */

    /* Signals: signal.c */
    _Atomic bool has_signal; /* [a; g to write] something for signal_deliver() to look at */
    bool is_stopped;         /* [g] counted in process->nr_stopped */
    uint64_t blocked;        /* [g; s to read] */
    uint64_t waited_for;     /* [g] unblocked by sigtimedwait() while it waits: to be kept for it */
    uint64_t saved_blocked;  /* [s] what to go back to after sigsuspend, ppoll, … */
    bool restores_blocked;   /* [s] saved_blocked is valid */
    struct signal_queue pending; /* [g] for this thread alone */
    uint64_t alt_stack;          /* [s] sigaltstack */
    uint64_t alt_stack_size;     /* [s] 0: none */
    uint32_t alt_stack_flags;    /* [s] */

    /* A system call that goes on through restart_syscall(2): restart.c */
    int64_t (*restart)(struct task *task); /* [s] */
    uint64_t restart_args[4];              /* [s] */

    uint64_t clear_child_tid; /* [s] user address, or 0 */
    uint64_t robust_list;     /* [s] user address, or 0 */
    struct vfork_wait *vfork; /* [resource_lock] a parent that waits for us, or NULL */

    /* Accounting */
    _Atomic uint64_t user_ticks;   /* [a] */
    _Atomic uint64_t system_ticks; /* [a] */
    uint64_t nr_switches;          /* [r] given up by itself */
    uint64_t nr_preempted;         /* [r] */
    uint64_t nr_faults;            /* [s] */
    uint64_t nr_major_faults;      /* [s] of them, those that waited for a disk */
    uint64_t nr_unknown_calls;     /* [s] */
    uint64_t start_ns;             /* [I] since boot */
};

/** The running task. */
static inline struct task *task_current(void)
{
    return (struct task *)port_thread();
}

/** A task without pid and process, not yet known to anybody, with a kernel stack. NULL when
 *  memory is short. */
struct task *must_check task_create(const char *name);

void task_get(struct task *task);
void task_put(struct task *task); /* any context */

/** The task with this thread id, with a reference, or NULL. Context: any task. */
struct task *must_check task_find(pid_t tid);

/** Another task's resources with a reference, or NULL when it has none (any more). Context: any
 *  task. */
struct space *must_check task_get_space(struct task *task);
struct fd_table *must_check task_get_files(struct task *task);
struct fs_context *must_check task_get_fs(struct task *task);

/** A soft limit of the running task's process (ABI_RLIMIT_*), for calls that obey one. */
uint64_t task_rlimit(unsigned index);

void task_set_name(struct task *task, const char *name);

/** Whether a signal waits that would interrupt an interruptible sleep. Context: any task. */
bool task_has_signal(void);

/** Send a signal to the running task (SIGPIPE, SIGXFSZ). */
void task_signal_self(int signal);

/** Call visit for every `struct task` in use, kernel threads and those that have just ended too; with
 *  a cache that has magazines, also for some that are not. Context: the machine stands still. */
void task_visit_all(void (*visit)(const struct task *task));

#endif
