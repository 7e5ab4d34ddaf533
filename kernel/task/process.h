// SPDX-License-Identifier: MIT
/* Processes: groups of threads that live, stop and die together, and the tree they form.
 *
 * A pid number names up to four things at once: a thread, the process whose first thread it was,
 * a process group and a session. `struct pid` holds the number for as long as one of them is
 * there.
 *
 * Letters: [I] immutable; [t] task_tree_lock; [g] signal_lock; [a] atomic. task_tree_lock may be
 * held while a signal_lock is taken, not the other way round. */
#ifndef CAIRN_TASK_PROCESS_H
#define CAIRN_TASK_PROCESS_H

#include "kernel/abi/resource.h"
#include "kernel/base/list.h"
#include "kernel/base/refcount.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/waitq.h"
#include "kernel/task/signal_queue.h"
#include "kernel/task/timer.h"

struct file;
struct posix_timer;
struct task;
struct tty;

struct pid {
    pid_t number;            /* [I] */
    struct task *task;       /* [t] the thread with this id, or NULL */
    struct process *process; /* [t] the process with this id (zombies too), or NULL */
    struct list group;       /* [t] processes of the group with this id */
    struct list session;     /* [t] processes of the session with this id */
    struct list hash_node;   /* [t] */
};

/* What is done with each signal: shared by CLONE_SIGHAND. */
struct signal_actions {
    struct refcount refs;
    struct spinlock lock;                   /* LOCK_RANK_SIGNAL, inside a signal_lock */
    struct abi_sigaction actions[ABI_NSIG]; /* [lock] of signal n at n-1 */
};

struct cpu_usage { /* what getrusage tells */
    uint64_t user_ns, system_ns;
    uint64_t nr_switches, nr_preempted, nr_faults, nr_major_faults;
    uint64_t max_resident_pages;
};

enum process_stop { /* what wait() has not been told yet */
                    PROCESS_NO_NEWS,
                    PROCESS_NEWS_STOPPED,
                    PROCESS_NEWS_CONTINUED,
};

struct interval_timer {   /* setitimer(2) */
    uint64_t next_ns;     /* [g] REAL: clock time; VIRTUAL, PROF: cpu time; 0: off */
    uint64_t interval_ns; /* [g] */
};

struct process {
    struct refcount refs;
    pid_t id;            /* [I] number of its first thread */
    struct pid *pid;     /* [t] */
    struct task *leader; /* [t] its first thread; another after an execve by another */
    struct list threads; /* [t and g to write, either to read] */
    unsigned nr_threads; /* [g] alive */
    bool is_zombie;      /* [t] all threads have ended */
    bool is_init;        /* [I] */
    char name[16];       /* [t] of a zombie */

    /* The tree */
    struct process *parent;     /* [t] */
    struct list children;       /* [t] by sibling_node */
    struct list sibling_node;   /* [t] */
    struct list all_node;       /* [t] in process_list */
    struct pid *group;          /* [t] */
    struct pid *session;        /* [t] */
    struct list group_node;     /* [t] */
    struct list session_node;   /* [t] */
    struct tty *tty;            /* [t] controlling terminal, or NULL */
    bool has_execed;            /* [t] setpgid by the parent is too late */
    bool is_subreaper;          /* [t] */
    int exit_signal;            /* [t] to the parent; 0: none */
    int parent_death_signal;    /* [t] */
    struct waitq wait_children; /* woken when a child has news */

    /* Signals */
    struct spinlock signal_lock;    /* LOCK_RANK_SIGNAL; irqsave: timers send signals */
    struct signal_actions *actions; /* [g; changed only while there is one thread] */
    struct signal_queue pending;    /* [g] for any thread */
    unsigned nr_queued_signals;     /* [g] with details, against RLIMIT_SIGPENDING */
    bool is_exiting;                /* [g] every thread is to end with exit_status */
    bool is_stopped;                /* [g] every thread is to stop, or has */
    int stop_signal;                /* [g] */
    unsigned nr_stopped;            /* [g] */
    enum process_stop news;         /* [g] */
    bool must_tell_continued;       /* [g] the next thread that runs tells the parent */
    int exit_status;                /* [g] as wait() gives it */
    struct task *exec_task;         /* [g] the thread that waits to be alone */

    /* Limits, accounting, timers */
    struct abi_rlimit limits[ABI_NR_RLIMITS]; /* [g] */
    struct cpu_usage dead_threads;            /* [g] */
    struct cpu_usage dead_children;           /* [t] those waited for, and theirs */
    struct timer real_timer;                  /* [g] */
    struct interval_timer itimers[3];         /* [g] by ABI_ITIMER_* */
    struct list posix_timers;                 /* [g] */
    int next_timer_id;                        /* [g] */
    uint64_t start_ns;                        /* [I] */

    struct mutex exec_lock; /* LOCK_RANK_EXEC: execve against what looks into the process */
    struct spinlock executable_lock; /* LOCK_RANK_FS_CONTEXT */
    struct file *executable;         /* [executable_lock] the program's own file */
    bool is_dumpable;                /* [s] */
    bool has_no_new_privileges;      /* [s] */
    bool keeps_capabilities;         /* [s] */
    _Atomic int oom_score_adj;       /* [a] -1000 .. 1000: see oom.c */
    _Atomic int oom_score_adj_min;   /* [a] who is not root may not go below */
};

/** The tree of processes, all pids, groups and sessions. LOCK_RANK_TASK_LIST. */
extern struct spinlock task_tree_lock;
extern struct list process_list;     /* [task_tree_lock] every process, zombies too */
extern struct process *init_process; /* [I once set] */

static inline struct process *process_of(const struct list *all_node)
{
    return list_entry(all_node, struct process, all_node);
}

void process_get(struct process *process);
void process_put(struct process *process);

/** A new process without threads, in no list: NULL when memory is short. Context: may sleep. */
struct process *must_check process_create(void);

/** The process with this id, zombies too, with a reference, or NULL. Context: any task. */
struct process *must_check process_find(pid_t id);

#endif
