// SPDX-License-Identifier: MIT
/* The page of kernel-made code in every program: what a signal handler returns to. Theory in
 * trampoline.c. */
#ifndef CAIRN_TASK_TRAMPOLINE_H
#define CAIRN_TASK_TRAMPOLINE_H

#include "kernel/base/types.h"
#include "port/memory.h"

struct space;

/* Above the stack, below the end of the user half. */
#define TRAMPOLINE_ADDRESS (USER_END - 2 * PAGE_SIZE)

/** Map the page into a new space. Returns 0 or -errno. Context: may sleep. */
int must_check trampoline_map(struct space *space);

#endif
