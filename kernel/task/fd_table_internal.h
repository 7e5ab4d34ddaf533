// SPDX-License-Identifier: MIT
/* The arrays of a table of open files. */
#ifndef CAIRN_TASK_FD_TABLE_INTERNAL_H
#define CAIRN_TASK_FD_TABLE_INTERNAL_H

#include "kernel/task/fd_table.h"

#define FD_FIRST_NR_SLOTS 64u

struct fd_slots { /* one block of memory: files, then both bitmaps */
    struct file **files;
    uint64_t *taken;
    uint64_t *close_on_exec;
};

/** Zeroed arrays of nr slots, a multiple of 64. Returns whether there was memory. May sleep. */
bool must_check fd_slots_alloc(unsigned nr, struct fd_slots *slots);

/** Make them the table's. Caller: the lock, or the only one who knows the table. */
void fd_slots_install(struct fd_table *table, const struct fd_slots *slots, unsigned nr);

/** Take a file out of the table, or NULL. Takes the lock. */
struct file *fd_take_out(struct fd_table *table, unsigned fd);

/** What closing a descriptor does with its file. May sleep. */
int fd_flush_and_put(const struct fd_table *table, struct file *file);

#endif
