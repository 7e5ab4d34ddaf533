// SPDX-License-Identifier: MIT
/* The scheduler on all harts: sleeping and waking, stealing, affinity, priorities, timers. */
#include "kernel/abi/errno.h"
#include "kernel/abi/sched.h"
#include "kernel/base/selftest.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"
#include "kernel/task/kthread.h"
#include "kernel/task/sched.h"
#include "kernel/task/timer.h"
#include "mm/kmalloc.h"

#define MS          1000000ull
#define PATIENCE_NS (30000 * MS) /* slow machines, and machines that are busy with others */

static bool wait_until(_Atomic uint32_t *value, uint32_t wanted)
{
    uint64_t deadline_ns = port_clock_ns() + PATIENCE_NS;

    while (atomic_load_explicit(value, memory_order_acquire) < wanted) {
        if (port_clock_ns() > deadline_ns) {
            return false;
        }
        port_yield();
    }
    return true;
}

/* ---- Ping-pong: a lost wake-up hangs it ------------------------------------------------------ */

#define NR_ROUNDS 5000

struct table {
    struct waitq waitq;
    _Atomic uint32_t ball;
    _Atomic uint32_t nr_done;
};

static void play(struct table *table, uint32_t side)
{
    uint32_t round;

    for (round = 0; round < NR_ROUNDS; round++) {
        waitq_wait_event(&table->waitq, atomic_load_explicit(&table->ball, memory_order_acquire) ==
                                            round * 2 + side);
        atomic_fetch_add_explicit(&table->ball, 1, memory_order_acq_rel);
        waitq_wake_all(&table->waitq);
    }
    atomic_fetch_add_explicit(&table->nr_done, 1, memory_order_release);
}

static void play_even(void *arg)
{
    play(arg, 0);
}

static void play_odd(void *arg)
{
    play(arg, 1);
}

SELFTEST(sched_no_wake_up_is_lost_between_harts)
{
    static struct table table;
    unsigned nr_harts = port_nr_harts();
    struct task *even = kthread_create("even", play_even, &table);
    struct task *odd = kthread_create("odd", play_odd, &table);

    waitq_init(&table.waitq);
    atomic_store(&table.ball, 0);
    atomic_store(&table.nr_done, 0);
    CHECK(even != NULL && odd != NULL);
    if (even == NULL || odd == NULL) {
        return;
    }
    CHECK(sched_set_affinity(even, 1) == 0);
    CHECK(sched_set_affinity(odd, nr_harts > 1 ? 2 : 1) == 0);
    sched_start_task(even);
    sched_start_task(odd);
    CHECK(wait_until(&table.nr_done, 2));
    CHECK(atomic_load(&table.ball) == 2 * NR_ROUNDS);
}

/* ---- Many threads, one mutex ----------------------------------------------------------------- */

#define NR_WORKERS 32
#define NR_TURNS   200

static struct {
    struct mutex lock;
    uint64_t count; /* [lock] */
    _Atomic uint32_t nr_done;
} shop;

static void work(void *arg)
{
    unsigned turn;

    (void)arg;
    for (turn = 0; turn < NR_TURNS; turn++) {
        uint64_t before;

        mutex_lock(&shop.lock);
        before = shop.count;
        if (turn % 16 == 0) {
            port_yield(); /* switched away with the lock held */
        }
        shop.count = before + 1;
        mutex_unlock(&shop.lock);
    }
    atomic_fetch_add_explicit(&shop.nr_done, 1, memory_order_release);
}

SELFTEST(sched_many_threads_share_a_mutex)
{
    unsigned i;
    unsigned nr = 0;

    mutex_init(&shop.lock, LOCK_RANK_NONE, "shop");
    shop.count = 0;
    atomic_store(&shop.nr_done, 0);
    for (i = 0; i < NR_WORKERS; i++) {
        nr += port_spawn("worker", work, NULL) != NULL;
    }
    CHECK(nr == NR_WORKERS);
    CHECK(wait_until(&shop.nr_done, nr));
    CHECK(shop.count == (uint64_t)nr * NR_TURNS);
}

