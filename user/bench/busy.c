// SPDX-License-Identifier: MIT
/* Keeping the processor busy, so that waiting for a device can be told from work.
 *
 * With `-icount sleep=off` a guest that idles jumps to its next timer, however far, and a disk answers
 * when the host pleases; so the elapsed time of an operation that sleeps means nothing. If there is
 * always something to run, time goes on one instruction after the other, and if that something
 * counts what it gets, it can be taken off. So a process of the idle class counts in shared memory
 * whenever everybody else waits. A turn of its loop has a known cost, measured once with nothing
 * else to run. What remains are the instructions of the operation, of the switches to the counting
 * process and back (which stand for the switches to the idle loop), and of interrupts. */
#include "user/bench/bench.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint64_t *turns; /* shared with the counting process */
static double turn_cost;

/* One function for both, so that the turns measured and the turns counted are the same code. */
static __attribute__((noinline)) void count_turns(volatile uint64_t *counter, uint64_t nr)
{
    while (nr-- > 0)
        ++*counter;
}

static void count_forever(void *unused)
{
    static const struct sched_param none;

    (void)unused;
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
        NEED(nice(19));
    count_turns(turns, UINT64_MAX);
}

static double measure_turn(void)
{
    enum { TURNS = 20000 };
    struct bench loop = {0};

    while (bench_round(&loop)) {
        bench_start(&loop);
        count_turns(turns, TURNS);
        bench_stop(&loop, TURNS);
    }
    return loop.best;
}

void bench_keep_busy(void)
{
    void *shared = mmap(NULL, BENCH_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);

    if (shared == MAP_FAILED)
        bench_fail(__FILE__, __LINE__, "mmap");
    turns = shared;
    turn_cost = measure_turn();
    bench_child(count_forever, NULL);
}

uint64_t bench_idle(void)
{
    return turn_cost > 0 ? (uint64_t)((double)*turns * turn_cost) : 0;
}
