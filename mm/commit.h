// SPDX-License-Identifier: MIT
/* Promised memory: how much all processes together may come and ask for. Theory in commit.c. */
#ifndef CAIRN_MM_COMMIT_H
#define CAIRN_MM_COMMIT_H

#include "kernel/base/types.h"

enum commit_mode { /* /proc/sys/vm/overcommit_memory */
                   COMMIT_GUESS =
                       0, /* refuse what could never be had: more than RAM and swap in one call */
                   COMMIT_ALWAYS = 1, /* refuse nothing */
                   COMMIT_NEVER = 2,  /* promise no more than there is */
                   COMMIT_NR_MODES = 3,
};

struct commit_rules {                   /* [a] each; the files of the same names in /proc/sys/vm */
    _Atomic uint64_t mode;              /* enum commit_mode */
    _Atomic uint64_t ratio_percent;     /* of RAM that may be promised, beside all of swap; or: */
    _Atomic uint64_t limit_kib;         /* instead of the ratio, unless 0 */
    _Atomic uint64_t admin_reserve_kib; /* of that, what only the superuser gets */
    _Atomic uint64_t user_reserve_kib;  /* … and what one process leaves to the others, at most */
};
extern struct commit_rules commit_rules;

struct cred;

struct payer { /* whose call asks for memory, or for room on a disk */
    bool is_privileged;
    const struct cred *cred;  /* for file systems, who know what it is; NULL: the kernel itself */
    uint64_t nr_mapped_pages; /* the size of its address space */
};

/** Set the reserves from the memory that is free now. Called once at boot.
 *  @describe: tells of the running task; any context that may sleep */
void commit_init(void (*describe)(struct payer *payer));

/** Who is running; without tasks (on the host) somebody privileged. */
void commit_describe_payer(struct payer *payer);

/** Promise nr_pages more, if the rules allow it. Returns 0 or -ENOMEM. Context: any task. */
int must_check commit_charge(uint64_t nr_pages);

/** The same without asking: for what is promised already and is about to be given back elsewhere. */
void commit_charge_always(uint64_t nr_pages);

/** The promise ends. Context: any. */
void commit_uncharge(uint64_t nr_pages);

/** Pages promised now: Committed_AS. A snapshot. */
uint64_t commit_nr_charged(void);

/** Pages that may be promised in COMMIT_NEVER: CommitLimit. */
uint64_t commit_nr_limit(void);

#endif
