// SPDX-License-Identifier: MIT
/* /proc: files whose text is made when they are read. Whoever knows something registers a file
 * here; procfs itself knows nothing of tasks or memory. Theory in procfs.c.
 *
 *     static struct procfs_file uptime = {.path = "uptime", .mode = 0444, .show = uptime_show};
 *     procfs_register(&uptime); */
#ifndef CAIRN_FS_PROCFS_PROCFS_H
#define CAIRN_FS_PROCFS_PROCFS_H

#include "fs/vfs/path.h"
#include "kernel/base/list.h"
#include "kernel/base/types.h"

struct file;
struct iter;

/* ---- Text that grows ------------------------------------------------------------------------- */

struct seq {
    char *buffer; /* kmalloc'ed; not terminated */
    size_t len_bytes, capacity_bytes;
    bool failed; /* memory ran out: the reader gets -ENOMEM */
};

void seq_write(struct seq *seq, const void *bytes, size_t len_bytes);
void seq_puts(struct seq *seq, const char *text);
void seq_printf(struct seq *seq, const char *format, ...) printf_like(2, 3);
/** A path's name as in /proc/mounts: space, tab, newline, backslash (and '#') as octal escapes. */
void seq_escape(struct seq *seq, const char *text);
void seq_free(struct seq *seq);

/* ---- Files that are the same for everybody --------------------------------------------------- */

struct procfs_file {
    /* [I] below /proc: "meminfo", "sys/kernel/hostname"; folders are made by themselves */
    const char *path;
    uint32_t mode; /* [I] permission bits; the owner is root */
    /** Write the whole text. Called at each read from position 0. Returns 0 or -errno. NULL: not
     *  readable. May sleep. */
    int (*show)(struct seq *seq, const struct procfs_file *file);
    /** Take what was written: terminated, a newline at the end removed, at most a page. NULL:
     *  not writable. May sleep. */
    int (*write)(const struct procfs_file *file, char *text, size_t len_bytes);
    void *data;       /* [I] the owner's own */
    struct list node; /* [registry] */
};

/** Add a file for ever; `file` is static. Context: may sleep. */
void procfs_register(struct procfs_file *file);

/* For numbers below sys/: the usual pair of show and write; data points to the variable. */
int procfs_show_u32(struct seq *seq, const struct procfs_file *file);
int procfs_write_u32(const struct procfs_file *file, char *text, size_t len_bytes);

/* ---- /proc/PID ------------------------------------------------------------------------------- */

struct procfs_task_file { /* in /proc/PID and /proc/PID/task/TID */
    const char *name;     /* "stat", "status", "cmdline", "maps" */
    uint32_t mode;        /* 0444; 0400 for what only the owner may read */
    /** id: the thread (of /proc/PID: the group's leader). is_group: asked for in /proc/PID, so
     *  sums are of the whole group. Returns 0, or -ESRCH when it has gone. */
    int (*show)(struct seq *seq, pid_t id, bool is_group);
    int (*write)(pid_t id, char *text, size_t len_bytes); /* may be NULL */
    /** Instead of show, for what is not text: copy from byte `position` on. Returns the bytes copied,
     *  0 at the end, or -errno. May sleep. */
    ssize_t (*read)(struct file *file, pid_t id, struct iter *iter, uint64_t position);
    bool is_guarded; /* opening it asks may_look(), beyond the mode */
};

struct procfs_task_link { /* "exe", "cwd", "root" */
    const char *name;
    /** The place itself, with references. Returns 0, -ENOENT when there is none, -ESRCH. */
    int (*follow)(pid_t id, struct path *path);
};

/* Filled in by kernel/task. An id is a thread's number; a group's is its leader's. */
struct procfs_task_ops {
    pid_t (*self_group)(void);  /* of the running task, for /proc/self */
    pid_t (*self_thread)(void); /* for /proc/thread-self */
    /* the smallest group id above `after`; 0: no more */
    pid_t (*next_group)(pid_t after);
    /* the smallest thread id of the group above `after`; 0: no more */
    pid_t (*next_thread)(pid_t group, pid_t after);
    bool (*group_exists)(pid_t group);
    bool (*thread_exists)(pid_t group, pid_t id);
    /* who owns its files in /proc: effective ids. 0 or -ESRCH */
    int (*owner)(pid_t id, uid_t *uid, gid_t *gid);
    /* may the running task see its links and fds? 0, -EACCES, -ESRCH */
    int (*may_look)(pid_t id);
    /* the smallest open descriptor above `after`; -1: no more */
    int (*next_fd)(pid_t id, int after);
    /* with a reference. 0, -ENOENT or -ESRCH */
    int (*get_fd)(pid_t id, int fd, struct file **file);
    const struct procfs_task_file *files;
    unsigned nr_files;
    const struct procfs_task_link *links;
    unsigned nr_links;
};

void procfs_set_task_ops(const struct procfs_task_ops *ops);

/** The file-system type, and the files about mounts and memory: called once at boot by main.c. */
void procfs_init(void);

/** What /proc/cmdline shows: the kernel arguments. The text stays the caller's, for ever. */
void procfs_set_command_line(const char *text);

#endif
