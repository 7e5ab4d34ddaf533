// SPDX-License-Identifier: MIT
/* New threads and processes: clone(2). */
#ifndef CAIRN_TASK_FORK_H
#define CAIRN_TASK_FORK_H

#include "kernel/base/types.h"

struct task;
struct trap_frame;

struct clone_request {
    uint64_t flags;  /* ABI_CLONE_*, without the exit signal */
    int exit_signal; /* 0: none */
    uint64_t stack;  /* the child's stack pointer; 0: as the parent's */
    uint64_t tls;
    uint64_t parent_tid; /* user addresses */
    uint64_t child_tid;
};

/** Make a child of the running task, which is in a system call. Returns its id or -errno; with
 *  CLONE_VFORK only after the child has let go of the address space. Context: may sleep. */
int64_t must_check task_clone(const struct clone_request *request, const struct trap_frame *frame);

/** The running task gives up its parent's memory (execve, exit): a parent in vfork() goes on. */
void vfork_release(struct task *task);

/** Link a new process with its first thread into the tree. parent NULL: the first process.
 *  Context: any task. */
void process_link(struct task *task, struct task *parent_task);

#endif
