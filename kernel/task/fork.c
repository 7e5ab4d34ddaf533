// SPDX-License-Identifier: MIT
/* clone: a new task, sharing what the flags say and copying the rest.
 *
 * The child is built in private, from the outside in: memory that can fail first, then what it
 * shares or copies, then its number. Only then is it linked into the tree, in one section under
 * the tree's lock that cannot fail; and last it is made runnable. A failure on the way drops
 * what there is, as the child's end would.
 *
 * Locks: task_tree_lock and signal_lock for the linking. */
#include "kernel/task/fork.h"
#include "kernel/abi/clone.h"
#include "kernel/abi/errno.h"
#include "kernel/base/string.h"
#include "kernel/task/actions.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/pid.h"
#include "kernel/task/resources.h"
#include "kernel/task/sched.h"
#include "kernel/task/signal.h"
#include "kernel/task/switch.h"
#include "mm/space.h"

enum { REG_SP = 2, REG_TP = 4, REG_A0 = 10 };

#define NEW_NAMESPACES                                                             \
    (ABI_CLONE_NEWNS | ABI_CLONE_NEWCGROUP | ABI_CLONE_NEWUTS | ABI_CLONE_NEWIPC | \
     ABI_CLONE_NEWUSER | ABI_CLONE_NEWPID | ABI_CLONE_NEWNET)

static int check_flags(uint64_t flags)
{
    if ((flags & (NEW_NAMESPACES | ABI_CLONE_PIDFD)) != 0) {
        return -EINVAL;
    }
    if ((flags & ABI_CLONE_THREAD) != 0 && (flags & ABI_CLONE_SIGHAND) == 0) {
        return -EINVAL;
    }
    if ((flags & ABI_CLONE_SIGHAND) != 0 && (flags & ABI_CLONE_VM) == 0) {
        return -EINVAL;
    }
    if ((flags & ABI_CLONE_SIGHAND) != 0 && (flags & ABI_CLONE_CLEAR_SIGHAND) != 0) {
        return -EINVAL;
    }
    return 0;
}

/** RLIMIT_NPROC, which root may exceed. */
static bool has_too_many(const struct task *self)
{
    uint64_t limit = task_rlimit(ABI_RLIMIT_NPROC);
    struct process *process;
    uint64_t nr = 0;

    if (self->cred.uid == 0 || limit == ABI_RLIM_INFINITY) {
        return false;
    }
    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        if (process->leader != NULL && process->leader->cred.uid == self->cred.uid) {
            nr += process->nr_threads;
        }
    }
    spin_unlock(&task_tree_lock);
    return nr >= limit;
}

static int make_actions(struct process *process, const struct task *self, uint64_t flags)
{
    if ((flags & ABI_CLONE_SIGHAND) != 0) {
        process->actions = self->process->actions;
        signal_actions_get(process->actions);
        return 0;
    }
    process->actions = signal_actions_copy(self->process->actions);
    if (process->actions == NULL) {
        return -ENOMEM;
    }
    if ((flags & ABI_CLONE_CLEAR_SIGHAND) != 0) {
        signal_actions_reset(process->actions);
    }
    return 0;
}

static int make_process(struct task *task, const struct task *self,
                        const struct clone_request *request)
{
    struct process *from = self->process;
    struct process *process;

    if ((request->flags & ABI_CLONE_THREAD) != 0) {
        process_get(from);
        task->process = from;
        return 0;
    }
    process = process_create();
    if (process == NULL) {
        return -ENOMEM;
    }
    task->process = process;
    memcpy(process->limits, from->limits, sizeof(process->limits));
    process->exit_signal = request->exit_signal;
    process->is_dumpable = from->is_dumpable;
    process->has_no_new_privileges = from->has_no_new_privileges;
    process->keeps_capabilities = from->keeps_capabilities;
    atomic_init(&process->oom_score_adj, atomic_load(&from->oom_score_adj));
    atomic_init(&process->oom_score_adj_min, atomic_load(&from->oom_score_adj_min));
    resources_share_executable(from, process);
    return make_actions(process, self, request->flags);
}

