// SPDX-License-Identifier: MIT
/* How threads and processes end.
 *
 * A thread first gives up what can sleep (user memory, files), then leaves its process under the
 * tree's lock. The last one to leave makes the process a zombie: its children go to the nearest
 * subreaper or to init, groups that it held together are told, its parent is told, and it stays
 * in the tree until the parent has waited for it, or not at all if the parent ignores its
 * children. What is left of the thread is then its stack and struct task, freed by the scheduler
 * after the last switch.
 *
 * The first process is special: see init.c.
 *
 * Locks: task_tree_lock, and inside it the signal_lock of one process at a time. */
#include "kernel/task/exit.h"
#include "kernel/abi/wait.h"
#include "kernel/base/string.h"
#include "kernel/task/account.h"
#include "kernel/task/fork.h"
#include "kernel/task/futex.h"
#include "kernel/task/init.h"
#include "kernel/task/itimer.h"
#include "kernel/task/job.h"
#include "kernel/task/notify.h"
#include "kernel/task/pid.h"
#include "kernel/task/posix_timer.h"
#include "kernel/task/resources.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"

static bool is_only_thread(struct task *self, int status)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool is_only = process->nr_threads == 1;

    if (!process->is_exiting && (is_only || self->tid == process->id)) {
        process->exit_status = status;
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return is_only;
}

/** Leave user memory behind: everything that others may be waiting for there. */
static void leave_memory(struct task *self)
{
    futex_exit_task(self);
    vfork_release(self);
}

/** Leave the process. Returns whether this was its last thread. */
static bool leave_process(struct task *self)
{
    struct process *process = self->process;
    struct pid *pid = self->pid;
    struct cpu_usage usage;
    uint64_t irq_state;
    bool is_last;

    account_task(self, &usage);
    spin_lock(&task_tree_lock);
    irq_state = spin_lock_irqsave(&process->signal_lock);
    self->is_exiting = true;
    account_add(&process->dead_threads, &usage);
    process->nr_queued_signals -= signal_queue_flush(&self->pending, ~0ull);
    list_remove(&self->thread_node);
    process->nr_threads--;
    is_last = process->nr_threads == 0;
    if (self->is_stopped) {
        self->is_stopped = false;
        process->nr_stopped--;
    }
    if (process->exec_task != NULL && process->nr_threads == 1) {
        (void)port_wake(process->exec_task);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (!is_last && process->leader == self) {
        process->leader = list_first(&process->threads, struct task, thread_node);
    }
    pid->task = NULL;
    pid_release(pid);
    spin_unlock(&task_tree_lock);
    return is_last;
}

bool group_is_orphaned(const struct pid *group, const struct process *except)
{
    const struct process *member;

    spin_assert_held(&task_tree_lock);
    list_for_each (member, &group->group, group_node) {
        const struct process *parent = member->parent;

        if (member == except || member->is_zombie || parent == NULL || parent->is_init) {
            continue;
        }
        if (parent->group != group && parent->session == member->session) {
            return false;
        }
    }
    return true;
}

static bool has_stopped_member(const struct pid *group)
{
    const struct process *member;

    list_for_each (member, &group->group, group_node) {
        if (member->is_stopped) {
            return true;
        }
    }
    return false;
}

/** The link between `process` and a group member's parent goes: if that orphans the group and
 *  somebody in it is stopped, nobody is left to continue it, so it is hung up. */
static void hang_up_if_orphaned(struct process *process, const struct process *parent,
                                const struct process *except)
{
    struct pid *group = process->group;

    if (parent == NULL || parent->group == group || parent->session != process->session ||
        !group_is_orphaned(group, except) || !has_stopped_member(group)) {
        return;
    }
    (void)signal_send_group_locked(group, ABI_SIGHUP);
    (void)signal_send_group_locked(group, ABI_SIGCONT);
}

static struct process *find_reaper(struct process *process)
{
    struct process *ancestor;

    for (ancestor = process->parent; ancestor != NULL; ancestor = ancestor->parent) {
        if (ancestor->is_subreaper && !ancestor->is_zombie) {
            return ancestor;
        }
    }
    return init_process;
}

static void send_death_signal(struct process *child)
{
    struct abi_siginfo info = signal_info_user(child->parent_death_signal, ABI_SI_USER);

    if (child->parent_death_signal != 0) {
        (void)signal_send_process(child, &info);
    }
}

/** Give the children to somebody else. */
static void give_away_children(struct process *process)
{
    struct process *reaper = find_reaper(process);

    while (!list_is_empty(&process->children)) {
        struct process *child = list_first(&process->children, struct process, sibling_node);

        list_remove(&child->sibling_node);
        child->parent = reaper;
        list_push_back(&reaper->children, &child->sibling_node);
        if (child->is_zombie) {
            child->exit_signal = ABI_SIGCHLD;
            if (notify_parent_exited(child)) {
                process_reap(child);
            }
            continue;
        }
        child->exit_signal = ABI_SIGCHLD;
        send_death_signal(child);
        hang_up_if_orphaned(child, process, NULL);
    }
}

void process_reap(struct process *process)
{
    struct process *parent = process->parent;
    struct pid *pid = process->pid;
    struct pid *group = process->group;
    struct pid *session = process->session;

    spin_assert_held(&task_tree_lock);
    account_add(&parent->dead_children, &process->dead_threads);
    account_add(&parent->dead_children, &process->dead_children);
    list_remove(&process->sibling_node);
    list_remove(&process->all_node);
    list_remove(&process->group_node);
    list_remove(&process->session_node);
    pid->process = NULL;
    pid_release(pid);
    if (group != pid) {
        pid_release(group);
    }
    if (session != pid && session != group) {
        pid_release(session);
    }
    process_put(process);
}

/** The last thread has left. */
static void become_zombie(struct process *process, struct task *last)
{
    bool is_declined;

    itimer_destroy(process);
    posix_timers_destroy(process);
    resources_set_executable(process, NULL);
    job_leave_session(process);
    spin_lock(&task_tree_lock);
    strlcpy(process->name, last->name, sizeof(process->name));
    process->leader = NULL;
    process->is_zombie = true;
    give_away_children(process);
    hang_up_if_orphaned(process, process->parent, process);
    is_declined = notify_parent_exited(process);
    if (is_declined) {
        process_reap(process);
    }
    spin_unlock(&task_tree_lock);
}

void task_exit(int status)
{
    struct task *self = task_current();
    struct process *process = self->process;

    if (is_only_thread(self, status) && process->is_init) {
        init_ends(process->exit_status);
    }
    leave_memory(self);
    if (self->space != NULL) {
        account_note_memory(process, self->space);
    }
    resources_release(self);
    if (leave_process(self)) {
        become_zombie(process, self);
    }
    sched_exit();
}

void process_exit(int status)
{
    struct process *process = task_current()->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);

    signal_begin_exit(process, status);
    status = process->exit_status;
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    task_exit(status);
}
