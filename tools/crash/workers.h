// SPDX-License-Identifier: MIT
/* Several processes that try sequences, and what they have found together. */
#ifndef CAIRN_TOOLS_CRASH_WORKERS_H
#define CAIRN_TOOLS_CRASH_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

struct fs_kind;

struct campaign { /* what is asked for, of one file system */
    const struct fs_kind *kind;
    uint64_t seed;
    const char *ops;          /* this sequence, or NULL: generated ones */
    int only_state;           /* of it, or -1 */
    const char *log, *before; /* or what a machine has written, and its disk before that */
    const char *program; /* whose promises its marks are; NULL: those of user/test/crash/run.c */
    unsigned nr_states, nr_seconds; /* whichever comes first */
    unsigned nr_jobs;
    bool ignores_flush; /* a disk that lies */
    const char *saved;  /* put the state into this file, and only list what is in it */
    bool shows;         /* each sequence's writes */
};

struct totals { /* [a] shared by the processes */
    _Atomic unsigned nr_sequences, nr_states, nr_unrepairable, nr_lost, nr_broken, next;
};

/** Run it to its end, with a line of progress on standard error now and then. Failures are printed on standard output.
 *  Returns false when a process could not go on. */
bool workers_run(const struct campaign *campaign, struct totals *totals);

#endif
