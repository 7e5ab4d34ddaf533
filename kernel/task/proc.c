// SPDX-License-Identifier: MIT
/* /proc/PID: the table that procfs works from.
 *
 * procfs knows numbers; here they become tasks, each looked up anew and held only for as long as
 * one question takes. A process whose threads have ended but which nobody has waited for still
 * has its directory, with what is left to tell. */
#include "kernel/task/proc.h"
#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/abi/resource.h"
#include "kernel/base/string.h"
#include "kernel/task/fd_table.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/pid.h"
#include "kernel/task/proc_internal.h"
#include "kernel/task/resources.h"
#include "kernel/task/stack_depth.h"

int proc_find(pid_t id, struct proc_target *target)
{
    struct pid *pid;
    int error = -ESRCH;

    *target = (struct proc_target){NULL, NULL};
    spin_lock(&task_tree_lock);
    pid = pid_lookup(id);
    if (pid != NULL && (pid->process != NULL || pid->task != NULL)) {
        target->process = pid->process != NULL ? pid->process : pid->task->process;
        target->task = pid->task != NULL ? pid->task : pid->process->leader;
        process_get(target->process);
        if (target->task != NULL) {
            task_get(target->task);
        }
        error = 0;
    }
    spin_unlock(&task_tree_lock);
    return error;
}

void proc_put(struct proc_target *target)
{
    if (target->task != NULL) {
        task_put(target->task);
    }
    process_put(target->process);
}

void proc_name(const struct proc_target *target, char name[TASK_NAME_SIZE])
{
    if (target->task == NULL) {
        strlcpy(name, target->process->name, TASK_NAME_SIZE);
        return;
    }
    spin_lock(&target->task->resource_lock);
    strlcpy(name, target->task->name, TASK_NAME_SIZE);
    spin_unlock(&target->task->resource_lock);
}

char proc_state(const struct proc_target *target)
{
    if (target->task == NULL || target->process->is_zombie) {
        return 'Z';
    }
    /* A thread counts as stopped, and the parent has perhaps been told, before it has given up
     * its hart. */
    if (__atomic_load_n(&target->task->is_stopped, __ATOMIC_RELAXED)) {
        return 'T';
    }
    switch (atomic_load_explicit(&target->task->state, memory_order_relaxed)) {
    case TASK_RUNNABLE: return 'R';
    case TASK_INTERRUPTIBLE: return 'S';
    case TASK_STOPPED: return 'T';
    case TASK_DEAD: return 'X';
    default: return 'D';
    }
}

/* ---- Who is there ---------------------------------------------------------------------------- */

static pid_t self_group(void)
{
    return task_current()->process->id;
}

static pid_t self_thread(void)
{
    return task_current()->tid;
}

static pid_t next_group(pid_t after)
{
    struct process *process;
    pid_t next = 0;

    spin_lock(&task_tree_lock);
    list_for_each (process, &process_list, all_node) {
        if (process->id > after && (next == 0 || process->id < next)) {
            next = process->id;
        }
    }
    spin_unlock(&task_tree_lock);
    return next;
}

static pid_t next_thread(pid_t group, pid_t after)
{
    struct pid *pid;
    struct task *task;
    pid_t next = 0;

    spin_lock(&task_tree_lock);
    pid = pid_lookup(group);
    if (pid != NULL && pid->process != NULL) {
        list_for_each (task, &pid->process->threads, thread_node) {
            if (task->tid > after && (next == 0 || task->tid < next)) {
                next = task->tid;
            }
        }
    }
    spin_unlock(&task_tree_lock);
    return next;
}

static bool group_exists(pid_t group)
{
    struct process *process = process_find(group);

    if (process == NULL) {
        return false;
    }
    process_put(process);
    return true;
}

static bool thread_exists(pid_t group, pid_t id)
{
    struct task *task = task_find(id);
    bool exists;

    if (task == NULL) {
        return false;
    }
    exists = task->process->id == group;
    task_put(task);
    return exists;
}

