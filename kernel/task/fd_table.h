// SPDX-License-Identifier: MIT
/* Tables of open files: what a descriptor number stands for. Shared by threads (CLONE_FILES),
 * copied by fork.
 *
 * The functions without a table argument act on the running task's table. All take the table's
 * lock. */
#ifndef CAIRN_TASK_FD_TABLE_H
#define CAIRN_TASK_FD_TABLE_H

#include "fs/vfs/file.h"
#include "kernel/abi/errno.h"
#include "kernel/base/refcount.h"
#include "kernel/base/types.h"
#include "kernel/sync/spinlock.h"
#include "kernel/task/task.h"

struct fd_table {
    struct refcount refs;    /* tasks that share it */
    struct spinlock lock;    /* LOCK_RANK_FD_TABLE */
    unsigned nr_slots;       /* [lock] a multiple of 64 */
    unsigned first_free;     /* [lock] every lower number is taken */
    struct file **files;     /* [lock] NULL: free, or reserved by fd_alloc() */
    uint64_t *taken;         /* [lock] a bit for each number in use, also the reserved ones */
    uint64_t *close_on_exec; /* [lock] */
};

enum fd_flags { FD_CLOSE_ON_EXEC = 1 };

/** The file behind a descriptor, with a reference for the caller (file_put).
 *  Returns 0 or -EBADF. Context: any task. */
int must_check fd_get(int fd, struct file **file);

/** The same for a call that only uses the file and returns: without a reference when nobody but
 *  the running task has the table, since then nobody can close the file meanwhile. End with
 *  fd_end(). */
static inline int must_check fd_begin(int fd, struct file **file, bool *is_counted)
{
    const struct fd_table *table = task_current()->files;

    *is_counted = refcount_read(&table->refs) != 1;
    if (unlikely(*is_counted)) {
        return fd_get(fd, file);
    }
    if (unlikely((unsigned)fd >= table->nr_slots || table->files[fd] == NULL)) {
        return -EBADF;
    }
    *file = table->files[fd];
    return 0;
}

static inline void fd_end(struct file *file, bool is_counted)
{
    if (unlikely(is_counted)) {
        file_put(file);
    }
}

/** Reserve the lowest free number that is at least `lowest`. flags: FD_CLOSE_ON_EXEC or 0.
 *  Returns 0 and the number, which is then given to fd_install() or fd_cancel(); -EMFILE at
 *  RLIMIT_NOFILE, -EINVAL when `lowest` is beyond it, -ENOMEM. Context: may sleep. */
int must_check fd_alloc(int lowest, unsigned flags, int *fd);

/** Put a file into a reserved number: the caller's reference becomes the table's. */
void fd_install(int fd, struct file *file);

/** Give a reserved number back. */
void fd_cancel(int fd);

/** fd_alloc(0) and fd_install() in one. On failure the reference stays the caller's. Returns the
 *  number or -errno. */
int must_check fd_open_file(struct file *file, unsigned flags);

/** close(2): flushes, drops the table's reference. Returns 0, -EBADF, or what flush said.
 *  Context: may sleep. */
int must_check fd_close(int fd);

/** close_range(2): close all of first..last, or set close-on-exec on them. */
int must_check fd_close_range(unsigned first, unsigned last, bool only_mark);

/** dup, fcntl(F_DUPFD): the lowest number >= lowest. Returns the new number or -errno. */
int must_check fd_dup(int fd, int lowest, unsigned flags);

/** dup3: new_fd is closed first if it is open; equal numbers are -EINVAL. Returns new_fd or
 *  -errno. */
int must_check fd_dup_to(int fd, int new_fd, unsigned flags);

/** fcntl(F_GETFD, F_SETFD). Return the flags, 0, or -EBADF. */
int must_check fd_get_flags(int fd);
int must_check fd_set_flags(int fd, unsigned flags);

/* ---- Whole tables ---------------------------------------------------------------------------- */

/** An empty table; NULL when memory is short. */
struct fd_table *must_check fd_table_create(void);
/** A copy with references to the same files. Returns 0 or -ENOMEM. */
int must_check fd_table_copy(struct fd_table *from, struct fd_table **copy);
void fd_table_get(struct fd_table *table);
void fd_table_put(struct fd_table *table); /* the last put closes everything; may sleep */
/** execve: close what is marked. The table is not shared. */
void fd_table_close_on_exec(struct fd_table *table);

/** The first open descriptor at or after *fd, with a reference: for /proc/PID/fd. Returns
 *  whether there is one. */
bool must_check fd_table_next(struct fd_table *table, unsigned *fd, struct file **file);

#endif