/* ---- Stealing -------------------------------------------------------------------------------- */

static struct {
    _Atomic uint64_t harts; /* where they ran */
    _Atomic uint32_t nr_done;
    _Atomic uint32_t is_over;
} spread;

static void spin(void *arg)
{
    (void)arg;
    while (atomic_load_explicit(&spread.is_over, memory_order_relaxed) == 0) {
        port_preempt_disable();
        atomic_fetch_or_explicit(&spread.harts, 1ull << port_hart_id(), memory_order_relaxed);
        port_preempt_enable();
    }
    atomic_fetch_add_explicit(&spread.nr_done, 1, memory_order_release);
}

SELFTEST(sched_idle_harts_steal_what_waits)
{
    uint64_t all = sched_online_harts();
    uint64_t deadline_ns = port_clock_ns() + PATIENCE_NS;
    struct task *tasks[2 * MAX_HARTS];
    unsigned nr = 2 * port_nr_harts();
    unsigned i;

    atomic_store(&spread.harts, 0);
    atomic_store(&spread.nr_done, 0);
    atomic_store(&spread.is_over, 0);
    for (i = 0; i < nr; i++) {
        tasks[i] = kthread_create("spinner", spin, NULL);
        CHECK(tasks[i] != NULL);
        if (tasks[i] == NULL) {
            return;
        }
        CHECK(sched_set_affinity(tasks[i], 1) == 0); /* all on one hart … */
        task_get(tasks[i]);
        sched_start_task(tasks[i]);
    }
    for (i = 0; i < nr; i++) {
        CHECK(sched_set_affinity(tasks[i], all) == 0); /* … and now free to go */
    }
    while (atomic_load(&spread.harts) != all && port_clock_ns() < deadline_ns) {
        port_yield();
    }
    CHECK(atomic_load(&spread.harts) == all);
    atomic_store(&spread.is_over, 1);
    CHECK(wait_until(&spread.nr_done, nr));
    for (i = 0; i < nr; i++) {
        task_put(tasks[i]);
    }
}

SELFTEST(sched_affinity_is_obeyed_by_a_running_task)
{
    uint64_t left = sched_online_harts();

    for (; left != 0; left &= left - 1) {
        uint64_t one = left & -left;

        CHECK(sched_set_affinity(task_current(), one) == 0);
        port_yield();
        CHECK((1ull << port_hart_id() & one) != 0);
    }
    CHECK(sched_set_affinity(task_current(), 1ull << 63) == -EINVAL);
    CHECK(sched_set_affinity(task_current(), ~0ull) == 0);
}

/* ---- Priorities ------------------------------------------------------------------------------ */

static struct {
    _Atomic uint32_t order;
    uint32_t fifo_came, fair_came;
    _Atomic uint32_t nr_done;
} race;

static void come_fifo(void *arg)
{
    (void)arg;
    race.fifo_came = atomic_fetch_add(&race.order, 1);
    atomic_fetch_add_explicit(&race.nr_done, 1, memory_order_release);
}

static void come_fair(void *arg)
{
    (void)arg;
    race.fair_came = atomic_fetch_add(&race.order, 1);
    atomic_fetch_add_explicit(&race.nr_done, 1, memory_order_release);
}

SELFTEST(sched_real_time_runs_before_fair)
{
    struct task *fair = kthread_create("fair", come_fair, NULL);
    struct task *fifo = kthread_create("fifo", come_fifo, NULL);

    atomic_store(&race.order, 0);
    atomic_store(&race.nr_done, 0);
    CHECK(fair != NULL && fifo != NULL);
    if (fair == NULL || fifo == NULL) {
        return;
    }
    CHECK(sched_set_affinity(fair, 1) == 0 && sched_set_affinity(fifo, 1) == 0);
    CHECK(sched_set_affinity(task_current(), 1) == 0);
    port_yield();
    sched_set_policy(fifo, ABI_SCHED_FIFO, 10, 0);
    port_preempt_disable();
    sched_start_task(fair);
    sched_start_task(fifo);
    port_preempt_enable();
    CHECK(wait_until(&race.nr_done, 2));
    CHECK(race.fifo_came < race.fair_came);
    CHECK(sched_set_affinity(task_current(), ~0ull) == 0);
}

