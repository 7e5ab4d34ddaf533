// SPDX-License-Identifier: MIT
/* The files of /proc/PID, and how they find their task. */
#ifndef CAIRN_TASK_PROC_INTERNAL_H
#define CAIRN_TASK_PROC_INTERNAL_H

#include "fs/procfs/procfs.h"
#include "kernel/task/process.h"
#include "kernel/task/task.h"

/* What an id in /proc names: a thread, or a process whose threads have all ended. */
struct proc_target {
    struct process *process; /* with a reference */
    struct task *task;       /* with a reference; NULL: a zombie */
};

/** Find it. Returns 0 or -ESRCH. */
int must_check proc_find(pid_t id, struct proc_target *target);
void proc_put(struct proc_target *target);

/** The name of the program, also of a zombie, into a buffer of TASK_NAME_SIZE. */
void proc_name(const struct proc_target *target, char name[TASK_NAME_SIZE]);

/** 'R', 'S', 'D', 'T' or 'Z', as ps shows it. */
char proc_state(const struct proc_target *target);

/* proc_stat.c */
int proc_show_stat(struct seq *seq, pid_t id, bool is_group);
int proc_show_statm(struct seq *seq, pid_t id, bool is_group);
int proc_show_status(struct seq *seq, pid_t id, bool is_group);

/* proc_memory.c */
int proc_show_maps(struct seq *seq, pid_t id, bool is_group);
int proc_show_smaps(struct seq *seq, pid_t id, bool is_group);
int proc_show_cmdline(struct seq *seq, pid_t id, bool is_group);
int proc_show_environ(struct seq *seq, pid_t id, bool is_group);

/* proc_oom.c */
int proc_show_oom_score(struct seq *seq, pid_t id, bool is_group);
int proc_show_oom_score_adj(struct seq *seq, pid_t id, bool is_group);
int proc_show_oom_adj(struct seq *seq, pid_t id, bool is_group);
int proc_write_oom_score_adj(pid_t id, char *text, size_t len_bytes);
int proc_write_oom_adj(pid_t id, char *text, size_t len_bytes);
/* proc_fail.c, for kernels in which allocations can be made to fail */
int proc_show_fail_nth(struct seq *seq, pid_t id, bool is_group);
int proc_write_fail_nth(pid_t id, char *text, size_t len_bytes);

/** The memory of a task, with a reference; NULL: it has none. Returns 0 or -ESRCH. */
int must_check proc_get_space(pid_t id, struct space **space);

/** Blanks up to the column of the name in a line of maps that began at line_start. */
void proc_pad_to_name(struct seq *seq, size_t line_start);

/* proc_smaps.c */
int proc_show_smaps_rollup(struct seq *seq, pid_t id, bool is_group);
ssize_t proc_read_pagemap(struct file *file, pid_t id, struct iter *iter, uint64_t position);

/** The figures of one area, as they stand in smaps below its line. */
void proc_show_area_usage(struct seq *seq, struct space *space, uint64_t start, uint64_t end,
                          uint32_t flags);

/* proc_global.c */
void proc_register_global(void);

/** Whether the running task may see what is private to another: 0, -EACCES, -ESRCH. */
int must_check proc_may_look(pid_t id);

#endif
