// SPDX-License-Identifier: MIT
/* Signals that wait to be taken: a set, and for those sent with details their siginfo, in order. */
#ifndef CAIRN_TASK_SIGNAL_QUEUE_H
#define CAIRN_TASK_SIGNAL_QUEUE_H

#include "kernel/abi/signal.h"
#include "kernel/base/list.h"

struct signal_queue {
    uint64_t set;       /* bit n-1: signal n waits */
    struct list infos;  /* struct signal_info, oldest first */
};

static inline uint64_t signal_bit(int signal)
{
    return 1ull << (signal - 1);
}

void signal_queue_init(struct signal_queue *queue);

/** Add a signal. A standard signal that waits already is not added again; a real-time signal without memory for
 *  its details is -EAGAIN, any other goes in without them. is_limited: count against the limit. Context: any; irqs off. */
int must_check signal_queue_add(struct signal_queue *queue, const struct abi_siginfo *info);

/** Take the first of the signals in `wanted`, synchronous ones first, then by number. Returns it, or 0. */
int signal_queue_take(struct signal_queue *queue, uint64_t wanted, struct abi_siginfo *info);

/** Forget the signals in `set`. */
void signal_queue_flush(struct signal_queue *queue, uint64_t set);

#endif
