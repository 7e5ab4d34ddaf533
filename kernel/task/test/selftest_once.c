// SPDX-License-Identifier: MIT
/* Once cells under a real interrupt. A timer fires in the middle of an initialiser, on its hart. Its handler
 * initialises a cell of its own there; finds that the interrupted cell has it, itself, as the owner, which
 * is what makes once_get() panic instead of waiting for ever; and gets the cell when it is done. The
 * panic itself is tested on the host (kernel/base/test/test_once.c): here it would end the machine. */
#include "kernel/base/once.h"
#include "kernel/abi/errno.h"
#include "kernel/base/port.h"
#include "kernel/base/selftest.h"
#include "kernel/task/sched.h"
#include "kernel/task/task.h"
#include "kernel/task/timer.h"

#define MS 1000000ull

static struct once interrupted = ONCE_INIT("interrupted", ONCE_RETRY);
static struct once of_handler = ONCE_INIT("of the handler", ONCE_RETRY);
static struct once poisoned = ONCE_INIT("poisoned", ONCE_POISON);
static struct timer timer;
static _Atomic uint32_t nr_fired; /* [a] */
static uint32_t nr_runs[2];       /* [the cells] how often each initialiser ran */
static bool found_itself;         /* [nr_fired] */
static int got[2];                /* [nr_fired] what once_get() told the handler */

static int count_run(void *arg)
{
    (*(uint32_t *)arg)++;
    return 0;
}

static int fail_always(void *arg)
{
    (*(uint32_t *)arg)++;
    return -EIO;
}

/* In the interrupt handler of the timer. */
static void fire(struct timer *fired)
{
    (void)fired;
    if (load_relaxed(&interrupted.state) == ONCE_RUNNING) {
        found_itself = load_relaxed(&interrupted.owner) == port_self() && !port_may_sleep();
        got[0] = once_get(&of_handler, count_run, &nr_runs[0]);
    } else {
        got[1] = once_get(&interrupted, count_run, &nr_runs[1]);
    }
    atomic_fetch_add_explicit(&nr_fired, 1, memory_order_release);
}

static void wait_for_fire(uint32_t nr)
{
    uint64_t start_ns = port_clock_ns();

    timer_start(&timer, start_ns + MS);
    while (load_acquire(&nr_fired) < nr && port_clock_ns() - start_ns < 2000 * MS) {
        port_relax();
    }
}

static int be_interrupted(void *arg)
{
    wait_for_fire(1);
    return count_run(arg);
}

SELFTEST(once_cell_knows_its_owner_in_a_real_interrupt)
{
    got[0] = got[1] = -1;
    CHECK(sched_set_affinity(task_current(), 1ull << port_hart_id()) == 0); /* the timer's hart */
    timer_init(&timer, fire);
    CHECK(once_get(&interrupted, be_interrupted, &nr_runs[1]) == 0);
    CHECK(found_itself);
    CHECK(got[0] == 0 && nr_runs[0] == 1);
    wait_for_fire(2);
    timer_stop_sync(&timer);
    CHECK(load_relaxed(&nr_fired) == 2);
    CHECK(got[1] == 0 && nr_runs[1] == 1);
    CHECK(sched_set_affinity(task_current(), ~0ull) == 0);
}

SELFTEST(once_cell_that_is_poisoned_fails_for_ever)
{
    uint32_t nr = 0;

    CHECK(once_get(&poisoned, fail_always, &nr) == -EIO);
    CHECK(once_get(&poisoned, count_run, &nr) == -EIO);
    CHECK(nr == 1);
}
