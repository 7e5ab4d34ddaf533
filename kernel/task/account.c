// SPDX-License-Identifier: MIT
/* Accounting.
 *
 * How long a task had the hart is measured at every switch; how much of that was user time is
 * estimated from the ticks, by what they interrupted. The tick also drives the timers on
 * processor time: ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU. */
#include "kernel/task/account.h"
#include "kernel/base/string.h"
#include "kernel/task/itimer.h"
#include "kernel/task/process.h"
#include "kernel/task/sched_internal.h"
#include "mm/space.h"

#define CAUSE_TIMER (1ull << 63 | 5)

/** Whether the interrupt that is being handled came from user mode: then the frame on top of the
 *  stack is its own. */
static bool was_in_user_mode(const struct task *task)
{
    return !task->is_kernel && thread_user_frame(&task->thread)->cause == CAUSE_TIMER;
}

void account_tick(unsigned hart)
{
    struct run_queue *rq = &run_queues[hart];
    struct task *task = task_current();
    bool is_user = was_in_user_mode(task);

    if (is_user) {
        rq->user_ns += SCHED_TICK_NS;
        atomic_fetch_add_explicit(&task->user_ticks, 1, memory_order_relaxed);
    } else {
        rq->system_ns += SCHED_TICK_NS;
        atomic_fetch_add_explicit(&task->system_ticks, 1, memory_order_relaxed);
    }
    if (!task->is_kernel) {
        itimer_tick(task, is_user, SCHED_TICK_NS);
    }
}

void account_add(struct cpu_usage *sum, const struct cpu_usage *usage)
{
    sum->user_ns += usage->user_ns;
    sum->system_ns += usage->system_ns;
    sum->nr_switches += usage->nr_switches;
    sum->nr_preempted += usage->nr_preempted;
    sum->nr_faults += usage->nr_faults;
    sum->nr_major_faults += usage->nr_major_faults;
    sum->max_resident_pages = max_of(sum->max_resident_pages, usage->max_resident_pages);
}

void account_task(struct task *task, struct cpu_usage *usage)
{
    memset(usage, 0, sizeof(*usage));
    sched_cpu_times(task, &usage->user_ns, &usage->system_ns);
    usage->nr_switches = task->nr_switches;
    usage->nr_preempted = task->nr_preempted;
    usage->nr_faults = task->nr_faults;
    usage->nr_major_faults = task->nr_major_faults;
}

/** The most memory ever in use, by way of any of the threads. */
static uint64_t resident_pages(struct task *task)
{
    struct space *space = task_get_space(task);
    uint64_t nr_pages;

    if (space == NULL) {
        return 0;
    }
    nr_pages = space_nr_peak_resident(space);
    space_put(space);
    return nr_pages;
}

void account_process(struct process *process, struct cpu_usage *usage)
{
    struct task *task;
    struct task *some = NULL;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    *usage = process->dead_threads;
    list_for_each (task, &process->threads, thread_node) {
        struct cpu_usage mine;

        account_task(task, &mine);
        account_add(usage, &mine);
        some = task;
    }
    if (some != NULL) {
        task_get(some);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (some != NULL) {
        usage->max_resident_pages = max_of(usage->max_resident_pages, resident_pages(some));
        task_put(some);
    }
}

static struct abi_timeval timeval_of(uint64_t time_ns)
{
    return (struct abi_timeval){
        .sec = (int64_t)(time_ns / 1000000000u),
        .usec = (int64_t)(time_ns % 1000000000u / 1000u),
    };
}

void account_to_rusage(const struct cpu_usage *usage, struct abi_rusage *rusage)
{
    memset(rusage, 0, sizeof(*rusage));
    rusage->utime = timeval_of(usage->user_ns);
    rusage->stime = timeval_of(usage->system_ns);
    rusage->maxrss_kib = (int64_t)(usage->max_resident_pages * (PAGE_SIZE / 1024));
    rusage->minflt = (int64_t)(usage->nr_faults - min_of(usage->nr_major_faults, usage->nr_faults));
    rusage->majflt = (int64_t)usage->nr_major_faults;
    rusage->nvcsw = (int64_t)usage->nr_switches;
    rusage->nivcsw = (int64_t)usage->nr_preempted;
}

void account_note_memory(struct process *process, struct space *space)
{
    uint64_t nr_pages = space_nr_peak_resident(space);
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    process->dead_threads.max_resident_pages = max_of(process->dead_threads.max_resident_pages,
                                                      nr_pages);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
}
