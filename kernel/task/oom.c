// SPDX-License-Identifier: MIT
/* When nothing can be reclaimed, somebody must go.
 *
 * Who: the process with the highest score. A score is the memory that its end would give back, in
 * pages: resident, swapped out, and its page tables (most of it, where pages lie far apart); its
 * owner may shift it by oom_score_adj, in thousandths of all memory and swap, and -1000 exempts
 * it. Scores that differ by less than a MiB are alike, and then the younger process goes: a flood of small processes ends with the flood and
 * not with the shell that it came from. Init, the kernel's threads, and whoever shares init's
 * memory are never chosen. Processes that share a space (vfork, CLONE_VM) die together, since
 * otherwise nothing would come back.
 *
 * How: the victim gets SIGKILL, and from then on may take frames below the watermark
 * (RECLAIM_TRY_RESERVE), so that it does not wait for the memory that its own end will bring. That
 * takes a moment: while a victim is on its way out nobody else is chosen, and the allocation waits
 * and tries again. A victim that has not ended after VICTIM_TIME_NS waits for somebody else, and
 * the next one is chosen. So the machine always goes on, and never in silence: the log says who
 * asked for what, what reclaim had to offer, who was weighed, and who went.
 *
 * Locks: oom_lock for one choice at a time; inside it task_tree_lock to look at processes. Their
 * spaces are only counted, through resource_lock. */
#include "kernel/task/oom.h"
#include "kernel/abi/signal.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/sync/mutex.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"
#include "mm/frames.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

#define NR_LOGGED        8
#define VICTIM_TIME_NS   2000000000ull /* for a victim to end, before another one is chosen */
#define NOBODY_PERIOD_NS 1000000000ull /* between two reports that nobody may be killed */
#define COARSE_PAGES     256u          /* 1 MiB */

static struct mutex oom_lock = MUTEX_INIT(oom_lock, LOCK_RANK_NONE,
                                          "oom"); /* one choice at a time */
static pid_t victim_id;                           /* [oom_lock] */
static uint64_t victim_time_ns;                   /* [oom_lock] when it was killed */
static uint64_t next_nobody_ns;                   /* [oom_lock] */

struct score {
    struct process *process; /* with a reference */
    struct space *space;     /* only to compare with */
    struct oom_weight weight;
    char name[TASK_NAME_SIZE];
};

/* ---- Weighing -------------------------------------------------------------------------------- */

static uint64_t load_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* The space of the first thread that has one: the leader may have ended before the others. With
 * its resource_lock held, or NULL. Caller: task_tree_lock. */
static struct task *lock_space_owner(struct process *process)
{
    struct task *task;

    list_for_each (task, &process->threads, thread_node) {
        spin_lock(&task->resource_lock);
        if (task->space != NULL) {
            return task;
        }
        spin_unlock(&task->resource_lock);
    }
    return NULL;
}

static uint64_t nr_pages_in_all(void)
{
    struct frames_stats stats;
    struct swap_stats swap;

    frames_get_stats(&stats);
    swap_get_stats(&swap);
    return stats.nr_total + swap.nr_total;
}

/* What the process's end would give back. Returns its space, or NULL when it has none. Caller:
 * task_tree_lock. */
static struct space *weigh(struct process *process, struct oom_weight *weight,
                           char name[TASK_NAME_SIZE])
{
    struct task *task = lock_space_owner(process);
    struct space *space;

    *weight = (struct oom_weight){.adj = atomic_load(&process->oom_score_adj)};
    if (task == NULL) {
        return NULL;
    }
    space = task->space;
    weight->nr_resident = load_count(&space->nr_anon_pages) + load_count(&space->nr_object_pages);
    weight->nr_swapped = load_count(&space->nr_swap_pages);
    weight->nr_tables = load_count(&space->table.nr_tables);
    strlcpy(name, task->name, TASK_NAME_SIZE);
    spin_unlock(&task->resource_lock);
    weight->points = (int64_t)(weight->nr_resident + weight->nr_swapped + weight->nr_tables) +
                     weight->adj * (int64_t)nr_pages_in_all() / OOM_ADJ_MAX;
    return space;
}

/* Whether the process may be chosen at all. Caller: task_tree_lock. */
static bool may_be_chosen(const struct process *process, const struct space *space)
{
    const struct task *init = init_process != NULL ? init_process->leader : NULL;

    return space != NULL && !process->is_init && !process->is_exiting && !process->is_zombie &&
           (init == NULL || init->space != space) &&
           atomic_load(&process->oom_score_adj) != OOM_ADJ_MIN;
}

