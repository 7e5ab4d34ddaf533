// SPDX-License-Identifier: MIT
/* Job control.
 *
 * A session is a log-in: its leader may have a controlling terminal, which then belongs to all
 * of it. Of its process groups one is in the foreground: it may read, and gets the signals of
 * the keyboard; the others are stopped when they try to read. The terminal itself
 * (drivers/tty.c) knows only the two numbers; the rules about who may do what are here.
 *
 * Locks: task_tree_lock for groups, sessions and process->tty. Source: POSIX.1-2017, chapter 11. */
#include "kernel/task/job.h"
#include "drivers/tty.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/task/actions.h"
#include "kernel/task/exit.h"
#include "kernel/task/pid.h"
#include "kernel/task/signal.h"
#include "kernel/task/tty_device.h"

/* ---- Groups and sessions --------------------------------------------------------------------- */

/** The process an id names in these calls: 0 is the caller. Caller: task_tree_lock. */
static struct process *find_process(pid_t id)
{
    struct pid *pid;

    if (id == 0) {
        return task_current()->process;
    }
    pid = pid_lookup(id);
    return pid != NULL ? pid->process : NULL;
}

static void move_to_group(struct process *process, struct pid *group)
{
    struct pid *old = process->group;

    list_remove(&process->group_node);
    process->group = group;
    list_push_back(&group->group, &process->group_node);
    pid_release(old);
}

static int64_t set_group_locked(struct process *self, pid_t id, pid_t group)
{
    struct process *process = find_process(id);
    struct pid *target;

    if (group < 0) {
        return -EINVAL;
    }
    if (process == NULL || (process != self && process->parent != self)) {
        return -ESRCH;
    }
    if (process != self && process->has_execed) {
        return -EACCES;
    }
    if (process->session != self->session || process->session == process->pid) {
        return -EPERM;
    }
    target = group == 0 || group == process->id ? process->pid : pid_lookup(group);
    if (target == NULL) {
        return -EPERM;
    }
    if (target != process->pid) {
        if (list_is_empty(&target->group) ||
            list_first(&target->group, struct process, group_node)->session != self->session) {
            return -EPERM;
        }
    }
    if (process->group != target) {
        move_to_group(process, target);
    }
    return 0;
}

int64_t job_set_group(pid_t id, pid_t group)
{
    int64_t result;

    spin_lock(&task_tree_lock);
    result = set_group_locked(task_current()->process, id, group);
    spin_unlock(&task_tree_lock);
    return result;
}

int64_t job_start_session(void)
{
    struct process *self = task_current()->process;
    struct pid *old_session;
    int64_t result = -EPERM;

    spin_lock(&task_tree_lock);
    if (list_is_empty(&self->pid->group)) {
        old_session = self->session;
        move_to_group(self, self->pid);
        list_remove(&self->session_node);
        self->session = self->pid;
        list_push_back(&self->pid->session, &self->session_node);
        pid_release(old_session);
        self->tty = NULL;
        result = self->id;
    }
    spin_unlock(&task_tree_lock);
    return result;
}

static int64_t get_number(pid_t id, bool is_session)
{
    struct process *process;
    int64_t result = -ESRCH;

    if (id < 0) {
        return -ESRCH;
    }
    spin_lock(&task_tree_lock);
    process = find_process(id);
    if (process != NULL) {
        result = is_session ? process->session->number : process->group->number;
    }
    spin_unlock(&task_tree_lock);
    return result;
}

int64_t job_get_group(pid_t id)
{
    return get_number(id, false);
}

int64_t job_get_session(pid_t id)
{
    return get_number(id, true);
}

/* ---- The controlling terminal ---------------------------------------------------------------- */

static void forget_terminal(struct pid *session)
{
    struct process *member;

    list_for_each (member, &session->session, session_node) {
        member->tty = NULL;
    }
}

/** Make tty the terminal of the running process's session. Caller: task_tree_lock. */
static int take_terminal(struct process *self, struct tty *tty, bool may_steal)
{
    pid_t owner = tty_get_session(tty);
    struct pid *old;

    if (self->session != self->pid || (self->tty != NULL && self->tty != tty)) {
        return -EPERM;
    }
    if (owner == self->id && self->tty == tty) {
        return 0;
    }
    if (owner != 0 && owner != self->id) {
        old = pid_lookup(owner);
        if (old != NULL && !list_is_empty(&old->session)) {
            if (!may_steal) {
                return -EPERM;
            }
            forget_terminal(old);
        }
    }
    tty_set_session(tty, self->id);
    tty_set_group(tty, self->group->number);
    self->tty = tty;
    return 0;
}

void job_file_opened(struct file *file, uint32_t open_flags)
{
    struct process *self = task_current()->process;
    struct tty *tty;

    if ((open_flags & O_NOCTTY) != 0 || !inode_is(file->inode, S_IFCHR) ||
        self->session != self->pid || self->tty != NULL) {
        return;
    }
    tty = tty_of_file(file);
    if (tty == NULL || !file->can_read) {
        return;
    }
    spin_lock(&task_tree_lock);
    (void)take_terminal(self, tty, false);
    spin_unlock(&task_tree_lock);
}

static int give_up_terminal(struct process *self, struct tty *tty)
{
    if (self->tty != tty) {
        return -ENOTTY;
    }
    if (self->session == self->pid) {
        pid_t group = tty_get_group(tty);
        struct pid *foreground = pid_lookup(group);

        tty_set_session(tty, 0);
        tty_set_group(tty, 0);
        if (foreground != NULL) {
            (void)signal_send_group_locked(foreground, ABI_SIGHUP);
            (void)signal_send_group_locked(foreground, ABI_SIGCONT);
        }
        forget_terminal(self->session);
    }
    self->tty = NULL;
    return 0;
}

