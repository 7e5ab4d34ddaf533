// SPDX-License-Identifier: MIT
/* The out-of-memory killer. */
#ifndef CAIRN_TASK_OOM_H
#define CAIRN_TASK_OOM_H

#include "kernel/base/types.h"

struct process;

#define OOM_ADJ_MIN (-1000) /* never chosen */
#define OOM_ADJ_MAX 1000    /* counts as if it held all memory besides its own */

struct oom_weight {
    uint64_t nr_resident; /* pages */
    uint64_t nr_swapped;  /* pages */
    uint64_t nr_tables;   /* pages of its page tables */
    int64_t adj;          /* oom_score_adj */
    int64_t points;       /* pages, shifted by adj: the highest goes first */
};

/** Register it with mm. Called once at boot. */
void oom_init(void);

/** What /proc/PID/oom_score shows; 0 for who is never chosen. Context: any task. */
unsigned oom_score(struct process *process);

#endif
