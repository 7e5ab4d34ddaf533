// SPDX-License-Identifier: MIT
/* Becoming the new program.
 *
 * First what may fail: private copies of what clone() may have shared (descriptors, signal
 * actions). Then the other threads are killed; the last of them to leave wakes us. A thread that
 * is not the first takes over the first one's number, so that the process keeps its id. Then the
 * space is switched, and nothing of the old program is left but what POSIX says survives.
 *
 * Locks: signal_lock for the threads; task_tree_lock for numbers; none while waiting. */
#include "kernel/task/exec_commit.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/task/account.h"
#include "kernel/task/actions.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fork.h"
#include "kernel/task/futex.h"
#include "kernel/task/pid.h"
#include "kernel/task/posix_timer.h"
#include "kernel/task/resources.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"
#include "mm/space.h"

static bool is_alone(struct process *process)
{
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool is_only = process->nr_threads == 1;

    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return is_only;
}

/** Ask every other thread to end. Returns false when another one is doing the same, or the
 *  process is ending. */
static bool kill_others(struct task *self)
{
    struct process *process = self->process;
    struct task *task;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool may = !process->is_exiting && process->exec_task == NULL;

    if (may) {
        process->exec_task = self;
        list_for_each (task, &process->threads, thread_node) {
            if (task != self) {
                signal_queue_add(&task->pending, ABI_SIGKILL, NULL);
                signal_recompute(task);
                sched_notify(task);
                (void)sched_wake(task, TASK_STOPPED | TASK_INTERRUPTIBLE | TASK_KILLABLE);
            }
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return may;
}

static int become_alone(struct task *self)
{
    struct process *process = self->process;
    int error = 0;
    uint64_t irq_state;

    if (is_alone(process)) {
        return 0;
    }
    if (!kill_others(self)) {
        return -EAGAIN;
    }
    while (error == 0) {
        port_block_prepare(PORT_BLOCK_KILLABLE);
        if (is_alone(process)) {
            break;
        }
        error = port_block(PORT_NO_DEADLINE);
    }
    port_block_cancel();
    irq_state = spin_lock_irqsave(&process->signal_lock);
    process->exec_task = NULL;
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return error != 0 ? -EINTR : 0;
}

/** The only thread left gets the process's own number. */
static void become_leader(struct task *self)
{
    struct process *process = self->process;
    struct pid *old = self->pid;

    __atomic_store_n(&process->has_execed, true, __ATOMIC_RELAXED);
    if (old == process->pid && process->leader == self) {
        return; /* as nearly always; alone, so nobody else could change it */
    }
    spin_lock(&task_tree_lock);
    process->leader = self;
    if (old != process->pid) {
        old->task = NULL;
        self->pid = process->pid;
        self->tid = process->id;
        process->pid->task = self;
        pid_release(old);
    }
    spin_unlock(&task_tree_lock);
}

struct private_copies {
    struct fd_table *files;
    struct signal_actions *actions;
};

static int make_private_copies(struct task *self, struct private_copies *copies)
{
    *copies = (struct private_copies){NULL, NULL};
    if (refcount_read(&self->files->refs) > 1 && fd_table_copy(self->files, &copies->files) != 0) {
        return -ENOMEM;
    }
    if (refcount_read(&self->process->actions->refs) > 1) {
        copies->actions = signal_actions_copy(self->process->actions);
        if (copies->actions == NULL) {
            if (copies->files != NULL) {
                fd_table_put(copies->files);
            }
            return -ENOMEM;
        }
    }
    return 0;
}

static void drop_private_copies(struct private_copies *copies)
{
    if (copies->files != NULL) {
        fd_table_put(copies->files);
    }
    if (copies->actions != NULL) {
        signal_actions_put(copies->actions);
    }
}

static void install_private_copies(struct task *self, struct private_copies *copies)
{
    struct process *process = self->process;

    if (copies->files != NULL) {
        struct fd_table *old = self->files;

        spin_lock(&self->resource_lock);
        self->files = copies->files;
        spin_unlock(&self->resource_lock);
        fd_table_put(old);
    }
    if (copies->actions != NULL) {
        struct signal_actions *old = process->actions;
        uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

        process->actions = copies->actions;
        spin_unlock_irqrestore(&process->signal_lock, irq_state);
        signal_actions_put(old);
    }
}

static void switch_space(struct task *self, struct space *space)
{
    struct space *old;

    futex_exit_task(self);
    old = sched_set_space(space);
    vfork_release(self);
    if (old != NULL) {
        account_note_memory(self->process, old);
        space_put(old);
    }
}

static void reset_signals(struct task *self)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    signal_actions_reset(process->actions);
    signal_recompute(self);
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    self->alt_stack = 0;
    self->alt_stack_size = 0;
    self->alt_stack_flags = 0;
}

int exec_commit(const struct exec_start *start)
{
    struct task *self = task_current();
    struct process *process = self->process;
    struct private_copies copies;
    struct file *file = start->file;
    int error = make_private_copies(self, &copies);

    if (error == 0) {
        error = resources_deny_writes(file);
        if (error == 0) {
            error = become_alone(self);
            if (error != 0) {
                resources_allow_writes(file);
            }
        }
        if (error != 0) {
            drop_private_copies(&copies);
        }
    }
    if (error != 0) {
        return error;
    }
    become_leader(self);
    switch_space(self, start->space);
    install_private_copies(self, &copies);
    fd_table_close_on_exec(self->files);
    posix_timers_destroy(process);
    reset_signals(self);
    file_get(file);
    resources_set_executable(process, file);
    process->is_dumpable = start->cred.euid == start->cred.uid &&
                           start->cred.egid == start->cred.gid;
    process->keeps_capabilities = false;
    if (!process->is_dumpable) {
        process->parent_death_signal = 0;
    }
    self->cred = start->cred;
    self->is_kernel = false;
    task_set_name(self, start->name);
    thread_reset_fpu(&self->thread);
    thread_start_user(thread_user_frame(&self->thread), start->pc, start->sp);
    return 0;
}