void job_leave_session(struct process *process)
{
    /* Only a leader has anything to leave, and nobody but the process itself makes it one. */
    if (process->session != process->pid) {
        return;
    }
    spin_lock(&task_tree_lock);
    if (process->tty != NULL) {
        (void)give_up_terminal(process, process->tty);
    }
    spin_unlock(&task_tree_lock);
}

static int set_foreground(struct process *self, struct tty *tty, pid_t number)
{
    struct pid *group = pid_lookup(number);

    if (self->tty != tty || tty_get_session(tty) != self->session->number) {
        return -ENOTTY;
    }
    if (number < 0) {
        return -EINVAL;
    }
    if (group == NULL || list_is_empty(&group->group)) {
        return -ESRCH;
    }
    if (list_first(&group->group, struct process, group_node)->session != self->session) {
        return -EPERM;
    }
    tty_set_group(tty, number);
    return 0;
}

/* ---- What terminals ask ---------------------------------------------------------------------- */

static bool is_ignored_or_blocked(struct task *self, int signal)
{
    struct process *process = self->process;
    uint64_t irq_state = spin_lock_irqsave(&process->signal_lock);
    bool is_ignored = signal_actions_read(process, signal).handler == ABI_SIG_IGN ||
                      (self->blocked & signal_bit(signal)) != 0;

    spin_unlock_irqrestore(&process->signal_lock, irq_state);
    return is_ignored;
}

static int check_access(struct tty *tty, enum tty_access access)
{
    struct task *self = task_current();
    struct process *process = self->process;
    int signal = access == TTY_READ ? ABI_SIGTTIN : ABI_SIGTTOU;
    int result = 0;

    if (process->tty != tty || tty_get_group(tty) == process->group->number) {
        return 0;
    }
    if (is_ignored_or_blocked(self, signal)) {
        return access == TTY_READ ? -EIO : 0;
    }
    spin_lock(&task_tree_lock);
    if (process->tty != tty || tty_get_group(tty) == process->group->number) {
        result = 0;
    } else if (group_is_orphaned(process->group, NULL)) {
        result = -EIO;
    } else {
        (void)signal_send_group_locked(process->group, signal);
        result = -ERESTARTSYS;
    }
    spin_unlock(&task_tree_lock);
    return result;
}

static void signal_group(pid_t group, int signal)
{
    (void)signal_send_group(group, signal);
}

static const struct tty_job_hooks hooks = {
    .check = check_access,
    .signal_group = signal_group,
};

void job_init(void)
{
    tty_set_job_hooks(&hooks);
    tty_device_register();
}

/* ---- ioctl ----------------------------------------------------------------------------------- */

static int get_pid_from_user(uint64_t address, pid_t *number)
{
    return port_copy_from_user(number, user_ptr(address), sizeof(*number)) == 0 ? 0 : -EFAULT;
}

static int put_pid_to_user(uint64_t address, pid_t number)
{
    return port_copy_to_user(user_ptr(address), &number, sizeof(number)) == 0 ? 0 : -EFAULT;
}

static int handle(struct tty *tty, uint32_t command, uint64_t argument)
{
    struct process *self = task_current()->process;
    pid_t number = 0;
    int error = 0;

    if (command == ABI_TIOCSPGRP) {
        error = check_access(tty, TTY_CHANGE);
        if (error == 0) {
            error = get_pid_from_user(argument, &number);
        }
        if (error != 0) {
            return error;
        }
    }
    spin_lock(&task_tree_lock);
    switch (command) {
    case ABI_TIOCSCTTY:
        error = take_terminal(self, tty, argument == 1 && task_current()->cred.euid == 0);
        break;
    case ABI_TIOCNOTTY: error = give_up_terminal(self, tty); break;
    case ABI_TIOCSPGRP: error = set_foreground(self, tty, number); break;
    case ABI_TIOCGPGRP:
        number = tty_get_group(tty);
        error = self->tty == tty ? 0 : -ENOTTY;
        break;
    case ABI_TIOCGSID:
        number = tty_get_session(tty);
        error = self->tty == tty ? 0 : -ENOTTY;
        break;
    default: break;
    }
    spin_unlock(&task_tree_lock);
    if (error == 0 && (command == ABI_TIOCGPGRP || command == ABI_TIOCGSID)) {
        error = put_pid_to_user(argument, number);
    }
    return error;
}

bool job_ioctl(struct file *file, uint32_t command, uint64_t argument, int *result)
{
    struct tty *tty;

    switch (command) {
    case ABI_TIOCSCTTY:
    case ABI_TIOCNOTTY:
    case ABI_TIOCSPGRP:
    case ABI_TIOCGPGRP:
    case ABI_TIOCGSID: break;
    default: return false;
    }
    tty = tty_of_file(file);
    *result = tty != NULL ? handle(tty, command, argument) : -ENOTTY;
    return true;
}

void job_describe_terminal(struct process *process, uint32_t *dev_number, pid_t *group)
{
    spin_lock(&task_tree_lock);
    *dev_number = process->tty != NULL ? tty_dev_number(process->tty) : 0;
    *group = process->tty != NULL ? tty_get_group(process->tty) : -1;
    spin_unlock(&task_tree_lock);
}
