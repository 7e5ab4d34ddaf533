// SPDX-License-Identifier: MIT
/* The roots of the leak search (mm/debug/leak_scan.c).
 *
 * Data and zeroed data of the image. Of each kernel stack the part in use:
 * from the stack pointer up, which for a task that has been switched away is in its thread, and for
 * one that runs was noted when its hart stopped. What lies below is what earlier calls have left,
 * and would only hide leaks.
 *
 * A task that has not ended is a root itself: between wake-up and switch nothing else need point to
 * it. One that has ended and is still there can be a leak. */
#include "kernel/task/leak_world.h"

#include "kernel/arch/riscv64/trap.h"
#include "kernel/base/atomic.h"
#include "kernel/task/sched_internal.h"
#include "kernel/task/task.h"
#include "mm/debug/leak.h"
#include "port/memory.h"

extern const char _data_start[], boot_stack[];

static void (*visit_range)(const void *start, const void *end); /* [the search] */

static void visit_stack(uint64_t sp)
{
    uint64_t top = align_down(sp, KERNEL_STACK_SIZE) + KERNEL_STACK_SIZE;

    visit_range((const void *)sp, (const void *)top);
}

static bool runs_somewhere(const struct task *task)
{
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        const struct thread *thread;
        uint64_t sp;

        if (hart_stopped_stack(hart, &thread, &sp) && thread == &task->thread) {
            return true;
        }
    }
    return false;
}

static void visit_task(const struct task *task)
{
    const struct thread *thread = &task->thread;

    if (load_relaxed(&task->state) == TASK_DEAD) {
        return;
    }
    visit_range(task, task + 1);
    if (!runs_somewhere(task) && thread->kernel_sp != 0) {
        visit_stack(thread->kernel_sp);
    }
}

static void visit_roots(void (*visit)(const void *start, const void *end))
{
    visit_range = visit;
    /* Behind it: stacks, and the pages that guard them. */
    visit(_data_start, (const void *)((uint64_t)boot_stack - PAGE_SIZE));
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        const struct thread *thread;
        uint64_t sp;

        if (hart_stopped_stack(hart, &thread, &sp)) {
            visit_stack(sp);
        }
    }
    task_visit_all(visit_task);
    /* Idle tasks are statics. One that was preempted may hold what it was about to free. */
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if (run_queues[hart].idle != NULL) {
            visit_task(run_queues[hart].idle);
        }
    }
}

void leak_world_init(void)
{
    static const struct leak_world world = {.stop_and_call = harts_call_stopped,
                                            .visit_roots = visit_roots};

    leak_set_world(&world);
}