/* ---- Time ------------------------------------------------------------------------------------ */

SELFTEST(sched_sleep_lasts_at_least_as_long_as_asked)
{
    static const uint64_t lengths_ns[] = {1, 100000, 1 * MS, 20 * MS};
    unsigned i;

    for (i = 0; i < array_size(lengths_ns); i++) {
        uint64_t deadline_ns = port_clock_ns() + lengths_ns[i];
        int error = 0;

        while (error == 0) {
            port_block_prepare(PORT_BLOCK_UNINTERRUPTIBLE);
            error = port_block(deadline_ns);
        }
        CHECK(error == -ETIMEDOUT);
        CHECK(port_clock_ns() >= deadline_ns);
    }
}

#define NR_TIMERS 64

static struct {
    struct timer timers[NR_TIMERS];
    uint32_t order[NR_TIMERS];
    _Atomic uint32_t nr_fired;
} clockwork;

static void note_order(struct timer *timer)
{
    uint32_t place = atomic_fetch_add_explicit(&clockwork.nr_fired, 1, memory_order_acq_rel);

    clockwork.order[place] = (uint32_t)(timer - clockwork.timers);
}

SELFTEST(timers_fire_in_order_of_their_deadlines)
{
    uint64_t start_ns = port_clock_ns() + 5 * MS;
    uint64_t irq_state;
    unsigned i;

    atomic_store(&clockwork.nr_fired, 0);
    CHECK(sched_set_affinity(task_current(), 1) == 0);
    port_yield();
    irq_state =
        port_irq_save(); /* none fires before all are started, however slow the machine is */
    for (i = 0; i < NR_TIMERS; i++) {
        unsigned mixed = i * 37 % NR_TIMERS;

        timer_init(&clockwork.timers[mixed], note_order);
        timer_start(&clockwork.timers[mixed], start_ns + mixed * 100000);
    }
    port_irq_restore(irq_state);
    CHECK(wait_until(&clockwork.nr_fired, NR_TIMERS));
    for (i = 0; i < NR_TIMERS; i++) {
        CHECK(clockwork.order[i] == i);
    }
    CHECK(sched_set_affinity(task_current(), ~0ull) == 0);
}

static void count_fire(struct timer *timer)
{
    (void)timer;
    atomic_fetch_add_explicit(&clockwork.nr_fired, 1, memory_order_acq_rel);
}

SELFTEST(timer_that_was_stopped_does_not_fire)
{
    struct timer timer;
    uint64_t deadline_ns = port_clock_ns() + 5 * MS;

    atomic_store(&clockwork.nr_fired, 0);
    timer_init(&timer, count_fire);
    timer_start(&timer, deadline_ns);
    timer_start(&timer, deadline_ns + 5 * MS); /* moved */
    CHECK(timer_stop(&timer));
    CHECK(!timer_stop(&timer));
    while (port_clock_ns() < deadline_ns + 10 * MS) {
        port_yield();
    }
    CHECK(atomic_load(&clockwork.nr_fired) == 0);
    timer_start(&timer, port_clock_ns());
    CHECK(wait_until(&clockwork.nr_fired, 1));
    timer_stop_sync(&timer);
}

/* ---- Coming and going ------------------------------------------------------------------------ */

static _Atomic uint32_t nr_born;

static void be_born(void *arg)
{
    (void)arg;
    atomic_fetch_add_explicit(&nr_born, 1, memory_order_release);
}

SELFTEST(kernel_threads_end_and_are_freed)
{
    unsigned i;

    atomic_store(&nr_born, 0);
    for (i = 0; i < 500; i++) { /* far more than memory would hold, were they kept */
        CHECK(port_spawn("born", be_born, NULL) != NULL);
        CHECK(wait_until(&nr_born, i + 1));
    }
}