unsigned oom_score(struct process *process)
{
    struct oom_weight weight;
    char name[TASK_NAME_SIZE];
    struct space *space;
    int64_t score = 0;

    spin_lock(&task_tree_lock);
    space = weigh(process, &weight, name);
    if (may_be_chosen(process, space)) {
        /* Thousandths of all memory, in a scale where an unshifted process starts at 2/3: what
         * Linux shows. */
        score = (OOM_ADJ_MAX + weight.points * OOM_ADJ_MAX / (int64_t)nr_pages_in_all()) * 2 / 3;
    }
    spin_unlock(&task_tree_lock);
    return score > 0 ? (unsigned)score : 0;
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static bool comes_before(const struct score *score, const struct score *ranked)
{
    int64_t coarse = score->weight.points / (int64_t)COARSE_PAGES;
    int64_t coarse_ranked = ranked->weight.points / (int64_t)COARSE_PAGES;

    if (ranked->process == NULL || coarse != coarse_ranked) {
        return ranked->process == NULL || coarse > coarse_ranked;
    }
    return score->process->start_ns > ranked->process->start_ns;
}

/** Put a process among the first to go, sorted; the last falls out. */
static void rank(struct score top[NR_LOGGED], const struct score *score)
{
    unsigned i;

    for (i = NR_LOGGED; i > 0 && comes_before(score, &top[i - 1]); i--) {
        if (i < NR_LOGGED) {
            top[i] = top[i - 1];
        }
        top[i - 1] = *score;
    }
}

static void weigh_all(struct score top[NR_LOGGED])
{
    struct process *process;
    unsigned i;

    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        struct score score = {.process = process};

        score.space = weigh(process, &score.weight, score.name);
        if (may_be_chosen(process, score.space)) {
            rank(top, &score);
        }
    }
    for (i = 0; i < NR_LOGGED && top[i].process != NULL; i++) {
        process_get(top[i].process);
    }
    spin_unlock(&task_tree_lock);
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

/** Whether memory has come back since the allocation failed: the last victim's, most likely. */
static bool is_relieved(void)
{
    struct frames_stats stats;

    frames_get_stats(&stats);
    return stats.nr_free > stats.nr_low;
}

/* ---- Telling and killing --------------------------------------------------------------------- */

static uint64_t kib(uint64_t nr_pages)
{
    return nr_pages * (PAGE_SIZE / 1024);
}

static void report(const struct shortage *shortage, const struct score top[NR_LOGGED])
{
    const struct task *self = task_current();
    unsigned i;

    pr_warn("oom: memory is exhausted: %s[%d] wants a block of order %u, flags %#x, for %pS",
            self->name, self->tid, shortage->order, (unsigned)shortage->flags, shortage->caller);
    reclaim_log_state();
    if (top[0].process == NULL) {
        pr_err("oom: there is no process that may be killed");
        return;
    }
    pr_warn(
        "oom: the first to go:    score  resident KiB  swapped KiB  tables KiB   adj  pid  name");
    for (i = 0; i < NR_LOGGED && top[i].process != NULL; i++) {
        pr_warn("oom:                  %8lld  %12llu  %11llu  %10llu  %4d  %3d  %s",
                (long long)top[i].weight.points, (unsigned long long)kib(top[i].weight.nr_resident),
                (unsigned long long)kib(top[i].weight.nr_swapped),
                (unsigned long long)kib(top[i].weight.nr_tables), (int)top[i].weight.adj,
                top[i].process->id, top[i].name);
    }
}

/* End the process, and all that share its memory. */
static void kill(const struct score *score)
{
    struct abi_siginfo info = signal_info_kernel(ABI_SIGKILL);
    struct process *process;

    vm_count(VM_OOM_KILL);
    pr_err("oom: killing pid %d (%s): the highest score, %lld", score->process->id, score->name,
           (long long)score->weight.points);
    victim_id = score->process->id;
    victim_time_ns = port_clock_ns();
    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        struct task *owner = lock_space_owner(process);
        bool is_sharer = owner != NULL && owner->space == score->space;

        if (owner != NULL) {
            spin_unlock(&owner->resource_lock);
        }
        if (is_sharer && !process->is_init) {
            (void)signal_send_process(process, &info);
        }
    }
    spin_unlock(&task_tree_lock);
}

static bool choose_and_kill(const struct shortage *shortage)
{
    struct score top[NR_LOGGED] = {0};
    bool is_found;
    unsigned i;

    weigh_all(top);
    is_found = top[0].process != NULL;
    if (is_found || port_clock_ns() >= next_nobody_ns) {
        report(shortage, top);
        next_nobody_ns = port_clock_ns() + NOBODY_PERIOD_NS;
    }
    if (is_found) {
        kill(&top[0]);
    }
    for (i = 0; i < NR_LOGGED && top[i].process != NULL; i++) {
        process_put(top[i].process);
    }
    return is_found;
}

static enum oom_verdict answer(const struct shortage *shortage)
{
    bool will_come_back;

    /* Who is to end must not wait for the memory that his own end will bring. */
    if (signal_is_fatal_pending(task_current())) {
        return OOM_SELF_ENDS;
    }
    mutex_lock(&oom_lock);
    will_come_back = is_victim_on_its_way() || is_relieved() || choose_and_kill(shortage);
    mutex_unlock(&oom_lock);
    if (signal_is_fatal_pending(task_current())) {
        return OOM_SELF_ENDS;
    }
    return will_come_back ? OOM_WAIT : OOM_NOBODY;
}

void oom_init(void)
{
    reclaim_set_oom_handler(answer);
}