static int owner(pid_t id, uid_t *uid, gid_t *gid)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    *uid = target.task != NULL ? target.task->cred.euid : 0;
    *gid = target.task != NULL ? target.task->cred.egid : 0;
    proc_put(&target);
    return 0;
}

int proc_may_look(pid_t id)
{
    const struct cred *mine = &task_current()->cred;
    struct proc_target target;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    if (mine->euid != 0 && target.process != task_current()->process &&
        (target.task == NULL || !target.process->is_dumpable ||
         mine->fsuid != target.task->cred.uid || mine->fsuid != target.task->cred.euid ||
         mine->fsuid != target.task->cred.suid)) {
        error = -EACCES;
    }
    proc_put(&target);
    return error;
}

/* ---- Descriptors and links ------------------------------------------------------------------- */

/** The descriptor table of a task, with a reference, or NULL. */
static struct fd_table *files_of(pid_t id)
{
    struct proc_target target;
    struct fd_table *files;

    if (proc_find(id, &target) != 0) {
        return NULL;
    }
    files = target.task != NULL ? task_get_files(target.task) : NULL;
    proc_put(&target);
    return files;
}

static int next_fd(pid_t id, int after)
{
    struct fd_table *files = files_of(id);
    unsigned fd = (unsigned)(after + 1);
    struct file *file;
    int next = -1;

    if (files == NULL) {
        return -1;
    }
    if (fd_table_next(files, &fd, &file)) {
        file_put(file);
        next = (int)fd;
    }
    fd_table_put(files);
    return next;
}

static int get_fd(pid_t id, int fd, struct file **file)
{
    struct fd_table *files = files_of(id);
    unsigned found = (unsigned)fd;
    struct file *opened;
    int error = -ENOENT;

    if (files == NULL) {
        return -ENOENT;
    }
    if (fd_table_next(files, &found, &opened)) {
        if (found == (unsigned)fd) {
            *file = opened;
            error = 0;
        } else {
            file_put(opened);
        }
    }
    fd_table_put(files);
    return error;
}

static int follow_exe(pid_t id, struct path *path)
{
    struct process *process = process_find(id);
    struct file *file;

    if (process == NULL) {
        return -ESRCH;
    }
    file = resources_get_executable(process);
    process_put(process);
    if (file == NULL) {
        return -ENOENT;
    }
    *path = file->path;
    path_get(path);
    file_put(file);
    return 0;
}

static int follow_place(pid_t id, bool is_root, struct path *path)
{
    struct proc_target target;
    struct fs_context *fs;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    fs = target.task != NULL ? task_get_fs(target.task) : NULL;
    proc_put(&target);
    if (fs == NULL) {
        return -ENOENT;
    }
    spin_lock(&fs->lock);
    *path = is_root ? fs->root : fs->cwd;
    path_get(path);
    spin_unlock(&fs->lock);
    fs_context_put(fs);
    return 0;
}

static int follow_root(pid_t id, struct path *path)
{
    return follow_place(id, true, path);
}

static int follow_cwd(pid_t id, struct path *path)
{
    return follow_place(id, false, path);
}

/* ---- Small files ----------------------------------------------------------------------------- */

static int show_comm(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    char name[TASK_NAME_SIZE];
    int error = proc_find(id, &target);

    (void)is_group;
    if (error != 0) {
        return error;
    }
    proc_name(&target, name);
    seq_printf(seq, "%s\n", name);
    proc_put(&target);
    return 0;
}

static int write_comm(pid_t id, char *text, size_t len_bytes)
{
    struct proc_target target;
    int error = proc_find(id, &target);

    (void)len_bytes;
    if (error != 0) {
        return error;
    }
    if (target.process != task_current()->process) {
        error = -EINVAL;
    } else if (target.task != NULL) {
        task_set_name(target.task, text);
    }
    proc_put(&target);
    return error;
}

