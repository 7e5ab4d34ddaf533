// SPDX-License-Identifier: MIT
/* Kernel threads: tasks that never see user mode.
 *
 * They all belong to one process that is in no list and has no number; so /proc does not show
 * them, no signal reaches them, and nobody waits for them. The scheduler treats them as any
 * task. */
#include "kernel/task/kthread.h"
#include "kernel/base/port.h"
#include "kernel/base/string.h"
#include "kernel/task/process.h"
#include "kernel/task/sched.h"
#include "kernel/task/switch.h"
#include "mm/kmalloc.h"

struct process kernel_process = {
    .refs = REFCOUNT_INIT(1),
    .threads = LIST_INIT(kernel_process.threads),
    .children = LIST_INIT(kernel_process.children),
    .signal_lock = SPINLOCK_INIT(LOCK_RANK_SIGNAL, "kernel signals"),
    .pending = {.infos = LIST_INIT(kernel_process.pending.infos)},
};

struct kthread_start {
    void (*entry)(void *arg);
    void *arg;
};

static void run(void *arg)
{
    struct kthread_start start = *(struct kthread_start *)arg;

    task_begin_kernel();
    kfree(arg);
    start.entry(start.arg);
    sched_exit();
}

struct task *kthread_create(const char *name, void (*entry)(void *arg), void *arg)
{
    struct kthread_start *start = kmalloc(sizeof(*start), ALLOC_KERNEL);
    struct task *task;

    if (start == NULL) {
        return NULL;
    }
    sched_free_dead();
    task = task_create(name);
    if (task == NULL) {
        kfree(start);
        return NULL;
    }
    start->entry = entry;
    start->arg = arg;
    task->is_kernel = true;
    task->process = &kernel_process;
    process_get(&kernel_process);
    sched_init_task(task, NULL);
    thread_init_kernel(&task->thread, run, start);
    return task;
}

struct task *port_spawn(const char *name, void (*entry)(void *arg), void *arg)
{
    struct task *task = kthread_create(name, entry, arg);

    if (task != NULL) {
        sched_start_task(task);
    }
    return task;
}
