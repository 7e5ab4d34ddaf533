// SPDX-License-Identifier: MIT
/* A small store of kernel stacks. Each fork needs one and each exit drops one, and to unmap it costs a
 * message to every hart (vmalloc.c). So some are kept, mapped, and a shell that starts program after
 * program uses one of them over and over: that which was dropped last, and is still in the cache.
 *
 * Invariant: the stored stacks are mapped and nobody's; their content is whatever the last task
 * left. Locks: one leaf spinlock. Under memory pressure the store is emptied. */
#include "kernel/task/stack.h"
#include "kernel/base/once.h"
#include "kernel/sync/spinlock.h"
#include "kernel/task/stack_depth.h"
#include "mm/reclaim.h"
#include "mm/sanitize.h"
#include "mm/vmalloc.h"
#include "port/memory.h"

#define NR_STORED 32

static struct spinlock lock = SPINLOCK_INIT(LOCK_RANK_LEAF, "stacks");
static void *stored[NR_STORED]; /* [lock] */
static unsigned nr_stored;      /* [lock] */

static void *take_stored(void)
{
    void *stack = NULL;

    spin_lock(&lock);
    if (nr_stored > 0) {
        stack = stored[--nr_stored];
    }
    spin_unlock(&lock);
    return stack;
}

static uint64_t shrink(struct shrinker *shrinker, uint64_t nr_frames, enum alloc_flags flags)
{
    uint64_t nr_freed = 0;

    (void)shrinker;
    (void)flags;
    while (nr_freed < nr_frames) {
        void *stack = take_stored();

        if (stack == NULL) {
            break;
        }
        vfree_stack(stack);
        nr_freed += KERNEL_STACK_SIZE / PAGE_SIZE;
    }
    return nr_freed;
}

static struct shrinker stack_shrinker = {
    .name = "stacks", .shrink = shrink, .order = RECLAIM_SLABS};
static struct once shrinker_once = ONCE_INIT("stack shrinker", ONCE_RETRY);

static int register_shrinker(void *arg)
{
    (void)arg;
    shrinker_register(&stack_shrinker);
    return 0;
}

void *stack_alloc(void)
{
    void *stack = take_stored();

    if (stack == NULL && once_get(&shrinker_once, register_shrinker, NULL) == 0) {
        stack = vmalloc_stack();
    }
    if (stack != NULL) {
        stack_paint(stack);
    }
    return stack;
}

void stack_free(void *stack)
{
    bool is_stored = false;

    sanitize_allow(stack, KERNEL_STACK_SIZE); /* the functions that are left on it never returned */
    spin_lock(&lock);
    if (nr_stored < NR_STORED) {
        stored[nr_stored++] = stack;
        is_stored = true;
    }
    spin_unlock(&lock);
    if (!is_stored) {
        vfree_stack(stack);
    }
}