static const struct {
    const char *name;
    const char *unit;
} limit_names[ABI_NR_RLIMITS] = {
    [ABI_RLIMIT_CPU] = {"Max cpu time", "seconds"},
    [ABI_RLIMIT_FSIZE] = {"Max file size", "bytes"},
    [ABI_RLIMIT_DATA] = {"Max data size", "bytes"},
    [ABI_RLIMIT_STACK] = {"Max stack size", "bytes"},
    [ABI_RLIMIT_CORE] = {"Max core file size", "bytes"},
    [ABI_RLIMIT_RSS] = {"Max resident set", "bytes"},
    [ABI_RLIMIT_NPROC] = {"Max processes", "processes"},
    [ABI_RLIMIT_NOFILE] = {"Max open files", "files"},
    [ABI_RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
    [ABI_RLIMIT_AS] = {"Max address space", "bytes"},
    [ABI_RLIMIT_LOCKS] = {"Max file locks", "locks"},
    [ABI_RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
    [ABI_RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
    [ABI_RLIMIT_NICE] = {"Max nice priority", ""},
    [ABI_RLIMIT_RTPRIO] = {"Max realtime priority", ""},
    [ABI_RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void show_limit(struct seq *seq, uint64_t limit)
{
    if (limit == ABI_RLIM_INFINITY) {
        seq_printf(seq, "%-20s ", "unlimited");
    } else {
        seq_printf(seq, "%-20llu ", (unsigned long long)limit);
    }
}

static int show_limits(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    int error = proc_find(id, &target);
    unsigned i;

    (void)is_group;
    if (error != 0) {
        return error;
    }
    seq_printf(seq, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (i = 0; i < ABI_NR_RLIMITS; i++) {
        seq_printf(seq, "%-25s ", limit_names[i].name);
        show_limit(seq, target.process->limits[i].soft);
        show_limit(seq, target.process->limits[i].hard);
        seq_printf(seq, "%-10s\n", limit_names[i].unit);
    }
    proc_put(&target);
    return 0;
}

static const struct procfs_task_file files[] = {
    {.name = "stat", .mode = 0444, .show = proc_show_stat},
    {.name = "statm", .mode = 0444, .show = proc_show_statm},
    {.name = "status", .mode = 0444, .show = proc_show_status},
    {.name = "cmdline", .mode = 0444, .show = proc_show_cmdline},
    {.name = "environ", .mode = 0400, .show = proc_show_environ, .is_guarded = true},
    {.name = "comm", .mode = 0644, .show = show_comm, .write = write_comm},
    {.name = "maps", .mode = 0444, .show = proc_show_maps, .is_guarded = true},
    {.name = "smaps", .mode = 0444, .show = proc_show_smaps, .is_guarded = true},
    {.name = "smaps_rollup", .mode = 0444, .show = proc_show_smaps_rollup, .is_guarded = true},
    {.name = "pagemap", .mode = 0400, .read = proc_read_pagemap, .is_guarded = true},
    {.name = "limits", .mode = 0444, .show = show_limits},
    {.name = "stack_depth", .mode = 0400, .show = stack_show_depth, .is_guarded = true},
    {.name = "oom_score", .mode = 0444, .show = proc_show_oom_score},
    {.name = "oom_score_adj",
     .mode = 0644,
     .show = proc_show_oom_score_adj,
     .write = proc_write_oom_score_adj},
    {.name = "oom_adj", .mode = 0644, .show = proc_show_oom_adj, .write = proc_write_oom_adj},
#ifdef CAIRN_FAULT_INJECT
    {.name = "fail-nth", .mode = 0644, .show = proc_show_fail_nth, .write = proc_write_fail_nth},
#endif
};

static const struct procfs_task_link links[] = {
    {.name = "exe", .follow = follow_exe},
    {.name = "cwd", .follow = follow_cwd},
    {.name = "root", .follow = follow_root},
};

static const struct procfs_task_ops ops = {
    .self_group = self_group,
    .self_thread = self_thread,
    .next_group = next_group,
    .next_thread = next_thread,
    .group_exists = group_exists,
    .thread_exists = thread_exists,
    .owner = owner,
    .may_look = proc_may_look,
    .next_fd = next_fd,
    .get_fd = get_fd,
    .files = files,
    .nr_files = array_size(files),
    .links = links,
    .nr_links = array_size(links),
};

void proc_init(void)
{
    procfs_set_task_ops(&ops);
    proc_register_global();
}
