// SPDX-License-Identifier: MIT
/* The first process. */
#ifndef CAIRN_TASK_INIT_H
#define CAIRN_TASK_INIT_H

#include "kernel/base/types.h"

struct path;

/** Start process 1 with the first of these programs that can be executed, and the console as its
 *  descriptors 0 to 2.
 *  @root: the root directory of everybody.
 *  @programs, @args, @envp: kernel memory that stays as it is for ever, each ended by NULL; args
 *  follow argv[0].
 *  Returns 0, or the error of the last program tried, each with a log line. Context: may sleep. */
int must_check init_start(const struct path *root, const char *const programs[],
                          const char *const args[], const char *const envp[]);

/** The last thread of the first process is about to end with this status. A crash is survived by
 *  starting the program again, a few times; everything else ends the machine. Does not return to
 *  the caller's program. */
_Noreturn void init_ends(int status);

/** Called once, when the first program is about to run its first instruction: main.c logs the
 *  time. */
void init_set_first_instruction_hook(void (*hook)(void));

#endif
