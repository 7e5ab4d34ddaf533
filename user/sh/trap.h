// SPDX-License-Identifier: MIT
// Signals: traps, and what an interactive shell does with them.
#ifndef CAIRN_USER_SH_TRAP_H
#define CAIRN_USER_SH_TRAP_H

#include <signal.h>
#include <stdbool.h>

/** Set up the signals of an interactive shell: ^C abandons a command, the rest is ignored. */
void trap_init_interactive(void);

/** In a child: traps are forgotten, and everything is as the parent found it.
 *  @ignore_interrupts: a background job without job control does not hear ^C. */
void trap_reset_child(bool ignore_interrupts);

/** Run the actions of signals that have arrived; turn a ^C into UNWIND_ABORT. */
void trap_run_pending(void);

/** Run the EXIT trap, once. */
void trap_run_exit(void);

/** Any trap set: then no program may take the shell's place. */
bool trap_is_set_any(void);

/** Take note of a ^C: true if there was one since the last time. */
bool trap_take_interrupt(void);

/** A trapped signal that waits for its action, or 0. */
int trap_pending(void);

/** Block everything that the shell handles, and SIGCHLD; old receives the mask for sigsuspend. */
void trap_block(sigset_t *old);
void trap_unblock(const sigset_t *old);

int builtin_trap(int argc, char **argv);

#endif
