// SPDX-License-Identifier: MIT
/* A journal of metadata blocks, compatible with jbd2. */
#ifndef CAIRN_FS_JOURNAL_JOURNAL_H
#define CAIRN_FS_JOURNAL_JOURNAL_H

#include "kernel/base/types.h"

struct super;

struct journal_place {    /* where a journal lies, and what it is for */
    struct super *super;  /* the file system, and the device of both */
    uint32_t block_bytes; /* 1024 .. PAGE_SIZE */
    uint64_t nr_blocks;   /* that the file system has given to it */
    uint64_t fs_blocks;   /* of the file system: no copy belongs behind them */
    /** The disk's block that holds the index-th of the journal. Returns 0, -EIO, -EUCLEAN, -ENOMEM. */
    int (*map)(const struct journal_place *place, uint64_t index, uint64_t *disk_block);
    void *arg; /* for map */
};

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

#endif
