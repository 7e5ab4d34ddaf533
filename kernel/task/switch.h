// SPDX-License-Identifier: MIT
/* The first thing that a new task does when it is switched to. */
#ifndef CAIRN_TASK_SWITCH_H
#define CAIRN_TASK_SWITCH_H

/** For thread_init_user(): ends the scheduler's switch. Interrupts off before and after. */
void task_begin_user(void);

/** For kernel threads: the same, and interrupts on. */
void task_begin_kernel(void);

#endif
