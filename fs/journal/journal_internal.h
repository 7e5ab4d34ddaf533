// SPDX-License-Identifier: MIT
/* What the files of fs/journal share among themselves. */
#ifndef CAIRN_FS_JOURNAL_JOURNAL_INTERNAL_H
#define CAIRN_FS_JOURNAL_JOURNAL_INTERNAL_H

#include "drivers/block.h"
#include "fs/cache/mapping.h"
#include "fs/journal/disk.h"
#include "fs/journal/journal.h"
#include "kernel/base/list.h"
#include "kernel/sync/spinlock.h"
#include "kernel/sync/waitq.h"

#define JOURNAL_NR_BUCKETS 256u

/* A block of the disk that is newer in memory than in its place, or a block that is revoked. */
struct journal_record {
    struct list hash_node; /* [lock] */
    struct list node;      /* [lock] running: changed or revoked there */
    struct list copy_node; /* [lock] committing, or copies: `copy` is to be written to its place */
    uint64_t block;        /* [I] */
    struct page *page;     /* [I] where its newest content is; we hold a reference */
    void *data;            /* [I] inside it. NULL: the record of a revoked block */
    struct page *copy;     /* [thread] its content when it was last committed */
    bool is_changed;       /* [lock] in the running transaction */
    bool is_escaped;       /* [thread] the copy began with the magic number */
};

struct journal_run { /* blocks of the ring that lie side by side on the disk */
    uint32_t index, nr_blocks;
    uint64_t disk_block;
};

struct journal {
    struct journal_place place;    /* [I] */
    const struct journal_ops *ops; /* [I] */
    struct journal_run *runs;      /* [I] */
    uint32_t nr_runs;              /* [I] */
    uint32_t first, end;           /* [I] the ring */
    uint32_t max_blocks;           /* [I] changed by one transaction */
    uint32_t max_copies;           /* [I] with more a checkpoint is due */
    struct page **frames;          /* [I] for descriptors, revocations and the commit block */
    uint32_t nr_frames;            /* [I] */
    struct meta_block super_block; /* [thread] the journal's own */

    struct spinlock lock;                 /* LOCK_RANK_LEAF */
    struct waitq waitq;                   /* for every change of the fields below */
    struct list hash[JOURNAL_NR_BUCKETS]; /* [lock] records by block */
    struct list changed;                  /* [lock] records of the running transaction */
    struct list revoked;                  /* [lock] its revoked blocks */
    struct list spare;                    /* [lock] records without a block */
    uint32_t nr_changed;                  /* [lock] changed and revoked */
    uint32_t nr_spare;                    /* [lock] */
    uint32_t nr_promised; /* [lock] records that operations under way may still take */
    uint32_t nr_active;   /* [lock] operations under way */
    uint32_t number;      /* [lock] of the running transaction */
    uint32_t committed;   /* [lock] the last that is durable */
    uint32_t wanted;      /* [lock] commit at least up to this one */
    bool is_closing_off;  /* [lock] no operation may begin: the running one is being closed */
    bool is_stopping;     /* [lock] the thread commits once more and ends */
    bool is_stopped;      /* [lock] there is no thread */
    _Atomic int error;    /* [a] set once: nothing is promised any more */

    struct list committing; /* [thread] records, by copy_node */
    struct list voided;     /* [thread] revoked blocks of the transaction that is being committed */
    struct list copies;     /* [thread] records whose copies wait to be put in their places */
    uint32_t nr_copies;     /* [thread] at most so many are there */
    uint32_t head;          /* [thread] where the ring goes on */
    uint32_t nr_used;       /* [thread] its blocks that a replay would need */
};

/* ---- transaction.c ------------------------------------------------------------------------------ */

struct journal_record *journal_find(struct journal *journal, uint64_t block); /* lock held */
/** A record that is on no list any more, the hash included, becomes a spare one, or is freed. Context: lock
 *  not held. */
void journal_record_done(struct journal *journal, struct journal_record *record);
void journal_free_spares(struct journal *journal);
/** Close the running transaction off: wait for its operations, copy what they have changed into `committing`
 *  and `voided`, and let the next one begin. Returns its number, and false when it is empty (nothing done). */
bool must_check journal_close_off(struct journal *journal, uint32_t *number);
/** Nothing more is promised, and the file system is read-only. */
void journal_break(struct journal *journal, int error, const char *what);

/* ---- commit.c, checkpoint.c ---------------------------------------------------------------------- */

/** Make the running transaction durable. Context: the journal's thread. */
void journal_commit_running(struct journal *journal);
/** Put every copy in its place, and free the ring. Returns 0 or the error that broke the journal. */
int must_check journal_checkpoint(struct journal *journal);
/** Write where the log begins (0: it is empty) and with which transaction, durably. */
int must_check journal_write_super(struct journal *journal, uint32_t start, uint32_t number);

/* ---- io.c ---------------------------------------------------------------------------------------- */

struct journal_io { /* writes that are waited for together */
    struct block_device *device;
    struct block_request *request; /* being filled, or NULL */
    uint64_t next_sector;
    bool is_fua;
    _Atomic uint32_t nr_pending;
    _Atomic int error;
};

void journal_io_begin(struct journal_io *io, struct block_device *device, bool is_fua);
/** Write from a frame's start; what follows the last piece on the disk goes into the same request. */
void journal_io_write(struct journal_io *io, struct page *page, uint32_t len_bytes,
                      uint64_t sector);
/** Submit what is left and wait for all. Returns 0 or the first error. */
int must_check journal_io_wait(struct journal_io *io);

static inline uint64_t journal_sector(const struct journal *journal, uint64_t block)
{
    return block * (journal->place.block_bytes / SECTOR_SIZE);
}

/** Where a block of the ring lies on the disk. */
uint64_t journal_ring_block(const struct journal *journal, uint32_t index);

#endif