static int make_space(struct task *task, const struct task *self, uint64_t flags)
{
    if ((flags & ABI_CLONE_VM) != 0) {
        space_get(self->space);
        task->space = self->space;
        return 0;
    }
    return space_fork(self->space, &task->space);
}

static int make_files(struct task *task, const struct task *self, uint64_t flags)
{
    if ((flags & ABI_CLONE_FILES) != 0) {
        fd_table_get(self->files);
        task->files = self->files;
    } else if (fd_table_copy(self->files, &task->files) != 0) {
        return -ENOMEM;
    }
    if ((flags & ABI_CLONE_FS) != 0) {
        fs_context_get(self->fs);
        task->fs = self->fs;
        return 0;
    }
    task->fs = fs_context_copy(self->fs);
    return task->fs != NULL ? 0 : -ENOMEM;
}

static void copy_simple_state(struct task *task, const struct task *self, uint64_t flags)
{
    task->cred = self->cred;
    task->blocked = self->blocked;
    if ((flags & (ABI_CLONE_VM | ABI_CLONE_VFORK)) != ABI_CLONE_VM) {
        task->alt_stack = self->alt_stack;
        task->alt_stack_size = self->alt_stack_size;
        task->alt_stack_flags = self->alt_stack_flags;
    }
    sched_init_task(task, self);
}

/** Drop what an unfinished child has. */
static void discard(struct task *task)
{
    resources_release(task);
    task_put(task);
}

/** The child's ids at the places in user memory that were named. */
static int store_ids(struct task *task, const struct clone_request *request)
{
    pid_t tid = task->pid->number;

    if ((request->flags & ABI_CLONE_PARENT_SETTID) != 0 &&
        port_copy_to_user(user_ptr(request->parent_tid), &tid, sizeof(tid)) != 0) {
        return -EFAULT;
    }
    if ((request->flags & ABI_CLONE_CHILD_SETTID) != 0) {
        if ((request->flags & ABI_CLONE_VM) != 0) {
            (void)!port_copy_to_user(user_ptr(request->child_tid), &tid, sizeof(tid));
        } else {
            (void)!space_write(task->space, request->child_tid, &tid, sizeof(tid));
        }
    }
    if ((request->flags & ABI_CLONE_CHILD_CLEARTID) != 0) {
        task->clear_child_tid = request->child_tid;
    }
    return 0;
}

static void prepare_frame(struct task *task, struct task *self, const struct clone_request *request,
                          const struct trap_frame *frame)
{
    struct trap_frame *child = thread_init_user(&task->thread, frame, task_begin_user);

    child->regs[REG_A0] = 0;
    child->syscall = UINT64_MAX;
    if (request->stack != 0) {
        child->regs[REG_SP] = request->stack;
    }
    if ((request->flags & ABI_CLONE_SETTLS) != 0) {
        child->regs[REG_TP] = request->tls;
    }
    thread_save_fpu(&self->thread, &task->thread.fpu);
}

static int build(struct task *task, struct task *self, const struct clone_request *request,
                 const struct trap_frame *frame)
{
    int error = make_process(task, self, request);

    if (error == 0) {
        error = make_space(task, self, request->flags);
    }
    if (error == 0) {
        error = make_files(task, self, request->flags);
    }
    if (error == 0) {
        error = pid_alloc(&task->pid);
    }
    if (error == 0) {
        task->tid = task->pid->number;
        error = store_ids(task, request);
    }
    if (error == 0) {
        prepare_frame(task, self, request, frame);
    }
    return error;
}

static void link_thread(struct task *task)
{
    struct process *process = task->process;

    task->pid->task = task;
    list_push_back(&process->threads, &task->thread_node);
    process->nr_threads++;
}

