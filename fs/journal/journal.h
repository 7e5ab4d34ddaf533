// SPDX-License-Identifier: MIT
/* A journal of metadata blocks, compatible with jbd2. Theory in journal.c. */
#ifndef CAIRN_FS_JOURNAL_JOURNAL_H
#define CAIRN_FS_JOURNAL_JOURNAL_H

#include "kernel/base/types.h"

struct journal;
struct meta_block;
struct super;

struct journal_place {    /* where a journal lies, and what it is for */
    struct super *super;  /* the file system, and the device of both */
    uint32_t block_bytes; /* 1024 .. PAGE_SIZE */
    uint64_t nr_blocks;   /* that the file system has given to it */
    uint64_t fs_blocks;   /* of the file system: no copy belongs behind them */
    /** The disk's block that holds the index-th of the journal. Returns 0, -EIO, -EUCLEAN, -ENOMEM.
     *  Called by journal_replay() and journal_open() only. */
    int (*map)(const struct journal_place *place, uint64_t index, uint64_t *disk_block);
    void *map_arg; /* for map */
    void *ops_arg; /* for journal_ops */
};

/* ---- Replay (replay.c) ------------------------------------------------------------------------- */

struct journal_replay_result {
    uint32_t nr_transactions;
    uint32_t nr_blocks;  /* put where they belong */
    uint32_t nr_revoked; /* left out */
    bool had_error;      /* who wrote the journal had found the file system damaged */
};

/** Put what the journal holds where it belongs, durably, and empty it. A journal that is empty
 *  already is left alone.
 *  Returns 0; -EINVAL: it needs features that are not known; -EUCLEAN: it is no journal, or damaged
 *  in its head; -EIO, -ENOMEM: it is as it was. Each with a log line.
 *  Context: may sleep; nobody else uses the device. */
int must_check journal_replay(const struct journal_place *place,
                              struct journal_replay_result *result);

/* ---- A journal in use -------------------------------------------------------------------------- */

struct journal_ops {
    /** Write the data that a transaction's blocks point to: called before its commit, while the next
     *  one is under way. Returns 0 or -EIO. Context: the journal's thread; may sleep, begins no operation. */
    int (*write_data)(void *arg);
    /** A transaction is durable: what it has freed may be used again. Context: as above. */
    void (*committed)(void *arg, uint32_t number);
};

/** Take a journal, which is empty (replayed), into memory. Nothing is written, and nothing begins yet.
 *  Returns 0, -EUCLEAN, -EIO, -ENOMEM, with a log line. Context: may sleep. */
int must_check journal_open(const struct journal_place *place, const struct journal_ops *ops,
                            struct journal **journal);

/** From now on operations may begin; the disk's super block says already that there may be something to replay.
 *  Returns 0, -EIO, -ENOMEM. Context: may sleep; it has just been opened, or stopped. */
int must_check journal_start(struct journal *journal);

/** Let operations end and none begin, commit, put everything in its place, and mark the journal as empty. Returns 0,
 *  or -EIO when something could not be written: then the journal on the disk still has it. Context: may sleep. */
int must_check journal_stop(struct journal *journal);

/** Free it: it is stopped, or was never started. */
void journal_close(struct journal *journal);

/** Begin an operation that changes at most nr_blocks blocks (revoked ones included). All of it will be in
 *  one transaction. Operations don't nest: who has begun one must not begin another, nor wait for who may.
 *  Returns 0, -ENOMEM, or -EROFS when the journal is stopped or broken. Context: may sleep; no page lock held. */
int must_check journal_begin(struct journal *journal, unsigned nr_blocks);

/** Its end, with the same number. */
void journal_end(struct journal *journal, unsigned nr_blocks);

/** The block was, or will be, changed by the operation under way. It must not be marked dirty. Context: any
 *  task, inside an operation. */
void journal_change(struct journal *journal, const struct meta_block *block);

/** The block was metadata and has been freed: no older copy of it may be replayed. Context: as above. */
void journal_revoke(struct journal *journal, uint64_t disk_block);

/** The operation under way cannot be completed, and its transaction must not be committed: the journal is broken.
 *  Context: as above. */
void journal_abort(struct journal *journal, int error);

/** The number of the transaction that an operation under way belongs to. */
uint32_t journal_number(struct journal *journal);

/** Wait until this transaction is durable; it is committed now if it is still open. Returns 0, or -EIO when
 *  the journal is broken. Context: may sleep, outside operations. */
int must_check journal_commit(struct journal *journal, uint32_t number);

/** The same for all that was ended before. */
int must_check journal_commit_all(struct journal *journal);

#endif
