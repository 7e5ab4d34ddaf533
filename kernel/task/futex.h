// SPDX-License-Identifier: MIT
/* Futexes: waiting on a word of user memory. Theory in futex.c. */
#ifndef CAIRN_TASK_FUTEX_H
#define CAIRN_TASK_FUTEX_H

#include "kernel/base/types.h"

struct task;

/** Sleep until woken, if the word still has the value. Returns 0, -EAGAIN (it has not), -EFAULT,
 *  -ETIMEDOUT, -ERESTARTSYS. */
int must_check futex_wait(uint64_t address, bool is_private, uint32_t value, uint32_t bitset,
                          uint64_t deadline_ns);

/** Wake up to nr waiters whose bitset meets ours. Returns how many, or -EFAULT. */
int64_t futex_wake(uint64_t address, bool is_private, uint32_t nr, uint32_t bitset);

/** Wake up to nr_wake, and let up to nr_move of the others wait on a second word instead. With
 *  expected not NULL: only if the first word has that value, else -EAGAIN. Returns how many were
 *  woken (and, with expected, moved). */
int64_t must_check futex_requeue(uint64_t from, uint64_t to, bool is_private, uint32_t nr_wake,
                                 uint32_t nr_move, const uint32_t *expected);

/** FUTEX_WAKE_OP: change the second word, wake on the first, and if the comparison holds on the
 *  second. */
int64_t must_check futex_wake_op(uint64_t first, uint64_t second, bool is_private,
                                 uint32_t nr_first, uint32_t nr_second, uint32_t operation);

/** A task leaves its memory: release the robust mutexes that it still holds, clear and wake its
 *  tid word. */
void futex_exit_task(struct task *task);

#endif
