// SPDX-License-Identifier: MIT
/* Giving up what tasks hold. The pointers are cleared under resource_lock, since /proc and the
 * out-of-memory killer look into other tasks; what was behind them is dropped outside, because
 * that may sleep. */
#include "kernel/task/resources.h"
#include "fs/vfs/file.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/pid.h"
#include "kernel/task/sched.h"
#include "mm/space.h"

static struct space *take_space(struct task *task)
{
    struct space *space;

    if (task == task_current()) {
        return task->space != NULL ? sched_set_space(NULL) : NULL;
    }
    space = task->space;
    task->space = NULL;
    return space;
}

void resources_release(struct task *task)
{
    struct space *space = take_space(task);
    struct fd_table *files;
    struct fs_context *fs;

    spin_lock(&task->resource_lock);
    files = task->files;
    fs = task->fs;
    task->files = NULL;
    task->fs = NULL;
    spin_unlock(&task->resource_lock);
    if (space != NULL) {
        space_put(space);
    }
    if (files != NULL) {
        fd_table_put(files);
    }
    if (fs != NULL) {
        fs_context_put(fs);
    }
    if (task->pid != NULL && task->pid->task == NULL && task->pid->process == NULL) {
        spin_lock(&task_tree_lock);
        pid_release(task->pid);
        spin_unlock(&task_tree_lock);
        task->pid = NULL;
    }
}

int resources_deny_writes(struct file *file)
{
    return inode_deny_writes(file->inode);
}

void resources_allow_writes(struct file *file)
{
    inode_allow_writes(file->inode);
}

struct file *resources_get_executable(struct process *process)
{
    struct file *file;

    spin_lock(&process->executable_lock);
    file = process->executable;
    if (file != NULL) {
        file_get(file);
    }
    spin_unlock(&process->executable_lock);
    return file;
}

void resources_set_executable(struct process *process, struct file *file)
{
    struct file *old;

    spin_lock(&process->executable_lock);
    old = process->executable;
    process->executable = file;
    spin_unlock(&process->executable_lock);
    if (old != NULL) {
        resources_allow_writes(old);
        file_put(old);
    }
}

void resources_share_executable(struct process *from, struct process *to)
{
    struct file *file = resources_get_executable(from);

    if (file != NULL && resources_deny_writes(file) != 0) {
        file_put(file); /* cannot be while `from` denies; and then there is nothing to share */
        file = NULL;
    }
    to->executable = file;
}
