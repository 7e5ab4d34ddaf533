// SPDX-License-Identifier: MIT
/* What a process does with each signal. */
#ifndef CAIRN_TASK_ACTIONS_H
#define CAIRN_TASK_ACTIONS_H

#include "kernel/task/process.h"

/** All default; NULL when memory is short. Context: may sleep. */
struct signal_actions *must_check signal_actions_create(void);
struct signal_actions *must_check signal_actions_copy(struct signal_actions *from);
void signal_actions_get(struct signal_actions *actions);
void signal_actions_put(struct signal_actions *actions); /* any context */

/** execve: handlers become defaults; ignored signals stay ignored unless all is set
 *  (CLONE_CLEAR_SIGHAND). */
void signal_actions_reset(struct signal_actions *actions);

/** The action for one signal. Caller: signal_lock. */
struct abi_sigaction signal_actions_read(struct process *process, int signal);

/** sigaction(2): set and read. next may be NULL. Forgets pending signals that are now ignored.
 *  Context: any task. */
void signal_set_action(struct process *process, int signal, const struct abi_sigaction *next,
                       struct abi_sigaction *old);

enum signal_default { SIGNAL_TERMINATES, SIGNAL_IGNORED, SIGNAL_STOPS, SIGNAL_CONTINUES };
enum signal_default signal_default_of(int signal);

#endif
