// SPDX-License-Identifier: MIT
/* What the files of fs/pipe share. */
#ifndef CAIRN_FS_PIPE_PIPE_INTERNAL_H
#define CAIRN_FS_PIPE_PIPE_INTERNAL_H

#include "fs/pipe/pipe.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"

#define PIPE_MAX_SLOTS   256u /* 1 MiB, as /proc/sys/fs/pipe-max-size says on Linux */
#define PIPE_SPARE_PAGES 2u

struct pipe_slot {
    struct page *page;
    uint32_t offset, len; /* the bytes not yet read */
};

struct pipe {
    struct mutex lock;       /* LOCK_RANK_PIPE */
    struct pipe_slot *slots; /* [lock] nr_slots of them, a power of two */
    uint32_t nr_slots;       /* [lock; read without] */
    uint32_t head, tail; /* [lock; read without] slots head - 1 … tail are in use; both only grow */
    uint32_t nr_readers, nr_writers;      /* [lock; read without] open files */
    uint32_t r_opens, w_opens;            /* [lock; read without] openings so far */
    struct page *spare[PIPE_SPARE_PAGES]; /* [lock] */
    unsigned nr_spare;                    /* [lock] */
    uint32_t nr_files; /* [inode->state_lock] of a FIFO or pipe; the last one frees it */
    struct waitq readers, writers;
};

#define LOOK(field)       __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

static inline struct pipe_slot *slot_at(struct pipe *pipe, uint32_t index)
{
    return &pipe->slots[index & (pipe->nr_slots - 1)];
}

/** fifo.c: file_ops.open of a FIFO. */
int fifo_open(struct inode *inode, struct file *file);

/** pipe.c: file_ops.release, also for an open that failed half-way. */
void pipe_release(struct file *file);

/** fifo.c: free a ring that no file has open any more. */
void pipe_free(struct pipe *pipe);

/** pipe.c: wake whoever waits for the other end. */
void pipe_wake_both(struct pipe *pipe);

#endif
