// SPDX-License-Identifier: MIT
/* Signals that wait to be taken: a set, and for those sent with details their siginfo, in order. */
#ifndef CAIRN_TASK_SIGNAL_QUEUE_H
#define CAIRN_TASK_SIGNAL_QUEUE_H

#include "kernel/abi/signal.h"
#include "kernel/base/list.h"

struct signal_queue {
    uint64_t set;      /* bit n-1: signal n waits */
    struct list infos; /* struct signal_info, oldest first */
};

static inline uint64_t signal_bit(int signal)
{
    return 1ull << (signal - 1);
}

void signal_queue_init(struct signal_queue *queue);

struct signal_info { /* one signal with its details */
    struct list node;
    struct abi_siginfo info;
};

/** Memory for a signal's details, or NULL. Context: any. */
struct signal_info *must_check signal_info_alloc(void);
void signal_info_free(struct signal_info *info);

/** Add a signal; detail may be NULL and is then not told to the receiver. */
void signal_queue_add(struct signal_queue *queue, int signal, struct signal_info *detail);

/** Take the first of the signals in `wanted`: those of faults first, then by number. Returns it,
 *  or 0. nr_details counts down by what was freed. */
int signal_queue_take(struct signal_queue *queue, uint64_t wanted, struct abi_siginfo *info,
                      unsigned *nr_details);

/** Forget the signals in `set`. Returns how many details were freed. */
unsigned signal_queue_flush(struct signal_queue *queue, uint64_t set);

#endif