void process_link(struct task *task, struct task *parent_task)
{
    struct process *process = task->process;
    struct process *parent = parent_task != NULL ? parent_task->process : NULL;

    process->id = task->tid;
    process->pid = task->pid;
    process->leader = task;
    task->pid->process = process;
    link_thread(task);
    list_push_back(&process_list, &process->all_node);
    process_get(process); /* the tree's */
    process->parent = parent;
    if (parent == NULL) {
        process->group = task->pid;
        process->session = task->pid;
    } else {
        process->group = parent->group;
        process->session = parent->session;
        process->tty = parent->tty;
        list_push_back(&parent->children, &process->sibling_node);
    }
    list_push_back(&process->group->group, &process->group_node);
    list_push_back(&process->session->session, &process->session_node);
}

/** Put the child into the tree, unless the parent must first see to a signal: one sent to the
 *  whole group then meets both or only the parent. */
static int link(struct task *task, struct task *self, const struct clone_request *request)
{
    struct process *process = self->process;
    uint64_t irq_state;
    int error = 0;

    spin_lock(&task_tree_lock);
    irq_state = spin_lock_irqsave(&process->signal_lock);
    signal_recompute(self);
    if (signal_is_pending(self) || process->exec_task != NULL) {
        error = -ERESTARTNOINTR;
    } else if ((request->flags & ABI_CLONE_THREAD) != 0) {
        link_thread(task);
    }
    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    if (error == 0 && (request->flags & ABI_CLONE_THREAD) == 0) {
        process_link(task, self);
        if ((request->flags & ABI_CLONE_PARENT) != 0 && process->parent != NULL) {
            list_remove(&task->process->sibling_node);
            task->process->parent = process->parent;
            list_push_back(&process->parent->children, &task->process->sibling_node);
            task->process->exit_signal = process->exit_signal;
        }
    }
    spin_unlock(&task_tree_lock);
    return error;
}

/* ---- vfork ----------------------------------------------------------------------------------- */

struct
    vfork_wait { /* on the parent's kernel stack; child->resource_lock guards the pointer to it */
    struct task *parent;
    bool is_done;
};

void vfork_release(struct task *task)
{
    struct vfork_wait *wait;

    if (task->vfork == NULL) {
        return;
    }
    spin_lock(&task->resource_lock);
    wait = task->vfork;
    task->vfork = NULL;
    if (wait != NULL) {
        __atomic_store_n(&wait->is_done, true, __ATOMIC_RELEASE);
        (void)port_wake(wait->parent);
    }
    spin_unlock(&task->resource_lock);
}

/** Wait until the child has let go, or this task is killed. */
static void vfork_wait(struct task *child, struct vfork_wait *wait)
{
    for (;;) {
        port_block_prepare(PORT_BLOCK_KILLABLE);
        if (__atomic_load_n(&wait->is_done, __ATOMIC_ACQUIRE) ||
            port_block(PORT_NO_DEADLINE) != 0) {
            break;
        }
    }
    port_block_cancel();
    /* The child may still be at its wake-up, with our stack in its hands. */
    spin_lock(&child->resource_lock);
    child->vfork = NULL;
    spin_unlock(&child->resource_lock);
}

int64_t task_clone(const struct clone_request *request, const struct trap_frame *frame)
{
    struct task *self = task_current();
    struct vfork_wait wait = {.parent = self};
    struct task *task;
    pid_t tid;
    int error = check_flags(request->flags);

    if (error != 0) {
        return error;
    }
    if (has_too_many(self)) {
        return -EAGAIN;
    }
    sched_free_dead();
    task = task_create(self->name);
    if (task == NULL) {
        return -ENOMEM;
    }
    copy_simple_state(task, self, request->flags);
    error = build(task, self, request, frame);
    if (error == 0) {
        error = link(task, self, request);
    }
    if (error != 0) {
        discard(task);
        return error;
    }
    tid = task->tid;
    if ((request->flags & ABI_CLONE_VFORK) == 0) {
        sched_start_task(task);
        return tid;
    }
    task_get(task);
    task->vfork = &wait;
    sched_start_task(task);
    vfork_wait(task, &wait);
    task_put(task);
    return tid;
}
