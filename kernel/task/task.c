// SPDX-License-Identifier: MIT
/* Making and finding tasks.
 *
 * A task has a reference from being runnable (dropped by sched_free_dead, once it has ended and
 * its stack is not in use any more), and one for each party that has looked it up. What belongs
 * to the program, not to the thread, is in its process. */
#include "kernel/task/task.h"
#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/printk.h"
#include "kernel/base/string.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/pid.h"
#include "kernel/task/process.h"
#include "kernel/task/sched.h"
#include "kernel/task/stack.h"
#include "mm/fault_inject.h"
#include "mm/slab.h"
#include "mm/slab_inspect.h"
#include "mm/space.h"

SLAB_CACHE(task_cache, struct task, NULL);

struct task *task_create(const char *name)
{
    struct task *task = slab_alloc(&task_cache, ALLOC_KERNEL | ALLOC_ZERO);

    if (task == NULL) {
        return NULL;
    }
    task->thread.stack = (uint64_t)stack_alloc();
    if (task->thread.stack == 0) {
        slab_free(&task_cache, task);
        return NULL;
    }
    task->thread.preempt_count = 1; /* the run queue's lock, which the first switch holds */
    refcount_init(&task->refs, 1);
    list_init(&task->thread_node);
    list_init(&task->dead_node);
    spin_init(&task->resource_lock, LOCK_RANK_FS_CONTEXT, "task resources");
    signal_queue_init(&task->pending);
    strlcpy(task->name, name, sizeof(task->name));
    task->start_ns = port_clock_ns();
    return task;
}

static bool visit_live(struct slab_cache *cache, void *object, bool is_free, void *arg)
{
    void (*visit)(const struct task *task) = (void (*)(const struct task *))arg;

    (void)cache;
    if (!is_free) {
        visit(object);
    }
    return true;
}

void task_visit_all(void (*visit)(const struct task *task))
{
    if (load_acquire(&task_cache.once.state) == ONCE_DONE) {
        slab_pages_visit(&task_cache, NULL, visit_live, (void *)visit);
    }
}

void task_get(struct task *task)
{
    refcount_get(&task->refs);
}

void task_put(struct task *task)
{
    if (!refcount_put(&task->refs)) {
        return;
    }
    if (task->thread.stack != 0) {
        stack_free((void *)task->thread.stack);
    }
    if (task->process != NULL) {
        process_put(task->process);
    }
    (void)!fault_inject_arm_task(task, 0);
    slab_free(&task_cache, task);
}

struct task *task_find(pid_t tid)
{
    struct pid *pid;
    struct task *task = NULL;

    spin_lock(&task_tree_lock);
    pid = pid_lookup(tid);
    if (pid != NULL && pid->task != NULL) {
        task = pid->task;
        task_get(task);
    }
    spin_unlock(&task_tree_lock);
    return task;
}

struct space *task_get_space(struct task *task)
{
    struct space *space;

    spin_lock(&task->resource_lock);
    space = task->space;
    if (space != NULL) {
        space_get(space);
    }
    spin_unlock(&task->resource_lock);
    return space;
}

struct fd_table *task_get_files(struct task *task)
{
    struct fd_table *files;

    spin_lock(&task->resource_lock);
    files = task->files;
    if (files != NULL) {
        fd_table_get(files);
    }
    spin_unlock(&task->resource_lock);
    return files;
}

struct fs_context *task_get_fs(struct task *task)
{
    struct fs_context *fs;

    spin_lock(&task->resource_lock);
    fs = task->fs;
    if (fs != NULL) {
        fs_context_get(fs);
    }
    spin_unlock(&task->resource_lock);
    return fs;
}

uint64_t task_rlimit(unsigned index)
{
    return __atomic_load_n(&task_current()->process->limits[index].soft, __ATOMIC_RELAXED);
}

void task_set_name(struct task *task, const char *name)
{
    spin_lock(&task->resource_lock);
    strlcpy(task->name, name, sizeof(task->name));
    spin_unlock(&task->resource_lock);
}

void trap_upcall_describe_task(const struct thread *thread, char *buffer, size_t size_bytes)
{
    const struct task *task = (const struct task *)thread;

    ksnprintf(buffer, size_bytes, "%d %.15s", task->tid, task->name);
}
