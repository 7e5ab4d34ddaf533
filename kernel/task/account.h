// SPDX-License-Identifier: MIT
/* What processes have used: processor time by ticks, timers on it, and the sums that
 * getrusage(2) tells. */
#ifndef CAIRN_TASK_ACCOUNT_H
#define CAIRN_TASK_ACCOUNT_H

#include "kernel/abi/resource.h"

struct cpu_usage;
struct process;
struct space;
struct task;

/** The tick has met the running task. Interrupt context. */
void account_tick(unsigned hart);

/** What one task has used so far. */
void account_task(struct task *task, struct cpu_usage *usage);

/** What all threads of a process have used, the ended ones too. Context: any task. */
void account_process(struct process *process, struct cpu_usage *usage);

/** The process is about to give up this memory: remember how much it was. */
void account_note_memory(struct process *process, struct space *space);

/** sum += usage. */
void account_add(struct cpu_usage *sum, const struct cpu_usage *usage);

/** In the form of getrusage(2) and wait4(2). */
void account_to_rusage(const struct cpu_usage *usage, struct abi_rusage *rusage);

#endif
