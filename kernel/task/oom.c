// SPDX-License-Identifier: MIT
/* When nothing can be reclaimed, somebody must go: the process with the most resident memory,
 * since that frees the most and is most likely the one that grew too large; among small ones the youngest. Init and the
 * kernel's own threads are spared. The log says who was weighed.
 *
 * A victim's memory comes back when it has ended, which takes a moment: while one is on its way
 * out nobody else is chosen, and the allocation waits and tries again.
 *
 * Locks: task_tree_lock to look at processes; their spaces are only counted, through
 * resource_lock. */
#include "kernel/task/oom.h"
#include "kernel/abi/signal.h"
#include "kernel/base/printk.h"
#include "kernel/sync/mutex.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"
#include "mm/frames.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/vmstat.h"

#define NR_LOGGED      5
#define VICTIM_TIME_NS 2000000000ull /* for a victim to end, before another one is chosen */
#define RETRY_NS       10000000ull
#define COARSE_PAGES   256u /* 1 MiB */

static struct mutex oom_lock = MUTEX_INIT(oom_lock, LOCK_RANK_NONE,
                                          "oom"); /* one choice at a time */
static pid_t victim_id;                           /* [oom_lock] */
static uint64_t victim_time_ns;                   /* [oom_lock] when it was killed */

struct score {
    struct process *process; /* with a reference */
    uint64_t nr_pages;
};

/** Resident pages; 0 for who is spared. Caller: task_tree_lock. */
static uint64_t weigh(struct process *process)
{
    struct task *task = process->leader;
    uint64_t nr_pages = 0;

    if (process->is_init || task == NULL || process->is_exiting) {
        return 0;
    }
    spin_lock(&task->resource_lock);
    if (task->space != NULL) {
        nr_pages = atomic_load_explicit(&task->space->nr_anon_pages, memory_order_relaxed) +
                   atomic_load_explicit(&task->space->nr_object_pages, memory_order_relaxed);
    }
    spin_unlock(&task->resource_lock);
    return nr_pages;
}

/** Whether the process comes before a ranked one. Sizes that differ by less than COARSE_PAGES are alike: then the younger one
 *  goes, so that a flood of small processes ends with the flood and not with the shell that it came from. */
static bool comes_before(const struct process *process, uint64_t nr_pages,
                         const struct score *ranked)
{
    uint64_t coarse = nr_pages / COARSE_PAGES;
    uint64_t coarse_ranked = ranked->nr_pages / COARSE_PAGES;

    if (ranked->process == NULL || coarse != coarse_ranked) {
        return ranked->process == NULL || coarse > coarse_ranked;
    }
    return process->start_ns > ranked->process->start_ns;
}

/** Put a process among the first to go, sorted; the last falls out. */
static void rank(struct score top[NR_LOGGED], struct process *process, uint64_t nr_pages)
{
    unsigned i;

    for (i = NR_LOGGED; i > 0 && comes_before(process, nr_pages, &top[i - 1]); i--) {
        if (i < NR_LOGGED) {
            top[i] = top[i - 1];
        }
        top[i - 1] = (struct score){process, nr_pages};
    }
}

static void weigh_all(struct score top[NR_LOGGED])
{
    struct process *process;
    unsigned i;

    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        uint64_t nr_pages = weigh(process);

        if (nr_pages != 0) {
            rank(top, process, nr_pages);
        }
    }
    for (i = 0; i < NR_LOGGED && top[i].process != NULL; i++) {
        process_get(top[i].process);
    }
    spin_unlock(&task_tree_lock);
}

static void log_scores(const struct score top[NR_LOGGED])
{
    unsigned i;

    pr_warn("oom: memory is exhausted; the first to go, in KiB:");
    for (i = 0; i < NR_LOGGED && top[i].process != NULL; i++) {
        pr_warn("oom: %8llu  pid %d", (unsigned long long)top[i].nr_pages * (PAGE_SIZE / 1024),
                top[i].process->id);
    }
}

static bool is_victim_on_its_way(void)
{
    struct process *victim = victim_id != 0 ? process_find(victim_id) : NULL;
    bool is_alive;

    if (victim == NULL) {
        return false;
    }
    is_alive = !victim->is_zombie && port_clock_ns() - victim_time_ns < VICTIM_TIME_NS;
    process_put(victim);
    return is_alive;
}

static void kill(struct process *process)
{
    struct abi_siginfo info = signal_info_kernel(ABI_SIGKILL);

    vm_count(VM_OOM_KILL);
    pr_err("oom: killing pid %d", process->id);
    victim_id = process->id;
    victim_time_ns = port_clock_ns();
    (void)signal_send_process(process, &info);
}

/** Whether memory has come back since the allocation failed: the last victim's, most likely. */
static bool is_relieved(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    return stats.nr_free > stats.nr_low;
}

/** Give the victim time. */
static void wait_a_moment(void)
{
    port_block_prepare(PORT_BLOCK_KILLABLE);
    (void)!port_block(port_clock_ns() + RETRY_NS);
    port_block_cancel();
}

static bool choose_and_kill(void)
{
    struct score top[NR_LOGGED] = {{NULL, 0}};
    bool is_found;
    unsigned i;

    mutex_lock(&oom_lock);
    is_found = is_victim_on_its_way() || is_relieved();
    if (!is_found) {
        weigh_all(top);
        is_found = top[0].process != NULL;
        if (is_found) {
            log_scores(top);
            kill(top[0].process);
        }
    }
    mutex_unlock(&oom_lock);
    for (i = 0; i < NR_LOGGED && top[i].process != NULL; i++) {
        process_put(top[i].process);
    }
    /* A task that is itself to end must not wait for memory: its allocation fails, and it ends. */
    if (is_found && signal_is_fatal_pending(task_current())) {
        return false;
    }
    if (is_found) {
        wait_a_moment();
    }
    return is_found;
}

void oom_init(void)
{
    reclaim_set_oom_handler(choose_and_kill);
}
