// SPDX-License-Identifier: MIT
/* What the files of fs/procfs share. */
#ifndef CAIRN_FS_PROCFS_PROCFS_INTERNAL_H
#define CAIRN_FS_PROCFS_PROCFS_INTERNAL_H

#include "fs/procfs/procfs.h"
#include "fs/vfs/file.h"

struct proc_inode {
    struct inode inode;
    const struct procfs_file *file; /* [I] of a registered file */
    char *prefix;    /* [I] of a directory of registered files: "sys/kernel/"; "" for the root */
    pid_t group, id; /* [I] below /proc/PID: the thread group, and the thread that it is about */
    bool is_group;   /* [I] the directory is /proc/PID, not …/task/TID */
    const struct procfs_task_file *task_file; /* [I] */
    const struct procfs_task_link *task_link; /* [I] */
    int fd;                                   /* [I] of a link in …/fd */
};

static inline struct proc_inode *proc_inode_of(struct inode *inode)
{
    return container_of(inode, struct proc_inode, inode);
}

/** A fresh inode. */
int must_check proc_inode_create(struct super *super, uint64_t number, uint32_t mode,
                                 const struct inode_ops *ops, const struct file_ops *file_ops,
                                 struct proc_inode **node);

/** Whether name is exactly `text`. */
bool proc_name_is(const char *name, size_t len, const char *text);

/** Give one directory entry to a reader and move the position behind it. Returns false: stop. */
bool proc_emit(struct dir_context *context, const char *name, uint64_t number, uint32_t mode);
/** "." and ".." */
bool proc_emit_dots(struct dir_context *context, uint64_t number);

/** Files whose text comes from a show function. */
extern const struct file_ops proc_file_ops;
extern const struct inode_ops proc_plain_ops;

/** What kernel/task filled in; NULL before it did. */
const struct procfs_task_ops *proc_task_ops(void);

/* ---- /proc/PID: procfs_task.c ---------------------------------------------------------------- */

/* Inode numbers: the thread's number, and a place in its directory. */
enum proc_place {
    PLACE_DIR = 0,
    PLACE_FD_DIR = 1,
    PLACE_TASK_DIR = 2,
    PLACE_FILES = 16,
    PLACE_LINKS = 512,
    PLACE_FDS = 1024
};

static inline uint64_t proc_place_number(const struct proc_inode *node, bool is_group,
                                         uint64_t place)
{
    return ((uint64_t)(uint32_t)node->id << 17 | (uint64_t)is_group << 16) + (1ull << 41) + place;
}

/** A decimal number without leading zeros, as names of processes and descriptors are. */
bool proc_parse_id(const char *name, size_t len, int32_t *id);

/** Owner and group of what is about a thread: its own. -ENOENT when it has gone. */
int proc_task_getattr(struct inode *inode);

/** An inode about the same thread as dir. */
int must_check proc_task_make_node(struct inode *dir, uint64_t place, uint32_t mode,
                                   const struct inode_ops *ops, const struct file_ops *file_ops,
                                   struct proc_inode **node);

/** procfs_link.c: a magic link of the table; and the directory of descriptors. */
int must_check proc_find_link(struct inode *dir, const char *name, size_t len,
                              struct inode **inode);
extern const struct inode_ops proc_fd_dir_ops;
extern const struct file_ops proc_fd_dir_file_ops;

/** /proc/PID: -ENOENT when there is no such process. */
int must_check proc_task_lookup_root(struct inode *dir, const char *name, size_t len,
                                     struct inode **inode);
/** The processes, for the listing of /proc. Positions from `base` on. */
void proc_task_list(struct dir_context *context, uint64_t base);

/** Files about file systems, disks and mounts. */
void proc_files_register(void);
/** Files about memory, and those about free frames. */
void proc_memory_register(void);
void proc_frames_register(void);
/** Files about mistakes with memory. */
void proc_debug_register(void);
/** sys/vm/overcommit_… and …_reserve_kbytes. */
void proc_commit_register(void);
/** /proc/swaps and sys/vm/swappiness. */
void proc_swap_register(void);
/** /proc/PID/mounts and mountinfo. */
extern const struct procfs_task_file proc_mount_files[];
extern const unsigned proc_nr_mount_files;

#endif
