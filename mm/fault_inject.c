// SPDX-License-Identifier: MIT
/* Allocations that fail on demand.
 *
 * "Every caller survives a NULL" is a promise of thousands of places, and no ordinary run visits
 * them. So a test arms n = 1, 2, 3, … and runs its operation each time, until a run ends without a
 * failure: then every allocation of the operation has failed once. Two are armed independently:
 *
 *     everybody    one plan (alloc/fail_plan.c) for all allocations: unit tests, and the boot
 *                  (kernel argument fail_nth=N)
 *     one task     a countdown for what a task asks for itself: system calls in a machine that
 *                  otherwise lives on (/proc/PID/fail-nth)
 *
 * A task's countdown takes no notice of interrupt handlers, which only borrow the task, nor of page
 * faults of the program: they are no call, and to fail them is to end the program. (Linux retries
 * these; the effect is the same.) It says in the log whom it met, so that a test that goes wrong
 * names the place.
 *
 * The countdowns stand in a small table, so that struct task, which mm never looks into, need not
 * know. A slot is claimed by writing the task into it; only the task itself counts down.
 *
 * Source: the idea of Linux's fault injection, Documentation/fault-injection. */
#include "mm/fault_inject.h"

#ifdef CAIRN_FAULT_INJECT

#include <stdatomic.h>

#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/printk.h"
#include "mm/alloc/fail_plan.h"
#include "mm/debug/mistakes.h"

#define MAX_TASKS 8u

struct task_plan {
    struct task *_Atomic task;  /* [a] NULL: a free slot */
    _Atomic uint64_t left;      /* [a] until the one that fails; 0: none will */
    _Atomic uint32_t nr_pauses; /* [a] not 0: don't count */
};

static struct fail_plan everybody;
static _Atomic uint32_t armed_sites; /* [a] of everybody; 0: disarmed */
static struct task_plan task_plans[MAX_TASKS];
static _Atomic uint32_t nr_task_plans; /* [a] claimed slots: 0 answers the question at once */

/* ---- Everybody ------------------------------------------------------------------------------- */

void fault_inject_arm(unsigned sites, uint64_t nth, bool and_all_after)
{
    atomic_store(&armed_sites, 0);
    everybody = (struct fail_plan){.nth = nth, .and_all_after = and_all_after};
    atomic_store(&armed_sites, sites);
}

uint64_t fault_inject_disarm(void)
{
    atomic_store(&armed_sites, 0);
    return fail_plan_nr_failed(&everybody);
}

/* ---- One task -------------------------------------------------------------------------------- */

/* The slot that holds `task`, or NULL. With NULL: a free slot. */
static struct task_plan *find_plan(const struct task *task)
{
    for (unsigned i = 0; i < MAX_TASKS; i++) {
        if (atomic_load_explicit(&task_plans[i].task, memory_order_acquire) == task) {
            return &task_plans[i];
        }
    }
    return NULL;
}

static struct task_plan *claim_plan(struct task *task)
{
    struct task_plan *plan = find_plan(task);

    while (plan == NULL && (plan = find_plan(NULL)) != NULL) {
        struct task *nobody = NULL;

        if (!atomic_compare_exchange_strong(&plan->task, &nobody, task)) {
            plan = NULL; /* somebody was faster: look for another */
            continue;
        }
        atomic_fetch_add(&nr_task_plans, 1);
    }
    return plan;
}

int fault_inject_arm_task(struct task *task, uint64_t nth)
{
    struct task_plan *plan = nth == 0 ? find_plan(task) : claim_plan(task);

    if (plan == NULL) {
        return nth == 0 ? 0 : -EAGAIN;
    }
    atomic_store(&plan->left, nth);
    if (nth == 0) {
        atomic_store(&plan->nr_pauses, 0);
        atomic_store(&plan->task, NULL);
        atomic_fetch_sub(&nr_task_plans, 1);
    }
    return 0;
}

uint64_t fault_inject_task_left(struct task *task)
{
    struct task_plan *plan = find_plan(task);

    return plan == NULL ? 0 : atomic_load(&plan->left);
}

/* The running task's plan, or NULL when there is none or this isn't the task's own business. */
static struct task_plan *own_plan(void)
{
    if (likely(atomic_load_explicit(&nr_task_plans, memory_order_relaxed) == 0) ||
        port_in_interrupt()) {
        return NULL;
    }
    return find_plan(port_self());
}

void fault_inject_pause(void)
{
    struct task_plan *plan = own_plan();

    if (plan != NULL) {
        atomic_fetch_add(&plan->nr_pauses, 1);
    }
}

void fault_inject_resume(void)
{
    struct task_plan *plan = own_plan();

    /* Armed in between, there is nothing to take back. */
    if (plan != NULL && atomic_load(&plan->nr_pauses) != 0) {
        atomic_fetch_sub(&plan->nr_pauses, 1);
    }
}

static bool is_tasks_turn(void)
{
    struct task_plan *plan = own_plan();
    uint64_t left;

    if (plan == NULL || atomic_load(&plan->nr_pauses) != 0) {
        return false;
    }
    left = atomic_load(&plan->left);
    if (left == 0) {
        return false;
    }
    atomic_store(&plan->left, left - 1);
    return left == 1;
}

/* ---- The question ---------------------------------------------------------------------------- */

bool fault_inject_now(enum fault_site site)
{
    bool fails = (atomic_load_explicit(&armed_sites, memory_order_relaxed) & site) != 0 &&
                 fail_plan_next(&everybody);

    if (!is_tasks_turn() && !fails) {
        return false;
    }
    pr_info("fault_inject: no %s for %pS", site == FAULT_FRAMES ? "frame" : "object",
            mistake_caller());
    return true;
}

#else
typedef int fault_inject_is_off; /* ISO C forbids an empty file */
#endif
