// SPDX-License-Identifier: MIT
/* How deep a kernel stack has been.
 *
 * A stack is 16 KiB, and what lies below it faults: a stack that overflows is found at once, and the
 * kernel with it. So one wants to know beforehand who comes near. A stack is prepared by zeroing a word
 * in every 64 bytes. Later, the lowest of these words that is not zero any more was the deepest
 * use:
 *
 *     lowest                                                           top
 *     | 0 . . 0 . . 0 . . 0 . . 0 | x . . 0 . . x . . x . . x . . . . . . |
 *                      untouched  | the deepest use so far, at least      |
 *
 * Why not every word? The stack of a task is prepared with each fork, and its 2,048 words would be a
 * good part of what a fork costs; 256 of them are not. What is lost: frames of functions may step
 * over a word without writing to it, or write zero. But each frame saves a return address and a frame
 * pointer, and most of what else it has, so the figure is at most a small frame too low.
 *
 * Nobody is asked when a task is at its deepest. Who has gone below the last quarter is seen at
 * the next timer tick in which the task runs, and when it has ended; the log then names it, once.
 *
 * A stack is mapped as long as its task has it. A reader of /proc who has a reference to the task alone
 * holds task->resource_lock, under which the stack is taken from a task that has ended.
 *
 * Source: the idea of painted stacks is old; Linux's CONFIG_DEBUG_STACK_USAGE counts zeroes, too. */
#include "kernel/task/stack_depth.h"

#include "kernel/abi/errno.h"
#include "kernel/base/printk.h"
#include "kernel/task/proc_internal.h"
#include "kernel/task/task.h"
#include "mm/sanitize.h"
#include "port/memory.h"

#define STRIDE_WORDS 8u
#define NR_WORDS     (KERNEL_STACK_SIZE / sizeof(uint64_t))
#define LIMIT_BYTES  (KERNEL_STACK_SIZE / 4 * 3)

SANITIZE_NOT void stack_paint(void *stack)
{
    uint64_t *words = stack;

#pragma GCC unroll 8
    for (size_t i = 0; i < NR_WORDS; i += STRIDE_WORDS) {
        words[i] = 0;
    }
}

/* The first painted word of [from, end) that has been written to, or end. Words of the stack that is
 * in use change meanwhile; each is looked at once. */
SANITIZE_NOT static size_t find_touched(const void *stack, size_t from, size_t end)
{
    const volatile uint64_t *words = stack;

    while (from < end && words[from] == 0) {
        from += STRIDE_WORDS;
    }
    return from;
}

size_t stack_depth(const void *stack)
{
    return KERNEL_STACK_SIZE - find_touched(stack, 0, NR_WORDS) * sizeof(uint64_t);
}

void stack_check_depth(struct task *task)
{
    const void *stack = (const void *)task->thread.stack;
    size_t end = NR_WORDS - LIMIT_BYTES / sizeof(uint64_t);

    if (!task->has_deep_stack && find_touched(stack, 0, end) < end) {
        task->has_deep_stack = true;
        pr_warn("stack: %s[%d] has used %zu of %lu bytes of its kernel stack", task->name,
                task->tid, stack_depth(stack), KERNEL_STACK_SIZE);
    }
}

int stack_show_depth(struct seq *seq, pid_t id, bool is_group)
{
    struct proc_target target;
    size_t depth_bytes = 0;
    int error = proc_find(id, &target);

    if (error != 0) {
        return error;
    }
    if (target.task != NULL) {
        spin_lock(&target.task->resource_lock);
        if (target.task->thread.stack != 0) {
            depth_bytes = stack_depth((const void *)target.task->thread.stack);
        }
        spin_unlock(&target.task->resource_lock);
    }
    proc_put(&target);
    seq_printf(seq, "depth %zu\nsize %lu\n", depth_bytes, KERNEL_STACK_SIZE);
    return 0;
}
