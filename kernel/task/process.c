// SPDX-License-Identifier: MIT
/* Processes: making, finding, and the limits they start with. How they end stands in exit.c. */
#include "kernel/task/process.h"
#include "kernel/base/string.h"
#include "kernel/task/actions.h"
#include "kernel/task/itimer.h"
#include "kernel/task/pid.h"
#include "kernel/task/resources.h"
#include "mm/slab.h"

SLAB_CACHE(process_cache, struct process, NULL);

struct spinlock task_tree_lock = SPINLOCK_INIT(LOCK_RANK_TASK_LIST, "task tree");
struct list process_list = LIST_INIT(process_list);
struct process *init_process;

static const struct abi_rlimit default_limits[ABI_NR_RLIMITS] = {
    [ABI_RLIMIT_CPU] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_FSIZE] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_DATA] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_STACK] = {8ull << 20, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_CORE] = {0, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_RSS] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_NPROC] = {PID_MAX, PID_MAX},
    [ABI_RLIMIT_NOFILE] = {1024, 4096},
    [ABI_RLIMIT_MEMLOCK] = {8ull << 20, 8ull << 20},
    [ABI_RLIMIT_AS] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_LOCKS] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
    [ABI_RLIMIT_SIGPENDING] = {1024, 1024},
    [ABI_RLIMIT_MSGQUEUE] = {819200, 819200},
    [ABI_RLIMIT_NICE] = {0, 0},
    [ABI_RLIMIT_RTPRIO] = {0, 0},
    [ABI_RLIMIT_RTTIME] = {ABI_RLIM_INFINITY, ABI_RLIM_INFINITY},
};

struct process *process_create(void)
{
    struct process *process = slab_alloc(&process_cache, ALLOC_KERNEL | ALLOC_ZERO);

    if (process == NULL) {
        return NULL;
    }
    refcount_init(&process->refs, 1);
    list_init(&process->threads);
    list_init(&process->children);
    list_init(&process->sibling_node);
    list_init(&process->all_node);
    list_init(&process->group_node);
    list_init(&process->session_node);
    list_init(&process->posix_timers);
    waitq_init(&process->wait_children);
    spin_init(&process->signal_lock, LOCK_RANK_SIGNAL, "signals");
    signal_queue_init(&process->pending);
    itimer_init(process);
    spin_init(&process->executable_lock, LOCK_RANK_FS_CONTEXT, "executable");
    mutex_init(&process->exec_lock, LOCK_RANK_EXEC, "exec");
    memcpy(process->limits, default_limits, sizeof(process->limits));
    process->is_dumpable = true;
    process->start_ns = port_clock_ns();
    return process;
}

void process_get(struct process *process)
{
    refcount_get(&process->refs);
}

void process_put(struct process *process)
{
    if (!refcount_put(&process->refs)) {
        return;
    }
    (void)signal_queue_flush(&process->pending, ~0ull);
    if (process->actions != NULL) {
        signal_actions_put(process->actions);
    }
    resources_set_executable(process, NULL);
    slab_free(&process_cache, process);
}

struct process *process_find(pid_t id)
{
    struct pid *pid;
    struct process *process = NULL;

    spin_lock(&task_tree_lock);
    pid = pid_lookup(id);
    if (pid != NULL && pid->process != NULL) {
        process = pid->process;
        process_get(process);
    }
    spin_unlock(&task_tree_lock);
    return process;
}
