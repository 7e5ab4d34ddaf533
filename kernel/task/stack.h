// SPDX-License-Identifier: MIT
/* Kernel stacks, a few kept for the next task: making one means page-table work and flushes on
 * every hart. */
#ifndef CAIRN_TASK_STACK_H
#define CAIRN_TASK_STACK_H

/** KERNEL_STACK_SIZE bytes with guard pages: the lowest address, or NULL. Context: may sleep. */
void *stack_alloc(void);

/** Context: any task. */
void stack_free(void *stack);

#endif
